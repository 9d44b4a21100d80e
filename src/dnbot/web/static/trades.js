// Each execution as one row that opens to its decision, orders, fills and timings.
import { card, el, put, table } from "./dom.js";
import { bps, clock, money, ms, price, real, size, stamp, tone, UNKNOWN, venue } from "./words.js";

export const title = "Trades";
const COLUMNS = [["ended, UTC"], ["net", "num"], ["pair"], ["as"], ["status"], ["bought", "num"], ["sold", "num"], ["spread", "num"],
  ["fees", "num"], ["expected net", "num"], ["naked", "num"], ["took", "num"]];
const STATUS = { complete: "good", partial: "warn", repaired: "warn", failed: "bad" };
const AGAIN_MS = 2000;
const ROWS_MAX = 1000;

export function open(root, { ask, detail }) {
  const problem = el("p", { class: "bad", role: "alert" });
  const choice = el("select", {}, ...["", "complete", "partial", "repaired", "failed"].map((name) =>
    el("option", { value: name }, name || "all")));
  const head = el("tr", {}, el("th", { class: "sr-cell" }, el("span", { class: "sr" }, "open")),
    ...COLUMNS.map(([name, kind]) => el("th", { scope: "col", class: kind }, name)));
  let further = []; // of plugins
  const list = el("table", { class: "trades" }, el("thead", {}, head));
  const older = el("button", { type: "button" }, "Older");
  const none = el("p", { class: "muted" });
  root.append(el("h1", {}, "Trades"), problem,
    el("div", { class: "filters" }, el("label", {}, "Status", choice),
      el("span", { class: "muted" }, "Base and quote units, as each execution was closed; expected: of the legs, at the books that the decision saw.")),
    el("section", { class: "card" }, el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Executions" }, list), none, older));
  let rows = new Map();
  let asked = 0;

  const add = (found, atTop) => {
    const fresh = found.filter((row) => !rows.has(row.execution_id));
    if (atTop) fresh.reverse();
    for (const row of fresh) {
      const body = entry(row, ask, further);
      rows.set(row.execution_id, body);
      if (atTop && list.tBodies.length) list.insertBefore(body, list.tBodies[0]);
      else list.append(body);
    }
    while (atTop && rows.size > ROWS_MAX) {
      const body = list.tBodies[list.tBodies.length - 1];
      rows.delete(body.dataset.id);
      body.remove();
    }
    put(none, rows.size ? "" : "None yet.");
  };

  const clear = () => {
    rows = new Map();
    while (list.tBodies.length) list.tBodies[0].remove();
  };
  const load = async (below) => {
    asked = performance.now();
    await first;
    const status = choice.value;
    try {
      const { body } = await ask(`/api/trades?status=${status}&below=${encodeURIComponent(below ?? "")}`);
      if (status !== choice.value) return;
      put(problem, "");
      older.disabled = body.length === 0 && Boolean(below);
      const atTop = !below && rows.size > 0;
      // Between a page of which none is known and the rows that are there, others are missing.
      if (atTop && body.length && !body.some((row) => rows.has(row.execution_id))) clear();
      add(body, atTop && rows.size > 0);
    } catch (error) {
      put(problem, error.message);
    }
  };
  // Below the last row that is there now: a long list is cut at its end.
  older.addEventListener("click", () => {
    const last = list.tBodies[list.tBodies.length - 1];
    if (last) load(`${last.dataset.ended}~${last.dataset.id}`);
  });
  choice.addEventListener("change", () => {
    clear();
    load();
  });
  const begin = async () => {
    further = (await ask("/api/columns")).body;
    head.append(...further.map((one) => el("th", { scope: "col", class: one.is_number ? "num" : "", title: `by the plugin ${one.plugin}` }, one.title)));
  };
  const first = begin().catch((error) => put(problem, error.message));
  if (detail) {
    first.then(() => ask(`/api/trades/${encodeURIComponent(detail)}`)).then(({ body }) => {
      if (!body.execution) return;
      add([body.execution], false);
      rows.get(detail).querySelector("button").click();
    }).catch((error) => put(problem, error.message));
    older.hidden = true;
    choice.disabled = true;
    root.querySelector(".filters").append(el("a", { href: "/trades" }, "all trades"));
  } else {
    load();
  }
  return {
    show({ status }) {
      if (detail || performance.now() - asked < AGAIN_MS) return;
      if (list.querySelector("[aria-expanded=true]")) return; // what somebody reads stays where it is
      // The record follows the picture by the journal's next batch: asked for until it is there.
      const newest = status.executions.findLast((one) => !choice.value || one.status === choice.value);
      if (newest && !rows.has(newest.execution_id)) load();
    },
  };
}

// The day only where it is another one.
const today = (at) => (at.slice(0, 10) === new Date().toISOString().slice(0, 10) ? clock(at, 3) : stamp(at, 3));

function entry(row, ask, further) {
  const opener = el("button", { type: "button", class: "opener", "aria-expanded": "false", "aria-label": `open ${row.execution_id}` }, "▸");
  const took = row.started_at ? Date.parse(row.ended_at) - Date.parse(row.started_at) : null;
  const cells = [today(row.ended_at), [money(row.net_quote, 4, true), tone(row.net_quote)], row.pair_name || "–", row.purpose,
    [row.status, STATUS[row.status]], size(row.bought), size(row.sold), money(row.gross_quote, 4, true), money(-row.fees_quote, 4, true),
    money(row.expected_quote, 4, true),
    [ms(row.naked_ms) + (row.ambiguous ? " ?" : ""), row.naked_ms ? "warn" : "muted"], ms(took)];
  const line = el("tr", { class: "line" }, el("td", {}, opener), ...cells.map((cell, index) => {
    const [text, kind] = Array.isArray(cell) ? cell : [cell, ""];
    return el("td", { class: `${COLUMNS[index][1] ?? ""} ${kind}`.trim() }, text);
  }), ...further.map((one) => el("td", { class: one.is_number ? "num" : "" }, row.plugins?.[one.key] ?? UNKNOWN)));
  const body = el("tbody", { "data-id": row.execution_id, "data-ended": row.ended_at }, line);
  let inside = null;
  const toggle = async () => {
    if (inside) {
      inside.remove();
      inside = null;
    } else {
      const cell = el("td", { colspan: COLUMNS.length + further.length + 1, class: "inside" }, el("p", { class: "muted" }, "Loading."));
      inside = el("tr", {}, cell);
      body.append(inside);
      try {
        cell.replaceChildren(insideOf((await ask(`/api/trades/${encodeURIComponent(row.execution_id)}`)).body));
      } catch (error) {
        cell.replaceChildren(el("p", { class: "bad" }, error.message));
      }
    }
    opener.setAttribute("aria-expanded", String(Boolean(inside)));
    opener.textContent = inside ? "▾" : "▸";
  };
  line.addEventListener("click", (event) => !getSelection().toString() && !event.target.closest("a") && toggle());
  return body;
}

function insideOf({ execution, evidence, orders, fills }) {
  const box = el("div", { class: "grid" });
  const link = el("p", { class: "muted" }, "Execution ", el("a", { href: `/trades/${execution.execution_id}` }, execution.execution_id),
    `, epoch ${execution.epoch}, residual ${size(execution.residual_base, true, 10)} base units`);
  box.append(timings(execution, evidence, orders, fills), ...evidence.map(decision));
  const legs = table([["order"], ["venue"], ["side"], ["quantity", "num"], ["price cap", "num"], ["as"], ["kind"], ["status"], ["filled", "num"], ["venue's id"], ["reason"]], "Orders");
  legs.fill(orders.map((one) => [one.client_order_id, venue(one.venue), one.side, size(one.quantity, false, 8), price(one.price), one.purpose,
    one.time_in_force + (one.reduce_only ? ", reduces" : ""), [one.status ?? UNKNOWN, one.status === "filled" ? "good" : ""],
    size(one.filled, false, 8), one.venue_order_id || UNKNOWN, [one.reason || "", "text"]]));
  const traded = table([["UTC"], ["venue"], ["side"], ["quantity", "num"], ["price", "num"], ["fee", "num"], ["asset"], ["role"], ["trade"], ["order"]], "Fills");
  traded.fill(fills.map((one) => [stamp(one.traded_at, 3), venue(one.venue), one.side, size(one.quantity, false, 8), price(one.price), money(one.fee, 8),
    one.fee_asset, one.is_maker ? "maker" : "taker", one.trade_id, one.client_order_id]));
  return el("div", { class: "stack" }, link, box, el("h3", {}, "Orders, base units and price caps"), legs.node, el("h3", {}, "Fills"), traded.node);
}

function timings(execution, evidence, orders, fills) {
  const steps = [];
  const add = (at, what) => at && steps.push([typeof at === "number" ? at : Date.parse(at), what]);
  for (const one of evidence) add(one.found_at, "opportunity found");
  for (const one of orders) {
    add(one.created_at_ms, `${venue(one.venue)} ${one.side}: decided`);
    add(one.committed_at, `${venue(one.venue)} ${one.side}: committed, by the database's clock`);
    add(one.sent_at_ms, `${venue(one.venue)} ${one.side}: sent`);
    add(one.changed_at_ms, `${venue(one.venue)} ${one.side}: ${one.status}`);
  }
  for (const one of fills) add(one.traded_at, `${venue(one.venue)} ${one.side} ${size(one.quantity, false, 8)}: traded, by the venue's clock`);
  add(execution.ended_at, "closed");
  steps.sort((a, b) => a[0] - b[0]);
  const grid = table([["UTC"], ["after", "num"], ["what"]], "Timings");
  grid.fill(steps.map(([at, what]) => [clock(at, 3), `${(at - steps[0][0]).toFixed(1)} ms`, [what, "text"]]));
  return card("Timings", grid.node);
}

function decision(one) {
  const grid = table([["what the decision saw", "wrap"], ["", "num wrap"]], "Evidence");
  const risk = (value) => (value === null ? UNKNOWN : Number(value).toFixed(3));
  grid.fill([
    ["edge, bps", bps(one.edge_bps, 2)], ["required, bps", bps(one.required_bps, 2)], ["price of inventory, bps", bps(one.inventory_price_bps, 2)],
    ["buy", `${size(one.buy_quantity, false, 8)} up to ${price(one.buy_price_cap)}`], ["sell", `${size(one.sell_quantity, false, 8)} down to ${price(one.sell_price_cap)}`],
    ["spread, quote", money(one.gross_quote, 4, true)], ["fees, quote", money(-one.fees_quote, 4, true)],
    ["depth of the books, quote", money(-one.slippage_quote, 4, true)], ["funding, quote", money(one.funding_quote, 4, true)],
    ["way back, quote", money(one.exit_quote, 4, true)], [["net, quote", "strong"], [money(one.net_quote, 4, true), "strong"]],
    ["confidence", risk(one.confidence)], ["adverse move, bps", bps(one.adverse_move_bps, 2)], ["depth risk", risk(one.depth_risk)], ["venue risk", risk(one.venue_risk)],
    ...pairsOf(one.book_ages_ms, "age of the book", " ms"), ...pairsOf(one.book_ids, "update of the book", ""),
  ]);
  return card(`Evidence, ${one.outcome}`, grid.node);
}

function pairsOf(text, what, unit) {
  const found = text ? JSON.parse(text) : {};
  return Object.entries(found).map(([name, value]) => [`${what}, ${venue(name)}`, `${value}${unit}`]);
}
