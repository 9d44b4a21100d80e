"""Every control refuses what it is there for, with its code; a missing figure refuses; repairs pass what they must."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from dnbot.domain.instrument import VENUES, Symbol, Venue
from dnbot.domain.order import Order, OrderIntent, Purpose, Side, TimeInForce
from dnbot.domain.pair import Opportunity, Pair
from dnbot.strategy import risk_standing
from dnbot.strategy.risk import CONTROLS, LASTING, Approved, Refused, RiskInputs, check, check_again, latches
from dnbot.strategy.risk_orders import eligible
from dnbot.strategy.sizing import EstablishPlan, establish_step, find_opportunity
from dnbot.strategy.states import StrategyState, TradingMode

GS, GF, MS = Venue.GATE_SPOT, Venue.GATE_FUTURES, Venue.MEXC_SPOT
S, M, P = StrategyState, TradingMode, Purpose


def pair(make: Any, purpose: Purpose = P.ENTRY, **changes: Any) -> tuple[OrderIntent, ...]:
    """Buy 0.01 on Gate spot, sell it on MEXC."""
    buy = make.intent(GS, Side.BUY, price="60000.5", purpose=purpose)
    sell = make.intent(MS, Side.SELL, price="59999.5", purpose=purpose)
    return tuple(make.changed(intent, **changes) for intent in (buy, sell))


def carry(make: Any, purpose: Purpose = P.ENTRY) -> tuple[OrderIntent, ...]:
    """Buy 0.01 on Gate spot, sell it on the perpetual."""
    return (
        make.intent(GS, Side.BUY, price="60000.5", purpose=purpose),
        make.intent(GF, Side.SELL, price="59999.5", purpose=purpose),
    )


def one(make: Any, purpose: Purpose, **changes: Any) -> tuple[OrderIntent, ...]:
    """A single order on the perpetual."""
    fields = {"price": "59999.5", **changes}
    return (make.intent(GF, Side.SELL, purpose=purpose, **fields),)


def code_of(verdict: Approved | Refused) -> str:
    """The code of a refusal, or nothing."""
    if isinstance(verdict, Approved):
        return ""
    assert verdict.text
    return verdict.code


STATES = {
    P.ENTRY: S.PREPARING_ARBITRAGE, P.EXIT: S.PREPARING_ARBITRAGE, P.ESTABLISH: S.ESTABLISHING_DELTA_NEUTRAL,
    P.HEDGE: S.REBALANCING_DELTA, P.UNWIND: S.REBALANCING_DELTA, P.FLATTEN: S.SHUTDOWN,
}


@pytest.mark.parametrize("purpose", list(STATES))
def test_an_order_that_breaks_nothing_passes(make: Any, purpose: Purpose) -> None:
    """Each purpose in its state, with everything known and in order."""
    intents = one(make, purpose) if purpose in {P.HEDGE, P.UNWIND} else carry(make, purpose)
    assert check(intents, make.inputs(state=STATES[purpose])) == Approved()
    if purpose in {P.ENTRY, P.EXIT}:
        assert check(pair(make, purpose), make.inputs()) == Approved()


def test_every_purpose_that_sends_an_order_has_its_controls() -> None:
    """Cancels pass no check; everything else passes the gate, the grid, the collar and the cap on an order."""
    applied = {purpose: [c.__name__ for c, to in CONTROLS if purpose in to] for purpose in Purpose}
    assert applied.pop(P.CANCEL) == []
    for names in applied.values():
        assert {"gate", "eligible", "books_known", "grid", "price", "notional", "not_twice"} <= set(names)
    assert len({control for control, _ in CONTROLS}) == len(CONTROLS)


def test_orders_are_checked_together_only_for_one_purpose(make: Any) -> None:
    """Anything else is a bug of the caller."""
    with pytest.raises(ValueError, match="one purpose"):
        check((), make.inputs())
    with pytest.raises(ValueError, match="one purpose"):
        check((*pair(make), *one(make, P.HEDGE)), make.inputs())


@pytest.mark.parametrize("field", [f.name for f in msgspec.structs.fields(RiskInputs) if f.default is None])
def test_a_missing_figure_refuses_a_new_carry(make: Any, field: str) -> None:
    """Unknown is never good enough."""
    if field != "identical_pairs_last_minute":  # of the latches alone
        assert isinstance(check(carry(make), make.inputs(**{field: None})), Refused)


@pytest.mark.parametrize(
    "field", ["instruments", "fees", "streams_live", "balance_ages_ms", "clock_offset_ms", "clock_error_ms",
              "spot_base", "quote", "equity_share"]
)
@pytest.mark.parametrize("venue", VENUES)
def test_a_missing_venue_refuses(make: Any, field: str, venue: Venue) -> None:
    """The same, venue by venue, where that venue takes part."""
    inputs = make.inputs()
    known = getattr(inputs, field)
    partial = make.inputs(**{field: {v: value for v, value in known.items() if v is not venue}})
    verdicts = [check(intents, partial) for intents in (pair(make), carry(make))]
    assert any(isinstance(v, Refused) for v in verdicts) == (venue in known and (field != "quote" or venue is GS))


REFUSALS: list[tuple[str, dict[str, Any]]] = [
    ("STATE_NOT_TRADING", {"state": S.MONITORING_SPREADS}),
    ("STATE_NOT_TRADING", {"state": S.ERROR_RECOVERY}),
    ("KILLED", {"mode": M.HALTED}),
    ("REDUCING_ONLY", {"mode": M.REDUCING}),
    ("NOT_RECONCILED", {"reconciled": False}),
    ("NOT_RECONCILED", {"streams_live": {GS: True, GF: True, MS: False}}),
    ("AMBIGUOUS_PENDING", {"ambiguous_pending": 1}),
    ("DB_UNAVAILABLE", {"store_available": False}),
    ("CLOCK", {"clock_offset_ms": {GS: 0.0, GF: 0.0, MS: -5001.0}}),
    ("CLOCK", {"clock_error_ms": {GS: 0.0, GF: 0.0, MS: 500.1}}),
    ("DATA_STALE", {"now_s": 1001.5}),
    ("DATA_STALE", {"balance_ages_ms": {GS: 30_001, MS: 0, GF: 0}}),
    ("NET", {"delta_worst": Decimal("0.06")}),
    ("GROSS", {"equity_share": {GS: Decimal("0.81"), GF: Decimal("0.81"), MS: Decimal("0.19")}}),
    ("BALANCE", {"spot_base": {GS: Decimal("0.5"), MS: Decimal("0.009")}}),
    ("BALANCE", {"quote": {GS: Decimal(600), MS: Decimal(0)}}),
    ("REPEAT_THROTTLE", {"round_trips_last_minute": 30}),
    ("REPEAT_THROTTLE", {"api_errors_last_minute": 10}),
    ("LOSS_LIMIT", {"equity_quote": Decimal(294_000)}),
    ("LOSS_LIMIT", {"equity_day_start_quote": Decimal(0)}),
    ("LOSS_LIMIT", {"losses_in_a_row": 5}),
    ("FLEET_LIMIT", {"fleet_denial": "gross exposure of the fleet is 5, the limit 4"}),
    ("PNL_UNKNOWN", {"equity_quote": None}),
    ("PNL_UNKNOWN", {"daily_pnl_quote": None}),
]


@pytest.mark.parametrize(("code", "standing"), REFUSALS)
def test_a_pair_is_refused_for_where_we_stand(make: Any, code: str, standing: dict[str, Any]) -> None:
    """Each limit of our own standing, just beyond it."""
    assert code_of(check(pair(make), make.inputs(**standing))) == code


def test_limits_are_inclusive_where_they_say_so(make: Any) -> None:
    """At the limit, not beyond it, a pair passes."""
    standing = {
        "delta_worst": Decimal("0.05"), "clock_offset_ms": dict.fromkeys(VENUES, 1000.0),
        "balance_ages_ms": dict.fromkeys(VENUES, 30_000), "equity_share": dict.fromkeys(VENUES, Decimal("0.8")),
        "round_trips_last_minute": 29, "api_errors_last_minute": 9, "losses_in_a_row": 4,
        "spot_base": {GS: Decimal(0), MS: Decimal("0.01")}, "equity_quote": Decimal("294000.01"),
    }
    assert check(pair(make), make.inputs(**standing)) == Approved()


def test_the_loss_of_the_day_counts_where_it_is_limited(make: Any) -> None:
    """Unlimited by default; reached at the limit."""
    limited = make.params(max_daily_loss_quote=100)
    assert code_of(check(pair(make), make.inputs(params=limited, daily_pnl_quote=Decimal(-100)))) == "LOSS_LIMIT"
    assert check(pair(make), make.inputs(params=limited, daily_pnl_quote=Decimal(-99))) == Approved()
    assert check(pair(make), make.inputs(daily_pnl_quote=Decimal(-100))) == Approved()


@pytest.mark.parametrize(
    ("code", "standing"),
    [
        ("MARGIN", {"margin_free_quote": Decimal(299)}),
        ("MARGIN", {"margin_ratio_pct": Decimal(29)}),
        ("MARGIN", {"liquidation_distance_pct": Decimal(19)}),
        ("MARGIN", {"adl_rank": 2}),
        ("MARGIN", {"strange_leverage": "1 isolated"}),
        ("MARGIN", {"strange_leverage": None}),
        ("INVENTORY", {"spot_base": {GS: Decimal(2), MS: Decimal(1)}}),
        ("INVENTORY", {"bound_base": Decimal(2)}),
    ],
)
def test_a_new_carry_needs_margin_and_room(make: Any, code: str, standing: dict[str, Any]) -> None:
    """Margin for the short, its floor, the distance to liquidation, the rank for deleveraging, the multiple."""
    assert code_of(check(carry(make), make.inputs(**standing))) == code


@pytest.mark.parametrize("purpose", [P.ENTRY, P.ESTABLISH])
@pytest.mark.parametrize(
    ("free", "ratio", "code"),
    [("310", 31, "MARGIN"), ("400", 40, "MARGIN"), ("1499.98", 40, "MARGIN"), ("1499.9875", 40, "")],
)
def test_what_an_order_leaves_of_the_margin_is_judged(
    make: Any, purpose: Purpose, free: str, ratio: int, code: str
) -> None:
    """0.01 sold at leverage 2 use 299.9975: of an equity of 1,000 that was enough before it is too much, and of one of
    3,749.96875 it leaves exactly the floor of 30 % and its cushion of 2.
    """
    inputs = make.inputs(state=STATES[purpose], margin_free_quote=Decimal(free), margin_ratio_pct=Decimal(ratio))
    assert code_of(check(carry(make, purpose), inputs)) == code


def test_without_a_position_there_is_no_liquidation_price_to_ask_for(make: Any) -> None:
    """The first short is opened without one."""
    assert check(carry(make), make.inputs(perp_base=Decimal(0), liquidation_distance_pct=None)) == Approved()


def test_moving_base_between_spots_needs_no_room(make: Any) -> None:
    """At the full multiple, spot against spot still trades, its fee in base included."""
    full = {"spot_base": {GS: Decimal(2), MS: Decimal(1)}, "fees": make.fees(in_base=True)}
    buy = make.intent(GS, Side.BUY, "0.01", "60000.5")
    assert check((buy, pair(make)[1]), make.inputs(**full)) == Approved()


def test_a_buy_that_pays_in_base_needs_no_quote_for_its_fee(make: Any) -> None:
    """600.005 USDT cover it; a fee in quote needs 0.3 more."""
    quote = {GS: Decimal("600.005"), MS: Decimal(0)}
    assert check(pair(make), make.inputs(quote=quote, fees=make.fees(in_base=True))) == Approved()
    assert code_of(check(pair(make), make.inputs(quote=quote))) == "BALANCE"


BOOKS: list[tuple[str, dict[str, Any]]] = [
    ("BOOK_UNSYNCED", {"ms": None}),
    ("BOOK_IMPLAUSIBLE", {"ms": 66_000}),
    ("PRICE_COLLAR", {"mark": None}),
    ("PRICE_COLLAR", {"gs": 59_300, "ms": 59_300, "gf": 59_300}),
]


@pytest.mark.parametrize(("code", "market"), BOOKS)
def test_a_pair_is_refused_for_its_market(make: Any, code: str, market: dict[str, Any]) -> None:
    """No book, another coin, no reference, far from the reference."""
    assert code_of(check(pair(make), make.inputs(market=make.market(**market)))) == code


def test_crossed_and_skewed_books_are_refused(make: Any) -> None:
    """A corrupt book, and two books too far apart in time."""
    crossed = make.market(ms=make.book(MS, half="-0.5"))
    assert code_of(check(pair(make), make.inputs(market=crossed))) == "BOOK_IMPLAUSIBLE"
    skewed = make.market(ms=make.book(MS, age_s=0.9))
    assert code_of(check(pair(make), make.inputs(market=skewed))) == "DATA_STALE"


REST = {"time_in_force": TimeInForce.POST_ONLY, "price": Decimal("60000.5"), "quantity": Decimal("0.01")}
RESTS = {"maker_first": True, "maker_order_notional_quote_max": 650}
WRONG: list[tuple[str, int, dict[str, Any], dict[str, Any]]] = [
    ("", 1, REST, RESTS),
    ("POST_ONLY", 1, REST, {}),
    ("POST_ONLY", 1, {**REST, "price": Decimal("59999.5")}, RESTS),
    ("POST_ONLY", 1, {**REST, "time_in_force": TimeInForce.GTC}, RESTS),
    ("POST_ONLY", 0, {**REST, "price": Decimal("59999.5")}, RESTS),
    ("MAX_NOTIONAL", 1, REST, {**RESTS, "maker_order_notional_quote_max": 599}),
]


@pytest.mark.parametrize(("code", "leg", "change", "params"), WRONG)
def test_only_a_leg_on_mexc_rests(
    make: Any, code: str, leg: int, change: dict[str, Any], params: dict[str, Any]
) -> None:
    """Post-only, where it takes nobody, with the setting, and of no more than its cap; nothing else rests at all."""
    legs = list(pair(make))
    legs[leg] = make.changed(legs[leg], **change)
    assert code_of(check(tuple(legs), make.inputs(params=make.params(**params)))) == code


def test_no_repair_rests(make: Any) -> None:
    """What brings delta back is taken, whatever the settings say."""
    intents = one(make, P.HEDGE, price="60000.5", time_in_force=TimeInForce.POST_ONLY)
    inputs = make.inputs(state=S.REBALANCING_DELTA, params=make.params(**RESTS))
    assert code_of(check(intents, inputs)) == "POST_ONLY"


def test_what_must_go_on_holding_is_of_the_list(make: Any) -> None:
    """Controls that look at what an order has changed itself are not asked again; the others are, by purpose."""
    assert {control for control, _ in CONTROLS} >= LASTING
    legs = pair(make)
    twice = make.inputs(orders=(Order(intent=make.changed(legs[0], client_order_id="dnb-1-99")),))
    assert code_of(check(legs, twice)) == "DUPLICATE"
    assert code_of(check_again(legs, twice)) == ""
    assert code_of(check_again(legs, make.inputs(reconciled=False))) == "NOT_RECONCILED"
    assert code_of(check_again(legs, make.inputs(losses_in_a_row=99))) == "LOSS_LIMIT"
    exits, state = pair(make, P.EXIT), S.PREPARING_ARBITRAGE
    assert code_of(check_again(exits, make.inputs(losses_in_a_row=99, state=state))) == ""


def test_an_edge_too_good_to_be_true_is_refused(make: Any) -> None:
    """By the newest books, whatever the opportunity said."""
    market = make.market(gs=59_500, ms=60_500)
    inputs = make.inputs(market=market, params=make.params(edge_bps_max_credible=100))
    assert code_of(check(pair(make), inputs)) == "EDGE_IMPLAUSIBLE"


@pytest.mark.parametrize(
    ("code", "leg", "change"),
    [
        ("SYMBOL_INELIGIBLE", 0, {"symbol": Symbol("ETH", "USDT")}),
        ("TICK", 0, {"price": Decimal("60000.55")}),
        ("LOT", 0, {"quantity": Decimal("0.01005")}),
        ("MIN_NOTIONAL", 1, {"quantity": Decimal("0.00001")}),
        ("MAX_NOTIONAL", 0, {"quantity": Decimal("0.9")}),
        ("PRICE_COLLAR", 0, {"price": Decimal("60600.1")}),
        ("PRICE_COLLAR", 1, {"price": Decimal("59399.9")}),
        ("LEGS", 0, {"quantity": Decimal("0.0102")}),
        ("LEGS", 0, {"side": Side.SELL}),
        ("DEPTH", 0, {"price": Decimal(50_000)}),
    ],
)
def test_a_pair_is_refused_for_its_orders(make: Any, code: str, leg: int, change: dict[str, Any]) -> None:
    """Grid, collar, size, legs that leave delta behind, more than a share of the depth inside the price."""
    intents = list(pair(make))
    intents[leg] = make.changed(intents[leg], **change)
    assert code_of(check(tuple(intents), make.inputs())) == code


def test_an_instrument_that_is_not_traded_is_refused_with_its_reason(make: Any) -> None:
    """The venue's own words, where it gave any."""
    for why in ("delisting", ""):
        rules = {v: make.instrument(v, tradable=False, not_tradable_because=why) for v in VENUES}
        verdict = check(pair(make), make.inputs(instruments=rules))
        assert isinstance(verdict, Refused)
        assert (verdict.code, verdict.was) == ("SYMBOL_INELIGIBLE", why or "not tradable")


def test_what_a_delisting_still_takes_leads_out(make: Any) -> None:
    """Reduce-only on the perpetual and sells on spot, to hedge, unwind or flatten; nothing that opens, and no pair."""
    rules = {v: make.instrument(v, tradable=False, closing_only=True) for v in VENUES}
    inputs = make.inputs(instruments=rules, perp_base=Decimal(-1))
    for venue, side, purpose, reduce_only, passes in (
        (GF, Side.BUY, Purpose.HEDGE, True, True), (GF, Side.BUY, Purpose.HEDGE, False, False),
        (GF, Side.SELL, Purpose.HEDGE, False, False), (GS, Side.SELL, Purpose.UNWIND, False, True),
        (GS, Side.BUY, Purpose.UNWIND, False, False),
    ):
        order = make.intent(venue, side, "0.01", "60000", purpose=purpose, reduce_only=reduce_only)
        assert (eligible((order,), inputs) is None) is passes, order
    assert code_of(check(pair(make), inputs)) == "SYMBOL_INELIGIBLE"


def test_legs_are_compared_net_of_fees_in_base(make: Any) -> None:
    """A grossed-up buy is balanced; the same buy without the fee is not."""
    buy, sell = pair(make)
    grossed = make.changed(buy, quantity=Decimal("0.0103"))
    high = make.fees(gs="0.03", in_base=True)
    assert check((grossed, sell), make.inputs(fees=high)) == Approved()
    assert code_of(check((grossed, sell), make.inputs())) == "LEGS"
    unknown = {v: f for v, f in high.items() if v is not GS}
    assert code_of(check((grossed, sell), make.inputs(fees=unknown))) == "LEGS"


@pytest.mark.parametrize(
    ("quantity", "position", "code"),
    [("0.01", "-0.01", ""), ("0.011", "-0.01", "REDUCE_ONLY"), ("0.01", 1, "REDUCE_ONLY")],
)
def test_reduce_only_reduces(make: Any, quantity: str, position: object, code: str) -> None:
    """At most to zero, and never the other way."""
    buy = make.intent(GF, Side.BUY, quantity, "60000.5", P.EXIT, reduce_only=True)
    sell = make.intent(MS, Side.SELL, quantity, "59999.5", P.EXIT)
    inputs = make.inputs(perp_base=Decimal(str(position)))
    assert code_of(check((buy, sell), inputs)) == code
    assert code_of(check((buy, sell), make.inputs(perp_base=None))) == "REDUCE_ONLY"


def test_reduce_only_is_for_the_perpetual(make: Any) -> None:
    """Spot knows no such thing."""
    buy, sell = pair(make, P.EXIT)
    reduced = make.changed(buy, reduce_only=True)
    assert code_of(check((reduced, sell), make.inputs())) == "REDUCE_ONLY"


# --- orders in flight


def test_few_orders_are_in_flight_and_none_twice(make: Any) -> None:
    """Their own ids do not count against orders that are checked again; a twin under another id does."""
    intents = pair(make)
    sent = tuple(make.order(intent) for intent in intents)
    assert check(intents, make.inputs(orders=sent)) == Approved()
    others = tuple(
        make.order(make.changed(intents[0], client_order_id=f"dnb-9-{n}", price=Decimal(50_000 + n))) for n in range(3)
    )
    assert code_of(check(intents, make.inputs(orders=others))) == "OPEN_ORDERS"
    twin = make.order(make.changed(intents[0], client_order_id="dnb-1-twin"))
    assert code_of(check(intents, make.inputs(orders=(twin,)))) == "DUPLICATE"
    hedge = one(make, P.HEDGE)
    again = make.order(make.changed(hedge[0], client_order_id="dnb-1-first"))
    assert code_of(check(hedge, make.inputs(state=S.REBALANCING_DELTA, orders=(again,)))) == "DUPLICATE"
    assert code_of(check(hedge, make.inputs(state=S.REBALANCING_DELTA, orders=None))) == "DUPLICATE"


def test_the_same_order_is_not_decided_again_within_a_moment(make: Any) -> None:
    """A twin that has ended already refuses a pair; it does not keep a repair from being tried again."""
    twin = (make.changed(pair(make)[0], client_order_id="dnb-1-twin"),)
    assert code_of(check(pair(make), make.inputs(recent=twin))) == "DUPLICATE"
    assert check(pair(make), make.inputs(recent=pair(make))) == Approved()
    again = (make.changed(one(make, P.HEDGE)[0], client_order_id="dnb-1-first"),)
    assert check(one(make, P.HEDGE), make.inputs(state=S.REBALANCING_DELTA, recent=again)) == Approved()


def test_no_setting_lifts_the_cap_in_the_code(make: Any) -> None:
    """250,000 quote units, however large the configured limit is."""
    free = make.params(max_order_notional_quote=10**9, depth_share_max=1)
    for quantity, code in ((4, ""), ("4.2", "MAX_NOTIONAL")):
        hedge = make.intent(GF, Side.SELL, quantity, "59999.5", P.HEDGE)
        params = make.changed(free, hedge_quantity_per_minute_max=Decimal(100))
        assert code_of(check((hedge,), make.inputs(state=S.REBALANCING_DELTA, params=params))) == code


def test_we_do_not_trade_with_ourselves(make: Any) -> None:
    """An order that would meet one of ours on the same book is refused; one that would not is not."""
    resting = make.intent(GS, Side.SELL, "0.5", 60_000, P.HEDGE, client_order_id="dnb-1-rest")
    assert code_of(check(pair(make), make.inputs(orders=(make.order(resting),)))) == "SELF_CROSS"
    away = make.changed(resting, price=Decimal(61_000))
    assert check(pair(make), make.inputs(orders=(make.order(away),))) == Approved()
    both = (make.intent(GS, Side.BUY, price="60000.5"), make.intent(GS, Side.SELL, price="59999.5"))
    assert code_of(check(both, make.inputs())) == "SELF_CROSS"


@pytest.mark.parametrize("control", [risk_standing.inventory, risk_standing.balance])
def test_a_control_refuses_on_its_own_when_fees_are_unknown(make: Any, control: Any) -> None:
    """No control relies on an earlier one to have asked."""
    refusal = control(pair(make), make.inputs(fees={}))
    assert isinstance(refusal, Refused)
    assert refusal.was == "unknown"


# --- repairs


@pytest.mark.parametrize("purpose", [P.HEDGE, P.UNWIND])
def test_a_repair_is_not_stopped_by_what_would_keep_us_naked(make: Any, purpose: Purpose) -> None:
    """No store, no balances, unknown profit, losses, throttles, a halted mode: the hedge still goes."""
    worst = make.inputs(
        state=S.ERROR_RECOVERY, mode=M.HALTED, reconciled=False, ambiguous_pending=3, store_available=False,
        streams_live={}, balance_ages_ms={}, clock_offset_ms={}, delta_worst=Decimal(9), spot_base={}, quote={},
        perp_base=None, margin_free_quote=None, equity_quote=None, losses_in_a_row=99, round_trips_last_minute=99,
        api_errors_last_minute=99, equity_share={}, market=make.market(mark=None, gf=make.book(GF, age_s=4.9)),
    )
    assert check(one(make, purpose), worst) == Approved()


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("HEDGE_BUDGET", {"hedge_quantity_last_minute": Decimal("0.995")}),
        ("HEDGE_BUDGET", {"hedge_quantity_last_minute": None}),
        ("BOOK_UNSYNCED", {"gf": None}),
        ("DATA_STALE", {"gf": {"age_s": 5.1}}),
        ("BOOK_IMPLAUSIBLE", {"gf": {"half": "-0.5"}}),
        ("PRICE_COLLAR", {"gf": {"mid": 61_000}}),
    ],
)
def test_a_repair_is_stopped_by_what_would_make_it_worse(make: Any, code: str, change: dict[str, Any]) -> None:
    """Budget, a book that is gone, seconds old or crossed, a price outside the collar."""
    book = change.pop("gf", {})
    market = make.market(gf=None if book is None else make.book(GF, **book))
    inputs = make.inputs(state=S.REBALANCING_DELTA, market=market, **change)
    assert code_of(check(one(make, P.HEDGE), inputs)) == code


@pytest.mark.parametrize("purpose", [P.ENTRY, P.EXIT])
def test_no_pair_is_sent_whose_leg_could_not_be_hedged(make: Any, purpose: Purpose) -> None:
    """What this minute's hedges have left of their budget is the most that one leg may leave naked."""
    hedged = Decimal(1) - Decimal("0.01")
    assert check(pair(make, purpose), make.inputs(hedge_quantity_last_minute=hedged)) == Approved()
    over = make.inputs(hedge_quantity_last_minute=hedged + Decimal("0.0001"))
    assert code_of(check(pair(make, purpose), over)) == "HEDGE_BUDGET"


def test_a_halted_bot_sends_no_entry_but_flattens_and_hedges(make: Any) -> None:
    """The gate's table decides, here as everywhere."""
    halted = make.inputs(mode=M.HALTED)
    assert code_of(check(pair(make, P.EXIT), halted)) == "KILLED"
    flatten = (
        make.intent(GS, Side.SELL, price="59999.5", purpose=P.FLATTEN),
        make.intent(GF, Side.BUY, price="60000.5", purpose=P.FLATTEN, reduce_only=True),
    )
    assert check(flatten, make.inputs(mode=M.HALTED, state=S.SHUTDOWN)) == Approved()


# --- what sizing makes, risk accepts


def test_what_sizing_finds_passes_at_the_same_moment(make: Any) -> None:
    """The two rooms agree: an opportunity and a slice are refused by no control on unchanged ground."""
    market, fees, params, inventory = make.market(ms=60_100), make.fees(in_base=True), make.params(), make.inventory()
    found = find_opportunity(
        Pair.GATE_TO_MEXC, market, fees, inventory, params, None, None, opportunity_id="o", now_s=make.now_s, now_ns=0
    )
    assert isinstance(found, Opportunity)
    intents = (
        make.intent(GS, Side.BUY, found.buy_quantity, found.buy_price_cap),
        make.intent(MS, Side.SELL, found.sell_quantity, found.sell_price_cap),
    )
    assert check(intents, make.inputs(market=market, fees=fees)) == Approved()
    empty = make.inventory(0, 0, 0)
    plan = establish_step(empty, make.market(), fees, params)
    assert isinstance(plan, EstablishPlan)
    slices = (
        make.intent(plan.spot_venue, plan.spot_side, plan.spot_quantity, plan.spot_price, P.ESTABLISH),
        make.intent(GF, plan.spot_side.opposite, plan.perp_quantity, plan.perp_price, P.ESTABLISH),
    )
    standing = make.inputs(
        state=S.ESTABLISHING_DELTA_NEUTRAL, fees=fees, perp_base=Decimal(0), spot_base=empty.spot_base
    )
    assert check(slices, standing) == Approved()


# --- latches


def test_nothing_latches_while_all_is_well(make: Any) -> None:
    """No limit broken, no latch."""
    assert latches(make.inputs()) == ()


@pytest.mark.parametrize(
    ("code", "mode", "change"),
    [
        ("PNL_UNKNOWN", M.HALTED, {"equity_quote": None}),
        ("PNL_UNKNOWN", M.HALTED, {"equity_day_start_quote": None}),
        ("PNL_UNKNOWN", M.HALTED, {"daily_pnl_quote": None}),
        ("DRAWDOWN", M.HALTED, {"equity_quote": Decimal(294_000)}),
        ("DAILY_LOSS", M.HALTED, {"daily_pnl_quote": Decimal(-500)}),
        ("CONSECUTIVE_LOSSES", M.REDUCING, {"losses_in_a_row": 5}),
        ("ROUND_TRIPS", M.REDUCING, {"round_trips_last_minute": 30}),
        ("REPEATED_ORDERS", M.REDUCING, {"identical_pairs_last_minute": 20}),
        ("API_ERRORS", M.REDUCING, {"api_errors_last_minute": 10}),
    ],
)
def test_a_broken_limit_latches(make: Any, code: str, mode: TradingMode, change: dict[str, Any]) -> None:
    """At the limit, with the figure in the sentence; just below it, nothing."""
    found = latches(make.inputs(params=make.params(max_daily_loss_quote=500), **change))
    assert [(latch.code, latch.mode) for latch in found] == [(code, mode)]
    assert found[0].text
    just_below = {
        "equity_quote": Decimal(294_001), "daily_pnl_quote": Decimal(-499), "losses_in_a_row": 4,
        "round_trips_last_minute": 29, "api_errors_last_minute": 9,
    }
    assert latches(make.inputs(params=make.params(max_daily_loss_quote=500), **just_below)) == ()


def test_a_count_that_is_not_known_latches_nothing_of_its_own(make: Any) -> None:
    """Only unknown profit latches; unknown counts refuse single orders."""
    assert latches(make.inputs(round_trips_last_minute=None, api_errors_last_minute=None)) == ()
