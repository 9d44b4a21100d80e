"""Every parameter does something: for each key, two values, one situation, and what the machine does differently."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from machine_kit import GF, GS, MS, Bench, S, in_state, params

from dnbot.domain.instrument import Symbol
from dnbot.domain.messages import Alert, ExecutePair, OpportunityDeclined, PlaceOrder, ReadAccount, ResolveOrder
from dnbot.domain.order import OrderIntent, Purpose
from dnbot.domain.position import EdgeLot
from dnbot.strategy.costs import losing_thresholds
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.standing import margin_free


def trades(bench: Bench, **mids: Any) -> bool:
    """Whether these mids are traded."""
    bench.signal(**mids)
    return bench.state is S.PREPARING_ARBITRAGE


def reason(bench: Bench, **mids: Any) -> str:
    """Why GATE_TO_MEXC is not traded at these mids; empty when it is."""
    bench.signal(**mids)
    told = [r.declined.reason for r in bench.all(OpportunityDeclined) if r.declined.pair_name == "GATE_TO_MEXC"]
    return told[-1] if told else ""


def pair_quantity(bench: Bench) -> Decimal:
    """How much a good spread is traded for."""
    return bench.opportunity().intents[1].quantity


def first(bench: Bench) -> OrderIntent:
    """The first order that left."""
    return bench.intents()[0]


def stranger(bench: Bench, quantity: str) -> None:
    """Somebody sells spot by hand."""
    intent = in_state(S.PREPARING_ARBITRAGE).intents()[1]
    fill = bench.trade(intent, quantity, 60_000, client_order_id="", venue_order_id="web")
    bench.truth[intent.venue].fills.append(fill)
    bench.give(bench.read(intent.venue))
    bench.tick(1)


def drift(quantity: str) -> Callable[..., Any]:
    """The edge that a drift of this size takes."""
    def run(**changes: Any) -> str:
        bench = Bench(**changes).boot()
        stranger(bench, quantity)
        return bench.triggers()[-1]
    return run


def lots(bench: Bench, **changes: Any) -> Bench:
    """The bench with these lots in its portfolio."""
    portfolio = msgspec.structs.replace(bench.context.portfolio, **changes)
    bench.context = msgspec.structs.replace(bench.context, portfolio=portfolio)
    return bench


def losing_trades(count: int, **changes: Any) -> str:
    """The mode after so many losses."""
    bench = Bench(**changes).boot()
    for _ in range(count):
        buy, sell = bench.executing().intents
        bench.filled(buy, price=60_400)
        bench.filled(sell, price=60_000)
        bench.quiet(1)
    return bench.context.mode.name


def mode_after_mark(mark: int, **changes: Any) -> str:
    """The mode after the mark went there."""
    bench = Bench(**changes).boot()
    bench.mark = Decimal(mark)
    bench.quiet(1.5)
    return bench.context.mode.name


def seconds_in(state: S, unanswered: bool, **changes: Any) -> int:
    """How long a state lasts when its orders find nobody, or when nobody answers."""
    bench = Bench(**changes).boot()
    if state is S.REBALANCING_DELTA:
        bench.residual()
    else:
        bench.executing()
    began_s = bench.now_s
    for order in bench.context.unsettled if unanswered else ():
        bench.answered(order.intent, "ambiguous")
    while bench.state is state and bench.now_s - began_s < 100:
        bench.signal()
        bench.answer_reads()
        for order in () if unanswered else bench.context.unsettled:
            bench.nothing(order.intent)
    return round(bench.now_s - began_s)


def unwinds_after_s(**changes: Any) -> int:
    """When the first unwind leaves, tenths of a second after the residual."""
    bench = Bench(**changes).boot()
    bench.residual()
    began_s = bench.now_s
    while bench.intents()[-1].purpose is not Purpose.UNWIND and bench.now_s - began_s < 10:
        bench.signal()
        for order in bench.context.unsettled:
            bench.nothing(order.intent)
    return round((bench.now_s - began_s) * 10)


def establishes(**changes: Any) -> Decimal:
    """The first slice, starting from nothing; zero when it is declined."""
    bench = Bench("0", "0", **changes).boot()
    return bench.intents()[0].quantity if bench.intents() else Decimal(0)


def closes_carry(hours: int, **changes: Any) -> bool:
    """Whether a carry of this age is closed at 0 bps after an entry at -1."""
    bench = Bench("1", "-2", **changes).boot()
    lots(bench, carry_lots=(EdgeLot(Decimal(1), Decimal(-1), bench.now_ns - hours * 3600 * 10**9),))
    return trades(bench, gf=59_970)


def alert_keys(bench: Bench) -> set[str]:
    """Keys of the alerts so far."""
    return {alert.key for alert in bench.all(Alert)}


def with_old_shift(**changes: Any) -> bool:
    """Whether a shift of half an hour and a bit is told."""
    bench = Bench(**changes).boot()
    lots(bench, shift_lots=(EdgeLot(Decimal("0.1"), Decimal(1), bench.now_ns - 1900 * 10**9),))
    bench.tick(1100)
    return "shift_overdue" in alert_keys(bench)


def attempts(**changes: Any) -> bool:
    """Whether a recovery of eight seconds has given up."""
    bench = Bench(**changes).boot()
    bench.fault()
    bench.wait(8)
    return bench.state is S.SHUTDOWN


def stops_with(**changes: Any) -> bool:
    """Whether a stop without a policy sells."""
    bench = Bench(**changes).boot()
    bench.stop()
    bench.signal()
    return bool(bench.intents())


def rests(**changes: Any) -> list[tuple[Decimal, Decimal]]:
    """Price and quantity of the leg that rests where both legs at once would not pay."""
    bench = Bench(**changes).boot()
    bench.signal(ms=60_065)
    return [(pair.intents[0].price, pair.intents[0].quantity) for pair in bench.all(ExecutePair)]


def rests_until_s(**changes: Any) -> float:
    """How long it may."""
    bench = Bench(maker_first=True, **changes).boot()
    bench.signal(ms=60_065)
    execution = bench.context.execution
    assert execution is not None
    assert execution.rest is not None
    return round(execution.rest.until_s - bench.now_s, 3)


def read_count(**changes: Any) -> int:
    """Reads asked for within ten seconds."""
    bench = Bench(**changes).boot()
    bench.wait(10, answer=True)
    return len(bench.all(ReadAccount))


def chased_after_ms(**changes: Any) -> int:
    """When an order that says nothing is asked after, in steps of 50 ms."""
    bench = Bench(**changes).boot()
    for intent in bench.executing().intents:
        bench.sent(intent)
    began_s = bench.now_s
    while not bench.all(ResolveOrder):
        bench.tick(50)
    return round((bench.now_s - began_s) * 1000)


def skewed(**changes: Any) -> str:
    """Why books 300 ms apart are not traded."""
    bench = Bench(**changes).boot()
    bench.tick(300)
    return reason(bench, gs=bench.book(GS, 60_000, age_s=0.3), ms=60_200)


def thin_budget(**changes: Any) -> Decimal:
    """How much of a residual is hedged at once."""
    bench = Bench(**changes).boot()
    bench.residual()
    return bench.last(PlaceOrder).intent.quantity


def near_liquidation(**changes: Any) -> str:
    """The mode when liquidation is 15 % away."""
    bench = Bench(**changes).boot()
    bench.give(bench.read(GF, position=bench.position(liquidation_price=Decimal(69_000))))
    bench.signal()
    return bench.context.mode.name


def checks_within(s: float, **changes: Any) -> bool:
    """Whether a tolerated delta is repaired by the unconditional check within so long."""
    bench = Bench(**changes).boot()
    stranger(bench, "0.0009")
    bench.quiet(s, every_ms=900)
    return bool(bench.intents())


def many_refusals(**changes: Any) -> str:
    """The mode after two refusals."""
    bench = Bench(**changes).boot()
    for intent in bench.executing().intents:
        bench.sent(intent)
        bench.answered(intent, "refused", "X")
    bench.quiet(1)
    return bench.context.mode.name


def two_round_trips(**changes: Any) -> str:
    """The mode after two executions."""
    bench = Bench(**changes).boot()
    for _ in range(2):
        bench.round_trip()
        bench.quiet(1)
    return bench.context.mode.name


def opens_carry(**changes: Any) -> bool:
    """Whether a rich perpetual is sold against spot at twice the base position."""
    bench = Bench("1", "-2", margin_floor_pct=1, quote="300000", **changes).boot()
    bench.quiet(40, every_ms=900)
    bench.signal(gf=60_300)
    return bench.state is S.PREPARING_ARBITRAGE


def inventory_skewed(**changes: Any) -> Decimal:
    """What 17 bps gross must earn when Gate holds nearly everything already."""
    bench = Bench(**changes)
    bench.truth[GS].balances["BTC"], bench.truth[MS].balances["BTC"] = Decimal("0.8"), Decimal("0.2")
    bench.boot()
    pair = bench.opportunity()
    assert pair.opportunity is not None
    return pair.opportunity.required_bps


def dusty(**changes: Any) -> str:
    """The mode with three lots left alone."""
    bench = Bench(delta_tolerance_base="0.005", **changes).boot()
    stranger(bench, "0.003")
    bench.quiet(1.5)
    return bench.context.mode.name


def topped_up(**changes: Any) -> Decimal:
    """What is moved while the perpetual's margin is low."""
    bench = Bench(quote="50000", max_drawdown_pct=50, max_order_notional_quote=6_100, **changes).boot()
    bench.mark = Decimal(68_000)
    for _ in range(8):
        bench.quiet(1)
        bench.moved()
    return bench.moved()


CASES: dict[str, tuple[Callable[..., Any], Any, Any]] = {
    "base_position_size": (lambda **c: Bench(**c).boot().state, "1", "2"),
    "max_order_notional_quote": (lambda **c: pair_quantity(Bench(**c).boot()), 6_100, 3_000),
    "max_position_multiplier": (opens_carry, 3, 2),
    "inventory_ratio": (inventory_skewed, "0.5", "0.9"),
    "arbitrage_entry_threshold_bps": (lambda **c: trades(Bench(**c).boot(), ms=60_100), 3, 20),
    "arbitrage_exit_threshold_bps": (lambda **c: trades(Bench("1", "-2", **c).boot(), gf=59_970), -2, 2),
    "slippage_reserve_bps": (lambda **c: trades(Bench(**c).boot(), ms=60_100), 1, 20),
    "inventory_skew_bps_max": (inventory_skewed, 5, 0),
    "max_round_trip_loss_bps": (lambda **c: closes_carry(1, **c), 0, 3),
    "depth_share_max": (lambda **c: pair_quantity(Bench(**c).boot()), "0.10", "0.01"),
    "edge_bps_max_credible": (lambda **c: reason(Bench(**c).boot(), ms=60_200), 300, 20),
    "price_collar_bps": (lambda **c: reason(Bench(**c).boot(), ms=60_200), 100, 30),
    "identity_price_ratio_max": (lambda **c: reason(Bench(**c).boot(), ms=60_200), "1.05", "1.001"),
    "carry_hold_hours_max": (lambda **c: closes_carry(27, **c), 24, 48),
    "position_timeout_minutes": (with_old_shift, 30, 60),
    "delta_tolerance_base": (drift("0.003"), None, "0.005"),
    "delta_hard_limit_base": (drift("0.010"), None, "0.002"),
    "delta_rebalance_frequency_minutes": (lambda **c: checks_within(70, **c), 1, 15),
    "establish_slice_base": (establishes, None, "0.02"),
    "establish_cost_bps_max": (establishes, 40, 1),
    "dust_base_max": (dusty, None, "0.004"),
    "hedge_quantity_per_minute_max": (thin_budget, None, "0.02"),
    "max_drawdown_pct": (lambda **c: mode_after_mark(61_000, **c), 2, "0.1"),
    "max_daily_loss_quote": (lambda **c: mode_after_mark(61_000, **c), None, 500),
    "execution_deadline_ms": (lambda **c: seconds_in(S.EXECUTING_ARBITRAGE, True, **c), 3_000, 9_000),
    "hedge_deadline_ms": (unwinds_after_s, 2_000, 1_000),
    "order_expiry_ms": (
        lambda **c: first(in_pair(**c)).expires_at_ns - first(in_pair(**c)).created_at_ns, 800, 500,
    ),
    "match_lag_ms": (chased_after_ms, 250, 500),
    "resolve_deadline_ms": (lambda **c: seconds_in(S.EXECUTING_ARBITRAGE, True, **c), 30_000, 5_000),
    "market_age_ms_max": (lambda **c: stale_after(900, **c), 1_000, 500),
    "market_skew_ms_max": (skewed, 500, 200),
    "balance_age_ms_max": (read_count, 30_000, 3_000),
    "consecutive_loss_limit": (lambda **c: losing_trades(2, **c), 5, 2),
    "round_trips_per_minute_max": (two_round_trips, 30, 2),
    "identical_orders_per_minute_max": (two_round_trips, 20, 2),
    "api_error_limit_per_minute": (many_refusals, 10, 2),
    "recovery_attempts_max": (attempts, 5, 1),
    "shutdown_policy": (stops_with, "hold", "flatten"),
    "leverage": (lambda **c: margin_free(Bench(**c).boot().context), 2, 5),
    "margin_floor_pct": (lambda **c: mode_after_mark(60_000, **c), 30, 80),
    "liquidation_distance_min_pct": (near_liquidation, 20, 10),
    "margin_top_up": (topped_up, False, True),
    "margin_top_up_quote_max": (lambda **c: topped_up(margin_top_up=True, **c), None, 2_000),
    "margin_top_up_day_quote_max": (lambda **c: topped_up(margin_top_up=True, **c), None, 7_000),
    "venue_equity_share_max": (lambda **c: trades(Bench(**c).boot(), ms=60_200), "0.8", "0.5"),
    "maker_first": (rests, False, True),
    "maker_ticks_inside": (lambda **c: rests(maker_first=True, **c), 1, 3),
    "maker_rest_ms": (rests_until_s, 5_000, 1_000),
    "maker_order_notional_quote_max": (lambda **c: rests(maker_first=True, **c), None, 600),
    "allow_losing_thresholds": (
        lambda **c: losing_thresholds(params(arbitrage_entry_threshold_bps=-1, **c)), False, True,
    ),
}
ELSEWHERE = {"symbol", "margin_mode"}
"""`symbol` is every order's; `margin_mode` is set at the venue by the session, before anything is traded."""


def in_pair(**changes: Any) -> Bench:
    """A bench with a pair prepared."""
    bench = Bench(**changes).boot()
    bench.opportunity()
    return bench


def stale_after(ms: int, **changes: Any) -> bool:
    """Whether books of this age are still fresh."""
    bench = Bench(**changes).boot()
    bench.signal()
    bench.tick(ms)
    return bench.context.market_fresh


def test_every_key_has_its_case() -> None:
    """A parameter that is added without an effect, or removed with its case left behind, is noticed."""
    assert set(CASES) | ELSEWHERE == set(StrategyParameters.__struct_fields__)
    assert not set(CASES) & ELSEWHERE


@pytest.mark.parametrize("key", CASES)
def test_each_key_has_an_effect(key: str) -> None:
    """Two values of the key, everything else equal: the machine does not do the same."""
    act, one, other = CASES[key]
    assert act(**{key: one}) != act(**{key: other})
    assert act(**{key: one}) == act(**{key: one})


def test_the_symbol_is_every_orders() -> None:
    """And an instrument of another symbol is refused."""
    bench = Bench().boot()
    assert {intent.symbol for intent in bench.opportunity().intents} == {bench.context.params.symbol}
    other = Bench(max_order_notional_quote=6_000)
    changed = msgspec.structs.replace(other.context.params, symbol=Symbol("ETH", "USDT"))
    other.context = msgspec.structs.replace(other.context, params=changed)
    other.boot()
    other.signal(ms=60_200)
    assert other.all(ExecutePair) == []


def test_derived_defaults() -> None:
    """None means: a lot, two lots, 5 % of the size, 10 % of the size, the size."""
    lot = Decimal("0.001")
    plain, own = params(), params(
        delta_tolerance_base="0.5", dust_base_max="0.6", delta_hard_limit_base="0.7", establish_slice_base="0.8",
        hedge_quantity_per_minute_max="0.9",
    )
    assert (plain.tolerance_base(lot), own.tolerance_base(lot)) == (lot, Decimal("0.5"))
    assert (plain.dust_max(lot), own.dust_max(lot)) == (2 * lot, Decimal("0.6"))
    assert (plain.hard_limit_base, own.hard_limit_base) == (Decimal("0.05"), Decimal("0.7"))
    assert (plain.slice_base, own.slice_base) == (Decimal("0.1"), Decimal("0.8"))
    assert (plain.hedge_budget_base, own.hedge_budget_base) == (1, Decimal("0.9"))
