"""What counts as a loss when carries open and close."""

from __future__ import annotations

from decimal import Decimal

from dnbot.domain.pair import Pair
from dnbot.domain.position import EdgeLot, fold_edge_lot
from dnbot.strategy.closing import _carry_outcome

D = Decimal
PRICE = D(10_000)


def lots(*parts: tuple[str, str]) -> tuple[EdgeLot, ...]:
    """Open carries of (quantity, edge in bps)."""
    return tuple(EdgeLot(D(quantity), D(edge), 0) for quantity, edge in parts)


def closed(before: tuple[EdgeLot, ...], quantity: str, edge: str) -> Decimal | None:
    """The outcome of closing so much at that edge."""
    after = fold_edge_lot(before, EdgeLot(-D(quantity), D(edge), 1))
    return _carry_outcome(Pair.CLOSE_MEXC, D(quantity), D(edge), PRICE, before, after)


def test_an_opening_is_neither_gain_nor_loss() -> None:
    """A carry pays both fees before it earns anything: its opening says nothing yet."""
    assert _carry_outcome(Pair.OPEN_MEXC, D(1), D(-12), PRICE, (), lots(("1", "-12"))) is None


def test_a_closing_is_judged_with_its_own_entries() -> None:
    """Entry and exit edges add up, oldest lots first, in proportion to what is closed of each."""
    before = lots(("1", "-12"), ("1", "-20"))
    assert closed(before, "1", "15") == 3
    assert closed(before, "1.5", "15") == D(15) + (D(-12) + D(-10)) / D("1.5")
    assert closed(before, "2", "10") == 10 - 16


def test_funding_is_of_the_outcome() -> None:
    """What each lot paid or received while it was open counts, at 10,000 a unit as many bps as quote units per base."""
    before = EdgeLot(D(1), D(-12), 0, D(-10)), EdgeLot(D(1), D(-20), 0, D(8))
    assert closed(before, "1", "15") == 15 - 12 - 10
    assert closed(before, "1.5", "15") == D(15) + (D(-22) + D(-6)) / D("1.5")


def test_a_closing_without_an_opening_is_judged_alone() -> None:
    """What was above the base position before any carry: no lot explains it, and an earlier closing is no opening."""
    assert closed((), "1", "3") == 3
    assert closed((EdgeLot(D(-1), D(-5), 0),), "1", "3") == 3
