"""How cost grows: with frames a second until they are too many, with symbols in one process, with levels of a book.

A curve has its knee (`knee`) at the first point at which a frame's p99 wait is more than ten times that at a tenth of
the load, or at which a core is 90 % busy or falls behind. A wait counts from when the server was to send the frame, so
what stands in a socket is part of it (`staged.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isclose
from pathlib import Path

from suite import deep_books
from suite.children import call
from suite.figures import Figures
from suite.measuring import Effort, interleaved
from suite.staged import QUANTILES, STAGES
from suite.target import Target
from suite.tick_path import listening, urls_of

RATES = tuple(round(1_000 * 10 ** (step / 4)) for step in range(9))
"""Frames a second of one symbol, four to a decade: a tenth of each is among them."""
SYMBOLS = (1, 2, 5, 10, 20, 35, 50)
RATE_OF_A_SYMBOL = 300
"""Frames a second over its three books: a lively market, ten a book in each tenth of a second."""
LEVELS = (20, 50, 100, 200, 500)
RATES_OF_TRIAL, SYMBOLS_OF_TRIAL, LEVELS_OF_TRIAL = (1_000, 10_000, 100_000), (1, 5), (20, 500)
SECONDS, SECONDS_MIN, FRAMES = 6.0, 2.0, 20_000
TIMES_MAX, BUSY_MAX, BEHIND_MAX = 10.0, 0.9, 0.99
RATE_MIN, SYMBOLS_MIN, DEEPER_MAX = 10_000, 10, 1.5
"""What has to lie before the knee, and how much dearer a frame of the deepest book may be."""
CURVES = ("rate", "symbols")
FIGURES = (*(f"{stage} {name}" for stage in STAGES for name in QUANTILES), "cpu", "handled", "rss_mb", "held")

Point = Mapping[str, float]
"""`load` (what grows), `offered` frames a second, and `FIGURES`; or `load` and `us`."""


def measure(effort: Effort) -> list[Target]:
    """The three curves; points that were kept are not measured again."""
    curves = listened(effort)
    depths = LEVELS_OF_TRIAL if effort.share < 1 else LEVELS
    rounds = interleaved(
        effort.rounds, {str(depth): partial(deep_books.frame_us, depth, effort.times(FRAMES)) for depth in depths}
    )
    curves["levels"] = [{"load": depth, "us": rounds.median(str(depth), "us")} for depth in depths]
    effort.kept.keep("growth", curves)
    return targets(curves)


def listened(effort: Effort) -> dict[str, list[Point]]:
    """The two curves that need a server, point by point."""
    trial = effort.share < 1
    rates = [(rate, 1, rate) for rate in (RATES_OF_TRIAL if trial else RATES)]
    symbols = [(count, count, RATE_OF_A_SYMBOL) for count in (SYMBOLS_OF_TRIAL if trial else SYMBOLS)]
    curves: dict[str, list[Point]] = {name: list(effort.kept.of("growth").get(name, [])) for name in CURVES}
    with listening() as (ports, ca_file):
        told = partial(_told, ports, ca_file, max(SECONDS_MIN, SECONDS * effort.share))
        for name, plan in zip(CURVES, (rates, symbols), strict=True):
            for load, count, rate in plan[len(curves[name]) :]:
                point = _listened(effort.rounds, partial(told, count, rate))
                curves[name].append({"load": load, "offered": count * rate, **point})
                effort.kept.keep("growth", curves)
                print(f"growth: {name} {load:,}: p99 {point['whole p99']:,.0f} us", file=sys.stderr, flush=True)
    return curves


def targets(curves: Mapping[str, Sequence[Point]]) -> list[Target]:
    """Where the knees lie, and what depth costs."""
    levels = curves["levels"]
    return [
        _before_knee("growth, frames/s of one symbol before the knee", "1/s", curves["rate"], RATE_MIN),
        _before_knee(
            f"growth, symbols of {RATE_OF_A_SYMBOL} frames/s before the knee", "symbols", curves["symbols"], SYMBOLS_MIN
        ),
        Target(
            f"growth, a frame of {levels[-1]['load']:.0f} levels a side beside one of {levels[0]['load']:.0f}", "times",
            levels[-1]["us"] / levels[0]["us"], limit=DEEPER_MAX,
            detail="; ".join(f"{point['load']:.0f} levels {point['us']:.1f} us" for point in levels),
        ),
    ]


def knee(points: Sequence[Point]) -> tuple[int, str] | None:
    """Number of the first point that is beyond what can be served well, and by which rule; None when none is."""
    for number, point in enumerate(points):
        tenth = [one for one in points if isclose(one["load"] * 10, point["load"], rel_tol=0.01)]
        if point["handled"] < BEHIND_MAX * point["offered"]:
            return number, f"only {point['handled'] / point['offered']:.0%} of the frames are handled in time"
        if point["cpu"] >= BUSY_MAX:
            return number, f"the core is {point['cpu']:.0%} busy"
        if tenth and point["whole p99"] > TIMES_MAX * tenth[0]["whole p99"]:
            times = point["whole p99"] / tenth[0]["whole p99"]
            return number, f"the p99 wait is {times:.0f} times that at a tenth of the load"
    return None


def _before_knee(name: str, unit: str, points: Sequence[Point], limit: float) -> Target:
    found = knee(points)
    number, why = found if found is not None else (len(points), "")
    each = "; ".join(
        f"{one['load']:,.0f}: p99 {one['whole p99']:,.0f} us, {one['cpu']:.0%} of a core, {one['rss_mb']:.0f} MB, "
        f"held up {one['held']:.0%}" for one in points
    )
    beyond = f"the knee is at {points[number]['load']:,.0f}: {why}" if found is not None else "no knee up to there"
    return Target(
        name, unit, points[number - 1]["load"] if number else 0.0, limit=limit, detail=f"{beyond}; {each}"
    )


def _listened(rounds: int, told: Callable[[], Figures]) -> Point:
    found = interleaved(rounds, {"ours": told})
    return {figure: found.median("ours", figure) for figure in FIGURES}


def _told(ports: Mapping[str, int], ca_file: Path, seconds: float, symbols: int, rate: float) -> Figures:
    urls = {venue.value: url for venue, url in urls_of(ports, rate, seconds, "plain", symbols).items()}
    found: Figures = call("staged:listen", [urls] * symbols, str(ca_file), rate)
    return found
