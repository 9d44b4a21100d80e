"""Does anything of a recording reach the bot before its time? Asked where the bot reads, of every book that it is told,
and at the exchange, of every order that is placed into the books that the bot's own orders are filled from.

The recording is read a second time, beside the run and by the run's clock: by each moment it has shown, at each price
of the venue's grid, some greatest quantity. A level that the bot is told with a price that was not yet recorded, or
with more than was ever recorded there, comes from the future. (Less is no sign: takers of the recording, and we, take.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import attrs
import msgspec
import trio

from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Symbol
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.instruments import SYMBOLS, Instrument, instruments_for
from dnbot.fakes.market import Tape
from dnbot.fakes.market_ladder import Command
from dnbot.fakes.mirror_words import BookTold
from dnbot.fakes.mirror_words import Told as MirrorTold
from dnbot.fakes.records import MEXC_SPOT, LevelChange, Side, Venue
from dnbot.fakes.replay_book import RecordedBook
from dnbot.fakes.replay_files import Event, Trade
from dnbot.fakes.running import World
from dnbot.research.captures import CaptureData, TapedSource
from dnbot.research.mapping import MODEL
from dnbot.research.recordings import RecordingData
from dnbot.research.source import Source
from dnbot.research.tapes import FedTape, shaped
from dnbot.venues.mexc.spot_public import MexcSpotPublic
from dnbot.venues.wire import Delta

UPDATES = ("spot.order_book_update", "futures.order_book_update")
Told = tuple[Side, Decimal, Decimal]
"""Side, price, and quantity in the venue's own unit."""


class Known(Protocol):
    """What one venue may have shown so far."""

    @property
    def most(self) -> Mapping[tuple[Side, int], int]:
        """The greatest quantity per level of its grid: lots by side and ticks."""
        ...

    def until(self, now_ns: int) -> None:
        """Read on to that time of the recording."""
        ...


@attrs.define(eq=False)
class _OfTape:
    """Of a capture, as the mapping shows it."""

    tape: FedTape
    coming: Iterator[tuple[int, Event]]
    most: dict[tuple[Side, int], int] = attrs.field(factory=dict)
    _sums: dict[tuple[Side, int], dict[Decimal, Decimal]] = attrs.field(factory=dict)
    _book: RecordedBook = attrs.field(factory=RecordedBook)
    _next: tuple[int, Event] | None = None

    def until(self, now_ns: int) -> None:
        if self._next is None:
            self._next = next(self.coming, None)
        while self._next is not None and self._next[0] <= now_ns:
            if not isinstance(self._next[1], Trade):
                self._book.apply(self._next[1])
                self._note("buy")
                self._note("sell")
            self._next = next(self.coming, None)

    def _note(self, side: Side) -> None:
        touched, levels = self._book.touched[side], (self._book.bids if side == "buy" else self._book.asks).levels
        for price in touched:
            key = (side, self.tape.level(side, price))
            prices = self._sums.setdefault(key, {})
            prices[price] = levels.get(price, Decimal(0))
            self.most[key] = max(self.most.get(key, 0), self.tape.lots(sum(prices.values(), Decimal(0))))
        touched.clear()


@attrs.define(eq=False)
class _Shown:
    """What all venues of a recording have shown, read as the run reads it: one alone would have its own time line."""

    coming: Iterator[tuple[int, MirrorTold]]
    venues: dict[Venue, _OfRecording] = attrs.field(factory=dict)
    _next: tuple[int, MirrorTold] | None = None

    def until(self, now_ns: int) -> None:
        if self._next is None:
            self._next = next(self.coming, None)
        while self._next is not None and self._next[0] <= now_ns:
            if isinstance(self._next[1], BookTold):
                self.venues[self._next[1].venue].note(self._next[1])
            self._next = next(self.coming, None)


@attrs.define(eq=False)
class _OfRecording:
    """Of one venue of it, from the books that are told."""

    instrument: Instrument
    shown: _Shown
    most: dict[tuple[Side, int], int] = attrs.field(factory=dict)

    def until(self, now_ns: int) -> None:
        self.shown.until(now_ns)

    def note(self, told: BookTold) -> None:
        here = self.instrument
        for side, levels in _sides(told.bids, told.asks):
            for price, base in levels:
                key = side, int(price / here.price_tick)
                self.most[key] = max(self.most.get(key, 0), int(base / here.multiplier / here.lot))


@attrs.define(eq=False)
class WatchedTape:
    """A tape, and somebody who is told of the orders that it places."""

    inner: Tape
    told: Callable[[list[Told]], None]

    def turn(self, at_s: float) -> list[Command]:
        """See `Tape`, here and below."""
        commands = self.inner.turn(at_s)
        self.told([(one.side, one.price, one.quantity) for one in commands if one.quotes])
        return commands

    def middle(self) -> float:
        """The middle of the recorded book."""
        return self.inner.middle()

    def forget(self) -> None:
        """The fake book was emptied."""
        self.inner.forget()


@attrs.define(eq=False)
class LookAheadCheck:
    """Listens at the bot's end of the network, and changes nothing there."""

    begin_ns: int
    instruments: dict[Venue, Instrument]
    known: Mapping[Venue, Known]
    mexc: MexcSpotPublic
    levels: int = 0
    """How many it has looked at."""
    early: str = ""
    """The first that came from the future; empty while there is none."""

    @classmethod
    def of(cls, data: CaptureData) -> LookAheadCheck:
        """For a run on that recording."""
        listed = {instrument.venue: instrument for instrument in instruments_for(SYMBOLS[data.symbol])}
        known = {
            venue: _OfTape(data.tape(listed[venue]), shaped(data.feeds[shape.recorded](), shape))
            for venue, shape in data.mapping.items() if shape.recorded != MODEL
        }
        return cls(data.span.begin_ns, listed, known, MexcSpotPublic(Symbol.parse(data.symbol)))

    @classmethod
    def of_recording(cls, data: RecordingData, config: FakesConfig) -> LookAheadCheck:
        """For a run in the world that plays that recording."""
        listed, shown = data.listed(config), _Shown(data.told())
        shown.venues = {venue: _OfRecording(instrument, shown) for venue, instrument in listed.items()}
        return cls(data.span.begin_ns, listed, shown.venues, MexcSpotPublic(Symbol.parse(data.symbol)))

    def __call__(self, venue: Venue, message: str | bytes) -> None:
        """Look at one message."""
        if venue not in self.known or self.early:
            return
        self.hold(venue, "the bot was told of", self._of_mexc(message) if venue == MEXC_SPOT else _of_gate(message))

    def attach(self, world: World) -> None:
        """From now on look at what outsiders do at the exchange, too."""
        if world.mirror is not None:
            for venue, instrument in self.instruments.items():
                world.exchange.subscribe_levels(venue, instrument.symbol, partial(self._changed, venue))
        for model in world.models.values():
            if isinstance(model.source, TapedSource):
                model.source.tapes = {
                    venue: WatchedTape(tape, partial(self.hold, venue, "the exchange got"))
                    for venue, tape in model.source.tapes.items()
                }

    def _changed(self, venue: Venue, change: LevelChange) -> None:
        """A level of a told book is new; what we take of it makes it less."""
        self.hold(venue, "the exchange got", [(change.side, change.price, change.quantity)])

    def hold(self, venue: Venue, who: str, told: list[Told]) -> None:
        """Hold levels against what the recording had shown by now; the first that it had not is kept."""
        known, instrument = self.known[venue], self.instruments[venue]
        now_ns = self.begin_ns + round(trio.current_time() * 1e9)
        known.until(now_ns)
        for side, price, quantity in told:
            self.levels += 1
            lots, most = quantity / instrument.lot, known.most.get((side, int(price / instrument.price_tick)), 0)
            if lots > most and not self.early:
                self.early = (
                    f"{venue}: at {now_ns} ns {who} {quantity} at {price} ({side}); "
                    f"until then the recording had shown at most {most * instrument.lot} there"
                )

    def _of_mexc(self, message: str | bytes) -> list[Told]:
        deltas = [word.delta for word in self.mexc.decode(message) if isinstance(word, Delta)]
        return [
            (side, price, quantity)
            for delta in deltas for side, levels in _sides(delta.bids, delta.asks) for price, quantity in levels
        ]


def check_of(source: Source, config: FakesConfig, data: Path) -> LookAheadCheck:
    """For a run on that source in a world of that config.

    Raises:
        ConfigError: it holds no books.
    """
    if isinstance(source, RecordingData):
        return LookAheadCheck.of_recording(source, config)
    if isinstance(source, CaptureData):
        return LookAheadCheck.of(source)
    raise ConfigError("--check-lookahead", str(data), "bars", "recorded books: bars hold none to compare with")


def _sides(bids: Any, asks: Any) -> tuple[tuple[Side, Any], tuple[Side, Any]]:
    return ("buy", bids), ("sell", asks)


def _of_gate(message: str | bytes) -> list[Told]:
    found = msgspec.json.decode(message)
    if found.get("channel") not in UPDATES or found.get("event") != "update":
        return []
    result = found["result"]
    rows = ((side, row) for side, levels in _sides(result.get("b"), result.get("a")) for row in levels or ())
    return [(side, *_row(row)) for side, row in rows]


def _row(row: Any) -> tuple[Decimal, Decimal]:
    price, size = (row["p"], row["s"]) if isinstance(row, dict) else row
    return Decimal(str(price)), Decimal(str(size))
