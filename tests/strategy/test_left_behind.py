"""Orders with our prefix that rest although nobody here waits for them: cancelled at once, and gone before we trade."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from machine_kit import GS, MS, SYMBOL, Bench, S

from dnbot.domain.instrument import VENUES
from dnbot.domain.messages import CancelAll, Fault, OrderReported, ReadAccount
from dnbot.domain.order import Order, OrderIntent, OrderReport, OrderStatus, Purpose, Side, TimeInForce
from dnbot.domain.units import Price, Quantity
from dnbot.strategy.orders import Orders

OLD = "dnb-0-7-s"


def resting(client_id: str, status: OrderStatus = OrderStatus.OPEN, **changes: Any) -> OrderReport:
    """A buy far below the market, as MEXC lists it."""
    fields: dict[str, Any] = {
        "venue": MS, "venue_order_id": f"v-{client_id}", "client_order_id": client_id, "side": Side.BUY,
        "price": Price(Decimal(50_000)), "quantity": Quantity(Decimal("0.001")), "filled": Quantity(Decimal(0)),
        "status": status,
    }
    return OrderReport(**{**fields, **changes})


def stored(client_id: str) -> Order:
    """What the last incarnation left of it: committed, and no word of its fate."""
    intent = OrderIntent(
        client_order_id=client_id, epoch=0, venue=MS, symbol=SYMBOL, side=Side.BUY,
        quantity=Quantity(Decimal("0.001")), price=Price(Decimal(50_000)), purpose=Purpose.ENTRY,
        time_in_force=TimeInForce.GTC, created_at_ns=0, expires_at_ns=1,
    )
    return Order(intent=intent, status=OrderStatus.AMBIGUOUS)


def test_a_restart_cancels_what_its_predecessor_left_resting_and_then_goes_on() -> None:
    """An unresolved intent that turns out to be open is cancelled; only an account without it ends INITIALIZING."""
    bench = Bench(context={"orders": Orders.of([stored(OLD)])})
    bench.truth[MS].open_orders.append(resting(OLD))
    bench.tick()
    bench.signal()
    for venue in VENUES:
        bench.up(venue)
    bench.read_all()
    assert [c.venue for c in bench.all(CancelAll)] == [MS]
    assert bench.state is S.INITIALIZING
    bench.truth[MS].open_orders.clear()
    bench.give(OrderReported(resting(OLD, OrderStatus.CANCELLED)))
    assert bench.state is S.INITIALIZING, "the last complete read still listed it"
    reads = len(bench.all(ReadAccount))
    bench.wait(1.5)
    assert len(bench.all(ReadAccount)) > reads, "it is read again soon, not at the next scheduled read"
    bench.answer_reads()
    bench.signal()
    assert bench.triggers()[:1] == ["RECONCILED"]


def test_one_that_no_table_knows_is_cancelled_although_the_account_is_busy() -> None:
    """A read that our own trading disturbs may not be compared, but an order nobody sent is cancelled all the same."""
    bench = Bench().boot()
    pair = bench.executing()
    assert GS in {intent.venue for intent in pair.intents}
    bench.give(bench.read(GS, open_orders=(resting("dnb-1-zz-x", venue=GS),)))
    assert [c.venue for c in bench.all(CancelAll)] == [GS]


def test_an_order_under_way_is_no_stray() -> None:
    """What this incarnation waits for may be listed as open; nothing is cancelled for it."""
    bench = Bench().boot()
    intent = bench.executing().intents[0]
    listed = resting(
        intent.client_order_id, venue=intent.venue, side=intent.side, price=intent.price, quantity=intent.quantity
    )
    bench.give(bench.read(intent.venue, open_orders=(listed,)))
    assert bench.all(CancelAll) == []


@pytest.mark.parametrize("name", [OLD, "dnb-1-zz-x"])
def test_recovery_does_not_end_while_one_of_ours_is_listed(name: str) -> None:
    """The read that comes back before the cancel has reached the venue is not the last word."""
    bench = Bench().boot()
    bench.truth[MS].open_orders.append(resting(name))
    bench.give(Fault(child="session:MEXC_SPOT", what="cut", error="VenueUnreachable"))
    bench.read_all()
    bench.wait(0.2)
    assert bench.state is S.ERROR_RECOVERY
    bench.truth[MS].open_orders.clear()
    bench.wait(0.8)
    bench.answer_reads()
    assert "RECONCILED" in bench.triggers()
