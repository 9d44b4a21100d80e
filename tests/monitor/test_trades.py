"""The trade monitor: each kind of trade that should not be, once, and nothing of a trade as it should be."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from dnbot.domain.instrument import FeeSchedule, Symbol, Venue
from dnbot.domain.messages import ExecutionClosed, FillBooked, OrderChanged
from dnbot.domain.order import Fill, Order, OrderIntent, OrderStatus, Purpose, Side
from dnbot.domain.units import Price, Quantity
from dnbot.monitor.trades import ORDERS_KEPT, TradeWatch, fee_difference_bps

SYMBOL = Symbol("BTC", "USDT")
FEES = {
    Venue.GATE_SPOT: FeeSchedule(venue=Venue.GATE_SPOT, maker=Decimal("0.0002"), taker=Decimal("0.001")),
}
WINDOW_S = 300.0


def order(name: str = "dnb-1-1", status: OrderStatus = OrderStatus.SENT, quantity: str = "1") -> Order:
    """A buy of one at 100."""
    intent = OrderIntent(
        client_order_id=name, epoch=1, venue=Venue.GATE_SPOT, symbol=SYMBOL, side=Side.BUY,
        quantity=Quantity(Decimal(quantity)), price=Price(Decimal(100)), purpose=Purpose.ENTRY, created_at_ns=0,
        expires_at_ns=1,
    )
    return Order(intent=intent, status=status)


def fill(name: str = "dnb-1-1", **fields: object) -> Fill:
    """One that is as it should be."""
    made = Fill(
        venue=Venue.GATE_SPOT, symbol=SYMBOL, trade_id="t", venue_order_id="v", client_order_id=name, side=Side.BUY,
        price=Price(Decimal(100)), quantity=Quantity(Decimal("0.5")), fee=Decimal("0.05"), fee_asset="USDT",
        traded_at_ns=0,
    )
    return msgspec.structs.replace(made, **fields)


def watch() -> TradeWatch:
    """One that knows an order that was sent."""
    made = TradeWatch(WINDOW_S, Decimal("0.5"))
    made.take(OrderChanged(order(), 0), FEES, 0.0)
    return made


def odd(made: TradeWatch, now_s: float = 1.0) -> dict[str, int]:
    """The anomalies that there are."""
    return {found.kind: found.times for found in made.figures(now_s).anomalies if found.times}


def booked(one: Fill, execution: str = "") -> FillBooked:
    """The record of a fill."""
    return FillBooked(one, (), execution, 0)


def test_a_trade_as_it_should_be_is_nothing() -> None:
    """Two fills of one order at or below its limit, at the schedule's fee; every kind is listed all the same."""
    made = watch()
    made.take(booked(fill()), FEES, 1.0)
    made.take(booked(fill(price=Price(Decimal(99)), fee=Decimal("0.0495"))), FEES, 1.0)
    assert odd(made) == {}
    assert len(made.figures(1.0).anomalies) == 9


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({"price": Price(Decimal("100.01"))}, "fill_outside_cap", "buy at 100.01 on GATEIO_SPOT, its limit is 100"),
        ({"quantity": Quantity(Decimal("1.5")), "fee": Decimal("0.15")}, "fill_unexpected", "1.5 filled of 1"),
        ({"side": Side.SELL}, "fill_unexpected", "a sell, and the order was a buy"),
        ({"fee": Decimal("0.06")}, "fee_differs", "+2.00 bps"),
    ],
)
def test_each_anomaly(fields: dict[str, object], kind: str, words: str) -> None:
    """It is counted under its kind alone, told in words, and over when the window has passed."""
    made = watch()
    made.take(booked(fill(**fields)), FEES, 1.0)
    assert odd(made) == {kind: 1}
    (found,) = [one for one in made.figures(1.0).anomalies if one.times]
    assert words in found.text
    assert found.venue == "GATEIO_SPOT"
    assert odd(made, 1.0 + WINDOW_S) == {}


@pytest.mark.parametrize("status", [OrderStatus.NO_EFFECT, OrderStatus.REJECTED, OrderStatus.NOT_SENT])
def test_a_fill_of_an_order_that_was_dead(status: OrderStatus) -> None:
    """An order that ended without effect and trades all the same is unexpected; one whose answer was lost is not."""
    made = watch()
    made.take(OrderChanged(order(status=OrderStatus.AMBIGUOUS), 0), FEES, 1.0)
    made.take(booked(fill()), FEES, 1.0)
    assert odd(made) == {}
    made.take(OrderChanged(order("dnb-1-2", status), 0), FEES, 1.0)
    made.take(booked(fill("dnb-1-2")), FEES, 1.0)
    assert odd(made) == {"fill_unexpected": 1}


def test_fees_that_cannot_be_judged() -> None:
    """A third coin, a trade below the rounding, a venue without a schedule; makers are judged by the maker's rate."""
    fees = FEES[Venue.GATE_SPOT]
    assert fee_difference_bps(fill(fee_asset="GT", fee_price=Decimal(10)), fees) is None
    assert fee_difference_bps(fill(quantity=Quantity(Decimal("0.1"))), fees) is None
    assert fee_difference_bps(fill(is_maker=True), fees) == 8
    assert fee_difference_bps(fill(fee=Decimal("0.0005"), fee_asset="BTC"), fees) == 0
    made = watch()
    made.take(booked(fill(fee=Decimal(1))), {}, 1.0)
    assert odd(made) == {}


def test_orders_are_counted_once() -> None:
    """Whatever news of it comes: one order, one refusal, one lost answer, within the window."""
    made = watch()
    for status in (OrderStatus.AMBIGUOUS, OrderStatus.AMBIGUOUS, OrderStatus.REJECTED):
        made.take(OrderChanged(order(status=status), 0), FEES, 1.0)
    made.take(OrderChanged(order("dnb-1-2", OrderStatus.PENDING), 0), FEES, 1.0)
    figures = made.figures(2.0)
    assert (figures.orders, figures.ambiguous, figures.rejected) == (1, 1, 1)
    assert made.figures(2.0 + WINDOW_S).orders == 0


def closed(name: str, **fields: object) -> ExecutionClosed:
    """A pair that came out as estimated."""
    made = ExecutionClosed(
        execution_id=name, pair_name="GATE_TO_MEXC", purpose="entry", status="complete", bought=Decimal(1),
        sold=Decimal(1), gross_quote=Decimal(1), fees_quote=Decimal(0), net_quote=Decimal(1),
        estimate_net_quote=Decimal(1), residual_base=Decimal(0), started_at_ns=0, ended_at_ns=1, naked_ms=0,
        ambiguous=False, delta_base=Decimal(0), spot_base=Decimal(0), perp_base=Decimal(0),
    )
    return msgspec.structs.replace(made, **fields)


def test_drift_and_one_sided_pairs() -> None:
    """Net less estimate over what was bought, bps; a pair of which one leg traded alone, or was repaired, is uneven."""
    from dnbot.domain.pair import Pair

    pair = next(iter(Pair)).name
    made = watch()
    for number in range(4):
        made.take(booked(fill(quantity=Quantity(Decimal("0.1"))), f"x{number}"), FEES, 1.0)
        made.take(closed(f"x{number}", pair_name=pair, net_quote=Decimal("0.99")), FEES, 1.0)
    made.take(closed("y", pair_name=pair, status="repaired"), FEES, 1.0)
    made.take(closed("z", pair_name=pair, status="partial", sold=Decimal(0)), FEES, 1.0)
    made.take(closed("f", pair_name=pair, status="failed", bought=Decimal(0), sold=Decimal(0)), FEES, 1.0)
    made.take(closed("e", pair_name="ESTABLISH"), FEES, 1.0)
    figures = made.figures(1.0)
    assert (figures.pairs, figures.one_sided, figures.drift_pairs) == (6, 2, 4)
    assert figures.edge_drift_bps == pytest.approx(-10.0)


def test_memory_is_bounded() -> None:
    """The oldest orders are forgotten."""
    made = watch()
    for number in range(ORDERS_KEPT + 5):
        made.take(OrderChanged(order(f"dnb-2-{number}", OrderStatus.PENDING), 0), FEES, 1.0)
    made.take(booked(fill(price=Price(Decimal(200)), fee=Decimal("0.1"))), FEES, 1.0)
    assert odd(made) == {}
