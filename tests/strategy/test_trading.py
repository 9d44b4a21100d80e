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
    FillReported,
    ModeChanged,
    OpportunityDeclined,
    OpportunityTaken,
    OrderSent,
    ReadAccount,
    SetMode,
    StateChanged,
    StoreFound,
    StoreLost,
)
from dnbot.domain.order import OrderStatus, Purpose, Side
from dnbot.domain.pair import Pair
from dnbot.domain.position import EdgeLot
from dnbot.strategy.trading import PREPARE_PATIENCE_S


def reasons(bench: Bench) -> list[str]:
    """Every recorded refusal's code."""
    return [record.declined.reason for record in bench.all(OpportunityDeclined)]


def why(bench: Bench) -> str:
    """What the newest edge says."""
    return bench.last(StateChanged).why


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
    bench.signal(ms=60_200, after_ms=10)
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


# --- refusals ---------------------------------------------------------------------------------------------------------
def test_stale_balances_are_read_first() -> None:
    """Too old a read is not traded on: both venues are asked, PREPARING waits, and the trade follows the reads."""
    bench = Bench(balance_age_ms_max=60_000).boot()
    bench.context = msgspec.structs.replace(
        bench.context, params=msgspec.structs.replace(bench.context.params, balance_age_ms_max=500)
    )
    bench.signal(ms=60_200, after_ms=600)
    assert bench.state is S.PREPARING_ARBITRAGE
    assert {c.venue for c in bench.all(ReadAccount) if c.why == "prepare"} <= {GS, MS}
    assert not bench.all(ExecutePair)
    bench.answer_reads()
    assert len(bench.all(ExecutePair)) == 1
    assert bench.state is S.PREPARING_ARBITRAGE


def prepared_without_account(bench: Bench) -> Bench:
    """PREPARING, while MEXC's private stream is down."""
    bench.down(MS)
    bench.signal(ms=60_200)
    assert bench.state is S.PREPARING_ARBITRAGE
    assert not bench.all(ExecutePair)
    return bench


def test_reads_that_do_not_come_refuse() -> None:
    """Patience ends after a second: refused as BALANCE_STALE, recorded with the estimate."""
    bench = prepared_without_account(Bench().boot())
    bench.wait(PREPARE_PATIENCE_S)
    assert bench.state is S.PREPARING_ARBITRAGE
    bench.tick(1)
    assert bench.triggers()[-1] == "MARKET_STALE", "the books aged as long: that is told first"
    bench = prepared_without_account(Bench(market_age_ms_max=5000).boot())
    bench.wait(PREPARE_PATIENCE_S + 0.1)
    assert bench.triggers()[-1] == "REFUSED"
    assert reasons(bench)[-1] == "BALANCE_STALE"
    assert bench.last(OpportunityDeclined).declined.estimate is not None
    assert bench.context.preparing is None


def test_an_edge_that_goes_while_it_waits() -> None:
    """When the accounts are known again, the newest books decide: GONE, or the reason that stands in the way now."""
    for mid, code in ((60_000, "GONE"), (60_550, "COLLAR")):
        bench = prepared_without_account(Bench(price_collar_bps=90).boot())
        bench.up(MS)
        bench.signal(ms=mid)
        assert bench.state is S.PREPARING_ARBITRAGE
        bench.answer_reads()
        assert bench.triggers()[-1] == "REFUSED"
        assert why(bench).startswith(f"{code}: ")


def test_the_mode_changes_while_it_waits() -> None:
    """An entry that waits is dropped when a person reduces; MODE_CHANGED leads back to MONITORING."""
    bench = prepared_without_account(Bench().boot())
    bench.give(SetMode("REDUCING", "test"))
    assert bench.path()[-1] == ("PREPARING_ARBITRAGE", "MODE_CHANGED", "MONITORING_SPREADS")
    assert bench.context.preparing is None


def test_a_market_goes_stale_while_it_waits() -> None:
    """MARKET_STALE leads back to DELTA_NEUTRAL_ACTIVE."""
    bench = prepared_without_account(Bench(market_age_ms_max=700).boot())
    bench.tick(800)
    assert bench.path()[-1] == ("PREPARING_ARBITRAGE", "MARKET_STALE", "DELTA_NEUTRAL_ACTIVE")


@pytest.mark.parametrize(("quantity", "trigger"), [("0.01", "DELTA_DRIFTED"), ("0.06", "HARD_LIMIT")])
def test_delta_drifts_while_it_waits(quantity: str, trigger: str) -> None:
    """Somebody sells on Gate by hand: what waits is dropped, and delta is repaired."""
    bench = prepared_without_account(Bench().boot())
    stranger = msgspec.structs.replace(Bench().boot().opportunity().intents[0], side=Side.SELL)
    fill = bench.trade(stranger, quantity, client_order_id="", venue_order_id="77")
    bench.give(FillReported(fill))
    assert bench.path()[-1] == ("PREPARING_ARBITRAGE", trigger, "REBALANCING_DELTA")
    assert bench.context.preparing is None


def test_the_margin_sinks_while_it_waits() -> None:
    """A mark that jumps eats the margin: MARGIN_LOW, back to DELTA_NEUTRAL_ACTIVE, REDUCING."""
    bench = prepared_without_account(Bench(quote="50000", max_drawdown_pct=50).boot())
    bench.mark = Decimal(68_000)
    bench.give(bench.market_signal())
    assert ("PREPARING_ARBITRAGE", "MARGIN_LOW", "DELTA_NEUTRAL_ACTIVE") in bench.path()
    assert bench.context.mode.name == "REDUCING"


def test_a_risk_check_refuses() -> None:
    """With the database away no pair is committed: DB_UNAVAILABLE, and nothing is stored as an order."""
    bench = Bench().boot()
    bench.give(StoreLost("test"))
    bench.signal(ms=60_200)
    assert bench.path()[-1] == ("PREPARING_ARBITRAGE", "REFUSED", "MONITORING_SPREADS")
    assert reasons(bench)[-1] == "DB_UNAVAILABLE"
    assert bench.context.orders == {}
    assert bench.all(Alert)[-1].key == "store"
    bench.give(StoreFound())
    bench.signal(ms=60_200)
    assert bench.state is S.PREPARING_ARBITRAGE


def test_a_pair_that_is_not_sent_is_refused() -> None:
    """PairAborted: both orders end as not sent, nothing is in flight, the reason is the executor's."""
    bench = Bench().boot()
    pair = bench.opportunity()
    bench.aborted("RATE", "a create would wait")
    assert bench.path()[-1] == ("PREPARING_ARBITRAGE", "REFUSED", "MONITORING_SPREADS")
    assert why(bench) == "RATE: a create would wait"
    assert {bench.context.orders[i.client_order_id].status for i in pair.intents} == {OrderStatus.NOT_SENT}
    assert bench.context.unsettled == ()
    assert bench.context.execution is None


def test_an_abort_after_the_commit_is_impossible_and_ignored() -> None:
    """What is with the desks cannot be taken back by a late message."""
    bench = Bench().boot()
    bench.executing()
    bench.aborted()
    assert bench.state is S.EXECUTING_ARBITRAGE
    assert len(bench.context.unsettled) == 2
    bench.committed()
    assert len(bench.all(OpportunityTaken)) == 1, "a commit that is told twice counts once"


def test_prepared_waits_for_its_commit() -> None:
    """While the commit is under way nothing else is decided: not by markets, not by time."""
    bench = Bench().boot()
    bench.opportunity()
    for _ in range(5):
        bench.signal(ms=60_200)
    bench.tick(3000)
    assert bench.state is S.PREPARING_ARBITRAGE
    assert len(bench.all(ExecutePair)) == 1


@pytest.mark.parametrize(("mode", "told"), [("REDUCING", True), ("HALTED", True), ("ACTIVE", False)])
def test_a_mode_declines_before_a_state_is_left(mode: str, told: bool) -> None:
    """In REDUCING and HALTED an entry is declined with reason MODE where it is seen: no edge is taken for it."""
    bench = Bench().boot()
    bench.give(SetMode(mode, "test"))
    edges = len(bench.path())
    bench.signal(ms=60_200)
    assert ("MODE" in reasons(bench)) is told
    assert (len(bench.path()) == edges) is told


def test_reducing_lets_exits_through() -> None:
    """What takes inventory back may be traded in REDUCING, and not in HALTED."""
    for mode, state in (("REDUCING", S.PREPARING_ARBITRAGE), ("HALTED", S.MONITORING_SPREADS)):
        bench = Bench("1", "-2").boot()
        bench.give(SetMode(mode, "test"))
        bench.signal(gf=59_700)
        assert bench.state is state


def test_repeats_of_a_refusal_are_merged() -> None:
    """One record at once, then one a second with the number of repeats; the counters know each."""
    bench = Bench().boot()
    bench.give(SetMode("HALTED", "test"))
    for _ in range(21):
        bench.signal(ms=60_200)
    told = [r for r in bench.all(OpportunityDeclined) if r.declined.reason == "MODE"]
    assert [record.count for record in told] == [1, 10, 10]
    assert bench.context.counters.declined["MODE"] == 21
    assert bench.context.counters.opportunities_seen >= 21


def test_nothing_is_looked_at_without_fees() -> None:
    """Fees come with the session: before all three are known no edge is judged."""
    bench = Bench().boot()
    accounts = {**bench.context.accounts, MS: msgspec.structs.replace(bench.context.accounts[MS], fees=None)}
    bench.context = msgspec.structs.replace(bench.context, accounts=accounts)
    bench.signal(ms=60_200)
    assert bench.state is S.MONITORING_SPREADS
    assert bench.context.counters.opportunities_seen == 0


# --- margin, freshness, modes in MONITORING ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("quote", "mark", "word"),
    [("50000", 68_000, "margin_floor_pct"), ("100000", 60_000, "liquidation_distance_min_pct")],
)
def test_low_margin_reduces_once(quote: str, mark: int, word: str) -> None:
    """Below the floor, or near liquidation: critical, REDUCING, one MARGIN_LOW edge; then monitoring goes on."""
    bench = Bench(quote=quote, max_drawdown_pct=50).boot()
    if word == "liquidation_distance_min_pct":
        near = bench.position(liquidation_price=Decimal(66_000))
        bench.give(bench.read(GF, position=near))
    else:
        bench.mark = Decimal(mark)
    bench.quiet(3)
    assert bench.triggers().count("MARGIN_LOW") == 1
    assert bench.state is S.MONITORING_SPREADS
    assert bench.context.mode.name == "REDUCING"
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
    assert bench.triggers().count("MARGIN_LOW") == 2
    assert [(r.from_mode, r.to_mode, r.by) for r in bench.all(ModeChanged)] == [
        ("ACTIVE", "REDUCING", "latch"), ("REDUCING", "ACTIVE", "operator"), ("ACTIVE", "REDUCING", "latch"),
    ]


def test_low_margin_while_a_market_is_stale() -> None:
    """In DELTA_NEUTRAL_ACTIVE there is no edge to take: the mode is lowered all the same."""
    bench = in_state(S.DELTA_NEUTRAL_ACTIVE)
    bench.give(bench.read(GF, position=bench.position(liquidation_price=Decimal(61_000))))
    assert bench.context.mode.name == "REDUCING"
    assert "MARGIN_LOW" not in bench.triggers()


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
