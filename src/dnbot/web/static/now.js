// What is now: state, delta, edges, holdings, health.
import { card, el, put, table } from "./dom.js";
import { chart } from "./charts.js";
import { strip } from "./strip.js";
import { age, bps, count, money, ms, price, real, short, size, UNKNOWN, venue } from "./words.js";

export const title = "Now";
const WINDOW_S = 600;
const history = { samples: [], changes: [], pairs: [] }; // kept while other pages are shown

export function open(root, { ask }) {
  const parts = [standing(), delta(), profit(), edges(), holdings(), health()];
  const nodes = parts.map((part) => part.node);
  root.append(el("h1", { class: "sr" }, "Now"), el("div", { class: "grid" }, ...nodes.slice(0, 3)), nodes[3],
    el("div", { class: "grid two" }, ...nodes.slice(4)));
  let asking = false;

  const load = async () => {
    asking = true;
    try {
      Object.assign(history, (await ask("/api/history")).body);
    } catch {
      // The next picture asks again.
    }
    asking = false;
  };
  load();

  return {
    show(picture) {
      const { epoch } = picture.status.view;
      const began = history.epoch !== epoch; // another incarnation numbers its changes anew
      if (began) Object.assign(history, { epoch, samples: [], changes: [] });
      if ((!follow(history, picture) || began) && !asking) load();
      for (const part of parts) part.show(picture, history);
    },
    leave() {
      for (const part of parts) part.end?.();
    },
  };
}

// Adds what a picture brings; false when something between it and the history was missed.
export function follow(history, { sample, changes }) {
  const last = history.changes.at(-1)?.[0] ?? -1;
  const more = changes.filter(([sequence]) => sequence > last);
  const missed = history.changes.length > 0 && more.length === changes.length && changes.length > 0;
  history.changes.push(...more);
  if (history.changes.length > 4000) history.changes.splice(0, 2000);
  const newest = history.samples.at(-1)?.[0] ?? 0;
  if (sample && sample[0] > newest) history.samples.push(sample);
  if (history.samples.length > 1200) history.samples.splice(0, 300);
  return history.pairs.length > 0 && !missed && !(sample && newest && sample[0] - newest > 5000);
}

function standing() {
  const state = el("p", { class: "big" });
  const busy = el("p", { class: "muted one-line" });
  const mode = el("p");
  const why = el("p", { class: "muted" });
  const line = strip(WINDOW_S);
  const life = el("p", { class: "muted num" });
  return {
    node: card("State", state, busy, line.node, el("div", { class: "row" }, mode), why, life),
    show({ status }, history) {
      const view = status.view;
      const silent = (status.at_ns - view.at_ns) / 1e9;
      put(state, view.exit_code === null ? view.state : `ended, exit code ${view.exit_code}`);
      put(busy, silent > 2 && view.exit_code === null ? `THE MACHINE SAYS NOTHING FOR ${age(silent)}` :
        view.busy || `for ${age(view.state_age_s)}`);
      const since = status.mode_age_s === null ? "since the start" : `for ${age(status.mode_age_s)}, by ${status.mode_by}`;
      put(mode, `Trading mode ${view.mode} ${since}`);
      put(why, `because: ${view.mode_why}`);
      put(life, `${count(view.executions)} executions, ${count(view.orders_sent)} orders, ${count(view.fills)} fills, ` +
        `${count(view.faults)} faults, ${count(view.unsettled)} orders open; up ${age(status.uptime_s)}`);
      line.show(history.changes, view, status.at_ns / 1e6);
    },
  };
}

function delta() {
  const figure = el("p", { class: "big num" });
  const pointer = el("i", { class: "pointer" });
  const band = el("i", { class: "band" });
  const gauge = el("div", { class: "gauge", role: "img" }, band, el("i", { class: "zero" }), pointer);
  const scale = el("div", { class: "scale num muted" }, el("span"), el("span", {}, "0"), el("span"));
  const words = el("p", { class: "muted num" });
  const holder = el("div", { class: "chart" });
  const plot = chart(holder, {
    unit: "base units", height: 150, places: 6, zero: true, window_s: WINDOW_S,
    series: [{ label: "delta", index: 0 }, { label: "tolerance +", dash: [4, 4], tone: "--muted" },
      { label: "tolerance −", dash: [4, 4], tone: "--muted" }],
  });
  return {
    node: card("Delta", figure, gauge, scale, words, holder),
    end: () => plot.end(),
    show({ status }, history) {
      const view = status.view;
      const unit = view.symbol.split("/")[0];
      const [now, tolerance, hard] = [real(view.delta_base), real(view.tolerance_base), real(view.hard_limit_base)];
      const level = tolerance === null || Math.abs(now) <= tolerance ? "good" : Math.abs(now) <= hard ? "warn" : "bad";
      put(figure, `${size(view.delta_base, true, 8)} ${unit}`);
      put(words, `tolerance ${size(view.tolerance_base)}, hard limit ${size(view.hard_limit_base)}, ` +
        `worst in this run ${size(view.delta_worst_base)} ${unit}; naked ${ms(view.naked_ms)} (worst ${ms(view.naked_worst_ms)}, ` +
        `with an unknown outcome ${ms(view.naked_worst_ambiguous_ms)})`);
      // Twice the tolerance to each side, as in the terminal.
      const span = tolerance ? 2 * tolerance : 1;
      pointer.style.left = `${50 + 50 * Math.max(-1, Math.min(1, now / span))}%`;
      pointer.className = `pointer ${level}`;
      gauge.setAttribute("aria-label", `delta ${now} of tolerance ${tolerance} ${unit}: ${level}`);
      put(scale.firstChild, `−${size(span)}`);
      put(scale.lastChild, `+${size(span)}`);
      const shown = [...recent(history.samples), [status.at_ns / 1e6, now]];
      plot.set([shown.map((s) => s[0] / 1000), shown.map((s) => s[1]), shown.map(() => tolerance),
        shown.map(() => (tolerance === null ? null : -tolerance))]);
    },
  };
}

const recent = (samples) => {
  const from = (samples.at(-1)?.[0] ?? 0) - WINDOW_S * 1000;
  return samples.filter((sample) => sample[0] >= from);
};

function profit() {
  const grid = table([["quote units"], ["this run", "num"], ["whole ledger", "num"]], "Profit by source");
  const equity = el("p", { class: "muted num" });
  return {
    node: card("Profit", grid.node, equity),
    show({ status }) {
      const { view, this_run: run } = status;
      const row = (name, one, all, kind = "") => [[name, kind], [money(one, 4, true), kind], [money(all, 4, true), kind]];
      grid.fill([
        row("spread", run.spread_quote, view.spread_quote),
        row("fees", -run.fees_quote, -view.fees_quote),
        row("funding", run.funding_quote, view.funding_quote),
        row("realised", run.realised_quote, view.realised_quote, "strong"),
      ]);
      put(equity, `equity ${money(view.equity_quote)}, since 00:00 UTC ${money(view.equity_day_quote, 2, true)} ${view.symbol.split("/")[1]}`);
    },
  };
}

function edges() {
  const note = el("p", { class: "muted num" });
  const cells = [];
  const box = el("div", { class: "edges" });
  const node = el("section", { class: "card wide" }, el("h2", {}, "Edges, net of both fees, and what each must earn"), box, note);
  const make = (index, pair) => {
    const words = el("p", { class: "num" });
    const holder = el("div", { class: "chart" });
    box.append(el("figure", {}, el("figcaption", {}, el("span", { class: "strong" }, pair.pair_name), words), holder));
    const plot = chart(holder, {
      unit: "bps", height: 130, places: 1, window_s: WINDOW_S,
      series: [{ label: "edge", index }, { label: "required", dash: [5, 4], tone: "--text" }],
    });
    cells.push({ words, plot, index });
  };
  return {
    node,
    end: () => cells.forEach((cell) => cell.plot.end()),
    show({ status }, history) {
      const { pairs, opportunities_seen: seen, declined } = status.view;
      if (!cells.length) pairs.forEach((pair, index) => make(index, pair));
      const shown = recent(history.samples);
      const at = [...shown.map((s) => s[0] / 1000), status.at_ns / 1e9];
      cells.forEach(({ words, plot, index }) => {
        const pair = pairs[index];
        const pays = pair.edge_bps !== null && pair.required_bps !== null && pair.edge_bps >= pair.required_bps;
        put(words, `${bps(pair.edge_bps)} bps${pair.required_bps === null ? ", not traded now" :
          ` of ${bps(pair.required_bps)} as ${pair.purpose}`}`, `num ${pays ? "good" : ""}`);
        plot.set([at, [...shown.map((s) => s[3][index]), pair.edge_bps], [...shown.map((s) => s[4][index]), pair.required_bps]]);
      });
      const often = Object.entries(declined).sort((a, b) => b[1] - a[1]).slice(0, 5);
      put(note, `${count(seen)} opportunities seen${often.length ? `; declined: ${often.map(([why, n]) => `${why} ${count(n)}`).join(", ")}` : ""}`);
    },
  };
}

function holdings() {
  const grid = table([["venue"], ["base", "num"], ["quote", "num"], ["bid", "num"], ["ask", "num"], ["taker fee, bps", "num"]],
    "Inventory per venue");
  const words = el("p", { class: "muted num" });
  const margins = el("div", { class: "bars" });
  const bars = new Map();
  return {
    node: card("Inventory and margin", grid.node, words, margins),
    show({ status, limits }) {
      const view = status.view;
      const [base, quote] = view.symbol.split("/");
      grid.fill(view.venues.map((one) => [venue(one.venue), size(one.base, one.venue === "GATEIO_FUTURES"), money(one.quote),
        price(one.bid), price(one.ask), money(one.taker_bps, 1)]));
      const spot = Object.values(view.inventory_base).reduce((sum, value) => sum + Number(value), 0);
      put(words, `spot ${size(spot)} of ${size(view.target_base)} ${base}, quote in ${quote}; mark ${price(view.mark)}; ` +
        `funding ${money(view.funding_bps, 2, true)} bps in ${age(view.funding_in_s)}` + view.shipments.map((one) =>
          `; ${one.shipment_id}: ${size(one.leaves)} ${one.asset} ${Number(one.left_at_ns) > 0 ? "under way to" : "declared for"} ${one.target}`).join(""));
      for (const limit of limits.filter((one) => one.is_floor)) {
        if (!bars.has(limit.name)) {
          const bar = meter(limit.name);
          bars.set(limit.name, bar);
          margins.append(bar.node);
        }
        bars.get(limit.name).show(limit);
      }
    },
  };
}

// A floor or a ceiling as a bar: full at the limit.
export function meter(name) {
  const fill = el("i");
  const words = el("span", { class: "num" });
  const bar = el("div", { class: "meter", role: "img" }, fill);
  const node = el("div", { class: "limit" }, el("div", { class: "row" }, el("code", {}, name), words), bar);
  return {
    node,
    show({ now, limit, used, unit, is_floor: floor }) {
      const level = used === null ? "" : used >= 1 ? "bad" : used >= 0.8 ? "warn" : "good";
      const said = now === null ? "not known" : short(now);
      put(words, limit === null ? `${said} ${unit}; no limit` : `${said} ${floor ? "≥" : "of"} ${short(limit)} ${unit}`, `num ${level}`);
      fill.style.width = `${100 * Math.max(0, Math.min(1, used ?? 0))}%`;
      fill.className = level;
      bar.setAttribute("aria-label", `${name}: ${said} ${unit}, limit ${limit ?? "none"}`);
    },
  };
}

function health() {
  const grid = table([["venue"], ["book"], ["stream"], ["account"], ["read", "num"], ["clock", "num"], ["restarts", "num"],
    ["failed", "num"]], "Health per venue");
  const lamps = el("ul", { class: "lamps" });
  const kept = new Map();
  const lamp = (name, level, said) => {
    if (!kept.has(name)) {
      const words = el("span");
      const item = el("li", {}, el("i", { class: "lamp", "aria-hidden": "true" }), words);
      kept.set(name, { item, words });
      lamps.append(item);
    }
    const { item, words } = kept.get(name);
    put(words, `${name}: ${said}`);
    if (item.className !== level) item.className = level;
  };
  return {
    node: card("Health", lamps, grid.node),
    show({ status }) {
      const { view, traffic, statistics, children } = status;
      const down = children.filter((child) => !child.running).map((child) => child.name);
      const fullest = statistics.queues.reduce((most, queue) =>
        (queue.waiting / queue.limit > (most ? most.waiting / most.limit : -1) ? queue : most), null);
      lamp("database", view.store_up ? "good" : "bad", view.store_up ? "up" : "AWAY");
      lamp("tasks", down.length && view.exit_code === null ? "warn" : "good", down.length ? `restarting ${down.join(", ")}` : "all run");
      if (fullest) lamp("queues", fullest.waiting / fullest.limit > 0.5 ? "warn" : "good", `fullest ${fullest.name} ${fullest.waiting} of ${fullest.limit}`);
      lamp("log", statistics.log_lines_lost ? "warn" : "good", statistics.log_lines_lost ? `${count(statistics.log_lines_lost)} lines lost` : "complete");
      const sent = new Map(traffic.map((row) => [row.venue, row]));
      grid.fill(view.venues.map((one) => {
        const wire = sent.get(one.venue);
        const account = one.problem ? ["REFUSED", "bad"] : Object.keys(one.differences).length ? ["DIFFERS", "bad"] :
          one.ready ? ["ready", "good"] : ["reading", "warn"];
        const failed = wire ? wire.ambiguous + wire.not_sent + wire.throttled + wire.unknown_frames : null;
        return [venue(one.venue), [ms(one.book_age_ms), one.book_fresh ? "good" : "bad"],
          one.stream_up ? ["live", "good"] : ["down", "bad"], account, ms(one.read_age_ms),
          one.clock_offset_ms === null ? UNKNOWN : `${money(one.clock_offset_ms, 0, true)} ms`,
          [count(wire?.reconnects), wire?.reconnects ? "warn" : ""], [count(failed), failed ? "warn" : ""]];
      }));
    },
  };
}
