"""A mispriced level at MEXC, now below Gate's bids and now above its asks: each can be taken once.

Gate's books stand still around 60,000. MEXC's is so wide that a level fits into it without meeting anybody, and the
perpetual's so wide that it pays nobody. Whoever takes the level and Gate's spot against it earns about 25 bps after
entry-level fees; two strokes in turn leave all wallets as they were.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

from dnbot.fakes.records import Side
from dnbot.fakes.script_words import Command, Refill, SetLevels, SetPulse, SetSpread, encode_commands
from dnbot.testing.doors import Door, open_socket_door

MID = Decimal(60_000)
WIDE_BPS = Decimal(130)
AWAY = Decimal(300)
"""Quote units between the middle and the level."""
QUANTITY = Decimal("0.005")
"""Base units that it offers, a tenth of what Gate's best level holds."""
GATE_BID, STIRRED = MID - 6, Decimal("0.05")
"""Best bid of the ladder that Gate's spot shows, and what it holds after an even number of changes."""
PRICES = 1_000
"""Strokes that have a price of their own, two hundredths apart; then they come again."""
PULSE_S = 0.1
"""So often a lot comes and goes at every best level: silence would look like a dead market."""
AHEAD_S = 0.05
"""So long after it was asked for a stroke comes: whoever asks is then done with asking."""


@attrs.frozen
class Stroke:
    """One level."""

    side: Side
    """What its taker does at MEXC."""
    price: Decimal

    @classmethod
    def of(cls, number: int) -> Stroke:
        """The first, number 0, is for a buyer, who need not hold the coin; then they take turns."""
        cents = Decimal(2 * (number % PRICES) + 1) / 100  # odd: no notation drops the last digit
        return cls("buy", MID - AWAY + cents) if number % 2 == 0 else cls("sell", MID + AWAY + cents)

    @property
    def text(self) -> bytes:
        """The price as it stands in a frame."""
        return str(self.price).encode()

    def command(self, at_s: float) -> SetLevels:
        """What shows the level after so many seconds."""
        level = ((self.price, QUANTITY),)
        if self.side == "buy":
            return SetLevels(venue="mexc_spot", asks=level, at_s=at_s)
        return SetLevels(venue="mexc_spot", bids=level, at_s=at_s)


@attrs.frozen
class Market:
    """The scripted market of fakes that run."""

    door: Door

    @classmethod
    def at(cls, address: dict[str, Any]) -> Market:
        """Of fakes at that address."""
        return cls(open_socket_door(address["mexc_rest"], Path(address["ca_file"])))

    def keep_talking(self, every_s: float = PULSE_S) -> None:
        """From the start: who sees no news takes a market for dead."""
        self._order([SetPulse(every_s=every_s)])

    def clear(self) -> None:
        """No level is there any more, and what was taken of Gate's spot has come back."""
        wide = [SetSpread(venue=venue, bps=WIDE_BPS) for venue in ("mexc_spot", "gate_futures")]
        self._order([*wide, Refill(venue="gate_spot")])

    def strike(self, stroke: Stroke) -> None:
        """Clear, and show this level in a moment. Blocks for some milliseconds, until before that."""
        self.clear()
        since_ns = self.door.ask("market")["time_ns"]
        self._order([stroke.command(AHEAD_S)], since_ns=since_ns)

    def stir(self, changes: int, seconds: float) -> None:
        """So many changes of the size of Gate's best bid, spread over the next seconds: frames of its ticker."""
        since_ns = self.door.ask("market")["time_ns"]
        sizes = (STIRRED, STIRRED + QUANTITY)
        self._order(
            [
                SetLevels(venue="gate_spot", bids=((GATE_BID, sizes[number % 2]),), at_s=number * seconds / changes)
                for number in range(changes)
            ],
            since_ns=since_ns,
        )

    def taken(self) -> set[Decimal]:
        """The prices at which the account was filled at MEXC, by the venue's own books."""
        return {Decimal(row["price"]) for row in self.door.ask("audit")["fills"] if row["venue"] == "mexc_spot"}

    def _order(self, commands: Iterable[Command], **when: int) -> None:
        self.door.ask("market", encode_commands(commands), **when)
