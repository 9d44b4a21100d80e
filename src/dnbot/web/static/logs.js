// The log as it is written.
import { el, put } from "./dom.js";
import { stamp } from "./words.js";

export const title = "Logs";
const LINES_MAX = 1000;
const AGAIN_MS = 1000;
const TONES = { warning: "warn", error: "bad", critical: "bad", debug: "muted" };

export function open(root, { ask }) {
  const level = el("select", {}, ...["debug", "info", "warning", "error", "critical"].map((name) =>
    el("option", { value: name, selected: name === "info" }, `${name} and up`)));
  const text = el("input", { type: "search", maxlength: 100, placeholder: "event, venue, order …" });
  const follow = el("input", { type: "checkbox", checked: true });
  const problem = el("p", { class: "bad", role: "alert" });
  const note = el("p", { class: "muted" });
  const list = el("ol", { class: "log", tabindex: "0", "aria-label": "Log" });
  root.append(el("h1", {}, "Logs"), problem,
    el("div", { class: "filters" }, el("label", {}, "Level", level), el("label", {}, "Contains", text),
      el("label", { class: "check" }, follow, " follow"), el("span", { class: "muted" }, "Times are UTC.")),
    el("section", { class: "card" }, note, list));
  let after = "";
  let round = 0;
  let busy = false;

  const load = async () => {
    if (busy) return;
    busy = true;
    const mine = round;
    try {
      const query = new URLSearchParams({ level: level.value, text: text.value, after });
      const { body } = await ask(`/api/logs?${query}`);
      if (mine !== round) return;
      put(problem, "");
      const first = after === "";
      after = body.after;
      list.append(...body.lines.map(lineOf));
      while (list.children.length > LINES_MAX) list.firstChild.remove();
      if (body.skipped) put(note, "Older lines are not shown here: `dnbot logs` has them all.");
      else if (first) put(note, list.children.length ? "" : "No such line in the newest part of the log.");
      else if (list.children.length) put(note, "");
      if (follow.checked && body.lines.length) list.scrollTop = list.scrollHeight;
    } catch (error) {
      put(problem, error.message);
    } finally {
      busy = false;
      if (mine !== round) load();
    }
  };
  const again = () => {
    round += 1;
    after = "";
    list.replaceChildren();
    load();
  };
  let typing = 0;
  level.addEventListener("change", again);
  text.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(again, 250);
  });
  load();
  const timer = setInterval(() => follow.checked && load(), AGAIN_MS);
  return {
    leave() {
      clearInterval(timer);
      clearTimeout(typing);
    },
  };
}

function lineOf(line) {
  const fields = Object.entries(line.data).map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return el("li", {}, el("time", { class: "muted" }, stamp(line.ts_ns / 1e6, 3)), " ",
    el("span", { class: `strong ${TONES[line.level] ?? ""}` }, line.level), " ", el("span", { class: "strong" }, line.event), " ", fields.join(" "));
}
