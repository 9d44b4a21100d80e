"""Where a frame's wait goes: in the socket, in its book, until its decision; of any number of symbols in one process.

A server sends frame n of a feed n gaps after the first, so the earliest that any frame came beside its schedule is when
the feed began. What is due in the first second does not count: then all feeds still open their streams. The stamps of
the stages cost about a microsecond a frame.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import cast

import attrs
import trio

from dnbot.domain.instrument import VENUES, Venue
from suite import tick_ours
from suite.endurance import rss_mb
from suite.figures import Figures, quantile
from suite.machine import held_s
from suite.tick_words import Decided

WARM_UP_S = 1.0
STAGES = ("socket", "book", "decision", "whole")
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}


@attrs.define
class Stages(Decided):
    """Per frame, in the order of decisions: ns of each stage, and when its schedule had its feed begin."""

    gap_ns: float = 0.0
    """Between two frames of one feed."""
    warm_up_s: float = WARM_UP_S
    _frames: dict[Venue, list[array[float]]] = attrs.field(
        factory=lambda: {venue: [array("d") for _ in range(3)] for venue in VENUES}
    )
    """Per feed: ns at which frame 0 was due if this one was not late, in its book, until its decision."""
    _pending: list[tuple[Venue, int, int]] = attrs.field(factory=list)

    def folded(self, venue: Venue, read_ns: int, now_ns: int) -> None:
        """A frame that was read then is in its book now."""
        self._pending.append((venue, read_ns, now_ns))

    def note(self, now_ns: int, read_ns: list[int]) -> None:
        """See `Decided`: every frame in a book is decided now, whosever it is."""
        if not read_ns:
            return
        for venue, at_ns, folded_ns in self._pending:
            began, book, decision = self._frames[venue]
            began.append(at_ns - len(began) * self.gap_ns)
            book.append(folded_ns - at_ns)
            decision.append(now_ns - folded_ns)
        self._pending.clear()

    def stages_us(self) -> dict[str, list[float]]:
        """Per frame: in the socket, in its book, until its decision, and all together from its due time on."""
        found: dict[str, list[float]] = {stage: [] for stage in STAGES}
        first = int(self.warm_up_s * 1e9 / self.gap_ns)
        for began, *stages in self._frames.values():
            earliest = min(began, default=0.0)
            for place in range(first, len(began)):
                each = (began[place] - earliest, *(stage[place] for stage in stages))
                for stage, ns in zip(STAGES, (*each, sum(each)), strict=True):
                    found[stage].append(ns / 1000)
        return found


@attrs.define
class StagedFeed(tick_ours.TimedFeed):
    """Notes when each frame was in its book."""

    def _read(self, nursery: trio.Nursery, frame: str | bytes) -> None:
        super()._read(nursery, frame)
        found = cast("Stages", cast("tick_ours.TimedAnalyst", self.market).found)
        found.folded(self.venue, self.read_ns[-1], time.perf_counter_ns())


def listen(urls: Sequence[Mapping[str, str]], ca_file: str, rate: float) -> Figures:
    """One symbol per mapping of its feeds' addresses, each with so many frames a second over its three feeds.

    `STAGE QUANTILE` in us; `cpu`: of one core; `handled`: frames a second of all symbols; `rss_mb`; `held`: the share
    of the time in which others had the core that we wanted.
    """
    found = [Stages(gap_ns=len(VENUES) / rate * 1e9) for _ in urls]
    addresses = [{Venue(name): url for name, url in each.items()} for each in urls]
    before_s = held_s()
    trio.run(_listen, addresses, Path(ca_file), found)
    waited_s, memory_mb, server = held_s() - before_s, rss_mb(), found[0].server
    samples: dict[str, list[float]] = {}
    for each in found:
        for stage, waits in each.stages_us().items():
            samples.setdefault(stage, []).extend(waits)
    return {
        **{
            f"{stage} {name}": quantile(waits, share)
            for stage, waits in samples.items() for name, share in QUANTILES.items()
        },
        "cpu": max(each.cpu_s for each in found) / server["wall_s"],  # of the process, as each symbol saw it
        "handled": server["frames"] / server["wall_s"], "rss_mb": memory_mb,
        "held": waited_s / server["wall_s"],
    }


async def _listen(addresses: list[dict[Venue, str]], ca_file: Path, found: list[Stages]) -> None:
    async with trio.open_nursery() as nursery:
        for urls, stages in zip(addresses, found, strict=True):
            nursery.start_soon(partial(tick_ours.decided, urls, ca_file, stages, StagedFeed))
