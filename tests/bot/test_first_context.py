"""Where a new incarnation begins."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
import trio

from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.order import Fill, Order, OrderIntent, OrderReport, OrderStatus, Purpose, Side, with_report
from dnbot.domain.units import Price, Quantity
from dnbot.ports.clock import VirtualClock
from dnbot.ports.store import StoredState, UnresolvedIntent
from dnbot.strategy.standing import hedged_last_minute
from dnbot.tasks.first_context import first_context

BTC = Symbol("BTC", "USDT")


def intent(venue: Venue = Venue.GATE_SPOT) -> OrderIntent:
    return OrderIntent(
        client_order_id="dnb-1-1", epoch=1, venue=venue, symbol=BTC, side=Side.BUY, quantity=Quantity(Decimal("0.01")),
        price=Price(Decimal(60_000)), purpose=Purpose.ENTRY, created_at_ns=0, expires_at_ns=1,
    )


def fill(quantity: str, client_id: str = "dnb-1-1", venue_id: str = "v1", venue: Venue = Venue.GATE_SPOT) -> Fill:
    return Fill(
        venue=venue, symbol=BTC, trade_id=quantity, venue_order_id=venue_id, client_order_id=client_id, side=Side.BUY,
        price=Price(Decimal(60_000)), quantity=Quantity(Decimal(quantity)), fee=Decimal(0), fee_asset="USDT",
        traded_at_ns=0,
    )


def begin(lab: Any, unresolved: UnresolvedIntent, *fills: Fill) -> Any:
    """The order of a context made from one unresolved order and booked fills."""
    context = first_context(lab.params, StoredState(unresolved=(unresolved,)), fills, 2, VirtualClock(0))
    return context.orders["dnb-1-1"]


async def test_an_unresolved_order_is_ambiguous(autojump_clock: Any, lab: Any) -> None:
    """Whatever it was last seen as, unless it was over."""
    for status in OrderStatus:
        order = begin(lab, UnresolvedIntent(intent=intent(), status=status, venue_order_id=""))
        assert order.status is (status if status.is_final else OrderStatus.AMBIGUOUS)


async def test_what_the_venue_called_filled_is_awaited_until_it_is_booked(autojump_clock: Any, lab: Any) -> None:
    """The last word before a crash was "filled", and its fills were not written: the order is not over."""
    unresolved = UnresolvedIntent(
        intent=intent(), status=OrderStatus.FILLED, venue_order_id="v1", reported_filled=Quantity(Decimal("0.01"))
    )
    assert not begin(lab, unresolved).is_settled
    assert not begin(lab, unresolved, fill("0.004", "dnb-1-1")).is_settled
    assert begin(lab, unresolved, fill("0.01", "dnb-1-1")).is_settled


async def test_repairs_of_the_last_minute_count_after_a_restart(autojump_clock: Any, lab: Any) -> None:
    """By their age on the wall clock; one from a clock that was ahead is as old as the start, and not younger."""
    await trio.sleep(1000)  # longer than settled orders are kept
    second_ns = 10**9
    clock = VirtualClock(-900 * second_ns)

    def hedge(at_s: int, filled: str) -> Order:
        it = msgspec.structs.replace(
            intent(), client_order_id=f"dnb-1-{at_s}", purpose=Purpose.HEDGE, created_at_ns=at_s * second_ns
        )
        done = Quantity(Decimal(filled))
        return Order(intent=it, status=OrderStatus.FILLED, filled=done, reported_filled=done)

    stored = StoredState(repairs=(hedge(30, "0.1"), hedge(70, "0.02"), hedge(99, "0.003"), hedge(5000, "0.0004")))
    context = first_context(lab.params, stored, (), 2, clock)
    assert hedged_last_minute(context) == Decimal("0.0234")
    assert all(context.age(name).changed_s == context.now_s for name in context.orders)
    later = msgspec.structs.replace(context, now_s=context.now_s + 40)
    assert hedged_last_minute(later) == Decimal("0.0034")
    assert hedged_last_minute(msgspec.structs.replace(context, now_s=context.now_s + 61)) == 0


@pytest.mark.parametrize("client_id", ["dnb-1-1", ""])
async def test_fills_booked_before_are_not_awaited_again(autojump_clock: Any, lab: Any, client_id: str) -> None:
    """Half was booked before the crash; when the venue says that half was filled, the order is settled."""
    unresolved = UnresolvedIntent(intent=intent(), status=OrderStatus.SENT, venue_order_id="v1")
    strangers = (fill("0.7", "dnb-1-2", "v2"), fill("0.8", "", "v1", Venue.MEXC_SPOT))
    order = begin(lab, unresolved, fill("0.002", client_id), fill("0.003", client_id), *strangers)
    assert order.filled == Decimal("0.005")
    report = OrderReport(
        venue=Venue.GATE_SPOT, venue_order_id="v1", client_order_id="dnb-1-1", side=Side.BUY,
        price=Price(Decimal(60_000)), quantity=Quantity(Decimal("0.01")), filled=Quantity(Decimal("0.005")),
        status=OrderStatus.CANCELLED,
    )
    assert with_report(order, report, at_ns=1).is_settled
