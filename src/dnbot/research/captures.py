"""Raw captures as a source: books and trades of a spot and a perpetual market, shown by the venues as the mapping says.

Files: `PATH/spot/<base><quote>*` and `PATH/usdm/<base><quote>*`, as `dnbot.fakes.replay` finds them and
`dnbot.fakes.replay_files` describes their lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from functools import partial
from itertools import tee
from pathlib import Path

import attrs

from dnbot.domain.errors import ConfigError
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.instruments import SYMBOLS, Character, Instrument
from dnbot.fakes.market import MarketModel, ModelPosition, Tape
from dnbot.fakes.records import EXTERNAL, GATE_FUTURES, GATE_SPOT, VENUES, Venue
from dnbot.fakes.replay import WARM_NS, Recording
from dnbot.fakes.replay_bars import Rates
from dnbot.fakes.replay_files import ReplayError, events
from dnbot.fakes.running import World
from dnbot.fakes.world import PRIMING_STEPS
from dnbot.research.kept_tapes import KeptTapes, key_of
from dnbot.research.mapping import MODEL, Mapped
from dnbot.research.recorded import DataFile, looked_at
from dnbot.research.source import Span
from dnbot.research.tapes import IN_FRONT, NS_PER_MS, FedTape, Feed

BEATS_PER_S = 10
"""How often each venue's book is brought up to the recording, per virtual second: the bot's streams tell as often."""

TAIL_S = 20.0
"""So much more than was played is kept: how long a bot takes to leave depends on its settings."""


@attrs.define(eq=False)
class TapedSource:
    """What `dnbot.fakes.market` is driven by. The index is the middle of the first venue's tape."""

    tapes: Mapping[Venue, Tape]
    rates: Rates
    begin_s: float

    def index(self, at_s: float) -> float:
        """The middle of the leading book at its last turn."""
        del at_s
        return next(iter(self.tapes.values())).middle()

    def perp(self, at_s: float) -> float | None:
        """Where the perpetual has no tape, its price is modelled."""
        del at_s
        return None

    def funding_rate(self, at_s: float) -> Decimal | None:
        """From the file of rates; without one there is no funding, rather than an invented one."""
        return self.rates.next_after(self.begin_s + at_s) or Decimal(0)


@attrs.define(eq=False)
class CaptureData:
    """Captures of one symbol. Raises ReplayError and ConfigError when it is made, for what cannot be played."""

    symbol: str
    feeds: Mapping[str, Feed]
    files: tuple[DataFile, ...]
    span: Span
    mapping: Mapped
    rates: Rates
    beats_per_s: int = BEATS_PER_S
    keep: Path | None = None
    """Where what the tapes do is kept for the next who plays the same; None: nowhere."""
    _kept: KeptTapes | None = attrs.field(default=None, init=False)
    _model: MarketModel | None = attrs.field(default=None, init=False)

    @classmethod
    def of(
        cls, found: Recording, symbol: str, mapping: Mapped, rates: Rates, beats_per_s: int = BEATS_PER_S,
        keep: Path | None = None,
    ) -> CaptureData:
        """Those of a folder; every line is looked at."""
        kinds = found.captures.get(symbol, {})
        if not kinds:
            known = ", ".join(sorted(found.captures)) or "none"
            raise ReplayError(f"{found.path}: no capture of {symbol}, which the configuration trades; there is {known}")
        if symbol not in SYMBOLS:
            raise ReplayError(f"{symbol}: the rules of its instruments are not known; known: {', '.join(SYMBOLS)}")
        for venue, shape in mapping.items():
            if shape.recorded not in (*kinds, MODEL):
                raise ConfigError("--map", venue, shape.recorded, f"{', '.join(kinds)} or {MODEL}, for {found.path}")
        used = sorted({shape.recorded for shape in mapping.values()} - {MODEL})
        if GATE_SPOT not in mapping or mapping[GATE_SPOT].recorded == MODEL:
            raise ConfigError("--map", GATE_SPOT, MODEL, "a recorded book, which the index follows")
        looked = {name: looked_at(kinds[name], symbol, found.path) for name in used}
        lag_ns = max(shape.lag_ms for shape in mapping.values()) * NS_PER_MS
        first = max(files[0].first_ns for files in looked.values()) + WARM_NS + lag_ns
        last = min(files[-1].last_ns for files in looked.values())
        if first >= last:
            raise ReplayError(f"{found.path}: the files of {symbol} have no time in common")
        return cls(
            symbol, {name: partial(events, kinds[name]) for name in used},
            tuple(file for files in looked.values() for file in files), Span(first, last), mapping, rates, beats_per_s,
            keep,
        )

    def within(self, begin_ns: int, end_ns: int) -> CaptureData:
        """The same books from one moment of the span to another; what was recorded before makes them whole."""
        return attrs.evolve(self, span=Span(begin_ns, end_ns))

    @property
    def resting(self) -> str:
        """As everywhere where outside orders are replaced."""
        return IN_FRONT

    def settings(self, config: FakesConfig) -> FakesConfig:
        """Quotes of a model are the realistic preset's, without moods or jumps of their own."""
        return attrs.evolve(config, symbols=(self.symbol,), market="realistic", funding_first_after_s=None)

    def enter(self, world: World) -> None:
        """Empty the books, and let the tapes fill them."""
        invented = world.models[self.symbol]
        for instrument in invented.instruments:
            _empty(world, instrument)
        source = TapedSource(self._tapes(invented.instruments), self.rates, self.span.begin_ns / 1e9)
        steps_per_s = float(self.beats_per_s * len(VENUES))
        self._model = world.models[self.symbol] = MarketModel(
            world.config.seed, world.params, invented.instruments, source.index(0.0), ModelPosition(),
            Character(steps_per_s=steps_per_s), source, start_s=-PRIMING_STEPS / steps_per_s,
        )
        for _ in range(PRIMING_STEPS):
            world.step_market(self.symbol)
        world.funding.estimates.clear()
        world.funding.update_mark(self.symbol)

    def leave(self) -> None:
        """Keep what the tapes did, if that is wanted, and what they will do soon: the next run may end later."""
        if self._kept is None:
            return
        if self._model is not None and not self._kept.from_disk:
            with suppress(ReplayError, OSError):
                for _ in range(round(TAIL_S * self._model.character.steps_per_s)):
                    self._model.step()
        self._kept.leave()

    @property
    def from_disk(self) -> bool:
        """Whether all that was played had been kept, and no recording was read."""
        return self._kept is not None and self._kept.from_disk

    def _tapes(self, instruments: tuple[Instrument, ...]) -> Mapping[Venue, Tape]:
        """Of every venue that shows a recorded book."""
        named = ((one, self.mapping[one.venue].recorded) for one in instruments)
        shown = {one: name for one, name in named if name != MODEL}

        def live() -> dict[Venue, Tape]:
            copies = {name: list(tee(self.feeds[name](), count)) for name, count in Counter(shown.values()).items()}
            return {one.venue: self.tape(one, copies[name].pop) for one, name in shown.items()}

        if self.keep is None:
            return live()
        self._kept = KeptTapes(self.keep, self.key(tuple(shown)), tuple(one.venue for one in shown), live)
        return self._kept.tapes()

    def key(self, instruments: tuple[Instrument, ...]) -> str:
        """The name of what their tapes do: of everything that decides it."""
        files = [(file.name, file.sha256) for file in self.files]
        return key_of(files, sorted(self.mapping.items()), instruments, self.span.begin_ns, self.beats_per_s)

    def tape(self, instrument: Instrument, feed: Feed | None = None) -> FedTape:
        """The recorded book as that venue shows it, at its beginning; `feed` where somebody else reads it as well."""
        shape, span = self.mapping[instrument.venue], self.span
        feed = feed or self.feeds[shape.recorded]
        return FedTape((), instrument, span.begin_ns, span.end_ns, feed=feed, shape=shape)

    def described(self) -> Mapping[str, str]:
        """What each venue shows."""
        told: dict[str, str] = {venue: self.mapping[venue].describe() for venue in VENUES}
        told["speed"] = f"as it was recorded; each book follows {self.beats_per_s} times a second"
        told["funding"] = "rates of the file" if self.rates.rates else "none: no rates were given, so nothing is paid"
        return told


def _empty(world: World, instrument: Instrument) -> None:
    key = (instrument.venue, instrument.symbol)
    for order in list(world.exchange.state.markets[key].orders()):
        if order.owner == EXTERNAL:
            world.exchange.external_cancel(*key, order.order_id)
    if instrument.venue == GATE_FUTURES:
        world.funding.estimates.pop(instrument.symbol, None)
    world.exchange.commit()
