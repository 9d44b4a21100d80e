"""What a trade must earn to be done: as an entry, or as the undoing of an earlier one."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.order import Purpose
from dnbot.domain.pair import Pair, PairKind
from dnbot.domain.units import ZERO
from dnbot.strategy.costs import CarryOutlook
from dnbot.strategy.entry_reserve import entry_reserve_bps
from dnbot.strategy.inventory import Inventory
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.undo import Need, lots_undone_by, undo_needs

UNBOUNDED = Decimal("Infinity")


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The requirement on the own edge of the last unit of a quantity, bps."""

    purpose: Purpose
    needs: tuple[Need, ...]
    """Before the inventory price; quantities ascending, needs never falling. The last one ends what may be traded."""
    floor_bps: Decimal
    """No discount leads below this."""
    discount: bool
    """Whether bringing inventory back lowers the requirement."""
    reserve_bps: Decimal
    """The part of the requirement that is there for slippage."""
    outlook: CarryOutlook | None = None

    @property
    def quantity_max(self) -> Decimal:
        """Base units net that these terms cover."""
        return self.needs[-1][0]

    def required_bps(self, quantity: Decimal, inventory_price_bps: Decimal) -> Decimal:
        """What the last unit of `quantity` must earn, inventory price included."""
        need = self.needs[0][1] if len(self.needs) == 1 else next(need for end, need in self.needs if quantity <= end)
        if inventory_price_bps >= 0:
            return need + inventory_price_bps
        if not self.discount:
            return need
        return min(need, max(need + inventory_price_bps, self.floor_bps))


def terms_of(
    pair: Pair,
    inventory: Inventory,
    params: StrategyParameters,
    mid: Decimal,
    outlook: CarryOutlook | None,
    carry_age_bps: Decimal,
) -> tuple[Terms, ...]:
    """The ways in which this pair may be traded, the one to try first in front; empty when there is none now."""
    lots = lots_undone_by(pair, inventory.portfolio)
    reserve = entry_reserve_bps(params, inventory.portfolio)
    if pair.kind is PairKind.CARRY_CLOSE:
        # Inventory above the base position that no lot explains has no entry to be weighed against.
        needs = undo_needs(lots, mid, params, carry_age_bps)
        beyond = needs[-1][1] if needs else params.arbitrage_exit_threshold_bps
        return (_exit((*needs, (UNBOUNDED, beyond)), params),)
    if pair.kind is PairKind.CARRY_OPEN:
        return () if outlook is None else (_entry(params, reserve, outlook, discount=True),)
    if not lots:
        return (_entry(params, reserve, None, discount=True),)
    # With something to undo, the way back is judged as an undo; only its full entry edge makes it an entry.
    return _exit(undo_needs(lots, mid, params, ZERO), params), _entry(params, reserve, None, discount=False)


def _entry(
    params: StrategyParameters, reserve_bps: Decimal, outlook: CarryOutlook | None, *, discount: bool
) -> Terms:
    later = outlook.total_bps if outlook is not None else ZERO
    need = params.arbitrage_entry_threshold_bps + reserve_bps - later
    return Terms(
        purpose=Purpose.ENTRY, needs=((UNBOUNDED, need),), floor_bps=params.arbitrage_exit_threshold_bps - later,
        discount=discount, reserve_bps=reserve_bps, outlook=outlook,
    )


def _exit(needs: tuple[Need, ...], params: StrategyParameters) -> Terms:
    return Terms(
        purpose=Purpose.EXIT, needs=needs, floor_bps=params.arbitrage_exit_threshold_bps, discount=False,
        reserve_bps=ZERO,
    )
