"""`Orders`: a dict of orders that never forgets which of them are not settled, and which are repairs."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.order import Order, OrderIntent, OrderStatus, Purpose, Side
from dnbot.domain.units import Price, Quantity
from dnbot.strategy.orders import Orders

D = Decimal
NAMES = ("dnb-1-1", "dnb-1-2", "dnb-1-3", "dnb-1-4")


def order(
    name: str, status: OrderStatus = OrderStatus.PENDING, claimed: int = 0, purpose: Purpose = Purpose.ENTRY
) -> Order:
    """An order of one unit, of which the venue claims so much as filled and nothing is booked."""
    intent = OrderIntent(
        client_order_id=name, epoch=1, venue=Venue.MEXC_SPOT, symbol=Symbol("BTC", "USDT"), side=Side.BUY,
        quantity=Quantity(D(1)), price=Price(D(60_000)), purpose=purpose, created_at_ns=0, expires_at_ns=1,
    )  # fmt: skip
    return Order(intent=intent, status=status, reported_filled=Quantity(D(claimed)))


ORDERS = st.builds(
    order, st.sampled_from(NAMES), st.sampled_from(OrderStatus), st.integers(0, 1), st.sampled_from(Purpose)
)
CHANGES = st.lists(st.one_of(ORDERS, st.sets(st.sampled_from(NAMES))))


@given(CHANGES)
def test_it_is_a_dict_that_knows_its_unsettled_orders_and_repairs(changes: list[Order | set[str]]) -> None:
    """After any changes: ids, orders and sequence are a dict's; its unsettled orders and its repairs are apart."""
    told, plain = Orders.of(), dict[str, Order]()
    for change in changes:
        if isinstance(change, Order):
            told, plain = told.with_order(change), {**plain, change.intent.client_order_id: change}
        else:
            told, plain = told.without(change), {name: o for name, o in plain.items() if name not in change}
        assert list(told.items()) == list(plain.items())
        assert list(told) == list(plain)
        assert list(told.values()) == list(told.newest_first())[::-1] == list(plain.values())
        assert len(told) == len(plain)
        assert told.unsettled == tuple(o for o in plain.values() if not o.is_settled)
        assert told.repairs == tuple(o for o in plain.values() if o.intent.purpose in {Purpose.HEDGE, Purpose.UNWIND})
    assert Orders.of(plain.values()) == told == plain


def test_a_change_leaves_what_it_was_made_from() -> None:
    """Contexts of the past keep their orders."""
    first = Orders.of([order("dnb-1-1")])
    later = first.with_order(msgspec.structs.replace(first["dnb-1-1"], status=OrderStatus.NOT_SENT))
    later.without(["dnb-1-1"])
    assert first.unsettled == (first["dnb-1-1"],)
    assert (len(later), later.unsettled) == (1, ())
