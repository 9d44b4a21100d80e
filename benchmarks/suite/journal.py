"""What the journal of steps costs: in the machine's turn, where a step is noted, and beside it, where it is encoded.

The steps are those of one book after the other, with 25 levels a side, as they leave a feed, each after its tick.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.messages import InboxEvent, Tick
from dnbot.record.step_words import Head
from dnbot.record.step_writing import WAITING_MAX, StepPages
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.machine import Step, step
from suite.figures import Figures
from suite.measuring import Effort, each_us, interleaved
from suite.step import monitoring
from suite.target import Target

STEPS = 1_000
LEVELS = 25
LIMITS_US = (
    ("5b a step noted for the journal, p50", "note", "p50", 1.0),
    ("5b a step noted for the journal, p99", "note", "p99", 5.0),
    ("5b a step encoded for the journal, p50", "encode", "p50", 60.0),
    ("5b a step encoded for the journal, p99", "encode", "p99", 250.0),
)
"""Name, what is called, which figure of it, limit. Half of the steps are ticks."""
HEAD = Head(version="1", source="", mode="sim", symbol="BTC/USDT", settings="{}", began_ns=1)
Seen = tuple[StrategyContext, InboxEvent, Step]


def measure(effort: Effort) -> list[Target]:
    """Nothing else does the same, so the limits alone count."""
    seen = _seen(effort.times(STEPS))
    calls = {"note": lambda: _noting(seen), "encode": lambda: _encoding(seen)}
    rounds = interleaved(effort.rounds, calls)
    size = _bytes_per_step(seen)
    return [
        Target(
            name, "us", rounds.median(contender, figure), limit=limit,
            detail=f"rounds {rounds.spread(contender, figure)}; {size:.0f} bytes a step before compression",
            again=calls[contender],
        )
        for name, contender, figure, limit in LIMITS_US
    ]


def _seen(times: int) -> list[Seen]:
    """Steps of the machine while it watches the market."""
    bench = monitoring()
    found: list[Seen] = []
    for venue in VENUES:
        bench.books[venue] = _deep(bench, venue, 60_000)
    while len(found) < times:
        bench.now_s = round(bench.now_s + 0.01, 6)
        _take(bench, found, Tick(bench.now_ns, bench.now_s))
        venue = VENUES[len(found) // 2 % len(VENUES)]
        bench.books[venue] = _deep(bench, venue, 60_000 + len(found) // 2 % 3)
        _take(bench, found, bench.market_signal())
    return found[:times]


def _take(bench: Any, found: list[Seen], event: InboxEvent) -> None:
    before = bench.context
    result = step(before, event)
    bench.context = result.context
    found.append((before, event, result))


def _deep(bench: Any, venue: Venue, mid: int) -> Any:
    book = bench.book(venue, mid)
    levels = tuple((Decimal(mid) + Decimal("0.5") + level, Decimal("0.123456")) for level in range(LEVELS))
    below = tuple((Decimal(2 * mid) - price, quantity) for price, quantity in levels)
    return msgspec.structs.replace(book, bids=below, asks=levels)


def _noting(seen: list[Seen]) -> Figures:
    pages = StepPages(HEAD)

    def note(number: int) -> None:
        if len(pages.waiting) >= WAITING_MAX - 1:
            pages.waiting.clear()
        pages.note(*seen[number % len(seen)])

    return each_us(note, len(seen))


def _encoding(seen: list[Seen]) -> Figures:
    """One step at a time, and a page whenever so many are encoded as half a busy second brings."""
    pages = StepPages(HEAD)
    for one in seen:
        pages.note(*one)

    def encode(number: int) -> None:
        if number % 100 == 0:
            pages.take()
        if not pages.waiting:
            for one in seen:
                pages.note(*one)
        pages.encode(1)

    return each_us(encode, len(seen))


def _bytes_per_step(seen: list[Seen]) -> float:
    pages = StepPages(HEAD)
    for one in seen:
        pages.note(*one)
    pages.encode(len(seen))
    return sum(len(page.payload) for page in pages.take()) / len(seen)
