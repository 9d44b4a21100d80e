"""The hedge: nearest lot, a cap that widens to the collar and no further, reduce-only where it only shrinks."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.order import Side
from dnbot.domain.pair import Declined
from dnbot.strategy.sizing import HedgePlan, hedge_order

GF = Venue.GATE_FUTURES
LOT = Decimal("0.001")


def hedge(make: Any, delta: object, market: Any = None, params: Any = None, **more: Any) -> HedgePlan | Declined | None:
    """One hedge decision, first step."""
    market = market or make.market()
    return hedge_order(
        Decimal(str(delta)), market, market.instruments, params or make.params(), **{"widen_steps": 0, **more}
    )


def planned(found: HedgePlan | Declined | None) -> HedgePlan:
    """The plan that must have been made."""
    assert isinstance(found, HedgePlan), found
    return found


@given(delta=st.decimals(min_value=-2, max_value=2, places=6), steps=st.integers(0, 40), perp=st.integers(-3, 3))
def test_a_hedge_brings_delta_to_its_nearest_lot(delta: Decimal, steps: int, perp: int, make: Any) -> None:
    """What is left is at most half a lot, never overshot by more; the order is valid and inside the collar."""
    market, params = make.market(), make.params(max_order_notional_quote=10**9)
    found = hedge(make, delta, market, params, widen_steps=steps, perp_base=Decimal(perp))
    if found is None:
        assert abs(delta) <= LOT / 2
        return
    plan = planned(found)
    assert abs(delta + plan.quantity * plan.side.sign) <= LOT / 2
    assert market.instruments[GF].problem_with(plan.quantity, plan.price) is None
    assert abs(plan.price - 60_000) <= 600
    assert plan.reachable
    if plan.reduce_only:
        after = perp + plan.quantity * plan.side.sign
        assert abs(after) < abs(perp)
        assert after * perp >= 0


def test_the_cap_doubles_with_each_step(make: Any) -> None:
    """From the slippage reserve at the touch: 1, 2, 4 ... bps, until the collar."""
    caps = [planned(hedge(make, "0.1", widen_steps=step)).price for step in range(9)]
    assert caps[:3] == [Decimal("59993.5"), Decimal("59987.5"), Decimal("59975.5")]
    assert caps == sorted(caps, reverse=True)
    assert caps[7] == caps[8] == 59_400
    buys = [planned(hedge(make, "-0.1", widen_steps=step)).price for step in (0, 8)]
    assert buys == [Decimal("60006.6"), Decimal(60_600)]


def test_a_cap_smaller_than_a_tick_still_reaches_the_touch(make: Any) -> None:
    """Rounding goes away from the touch; without a reserve the widening starts at half a basis point."""
    market = make.market()
    rules = {**market.instruments, GF: make.instrument(GF, tick_size="0.5")}
    coarse = make.changed(market, instruments=rules)
    plan = planned(hedge(make, "-0.1", coarse, make.params(slippage_reserve_bps=0)))
    assert plan.price == 60_004


def test_a_mark_far_from_the_book_leaves_no_reachable_price(make: Any) -> None:
    """The cap stays inside the collar of the mark; the plan says that nothing can be had there."""
    market = make.market(gf=61_000)
    buy = planned(hedge(make, "-0.1", market, widen_steps=20))
    assert (buy.price, buy.reachable) == (60_600, False)
    sell = planned(hedge(make, "0.1", make.market(gf=59_000), widen_steps=20))
    assert (sell.price, sell.reachable) == (59_400, False)
    assert planned(hedge(make, "-0.1", make.changed(market, mark=None), widen_steps=20)).reachable


@pytest.mark.parametrize(
    ("delta", "perp", "reduces"),
    [("-0.1", -1, True), ("-0.1", "-0.1", True), ("-0.1", "-0.05", False), ("-0.1", 0, False), ("-0.1", 1, False),
     ("0.1", -1, False), ("0.1", 1, True)],
)
def test_reduce_only_is_set_where_the_order_only_shrinks(make: Any, delta: str, perp: str, reduces: bool) -> None:
    """The venue then guarantees that a race cannot turn the position over."""
    assert planned(hedge(make, delta, perp_base=Decimal(perp))).reduce_only is reduces


def test_one_order_is_never_larger_than_allowed(make: Any) -> None:
    """Our cap on the notional and the venue's on the quantity cut it; the rest is for the next order."""
    assert planned(hedge(make, 3, params=make.params(max_order_notional_quote=6_100))).quantity == Decimal("0.101")
    market = make.market()
    rules = {**market.instruments, GF: make.instrument(GF, max_quantity="0.05")}
    assert planned(hedge(make, 3, make.changed(market, instruments=rules))).quantity == Decimal("0.05")


def test_what_cannot_be_hedged_is_declined_not_forgotten(make: Any) -> None:
    """No book, no contract, an order too small for the caps, or a rule of the venue: a reason, not None."""
    no_book = make.changed(make.market(), books={})
    assert isinstance(hedge(make, 1, no_book), Declined)
    assert hedge(make, "0.0005", no_book) is None
    nothing = hedge(make, 1, make.changed(make.market(), instruments={}))
    assert isinstance(nothing, Declined)
    assert nothing.reason == "STALE"
    capped = hedge(make, 1, params=make.params(max_order_notional_quote=1))
    assert isinstance(capped, Declined)
    assert capped.reason == "CAP"
    market = make.market()
    rules = {venue: make.instrument(venue, min_notional=10_000) for venue in VENUES}
    small = hedge(make, "0.01", make.changed(market, instruments=rules))
    assert isinstance(small, Declined)
    assert small.reason == "MIN_NOTIONAL"


def test_the_side_follows_the_sign(make: Any) -> None:
    """Too much base is sold, too little is bought."""
    assert planned(hedge(make, "0.01")).side is Side.SELL
    assert planned(hedge(make, "-0.01")).side is Side.BUY
