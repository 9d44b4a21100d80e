"""REBALANCING: hedging on the perpetual in widening steps, unwinding on spot, within budget and time; dust."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from machine_kit import GF, GS, MS, Bench, S, in_state, instrument

from dnbot.domain.instrument import VENUES
from dnbot.domain.messages import Alert, ExecutePair, ExecutionClosed, FillReported, OpportunityDeclined, PlaceOrder
from dnbot.domain.order import OrderIntent, OrderStatus, Purpose, Side
from dnbot.domain.units import is_multiple
from dnbot.strategy.repairing import REPAIR_PAUSE_S
from dnbot.strategy.standing import hedged_last_minute, risk_inputs


def hedges(bench: Bench) -> list[OrderIntent]:
    """Every repair order so far."""
    return [i for i in bench.intents() if i.purpose in {Purpose.HEDGE, Purpose.UNWIND}]


def nobody(bench: Bench, s: float, every_ms: float = 100) -> None:
    """Markets go on, and every repair order finds nobody."""
    for _ in range(round(s * 1000 / every_ms)):
        bench.signal(after_ms=every_ms)
        for order in bench.context.unsettled:
            bench.nothing(order.intent)
        bench.answer_reads()


def stranger(bench: Bench, quantity: object, side: Side = Side.SELL, venue: Any = GS) -> None:
    """Somebody trades the account by hand."""
    template = Bench().boot().opportunity().intents[0]
    intent = msgspec.structs.replace(template, side=side, venue=venue)
    bench.give(FillReported(bench.trade(intent, quantity, 60_000, client_order_id="", venue_order_id="web")))


def test_a_residual_is_hedged_on_the_perpetual() -> None:
    """The surplus is sold as contracts at once; restored, closed as repaired, and monitoring again."""
    bench = in_state(S.REBALANCING_DELTA)
    hedge = bench.last(PlaceOrder).intent
    assert (hedge.venue, hedge.side, hedge.purpose) == (GF, Side.SELL, Purpose.HEDGE)
    assert hedge.quantity == Decimal("0.051")
    assert hedge.execution_id == "x1-1"
    bench.filled(hedge)
    assert bench.triggers()[-2:] == ["DELTA_RESTORED", "MARKET_FRESH"]
    closed = bench.last(ExecutionClosed)
    assert closed.status == "repaired"
    assert abs(closed.delta_base) <= Decimal("0.0005")
    assert bench.context.repair is None
    assert bench.context.execution is None


def test_the_cap_widens_with_each_order_that_finds_nobody() -> None:
    """1, 2, 4, ... bps beyond the touch; only orders that were sent widen it."""
    bench = in_state(S.REBALANCING_DELTA)
    nobody(bench, 1)
    touch = Decimal("59999.5")
    caps = [round((touch - hedge.price) / touch * 10_000) for hedge in hedges(bench)]
    assert caps[:5] == [1, 2, 4, 8, 16]
    assert caps == sorted(caps)
    assert {hedge.venue for hedge in hedges(bench)} == {GF}


def test_a_refused_try_is_not_repeated_at_once() -> None:
    """An order that ends at once is followed by the next after a pause, not by the next event."""
    bench = in_state(S.REBALANCING_DELTA)
    first = hedges(bench)[0]
    bench.answered(first, "not_sent", "DB_UNAVAILABLE")
    bench.answered(first, "not_sent", "DB_UNAVAILABLE")
    bench.tick(REPAIR_PAUSE_S * 1000 - 1)
    assert len(hedges(bench)) == 1
    bench.tick(2)
    assert len(hedges(bench)) == 2
    assert hedged_last_minute(bench.context) == hedges(bench)[1].quantity, "what was never sent costs no budget"


def test_a_mark_that_stands_still_binds_no_hedge() -> None:
    """Nothing was heard of the mark for over a minute and prices fell by 3 %: base that came is sold where they are."""
    bench = Bench(price_collar_bps=100).boot()
    stuck_s = bench.now_s
    for step in range(70):
        mid = 60_000 - min(1_800, 60 * step)
        bench.signal(mid, mid, mid, after_ms=900, mark_received_s=stuck_s)
        bench.answer_reads()
    assert hedges(bench) == []
    stranger(bench, "0.01", Side.BUY)
    for _ in range(5):
        bench.signal(58_200, 58_200, 58_200, mark_received_s=stuck_s)
    hedge = hedges(bench)[-1]
    touch = bench.books[GF].bids[0][0]
    assert (hedge.venue, hedge.side) == (GF, Side.SELL)
    assert hedge.price <= touch, "the order reaches the book"


def test_after_the_deadline_the_filled_leg_is_unwound() -> None:
    """hedge_deadline_ms on the perpetual, then spot: the surplus is sold where most is held, inside the collar."""
    bench = in_state(S.REBALANCING_DELTA)
    nobody(bench, 1.9)
    assert {hedge.purpose for hedge in hedges(bench)} == {Purpose.HEDGE}
    nobody(bench, 0.4)
    unwind = hedges(bench)[-1]
    assert (unwind.purpose, unwind.venue, unwind.side) == (Purpose.UNWIND, GS, Side.SELL)
    assert unwind.price >= Decimal(60_000) * Decimal("0.99")
    bench.signal()
    bench.filled(bench.context.unsettled[0].intent, price="59990")
    assert "DELTA_RESTORED" in bench.triggers()
    assert bench.last(ExecutionClosed).status == "repaired"


def closed(bench: Bench, venue: Any, **changes: Any) -> None:
    """The venue says that the symbol is not tradable."""
    bench.instruments[venue] = instrument(venue, tradable=False, not_tradable_because="maintenance", **changes)


def test_what_a_venue_does_not_take_is_unwound_at_the_other() -> None:
    """Gate spot, where most is held, closes: after the deadline MEXC gets the surplus, and Gate nothing."""
    bench = in_state(S.REBALANCING_DELTA)
    closed(bench, GS)
    nobody(bench, 2.5)
    unwinds = [order for order in hedges(bench) if order.purpose is Purpose.UNWIND]
    assert {order.venue for order in unwinds} == {MS}


def test_a_coin_that_leaves_is_still_sold() -> None:
    """A delisting that is announced: nothing is entered, and the surplus is sold where it lies."""
    bench = in_state(S.REBALANCING_DELTA)
    closed(bench, GS, closing_only=True)
    nobody(bench, 2.5)
    assert hedges(bench)[-1].venue is GS


def test_a_contract_that_leaves_is_closed_and_not_added_to() -> None:
    """In delisting it takes orders that reduce: a shortage is bought back there, a surplus sold on spot at once."""
    bench = Bench().boot()
    closed(bench, GF, closing_only=True)
    bench.signal()
    stranger(bench, "0.01", Side.SELL)
    bench.signal()
    bought = hedges(bench)[-1]
    assert (bought.venue, bought.side, bought.reduce_only) == (GF, Side.BUY, True)
    bench.filled(bought)
    stranger(bench, "0.02", Side.BUY)
    bench.signal()
    sold = hedges(bench)[-1]
    assert (sold.purpose, sold.venue, sold.side) == (Purpose.UNWIND, GS, Side.SELL)


def test_a_shortage_is_bought_back_where_it_is_cheapest() -> None:
    """Less spot than the short: after the deadline the cheaper spot venue is bought from."""
    bench = Bench().boot()
    buy, sell = bench.executing().intents
    bench.nothing(buy)
    bench.filled(sell)
    assert hedges(bench)[0].side is Side.BUY
    assert hedges(bench)[0].reduce_only
    nobody(bench, 2.1)
    bench.signal(ms=59_980)
    bench.nothing(bench.context.unsettled[0].intent)
    unwind = hedges(bench)[-1]
    assert (unwind.purpose, unwind.venue, unwind.side) == (Purpose.UNWIND, MS, Side.BUY)


def test_when_neither_works_recovery_takes_over() -> None:
    """Three times the hedge deadline after the residual: REPAIR_FAILED, ERROR_RECOVERY, hedging goes on inside."""
    bench = in_state(S.REBALANCING_DELTA)
    nobody(bench, 6.2)
    assert ("REBALANCING_DELTA", "REPAIR_FAILED", "ERROR_RECOVERY") in bench.path()
    sent = len(hedges(bench))
    nobody(bench, 1)
    assert len(hedges(bench)) > sent
    assert {hedge.purpose for hedge in hedges(bench)} == {Purpose.HEDGE, Purpose.UNWIND}
    assert hedges(bench)[-1].purpose is Purpose.HEDGE, "a new place begins on the perpetual again"


def test_a_perpetual_book_that_is_stale_fails_the_repair() -> None:
    """No price to hedge at: ERROR_RECOVERY at once."""
    bench = in_state(S.REBALANCING_DELTA)
    bench.nothing(hedges(bench)[0])
    bench.tick(1100)
    assert bench.path()[-1] == ("REBALANCING_DELTA", "REPAIR_FAILED", "ERROR_RECOVERY")


def test_recovery_unwinds_on_spot_while_the_perpetual_has_no_book() -> None:
    """The perpetual's feed is gone for long: what is naked is sold on spot instead of waiting for attempts to end."""
    bench = in_state(S.REBALANCING_DELTA)
    bench.nothing(hedges(bench)[0])
    bench.drop_book(GF)
    assert bench.state is S.ERROR_RECOVERY
    for _ in range(30):
        bench.signal(gf=None)
        bench.answer_reads()
    unwinds = [h for h in hedges(bench) if h.purpose is Purpose.UNWIND]
    assert [(h.venue, h.side) for h in unwinds] == [(GS, Side.SELL)]
    bench.filled(unwinds[0], price="59990")
    bench.answer_reads()
    bench.tick(10)
    bench.answer_reads()
    assert bench.state is S.DELTA_NEUTRAL_ACTIVE


def test_without_any_book_nothing_is_unwound() -> None:
    """There is no price anywhere: after five seconds a book is no ground for an order, and the attempts run out."""
    bench = in_state(S.REBALANCING_DELTA)
    last_book_ns = bench.now_ns
    for _ in range(300):
        for order in bench.context.unsettled:
            bench.nothing(order.intent)
        bench.tick(100)
        bench.answer_reads()
    assert hedges(bench)[-1].created_at_ns <= last_book_ns + 5.1e9
    assert bench.state is S.ERROR_RECOVERY


# --- budget -----------------------------------------------------------------------------------------------------------
def test_the_budget_cuts_the_order_and_the_rest_follows() -> None:
    """A minute's budget is spent first; what is left is hedged when the minute has passed."""
    bench = Bench(hedge_quantity_per_minute_max="0.03").boot()
    stranger(bench, "0.051", Side.BUY)
    assert [hedge.quantity for hedge in hedges(bench)] == [Decimal("0.030")]
    bench.filled(hedges(bench)[0])
    assert ("REBALANCING_DELTA", "REPAIR_FAILED", "ERROR_RECOVERY") in bench.path()
    assert any(alert.key == "hedge_budget" and alert.level == "critical" for alert in bench.all(Alert))
    bench.quiet(50, every_ms=1000)
    assert len(hedges(bench)) == 1
    for _ in range(15):
        if len(hedges(bench)) == 1:
            bench.quiet(1, every_ms=1000)
    assert [hedge.quantity for hedge in hedges(bench)] == [Decimal("0.030"), Decimal("0.021")]


def test_only_what_traded_counts_once_settled() -> None:
    """In flight an order counts whole; settled it counts what it filled; hedges and unwinds alike."""
    bench = in_state(S.REBALANCING_DELTA)
    hedge = hedges(bench)[0]
    assert hedged_last_minute(bench.context) == hedge.quantity
    bench.filled(hedge, "0.02")
    bench.tick(60)
    assert hedged_last_minute(bench.context) == Decimal("0.02") + hedges(bench)[1].quantity
    bench.nothing(hedges(bench)[1])
    assert hedged_last_minute(bench.context) == Decimal("0.02")
    assert risk_inputs(bench.context).hedge_quantity_last_minute == Decimal("0.02")
    bench.tick(60)
    bench.filled(hedges(bench)[2])
    assert hedged_last_minute(bench.context) == Decimal("0.051")
    bench.wait(61, every_ms=1000)
    assert hedged_last_minute(bench.context) == 0


def test_a_position_that_reads_zero_does_not_hedge_again() -> None:
    """`gate_position_reads_zero`: rows older than our newest fill, and figures from before our fills, are no news."""
    bench = in_state(S.REBALANCING_DELTA)
    bench.filled(hedges(bench)[0])
    count, delta = len(bench.intents()), bench.context.portfolio.delta
    for number in range(6):
        bench.signal(after_ms=700)
        old = bench.position(Decimal(-1), at_ms=0) if number % 2 else bench.position(Decimal(0), at_ms=0)
        bench.give(bench.read(GF, position=old))
        now = bench.position(Decimal(-1), at_ms=bench.now_ns // 10**6)
        bench.give(bench.read(GF, position=now))
    assert len(bench.intents()) == count
    assert bench.context.portfolio.delta == delta


def test_a_position_that_really_is_zero_is_believed_and_hedged_within_budget() -> None:
    """`adl_closes_short`: two undisturbed reads agree: adjusted, told, hedged by at most the budget of a minute."""
    bench = Bench(hedge_quantity_per_minute_max="0.4", max_order_notional_quote=60_000).boot()
    bench.truth[GF].base = Decimal(0)
    for _ in range(5):
        bench.signal(after_ms=600)
        bench.give(bench.read(GF))
    assert bench.context.portfolio.perp_base == 0
    assert any(alert.key == "adjusted:GATEIO_FUTURES:BTC" and alert.level == "critical" for alert in bench.all(Alert))
    assert sum(hedge.quantity for hedge in hedges(bench)) == Decimal("0.4")
    assert "HARD_LIMIT" in bench.triggers()


def test_what_the_venue_closed_is_hedged_beyond_the_budget() -> None:
    """`liquidated_again_and_again`: its own trades tell that it closed, three times a budget within a minute."""
    bench = Bench(hedge_quantity_per_minute_max="0.4", max_order_notional_quote=60_000).boot()
    for _ in range(3):
        bench.truth[GF].base += Decimal("0.4")
        stranger(bench, "0.4", Side.BUY, GF)
        bench.signal(after_ms=2_000)
        bench.filled(bench.last(PlaceOrder).intent)
        assert bench.context.portfolio.delta == 0
    assert hedged_last_minute(bench.context) == 0
    stranger(bench, "0.5", Side.BUY, GS)
    bench.signal()
    assert bench.last(PlaceOrder).intent.quantity == Decimal("0.4"), "of what somebody bought, the budget of a minute"


# --- where it begins and ends -----------------------------------------------------------------------------------------
def test_it_begins_above_the_tolerance_and_ends_at_the_nearest_lot() -> None:
    """One lot is left alone; more is repaired down to half a lot, so it cannot flap."""
    bench = Bench().boot()
    stranger(bench, "0.0010")
    assert bench.state is S.MONITORING_SPREADS
    stranger(bench, "0.0010")
    assert bench.path()[-1] == ("MONITORING_SPREADS", "DELTA_DRIFTED", "REBALANCING_DELTA")
    hedge = hedges(bench)[-1]
    assert (hedge.side, hedge.quantity) == (Side.BUY, Decimal("0.002"))
    bench.filled(hedge, "0.001")
    bench.tick(60)
    assert bench.state is S.REBALANCING_DELTA, "a lot is left: within tolerance, and still not the nearest"
    bench.filled(hedges(bench)[-1])
    assert bench.context.portfolio.delta == 0
    assert "DELTA_RESTORED" in bench.triggers()


def test_what_is_within_tolerance_need_not_reach_the_nearest_lot() -> None:
    """When the last lot finds nobody, the state is left all the same: nothing is broken."""
    bench = Bench().boot()
    stranger(bench, "0.0020")
    bench.filled(hedges(bench)[-1], "0.001")
    nobody(bench, 6.5)
    assert "REPAIR_FAILED" not in bench.triggers()
    assert "DELTA_RESTORED" in bench.triggers()


def test_a_change_that_is_half_told_is_not_hedged() -> None:
    """Spot and short were reduced together by hand: one is booked a read before the other, and nothing is hedged."""
    bench = Bench().boot()
    bench.truth[GS].balances["BTC"] -= Decimal("0.1")
    bench.truth[GF].base += Decimal("0.1")
    bench.give(bench.read(GS))
    bench.quiet(0.5)
    bench.give(bench.read(GF))
    bench.quiet(0.6, every_ms=100)
    bench.give(bench.read(GS))
    assert bench.context.portfolio.delta == Decimal("-0.1")
    bench.signal()
    assert bench.state is S.MONITORING_SPREADS
    bench.quiet(1)
    assert bench.context.portfolio.delta == 0
    assert hedges(bench) == []


def test_what_stays_half_told_is_hedged_in_time() -> None:
    """A venue whose figures change with every read does not keep delta waiting beyond the hedge deadline."""
    bench = Bench().boot()
    bench.truth[MS].balances["USDT"] -= 1
    bench.give(bench.read(MS))
    stranger(bench, "0.01")
    assert hedges(bench) == []
    for _ in range(22):
        bench.truth[MS].balances["USDT"] -= 1
        bench.signal()
        bench.give(bench.read(MS))
    assert len(hedges(bench)) == 1


def test_a_hard_limit_below_the_tolerance_does_not_loop() -> None:
    """A tiny position has a hard limit of less than a lot: what is tolerated is not too much."""
    bench = Bench("0.005", "-0.01", base_position_size="0.01").boot()
    assert bench.context.params.hard_limit_base < bench.context.perp_lot
    stranger(bench, "0.0009")
    assert bench.state is S.MONITORING_SPREADS
    assert bench.context.hard_limit == Decimal("0.001")


def test_above_the_hard_limit_somebody_is_told() -> None:
    """HARD_LIMIT is its own edge, with a critical alert."""
    bench = Bench().boot()
    stranger(bench, "0.06")
    assert bench.path()[-1] == ("MONITORING_SPREADS", "HARD_LIMIT", "REBALANCING_DELTA")
    assert any(alert.key == "hard_limit" and alert.level == "critical" for alert in bench.all(Alert))


@pytest.mark.parametrize(("quantity", "trigger"), [("0.01", "DELTA_DRIFTED"), ("0.06", "HARD_LIMIT")])
def test_drift_is_repaired_from_a_stale_market_too(quantity: str, trigger: str) -> None:
    """DELTA_NEUTRAL_ACTIVE watches delta as well."""
    bench = in_state(S.DELTA_NEUTRAL_ACTIVE)
    stranger(bench, quantity)
    assert ("DELTA_NEUTRAL_ACTIVE", trigger, "REBALANCING_DELTA") in bench.path()


def test_less_than_the_perpetual_accepts_is_dust() -> None:
    """`partial_below_minimum`: no order could hedge it: it stays in delta, and nothing is tried."""
    bench = Bench()
    bench.instruments[GF] = instrument(GF, min_quantity=Decimal("0.01"))
    bench.boot()
    stranger(bench, "0.008")
    bench.quiet(1)
    assert hedges(bench) == []
    assert bench.context.portfolio.delta == Decimal("-0.008")
    assert bench.context.naked.since_s is None
    stranger(bench, "0.008")
    assert hedges(bench)[-1].quantity == Decimal("0.016")


def test_dust_by_worth() -> None:
    """A minimum notional of the perpetual makes dust too."""
    bench = Bench()
    bench.instruments[GF] = instrument(GF, min_notional=Decimal(1000))
    bench.boot()
    stranger(bench, "0.010")
    assert hedges(bench) == []
    stranger(bench, "0.010")
    assert len(hedges(bench)) == 1


def test_dust_that_piles_up_reduces() -> None:
    """Above dust_base_max: REDUCING with a critical alert that names it."""
    bench = Bench(dust_base_max="0.004")
    bench.instruments[GF] = instrument(GF, min_quantity=Decimal("0.01"))
    bench.boot()
    stranger(bench, "0.003")
    bench.quiet(2)
    assert bench.context.mode.name == "ACTIVE"
    stranger(bench, "0.003")
    bench.quiet(2)
    assert bench.context.mode.name == "REDUCING"
    assert bench.context.mode_why.startswith("DUST: ")


def test_ambiguity_blocks_hedging_until_it_is_resolved() -> None:
    """An order of unknown fate may be the hedge already: nothing is sent until it is known, then the rest is."""
    bench = in_state(S.REBALANCING_DELTA)
    first = hedges(bench)[0]
    bench.sent(first)
    bench.answered(first, "ambiguous", "NO_ANSWER")
    bench.quiet(1.5)
    assert len(hedges(bench)) == 1
    bench.give(FillReported(bench.trade(first, "0.02")))
    assert len(hedges(bench)) == 1, "a fill alone does not tell whether the rest lives"
    bench.told(first, OrderStatus.CANCELLED, "0.02")
    assert len(hedges(bench)) == 2
    assert hedges(bench)[1].quantity == Decimal("0.031")


def test_ambiguous_hedge_that_never_lived() -> None:
    """Resolved as no effect: the whole residual is hedged with a new id."""
    bench = in_state(S.REBALANCING_DELTA)
    first = hedges(bench)[0]
    bench.answered(first, "ambiguous", "NO_ANSWER")
    bench.quiet(1)
    bench.answered(first, "no_effect", "EXPIRED")
    assert hedges(bench)[1].quantity == first.quantity
    assert hedges(bench)[1].client_order_id != first.client_order_id


def test_opportunities_seen_here_are_declined_with_reason_state() -> None:
    """While delta is repaired nothing new is begun, and what was seen is recorded."""
    bench = in_state(S.REBALANCING_DELTA)
    pairs = len(bench.all(ExecutePair))
    bench.signal(ms=60_200)
    told = [r.declined for r in bench.all(OpportunityDeclined) if r.declined.reason == "STATE"]
    assert ("GATE_TO_MEXC", "REBALANCING_DELTA") in [(d.pair_name, d.text) for d in told]
    assert told[0].estimate is not None
    assert len(bench.all(ExecutePair)) == pairs


def test_a_hedge_that_a_control_refuses_is_told() -> None:
    """Nothing is tradable anywhere: the refusal is an alert, and no order leaves."""
    bench = in_state(S.REBALANCING_DELTA)
    for venue in VENUES:
        closed(bench, venue)
    bench.signal()
    bench.nothing(hedges(bench)[0])
    nobody(bench, 1)
    assert len(hedges(bench)) == 1
    assert any(alert.key == "hedge:SYMBOL_INELIGIBLE" for alert in bench.all(Alert))


def test_a_perpetual_that_is_halted_is_not_waited_for() -> None:
    """What a pair left is unwound on spot at once."""
    bench = Bench().boot()
    closed(bench, GF)
    bench.residual()
    bench.signal()
    assert {order.purpose for order in hedges(bench)} == {Purpose.UNWIND}
    assert not bench.all(Alert)


def test_an_unwind_is_cut_to_what_one_order_may_be() -> None:
    """Order size and what is there to sell bound an unwind; the rest follows in the next."""
    bench = Bench(max_order_notional_quote=6_100, hedge_quantity_per_minute_max=5).boot()
    stranger(bench, "0.4", Side.BUY)
    nobody(bench, 2.3)
    unwind = next(h for h in hedges(bench) if h.purpose is Purpose.UNWIND)
    assert unwind.quantity * unwind.price <= 6_100
    assert is_multiple(unwind.quantity, bench.instruments[unwind.venue].lot_size)


def test_an_unwind_below_the_minimum_is_not_sent() -> None:
    """Spot refuses less than 5 USDT: nothing is sent that the venue would refuse."""
    bench = Bench()
    bench.instruments[GS] = instrument(GS, min_notional=Decimal(500))
    bench.instruments[MS] = instrument(MS, min_notional=Decimal(500))
    bench.boot()
    stranger(bench, "0.003")
    nobody(bench, 3)
    assert {hedge.purpose for hedge in hedges(bench)} == {Purpose.HEDGE}


def test_an_invalid_hedge_is_not_sent() -> None:
    """A perpetual whose smallest order is above max_order_notional_quote: no order, and REPAIR_FAILED in time."""
    bench = Bench(max_order_notional_quote=70)
    bench.instruments[GF] = instrument(GF, lot_size=Decimal("0.002"), multiplier=Decimal("0.002"))
    bench.boot()
    stranger(bench, "0.003")
    bench.signal()
    assert hedges(bench) == []
    nobody(bench, 7)
    assert "REPAIR_FAILED" in bench.triggers()


def test_a_surplus_beyond_the_largest_inventory_is_sold_where_it_is() -> None:
    """Hedged, it would stay; so spot has its turn first, and the perpetual when that fails, still in time."""
    bench = Bench(max_position_multiplier=Decimal("1.01")).boot()
    stranger(bench, "0.2", Side.BUY)
    bench.signal()
    first = hedges(bench)[0]
    assert (first.venue.is_spot, first.side, first.purpose) == (True, Side.SELL, Purpose.UNWIND)
    nobody(bench, 1.9)
    assert {h.venue for h in hedges(bench)} == {first.venue, GF}


def test_a_surplus_inside_the_largest_inventory_is_hedged() -> None:
    """The perpetual comes first."""
    bench = Bench(max_position_multiplier=Decimal(3)).boot()
    stranger(bench, "0.2", Side.BUY)
    bench.signal()
    assert [(h.venue, h.purpose) for h in hedges(bench)] == [(GF, Purpose.HEDGE)]


def refused(bench: Bench, times: int, code: str) -> None:
    """So many repair orders, one after the other, are refused by their venue."""
    for number in range(times):
        bench.sent(hedges(bench)[number])
        bench.answered(hedges(bench)[number], "refused", code)
        bench.signal(after_ms=100)


def test_a_perpetual_that_refuses_twice_is_left_for_spot() -> None:
    """Its terms changed under us: a third try would be refused too, and the deadline is not waited for."""
    bench = in_state(S.REBALANCING_DELTA)
    refused(bench, 2, "SIZE_TOO_SMALL")
    assert [(h.venue.is_spot, h.purpose) for h in hedges(bench)] == [
        (False, Purpose.HEDGE), (False, Purpose.HEDGE), (True, Purpose.UNWIND)
    ]


def test_a_spot_venue_that_refuses_twice_is_left_for_the_other() -> None:
    """Gate refuses all that is sent, on both of its markets: what MEXC holds is sold instead."""
    bench = in_state(S.REBALANCING_DELTA)
    refused(bench, 4, "REQUEST_EXPIRED")
    assert [h.venue for h in hedges(bench)] == [GF, GF, GS, GS, MS]
