"""Which orders stand for one side of a recorded book: made anew where something changed, and nowhere else.

A recording mentions a few levels between two looks, of hundreds that are shown; to compare all of them cost more than
everything else that a replay did.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from math import inf

import attrs

from .records import ZERO, Side

LEVELS = 100  # of each side that are shown unless somebody wants another number


@attrs.define
class ShownSide:
    """One side on a venue's grid. ``ticks_of`` rounds a recorded price, ``lots_of`` a base quantity, to whole ones.

    A rank is a level in ticks, negative on the side of bids: the smaller, the better.
    """

    side: Side
    ticks_of: Callable[[Side, Decimal], int]
    lots_of: Callable[[Decimal], Decimal]
    in_view: int = LEVELS
    """How many levels are."""
    orders: dict[int, tuple[int, Decimal]] = attrs.field(factory=dict)
    """What was placed: number of the order and quantity, by rank."""
    _recorded: dict[int, dict[Decimal, Decimal]] = attrs.field(factory=dict)
    """Recorded quantities by price, of each rank that has any."""
    _rank_of: dict[Decimal, int] = attrs.field(factory=dict)
    """The rank of each price that was ever mentioned."""
    _ranks: list[int] = attrs.field(factory=list)
    _lots: dict[int, Decimal] = attrs.field(factory=dict)
    """What is shown at a rank; made when it is asked for, as most of a recording's levels never come into view."""
    _edge: float = -inf
    """The worst rank that is in view."""
    _reached: float = -inf
    """How far takers may have come since the last look."""
    _far: dict[Decimal, None] = attrs.field(factory=dict)
    """Prices beyond the horizon that were mentioned and not folded: most of what a recording mentions is never seen."""
    _horizon: float = inf
    """The worst rank up to which everything is folded; it may be lowered, and raised when nothing is far."""
    _all: bool = True
    """Whether the next look compares everything."""

    def begin(self) -> None:
        """Another recorded book takes the place of this one."""
        self._recorded.clear()
        self._ranks.clear()
        self._lots.clear()
        self._far.clear()
        self._horizon = inf
        self._all = True

    def forget(self) -> None:
        """None of the orders stands any more."""
        self.orders.clear()
        self._reached, self._all = -inf, True

    def reach(self, ticks: int) -> None:
        """A taker went so far: what it may have met is placed anew at the next look."""
        self._reached = max(self._reached, self._rank(ticks))

    def look(
        self, levels: Mapping[Decimal, Decimal], touched: Iterable[Decimal], gone: Iterable[Decimal]
    ) -> tuple[list[int], list[tuple[int, Decimal]]]:
        """Take over what the recording says of prices that it mentioned, and of those that a whole book left out.

        Returns the ranks whose orders must go or be made whole (those that were mentioned or reached, and those that
        changed), and what shall stand where none stands then, as ranks, best first, and quantities.
        """
        named = self._fold(levels, touched)
        changed = named | self._fold(levels, gone)
        self._look_beyond(levels)
        seen = self._in_view(changed)
        stale = [
            rank for rank in seen
            if rank in self.orders
            and (rank in named or rank <= self._reached or self._wanted(rank) != self.orders[rank][1])
        ]  # fmt: skip
        dropped = set(stale)
        missing = [
            (rank, quantity) for rank in sorted(seen)
            if (rank not in self.orders or rank in dropped) and (quantity := self._wanted(rank))
        ]  # fmt: skip
        self._reached, self._all = -inf, False
        return stale, missing

    def _look_beyond(self, levels: Mapping[Decimal, Decimal]) -> None:
        """Fold what is far where it may be in view, and let the horizon lie as far behind the view as that is deep."""
        ranks = self._ranks
        if len(ranks) < self.in_view or max(ranks[self.in_view - 1], self._reached) > self._horizon:
            far, self._far, self._horizon = self._far, {}, inf
            self._fold(levels, far)
        if len(ranks) >= self.in_view:
            edge = ranks[self.in_view - 1]
            depth = edge - ranks[0]
            if edge + 2 * depth < self._horizon:
                self._horizon = edge + depth

    def _in_view(self, changed: set[int]) -> set[int]:
        """Those of them that are in view or were; what came into view or left it because of them; what was reached."""
        ranks, before = self._ranks, self._edge
        self._edge = ranks[self.in_view - 1] if len(ranks) >= self.in_view else inf
        low, high = min(before, self._edge), max(before, self._edge)
        seen = {rank for rank in changed if rank <= high}
        seen.update(ranks[bisect_right(ranks, low) : bisect_right(ranks, high)])
        seen.update(ranks[: bisect_right(ranks, self._reached)])
        if self._all:
            seen.update(ranks[: self.in_view], self.orders)
        return seen

    def _rank(self, ticks: int) -> int:
        return -ticks if self.side == "buy" else ticks

    def _fold(self, levels: Mapping[Decimal, Decimal], prices: Iterable[Decimal]) -> set[int]:
        """Quantities at these prices; the ranks that have them. What is beyond the horizon is put off."""
        ranks, rank_of, lots, far, horizon = set(), self._rank_of, self._lots, self._far, self._horizon
        for price in prices:
            rank = rank_of.get(price)
            if rank is None:
                rank = rank_of[price] = self._rank(self.ticks_of(self.side, price))
            if rank > horizon:
                far[price] = None
                continue
            ranks.add(rank)
            lots.pop(rank, None)
            recorded, quantity = self._recorded.get(rank), levels.get(price)
            if quantity is not None:
                if recorded is None:
                    recorded = self._recorded[rank] = {}
                    insort(self._ranks, rank)
                recorded[price] = quantity
            elif recorded is not None and recorded.pop(price, None) is not None and not recorded:
                del self._recorded[rank]
                del self._ranks[bisect_left(self._ranks, rank)]
        return ranks

    def _wanted(self, rank: int) -> Decimal | None:
        """What should stand there, None for nothing."""
        recorded = self._recorded.get(rank)
        if recorded is None or rank > self._edge or (rank >= 0) == (self.side == "buy") or not rank:
            return None
        lots = self._lots.get(rank)
        if lots is None:
            lots = self._lots[rank] = self.lots_of(sum(recorded.values(), ZERO))
        return lots or None
