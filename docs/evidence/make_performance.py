"""Make the pictures beside this file and the tables of docs/performance.md from what `./dnbot bench` measured.

    ./dnbot bench --json RUN_1                        and again, RUN_2 and RUN_3, on a quiet machine
    ./dnbot bench --only decisions,growth,queries,endurance --json docs/evidence/performance_long_1.json
    python docs/evidence/make_performance.py RUN_1 RUN_2 RUN_3

Runs that are given replace the ones that are kept as performance_N.json; without one, the page is renewed from those.
The second command takes hours and may be interrupted: it goes on. The page shows what has ended and names what has not.
What was measured of another source is in another file performance_long_N.json; the page tells which is of which.

A target is met when every run met it. One that was missed needs its reason in performance_reasons.toml; that of a
target that was met is left out and named.
"""

from __future__ import annotations

import json
import math
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

HERE = Path(__file__).resolve().parent
KEPT, ANY_KEPT = "performance_{}.json", "performance_[0-9]*.json"
REASONS = HERE / "performance_reasons.toml"
PICTURE = HERE / "performance.svg"
ANY_KEPT_LONG = "performance_long_[0-9]*.json"
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
Record = dict[str, Any]
"""A run, or one target of it, as `--json` writes them."""


def main() -> None:
    """Take runs in, and renew page and pictures."""
    if len(sys.argv) > 1:
        keep([json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:]])
    runs, lasting = kept_runs(), lasting_evidence()
    reasons = tomllib.loads(REASONS.read_text(encoding="utf-8"))["reason"]
    text = with_tables(PAGE.read_text(encoding="utf-8"), runs, lasting, reasons)
    PICTURE.write_text(picture(runs), encoding="utf-8")
    if lasting is not None and has_curves(lasting):
        CURVES.write_text(curves(lasting), encoding="utf-8")
    PAGE.write_text(text, encoding="utf-8")
    sys.stdout.writelines(f"not needed, {name} was met\n" for name in needless(judged(runs, lasting), reasons))


def keep(runs: Sequence[Record]) -> None:
    """Replace the kept runs by these, once it is seen that they belong together."""
    check(runs)
    for path in HERE.glob(ANY_KEPT):
        path.unlink()
    for number, run in enumerate(runs, 1):
        (HERE / KEPT.format(number)).write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")


def kept_runs() -> list[Record]:
    """The runs that the page shows, as they were numbered. Raises ValueError when they do not belong together."""
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(HERE.glob(ANY_KEPT))]
    check(runs)
    return runs


def check(runs: Sequence[Record]) -> None:
    """Raises ValueError when there is none, one is a trial, or they are not of the same source and targets."""
    if not runs:
        raise ValueError(f"no run: {HERE / KEPT.format(1)} is missing")
    for number, run in enumerate(runs, 1):
        if "trial" in run["machine"]:
            raise ValueError(f"run {number} is a trial, whose figures do not count")
        if run["kept"]["mark"]["source"] != runs[0]["kept"]["mark"]["source"]:
            raise ValueError(f"run {number} is of another source than run 1")
        differing = set(map(identity, run["targets"])) ^ set(map(identity, runs[0]["targets"]))
        if differing:
            raise ValueError(f"run {number} and run 1 did not measure the same: {sorted(differing)}")


def identity(one: Record) -> tuple[str, str]:
    """A target is what it measures and whom it is beside."""
    return one["name"], one["beside"]


def lasting_evidence() -> Record | None:
    """Of the measurements that take long, of all files together; None until one of them has ended."""
    files = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(HERE.glob(ANY_KEPT_LONG))]
    return together([file for file in files if file.get("targets")])


def together(files: Sequence[Record]) -> Record | None:
    """One record of files whose measurements are of different sources; None of none.

    Raises:
        ValueError: two files hold the same measurement, or they are of different machines.
    """
    measured = [{one["of"] for one in file["targets"]} for file in files]
    if sum(map(len, measured)) != len(set().union(*measured)):
        raise ValueError("two files hold the same measurement: keep one of them")
    if len({where(file) for file in files}) > 1:
        raise ValueError("files are of different machines")
    return {
        "machine": files[0]["machine"],
        "targets": [one for file in files for one in file["targets"]],
        "kept": {name: file["kept"][name] for file, names in zip(files, measured, strict=True) for name in names},
        "sources": [
            (sorted(names), file["kept"]["mark"]["source"], file["machine"]["load"])
            for file, names in zip(files, measured, strict=True)
        ],
    } if files else None


def where(run: Record) -> str:
    """The machine, its system and its Python."""
    return ", ".join(run["machine"][name] for name in ("processor", "system", "python"))


def has_curves(lasting: Record) -> bool:
    """Whether growth is among what has ended."""
    return any(one["of"] == "growth" for one in lasting["targets"])


def with_tables(text: str, runs: Sequence[Record], lasting: Record | None, reasons: Sequence[Record]) -> str:
    """The page with every block between `<!-- evidence: NAME -->` and `<!-- end -->` renewed.

    Args:
        lasting: the evidence of the measurements that take long; None while there is none.
        reasons: `targets` (names) and `why` of each.

    Raises:
        ValueError: a target was missed and has no reason, or has two, or a reason names what is no target.
    """
    blocks = {
        "machine": machine(runs), "targets": table(judged(runs)), "missed": missed(judged(runs, lasting), reasons),
        "long": long(lasting),
    }

    def block(found: re.Match[str]) -> str:
        return "\n".join([f"<!-- evidence: {found[1]} -->", *blocks[found[1]], "<!-- end -->"])

    return re.sub(r"<!-- evidence: (\w+) -->\n.*?<!-- end -->", block, text, flags=re.DOTALL)


def median_run(runs: Sequence[Record]) -> Record:
    """The run in the middle, by how far all of its targets were met; of two, the worse."""
    return sorted(runs, key=lambda run: fmean(math.log(max(margin(one), 1e-9)) for one in run["targets"]))[
        (len(runs) - 1) // 2
    ]


def judged(runs: Sequence[Record], lasting: Record | None = None) -> list[Record]:
    """The targets of the run in the middle, with `runs`, `met_in` of them, and `all`, the figure of each run.

    Those that take long follow: they have one run.
    """
    found = []
    for shown_run, among in ((median_run(runs), runs), *([] if lasting is None else [(lasting, [lasting])])):
        each = [{identity(one): one for one in run["targets"]} for run in among]
        for one in shown_run["targets"]:
            same = [run[identity(one)] for run in each]
            found.append({
                **one, "runs": len(same), "met_in": sum(other["met"] for other in same),
                "all": [other["measured"] for other in same],
            })
    return found


def is_met(one: Record) -> bool:
    """Whether every run met it."""
    return bool(one["met_in"] == one["runs"])


def machine(runs: Sequence[Record]) -> list[str]:
    """Where it was measured, by the run in the middle; the load at the end of each."""
    found = {**median_run(runs)["machine"], "load": "; ".join(run["machine"]["load"] for run in runs)}
    return ["| | |", "| --- | --- |", *(f"| {name} | {text} |" for name, text in found.items())]


def table(targets: Sequence[Record]) -> list[str]:
    """A row per target: the run in the middle, the figures of the lowest and the highest, and how many met it."""
    runs = targets[0]["runs"]
    rows = ["| target | measured | all runs | to reach | beside | ratio | floor | |", f"|{' --- |' * 8}"]
    for one in targets:
        beside = "" if one["comparison"] is None else f"{shown(one['comparison'])} {one['unit']}, {one['beside']}"
        ratio = "" if one["ratio"] is None else f"{one['ratio']:.3g}"
        floor = "" if one["floor"] is None else f"{shown(one['floor'])}, {one['floor_of']}"
        cells = (
            one["name"], f"{shown(one['measured'])} {one['unit']}", spread(one["all"]) if runs > 1 else "",
            one["target"], beside, ratio, floor, verdict(one),
        )
        rows.append(f"| {' | '.join(cells)} |")
    met = sum(map(is_met, targets))
    return [*rows, "", f"{met} of {len(targets)} met{'' if runs == 1 else f' in every one of {runs} runs'}."]


def verdict(one: Record) -> str:
    """Met, or missed, and then in how many runs it was met all the same."""
    if is_met(one):
        return "met"
    return "**missed**" if one["runs"] == 1 else f"**missed**, met in {one['met_in']} of {one['runs']}"


def spread(figures: Sequence[float]) -> str:
    """`lowest..highest`, or one figure where they are shown as the same."""
    low, high = shown(min(figures)), shown(max(figures))
    return low if low == high else f"{low}..{high}"


def missed(targets: Sequence[Record], reasons: Sequence[Record]) -> list[str]:
    """Reason by reason: the targets that it is of, what the measurement says, why, and where the time went.

    Raises:
        ValueError: as `with_tables`.
    """
    names = {one["name"] for one in targets}
    explained = [name for reason in reasons for name in reason["targets"]]
    unexplained = {one["name"] for one in targets if not is_met(one)} - set(explained)
    problems = [
        *(f"{name} was missed and has no reason" for name in sorted(unexplained)),
        *(f"{name} is no target of these runs" for name in explained if name not in names),
        *(f"{name} has two reasons" for name in sorted(set(explained)) if explained.count(name) > 1),
    ]
    if problems:
        raise ValueError(f"{REASONS.name}: {'; '.join(problems)}")
    lines: list[str] = []
    for reason in reasons:
        of = [one for one in targets if one["name"] in reason["targets"] and not is_met(one)]
        if of:
            lines += ["", *(told(one) for one in of), "", reason["why"].strip(), *profiles(of)]
    return lines[1:] or ["None."]


def told(one: Record) -> str:
    """A target that was missed, with what the measurement says of it."""
    beside = "" if one["ratio"] is None else f", {one['ratio']:.3g} x {one['beside']}"
    detail = f"; {one['detail']}" if one["detail"] else ""
    return f"- **{one['name']}**: {shown(one['measured'])} {one['unit']}{beside} ({one['target']}){detail}"


def profiles(targets: Iterable[Record]) -> list[str]:
    """Where the time went, once for targets whose time went to the same functions."""
    different: dict[tuple[str, ...], list[str]] = {}
    for one in targets:
        if one["profile"]:
            different.setdefault(tuple(sorted(line.split(maxsplit=2)[-1] for line in one["profile"])), one["profile"])
    return [line for profile in different.values() for line in ("", "```", *profile, "```")]


def needless(targets: Sequence[Record], reasons: Sequence[Record]) -> list[str]:
    """Names that have a reason and were met."""
    needed = {one["name"] for one in targets if not is_met(one)}
    return [name for reason in reasons for name in reason["targets"] if name not in needed]


def long(lasting: Record | None) -> list[str]:
    """What takes long: where it was measured, its targets, and each one's figures."""
    if lasting is None:
        return ["No run of these is kept yet."]
    figures = [line for one in lasting["targets"] for line in ("", f"**{one['name']}**: {one['detail']}")]
    left = sorted(LONG - {one["of"] for one in lasting["targets"]})
    return [
        f"On {where(lasting)}.",
        *(f"Of source `{source}`, load {load}: {_listed(names)}." for names, source, load in lasting["sources"]),
        *([f"No run is kept of {_listed(left)}."] if left else []), "",
        *([f"![Throughput, waits and stages]({CURVES.relative_to(PAGE.parent)})", ""] if has_curves(lasting) else []),
        *table(judged([lasting])), *figures,
    ]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def shown(value: float) -> str:
    """Three digits, or all of a whole number with its thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"


def picture(runs: Sequence[Record]) -> str:
    """A bar per target: how many times better (right) or worse (left) than asked the run in the middle was.

    A line goes from the worst run to the best.
    """
    targets = judged(runs)
    times = [[margin(one) for run in runs for one in run["targets"] if identity(one) == identity(of)] for of in targets]
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
    for number, (one, each) in enumerate(zip(targets, times, strict=True)):
        y, end = 34 + ROW * number, place(margin(one))
        color, middle = MET if is_met(one) else MISSED, y + (ROW - 5) / 2
        width, worst, best = max(1.0, abs(end - MIDDLE)), place(min(each)), place(max(each))
        lines += [
            f'<text x="{LEFT - 10}" y="{y + 11}" text-anchor="end">{one["name"]}</text>',
            f'<rect x="{min(MIDDLE, end):.1f}" y="{y}" width="{width:.1f}" height="{ROW - 5}" fill="{color}"/>',
            f'<line x1="{worst:.1f}" y1="{middle}" x2="{best:.1f}" y2="{middle}" stroke="black"/>',
        ]
    return "\n".join([*lines, "</svg>", ""])


def place(times: float) -> float:
    """Where so many times as good as asked stands in the picture, which ends somewhere."""
    return MIDDLE + max(-DECADES, min(DECADES, math.log10(max(times, 1e-9)))) * PER_DECADE


def margin(one: Record) -> float:
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


def curves(lasting: Record) -> str:
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
