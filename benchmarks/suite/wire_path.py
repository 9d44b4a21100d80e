"""Target 10: from the tick to both legs on the wire, everything included, against the fakes over TLS.

The bot is all of `dnbot run`, commit and its fsync included. Beside it a ccxt.pro loop watches the same books and
places the same order without any commit. A tick is the read of the frame whose level completed the decision; it ends
with the last byte of the later of both orders handed to the stream (`wire_log.py`), for both by the same rule. Each
round of each contender has fakes, database and process of its own: the fakes on one core, as exchanges are elsewhere,
the contender and its database on the other.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from dnbot.metrics.stages import STAGES
from suite import wire_ours
from suite.children import call, on_core
from suite.database import database, fsync_us
from suite.figures import Figures, Rounds
from suite.measuring import Effort, interleaved
from suite.profiles import unprofiled
from suite.scripted_fakes import scripted_fakes
from suite.target import Target

STROKES, STROKES_OF_PROFILE = 100, 20
CLIENT_CORE = 1
COINS_OF_PEER = "1"
"""The bot buys its own."""
P50_MS_MAX, P99_MS_MAX = 1.5, 5.0
PEER = "a ccxt.pro loop without a commit"


def measure(effort: Effort) -> list[Target]:
    """Rounds of so many strokes."""
    strokes = max(2, effort.times(STROKES))
    return targets(
        interleaved(effort.rounds, {"ours": partial(_ours, strokes), "ccxt": partial(_theirs, strokes)}), strokes
    )


def targets(rounds: Rounds, strokes: int) -> list[Target]:
    """Both quantiles against their limits and the peer.

    Raises:
        AssertionError: what a contender says to have sent was not filled, so that the two did not do the same.
    """
    for name in ("ours", "ccxt"):
        for figures in rounds.by_contender[name]:
            if figures["filled"] < strokes - figures["missed"]:
                raise AssertionError(f"{name}: {figures['filled']:.0f} of {strokes} strokes were filled: {figures}")
    return [
        Target(
            f"10 tick -> both legs on the wire, {quantile}", "ms", rounds.median("ours", quantile), limit=limit,
            factor=1.0, beside=PEER, comparison=rounds.median("ccxt", quantile),
            detail=f"rounds {rounds.spread('ours', quantile)}, the loop's {rounds.spread('ccxt', quantile)}; {more}",
            again=partial(_again, STROKES_OF_PROFILE) if quantile == "p50" else None,
        )
        for quantile, limit, more in (("p50", P50_MS_MAX, _floor(rounds)), ("p99", P99_MS_MAX, _taken(rounds, strokes)))
    ]


def _floor(rounds: Rounds) -> str:
    stages = ", ".join(f"{name} {rounds.median('ours', name):.3g}" for name in STAGES)
    return (
        f"8 kB to the same disk, p50 {rounds.median('ours', 'fsync'):.2f} ms; the bot's own stages, p50 at most in ms: "
        f"{stages}"
    )


def _taken(rounds: Rounds, strokes: int) -> str:
    missed = {name: sum(rounds.values(name, "missed")) for name in ("ours", "ccxt")}
    return (
        f"{strokes} strokes a round; missed, and counted as long as they were waited for: {missed['ours']:.0f}, by the "
        f"loop {missed['ccxt']:.0f}"
    )


def _ours(strokes: int) -> Figures:
    with (
        TemporaryDirectory() as folder, database(CLIENT_CORE) as found, scripted_fakes(Path(folder)) as address,
        on_core(CLIENT_CORE),
    ):  # fmt: skip
        figures: Figures = call("wire_ours:trade", address, found.dsn, f"{folder}/home", strokes)
        return {**figures, "fsync": fsync_us(found.folder, strokes)["p50"] / 1000}


def _theirs(strokes: int) -> Figures:
    with (
        TemporaryDirectory() as folder, scripted_fakes(Path(folder), COINS_OF_PEER) as address, on_core(CLIENT_CORE)
    ):  # fmt: skip
        figures: Figures = call("wire_ccxt:trade", address, strokes)
        return figures


def _again(strokes: int) -> None:
    with (
        unprofiled(), TemporaryDirectory() as folder, database(CLIENT_CORE) as found,
        scripted_fakes(Path(folder)) as address, on_core(CLIENT_CORE),
    ):  # fmt: skip
        wire_ours.trade(address, found.dsn, Path(folder, "home").as_posix(), strokes)
