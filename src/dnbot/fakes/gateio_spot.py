"""REST of Gate spot: markets and books for everybody, orders and trades of one account.

Source: Gate API v4 docs, "Spot".
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs

from . import gateio_errors as errors
from . import gateio_spot_shapes as shapes
from .gateio_context import GateContext
from .gateio_countdown import Countdowns
from .gateio_http import Call, Reply, Route, numbered_page, route
from .gateio_json import milliseconds, plain, seconds
from .gateio_limits import PRIVATE, PUBLIC, SPOT_CANCEL, SPOT_PLACE
from .gateio_spot_orders import SpotOrders, bad_value
from .instruments import Instrument
from .records import GATE_SPOT, OrderState

BOOK_LIMIT_DEFAULT, BOOK_LIMIT_MAX = 10, 1000
TRADES_DAYS_DEFAULT, TRADES_DAYS_MAX = 7, 30
DAY_S = 86400
FAR_S = 1 << 40


def shaped(order: OrderState, market: Instrument, account: str, action_mode: object) -> dict[str, Any]:
    """The reply to an order call: `action_mode` ACK gives ids only, RESULT leaves the fee fields out."""
    value = shapes.rest_order(order, market, account)
    if action_mode == "ACK":
        return {name: value[name] for name in ("id", "text", "amend_text")}
    if action_mode == "RESULT":
        return {name: item for name, item in value.items() if "fee" not in name and name != "gt_discount"}
    return value


def trade_window(call: Call, now_s: int) -> tuple[int, int]:
    """Seconds asked for by `from` and `to`: 7 days when one of them is missing, 30 days at most."""
    from_s, to_s = call.integer("from", 0, 0, FAR_S), call.integer("to", 0, 0, FAR_S)
    week_s = TRADES_DAYS_DEFAULT * DAY_S
    if not from_s and not to_s:
        return now_s - week_s, now_s
    if not from_s:
        from_s = to_s - week_s
    if not to_s:
        to_s = from_s + week_s
    if to_s < from_s or to_s - from_s > TRADES_DAYS_MAX * DAY_S:
        raise errors.invalid_value("time range exceeds 30 days")
    return from_s, to_s


@attrs.define(eq=False)
class SpotRest:
    """Handlers of /spot/..."""

    context: GateContext
    orders: SpotOrders
    countdowns: Countdowns

    def routes(self) -> list[Route]:
        one = "/spot/orders/{order_id}"
        return [
            route("GET", "/spot/time", self.time, PUBLIC, private=False),
            route("GET", "/spot/currency_pairs", self.pairs, PUBLIC, private=False),
            route("GET", "/spot/currency_pairs/{pair}", self.pair, PUBLIC, private=False),
            route("GET", "/spot/order_book", self.order_book, PUBLIC, private=False, lagging=True),
            route("GET", "/spot/tickers", self.tickers, PUBLIC, private=False),
            route("GET", "/spot/trades", self.trades, PUBLIC, private=False),
            route("POST", "/spot/orders", self.place, SPOT_PLACE, expires=True, per_market=True),
            route("GET", "/spot/orders", self.list_orders, PRIVATE),
            route("DELETE", "/spot/orders", self.cancel_all, SPOT_CANCEL, expires=True),
            route("GET", one, self.get_order, PRIVATE),
            route("DELETE", one, self.cancel, SPOT_CANCEL, expires=True),
            route("PATCH", one, self.amend, SPOT_PLACE, expires=True, per_market=True),
            route("GET", "/spot/open_orders", self.open_orders, PRIVATE),
            route("GET", "/spot/my_trades", self.my_trades, PRIVATE),
            route("POST", "/spot/countdown_cancel_all", self.countdown, PRIVATE),
            route("POST", "/spot/cancel_batch_orders", self.cancel_batch, SPOT_CANCEL, expires=True),
            route("POST", "/spot/batch_orders", self.place_batch, SPOT_PLACE, expires=True),
        ]

    # -- public

    def time(self, _: Call) -> Reply:
        return Reply({"server_time": self.context.now_ms(GATE_SPOT)})

    def pairs(self, _: Call) -> Reply:
        return Reply([shapes.pair(market) for market in self.context.exchange.instruments(GATE_SPOT)])

    def pair(self, call: Call) -> Reply:
        return Reply(shapes.pair(self.context.pair(call.args["pair"])))

    def order_book(self, call: Call) -> Reply:
        market = self.context.pair(call.required("currency_pair"))
        limit = call.integer("limit", BOOK_LIMIT_DEFAULT, 1, BOOK_LIMIT_MAX)
        book = self.context.book(GATE_SPOT, market.symbol, limit)
        value: dict[str, Any] = {"id": book.book_id} if call.params.get("with_id") == "true" else {}
        value |= {"current": milliseconds(call.now_ns), "update": book.time_ms}
        return Reply(value | {"asks": shapes.levels(book.asks), "bids": shapes.levels(book.bids)})

    def tickers(self, call: Call) -> Reply:
        name = call.params.get("currency_pair", "")
        markets = [self.context.pair(name)] if name else self.context.exchange.instruments(GATE_SPOT)
        return Reply([self._ticker(market, bool(name)) for market in markets])

    def _ticker(self, market: Instrument, with_sizes: bool) -> dict[str, str]:
        book = self.context.exchange.depth(GATE_SPOT, market.symbol, 1)
        trades = self.context.recent_trades[GATE_SPOT, market.symbol]
        last = self.context.exchange.last_price(GATE_SPOT, market.symbol) or Decimal(0)
        ask, bid = (book.asks or ((Decimal(0), Decimal(0)),))[0], (book.bids or ((Decimal(0), Decimal(0)),))[0]
        value = {"currency_pair": market.name, "last": plain(last), "lowest_ask": plain(ask[0])}
        if with_sizes:
            value["lowest_size"] = plain(ask[1])
        value["highest_bid"] = plain(bid[0])
        if with_sizes:
            value["highest_size"] = plain(bid[1])
        prices = [trade.price for trade in trades] or [last]
        return value | {
            "change_percentage": "0",
            "change_utc0": "0",
            "change_utc8": "0",
            "base_volume": plain(sum((trade.quantity for trade in trades), Decimal(0))),
            "quote_volume": plain(sum((trade.quantity * trade.price for trade in trades), Decimal(0))),
            "high_24h": plain(max(prices)),
            "low_24h": plain(min(prices)),
        }

    def trades(self, call: Call) -> Reply:
        market = self.context.pair(call.required("currency_pair"))
        last_id = call.integer("last_id", 0, 0, 1 << 62)
        rows = [t for t in self.context.recent_trades[GATE_SPOT, market.symbol] if t.trade_id > last_id]
        return numbered_page([shapes.rest_trade(trade, market) for trade in reversed(rows)], call)

    # -- orders

    def place(self, call: Call) -> Reply:
        body = call.json_object()
        order = self.orders.place(call.uid_text, body)
        return Reply(self._shaped(order, body.get("action_mode")), status=201)

    def _shaped(self, order: OrderState, action_mode: object = None) -> dict[str, Any]:
        return shaped(order, self.context.market_of(order), self.context.spot_account, action_mode)

    def get_order(self, call: Call) -> Reply:
        pair = call.required("currency_pair")
        return Reply(self._shaped(self.orders.find(call.uid_text, call.args["order_id"], pair)))

    def cancel(self, call: Call) -> Reply:
        pair = call.required("currency_pair")
        order = self.orders.cancel(call.uid_text, call.args["order_id"], pair)
        return Reply(self._shaped(order, call.params.get("action_mode")))

    def amend(self, call: Call) -> Reply:
        body = call.json_object()
        pair = call.params.get("currency_pair") or str(body.get("currency_pair") or "")
        if not pair:
            raise errors.missing_param("currency_pair")
        order = self.orders.amend(call.uid_text, call.args["order_id"], pair, body)
        return Reply(self._shaped(order, body.get("action_mode")))

    def cancel_all(self, call: Call) -> Reply:
        pair, side = call.params.get("currency_pair", ""), call.params.get("side", "")
        return Reply([self._shaped(order) for order in self.orders.cancel_all(call.uid_text, pair, side)])

    def list_orders(self, call: Call) -> Reply:
        status = call.required("status")
        if status == "open":
            rows = self.orders.open(call.uid_text, call.required("currency_pair"))
            return numbered_page([self._shaped(order) for order in rows], call, limit_max=100)
        if status != "finished":
            raise bad_value("status", status)
        from_s, to_s = call.integer("from", 0, 0, FAR_S), call.integer("to", FAR_S, 0, FAR_S)
        pair, side = call.params.get("currency_pair", ""), call.params.get("side", "")
        rows = self.orders.finished(call.uid_text, pair, side, from_s, to_s)
        return numbered_page([self._shaped(order) for order in rows], call)

    def open_orders(self, call: Call) -> Reply:
        groups: dict[str, list[dict[str, Any]]] = {}
        for order in self.orders.open(call.uid_text, ""):
            groups.setdefault(self.context.market_of(order).name, []).append(self._shaped(order))
        rows = [{"currency_pair": name, "total": len(found), "orders": found} for name, found in groups.items()]
        return numbered_page(rows, call, limit_max=100)

    def my_trades(self, call: Call) -> Reply:
        name, order_id = call.params.get("currency_pair", ""), call.params.get("order_id", "")
        if order_id and not name:
            raise errors.missing_param("currency_pair")
        symbol = self.context.pair(name).symbol if name else None
        from_s, to_s = trade_window(call, seconds(call.now_ns))
        rows = [
            shapes.rest_user_trade(trade, self.context.exchange.state.instruments[GATE_SPOT, trade.symbol])
            for trade in reversed(self.context.exchange.trades(GATE_SPOT, call.uid_text, symbol, order_id or None))
            if from_s * 1000 <= trade.time_ms <= to_s * 1000 + 999
        ]
        return numbered_page(rows, call)

    def countdown(self, call: Call) -> Reply:
        body = call.json_object()
        name = str(body.get("currency_pair") or "")
        symbol = self.context.pair(name).symbol if name else None
        return Reply(self.countdowns.arm(GATE_SPOT, call.uid_text, symbol, body.get("timeout")))

    # -- batches

    def cancel_batch(self, call: Call) -> Reply:
        return Reply([self._cancel_item(call.uid_text, item) for item in call.json_items(20)])

    def _cancel_item(self, uid: str, item: dict[str, Any]) -> dict[str, Any]:
        pair, order_id = str(item.get("currency_pair", "")), str(item.get("id", ""))
        value: dict[str, Any] = {"currency_pair": pair, "id": order_id}
        try:
            order = self.orders.cancel(uid, order_id, pair)
        except errors.GateError as error:
            return value | {"text": "", "succeeded": False, "label": error.label, "message": error.text or ""}
        return value | {"text": shapes.shown_text(order), "succeeded": True, "label": "", "message": ""}

    def place_batch(self, call: Call) -> Reply:
        return Reply([self._place_item(call.uid_text, item) for item in call.json_items(40)])

    def _place_item(self, uid: str, item: dict[str, Any]) -> dict[str, Any]:
        text = str(item.get("text") or "")
        try:
            if not text:
                raise errors.missing_param("text")
            order = self.orders.place(uid, item)
        except errors.GateError as error:
            return {"text": text, "succeeded": False, "label": error.label, "message": error.text or ""}
        return {"order_id": order.order_id, "succeeded": True} | self._shaped(order)
