"""The end of an execution: its profit is its own fills', its lots are what was really moved."""

from __future__ import annotations

from decimal import Decimal

import hypothesis
import hypothesis.strategies as st
import msgspec
import pytest
from machine_kit import GF, GS, MS, SYMBOL, Bench, S

from dnbot.domain.messages import ExecutePair, ExecutionClosed, FillBooked, PlaceOrder
from dnbot.domain.order import Fill, Side
from dnbot.domain.units import Price, Quantity, divide
from dnbot.strategy.closing import close_execution
from dnbot.strategy.folding import with_execution_fill
from dnbot.strategy.turn import Turn


def own_fills(bench: Bench, execution_id: str) -> list[Fill]:
    """The fills that were booked for one execution."""
    return [record.fill for record in bench.all(FillBooked) if record.execution_id == execution_id]


def cash(fills: list[Fill]) -> Decimal:
    """Quote that came in, less quote that went out and fees, from the fills alone; base fees at their fill's price."""
    total = Decimal(0)
    for fill in fills:
        total -= fill.value * fill.side.sign
        total -= fill.fee if fill.fee_asset == "USDT" else Decimal(0)
    return total


@pytest.mark.parametrize("in_base", [False, True])
def test_profit_is_the_sum_over_its_fills(in_base: bool) -> None:
    """gross - fees = net, and with no base left over net is the quote that its fills brought in."""
    bench = Bench(in_base=in_base).boot()
    pair = bench.round_trip()
    closed = bench.last(ExecutionClosed)
    fills = own_fills(bench, pair.execution_id)
    assert len(fills) == 2
    assert closed.net_quote == closed.gross_quote - closed.fees_quote
    if not in_base:
        assert closed.residual_base == 0
        assert closed.net_quote == cash(fills)
    else:
        left = closed.residual_base
        assert abs(left) < Decimal("0.0001")
        at = max(fill.price for fill in fills) if left < 0 else min(fill.price for fill in fills)
        assert closed.net_quote == pytest.approx(cash(fills) + left * at, abs=Decimal("0.02"))


def test_a_repaired_execution_counts_its_hedge() -> None:
    """The hedge's fills and fees are among the execution's own."""
    bench = Bench().boot()
    pair = bench.residual()
    bench.filled(bench.last(PlaceOrder).intent)
    closed = bench.last(ExecutionClosed)
    fills = own_fills(bench, pair.execution_id)
    assert {fill.venue for fill in fills} == {GS, GF, MS}
    left = closed.residual_base
    sold = [fill for fill in fills if fill.side is Side.SELL]
    average = divide(sum((f.value for f in sold), Decimal(0)), sum((f.quantity for f in sold), Decimal(0)))
    assert closed.net_quote == pytest.approx(cash(fills) + left * average, abs=Decimal("1e-9"))


def test_realised_profit_of_matched_spot_trades_is_what_the_portfolio_realised() -> None:
    """Three round trips: Σ net of the executions is what the portfolio realised since it was opened."""
    bench = Bench().boot()
    for _ in range(3):
        bench.round_trip()
        bench.quiet(1)
    closed = bench.all(ExecutionClosed)
    assert sum(record.net_quote for record in closed) == bench.context.portfolio.realised_quote


def test_equity_moves_by_what_was_realised() -> None:
    """With the same mids before and after, and all base matched: equity's change is spread - fees + funding."""
    bench = Bench().boot()
    before = bench.context.risk.equity_quote
    for _ in range(3):
        bench.round_trip()
        bench.row("fund", "0.25")
        bench.quiet(1.2)
        bench.read_all()
    bench.quiet(1.2)
    portfolio, after = bench.context.portfolio, bench.context.risk.equity_quote
    assert before is not None
    assert after is not None
    assert after - before == portfolio.realised_quote
    assert portfolio.realised_quote == portfolio.spread_quote - portfolio.fees_quote + portfolio.funding_quote
    assert portfolio.funding_quote == Decimal("0.75")


def test_the_estimate_stands_beside_it() -> None:
    """What was expected is recorded, never booked."""
    bench = Bench().boot()
    pair = bench.round_trip()
    closed = bench.last(ExecutionClosed)
    assert pair.opportunity is not None
    assert closed.estimate_net_quote == pair.opportunity.estimate.net_quote
    assert closed.estimate_net_quote != closed.net_quote


# --- lots -------------------------------------------------------------------------------------------------------------
def test_a_shift_is_what_changed_sides() -> None:
    """Gate bought, MEXC sold: towards Gate by the smaller of the two, at the edge really earned."""
    bench = Bench().boot()
    bench.round_trip()
    lot = bench.context.portfolio.shift_lots[0]
    closed = bench.last(ExecutionClosed)
    assert lot.quantity == closed.sold
    value = closed.bought * bench.all(FillBooked)[0].fill.price
    assert lot.edge_bps == pytest.approx(closed.net_quote / value * 10_000)


def test_what_was_hedged_was_not_shifted() -> None:
    """Half of the sell leg failed and was sold on the perpetual: only the half that MEXC gave counts as shifted."""
    bench = Bench().boot()
    bench.residual()
    sold = own_fills(bench, "x1-1")[1].quantity
    bench.filled(bench.last(PlaceOrder).intent)
    assert [lot.quantity for lot in bench.context.portfolio.shift_lots] == [sold]
    assert bench.context.portfolio.carry_lots == ()


def test_what_was_unwound_was_not_shifted() -> None:
    """The sell leg failed and the bought base was sold back on Gate: nothing changed sides, and the loss counts."""
    bench = Bench().boot()
    buy, sell = bench.executing().intents
    bench.filled(buy)
    bench.nothing(sell)
    for _ in range(25):
        bench.signal()
        for order in bench.context.unsettled:
            if order.intent.venue is GS:
                bench.filled(order.intent, price="59990")
            else:
                bench.nothing(order.intent)
    assert bench.last(ExecutionClosed).status == "repaired"
    assert bench.last(ExecutionClosed).net_quote < 0
    assert bench.context.portfolio.shift_lots == ()
    assert bench.context.risk.losses_in_a_row == 1


def test_carries_open_and_close_their_lots() -> None:
    """CARRY_CLOSE consumes what CARRY_OPEN added, oldest first."""
    bench = Bench(margin_floor_pct=1).boot()
    bench.quiet(40, every_ms=900)
    bench.signal(gf=60_300)
    opened = bench.committed()
    for intent in opened.intents:
        bench.filled(intent)
    lots = bench.context.portfolio.carry_lots
    assert [lot.quantity for lot in lots] == [opened.intents[1].quantity]
    assert bench.context.portfolio.shift_lots == ()
    bench.quiet(1)
    bench.signal(gf=59_700)
    closing = bench.committed()
    for intent in closing.intents:
        bench.filled(intent)
    left = sum((lot.quantity for lot in bench.context.portfolio.carry_lots), Decimal(0))
    assert left == max(Decimal(0), opened.intents[1].quantity - closing.intents[0].quantity)


@pytest.mark.parametrize(("prices_bps", "funding_bps", "losses"), [(3, -10, 1), (-4, 8, 0)])
def test_funding_decides_whether_a_carry_lost(prices_bps: int, funding_bps: int, losses: int) -> None:
    """Entry and exit together brought one figure, and what was paid or received between them the other."""
    bench = Bench(margin_floor_pct=1).boot()
    bench.quiet(40, every_ms=900)
    bench.signal(gf=60_300)
    for intent in bench.committed().intents:
        bench.filled(intent)
    (lot,) = bench.context.portfolio.carry_lots
    bench.quiet(1)
    bench.row("fund", -6 * funding_bps * bench.context.portfolio.perp_base)  # a bp of 60,000 is 6 per unit of the short
    bench.read_all()
    bench.quiet(1)
    bench.signal(gf=59_700)
    buy, sell = bench.committed().intents
    paid = 1 + bench.fees[GF] + (prices_bps - lot.edge_bps) / 10_000
    bench.filled(buy, price=60_000)
    bench.filled(sell, price=round(60_000 * paid / (1 - bench.fees[sell.venue]), 8))
    assert bench.last(ExecutionClosed).purpose == "exit"
    assert bench.context.risk.losses_in_a_row == losses


def test_slices_leave_no_lots() -> None:
    """Establishing is no trade: closed under its own name, nothing learned from it."""
    bench = Bench("0", "0").boot()
    for intent in bench.committed().intents:
        bench.filled(intent)
    bench.signal()
    closed = bench.all(ExecutionClosed)[0]
    assert (closed.pair_name, closed.purpose, closed.estimate_net_quote) == ("ESTABLISH", "establish", 0)
    assert bench.context.portfolio.shift_lots == bench.context.portfolio.carry_lots == ()
    assert bench.context.risk.execution_times_s == ()


def test_nothing_to_close() -> None:
    """Without an execution nothing is recorded."""
    bench = Bench().boot()
    turn = Turn(bench.context)
    close_execution(turn)
    assert turn.records == []
    assert turn.context == bench.context


@hypothesis.given(
    sides=st.lists(
        st.tuples(
            st.sampled_from([GS, MS, GF]), st.sampled_from(list(Side)), st.integers(1, 50), st.integers(59_000, 61_000),
            st.sampled_from(["USDT", "BTC"]),
        ),
        min_size=1, max_size=8,
    )
)
def test_sums_of_an_execution_are_those_of_its_fills(sides: list[tuple[object, Side, int, int, str]]) -> None:
    """Bought, sold, moved and fees equal plain sums over any fills, and do not depend on their order."""
    bench = Bench().boot()
    bench.executing()
    execution = bench.context.execution
    assert execution is not None
    fills = [
        Fill(
            venue=venue, symbol=SYMBOL, trade_id=str(number), venue_order_id="", client_order_id="", side=side,
            price=Price(Decimal(price)), quantity=Quantity(Decimal(lots) / 1000), fee=Decimal(lots) / 10**6,
            fee_asset=asset if venue is not GF else "USDT", traded_at_ns=0,
        )
        for number, (venue, side, lots, price, asset) in enumerate(sides)
    ]
    told, back = execution, execution
    for fill in fills:
        told = with_execution_fill(told, fill, repaired=False)
    for fill in reversed(fills):
        back = with_execution_fill(back, fill, repaired=False)
    assert told == back

    def net(fill: Fill) -> Decimal:
        return fill.quantity - (fill.fee * fill.side.sign if fill.fee_asset == "BTC" else 0)

    assert told.bought == sum((net(fill) for fill in fills if fill.side is Side.BUY), Decimal(0))
    assert told.sold == sum((net(fill) for fill in fills if fill.side is Side.SELL), Decimal(0))
    assert sum(told.moved.values(), Decimal(0)) == told.bought - told.sold
    assert told.fees_quote == sum(fill.fee * (fill.price if fill.fee_asset == "BTC" else 1) for fill in fills)
    assert told.sell_value - told.buy_value - told.fees_quote == cash(fills)


def test_an_execution_survives_until_its_repair_ends() -> None:
    """In REBALANCING the pair's execution is still the one that fills are counted for."""
    bench = Bench().boot()
    pair = bench.residual()
    assert bench.state is S.REBALANCING_DELTA
    assert bench.context.execution is not None
    assert bench.context.execution.execution_id == bench.last(PlaceOrder).intent.execution_id == pair.execution_id
    assert msgspec.structs.asdict(bench.context.execution)["repaired"] is False
    assert len(bench.all(ExecutePair)) == 1
