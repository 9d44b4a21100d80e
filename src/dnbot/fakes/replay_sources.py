"""Recorded books and bars as what drives one symbol's market. Times are seconds of the model; a recording that ends
begins again."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import attrs

from .config import ReplayConfig
from .instruments import Instrument
from .market import Source, Tape
from .records import GATE_FUTURES, Venue
from .replay_bars import Bar, BarPath, Rates
from .replay_book import BookTape, RecordedBook
from .replay_files import ReplayError, Trade, events

Line = tuple[list[float], list[float]]


@attrs.define(eq=False)
class _Stretch:
    """What of a recording is played, and how fast."""

    begin_s: float
    length_s: float
    speed: float

    def recorded_s(self, at_s: float) -> float:
        """The time in the recording."""
        return self.begin_s + max(at_s, 0.0) * self.speed % self.length_s


@attrs.define(eq=False)
class CaptureSource:
    """Books of captures; the index is the middle of the spot book, else of the perpetual's, at its last turn."""

    tapes: Mapping[Venue, Tape]
    rates: Rates
    stretch: _Stretch

    def index(self, at_s: float) -> float:
        """The middle of the leading book."""
        del at_s
        return next(iter(self.tapes.values())).middle()

    def perp(self, at_s: float) -> float | None:
        """Where the perpetual has no capture, it is modelled."""
        del at_s
        return None

    def funding_rate(self, at_s: float) -> Decimal | None:
        """From the file of rates, when there is one."""
        return self.rates.next_after(self.stretch.recorded_s(at_s))


@attrs.define(eq=False)
class BarSource:
    """A path through bars, and the perpetual's ratio to it: times and values between which it runs straight."""

    path: BarPath
    ratio: Line | None
    rates: Rates
    stretch: _Stretch
    tapes: Mapping[Venue, Tape] = attrs.field(factory=dict)

    def index(self, at_s: float) -> float:
        """The price on spot."""
        return self.path.price(self.stretch.recorded_s(at_s))

    def perp(self, at_s: float) -> float | None:
        """The price of the perpetual beside the last index; only perpetual bars: the same."""
        return self.path.last * (1.0 if self.ratio is None else _between(self.ratio, self.stretch.recorded_s(at_s)))

    def funding_rate(self, at_s: float) -> Decimal | None:
        """The rate that was charged next."""
        return self.rates.next_after(self.stretch.recorded_s(at_s))


def capture_source(
    instruments: tuple[Instrument, ...],
    spot: tuple[Path, ...],
    usdm: tuple[Path, ...],
    rates: Rates,
    config: ReplayConfig,
    span_ns: tuple[int, int],
) -> Source:
    """Tapes for the venues that have a capture and list the symbol. Raises ReplayError when none does."""
    tapes: dict[Venue, Tape] = {}
    for venue, paths in ((config.spot_venue, spot), (GATE_FUTURES, usdm)):
        for instrument in instruments:
            if instrument.venue == venue and paths:
                tapes[venue] = BookTape(paths, instrument, *span_ns, config.speed)
    if not tapes:
        raise ReplayError(f"{instruments[0].symbol}: no venue that lists it has a capture")
    first, last = span_ns
    return CaptureSource(tapes, rates, _Stretch(first / 1e9, (last - first) / 1e9, config.speed))


def bar_source(
    symbol: str,
    spot: list[Bar] | None,
    perp: list[Bar] | None,
    rates: Rates,
    speed: float,
    span_ns: tuple[int, int],
    seed: int,
) -> Source:
    """A path through the spot bars, or through the perpetual's when there are no others."""
    lead = spot or perp
    if lead is None:
        raise ReplayError(f"{symbol}: no bars")
    first, last = span_ns
    path = BarPath(lead, random.Random(f"{seed}:{symbol}:bars"))
    ratio = _ratio(spot, perp) if spot and perp else None
    return BarSource(path, ratio, rates, _Stretch(first / 1e9, (last - first) / 1e9, speed))


def first_middle(paths: tuple[Path, ...]) -> float:
    """The middle of the first book that a capture shows. Raises ReplayError when it shows none."""
    book = RecordedBook()
    for _, event in events(paths):
        if not isinstance(event, Trade):
            book.apply(event)
        if book.usable:
            return float(book.best_bid + book.best_ask) / 2
    raise ReplayError(f"{paths[0]}: no book in it")


def _ratio(spot: list[Bar], perp: list[Bar]) -> Line:
    """Perpetual over spot, at the beginnings of the bars that both have."""
    opens = {bar.start_s: bar.opened for bar in perp}
    both = [(bar.start_s, opens[bar.start_s] / bar.opened) for bar in spot if bar.start_s in opens]
    return [time for time, _ in both] or [0.0], [value for _, value in both] or [1.0]


def _between(line: Line, at_s: float) -> float:
    times, values = line
    number = bisect_right(times, at_s)
    if number == 0 or number == len(times):
        return values[min(number, len(times) - 1)]
    part = (at_s - times[number - 1]) / (times[number] - times[number - 1])
    return values[number - 1] + (values[number] - values[number - 1]) * part
