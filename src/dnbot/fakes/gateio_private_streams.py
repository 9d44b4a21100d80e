"""Private channels of both Gate sockets: what the exchange tells about an account, in the shape of each channel.

Source: Gate API v4 spot WS docs (orders, usertrades, balances) and futures WS docs (orders, usertrades, positions,
balances). Every push carries an array of one. Nothing is replayed after a reconnect.
"""

from __future__ import annotations

from typing import Any

import attrs

from . import gateio_futures_shapes as futures
from . import gateio_history_shapes as ends
from . import gateio_spot_shapes as spot
from .gateio_context import GateContext
from .gateio_futures_account import position_margin
from .gateio_http import contracts
from .gateio_hub import Hub, Topic
from .gateio_position_history import ForcedEnd, PositionClosed
from .records import GATE_FUTURES, GATE_SPOT, BalanceChange, OrderEvent, PositionState, PrivateEvent, UserTrade


def without_fees(value: dict[str, Any]) -> dict[str, Any]:
    """The `_v2` form of a spot push."""
    return {name: item for name, item in value.items() if "fee" not in name}


@attrs.define(eq=False)
class PrivateStreams:
    """Turns private events of the exchange into pushes."""

    context: GateContext
    spot_hub: Hub
    futures_hub: Hub
    _public_second: dict[str, int] = attrs.field(factory=dict)

    def attach(self) -> None:
        """Begin to listen."""
        self.context.exchange.subscribe_private(self.tell)
        history = self.context.history
        history.on_close.append(self._closed)
        history.on_liquidation.append(self._liquidated)
        history.on_deleverage.append(self._deleveraged)

    def tell(self, event: PrivateEvent) -> None:
        """Push one event to whoever subscribed to it."""
        match event:
            case OrderEvent() if event.order.venue == GATE_SPOT:
                self._spot_order(event)
            case OrderEvent() if event.order.venue == GATE_FUTURES:
                self._futures_order(event)
            case UserTrade(venue="gate_spot"):
                self._spot_trade(event)
            case UserTrade(venue="gate_futures"):
                self._futures_trade(event)
            case BalanceChange(venue="gate_spot"):
                self.spot_hub.publish((("spot.balances", event.uid),), lambda _: [spot.stream_balance(event)])
            case BalanceChange(venue="gate_futures") if event.change:
                name = self.context.contract_name(event.symbol)
                topic = ("futures.balances", event.uid)
                self.futures_hub.publish((topic,), lambda _: [futures.stream_balance(event, name)])
            case PositionState():
                self._position(event)
            case _:
                pass  # another venue's

    def _spot_order(self, event: OrderEvent) -> None:
        market = self.context.market_of(event.order)
        value = spot.stream_order(event, market, self.context.spot_account, self.context.notes.of(event.order))
        self.spot_hub.publish(_topics("spot.orders", event.order.uid, market.name), lambda _: [value])
        self.spot_hub.publish(_topics("spot.orders_v2", event.order.uid, market.name), lambda _: [without_fees(value)])

    def _spot_trade(self, trade: UserTrade) -> None:
        market = self.context.exchange.state.instruments[trade.venue, trade.symbol]
        value = spot.stream_user_trade(trade, market, self.context.notes.of(trade).text)
        self.spot_hub.publish(_topics("spot.usertrades", trade.uid, market.name), lambda _: [value])
        self.spot_hub.publish(_topics("spot.usertrades_v2", trade.uid, market.name), lambda _: [without_fees(value)])

    def _futures_order(self, event: OrderEvent) -> None:
        market = self.context.market_of(event.order)
        fees = self.context.exchange.fee_rates(GATE_FUTURES, event.order.uid)
        note = self.context.notes.of(event.order)
        self.futures_hub.publish(
            _topics("futures.orders", event.order.uid, market.name),
            lambda form: [futures.stream_order(event, market, fees, form, note)],
        )

    def _futures_trade(self, trade: UserTrade) -> None:
        market = self.context.exchange.state.instruments[trade.venue, trade.symbol]
        text = self.context.notes.of(trade).text
        self.futures_hub.publish(
            _topics("futures.usertrades", trade.uid, market.name),
            lambda form: [futures.stream_user_trade(trade, market, form, text)],
        )

    def _position(self, position: PositionState) -> None:
        exchange = self.context.exchange
        market = exchange.state.instruments[GATE_FUTURES, position.symbol]
        margin = position_margin(position, exchange.mark(position.symbol).mark)
        liquidation = exchange.liquidation_price(position.uid, position.symbol)
        value = futures.stream_position(position, market, margin, liquidation, exchange.state.tier(position))
        self.futures_hub.publish(
            _topics("futures.positions", position.uid, market.name),
            lambda form: [value | {"size": contracts(position.contracts, form)}],
        )

    # -- ends of positions

    def _closed(self, closed: PositionClosed) -> None:
        market = self.context.exchange.state.instruments[GATE_FUTURES, closed.symbol]
        value = ends.stream_close(closed, market)
        self.futures_hub.publish(_topics("futures.position_closes", closed.uid, market.name), lambda _: [value])

    def _liquidated(self, ended: ForcedEnd) -> None:
        market = self.context.market_of(ended.order)
        self.futures_hub.publish(
            _topics("futures.liquidates", ended.order.uid, market.name),
            lambda form: [ends.stream_liquidation(ended, market, form)],
        )
        second = ended.order.finish_ms // 1000
        if self._public_second.get(market.name) != second:  # at most one order per contract and second is made public
            self._public_second[market.name] = second
            channel = "futures.public_liquidates"
            self.futures_hub.publish(
                ((channel, market.name), (channel, "!all")),
                lambda form: [ends.stream_public_liquidation(ended, market, form)],
            )

    def _deleveraged(self, ended: ForcedEnd) -> None:
        market = self.context.market_of(ended.order)
        self.futures_hub.publish(
            _topics("futures.auto_deleverages", ended.order.uid, market.name),
            lambda form: [ends.stream_deleverage(ended, market, form)],
        )


def _topics(channel: str, uid: str, name: str) -> tuple[Topic, ...]:
    return (channel, uid, name), (channel, uid, "!all")
