"""Make docs/evidence/performance.svg and the tables of docs/performance.md from what `./dnbot bench` measured.

    ./dnbot bench --json docs/evidence/performance.json
    python docs/evidence/make_performance.py
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
KEPT = HERE / "performance.json"
PICTURE = HERE / "performance.svg"
PAGE = HERE.parent / "performance.md"
WIDTH, ROW, LEFT, MIDDLE = 1000, 18, 340, 660
PER_DECADE = 230
DECADES = 1.35
MET, MISSED = "#228833", "#cc3311"


def main() -> None:
    """Renew page and picture."""
    evidence = json.loads(KEPT.read_text(encoding="utf-8"))
    PICTURE.write_text(picture(evidence["targets"]), encoding="utf-8")
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), evidence), encoding="utf-8")


def with_tables(text: str, evidence: dict[str, Any]) -> str:
    """The page with every block between `<!-- evidence: NAME -->` and `<!-- end -->` renewed."""
    targets = evidence["targets"]
    blocks = {"machine": machine(evidence["machine"]), "targets": table(targets), "missed": missed(targets)}

    def block(found: re.Match[str]) -> str:
        return "\n".join([f"<!-- evidence: {found[1]} -->", *blocks[found[1]], "<!-- end -->"])

    return re.sub(r"<!-- evidence: (\w+) -->\n.*?<!-- end -->", block, text, flags=re.DOTALL)


def machine(found: dict[str, str]) -> list[str]:
    """Where it was measured."""
    return ["| | |", "| --- | --- |", *(f"| {name} | {text} |" for name, text in found.items())]


def table(targets: list[dict[str, Any]]) -> list[str]:
    """A row per target."""
    rows = ["| target | measured | to reach | beside | ratio | |", "| --- | --- | --- | --- | --- | --- |"]
    for one in targets:
        beside = "" if one["comparison"] is None else f"{shown(one['comparison'])} {one['unit']}, {one['beside']}"
        ratio = "" if one["ratio"] is None else f"{one['ratio']:.3g}"
        verdict = "met" if one["met"] else "**missed**"
        cells = (one["name"], f"{shown(one['measured'])} {one['unit']}", one["target"], beside, ratio, verdict)
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
        x = MIDDLE + decade * PER_DECADE
        lines += [
            f'<line x1="{x}" y1="30" x2="{x}" y2="{height - 10}" stroke="#bbbbbb"/>',
            f'<text x="{x}" y="{height - 12}" text-anchor="middle" fill="#777777">{10.0**decade:g}</text>',
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
    more = one["unit"] == "1/s"
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


if __name__ == "__main__":
    main()
