// What wants a person.
import { card, el, put, table } from "./dom.js";
import { stamp } from "./words.js";

export const title = "Alerts";
const PLUGIN = { ready: "good", starting: "warn", off: "bad" };
const LEVELS = { critical: "bad", warning: "warn" };

export function open(root, { ask }) {
  const problem = el("p", { class: "bad", role: "alert" });
  const choice = el("select", {}, ...["", "critical", "warning", "info"].map((name) => el("option", { value: name }, name || "all")));
  const newest = el("button", { type: "button" }, "Newest");
  const older = el("button", { type: "button" }, "Older");
  const grid = table([["UTC"], ["level"], ["key"], ["what", "own-line"], ["run", "num"]], "Alerts");
  const none = el("p", { class: "muted" });
  const plugins = table([["plugin"], ["kind"], ["package"], ["state"], ["calls", "num"], ["faults", "num"], ["last fault"]], "Plugins");
  const kept = card("Plugins", plugins.node);
  kept.hidden = true;
  root.append(el("h1", {}, "Alerts"), problem,
    el("div", { class: "filters" }, el("label", {}, "Level", choice), newest, older,
      el("span", { class: "muted" }, "What each key means, and what to do: docs/operations.md.")),
    card("The newest first", grid.node, none), kept);
  let below = "";
  let last = null;
  let seen = null;

  const load = async () => {
    try {
      const { body } = await ask(`/api/alerts?level=${choice.value}&below=${encodeURIComponent(below)}`);
      put(problem, "");
      last = body.at(-1);
      older.disabled = body.length < 50;
      newest.disabled = below === "";
      grid.fill(body.map((row) => [stamp(row.at), [row.level, `strong ${LEVELS[row.level] ?? ""}`], row.key, [row.text, "text"], String(row.epoch)]));
      put(none, body.length ? "" : "None.");
    } catch (error) {
      put(problem, error.message);
    }
  };
  const from = (place) => {
    below = place;
    load();
  };
  newest.addEventListener("click", () => from(""));
  older.addEventListener("click", () => last && from(String(last.sequence)));
  choice.addEventListener("change", () => from(""));
  load();
  return {
    show({ status }) {
      kept.hidden = status.plugins.length === 0;
      plugins.fill(status.plugins.map((one) => [one.name, one.kind, one.package, [one.state, PLUGIN[one.state]], String(one.calls),
        String(one.faults), [one.last_fault, "text"]]));
      const at = status.alerts.at(-1)?.at_ns ?? 0;
      // The record follows the picture by the journal's next batch.
      if (seen !== null && at !== seen && below === "") setTimeout(load, 1000);
      seen = at;
    },
  };
}
