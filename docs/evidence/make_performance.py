"""Make the pictures beside this file and the tables of docs/performance.md from what `./dnbot bench` measured.

    ./dnbot bench --json docs/evidence/performance.json
    ./dnbot bench --only decisions,growth,queries,endurance --json docs/evidence/performance_long.json
    python docs/evidence/make_performance.py

The second command takes hours and may be interrupted: it goes on. Until its file is there, the page says so.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
KEPT = HERE / "performance.json"
PICTURE = HERE / "performance.svg"
KEPT_LONG = HERE / "performance_long.json"
CURVES = HERE / "growth.svg"
LONG = {"decisions", "growth", "queries", "endurance"}
PAGE = HERE.parent / "performance.md"
WIDTH, ROW, LEFT, MIDDLE = 1000, 18, 340, 660
PER_DECADE = 230
DECADES = 1.35
MET, MISSED = "#228833", "#cc3311"
PANEL_WIDTH, PANEL_HEIGHT, EDGE = 500, 300, 60
COLORS = ("#4477aa", "#ee6677", "#228833", "#aa3377")
STAGES, QUANTILES = ("socket", "book", "decision", "whole"), ("p50", "p90", "p99", "p99.9")
STAGED_RATE = 10_000
"""Frames a second at which the stages are shown."""


def main() -> None:
    """Renew page and picture."""
    evidence = json.loads(KEPT.read_text(encoding="utf-8"))
    PICTURE.write_text(picture(evidence["targets"]), encoding="utf-8")
    lasting = lasting_evidence()
    if lasting is not None:
        CURVES.write_text(curves(lasting), encoding="utf-8")
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), evidence, lasting), encoding="utf-8")


def lasting_evidence() -> dict[str, Any] | None:
    """Of the measurements that take long; None until they have all ended."""
    if not KEPT_LONG.is_file():
        return None
    found: dict[str, Any] = json.loads(KEPT_LONG.read_text(encoding="utf-8"))
    ended = {one["of"] for one in found.get("targets", [])}
    return found if ended >= LONG else None


def with_tables(text: str, evidence: dict[str, Any], lasting: dict[str, Any] | None) -> str:
    """The page with every block between `<!-- evidence: NAME -->` and `<!-- end -->` renewed.

    Args:
        lasting: the evidence of the measurements that take long; None while there is none.
    """
    targets = evidence["targets"]
    blocks = {
        "machine": machine(evidence["machine"]), "targets": table(targets), "missed": missed(targets),
        "long": long(lasting),
    }

    def block(found: re.Match[str]) -> str:
        return "\n".join([f"<!-- evidence: {found[1]} -->", *blocks[found[1]], "<!-- end -->"])

    return re.sub(r"<!-- evidence: (\w+) -->\n.*?<!-- end -->", block, text, flags=re.DOTALL)


def machine(found: dict[str, str]) -> list[str]:
    """Where it was measured."""
    return ["| | |", "| --- | --- |", *(f"| {name} | {text} |" for name, text in found.items())]


def table(targets: list[dict[str, Any]]) -> list[str]:
    """A row per target."""
    rows = ["| target | measured | to reach | beside | ratio | floor | |", f"|{' --- |' * 7}"]
    for one in targets:
        beside = "" if one["comparison"] is None else f"{shown(one['comparison'])} {one['unit']}, {one['beside']}"
        ratio = "" if one["ratio"] is None else f"{one['ratio']:.3g}"
        floor = "" if one.get("floor") is None else f"{shown(one['floor'])}, {one['floor_of']}"
        verdict = "met" if one["met"] else "**missed**"
        cells = (one["name"], f"{shown(one['measured'])} {one['unit']}", one["target"], beside, ratio, floor, verdict)
        rows.append(f"| {' | '.join(cells)} |")
    met = sum(one["met"] for one in targets)
    return [*rows, "", f"{met} of {len(targets)} met."]


def missed(targets: list[dict[str, Any]]) -> list[str]:
    """Of each missed target what the measurement says, and where the time went."""
    found: list[str] = []
    for one in targets:
        if not one["met"]:
            found += [f"**{one['name']}**: {one['detail']}", "", "```", *one["profile"], "```", ""]
    return found[:-1] or ["None."]


def long(lasting: dict[str, Any] | None) -> list[str]:
    """What takes long: where it was measured, its targets, and each one's figures."""
    if lasting is None:
        return ["No run of these is kept yet."]
    told = ", ".join(lasting["machine"][name] for name in ("processor", "system", "python"))
    figures = [line for one in lasting["targets"] for line in ("", f"**{one['name']}**: {one['detail']}")]
    return [
        f"On {told}; load {lasting['machine']['load']}.", "",
        f"![Throughput, waits and stages]({CURVES.relative_to(PAGE.parent)})", "",
        *table(lasting["targets"]), *figures,
    ]


def shown(value: float) -> str:
    """Three digits, or all of a whole number with its thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"


def picture(targets: list[dict[str, Any]]) -> str:
    """A bar per target that has a limit or a factor: how many times better (right) or worse (left) than asked."""
    height = ROW * len(targets) + 60
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif"',
        'font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{MIDDLE}" y="18" text-anchor="middle" font-weight="bold">times as good as asked (log)</text>',
    ]
    for decade in (-1, 0, 1):
        at = MIDDLE + decade * PER_DECADE
        lines += [
            f'<line x1="{at}" y1="30" x2="{at}" y2="{height - 10}" stroke="#bbbbbb"/>',
            f'<text x="{at}" y="{height - 12}" text-anchor="middle" fill="#777777">{10.0**decade:g}</text>',
        ]
    for number, one in enumerate(targets):
        y, times = 34 + ROW * number, margin(one)
        length = max(-DECADES, min(DECADES, math.log10(max(times, 1e-9)))) * PER_DECADE
        x, color = min(MIDDLE, MIDDLE + length), MET if one["met"] else MISSED
        lines += [
            f'<text x="{LEFT - 10}" y="{y + 11}" text-anchor="end">{one["name"]}</text>',
            f'<rect x="{x:.1f}" y="{y}" width="{max(1.0, abs(length)):.1f}" height="{ROW - 5}" fill="{color}"/>',
        ]
    return "\n".join([*lines, "</svg>", ""])


def margin(one: dict[str, Any]) -> float:
    """How many times better than the tightest thing that was asked; below 1: missed."""
    found = []
    more = one["unit"] in {"1/s", "symbols", "% reused"}
    limit = re.match(r"[<>]= ([\d,.e+-]+) (?!x )", one["target"])
    if limit is not None:
        asked = float(limit[1].replace(",", ""))
        measured = max(one["measured"], 1e-9)
        found.append(measured / asked if more else (asked or 1e-9) / measured)
    factor = re.search(r">= ([\d.e+-]+) x", one["target"])
    allowed = re.search(r"<= ([\d.e+-]+) x", one["target"])
    if one["ratio"] is not None and factor is not None:
        found.append(one["ratio"] / float(factor[1]))
    if one["ratio"] is not None and allowed is not None:
        found.append(one["ratio"] * float(allowed[1]))
    return min(found, default=1.0)


# --- curves


Series = dict[str, list[tuple[float, float]]]


def curves(lasting: dict[str, Any]) -> str:
    """Four panels, all axes logarithmic: throughput against load, waits against load and symbols, stages."""
    grown = lasting["kept"]["growth"]
    last = {one["name"].split(" ")[1]: one["measured"] for one in lasting["targets"] if one["of"] == "growth"}
    rate, symbols = grown["rate"], grown["symbols"]
    at = min(rate, key=lambda point: abs(math.log(point["load"] / STAGED_RATE)))
    loads = [(point["offered"], point["offered"]) for point in rate]
    panels = [
        panel(
            "frames/s handled, against frames/s sent",
            {"sent": loads, "handled": [(point["offered"], point["handled"]) for point in rate]}, last.get("frames/s"),
        ),
        panel("a frame's wait in us, against frames/s", waits(rate), last.get("frames/s")),
        panel("a frame's wait in us, against symbols in one process", waits(symbols), last.get("symbols")),
        panel(
            f"stages of a frame's wait in us, at {at['load']:,.0f} frames/s",
            {stage: [(10.0**n, at[f"{stage} {q}"]) for n, q in enumerate(QUANTILES)] for stage in STAGES}, None,
            {10.0**n: name for n, name in enumerate(QUANTILES)},
        ),
    ]
    moved = [
        f'<g transform="translate({number % 2 * PANEL_WIDTH} {number // 2 * PANEL_HEIGHT})">\n{lines}\n</g>'
        for number, lines in enumerate(panels)
    ]
    size = f"0 0 {2 * PANEL_WIDTH} {2 * PANEL_HEIGHT}"
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" font-family="sans-serif" font-size="12">',
        f'<rect width="{2 * PANEL_WIDTH}" height="{2 * PANEL_HEIGHT}" fill="white"/>', *moved, "</svg>", "",
    ])


def waits(points: list[dict[str, float]]) -> Series:
    """Median and 99th percentile from a frame's due time to its decision."""
    return {name: [(point["load"], point[f"whole {name}"]) for point in points] for name in ("p50", "p99")}


def panel(title: str, series: Series, last: float | None, marks: dict[float, str] | None = None) -> str:
    """Lines; a dashed one at the last load before the knee. `marks` are what is written below, else the range."""
    xs, ys = ([place[axis] for line in series.values() for place in line] for axis in (0, 1))
    right, bottom = PANEL_WIDTH - 40, PANEL_HEIGHT - 40
    across, up = scale(xs, EDGE, right), scale(ys, bottom, 40)
    lines = [
        f'<text x="{EDGE}" y="20" font-weight="bold">{title}</text>',
        f'<path d="M{EDGE} 40V{bottom}H{right}" fill="none" stroke="#777777"/>',
        *(
            f'<text x="{across(x):.1f}" y="{bottom + 16}" text-anchor="middle" fill="#777777">{text}</text>'
            for x, text in (marks or {x: shown(x) for x in (min(xs), max(xs))}).items()
        ),
        *(
            f'<text x="{EDGE - 6}" y="{up(y) + 4:.1f}" text-anchor="end" fill="#777777">{shown(y)}</text>'
            for y in (min(ys), max(ys))
        ),
    ]
    if last:
        x = across(last)
        lines += [
            f'<line x1="{x:.1f}" y1="40" x2="{x:.1f}" y2="{bottom}" stroke="#777777" stroke-dasharray="4"/>',
            f'<text x="{x:.1f}" y="{bottom + 30}" text-anchor="middle">before the knee: {shown(last)}</text>',
        ]
    for number, (name, places) in enumerate(series.items()):
        color, points = COLORS[number], " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in places)
        lines += [
            f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>',
            f'<text x="{EDGE + 10}" y="{54 + 15 * number}" fill="{color}">{name}</text>',
        ]
    return "\n".join(lines)


def scale(values: list[float], begin: float, end: float) -> Callable[[float], float]:
    """Where a value lies between two places, logarithmically."""
    low, high = (math.log10(max(value, 1e-3)) for value in (min(values), max(values)))
    return lambda value: begin + (math.log10(max(value, 1e-3)) - low) / ((high - low) or 1.0) * (end - begin)


if __name__ == "__main__":
    main()
