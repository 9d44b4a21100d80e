// Every limit and how much of it is used, and what was declined.
import { card, el, put, table } from "./dom.js";
import { meter } from "./now.js";
import { count } from "./words.js";

export const title = "Risk";

export function open(root) {
  const box = el("div", { class: "limits" });
  const kept = new Map();
  const declined = table([["why"], ["times", "num"]], "Declined opportunities");
  const none = el("p", { class: "muted" });
  const words = el("p", { class: "muted num" });
  root.append(el("h1", {}, "Risk"), el("div", { class: "grid two" },
    el("section", { class: "card" }, el("h2", {}, "Limits: a full bar is at its limit"), box),
    card("Opportunities that were not traded in this run", words, declined.node, none)));
  return {
    show({ status, limits }) {
      limits.forEach((limit, index) => {
        if (!kept.has(index)) {
          const bar = meter(limit.name);
          kept.set(index, bar);
          bar.node.append(el("p", { class: "muted small" }, `at the limit: ${limit.does}`));
          box.append(bar.node);
        }
        kept.get(index).show(limit);
      });
      const rows = Object.entries(status.view.declined).sort((a, b) => b[1] - a[1]);
      declined.fill(rows.map(([why, times]) => [why, count(times)]));
      put(none, rows.length ? "" : "None.");
      put(words, `${count(status.view.opportunities_seen)} edges above their requirement were seen.`);
    },
  };
}
