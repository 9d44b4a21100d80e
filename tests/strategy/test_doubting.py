"""Orders whose end stays unknown: what is believed of them, when, and what is hedged by it."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from machine_kit import GF, GS, MS, Bench, S, in_state

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.messages import Alert, ExecutionClosed, FillReported, PlaceOrder, ProveStream
from dnbot.domain.order import Order, OrderIntent, OrderStatus, Purpose, Side
from dnbot.domain.units import Quantity
from dnbot.strategy.context import OrderAge, StrategyContext
from dnbot.strategy.doubting import Belief, awaited, belief, bound_ms, doubt, out_of_reach, wait_ms
from dnbot.strategy.states import TradingMode

CENTS = st.integers(0, 100).map(lambda n: Decimal(n) / 100)
OPEN_ENDS = [OrderStatus.PENDING, OrderStatus.SENT, OrderStatus.OPEN, OrderStatus.AMBIGUOUS]


def with_order(
    context: StrategyContext, *, side: Side, quantity: Decimal, told: Decimal, status: OrderStatus, venue: Venue,
    age_s: float, name: str = "dnb-1-zz",
) -> StrategyContext:
    """The context with one more order of this age."""
    intent = OrderIntent(
        client_order_id=name, epoch=context.epoch, venue=venue, symbol=context.params.symbol, side=side,
        quantity=Quantity(quantity), price=Decimal(60_000), purpose=Purpose.ENTRY, created_at_ns=0, expires_at_ns=1,
    )
    order = Order(intent=intent, status=status, reported_filled=Quantity(told))
    created_s = context.now_s - age_s
    return msgspec.structs.replace(
        context, orders=context.orders.with_order(order), ages={**context.ages, name: OrderAge(created_s, created_s)}
    )


READY = Bench().boot().context


@given(st.data())
def test_the_truth_lies_in_the_doubt(data: st.DataObject) -> None:
    """Whatever each blind order really traded beyond what was told, delta is inside; nothing hedged is nearer."""
    context = READY
    truth = context.portfolio.delta
    for number in range(data.draw(st.integers(0, 4))):
        quantity, told, really = sorted((data.draw(CENTS), data.draw(CENTS), data.draw(CENTS)), reverse=True)
        told, really = min(told, really), max(told, really)
        side = data.draw(st.sampled_from(Side))
        context = with_order(
            context, side=side, quantity=quantity, told=told, venue=data.draw(st.sampled_from([GS, GF, MS])),
            status=data.draw(st.sampled_from([OrderStatus.SENT, OrderStatus.OPEN, OrderStatus.AMBIGUOUS])),
            age_s=10.0, name=f"dnb-1-z{number}",
        )
        truth += really * side.sign
    found = doubt(context)
    assert found.low <= truth <= found.high
    assert abs(truth - found.middle) <= found.left
    assert found.left <= context.delta_worst_case, "no hedge is worse than none"


@pytest.mark.parametrize("status", OPEN_ENDS)
@pytest.mark.parametrize("age_ms", [0, 1000, 1899, 1901, 60_000])
def test_an_order_is_awaited_for_so_long_and_no_longer(status: OrderStatus, age_ms: int) -> None:
    """Expiry 800, skew 100, twice the lag of 250, a quarter of the hedge deadline of 2000: 1900 ms."""
    context = with_order(
        READY, side=Side.BUY, quantity=Decimal("0.01"), told=Decimal(0), status=status, venue=GS, age_s=age_ms / 1000
    )
    assert wait_ms(context.params) == 1900
    assert bound_ms(context.params) == 3400
    believed = belief(context, context.orders["dnb-1-zz"])
    if age_ms < 1900:
        assert believed is Belief.AWAITED
    else:
        assert believed is (Belief.WITHOUT_EFFECT if status is OrderStatus.PENDING else Belief.BLIND)


@pytest.mark.parametrize(
    ("up", "since_s", "heard_s", "expected"),
    [
        (True, -20.0, -8.85, Belief.WITHOUT_EFFECT),
        (True, -20.0, -8.86, Belief.BLIND),  # the ping left before news of the order must have come
        (True, -9.99, -1.0, Belief.BLIND),  # the stream came up after the order had left
        (False, -20.0, -1.0, Belief.BLIND),
    ],
)
@pytest.mark.parametrize(("untold_s", "is_mute"), [(None, False), (-0.5, False), (-2.0, True)])
def test_silence_tells_only_on_a_stream_that_lives(
    up: bool, since_s: float, heard_s: float, expected: Belief, untold_s: float | None, is_mute: bool
) -> None:
    """Up since before the order, and answering a ping that left after its expiry, skew and lag (1150 ms); and not known
    to have kept another trade from us, which only just happened at most.
    """
    context = with_order(
        READY, side=Side.BUY, quantity=Decimal("0.01"), told=Decimal(0), status=OrderStatus.AMBIGUOUS, venue=GS,
        age_s=10.0,
    )
    now_s = context.now_s
    account = msgspec.structs.replace(
        context.accounts[GS], stream_up=up, stream_since_s=now_s + since_s, heard_s=now_s + heard_s,
        untold_since_s=None if untold_s is None else now_s + untold_s,
    )
    context = msgspec.structs.replace(context, accounts={**context.accounts, GS: account})
    assert belief(context, context.orders["dnb-1-zz"]) is (Belief.BLIND if is_mute else expected)


def test_what_an_earlier_incarnation_left_is_awaited() -> None:
    """Only complete lists know such an order, however old it is; at start nothing is presumed at all."""
    context = with_order(
        READY, side=Side.BUY, quantity=Decimal("0.01"), told=Decimal(0), status=OrderStatus.AMBIGUOUS, venue=GS,
        age_s=100.0,
    )
    later = msgspec.structs.replace(context, epoch=2)
    assert belief(later, later.orders["dnb-1-zz"]) is Belief.AWAITED
    booting = msgspec.structs.replace(context, current_state=S.INITIALIZING)
    assert awaited(booting) == booting.unsettled != ()


# --- the machine ------------------------------------------------------------------------------------------------------
def lost(proven: bool = True) -> tuple[Bench, OrderIntent, OrderIntent]:
    """The buy leg on Gate is filled, the answer of the sell leg on MEXC is lost; its stream lives, or went."""
    bench = Bench().boot()
    buy, sell = bench.executing().intents
    bench.filled(buy)
    bench.sent(sell)
    bench.answered(sell, "ambiguous", "NO_ANSWER")
    if not proven:
        bench.down(MS)
    return bench, buy, sell


def silence(bench: Bench, ms: float, venue: Venue | None = MS) -> None:
    """Time passes with fresh books: the venue's stream gives a sign of life when asked, and the others answer reads."""
    for _ in range(round(ms / 100)):
        asked = len(bench.all(ProveStream))
        bench.signal()
        if venue is not None and len(bench.all(ProveStream)) > asked:
            bench.proven(venue)
        for other in VENUES:
            account = bench.context.accounts[other]
            if other is not (venue or MS) and account.asked_s and account.stream_up:
                bench.give(bench.read(other))


def hedges(bench: Bench) -> list[OrderIntent]:
    """Every order that repairs."""
    return [c.intent for c in bench.all(PlaceOrder) if c.intent.purpose in {Purpose.HEDGE, Purpose.UNWIND}]


def test_silence_of_a_live_stream_hedges_the_counterpart_within_the_bound() -> None:
    """EXECUTING: not before 1900 ms, and at once then; the order stays in doubt in the ledger."""
    bench, buy, sell = lost()
    silence(bench, 1800)
    assert (bench.state, hedges(bench)) == (S.EXECUTING_ARBITRAGE, [])
    silence(bench, 200)
    (hedge,) = hedges(bench)
    assert (hedge.venue, hedge.side) == (GF, Side.SELL)
    assert abs(hedge.quantity - buy.quantity) <= bench.context.perp_lot / 2
    assert bench.state is S.REBALANCING_DELTA
    assert bench.context.orders[sell.client_order_id].status is OrderStatus.AMBIGUOUS
    bench.filled(hedge)
    silence(bench, 5000)
    assert hedges(bench) == [hedge]
    assert bench.context.mode is TradingMode.ACTIVE
    assert not bench.all(ExecutionClosed), "it is not over while an order of its own is in doubt"
    bench.answered(sell, "no_effect")
    assert bench.last(ExecutionClosed).status == "repaired"


def test_what_turns_out_to_have_traded_is_hedged_again_at_once() -> None:
    """The order was presumed without effect and its fill is told later: delta is known, and taken back."""
    bench, _, sell = lost()
    silence(bench, 2000)
    (first,) = hedges(bench)
    bench.filled(first)
    silence(bench, 8000)
    bench.give(FillReported(bench.trade(sell)))
    again = hedges(bench)[-1]
    assert (again.venue, again.side) == (GF, Side.BUY)
    assert abs(again.quantity - sell.quantity) <= bench.context.perp_lot / 2
    bench.filled(again)
    assert abs(bench.context.portfolio.delta) <= bench.context.perp_lot / 2
    assert len(hedges(bench)) == 2


def test_without_any_stream_the_middle_is_hedged_and_the_rest_halts() -> None:
    """Filled or not, half of it is wrong by half; what may stay is above the hard limit, and is named."""
    bench, _, sell = lost(proven=False)
    silence(bench, 2000, None)
    (hedge,) = hedges(bench)
    assert (hedge.venue, hedge.side) == (GF, Side.SELL)
    assert abs(hedge.quantity - sell.quantity / 2) <= bench.context.perp_lot / 2
    worst = bench.context.delta_worst_case
    bench.filled(hedge)
    assert bench.context.delta_worst_case < worst
    assert (bench.context.mode is TradingMode.HALTED) is (sell.quantity / 2 > bench.context.hard_limit)
    assert any(a.key.startswith("blind:") and sell.client_order_id in a.text for a in bench.all(Alert))


def test_above_the_hard_limit_a_blind_order_halts() -> None:
    """The mode's reason names the order and what may stay unhedged."""
    bench = Bench(delta_hard_limit_base="0.002").boot()
    _, sell = bench.executing().intents
    bench.filled(bench.context.unsettled[0].intent)
    bench.sent(sell)
    bench.down(MS)
    silence(bench, 2000, None)
    assert bench.context.mode is TradingMode.HALTED
    assert sell.client_order_id in bench.context.mode_why
    assert "may stay unhedged" in bench.context.mode_why


@pytest.mark.parametrize("state", [S.ERROR_RECOVERY, S.SHUTDOWN])
def test_recovery_and_shutdown_keep_the_bound(state: object) -> None:
    """A fault, or a stop, while the answer is lost: the counterpart is hedged all the same."""
    bench, buy, sell = lost()
    began_s = bench.context.age(sell.client_order_id).created_s
    bench.fault() if state is S.ERROR_RECOVERY else bench.stop()
    assert bench.state is state
    while not hedges(bench) and bench.now_s - began_s < 10:
        silence(bench, 100)
    assert (bench.now_s - began_s) * 1000 <= bound_ms(bench.context.params)
    assert abs(hedges(bench)[0].quantity - buy.quantity) <= bench.context.perp_lot / 2
    bench.filled(hedges(bench)[0])
    silence(bench, 1000)
    assert bench.state is state, "it is not left while an order is in doubt"


def test_a_hedge_that_is_lost_is_unwound_on_spot() -> None:
    """The perpetual took the order and says nothing; its stream is proven silent: spot takes the surplus back."""
    bench = in_state(S.REBALANCING_DELTA)
    (lost_hedge,) = hedges(bench)
    bench.sent(lost_hedge)
    bench.answered(lost_hedge, "ambiguous")
    silence(bench, 2000, GF)
    unwind = hedges(bench)[-1]
    assert (unwind.venue.is_spot, unwind.side, unwind.purpose) == (True, Side.SELL, Purpose.UNWIND)


def test_a_perpetual_that_cannot_be_dialled_is_passed_over_at_once() -> None:
    """No byte left: the next repair goes to spot, and not to the same shut door; a read that succeeds opens it."""
    bench = in_state(S.REBALANCING_DELTA)
    (first,) = hedges(bench)
    bench.answered(first, "not_sent", "UNREACHABLE")
    assert out_of_reach(bench.context, GF)
    bench.tick(100)
    assert hedges(bench)[-1].purpose is Purpose.UNWIND
    bench.give(bench.read(GF))
    assert not out_of_reach(bench.context, GF)


def test_a_spot_venue_out_of_reach_is_not_unwound_on() -> None:
    """Both ways are shut but one: the surplus is sold where somebody answers."""
    bench = in_state(S.REBALANCING_DELTA)
    (first,) = hedges(bench)
    bench.answered(first, "not_sent", "UNREACHABLE")
    bench.tick(100)
    one = hedges(bench)[-1]
    bench.answered(one, "not_sent", "UNREACHABLE")
    bench.tick(100)
    other = hedges(bench)[-1]
    assert {one.venue, other.venue} == {GS, MS}
