"""Slices: spot and perpetual together, towards the band and the split, inside cost and price caps."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.order import Side
from dnbot.domain.pair import Declined
from dnbot.strategy.sizing import EstablishPlan, Inventory, establish_step, flatten_step

GS, GF, MS = Venue.GATE_SPOT, Venue.GATE_FUTURES, Venue.MEXC_SPOT


def step(make: Any, inventory: Inventory, market: Any = None, **more: Any) -> EstablishPlan | Declined | None:
    """The next slice of a position of 1."""
    return establish_step(
        inventory, market or make.market(), more.get("fees") or make.fees(), more.get("params") or make.params()
    )


def after(make: Any, inventory: Inventory, plan: EstablishPlan, fees: Any) -> Inventory:
    """The inventory when both orders filled."""
    arrived = plan.spot_quantity / fees[plan.spot_venue].gross_up if plan.spot_side is Side.BUY else plan.spot_quantity
    base = dict(inventory.spot_base)
    base[plan.spot_venue] += arrived * plan.spot_side.sign
    perp = inventory.perp_base - plan.perp_quantity * plan.spot_side.sign
    return make.inventory(base[GS], base[MS], perp)


@settings(max_examples=40)
@given(
    gs=st.integers(0, 40), ms=st.integers(0, 40), ratio=st.integers(0, 4), in_base=st.booleans(),
    multiple=st.integers(1, 3),
)
def test_slices_lead_into_the_band_and_stay_hedged(
    gs: int, ms: int, ratio: int, in_base: bool, multiple: int, make: Any
) -> None:
    """From any hedged start the steps end inside the band, delta within a lot a slice, each slice within its limits."""
    fees = make.fees(in_base=in_base)
    params = make.params(inventory_ratio=Decimal(ratio) / 4, max_position_multiplier=multiple)
    inventory = make.inventory(Decimal(gs) / 10, Decimal(ms) / 10, -Decimal(gs + ms) / 10)
    slices = 0
    while (plan := step(make, inventory, fees=fees, params=params)) is not None:
        assert isinstance(plan, EstablishPlan), plan
        assert plan.perp_quantity <= params.slice_base
        told = after(make, inventory, plan, fees)
        assert abs(told.delta - inventory.delta) < Decimal("0.0001")
        inventory, slices = told, slices + 1
        assert slices < 90
    assert 1 - Decimal("0.0012") <= inventory.total_base <= multiple + Decimal("0.0012")


@given(gs=st.integers(0, 10), ms=st.integers(0, 10), in_base=st.booleans(), wide=st.integers(0, 60))
def test_no_slice_costs_more_than_allowed(gs: int, ms: int, in_base: bool, wide: int, make: Any) -> None:
    """Even at both limit prices, fees included, the cost is within `establish_cost_bps_max` of the mid."""
    fees, params = make.fees(in_base=in_base), make.params()
    market = make.market(gs=60_000 + wide, ms=60_000 - wide)
    inventory = make.inventory(Decimal(gs) / 21, Decimal(ms) / 21, -Decimal(gs + ms) / 21)
    plan = step(make, inventory, market, fees=fees)
    if not isinstance(plan, EstablishPlan):
        return
    assert plan.spot_side is Side.BUY
    mid = (market.books[plan.spot_venue].mid + market.books[GF].mid) / 2
    cost = plan.spot_price * fees[plan.spot_venue].buy_factor - plan.perp_price * fees[GF].sell_factor
    assert cost / mid * 10_000 <= params.establish_cost_bps_max + Decimal("1e-6")
    assert market.instruments[plan.spot_venue].problem_with(plan.spot_quantity, plan.spot_price) is None
    assert market.instruments[GF].problem_with(plan.perp_quantity, plan.perp_price) is None


def test_the_venue_further_from_its_share_goes_first(make: Any) -> None:
    """Nothing held and 25 % wished on Gate: MEXC first; then the other."""
    params = make.params(inventory_ratio="0.25")
    first = step(make, make.inventory(0, 0, 0), params=params)
    assert isinstance(first, EstablishPlan)
    assert (first.spot_venue, first.spot_side, first.perp_quantity) == (MS, Side.BUY, Decimal("0.1"))
    second = step(make, make.inventory(0, "0.75", "-0.75"), params=params)
    assert isinstance(second, EstablishPlan)
    assert second.spot_venue is GS


def test_a_slice_does_not_overshoot_the_venues_share(make: Any) -> None:
    """0.03 are missing on Gate and 0.05 on MEXC: the slice is 0.05."""
    plan = step(make, make.inventory("0.47", "0.45", "-0.92"))
    assert isinstance(plan, EstablishPlan)
    assert (plan.spot_venue, plan.perp_quantity) == (MS, Decimal("0.05"))


def test_where_one_venue_cannot_the_other_does(make: Any) -> None:
    """Without quote on Gate, MEXC buys; without any, the reason is that of the first."""
    poor = make.changed(make.inventory(0, "0.3", "-0.3"), quote={GS: Decimal(0), MS: Decimal(50_000)})
    plan = step(make, poor)
    assert isinstance(plan, EstablishPlan)
    assert plan.spot_venue is MS
    broke = step(make, make.inventory(0, 0, 0, quote=0))
    assert isinstance(broke, Declined)
    assert broke.reason == "QUOTE"


@pytest.mark.parametrize(
    ("gs", "ms"), [("0.5", "0.5"), ("0.5", "0.4995"), ("1.5", "1.5"), ("1.5", "1.5009"), ("0", "2")]
)
def test_inside_the_band_nothing_is_built(make: Any, gs: str, ms: str) -> None:
    """From one lot below the base to one lot above its multiple; carries above the base are never dumped."""
    inventory = make.inventory(gs, ms, -(Decimal(gs) + Decimal(ms)))
    assert step(make, inventory) is None


def test_what_is_too_small_to_trade_counts_as_inside(make: Any) -> None:
    """A shortfall below the venues' minimum cannot be bought, and does not hold the bot in this state."""
    rules = {venue: make.instrument(venue, min_notional=1_000) for venue in VENUES}
    assert step(make, make.inventory("0.5", "0.49", "-0.99"), make.market(instruments=rules)) is None


def test_too_much_is_sold_where_most_is_too_much(make: Any) -> None:
    """Above the band: sell spot, buy the short back reduce-only, down to the band."""
    plan = step(make, make.inventory(2, "1.05", "-3.05"))
    assert isinstance(plan, EstablishPlan)
    assert (plan.spot_venue, plan.spot_side, plan.perp_quantity) == (GS, Side.SELL, Decimal("0.05"))
    no_short = step(make, make.inventory(2, "1.05", 0))
    assert isinstance(no_short, Declined)
    assert no_short.reason == "INVENTORY"


@pytest.mark.parametrize(
    ("reason", "market"),
    [
        ("COST", {"gs": 60_300, "ms": 60_300}),
        ("IDENTITY", {"gf": 66_000}),
        ("COLLAR", {"gs": 59_300, "gf": 59_300, "ms": 59_300}),
        ("COLLAR", {"mark": None}),
        ("CROSSED", {"crossed": True}),
        ("STALE", {"gs": None, "ms": None}),
        ("STALE", {"instruments": {}}),
        ("MARGIN", {}),
    ],
)
def test_a_slice_that_should_not_be_bought_is_declined(make: Any, reason: str, market: dict[str, Any]) -> None:
    """Too dear, another coin, far from the mark, no reference, a corrupt or missing book, no margin."""
    if market.pop("crossed", False):
        market = {"gs": make.book(GS, half="-0.5"), "ms": make.book(MS, half="-0.5")}
    inventory = make.inventory(0, 0, 0, margin=0 if reason == "MARGIN" else 100_000)
    found = step(make, inventory, make.market(**market))
    assert isinstance(found, Declined)
    assert found.reason == reason


# --- flattening


@settings(max_examples=30)
@given(gs=st.integers(0, 12), ms=st.integers(0, 12))
def test_flattening_ends_with_nothing_that_can_be_sold(gs: int, ms: int, make: Any) -> None:
    """Slice by slice, hedged all the way, until both venues hold less than an order."""
    fees, inventory = make.fees(), make.inventory(Decimal(gs) / 10, Decimal(ms) / 10, -Decimal(gs + ms) / 10)
    slices = 0
    while (plan := flatten_step(inventory, make.market(), fees, make.params())) is not None:
        assert isinstance(plan, EstablishPlan)
        assert plan.spot_side is Side.SELL
        inventory, slices = after(make, inventory, plan, fees), slices + 1
        assert inventory.delta == 0
        assert slices < 40
    assert inventory.total_base < Decimal("0.003")


def test_flattening_goes_on_where_establishing_would_not(make: Any) -> None:
    """Without a mark, and at a basis beyond the cost of establishing, it still takes down; a crossed book stops it."""
    inventory, fees, params = make.inventory(), make.fees(), make.params()
    market = make.market(gs=59_800, ms=59_800, mark=None)
    assert isinstance(flatten_step(inventory, market, fees, params), EstablishPlan)
    crossed = make.market(gs=make.book(GS, half="-0.5"), ms=make.book(MS, half="-0.5"))
    found = flatten_step(inventory, crossed, fees, params)
    assert isinstance(found, Declined)
    assert found.reason == "CROSSED"


def test_a_book_out_of_reach_of_the_mark_stops_the_flattening(make: Any) -> None:
    """No bid inside the collar of the mark: declined, not sold below."""
    far = make.market(gs=59_000, gf=59_000, ms=59_000)
    found = flatten_step(make.inventory(), far, make.fees(), make.params())
    assert isinstance(found, Declined)
    assert found.reason == "COLLAR"


def test_without_a_short_there_is_no_pair_to_flatten(make: Any) -> None:
    """Spot alone is delta, and delta is hedged first."""
    assert flatten_step(make.inventory(perp=0), make.market(), make.fees(), make.params()) is None
