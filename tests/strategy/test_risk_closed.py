"""Every control fails closed: a figure that is missing or no finite number refuses, and nothing raises."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.order import OrderIntent, Purpose, Side
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.risk import Approved, Refused, RiskInputs, check, latches
from dnbot.strategy.risk_inputs import known
from dnbot.strategy.states import StrategyState

GS, GF, MS = Venue.GATE_SPOT, Venue.GATE_FUTURES, Venue.MEXC_SPOT
P = Purpose
NOT_NUMBERS = [Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("-Infinity")]
NOT_FLOATS = [float("nan"), float("inf"), float("-inf")]
STATES = {
    P.ENTRY: StrategyState.PREPARING_ARBITRAGE, P.EXIT: StrategyState.PREPARING_ARBITRAGE,
    P.ESTABLISH: StrategyState.ESTABLISHING_DELTA_NEUTRAL, P.HEDGE: StrategyState.REBALANCING_DELTA,
    P.UNWIND: StrategyState.REBALANCING_DELTA, P.FLATTEN: StrategyState.SHUTDOWN,
}
LATCHED_ONLY = {"identical_pairs_last_minute"}
FIGURES = [
    field.name for field in msgspec.structs.fields(RiskInputs)
    if field.name not in {"params", "state", "mode", "now_s", "market", *LATCHED_ONLY}
]
REPAIRS_READ = {"instruments", "orders", "hedge_quantity_last_minute"}
FLATTENING_READS = REPAIRS_READ | {"fees", "perp_base"}
EXITS_DO_NOT_READ = {
    "equity_share", "margin_free_quote", "margin_ratio_pct", "liquidation_distance_pct", "adl_rank", "strange_leverage",
    "fleet_denial",
}
READ: dict[Purpose, set[str]] = {
    P.ENTRY: set(FIGURES),
    P.EXIT: set(FIGURES) - EXITS_DO_NOT_READ - {"perp_base", "spot_base", "bound_base"},
    P.ESTABLISH: set(FIGURES) - {
        "equity_share", "delta_worst", "round_trips_last_minute", "api_errors_last_minute",
    },
    P.HEDGE: REPAIRS_READ,
    P.UNWIND: REPAIRS_READ,
    P.FLATTEN: FLATTENING_READS,
}
"""What the controls of each purpose look at; without any of it they refuse."""


def orders(make: Any, purpose: Purpose) -> tuple[OrderIntent, ...]:
    """Orders of this purpose that pass on sound ground; a new carry where it may be one."""
    if purpose in {P.HEDGE, P.UNWIND}:
        return (make.intent(GF, Side.SELL, price="59999.5", purpose=purpose),)
    if purpose is P.FLATTEN:
        return (
            make.intent(GS, Side.SELL, price="59999.5", purpose=purpose),
            make.intent(GF, Side.BUY, price="60000.5", purpose=purpose, reduce_only=True),
        )
    return (
        make.intent(GS, Side.BUY, price="60000.5", purpose=purpose),
        make.intent(GF, Side.SELL, price="59999.5", purpose=purpose),
    )


def standing(make: Any, purpose: Purpose, **changes: Any) -> RiskInputs:
    """Where an order of this purpose passes, with these changes."""
    inputs: RiskInputs = make.inputs(state=STATES[purpose], **changes)
    return inputs


def test_the_ground_is_sound(make: Any) -> None:
    """Before anything is taken away every purpose passes: what follows refuses for what it takes away."""
    assert all(check(orders(make, purpose), standing(make, purpose)) == Approved() for purpose in STATES)
    assert {name for purpose in STATES for name in READ[purpose]} == set(FIGURES)


@pytest.mark.parametrize("field", FIGURES)
@pytest.mark.parametrize("purpose", list(STATES))
def test_what_a_control_reads_may_not_be_missing(make: Any, purpose: Purpose, field: str) -> None:
    """Missing altogether: refused where a control of the purpose reads it, and an approval nowhere else changes."""
    whole = standing(make, purpose)
    empty = {} if isinstance(getattr(whole, field), dict) else None
    verdict = check(orders(make, purpose), msgspec.structs.replace(whole, **{field: empty}))
    assert isinstance(verdict, Refused if field in READ[purpose] else Approved), verdict


@pytest.mark.parametrize("field", FIGURES)
@pytest.mark.parametrize("purpose", list(STATES))
def test_a_figure_that_is_no_finite_number_is_a_missing_one(make: Any, purpose: Purpose, field: str) -> None:
    """NaN of either kind and both infinities, alone or in a table: never an approval of what reads it, no exception."""
    whole = standing(make, purpose)
    value = getattr(whole, field)
    for bad in _spoiled(value):
        verdict = check(orders(make, purpose), msgspec.structs.replace(whole, **{field: bad}))
        assert isinstance(verdict, Refused if field in READ[purpose] else Approved), (bad, verdict)


def _spoiled(value: Any) -> list[Any]:
    if isinstance(value, Decimal):
        return list(NOT_NUMBERS)
    if isinstance(value, bool | int) or value is None:
        return []
    if value == ():
        return []  # orders in flight: a case of their own below
    if isinstance(value, dict):
        first = next(iter(value.values()))
        if isinstance(first, msgspec.Struct):
            field = "taker" if hasattr(first, "taker") else "lot_size"
            return [
                {v: msgspec.structs.replace(part, **{field: bad}) for v, part in value.items()} for bad in NOT_NUMBERS
            ]
        if isinstance(first, bool):
            return []
        bads = NOT_NUMBERS if isinstance(first, Decimal) else NOT_FLOATS
        return [dict.fromkeys(value, bad) for bad in bads]
    return []


@pytest.mark.parametrize("bad", NOT_NUMBERS)
def test_orders_in_flight_that_are_no_numbers_are_not_known(make: Any, bad: Decimal) -> None:
    """Whether one of them is the same order, or meets ours, cannot be said."""
    spoiled = make.changed(make.intent(GS, Side.SELL, client_order_id="dnb-1-other"), price=bad)
    for changes in ({"orders": (make.order(spoiled),)}, {"recent": (spoiled,)}):
        assert isinstance(check(orders(make, P.ENTRY), standing(make, P.ENTRY, **changes)), Refused)


@pytest.mark.parametrize("bad", NOT_NUMBERS)
@pytest.mark.parametrize("purpose", list(STATES))
def test_no_limit_of_the_settings_is_beyond_comparison(make: Any, purpose: Purpose, bad: Decimal) -> None:
    """A limit that is no number would approve everything: it refuses everything."""
    for name, kind in StrategyParameters.__annotations__.items():
        if kind == "Decimal":
            params = msgspec.structs.replace(make.params(), **{name: bad})
            verdict = check(orders(make, purpose), standing(make, purpose, params=params))
            assert isinstance(verdict, Refused)
            assert verdict.code == "CONFIG_UNAPPROVED"


@pytest.mark.parametrize("bad", NOT_NUMBERS)
@pytest.mark.parametrize("purpose", list(STATES))
def test_no_order_has_a_price_or_quantity_beyond_comparison(make: Any, purpose: Purpose, bad: Decimal) -> None:
    """Any leg."""
    legs = orders(make, purpose)
    for index, (name, code) in [(i, f) for i in range(len(legs)) for f in (("price", "TICK"), ("quantity", "LOT"))]:
        spoiled = make.changed(legs[index], **{name: bad})
        verdict = check((*legs[:index], spoiled, *legs[index + 1 :]), standing(make, purpose))
        assert isinstance(verdict, Refused)
        assert verdict.code == code


@pytest.mark.parametrize("purpose", list(STATES))
def test_a_book_without_a_side_a_number_or_an_age_is_no_book(make: Any, purpose: Purpose) -> None:
    """Empty, not a number, from no time, or seen at no time: refused as not synced."""
    book = make.book(GF)
    bad_levels = [((bad, Decimal(1)),) for bad in NOT_NUMBERS] + [((Decimal(60_000), bad),) for bad in NOT_NUMBERS]
    spoiled = [make.changed(book, **{side: levels}) for side in ("bids", "asks") for levels in [(), *bad_levels]]
    spoiled += [make.changed(book, received_s=bad) for bad in NOT_FLOATS]
    cases = [standing(make, purpose, market=make.market(gf=one)) for one in spoiled]
    cases += [standing(make, purpose, now_s=bad) for bad in NOT_FLOATS]
    for inputs in cases:
        verdict = check(orders(make, purpose), inputs)
        assert isinstance(verdict, Refused)
        assert verdict.code == "BOOK_UNSYNCED"


@pytest.mark.parametrize("bad", NOT_NUMBERS)
def test_a_mark_that_is_no_number_is_no_reference(make: Any, bad: Decimal) -> None:
    """New risk is refused as without any mark."""
    market = make.market()
    market = make.changed(market, mark=make.changed(market.mark, mark=bad))
    verdict = check(orders(make, P.ENTRY), standing(make, P.ENTRY, market=market))
    assert isinstance(verdict, Refused)
    assert verdict.code == "PRICE_COLLAR"


@given(missing=st.sets(st.sampled_from(FIGURES), min_size=1), purpose=st.sampled_from(list(STATES)))
def test_no_control_raises_whatever_is_missing(make: Any, missing: set[str], purpose: Purpose) -> None:
    """Any set of figures is gone: the check answers, and approves only what none of them speaks of."""
    whole = standing(make, purpose)
    gone = {name: {} if isinstance(getattr(whole, name), dict) else None for name in missing}
    verdict = check(orders(make, purpose), msgspec.structs.replace(whole, **gone))
    assert isinstance(verdict, Refused if missing & READ[purpose] else Approved)


@pytest.mark.parametrize("bad", NOT_NUMBERS)
@pytest.mark.parametrize("field", ["equity_quote", "equity_day_start_quote", "daily_pnl_quote"])
def test_profit_that_is_no_number_halts(make: Any, field: str, bad: Decimal) -> None:
    """As profit that is unknown does."""
    assert [latch.code for latch in latches(make.inputs(**{field: bad}))] == ["PNL_UNKNOWN"]


def test_sound_figures_are_left_alone(make: Any) -> None:
    """What is known stays exactly as it was."""
    inputs = make.inputs()
    assert known(inputs) == inputs
    assert set(inputs.equity_share) == set(VENUES)
