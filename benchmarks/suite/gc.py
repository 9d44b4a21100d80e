"""What collections of garbage cost the way of a tick: with what a start leaves behind left out of them, and without.

Each round is a process of its own that has imported all of the bot, as in production; what is measured is target 7's
wait from a frame's read to its decision, at the same rate.
"""

from __future__ import annotations

import gc
import time
from functools import partial
from importlib import import_module
from pathlib import Path

import attrs
import trio

from dnbot.domain.instrument import Venue
from suite import tick_ours
from suite.children import call
from suite.figures import Figures, Rounds, quantile
from suite.measuring import Effort, interleaved
from suite.target import Target
from suite.tick_path import RATE, listening, urls_of

SECONDS, SECONDS_MIN = 5.0, 1.0
OLDEST = 2
NOISE = 1.05
"""Two equal runs differ by so much."""


def measure(effort: Effort) -> list[Target]:
    """Leaving the start out makes no wait longer, and the longest ones shorter."""
    seconds = max(SECONDS_MIN, SECONDS * effort.share)
    with listening() as (ports, ca_file):
        urls = {venue.value: url for venue, url in urls_of(ports, RATE, seconds, "plain").items()}
        rounds = interleaved(
            effort.rounds,
            {
                name: partial(call, "gc:waits", settled, urls, str(ca_file))
                for name, settled in (("settled", True), ("not", False))
            },
        )
    return [
        Target(
            f"gc frame -> decision, {figure}", "us", rounds.median("settled", figure), factor=1 / NOISE,
            beside="without settling", comparison=rounds.median("not", figure),
            detail=f"{RATE:,} frames/s; rounds {rounds.spread('settled', figure)}, without settling "
            f"{rounds.spread('not', figure)}; {_stops(rounds, 'settled')}, without settling {_stops(rounds, 'not')}",
        )
        for figure in ("p99", "p99.9")
    ]


def waits(settled: bool, urls: dict[str, str], ca_file: str) -> Figures:
    """µs from a frame's read to its decision, and what collections there were meanwhile."""
    import_module("dnbot.operate.run")
    if settled:
        import_module("dnbot.ports.collector").settle()
    else:
        gc.collect()
    stops = Stops()
    gc.callbacks.append(stops)
    found = trio.run(tick_ours.decided, {Venue(name): url for name, url in urls.items()}, Path(ca_file))
    gc.callbacks.remove(stops)
    return {
        "p99": quantile(found.waited_ns, 0.99) / 1000, "p99.9": quantile(found.waited_ns, 0.999) / 1000,
        "collections": stops.count, "full": stops.full, "longest": stops.longest_ns / 1000,
    }


@attrs.define
class Stops:
    """How often the collector stopped us, and for how long at most."""

    count: int = 0
    full: int = 0
    longest_ns: int = 0
    _began_ns: int = 0

    def __call__(self, phase: str, told: dict[str, int]) -> None:
        """For `gc.callbacks`."""
        if phase == "start":
            self._began_ns = time.perf_counter_ns()
            return
        self.count += 1
        self.full += told["generation"] == OLDEST
        self.longest_ns = max(self.longest_ns, time.perf_counter_ns() - self._began_ns)


def _stops(rounds: Rounds, name: str) -> str:
    count, full, longest = (rounds.median(name, figure) for figure in ("collections", "full", "longest"))
    return f"{count:.0f} collections, {full:.0f} of them full, the longest {longest:.0f} us"
