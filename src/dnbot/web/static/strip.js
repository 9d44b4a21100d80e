// The states of the last minutes, side by side: a visit too short for a pixel still gets one.
import { el, put } from "./dom.js";
import { clock } from "./words.js";

const TONES = {
  INITIALIZING: "--state-start", ESTABLISHING_DELTA_NEUTRAL: "--state-build", DELTA_NEUTRAL_ACTIVE: "--state-hedged",
  MONITORING_SPREADS: "--state-watch", PREPARING_ARBITRAGE: "--state-trade", EXECUTING_ARBITRAGE: "--state-trade",
  REBALANCING_DELTA: "--state-repair", ERROR_RECOVERY: "--state-error", SHUTDOWN: "--state-end",
};
const LEGEND = [["watching", "--state-watch"], ["trading", "--state-trade"], ["hedged, a market is stale", "--state-hedged"],
  ["building", "--state-build"], ["repairing delta", "--state-repair"], ["recovering", "--state-error"],
  ["starting or ending", "--state-start"]];
const HEIGHT = 26;
const WEIGHT = ["--state-watch", "--state-hedged", "--state-build", "--state-start", "--state-end", "--state-trade",
  "--state-repair", "--state-error"];

export function strip(window_s) {
  const canvas = el("canvas", { class: "strip", height: HEIGHT, role: "img" });
  const from = el("span");
  const until = el("span");
  const key = el("ul", { class: "key" }, ...LEGEND.map(([name, tone]) => {
    const dot = el("i");
    dot.style.background = `var(${tone})`;
    return el("li", {}, dot, name);
  }));
  const node = el("div", {}, canvas, el("div", { class: "scale num muted" }, from, until), key);
  return {
    node,
    show(changes, view, now_ms) {
      put(from, `${clock(now_ms - window_s * 1000)} UTC`);
      put(until, `${clock(now_ms)} UTC`);
      canvas.setAttribute("aria-label", `states of the last ${window_s / 60} minutes, now ${view.state}`);
      draw(canvas, changes, view, now_ms, window_s);
    },
  };
}

function draw(canvas, changes, view, now_ms, window_s) {
  const scale = devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * scale);
  if (!width) return;
  if (canvas.width !== width) canvas.width = width;
  canvas.height = HEIGHT * scale;
  const style = getComputedStyle(document.documentElement);
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, canvas.height);
  const begin = now_ms - window_s * 1000;
  const x = (at) => Math.max(0, ((at - begin) / (window_s * 1000)) * width);
  const visits = visitsOf(changes, view, now_ms);
  // What matters most is drawn last.
  for (const tone of WEIGHT) {
    context.fillStyle = style.getPropertyValue(tone);
    for (const [state, since, to] of visits) {
      if (to < begin || TONES[state] !== tone) continue;
      const left = Math.floor(x(since));
      context.fillRect(left, 0, Math.max(scale, Math.ceil(x(to)) - left), canvas.height);
    }
  }
}

// [state, from, to] in milliseconds; without any change the present state is all that is known.
export function visitsOf(changes, view, now_ms) {
  const visits = changes.map(([, at, state], index) => [state, at, changes[index + 1]?.[1] ?? now_ms]);
  return visits.length ? visits : [[view.state, now_ms - view.state_age_s * 1000, now_ms]];
}
