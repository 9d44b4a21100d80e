"""A market that a test moves by hand: the same words in memory and on sockets, now or later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path

import attrs
import msgspec

from dnbot.fakes.records import Side
from dnbot.fakes.script_words import (
    Command,
    Refill,
    ScriptRefused,
    SetBook,
    SetDepth,
    SetFunding,
    SetLevels,
    SetMark,
    SetMid,
    SetOffset,
    SetPulse,
    SetSpread,
    SettleFunding,
    Trade,
    encode_commands,
    read_script,
)

from .doors import Door, HarnessError
from .records import VenueName, venue_of

BATCH = 2_000  # commands of at most a few hundred bytes each: below what the fakes take as one body
Number = Decimal | int | float | str
"""A float means its shortest decimal text: 0.1 is exactly 0.1."""
Levels = Iterable[tuple[Number, Number]]
"""(price, quantity) in any order."""


@attrs.frozen
class ScriptedMarket:
    """Outsiders who do what they are told. Each command is carried out before the method returns.

    At the start every venue shows a ladder around the symbol's usual price: 20 levels a side, 1 bps apart, 2 bps
    between the best, worth 3000 quote each. ``symbol`` is ``BTC/USDT``; without one, the first is meant. Quantities are
    base units on spot and contracts on the perpetual. What cannot be carried out raises HarnessError and changes
    nothing: prices off the tick, quantities off the lot, crossed books, unknown symbols.
    """

    _door: Door
    _after_s: float | None = None

    def after(self, seconds: float) -> ScriptedMarket:
        """The same market with commands that are carried out that many seconds from the time they are given."""
        return attrs.evolve(self, after_s=seconds)

    # -- the ladder

    def set_mid(self, price: Number, *, venue: VenueName | None = None, symbol: str = "") -> None:
        """Move the middle of all venues, each at its offset; or, with a venue, its own alone until the next move."""
        self._give(SetMid(price=_decimal(price), venue=venue and venue_of(venue), symbol=symbol))

    def offset(self, venue: VenueName, bps: Number, *, symbol: str = "") -> None:
        """Keep a venue that many bps above the common middle (negative: below)."""
        self._give(SetOffset(venue=venue_of(venue), bps=_decimal(bps), symbol=symbol))

    def spread(self, venue: VenueName, bps: Number, *, symbol: str = "") -> None:
        """Distance between a venue's best bid and best ask in bps of its middle, rounded outwards to whole ticks."""
        self._give(SetSpread(venue=venue_of(venue), bps=_decimal(bps), symbol=symbol))

    def depth(
        self,
        venue: VenueName | None = None,
        *,
        levels: int | None = None,
        base_per_level: Number | None = None,
        step_bps: Number | None = None,
        symbol: str = "",
    ) -> None:
        """Shape the ladder of one venue or of all; what is left out stays. ``base_per_level`` is base units everywhere.

        ``levels=0`` empties the book.
        """
        base = None if base_per_level is None else _decimal(base_per_level)
        step = None if step_bps is None else _decimal(step_bps)
        wanted = venue and venue_of(venue)
        self._give(SetDepth(venue=wanted, levels=levels, base_per_level=base, step_bps=step, symbol=symbol))

    def refill(self, venue: VenueName | None = None, *, symbol: str = "") -> None:
        """Bring back what was taken from the outsiders' levels."""
        self._give(Refill(venue=venue and venue_of(venue), symbol=symbol))

    def pulse(self, every_s: float = 0.1) -> None:
        """Keep the venues' streams talking although nothing changes: a still market looks like a dead one to a client.

        Every so often a lot comes and goes at the best level of each book. 0 stops it. The fixture ``bot`` begins it.
        """
        self._give(SetPulse(every_s=every_s))

    # -- single levels and trades

    def book(self, venue: VenueName, *, bids: Levels = (), asks: Levels = (), symbol: str = "") -> None:
        """Show these levels and no others, until the next command about this book."""
        self._give(SetBook(venue=venue_of(venue), bids=_levels(bids), asks=_levels(asks), symbol=symbol))

    def levels(self, venue: VenueName, *, bids: Levels = (), asks: Levels = (), symbol: str = "") -> None:
        """Set absolute quantities at these prices, 0 for none: an L2 update. Other levels stay.

        Outsiders of the other side whose prices would be met are withdrawn; orders of API clients there are filled.
        """
        self._give(SetLevels(venue=venue_of(venue), bids=_levels(bids), asks=_levels(asks), symbol=symbol))

    def trade(
        self, venue: VenueName, side: Side, quantity: Number, *, price: Number | None = None, symbol: str = ""
    ) -> None:
        """An outsider takes from the book, no worse than ``price``; what it does not get is forgotten."""
        limit = None if price is None else _decimal(price)
        self._give(
            Trade(venue=venue_of(venue), side=side, quantity=_decimal(quantity), price=limit, symbol=symbol)
        )

    # -- the perpetual

    def funding(self, rate: Number, *, next_after_s: int | None = None, symbol: str = "") -> None:
        """The rate as a fraction (0.0001 = 1 bps; positive: longs pay), and when the next settlement is due."""
        self._give(SetFunding(rate=_decimal(rate), next_after_s=next_after_s, symbol=symbol))

    def settle_funding(self, *, symbol: str = "") -> None:
        """Charge funding on every position now, at the present mark and rate."""
        self._give(SettleFunding(symbol=symbol))

    def mark(self, mark: Number | None = None, *, index: Number | None = None, symbol: str = "") -> None:
        """Hold mark and index at these prices; one that is left out follows its book again (the perp's, Gate's)."""
        held = None if mark is None else _decimal(mark)
        self._give(SetMark(mark=held, index=None if index is None else _decimal(index), symbol=symbol))

    # -- files

    def replay(
        self,
        file: str | Path,
        *,
        speed: float = 1.0,
        reader: Callable[[Path], Iterable[Command]] = read_script,
    ) -> float:
        """Play a file from now on, ``speed`` times as fast; returns how many seconds it takes.

        The format is that of ``dnbot.fakes.script_words``; another one needs a ``reader`` that makes commands of it.
        Raises HarnessError for a line that says nothing sensible (those before it may be played), OSError for the file.
        """
        begin_s = self._after_s or 0.0
        try:
            commands = [_at(command, begin_s + command.at_s / speed) for command in reader(Path(file))]
        except ScriptRefused as why:
            raise HarnessError(str(why)) from None
        self._schedule(commands)
        return commands[-1].at_s if commands else 0.0

    # -- inside

    def _give(self, command: Command) -> None:
        if self._after_s is None:
            self._door.ask("market", encode_commands([command]))
        else:
            self._schedule([_at(command, self._after_s)])

    def _schedule(self, commands: Sequence[Command]) -> None:
        """All of them count from the moment at which the first batch arrives."""
        since_ns = self._door.ask("market")["time_ns"]
        for start in range(0, len(commands), BATCH):
            self._door.ask("market", encode_commands(commands[start : start + BATCH]), since_ns=since_ns)


def _at(command: Command, at_s: float) -> Command:
    return msgspec.structs.replace(command, at_s=at_s)


def _decimal(value: Number) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def _levels(levels: Levels) -> tuple[tuple[Decimal, Decimal], ...]:
    return tuple((_decimal(price), _decimal(quantity)) for price, quantity in levels)
