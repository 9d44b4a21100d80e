"""MONITORING, PREPARING, EXECUTING: what is traded, what is refused and why, and when the books are closed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from machine_kit import GF, GS, MS, Bench, S, in_state

from dnbot.domain.instrument import VENUES
from dnbot.domain.messages import (
    Alert,
    ExecutePair,
    ExecutionClosed,
    ModeChanged,
    OpportunityTaken,
    OrderSent,
    SetMode,
)
from dnbot.domain.order import Purpose, Side
from dnbot.domain.pair import Pair
from dnbot.domain.position import EdgeLot


def test_an_opportunity_becomes_two_settled_legs() -> None:
    """OPPORTUNITY_FOUND, COMMITTED, LEGS_DONE; both orders have a cap and an expiry; the outcome is recorded."""
    bench = Bench().boot()
    pair = bench.opportunity()
    buy, sell = pair.intents
    assert pair.opportunity is not None
    assert (buy.venue, buy.side, sell.venue, sell.side) == (GS, Side.BUY, MS, Side.SELL)
    assert buy.purpose is sell.purpose is Purpose.ENTRY
    assert buy.expires_at_ns == bench.now_ns + 800 * 10**6
    assert buy.quantity == pair.opportunity.buy_quantity
    assert (buy.price, sell.price) == (pair.opportunity.buy_price_cap, pair.opportunity.sell_price_cap)
    assert bench.all(OpportunityTaken) == []
    bench.committed()
    assert bench.last(OpportunityTaken).opportunity == pair.opportunity
    bench.filled(buy)
    assert bench.state is S.EXECUTING_ARBITRAGE
    bench.filled(sell)
    assert bench.triggers()[-3:] == ["OPPORTUNITY_FOUND", "COMMITTED", "LEGS_DONE"]
    closed = bench.last(ExecutionClosed)
    assert (closed.status, closed.pair_name, closed.purpose) == ("complete", "GATE_TO_MEXC", "entry")
    assert bench.context.execution is None
    assert bench.context.preparing is None
    assert bench.context.counters.executions == 1


def test_one_market_gives_one_decision() -> None:
    """The same signal is not judged twice, however many other events follow it."""
    bench = Bench().boot()
    bench.opportunity()
    bench.aborted()
    assert bench.state is S.MONITORING_SPREADS
    bench.wait(0.5)
    assert len(bench.all(ExecutePair)) == 1


def test_a_book_that_may_show_what_we_took_is_not_traded_again() -> None:
    """After our own order a venue's book must be newer than the order's last change."""
    bench = Bench().boot()
    bench.round_trip()
    bench.signal(gs=None, ms=None, after_ms=10)
    assert bench.state is S.MONITORING_SPREADS
    bench.signal(ms=60_200, after_ms=110)
    assert bench.state is S.PREPARING_ARBITRAGE


def test_the_same_pair_is_not_decided_twice_in_a_moment() -> None:
    """Right after a pair the same edge is refused as a duplicate; a moment later it is traded."""
    bench = Bench().boot()
    bench.round_trip()
    bench.signal(ms=60_200, after_ms=10)
    assert bench.state is S.MONITORING_SPREADS
    assert bench.context.counters.declined["DUPLICATE"] == 1
    bench.signal(ms=60_200, after_ms=110)
    assert bench.state is S.PREPARING_ARBITRAGE


def test_the_best_edge_is_taken_first() -> None:
    """Gate is cheap for MEXC and for the perpetual: the larger edge wins."""
    bench = Bench().boot()
    bench.quiet(40, every_ms=900)
    bench.signal(ms=60_200, gf=60_100)
    pair = bench.last(ExecutePair)
    assert pair.opportunity is not None
    assert pair.opportunity.pair is Pair.GATE_TO_MEXC


def test_a_carry_needs_the_history_of_its_exit() -> None:
    """With 30 samples of the closing pair a rich perpetual is sold against bought spot; the sell is not reduce-only."""
    bench = Bench(margin_floor_pct=1).boot()
    bench.signal(gf=60_300)
    assert bench.state is S.MONITORING_SPREADS
    bench.quiet(40, every_ms=900)
    bench.signal(gf=60_300)
    pair = bench.last(ExecutePair)
    assert pair.opportunity is not None
    assert pair.opportunity.pair in {Pair.OPEN_GATE, Pair.OPEN_MEXC}
    assert [intent.reduce_only for intent in pair.intents] == [False, False]


def test_a_carry_is_closed_reduce_only() -> None:
    """Inventory above the base position and a cheap perpetual: the short is bought back, and can only shrink."""
    bench = Bench("1", "-2").boot()
    bench.signal(gf=59_700)
    pair = bench.last(ExecutePair)
    assert pair.opportunity is not None
    assert pair.opportunity.pair in {Pair.CLOSE_GATE, Pair.CLOSE_MEXC}
    assert pair.opportunity.purpose is Purpose.EXIT
    assert [intent.reduce_only for intent in pair.intents] == [True, False]


# --- margin, freshness, modes in MONITORING ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("quote", "mark", "word"),
    [("50000", 68_000, "margin_floor_pct"), ("100000", 60_000, "liquidation_distance_min_pct")],
)
def test_low_margin_reduces_once(quote: str, mark: int, word: str) -> None:
    """Below the floor, or near liquidation: critical and REDUCING at once, and a second later both legs shrink."""
    bench = Bench(quote=quote, max_drawdown_pct=50).boot()
    if word == "liquidation_distance_min_pct":
        near = bench.position(liquidation_price=Decimal(66_000))
        bench.give(bench.read(GF, position=near))
    else:
        bench.mark = Decimal(mark)
    bench.quiet(0.5)
    assert bench.state is S.MONITORING_SPREADS
    assert bench.context.mode.name == "REDUCING"
    assert not bench.intents()
    bench.quiet(1.5, gs=mark, gf=mark, ms=mark)
    assert bench.path()[-2:] == [
        ("MONITORING_SPREADS", "MARGIN_LOW", "DELTA_NEUTRAL_ACTIVE"),
        ("DELTA_NEUTRAL_ACTIVE", "MARGIN_LOW", "ESTABLISHING_DELTA_NEUTRAL"),
    ]
    spot, perp = bench.intents()
    assert {spot.purpose, perp.purpose} == {Purpose.FLATTEN}
    assert (spot.side, perp.side, perp.reduce_only) == (Side.SELL, Side.BUY, True)
    assert 0 < spot.quantity == perp.quantity <= bench.context.params.slice_base
    assert word in bench.context.mode_why
    keys = [(alert.level, alert.key) for alert in bench.all(Alert)]
    assert ("critical", "margin_low") in keys


def test_low_margin_latches_again_after_a_resume() -> None:
    """A person may raise the mode; while the margin is still low it is lowered again."""
    bench = Bench(quote="50000", max_drawdown_pct=50).boot()
    bench.mark = Decimal(68_000)
    bench.quiet(1)
    bench.give(SetMode("ACTIVE", "I looked"))
    bench.quiet(1)
    assert [(r.from_mode, r.to_mode, r.by) for r in bench.all(ModeChanged)] == [
        ("ACTIVE", "REDUCING", "latch"), ("REDUCING", "ACTIVE", "operator"), ("ACTIVE", "REDUCING", "latch"),
    ]


def test_low_margin_while_a_market_is_stale() -> None:
    """Without a fresh book the mode is lowered, and ESTABLISHING waits for one: nothing is sold at an old price."""
    bench = in_state(S.DELTA_NEUTRAL_ACTIVE)
    bench.give(bench.read(GF, position=bench.position(liquidation_price=Decimal(61_000))))
    assert bench.context.mode.name == "REDUCING"
    bench.wait(2, answer=True)
    assert bench.state is S.ESTABLISHING_DELTA_NEUTRAL
    assert not bench.intents()
    bench.signal()
    assert {intent.purpose for intent in bench.intents()} == {Purpose.FLATTEN}


@pytest.mark.parametrize("venue", VENUES)
def test_a_stale_book_stops_monitoring(venue: Any) -> None:
    """One book older than allowed, or a feed that is down: MARKET_STALE; fresh again: MARKET_FRESH."""
    bench = Bench().boot()
    bench.signal(**{{GS: "gs", GF: "gf", MS: "ms"}[venue]: None}, after_ms=900)
    assert bench.state is S.MONITORING_SPREADS
    bench.signal(**{{GS: "gs", GF: "gf", MS: "ms"}[venue]: None}, after_ms=200)
    assert bench.path()[-1] == ("MONITORING_SPREADS", "MARKET_STALE", "DELTA_NEUTRAL_ACTIVE")
    bench.signal()
    assert bench.path()[-1] == ("DELTA_NEUTRAL_ACTIVE", "MARKET_FRESH", "MONITORING_SPREADS")
    bench.drop_book(venue)
    assert bench.state is S.DELTA_NEUTRAL_ACTIVE


# --- EXECUTING --------------------------------------------------------------------------------------------------------
def test_both_legs_empty_is_a_failed_execution() -> None:
    """Nobody met either order: closed as failed, no profit, no loss counted."""
    bench = Bench().boot()
    for intent in bench.executing().intents:
        bench.nothing(intent)
    closed = bench.last(ExecutionClosed)
    assert (closed.status, closed.net_quote, closed.bought, closed.sold) == ("failed", 0, 0, 0)
    assert bench.context.risk.losses_in_a_row == 0
    assert bench.state is S.MONITORING_SPREADS


def test_equal_parts_are_a_partial_execution() -> None:
    """Both legs filled to the same part: no residual, closed as partial."""
    bench = Bench().boot()
    buy, sell = bench.executing().intents
    bench.filled(buy, "0.05")
    bench.filled(sell, "0.05")
    assert bench.last(ExecutionClosed).status == "partial"
    assert bench.triggers()[-1] == "LEGS_DONE"


def test_a_residual_within_tolerance_is_left_alone() -> None:
    """Less than the tolerance joins delta and waits: no order is sent for it."""
    bench = Bench().boot()
    buy, sell = bench.executing().intents
    bench.filled(buy)
    bench.filled(sell, sell.quantity - Decimal("0.0009"))
    assert bench.triggers()[-1] == "LEGS_DONE"
    assert bench.context.portfolio.delta == Decimal("0.0009")
    assert len(bench.intents()) == 2


def test_a_residual_goes_to_rebalancing() -> None:
    """More than the tolerance: RESIDUAL_LEFT, the execution stays open until it is repaired."""
    bench = in_state(S.REBALANCING_DELTA)
    assert bench.path()[-1] == ("EXECUTING_ARBITRAGE", "RESIDUAL_LEFT", "REBALANCING_DELTA")
    assert bench.context.execution is not None
    assert bench.context.repair is not None
    assert bench.context.repair.execution_id == bench.context.execution.execution_id


def test_a_refused_leg_is_judged_like_an_unfilled_one() -> None:
    """`one_leg_rejected`: the other leg's fill is a residual, and is hedged."""
    bench = Bench().boot()
    buy, sell = bench.executing().intents
    bench.filled(buy)
    bench.sent(sell)
    bench.answered(sell, "refused", "30004", "insufficient balance")
    assert bench.state is S.REBALANCING_DELTA
    assert bench.intents()[-1].purpose is Purpose.HEDGE
    assert len(bench.context.risk.api_error_times_s) == 1


def test_the_time_from_tick_to_order_is_sampled() -> None:
    """For each leg of a pair: from the newest book's arrival to the bytes; not for hedges."""
    bench = Bench().boot()
    buy, sell = bench.executing().intents
    bench.tick(3)
    bench.give(OrderSent(buy.client_order_id, bench.now_ns, bench.now_s))
    bench.tick(1)
    bench.give(OrderSent(sell.client_order_id, bench.now_ns, bench.now_s))
    assert bench.context.counters.tick_to_order_us == pytest.approx((3000, 4000), abs=1)
    assert bench.context.counters.orders_sent == 2
    bench.filled(buy)
    bench.nothing(sell)
    hedge = bench.intents()[-1]
    bench.sent(hedge)
    assert len(bench.context.counters.tick_to_order_us) == 4, "the two legs were sent again by the bench, the hedge not"


def test_edges_lots_explain_the_way_back() -> None:
    """After a trade to Gate the way back to MEXC is an EXIT, judged with what the entry earned."""
    bench = Bench().boot()
    bench.round_trip()
    lots = bench.context.portfolio.shift_lots
    assert len(lots) == 1
    assert lots[0].quantity == bench.last(ExecutionClosed).sold
    bench.signal(ms=59_950)
    pair = bench.last(ExecutePair)
    assert pair.opportunity is not None
    assert (pair.opportunity.pair, pair.opportunity.purpose) == (Pair.MEXC_TO_GATE, Purpose.EXIT)
    for intent in bench.committed().intents:
        bench.filled(intent)
    assert sum(abs(lot.quantity) for lot in bench.context.portfolio.shift_lots) < Decimal("0.01")


def test_an_old_carry_may_lose_more() -> None:
    """Past carry_hold_hours_max the round trip's floor widens, and the exit that was refused is taken."""
    for hours, state in ((1, S.MONITORING_SPREADS), (27, S.PREPARING_ARBITRAGE)):
        bench = Bench("1", "-2").boot()
        opened_ns = bench.now_ns - hours * 3600 * 10**9
        lot = EdgeLot(Decimal(1), Decimal(-1), opened_ns)
        portfolio = msgspec.structs.replace(bench.context.portfolio, carry_lots=(lot,))
        bench.context = msgspec.structs.replace(bench.context, portfolio=portfolio)
        bench.signal(gf=59_970)
        assert bench.state is state
