"""Where a frame's wait goes: in the socket, in its book, until its decision; of any number of symbols in one process.

A server sends frame n of a feed n gaps after the first, so the earliest that any frame came beside its schedule is when
the feed began. The stamps of the stages cost about a microsecond a frame.
"""

from __future__ import annotations

import time
from array import array
from collections import Counter
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
from suite.tick_words import Decided

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}


@attrs.define
class Stages(Decided):
    """Per frame, in the order of decisions: ns of each stage, and when its schedule had its feed begin."""

    gap_ns: float = 0.0
    """Between two frames of one feed."""
    book: array[float] = attrs.field(factory=lambda: array("d"))
    decision: array[float] = attrs.field(factory=lambda: array("d"))
    began: dict[Venue, array[float]] = attrs.field(factory=lambda: {venue: array("d") for venue in VENUES})
    waited: dict[Venue, array[float]] = attrs.field(factory=lambda: {venue: array("d") for venue in VENUES})
    """From the read to the decision."""
    _numbers: Counter[Venue] = attrs.field(factory=Counter)
    _pending: list[tuple[Venue, int, int]] = attrs.field(factory=list)

    def folded(self, venue: Venue, read_ns: int, now_ns: int) -> None:
        """A frame that was read then is in its book now."""
        self._pending.append((venue, read_ns, now_ns))

    def note(self, now_ns: int, read_ns: list[int]) -> None:
        """See `Decided`: every frame in a book is decided now, whosever it is."""
        if not read_ns:
            return
        for venue, at_ns, folded_ns in self._pending:
            self.book.append(folded_ns - at_ns)
            self.decision.append(now_ns - folded_ns)
            self.waited[venue].append(now_ns - at_ns)
            self.began[venue].append(at_ns - self._numbers[venue] * self.gap_ns)
            self._numbers[venue] += 1
        self._pending.clear()

    def stages_us(self) -> dict[str, list[float]]:
        """Per frame: in the socket, in its book, until its decision, and all together from its due time on."""
        socket: list[float] = []
        whole: list[float] = []
        for venue, began in self.began.items():
            earliest = min(began, default=0.0)
            late = [(at - earliest) / 1000 for at in began]
            socket += late
            whole += [one + waited / 1000 for one, waited in zip(late, self.waited[venue], strict=True)]
        return {
            "socket": socket, "book": [ns / 1000 for ns in self.book],
            "decision": [ns / 1000 for ns in self.decision], "whole": whole,
        }


@attrs.define
class StagedFeed(tick_ours.TimedFeed):
    """Notes when each frame was in its book."""

    def _read(self, nursery: trio.Nursery, frame: str | bytes) -> None:
        super()._read(nursery, frame)
        found = cast("Stages", cast("tick_ours.TimedAnalyst", self.market).found)
        found.folded(self.venue, self.read_ns[-1], time.perf_counter_ns())


def listen(urls: Sequence[Mapping[str, str]], ca_file: str, rate: float) -> Figures:
    """One symbol per mapping of its feeds' addresses, each with so many frames a second over its three feeds.

    `STAGE QUANTILE` in us; `cpu`: of one core; `handled`: frames a second of all symbols; `rss_mb`.
    """
    found = [Stages(gap_ns=len(VENUES) / rate * 1e9) for _ in urls]
    addresses = [{Venue(name): url for name, url in each.items()} for each in urls]
    trio.run(_listen, addresses, Path(ca_file), found)
    memory_mb, server = rss_mb(), found[0].server
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
    }


async def _listen(addresses: list[dict[Venue, str]], ca_file: Path, found: list[Stages]) -> None:
    async with trio.open_nursery() as nursery:
        for urls, stages in zip(addresses, found, strict=True):
            nursery.start_soon(partial(tick_ours.decided, urls, ca_file, stages, StagedFeed))
