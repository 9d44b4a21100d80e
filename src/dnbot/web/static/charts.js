import { money } from "./words.js";

// uPlot with the colours of the page, UTC, and a size that follows the window.
const SERIES = ["--series-1", "--series-2", "--series-3", "--series-4", "--series-5", "--series-6"];
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const utc = (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC");

export const colour = (index) => css(SERIES[index % SERIES.length]);

function axis(extra) {
  return {
    stroke: css("--muted"), font: "12px system-ui, sans-serif", grid: { stroke: css("--grid"), width: 1 },
    ticks: { stroke: css("--grid"), width: 1 }, ...extra,
  };
}

// 24 hours, UTC, and the date where a day begins: uPlot's own labels are those of one country.
function moments(plot, splits, _axis, _space, step) {
  return splits.map((seconds) => {
    const text = new Date(seconds * 1000).toISOString();
    if (seconds % 86400 === 0) return text.slice(5, 10);
    return step < 60 ? text.slice(11, 19) : text.slice(11, 16);
  });
}

// As many digits as the step has: a label is never rounded.
export function placesOf(step) {
  let places = 0;
  while (places < 10 && Math.abs(step * 10 ** places - Math.round(step * 10 ** places)) > 1e-6 * step * 10 ** places) places += 1;
  return places;
}

function figures(plot, splits, _axis, _space, step) {
  const places = placesOf(step);
  return splits.map((value) => money(Math.abs(value) < step / 1e6 ? 0 : value, places));
}

// `series`: [{label, index, dash, tone}]; `unit` stands on the value axis; `window_s`: so much of time, up to the newest point.
export function chart(root, { series, unit, height = 190, places = 2, zero = false, window_s = 0 }) {
  let plot = null;
  let data = [[], ...series.map(() => [])];
  const width = () => Math.max(120, root.clientWidth);
  const build = () => {
    plot?.destroy();
    plot = new uPlot({
      width: width(), height, tzDate: utc,
      legend: { live: true }, cursor: { drag: { x: false, y: false } },
      scales: { x: window_s ? { range: (u, low, high) => [(high ?? window_s) - window_s, high ?? window_s] } : {}, y: { range: (u, low, high) => padded(low, high, zero) } },
      axes: [axis({ space: 75, values: moments, size: 28 }), axis({ size: 72, values: figures, label: unit, labelSize: 18, labelFont: "12px system-ui, sans-serif" })],
      series: [
        { label: "UTC", value: (u, v) => (v === null ? "–" : new Date(v * 1000).toISOString().slice(0, 19).replace("T", " ")) },
        ...series.map((one) => ({
          label: one.label, stroke: one.tone ? css(one.tone) : colour(one.index ?? 0), width: one.dash ? 1 : 1.5, dash: one.dash,
          points: { show: false }, fill: one.fill ? css(one.fill) : undefined,
          value: (u, v) => (v === null || v === undefined ? "–" : v.toFixed(places)),
        })),
      ],
    }, data, root);
  };
  const observer = new ResizeObserver(() => plot && plot.width !== width() && plot.setSize({ width: width(), height }));
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const tell = () => root.classList.toggle("without-data", data[0].length === 0);
  build();
  tell();
  observer.observe(root);
  scheme.addEventListener("change", build);
  return {
    set(next) {
      data = next;
      plot.setData(data);
      tell();
    },
    end() {
      observer.disconnect();
      scheme.removeEventListener("change", build);
      plot.destroy();
    },
  };
}

function padded(low, high, zero) {
  if (low === null || high === null) return [0, 1];
  const least = zero ? Math.min(0, low) : low;
  const most = zero ? Math.max(0, high) : high;
  const room = (most - least) * 0.08 || Math.abs(most) * 0.01 || 1;
  return [least - room, most + room];
}
