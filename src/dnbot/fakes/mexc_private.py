"""Private frames of the MEXC stream: events of the exchange as account, deals and orders messages.

One account frame per asset change, one deal frame per fill, one order frame per change of an order. Order and deal
frames of one fill are separate; recorded streams send the order frame first.
"""

from __future__ import annotations

from typing import Final

import attrs
import trio

from . import mexc_protobuf as pb
from .alarm import sleep_until
from .instruments import Instrument
from .mexc_hub import Outbox
from .mexc_numbers import opaque_id, plain
from .mexc_shapes import order_status, order_type, original_quantity
from .mexc_venue import MexcVenue
from .records import MEXC_SPOT, BalanceChange, OrderEvent, PrivateEvent, UserTrade

__all__ = ["PrivateStream", "account_frame", "deal_frame", "order_frame"]

ORDER_TYPES: Final = {"LIMIT": 1, "LIMIT_MAKER": 2, "IMMEDIATE_OR_CANCEL": 3, "FILL_OR_KILL": 4, "MARKET": 5}
STATUSES: Final = {"NEW": 1, "FILLED": 2, "PARTIALLY_FILLED": 3, "CANCELED": 4, "PARTIALLY_CANCELED": 5}
CHANGE_KINDS: Final = {
    "order_create": "ENTRUST_PLACE",
    "order_match": "ENTRUST",
    "fee": "TRADE_FEE",
    "dnw": "DEPOSIT",
    "transfer": "CONTRACT_TRANSFER",
}
_SIDES: Final = {"buy": 1, "sell": 2}


def order_frame(event: OrderEvent, instrument: Instrument) -> pb.OrderFrame:
    """The order after this event. `amount` is 0 for MARKET; a buy's remaining amount is what it may still spend."""
    order, kind = event.order, order_type(event.order)
    quantity = original_quantity(order, instrument.lot_decimals)
    left = order.left if order.quote_amount is None else max(quantity - order.filled, order.filled * 0)
    remaining = order.price * quantity - order.filled_quote if order.side == "buy" else order.price * left
    filled_now = event.kind == "update" or (event.kind == "finish" and order.finish_as == "filled")
    return pb.OrderFrame(
        order_id=order.order_id,
        client_id=order.client_id,
        price=plain(order.price),
        quantity=plain(quantity),
        amount="0" if kind == "MARKET" else plain(order.price * quantity),
        average_price=plain(order.average_price),
        order_type=ORDER_TYPES[kind],
        trade_type=_SIDES[order.side],
        is_maker=order.maker,
        remain_amount=plain(remaining),
        remain_quantity=plain(left),
        last_deal_quantity=plain(order.last_filled) if filled_now else None,
        cumulative_quantity=plain(order.filled),
        cumulative_amount=plain(order.filled_quote),
        status=STATUSES[order_status(order)],
        create_time_ms=order.create_ms,
    )


def deal_frame(trade: UserTrade) -> pb.DealFrame:
    """One fill; the trade id is the one myTrades shows."""
    return pb.DealFrame(
        price=plain(trade.price),
        quantity=plain(trade.quantity),
        amount=plain(trade.quote),
        trade_type=_SIDES[trade.side],
        is_maker=trade.role == "maker",
        is_self_trade=trade.self_trade,
        trade_id=trade.trade_id,
        client_order_id=trade.client_id,
        order_id=trade.order_id,
        fee_amount=plain(trade.fee),
        fee_currency=trade.fee_asset,
        time_ms=trade.time_ms,
    )


def account_frame(change: BalanceChange, *, cancelled: bool = False) -> pb.AccountFrame:
    """One asset after one change; a release is that of a cancelled order or an unfreezing after any other end."""
    kind = CHANGE_KINDS.get(change.kind, "ENTRUST_CANCEL" if cancelled else "ENTRUST_UNFROZEN")
    if change.kind == "dnw" and change.change < 0:
        kind = "WITHDRAW"
    return pb.AccountFrame(
        asset=change.asset,
        asset_id=opaque_id(change.asset),
        balance_amount=plain(change.available),
        balance_change=plain(change.change - change.locked_change),
        frozen_amount=plain(change.locked),
        frozen_change=plain(change.locked_change),
        kind=kind,
        time_ms=change.time_ms,
    )


@attrs.frozen
class _Pending:
    due_s: float
    kind: str
    uid: str
    event: OrderEvent | UserTrade | BalanceChange


@attrs.define(eq=False)
class PrivateStream:
    """Who listens to which account, and the frames that have not left yet."""

    venue: MexcVenue
    _listeners: dict[tuple[str, str], dict[Outbox, None]] = attrs.field(factory=dict)
    _pending: list[_Pending] = attrs.field(factory=list)
    _wake: trio.Event = attrs.field(factory=trio.Event)

    def __attrs_post_init__(self) -> None:
        self.venue.exchange.subscribe_private(self._note)

    def add(self, uid: str, kind: str, outbox: Outbox) -> None:
        """Have this connection hear one kind of event of one account."""
        self._listeners.setdefault((uid, kind), {})[outbox] = None

    def remove(self, uid: str, kind: str, outbox: Outbox) -> None:
        """Stop that."""
        self._listeners.get((uid, kind), {}).pop(outbox, None)

    def _note(self, event: PrivateEvent) -> None:
        if isinstance(event, OrderEvent):
            self._keep("orders", event.order.venue, event.order.uid, event)
        elif isinstance(event, UserTrade):
            self._keep("deals", event.venue, event.uid, event)
        elif isinstance(event, BalanceChange):
            self._keep("account", event.venue, event.uid, event)

    def _keep(self, kind: str, venue: str, uid: str, event: OrderEvent | UserTrade | BalanceChange) -> None:
        if venue == MEXC_SPOT and self._listeners.get((uid, kind)):
            due_s = trio.current_time() + self.venue.faults.private_delay_ms / 1_000
            self._pending.append(_Pending(due_s, kind, uid, event))
            self._wake.set()

    async def run(self) -> None:
        """Send what is due, for ever."""
        while True:
            await self._wake.wait()
            await sleep_until(self._pending[0].due_s)
            now_s = trio.current_time()
            due = [entry for entry in self._pending if entry.due_s <= now_s]
            self._pending = [entry for entry in self._pending if entry.due_s > now_s]
            if not self._pending:
                self._wake = trio.Event()
            ranks = {"order": ("orders", "deals", "account"), "deal": ("deals", "orders", "account")}
            order = ranks[self.venue.faults.first_frame]
            for entry in sorted(due, key=lambda entry: order.index(entry.kind)):
                self._send(entry, now_s)

    def _send(self, entry: _Pending, now_s: float) -> None:
        if self.venue.faults.take("frames_lost"):
            return
        frame, now_ms = self._encode(entry), self.venue.now_ms
        copies = 2 if self.venue.faults.take("frames_repeated") else 1
        for outbox in self._listeners.get((entry.uid, entry.kind), {}):
            key = outbox.key
            if key is None or key.silent or key.expires_ms <= now_ms:
                continue
            for _ in range(copies):
                outbox.push(frame, now_s)

    def _encode(self, entry: _Pending) -> bytes:
        now_ms, event = self.venue.now_ms, entry.event
        if isinstance(event, OrderEvent):
            instrument = self.venue.by_symbol(event.order)
            body = order_frame(event, instrument).encode()
            return pb.wrapper(
                "spot@private.orders.v3.api.pb", "privateOrders", body, symbol=instrument.name, send_time_ms=now_ms
            )
        if isinstance(event, UserTrade):
            body, symbol = deal_frame(event).encode(), event.symbol.replace("/", "")
            return pb.wrapper("spot@private.deals.v3.api.pb", "privateDeals", body, symbol=symbol, send_time_ms=now_ms)
        order = self.venue.exchange.order(MEXC_SPOT, event.uid, event.order_id) if event.order_id else None
        cancelled = order is not None and order.finish_as == "cancelled"
        body = account_frame(event, cancelled=cancelled).encode()
        channel = "spot@private.account.v3.api.pb"
        return pb.wrapper(channel, "privateAccount", body, create_time_ms=event.time_ms, send_time_ms=now_ms)
