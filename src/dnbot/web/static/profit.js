// What was earned, and from what.
import { card, el, put, table } from "./dom.js";
import { chart } from "./charts.js";
import { count, money, ms, real, stamp, tone, venue } from "./words.js";

export const title = "Profit";
const WINDOWS = [["1 hour", 1], ["6 hours", 6], ["24 hours", 24], ["7 days", 168], ["30 days", 720], ["a year", 8760]];
const AGAIN_MS = 10000;
const AGAIN_LONG_MS = 120000;
const LONG_HOURS = 24;

export function open(root, { ask }) {
  const problem = el("p", { class: "bad", role: "alert" });
  const choice = el("select", {}, ...WINDOWS.map(([name, hours]) => el("option", { value: hours, selected: hours === 24 }, name)));
  const split = table([["quote units"], ["this run", "num"], ["whole ledger", "num"], ["what it is", "wide-only"]], "Profit by source");
  const equity = plot("Equity", "All balances, at the mark and the mids of that moment. Deposits and withdrawals show as steps.",
    [{ label: "equity", index: 0 }]);
  const realised = plot("Realised profit", "Whole ledger, from fills, fees and funding alone.", [{ label: "realised", index: 2 }]);
  const fall = plot("Drawdown", "Equity below its highest point in this window, as far as the curve above resolves it.", [{ label: "drawdown", index: 1 }], true);
  const pairs = table([["pair"], ["executions", "num"], ["losing", "num"], ["spread", "num"], ["fees", "num"], ["net", "num"],
    ["expected", "num"], ["slippage against it", "num"], ["worst naked", "num"]], "Executions by pair");
  const fees = table([["venue"], ["asset"], ["fills", "num"], ["fee paid", "num"], ["turnover, quote", "num"]], "Fees");
  const funding = table([["UTC"], ["venue"], ["received (−: paid)", "num"], ["asset"]], "Funding");
  const [none, noPairs, noFees] = [1, 2, 3].map(() => el("p", { class: "muted" }));
  root.append(
    el("h1", {}, "Profit"), problem,
    card("Ledger", split.node),
    el("div", { class: "filters" }, el("label", {}, "Window, up to now (UTC)", choice), el("span", { class: "muted num" })),
    el("div", { class: "grid two" }, equity.node, realised.node, fall.node,
      card("Funding in the window, newest 50", funding.node, none)),
    card("Executions in the window, quote units, as each was closed", pairs.node, noPairs,
      el("p", { class: "muted" }, "Slippage: the net outcome of entries and exits less what the decision expected of their two legs at the books that it saw, fees included. What a carry expects of funding and of its way back is not part of it. Estimates are never booked.")),
    card("Fees in the window, in the asset that was charged", fees.node, noFees),
  );
  const extent = root.querySelector(".filters .num");

  const load = async () => {
    try {
      const found = (await ask(`/api/profit?hours=${choice.value}`)).body;
      if (gone) return;
      put(problem, "");
      put(extent, `${stamp(found.since)} to ${stamp(found.until)} UTC`);
      draw(found);
    } catch (error) {
      put(problem, error.message);
    }
  };

  const draw = (found) => {
    const rows = withGaps(found.equity.map((row) => [Date.parse(row.at) / 1000, real(row.equity_quote), real(row.realised_quote)]));
    const at = rows.map((row) => row[0]);
    const values = rows.map((row) => row[1]);
    equity.set([at, values]);
    realised.set([at, rows.map((row) => row[2])]);
    fall.set([at, drawdown(values)]);
    pairs.fill(found.pairs.map((row) => {
      const slip = row.expected_quote === null ? null : real(row.judged_net_quote) - real(row.expected_quote);
      return [row.pair_name || "building or leaving", count(row.executions), count(row.losing), money(row.gross_quote, 4, true),
        money(-row.fees_quote, 4, true), [money(row.net_quote, 4, true), tone(row.net_quote)],
        money(row.expected_quote, 4, true), [money(slip, 4, true), tone(slip)], ms(row.naked_ms)];
    }));
    fees.fill(found.fees.map((row) => [venue(row.venue), row.fee_asset, count(row.fills), money(row.fee, 8), money(row.turnover_quote)]));
    funding.fill(found.funding.map((row) => [stamp(row.at), venue(row.venue), [money(row.amount, 6, true), tone(row.amount)], row.asset]));
    const noneOf = (rows) => (rows.length ? "" : "None in this window.");
    put(none, noneOf(found.funding));
    put(noPairs, noneOf(found.pairs));
    put(noFees, noneOf(found.fees));
  };

  let timer = 0;
  let gone = false;
  const turn = async () => {
    clearTimeout(timer);
    await load();
    if (!gone) timer = setTimeout(turn, choice.value > LONG_HOURS ? AGAIN_LONG_MS : AGAIN_MS);
  };
  choice.addEventListener("change", turn);
  turn();
  return {
    show({ status }) {
      const { view, this_run: run } = status;
      const row = (name, one, all, what, kind = "") => [[name, kind], [money(one, 4, true), `${kind} ${tone(one)}`],
        [money(all, 4, true), `${kind} ${tone(all)}`], [what, "muted text"]];
      split.fill([
        row("spread", run.spread_quote, view.spread_quote, "what matched fills earned before fees"),
        row("fees", -run.fees_quote, -view.fees_quote, "of every fill, at its own price"),
        row("funding", run.funding_quote, view.funding_quote, "rows of the perpetual's account book"),
        row("realised", run.realised_quote, view.realised_quote, "spread − fees + funding", "strong"),
        row("equity since 00:00 UTC", null, view.equity_day_quote, `now ${money(view.equity_quote)}, with unrealised profit and loss`),
      ]);
    },
    leave() {
      gone = true;
      clearTimeout(timer);
      for (const one of [equity, realised, fall]) one.end();
    },
  };
}

function plot(name, words, series, zero = false) {
  const holder = el("div", { class: "chart" });
  const node = card(`${name}, quote units`, el("p", { class: "muted" }, words), holder);
  const made = chart(holder, { unit: "quote units", series, zero, height: 200 });
  return { node, ...made };
}

// Where nothing was sampled, because no bot ran, no line is drawn.
export function withGaps(rows) {
  const steps = rows.slice(1).map((row, index) => row[0] - rows[index][0]).sort((a, b) => a - b);
  const longest = Math.max(5, 4 * (steps[Math.floor(steps.length / 2)] ?? 0));
  return rows.flatMap((row, index) => (index && row[0] - rows[index - 1][0] > longest ? [[rows[index - 1][0] + 1, null, null], row] : [row]));
}

// How far each point lies below the highest before it; 0 or less.
export function drawdown(values) {
  let most = -Infinity;
  return values.map((value) => {
    if (value === null) return null;
    most = Math.max(most, value);
    return value - most;
  });
}
