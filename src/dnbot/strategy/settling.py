"""What the perpetual earned between the fill that closed part of it and the row of the venue's account book.

The fill takes the closed part out of unrealised profit at once; the wallet gets it with the row, which only a read
tells, seconds later. Meanwhile it is part of equity and of margin all the same.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.units import ZERO
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.turn import Turn

SETTLE_S_MAX = 150.0
"""So long after the last fill or row what one lacks of the other is still to come; then it is a matter of rounding."""


def settling(context: StrategyContext) -> Decimal:
    """Quote units that fills of the perpetual realised and no row told yet; below zero: a row came before its fill."""
    amount, at_s = context.risk.settling
    return amount if context.now_s - at_s < SETTLE_S_MAX else ZERO


def note_realised(turn: Turn, amount: Decimal) -> None:
    """A fill realised so much."""
    if amount:
        _note(turn, settling(turn.context) + amount)


def note_booked(turn: Turn, amount: Decimal) -> None:
    """A row of the account book told of so much: also, after a time without reads, of a fill that was given up."""
    _note(turn, turn.context.risk.settling[0] - amount)


def _note(turn: Turn, amount: Decimal) -> None:
    settling_now = (amount, turn.context.now_s)
    turn.change(risk=msgspec.structs.replace(turn.context.risk, settling=settling_now))
