"""What is shown of a recorded side is, after every look, what comparing all of it would show, in the same order."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Literal

import attrs
from hypothesis import given
from hypothesis import strategies as st

from dnbot.fakes.records import ZERO, Side
from dnbot.fakes.replay_levels import ShownSide

Step = tuple[Literal["put", "whole", "reach", "forget", "begin", "look"], list[tuple[int, int]]]
SHOWN = 4


def ticks_of(side: Side, price: Decimal) -> int:
    """Three recorded prices share a tick."""
    return int((price / 3).to_integral_value(ROUND_FLOOR if side == "buy" else ROUND_CEILING))


def lots_of(base: Decimal) -> Decimal:
    """A lot is two units, so that some quantities are none."""
    return (base / 2).to_integral_value(ROUND_FLOOR) * 2


@attrs.define
class Compared:
    """The same by comparing everything at each look."""

    side: Side
    shown: dict[int, tuple[int, Decimal]] = attrs.field(factory=dict)
    spent: set[int] = attrs.field(factory=set)

    def wanted(self, levels: dict[Decimal, Decimal]) -> dict[int, Decimal]:
        """Lots by tick, best first."""
        sums: dict[int, Decimal] = {}
        for price in sorted(levels, reverse=self.side == "buy"):
            ticks = ticks_of(self.side, price)
            if ticks not in sums and len(sums) == SHOWN:
                break
            sums[ticks] = sums.get(ticks, ZERO) + levels[price]
        return {ticks: lots for ticks, base in sums.items() if ticks > 0 and (lots := lots_of(base))}

    def look(self, levels: dict[Decimal, Decimal], touched: set[Decimal], number: int) -> tuple[list[int], list[int]]:
        """Numbers of the orders that go, oldest first, and the ticks of those that come; `number` is the newest."""
        wanted = self.wanted(levels)
        named = self.spent | {ticks_of(self.side, price) for price in touched}
        self.spent = set()
        stale = [ticks for ticks, (_, lots) in self.shown.items() if ticks in named or wanted.get(ticks) != lots]
        gone = [self.shown.pop(ticks)[0] for ticks in stale]
        new = [ticks for ticks in wanted if ticks not in self.shown]
        for at, ticks in enumerate(new, number + 1):
            self.shown[ticks] = (at, wanted[ticks])
        return gone, new

    def reach(self, limit: int) -> None:
        """A taker went so far."""
        self.spent |= {ticks for ticks in self.shown if (ticks >= limit if self.side == "buy" else ticks <= limit)}


levels = st.lists(st.tuples(st.integers(1, 30), st.sampled_from((0, 0, 1, 2, 5))), min_size=1, max_size=15)
steps: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(st.sampled_from(("put", "put", "put", "whole", "reach", "forget", "begin", "look", "look")), levels),
    max_size=30,
)


@given(side=st.sampled_from(("buy", "sell")), steps=steps)
def test_it_is_as_if_everything_were_compared(side: Side, steps: list[Step]) -> None:
    """Whatever is mentioned, replaced by a whole book, taken from, forgotten or begun anew."""
    made, compared = ShownSide(side, ticks_of, lots_of, SHOWN), Compared(side)
    book: dict[Decimal, Decimal] = {}
    touched: set[Decimal] = set()
    gone: set[Decimal] = set()
    number = 0
    for kind, rows in [*steps, ("look", [])]:
        if kind == "whole":
            gone |= set(book)
            book.clear()
        elif kind == "begin":
            book, touched, gone = {}, set(), set()
            made.begin()
        elif kind == "forget":
            made.forget()
            compared.shown.clear()
            compared.spent.clear()
        elif kind == "reach":
            made.reach(rows[0][0] // 3)
            compared.reach(rows[0][0] // 3)
        if kind in ("put", "whole", "begin"):
            for price, quantity in rows:
                touched.add(Decimal(price))
                book[Decimal(price)] = Decimal(quantity)
                if not quantity:
                    del book[Decimal(price)]
        if kind == "look":
            stale, missing = made.look(book, touched, gone)
            orders = sorted(made.orders.pop(rank)[0] for rank in stale)
            for at, (rank, lots) in enumerate(missing, number + 1):
                made.orders[rank] = (at, lots)
            assert (orders, [abs(rank) for rank, _ in missing]) == compared.look(book, touched, number)
            assert {abs(rank): order for rank, order in made.orders.items()} == compared.shown
            number += len(missing)
            touched.clear()
            gone.clear()


def test_what_others_make_room_for_comes_into_view_and_leaves_it_for_them() -> None:
    """Nobody mentioned the level itself."""
    made, four = ShownSide("buy", ticks_of, lots_of, 2), Decimal(4)
    best, middle, deep = Decimal(30), Decimal(27), Decimal(24)

    def look(book: dict[Decimal, Decimal], *touched: Decimal) -> tuple[list[int], list[int]]:
        stale, missing = made.look(book, touched, ())
        for rank in stale:
            del made.orders[rank]
        made.orders.update({rank: (0, lots) for rank, lots in missing})
        return stale, [rank for rank, _ in missing]

    assert look({best: four, middle: four, deep: four}, best, middle, deep) == ([], [-10, -9])
    assert look({middle: four, deep: four}, best) == ([-10], [-8])
    assert look({best: four, middle: four, deep: four}, best) == ([-8], [-10])
