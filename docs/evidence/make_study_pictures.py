"""Make the pictures study_*.svg beside this file, which docs/study.md shows, from study.json.

    python docs/evidence/make_study_pictures.py
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
KEPT = HERE / "study.json"
CURVES, RANGES, YEARS = HERE / "study_curves.svg", HERE / "study_cases.svg", HERE / "study_funding.svg"
COLORS = {"takers": "#cc3311", "maker first": "#4477aa", "hedged, no trades": "#228833"}
OTHERS = ("#4477aa", "#ee6677", "#228833", "#aa3377")
WIDTH, PANEL, ROW, LEFT = 1000, 260, 20, 330


def main() -> None:
    """Draw all of them."""
    found = json.loads(KEPT.read_text(encoding="utf-8"))
    for path, picture in ((CURVES, curves(found)), (RANGES, ranges(found)), (YEARS, years(found))):
        path.write_text(picture, encoding="utf-8")


def svg(height: int, body: Iterable[str]) -> str:
    """A picture on white."""
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif"',
        'font-size="12">', f'<rect width="{WIDTH}" height="{height}" fill="white"/>', *body, "</svg>", "",
    ])


def text(x: float, y: float, words: str, extra: str = "") -> str:
    """Words at a place."""
    return f'<text x="{x:.1f}" y="{y:.1f}" {extra}>{words}</text>'


def curves(found: dict[str, Any]) -> str:
    """Gains over time: a panel per set, a line per series and main case."""
    body: list[str] = []
    for number, (title, part) in enumerate((("2023-24, six series", found["bars"]), ("Gate, 2025-26", found["gate"]))):
        body += panel(title, part, number * (PANEL + 70) + 40)
    keys = [text(60 + 230 * at, 22, case, f'fill="{color}" font-weight="bold"')
            for at, (case, color) in enumerate(COLORS.items())]
    return svg(2 * (PANEL + 70) + 20, [*keys, *body])


def panel(title: str, part: dict[str, Any], top: int) -> list[str]:
    """One set's curves, percent of the capital over months."""
    drawn = [one for one in part["judged"] if one["case"] in COLORS]
    begin, end = part["begin_s"], part["end_s"]
    low = min(value for one in drawn for _, value in one["curve"])
    high = max(value for one in drawn for _, value in one["curve"])

    def x(at_s: float) -> float:
        return 60 + (WIDTH - 80) * (at_s - begin) / (end - begin)

    def y(value: float) -> float:
        return top + PANEL - (PANEL - 20) * (value - low) / (high - low)

    lines = [text(60, top + 8, f"{title}: gained, % of the capital", 'font-weight="bold"')]
    for tick in ticks(low, high):
        lines += [f'<line x1="60" x2="{WIDTH - 20}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="#dddddd"/>',
                  text(54, y(tick) + 4, f"{tick:g}", 'text-anchor="end"')]
    for at_s in range(begin, end, (end - begin) // 8):
        lines.append(text(x(at_s), top + PANEL + 18, f"{datetime.fromtimestamp(at_s, tz=UTC):%Y-%m}"))
    for one in drawn:
        points = " ".join(f"{x(at_s):.1f},{y(value):.1f}" for at_s, value in one["curve"])
        lines.append(f'<polyline points="{points}" fill="none" stroke="{COLORS[one["case"]]}" stroke-width="1.3"/>')
    return lines


def ticks(low: float, high: float) -> list[float]:
    """Round values between."""
    step = next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10) if (high - low) / step <= 6)
    first = -(-low // step)
    return [round(step * (first + number), 6) for number in range(int((high - first * step) // step) + 1)]


def ranges(found: dict[str, Any]) -> str:
    """From the least to the most of every case, with the median; both sets."""
    names = [name for group in found["groups"].values() for name in group]
    most = max(one["profit_most"] for part in ("bars", "gate") for one in found[part]["summed"])
    least = min(0.0, *(one["profit_least"] for part in ("bars", "gate") for one in found[part]["summed"]))

    def x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - 30) * (value - least) / (most - least)

    height = 60 + ROW * len(names)
    body = [text(LEFT, 18, "Profit, % of the capital a year: from the least to the most series, and the median",
                 'font-weight="bold"'),
            text(20, 18, "2023-24", f'fill="{OTHERS[0]}"'), text(100, 18, "Gate 2025-26", f'fill="{OTHERS[1]}"')]
    for tick in ticks(least, most):
        body += [f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="26" y2="{height - 24}" stroke="#dddddd"/>',
                 text(x(tick), height - 8, f"{tick:g}", 'text-anchor="middle"')]
    for number, name in enumerate(names):
        at = 40 + ROW * number
        body.append(text(LEFT - 10, at + 4, name, 'text-anchor="end"'))
        for part, color, shift in (("bars", OTHERS[0], -4), ("gate", OTHERS[1], 4)):
            one = next(one for one in found[part]["summed"] if one["case"] == name)
            a, b, mid = (x(one[key]) for key in ("profit_least", "profit_most", "profit_median"))
            body += [f'<line x1="{a:.1f}" x2="{b:.1f}" y1="{at + shift}" y2="{at + shift}" stroke="{color}"/>',
                     f'<circle cx="{mid:.1f}" cy="{at + shift}" r="3.5" fill="{color}"/>']
    return svg(height, body)


def years(found: dict[str, Any]) -> str:
    """What a short received per calendar year."""
    histories = [*found["funding"], *found["bars"]["funding"], *found["gate"]["funding"]]
    rows = [(one["name"], year, value) for one in histories for year, value in one["by_year"].items()]
    rows.sort(key=lambda row: (row[1], row[0]))
    most, least = max(row[2] for row in rows), min(0.0, *(row[2] for row in rows))

    def x(value: float) -> float:
        return 200 + (WIDTH - 280) * (value - least) / (most - least)

    body = [text(200, 18, "What a short received of its value, % a year", 'font-weight="bold"')]
    for number, (name, year, value) in enumerate(rows):
        at, left, right = 30 + ROW * number, min(x(0), x(value)), max(x(0), x(value))
        color = OTHERS[int(year) % len(OTHERS)]
        body += [text(190, at + 12, f"{year} {name}", 'text-anchor="end"'),
                 f'<rect x="{left:.1f}" y="{at + 2}" width="{right - left:.1f}" height="{ROW - 5}" fill="{color}"/>',
                 text(right + 6, at + 12, f"{value:+.1f}")]
    return svg(40 + ROW * len(rows), body)


if __name__ == "__main__":
    main()
