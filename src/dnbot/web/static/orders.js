// Every order that was written down, and what is known of it.
import { card, el, put, table } from "./dom.js";
import { price, size, stamp, UNKNOWN, venue } from "./words.js";

export const title = "Orders";
const COLUMNS = [["decided, UTC"], ["venue"], ["side"], ["quantity", "num"], ["price cap", "num"], ["filled", "num"], ["status"], ["as"],
  ["kind"], ["order"], ["venue's id"], ["execution"], ["reason"]];
const STATUS = { filled: "good", open: "warn", sent: "warn", pending: "warn", ambiguous: "bad", rejected: "bad" };
const AGAIN_MS = 3000;

export function open(root, { session, ask }) {
  const problem = el("p", { class: "bad", role: "alert" });
  const open = table(COLUMNS, "Orders that are not settled");
  const all = table(COLUMNS, "Orders");
  const none = el("p", { class: "muted" });
  const choice = el("select", {}, ...["", ...session.me.venues].map((name) =>
    el("option", { value: name }, name ? venue(name) : "all")));
  const newest = el("button", { type: "button" }, "Newest");
  const older = el("button", { type: "button" }, "Older");
  root.append(el("h1", {}, "Orders"), problem,
    card("Not settled: of these something is still to come", open.node, none),
    el("div", { class: "filters" }, el("label", {}, "Venue", choice), newest, older,
      el("span", { class: "muted" }, "Quantities in base units, prices in quote per base.")),
    card("All, the newest first", all.node));
  let below = "";
  let last = null;

  const load = async () => {
    try {
      const path = `/api/orders?venue=${choice.value}&below=${encodeURIComponent(below)}`;
      const [found, unsettled] = await Promise.all([ask(path), ask("/api/unsettled")]);
      put(problem, "");
      last = found.body.at(-1);
      older.disabled = found.body.length < 100;
      newest.disabled = below === "";
      all.fill(found.body.map(rowOf));
      open.fill(unsettled.body.map(rowOf));
      put(none, unsettled.body.length ? "" : "None.");
    } catch (error) {
      put(problem, error.message);
    }
  };
  const from = (place) => {
    below = place;
    load();
  };
  newest.addEventListener("click", () => from(""));
  older.addEventListener("click", () => last && from(`${last.created_at}~${last.client_order_id}`));
  choice.addEventListener("change", () => from(""));
  load();
  const timer = setInterval(() => below === "" && load(), AGAIN_MS);
  return { leave: () => clearInterval(timer) };
}

const rowOf = (one) => [stamp(one.created_at, 3), venue(one.venue), one.side, size(one.quantity, false, 8), price(one.price),
  size(one.filled, false, 8), [one.status ?? "only decided", STATUS[one.status] ?? ""], one.purpose,
  one.time_in_force + (one.reduce_only ? ", reduces" : ""), one.client_order_id, one.venue_order_id || UNKNOWN, one.execution_id || UNKNOWN,
  one.reason || ""];
