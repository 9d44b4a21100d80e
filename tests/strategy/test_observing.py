"""What is measured: naked time, equity, latches, samples; what is checked on a clock; and what may be forgotten."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from machine_kit import GF, GS, MS, Bench, S, in_state

from dnbot.domain.instrument import VENUES
from dnbot.domain.messages import (
    Alert,
    BookTopSampled,
    ExecutionClosed,
    FillReported,
    FundingSampled,
    ModeChanged,
    PlaceOrder,
    PortfolioSaved,
    PositionSampled,
    ReadAccount,
    SetMode,
    Tick,
)
from dnbot.domain.order import OrderStatus, Side
from dnbot.domain.position import EdgeLot
from dnbot.strategy.observing import FORGET_AFTER_S, ORDERS_KEPT_MAX
from dnbot.strategy.reference import MARK_AGE_S_MAX
from dnbot.strategy.standing import PNL_UNKNOWN_S


def stranger(bench: Bench, quantity: str, side: Side = Side.SELL) -> None:
    """Somebody trades on Gate spot by hand."""
    template = in_state(S.PREPARING_ARBITRAGE).intents()[0]
    intent = msgspec.structs.replace(template, side=side)
    bench.give(FillReported(bench.trade(intent, quantity, 60_000, client_order_id="", venue_order_id="web")))


def alerts(bench: Bench) -> list[tuple[str, str]]:
    """Level and key of every alert."""
    return [(alert.level, alert.key) for alert in bench.all(Alert)]


# --- naked time -------------------------------------------------------------------------------------------------------
def test_naked_time_of_two_legs() -> None:
    """From the first leg's fill to the second's: 40 ms, definite; the execution's record says the same."""
    bench = in_state(S.EXECUTING_ARBITRAGE)
    buy, sell = (order.intent for order in bench.context.unsettled)
    bench.filled(buy)
    assert bench.context.naked.since_s == bench.now_s
    bench.tick(25)
    bench.tick(15)
    bench.filled(sell)
    assert bench.context.naked.since_s is None
    assert bench.context.naked.worst_definite_ms == 40
    assert bench.context.naked.worst_ambiguous_ms == 0
    assert bench.last(ExecutionClosed).naked_ms == 40
    assert not bench.last(ExecutionClosed).ambiguous


def test_naked_time_until_the_hedge() -> None:
    """It runs through REBALANCING until the hedge is booked."""
    bench = in_state(S.REBALANCING_DELTA)
    bench.tick(120)
    bench.filled(bench.last(PlaceOrder).intent)
    assert bench.context.naked.worst_definite_ms == 120
    assert bench.last(ExecutionClosed).naked_ms == 120


def test_ambiguous_naked_time_is_kept_apart() -> None:
    """While an outcome was unknown for part of it, the whole counts as ambiguous."""
    bench = in_state(S.EXECUTING_ARBITRAGE)
    buy, sell = (order.intent for order in bench.context.unsettled)
    bench.answered(sell, "ambiguous")
    bench.filled(buy)
    bench.tick(900)
    bench.give(FillReported(bench.trade(sell)))
    bench.told(sell, OrderStatus.FILLED, sell.quantity)
    assert bench.context.naked.worst_ambiguous_ms == 900
    assert bench.context.naked.worst_definite_ms == 0
    assert bench.last(ExecutionClosed).ambiguous


def test_the_worst_is_kept() -> None:
    """A shorter interval later does not replace a longer one."""
    bench = Bench().boot()
    for ms in (80, 30):
        buy, sell = bench.executing().intents
        bench.filled(buy)
        bench.tick(ms)
        bench.filled(sell)
        bench.quiet(1)
    assert bench.context.naked.worst_definite_ms == 80
    assert bench.context.counters.delta_worst == pytest.approx(Decimal("0.1013"), abs=Decimal("0.001"))


def test_tolerated_delta_is_not_naked() -> None:
    """A lot that is left alone is not counted."""
    bench = Bench().boot()
    stranger(bench, "0.001")
    bench.quiet(1)
    assert bench.context.naked.since_s is None
    assert bench.context.counters.delta_worst == Decimal("0.001")


# --- samples and equity -----------------------------------------------------------------------------------------------
def test_samples_once_a_second() -> None:
    """Position, books, funding and portfolio are sampled each second, however many events pass."""
    bench = Bench().boot()
    before = {kind: len(bench.all(kind)) for kind in (PositionSampled, BookTopSampled, FundingSampled)}
    for _ in range(30):
        bench.signal()
    assert len(bench.all(PositionSampled)) - before[PositionSampled] == 3
    assert len(bench.all(BookTopSampled)) - before[BookTopSampled] == 9
    assert len(bench.all(FundingSampled)) - before[FundingSampled] == 3
    sample = bench.last(PositionSampled)
    assert (sample.spot_gate, sample.spot_mexc, sample.perp_base) == (Decimal("0.5"), Decimal("0.5"), Decimal(-1))
    assert (sample.delta_base, sample.mark) == (0, 60_000)
    assert bench.last(PortfolioSaved).portfolio == bench.context.portfolio
    top = bench.last(BookTopSampled)
    assert (top.bid, top.ask) == (Decimal("59999.5"), Decimal("60000.5"))


def test_equity_is_quote_inventory_and_perpetual() -> None:
    """Each venue's base at its own mid, the perpetual at mark; the same figure from the venues' own balances."""
    bench = Bench().boot()
    bench.round_trip()
    bench.mark = Decimal(60_300)
    bench.quiet(2, gs=60_100, ms=60_200)
    truth = bench.truth
    spot = sum((truth[v].balances["BTC"] * bench.books[v].mid for v in (GS, MS)), Decimal(0))
    quote = sum((truth[v].balances["USDT"] for v in VENUES), Decimal(0))
    perp = truth[GF].base * (bench.mark - truth[GF].entry)
    assert bench.context.risk.equity_quote == spot + quote + perp


def test_the_day_starts_at_midnight_utc() -> None:
    """The first equity of a UTC day is what the day's profit is measured from."""
    bench = Bench(max_drawdown_pct=90).boot()
    start = bench.context.portfolio.day_equity
    bench.mark = Decimal(60_100)
    bench.quiet(2)
    assert bench.context.portfolio.day_equity == start
    assert bench.context.risk.equity_quote == start - 100
    bench.give(Tick(bench.now_ns + 86_400 * 10**9, bench.now_s + 1))
    assert bench.context.portfolio.day_equity == start - 100


def test_equity_that_is_unknown_is_not_sampled() -> None:
    """The curve has a gap where a price was missing for long, and goes on afterwards."""
    bench = Bench().boot()
    bench.drop_book(MS)
    bench.tick(1000 * (PNL_UNKNOWN_S - 1))
    assert bench.last(PositionSampled).equity_quote == bench.context.risk.equity_quote
    bench.tick(2_000)
    assert bench.last(PositionSampled).equity_quote is None
    bench.quiet(2)
    assert bench.last(PositionSampled).equity_quote == bench.context.risk.equity_quote


# --- latches ----------------------------------------------------------------------------------------------------------
def test_drawdown_halts() -> None:
    """2 % below the day's start: HALTED by the latch, with a critical alert; it stays halted when equity recovers."""
    bench = Bench().boot()
    bench.mark = Decimal(68_000)
    bench.quiet(1.5)
    assert bench.context.mode.name == "HALTED"
    assert bench.context.mode_why.startswith("DRAWDOWN: ")
    assert ("critical", "mode:halted") in alerts(bench)
    bench.mark = Decimal(60_000)
    bench.quiet(3)
    assert bench.context.mode.name == "HALTED"
    assert len(bench.all(ModeChanged)) == 1


def test_losses_in_a_row_reduce_until_a_person_resumes() -> None:
    """The count starts again when a person raises the mode: otherwise nobody could."""
    bench = Bench(consecutive_loss_limit=2).boot()
    for _ in range(2):
        buy, sell = bench.executing().intents
        bench.filled(buy, price=60_400)
        bench.filled(sell, price=60_000)
        bench.quiet(1)
    assert bench.context.risk.losses_in_a_row == 2
    assert bench.context.mode.name == "REDUCING"
    assert bench.context.mode_why.startswith("CONSECUTIVE_LOSSES: 2")
    bench.give(SetMode("ACTIVE", "I looked"))
    bench.quiet(2)
    assert bench.context.mode.name == "ACTIVE"
    bench.opportunity()


def test_a_profit_ends_a_row_of_losses() -> None:
    """One gain, and the count is zero."""
    bench = Bench().boot()
    buy, sell = bench.executing().intents
    bench.filled(buy, price=60_400)
    bench.filled(sell, price=60_000)
    assert bench.context.risk.losses_in_a_row == 1
    bench.quiet(1)
    bench.round_trip()
    assert bench.context.risk.losses_in_a_row == 0


def test_refusals_reduce() -> None:
    """Definitive refusals within a minute, whatever else: REDUCING at the limit."""
    bench = Bench(api_error_limit_per_minute=2).boot()
    for intent in bench.executing().intents:
        assert bench.context.mode.name == "ACTIVE"
        bench.sent(intent)
        bench.answered(intent, "refused", "X")
    bench.quiet(1)
    assert bench.context.mode.name == "REDUCING"
    assert bench.context.mode_why.startswith("API_ERRORS")


def test_round_trips_reduce() -> None:
    """More executions in a minute than allowed: something is wrong with the prices or with us."""
    bench = Bench(round_trips_per_minute_max=2).boot()
    for _ in range(2):
        bench.round_trip()
        bench.quiet(1)
    assert bench.context.mode_why.startswith("ROUND_TRIPS")


def test_profit_that_is_unknown_halts_when_prices_are_there() -> None:
    """`kill_switch_pnl_unknown`: fresh books and no mark: refused at once, halted after a minute."""
    bench = Bench().boot()
    bench.mark = None
    bench.quiet(PNL_UNKNOWN_S - 1, every_ms=900)
    assert bench.context.mode.name == "ACTIVE"
    bench.quiet(3, every_ms=900)
    assert bench.context.mode.name == "HALTED"
    assert bench.context.mode_why.startswith("PNL_UNKNOWN")


def test_profit_at_a_mark_that_stands_still_is_unknown() -> None:
    """Books go on, and nothing was heard of the mark for a minute: it is none, and after another the bot halts."""
    bench = Bench().boot()
    stuck_s = bench.now_s
    while bench.now_s < stuck_s + MARK_AGE_S_MAX + PNL_UNKNOWN_S - 2:
        bench.signal(after_ms=900, mark_received_s=stuck_s)
        bench.answer_reads()
    assert bench.context.market.mark is None
    assert bench.context.mode.name == "ACTIVE"
    for _ in range(6):
        bench.signal(after_ms=900, mark_received_s=stuck_s)
        bench.answer_reads()
    assert bench.context.mode_why.startswith("PNL_UNKNOWN")


def test_profit_that_was_never_known_halts_too() -> None:
    """A start without a mark price."""
    bench = Bench()
    bench.mark = None
    bench.boot()
    bench.quiet(PNL_UNKNOWN_S + 3, every_ms=900)
    assert bench.context.mode.name == "HALTED"


def test_a_missing_feed_is_no_reason_to_halt() -> None:
    """While a book is missing nothing can be entered anyway: no latch, however long it takes."""
    bench = Bench().boot()
    bench.drop_book(MS)
    for _ in range(130):
        bench.signal(ms=None, after_ms=900)
        bench.answer_reads()
    assert bench.context.mode.name == "ACTIVE"
    assert bench.state is S.DELTA_NEUTRAL_ACTIVE


@pytest.mark.parametrize("state", [S.INITIALIZING, S.SHUTDOWN])
def test_nothing_latches_before_and_after(state: S) -> None:
    """In INITIALIZING nothing is known yet, in SHUTDOWN nothing new is begun."""
    bench = in_state(state)
    bench.mark = Decimal(90_000)
    for _ in range(12):
        bench.signal()
    assert bench.context.mode.name == "ACTIVE"


# --- clocks -----------------------------------------------------------------------------------------------------------
def test_the_unconditional_check_reads_everything_and_repairs_to_the_nearest_lot() -> None:
    """Every delta_rebalance_frequency_minutes: what is tolerated otherwise is repaired after three new reads."""
    bench = Bench(delta_rebalance_frequency_minutes=1).boot()
    stranger(bench, "0.0009")
    bench.quiet(55, every_ms=900)
    assert bench.state is S.MONITORING_SPREADS
    asked = len(bench.all(ReadAccount))
    while bench.context.checking_s is None:
        bench.signal()
    assert [c.venue for c in bench.all(ReadAccount)[asked:]] == list(VENUES)
    assert not any(bench.context.account_ready(venue) for venue in VENUES)
    assert bench.state is S.MONITORING_SPREADS
    bench.answer_reads()
    assert bench.path()[-1] == ("MONITORING_SPREADS", "DELTA_DRIFTED", "REBALANCING_DELTA")
    hedge = bench.last(PlaceOrder).intent
    assert (hedge.side, hedge.quantity) == (Side.BUY, Decimal("0.001"))
    bench.filled(hedge)
    assert "DELTA_RESTORED" in bench.triggers()
    assert bench.context.checked_s == pytest.approx(bench.now_s, abs=0.2)


def test_the_unconditional_check_without_work() -> None:
    """Half a lot cannot be brought nearer: read, found in order, no edge; the next one is due a period later."""
    bench = Bench(delta_rebalance_frequency_minutes=1).boot()
    stranger(bench, "0.0005")
    edges = len(bench.path())
    bench.quiet(150, every_ms=900)
    assert len(bench.path()) == edges
    assert bench.context.checked_s is not None
    assert bench.now_s - bench.context.checked_s < 60


def test_a_check_that_gets_no_reads_asks_again() -> None:
    """Its reads are asked for until they come, every two seconds; trading waits."""
    bench = Bench(delta_rebalance_frequency_minutes=1, market_age_ms_max=5000).boot()
    bench.quiet(55, every_ms=900)
    while bench.context.checking_s is None:
        bench.signal()
    asked = len(bench.all(ReadAccount))
    for _ in range(5):
        bench.signal(after_ms=500)
    assert len(bench.all(ReadAccount)) - asked == 3
    bench.signal(ms=60_200)
    assert bench.state is S.PREPARING_ARBITRAGE
    assert bench.intents() == []


def test_reads_are_scheduled() -> None:
    """A third of balance_age_ms_max after the last read the next is asked for, where a stream is up."""
    bench = Bench(balance_age_ms_max=3000).boot()
    bench.read_all()
    bench.down(MS)
    asked = len(bench.all(ReadAccount))
    bench.tick(900)
    assert len(bench.all(ReadAccount)) == asked
    bench.tick(200)
    assert [(c.venue, c.why) for c in bench.all(ReadAccount)[asked:]] == [(GS, "schedule"), (GF, "schedule")]


# --- lots that grow old -----------------------------------------------------------------------------------------------
def with_lots(bench: Bench, **lots: tuple[EdgeLot, ...]) -> Bench:
    """The bench, with these lots in its portfolio."""
    portfolio = msgspec.structs.replace(bench.context.portfolio, **lots)
    bench.context = msgspec.structs.replace(bench.context, portfolio=portfolio)
    return bench


def test_each_step_of_an_old_carry_is_told() -> None:
    """Past carry_hold_hours_max: one warning for each 2 bps, up to 10; none when the carry is gone."""
    bench = Bench("1", "-2").boot()
    opened_ns = bench.now_ns - 24 * 3600 * 10**9
    with_lots(bench, carry_lots=(EdgeLot(Decimal(1), Decimal(5), opened_ns),))
    for half_hours in range(1, 9):
        bench.now_s = round(1001.2 + half_hours * 1800 + 1, 3)
        bench.give(Tick(bench.now_ns, bench.now_s))
    keys = [key for _, key in alerts(bench) if key.startswith("carry_age")]
    assert keys == [f"carry_age:{bps}" for bps in (2, 4, 6, 8, 10)]
    with_lots(bench, carry_lots=())
    bench.tick(1100)
    assert bench.context.widened_bps == 0
    assert len([key for _, key in alerts(bench) if key.startswith("carry_age")]) == 5


def test_a_shift_that_waits_too_long_is_told_once() -> None:
    """position_timeout_minutes: told for each oldest lot once; nothing is forced."""
    bench = Bench(position_timeout_minutes=1).boot()
    lot = EdgeLot(Decimal("0.1"), Decimal(5), bench.now_ns)
    with_lots(bench, shift_lots=(lot,))
    bench.quiet(59, every_ms=900)
    assert ("info", "shift_overdue") not in alerts(bench)
    bench.quiet(130, every_ms=900)
    assert alerts(bench).count(("info", "shift_overdue")) == 1
    with_lots(bench, shift_lots=(msgspec.structs.replace(lot, opened_at_ns=lot.opened_at_ns + 1),))
    bench.quiet(2)
    assert alerts(bench).count(("info", "shift_overdue")) == 2
    assert bench.intents() == []


# --- forgetting -------------------------------------------------------------------------------------------------------
def test_settled_orders_are_forgotten_after_a_while() -> None:
    """Two minutes, by monotonic time: a wall clock that steps forgets nothing early."""
    bench = Bench().boot()
    bench.round_trip()
    bench.give(Tick(bench.now_ns + 3600 * 10**9, bench.now_s + 2))
    assert len(bench.context.orders) == 2
    bench.wait(FORGET_AFTER_S + 2, every_ms=1000)
    assert bench.context.orders == {}
    assert bench.context.ages == {}
    assert bench.context.venue_order_ids == {}


def test_orders_in_doubt_are_never_forgotten() -> None:
    """An ambiguous order stays, and is asked after, for as long as it takes."""
    bench = Bench().boot()
    pair = bench.executing()
    bench.answered(pair.intents[0], "ambiguous")
    bench.wait(FORGET_AFTER_S + 60, every_ms=1000)
    unsettled = {order.intent.client_order_id for order in bench.context.unsettled}
    assert {intent.client_order_id for intent in pair.intents} <= unsettled
    assert set(bench.context.chased_s) == unsettled


def test_the_table_of_orders_is_bounded() -> None:
    """More than 500 settled orders in two minutes: the oldest go first, the running execution's stay."""
    bench = Bench(api_error_limit_per_minute=10_000, identical_orders_per_minute_max=10_000).boot()
    for n in range(ORDERS_KEPT_MAX // 2 + 10):
        bench.signal(ms=60_200, after_ms=110)
        bench.aborted("CLOCK")
        if n % 40 == 0:
            bench.read_all()
    bench.wait(0.2)
    running = bench.executing().intents
    bench.wait(1.5)
    assert len(bench.context.orders) == ORDERS_KEPT_MAX
    assert all(intent.client_order_id in bench.context.orders for intent in running)
    assert len(bench.context.ages) == ORDERS_KEPT_MAX


def test_tallies_and_alerts_are_forgotten() -> None:
    """Refusals that ended, and alerts that may be raised again, leave no trace."""
    bench = Bench().boot()
    bench.give(SetMode("HALTED", "test"))
    bench.signal(ms=60_200)
    bench.fault()
    bench.read_all()
    assert bench.context.tallies
    assert bench.context.alerted
    bench.quiet(62, every_ms=900)
    assert bench.context.tallies == {}
    assert bench.context.alerted == {}
