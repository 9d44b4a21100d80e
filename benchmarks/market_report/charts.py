"""Line charts as SVG: panels side by side, each with its axes, a legend below. What was recorded is drawn in whole
lines, what was not in broken ones, on white, so that it can be read on any page."""

from __future__ import annotations

import math
from html import escape
from typing import Any

WIDTH, HEIGHT = 440, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 34, 46
LEGEND_ROW = 18
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito: told apart by all eyes
DASHES = ("7 4", "2 3", "9 3 2 3")
RECORDED = "recorded"
MINOR = (1, 2, 5)


def picture(panels: list[dict[str, Any]]) -> str:
    """An SVG of panels: title, x, y (axis titles), log_x, log_y, and curves: name -> [[x, y], ..].

    A curve keeps its colour in all panels of a picture. ``same_y`` panels share the range of their values.
    """
    names = list(dict.fromkeys(name for panel in panels for name in panel["curves"]))
    common = [curve for panel in panels if panel.get("same_y") for curve in panel["curves"].values()]
    shared = [point[1] for curve in common for point in curve]
    columns = max(1, len(panels) * WIDTH // 440)
    rows = math.ceil(len(names) / columns)
    width, height = WIDTH * len(panels), HEIGHT + rows * LEGEND_ROW + 8
    parts = [
        (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="12" fill="#222">'),
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, panel in enumerate(panels):
        parts.append(f'<g transform="translate({number * WIDTH} 0)">')
        parts.extend(_panel(panel, names, shared if panel.get("same_y") else []))
        parts.append("</g>")
    for number, name in enumerate(names):
        x = LEFT + (number % columns) * WIDTH
        y = HEIGHT + (number // columns) * LEGEND_ROW + 6
        parts.append(_stroke(f"M{x} {y}h28", name, names))
        parts.append(f'<text x="{x + 34}" y="{y + 4}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _panel(panel: dict[str, Any], names: list[str], shared: list[float]) -> list[str]:
    points = [point for curve in panel["curves"].values() for point in curve]
    if panel.get("log_y"):
        points = [point for point in points if point[1] > 0]
    x = _Axis([p[0] for p in points], LEFT, WIDTH - RIGHT, log=bool(panel.get("log_x")))
    y = _Axis(shared or [p[1] for p in points], HEIGHT - BOTTOM, TOP, log=bool(panel.get("log_y")), padded=True)
    parts = [f'<text x="{LEFT}" y="20" font-size="13" font-weight="600">{escape(panel["title"])}</text>']
    for tick in y.ticks():
        at = y.place(tick)
        parts.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{_label(tick)}</text>')
    for tick in x.ticks():
        at = x.place(tick)
        parts.append(f'<path d="M{at:.1f} {HEIGHT - BOTTOM}v4" stroke="#888"/>')
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{_label(tick)}</text>')
    parts.append(f'<path d="M{LEFT} {HEIGHT - BOTTOM}H{WIDTH - RIGHT}" stroke="#888"/>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">{escape(panel["x"])}</text>')
    parts.append(
        f'<text transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">'
        f"{escape(panel['y'])}</text>"
    )
    for name, curve in panel["curves"].items():
        path, pen = "", "M"
        for at, value in curve:
            if panel.get("log_y") and value <= 0:
                pen = "M"  # nothing was seen there: the line has a gap
                continue
            path += f"{pen}{x.place(at):.1f} {y.place(value):.1f}"
            pen = "L"
        parts.append(_stroke(path, name, names))
    return parts


def _stroke(path: str, name: str, names: list[str]) -> str:
    number = names.index(name)
    colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
    dashed = "" if name.startswith(RECORDED) else f' stroke-dasharray="{dash}"'
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.8" stroke-linejoin="round"{dashed}/>'


class _Axis:
    """From values to places on the picture."""

    def __init__(self, values: list[float], start: float, end: float, *, log: bool, padded: bool = False) -> None:
        self.log, self.start, self.end = log, start, end
        self.low, self.high = self._scaled(min(values)), self._scaled(max(values))
        if self.high <= self.low:
            self.low, self.high = self.low - 1, self.high + 1
        if padded:
            gap = 0.05 * (self.high - self.low)
            self.low, self.high = self.low - (gap if self.low else 0), self.high + gap

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.log else value

    def place(self, value: float) -> float:
        return self.start + (self._scaled(value) - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round numbers inside the axis."""
        if self.log:
            powers = range(math.floor(self.low), math.ceil(self.high) + 1)
            steps = MINOR if self.high - self.low < 2.5 else (1,)
            found = [step * 10.0**power for power in powers for step in steps]
            return [tick for tick in found if self.low <= math.log10(tick) <= self.high + 1e-9]
        rough = (self.high - self.low) / 5
        power = 10 ** math.floor(math.log10(rough))
        step = min((s * power for s in (1, 2, 2.5, 5, 10)), key=lambda s: abs(s - rough))
        first = math.ceil(self.low / step)
        return [number * step for number in range(first, math.floor(self.high / step + 1e-9) + 1)]


def _label(value: float) -> str:
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:g}{name}".replace("-", "−")
    return f"{value:.6g}".replace("-", "−") if abs(value) >= 1e-3 or not value else f"{value:.0e}"
