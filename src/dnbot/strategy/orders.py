"""`Orders`: every order that is remembered, and apart those whose effect is not fully booked, and the repairs."""

from __future__ import annotations

from collections.abc import Collection, ItemsView, Iterable, Iterator, Mapping, ValuesView

import attrs

from dnbot.domain.order import Order, Purpose

REPAIRS = (Purpose.HEDGE, Purpose.UNWIND)


@attrs.frozen(eq=False)
class Orders(Mapping[str, Order]):
    """Client order id -> order, in the order in which they were first put; immutable.

    Hundreds are settled and only wait for late reports, and after every event it is asked which are not, and what was
    hedged: those are found again only when an order changes.
    """

    _by_id: dict[str, Order]
    unsettled: tuple[Order, ...]
    """Those whose effect is not fully booked yet, in the same order."""
    repairs: tuple[Order, ...]
    """Hedges and unwinds, in the same order."""

    @classmethod
    def of(cls, orders: Iterable[Order] = ()) -> Orders:
        """These orders."""
        by_id = {order.intent.client_order_id: order for order in orders}
        return cls(by_id, _unsettled(by_id.values()), _repairs(by_id.values()))

    def with_order(self, order: Order) -> Orders:
        """The same, with this order as it is now."""
        name = order.intent.client_order_id
        by_id, before = {**self._by_id, name: order}, self._by_id.get(name)
        repairs = _repairs(by_id.values()) if _repairs((before or order, order)) else self.repairs
        if before is None:
            return Orders(by_id, (*self.unsettled, *_unsettled([order])), repairs)
        if before.is_settled:  # if it is no longer, it goes back between the others
            return Orders(by_id, self.unsettled if order.is_settled else _unsettled(by_id.values()), repairs)
        return Orders(by_id, _unsettled(by_id[o.intent.client_order_id] for o in self.unsettled), repairs)

    def without(self, names: Collection[str]) -> Orders:
        """The same without these."""
        return Orders.of(order for name, order in self._by_id.items() if name not in names)

    def newest_first(self) -> Iterator[Order]:
        """All orders, the one that was put first last."""
        return reversed(self._by_id.values())

    def values(self) -> ValuesView[Order]:
        """See `Mapping`."""
        return self._by_id.values()

    def items(self) -> ItemsView[str, Order]:
        """See `Mapping`."""
        return self._by_id.items()

    def __getitem__(self, name: str) -> Order:
        return self._by_id[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def __len__(self) -> int:
        return len(self._by_id)


def _unsettled(orders: Iterable[Order]) -> tuple[Order, ...]:
    return tuple(order for order in orders if not order.is_settled)


def _repairs(orders: Iterable[Order]) -> tuple[Order, ...]:
    return tuple(order for order in orders if order.intent.purpose in REPAIRS)
