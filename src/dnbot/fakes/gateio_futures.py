"""REST of Gate USDT perpetuals: contracts, books, tickers and funding for everybody, orders and fills of one account.

Source: Gate API v4 docs, "Futures".
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs

from . import gateio_futures_shapes as shapes
from .gateio_context import GateContext
from .gateio_countdown import Countdowns
from .gateio_errors import GateError, invalid_argument
from .gateio_futures_orders import FuturesOrders
from .gateio_http import Call, Reply, Route, as_object, page, route
from .gateio_json import plain, seconds_with_ms
from .gateio_limits import FUTURES_CANCEL, FUTURES_PLACE, PRIVATE, PUBLIC
from .instruments import Instrument
from .records import GATE_FUTURES, OrderState

BOOK_LIMIT_DEFAULT, BOOK_LIMIT_MAX = 10, 300
FAR_S = 1 << 40
FUNDING_LOOK_BACK_S = 180 * 86400
ZERO_LEVEL = ((Decimal(0), Decimal(0)),)


def shaped(context: GateContext, order: OrderState, decimal_sizes: bool, action_mode: object = None) -> dict[str, Any]:
    """The reply to an order call: `action_mode` ACK gives ids only, RESULT leaves the fee fields out."""
    fees = context.exchange.fee_rates(GATE_FUTURES, order.uid)
    value = shapes.rest_order(order, context.market_of(order), fees, decimal_sizes)
    if action_mode == "ACK":
        return {name: value[name] for name in ("id", "text", "amend_text")}
    if action_mode == "RESULT":
        return {name: item for name, item in value.items() if name not in ("tkfr", "mkfr", "refr", "refu")}
    return value


@attrs.define(eq=False)
class FuturesRest:
    """Handlers of /futures/usdt/... except the account's money and positions."""

    context: GateContext
    orders: FuturesOrders
    countdowns: Countdowns

    def routes(self) -> list[Route]:
        base = "/futures/usdt"
        one = f"{base}/orders/{{order_id}}"
        return [
            route("GET", f"{base}/contracts", self.contracts, PUBLIC, private=False),
            route("GET", f"{base}/contracts/{{contract}}", self.contract, PUBLIC, private=False),
            route("GET", f"{base}/order_book", self.order_book, PUBLIC, private=False, lagging=True),
            route("GET", f"{base}/tickers", self.tickers, PUBLIC, private=False),
            route("GET", f"{base}/trades", self.trades, PUBLIC, private=False),
            route("GET", f"{base}/funding_rate", self.funding_rate, PUBLIC, private=False),
            route("POST", f"{base}/orders", self.place, FUTURES_PLACE, expires=True),
            route("GET", f"{base}/orders", self.list_orders, PRIVATE),
            route("DELETE", f"{base}/orders", self.cancel_all, FUTURES_CANCEL, expires=True),
            route("GET", one, self.get_order, PRIVATE),
            route("DELETE", one, self.cancel, FUTURES_CANCEL, expires=True),
            route("PUT", one, self.amend, FUTURES_PLACE, expires=True),
            route("GET", f"{base}/orders_timerange", self.orders_timerange, PRIVATE),
            route("GET", f"{base}/my_trades", self.my_trades, PRIVATE),
            route("GET", f"{base}/my_trades_timerange", self.my_trades_timerange, PRIVATE),
            route("POST", f"{base}/countdown_cancel_all", self.countdown, PRIVATE),
            route("POST", f"{base}/batch_orders", self.place_batch, FUTURES_PLACE, expires=True),
        ]

    # -- public

    def contracts(self, call: Call) -> Reply:
        markets = self.context.exchange.instruments(GATE_FUTURES)
        rows = [self._contract(market, call.decimal_sizes) for market in markets]
        return page(rows, call) if "limit" in call.params else Reply(rows)

    def contract(self, call: Call) -> Reply:
        return Reply(self._contract(self.context.contract(call.args["contract"]), call.decimal_sizes))

    def _contract(self, market: Instrument, decimal_sizes: bool) -> dict[str, Any]:
        exchange = self.context.exchange
        last = exchange.last_price(GATE_FUTURES, market.symbol) or Decimal(0)
        book_id = exchange.depth(GATE_FUTURES, market.symbol, 1).book_id
        return shapes.contract(market, exchange.mark(market.symbol), last, book_id, decimal_sizes)

    def order_book(self, call: Call) -> Reply:
        market = self.context.contract(call.required("contract"))
        limit = call.integer("limit", BOOK_LIMIT_DEFAULT, 1, 1 << 62)
        if limit > BOOK_LIMIT_MAX:
            raise GateError(400, "TOO_BIG", f"limit {BOOK_LIMIT_MAX}")
        book = self.context.book(GATE_FUTURES, market.symbol, limit)
        value: dict[str, Any] = {"id": book.book_id} if call.params.get("with_id") == "true" else {}
        value |= {"current": seconds_with_ms(call.now_ns), "update": shapes.seconds(book.time_ms)}
        asks, bids = shapes.levels(book.asks, call.decimal_sizes), shapes.levels(book.bids, call.decimal_sizes)
        return Reply(value | {"asks": asks, "bids": bids})

    def tickers(self, call: Call) -> Reply:
        name = call.params.get("contract", "")
        markets = [self.context.contract(name)] if name else self.context.exchange.instruments(GATE_FUTURES)
        return Reply([self.ticker(market) for market in markets])

    def ticker(self, market: Instrument) -> dict[str, str]:
        """One REST ticker: everything text, without funding interval and next time."""
        exchange = self.context.exchange
        book, mark = exchange.depth(GATE_FUTURES, market.symbol, 1), exchange.mark(market.symbol)
        trades = self.context.recent_trades[GATE_FUTURES, market.symbol]
        last = exchange.last_price(GATE_FUTURES, market.symbol) or Decimal(0)
        ask, bid = (book.asks or ZERO_LEVEL)[0], (book.bids or ZERO_LEVEL)[0]
        prices = [trade.price for trade in trades] or [last]
        volume = sum((trade.quantity for trade in trades), Decimal(0))
        base = volume * market.multiplier
        return {
            "contract": market.name,
            "last": plain(last),
            "change_percentage": "0",
            "total_size": "0",
            "low_24h": plain(min(prices)),
            "high_24h": plain(max(prices)),
            "volume_24h": plain(volume),
            "volume_24h_base": plain(base),
            "volume_24h_quote": plain(base * last),
            "volume_24h_settle": plain(base * last),
            "mark_price": plain(mark.mark),
            "index_price": plain(mark.index),
            "funding_rate": plain(mark.funding_rate_shown),
            "funding_rate_indicative": plain(mark.funding_rate),
            "quanto_base_rate": "",
            "lowest_ask": plain(ask[0]),
            "lowest_size": plain(ask[1]),
            "highest_bid": plain(bid[0]),
            "highest_size": plain(bid[1]),
            "change_utc0": "0",
            "change_utc8": "0",
            "change_price": "0",
        }

    def trades(self, call: Call) -> Reply:
        market = self.context.contract(call.required("contract"))
        from_s, to_s = call.integer("from", 0, 0, FAR_S), call.integer("to", FAR_S, 0, FAR_S)
        rows = [
            shapes.rest_trade(trade, market, call.decimal_sizes)
            for trade in reversed(self.context.recent_trades[GATE_FUTURES, market.symbol])
            if from_s * 1000 <= trade.time_ms <= to_s * 1000 + 999
        ]
        return page(rows, call)

    def funding_rate(self, call: Call) -> Reply:
        """Settlements, newest first; `from` may look back 180 days."""
        market = self.context.contract(call.required("contract"))
        now_s = call.now_ns // 1_000_000_000
        from_s, to_s = call.integer("from", 0, 0, FAR_S), call.integer("to", FAR_S, 0, FAR_S)
        if from_s and from_s < now_s - FUNDING_LOOK_BACK_S:
            raise GateError(400, "INVALID_PARAM_VALUE", "from time exceeds 180-day limit")
        rows = [
            {"r": plain(settled.rate), "t": settled.time_s}
            for settled in reversed(self.context.exchange.fundings(market.symbol))
            if from_s <= settled.time_s <= to_s
        ]
        return page(rows, call)

    # -- orders

    def place(self, call: Call) -> Reply:
        body = call.json_object()
        order = self.orders.place(call.uid_text, body)
        return Reply(shaped(self.context, order, call.decimal_sizes, body.get("action_mode")), status=201)

    def get_order(self, call: Call) -> Reply:
        order = self.orders.find(call.uid_text, call.args["order_id"])
        return Reply(shaped(self.context, order, call.decimal_sizes))

    def cancel(self, call: Call) -> Reply:
        order = self.orders.cancel(call.uid_text, call.args["order_id"])
        return Reply(shaped(self.context, order, call.decimal_sizes, call.params.get("action_mode")))

    def amend(self, call: Call) -> Reply:
        body = call.json_object()
        order = self.orders.amend(call.uid_text, call.args["order_id"], body)
        return Reply(shaped(self.context, order, call.decimal_sizes, body.get("action_mode")))

    def cancel_all(self, call: Call) -> Reply:
        orders = self.orders.cancel_all(call.uid_text, call.required("contract"), call.params.get("side", ""))
        return Reply([shaped(self.context, order, call.decimal_sizes) for order in orders])

    def list_orders(self, call: Call) -> Reply:
        status = call.required("status")
        if status not in ("open", "finished"):
            raise invalid_argument("invalid status")
        rows = self.orders.listed(call.uid_text, call.params.get("contract", ""), is_open=status == "open")
        last_id = call.integer("last_id", 0, 0, 1 << 62)
        shown = [order for order in rows if not last_id or int(order.order_id) < last_id]
        return page([shaped(self.context, order, call.decimal_sizes) for order in shown], call)

    def orders_timerange(self, call: Call) -> Reply:
        """Finished orders created within the given seconds."""
        from_s, to_s = call.integer("from", 0, 0, FAR_S), call.integer("to", FAR_S, 0, FAR_S)
        rows = self.orders.listed(call.uid_text, call.params.get("contract", ""), is_open=False)
        shown = [order for order in rows if from_s * 1000 <= order.create_ms <= to_s * 1000 + 999]
        return page([shaped(self.context, order, call.decimal_sizes) for order in shown], call)

    def my_trades(self, call: Call) -> Reply:
        """Fills, newest first."""
        name, order_id = call.params.get("contract", ""), call.params.get("order", "")
        symbol = self.context.contract(name).symbol if name else None
        exchange = self.context.exchange
        rows = [
            shapes.rest_user_trade(trade, exchange.state.instruments[GATE_FUTURES, trade.symbol], call.decimal_sizes)
            for trade in reversed(exchange.trades(GATE_FUTURES, call.uid_text, symbol, order_id or None))
        ]
        return page(rows, call)

    def my_trades_timerange(self, call: Call) -> Reply:
        """Fills within the given seconds, newest first; rows carry `trade_id` as text in place of `id`."""
        from_s, to_s = call.integer("from", 0, 0, FAR_S), call.integer("to", FAR_S, 0, FAR_S)
        name = call.params.get("contract", "")
        symbol = self.context.contract(name).symbol if name else None
        exchange = self.context.exchange
        rows: list[dict[str, Any]] = []
        for trade in reversed(exchange.trades(GATE_FUTURES, call.uid_text, symbol, None)):
            if from_s * 1000 <= trade.time_ms <= to_s * 1000 + 999:
                market = exchange.state.instruments[GATE_FUTURES, trade.symbol]
                row = shapes.rest_user_trade(trade, market, call.decimal_sizes)
                rows.append({"trade_id": str(row.pop("id")), **row})
        return page(rows, call)

    def countdown(self, call: Call) -> Reply:
        body = call.json_object()
        name = str(body.get("contract") or "")
        symbol = self.context.contract(name).symbol if name else None
        return Reply(self.countdowns.arm(GATE_FUTURES, call.uid_text, symbol, body.get("timeout")))

    def place_batch(self, call: Call) -> Reply:
        """Up to ten orders; each item of the reply says by itself whether it succeeded."""
        rows: list[dict[str, Any]] = []
        for item in call.json_items(10):
            try:
                order = self.orders.place(call.uid_text, as_object(item))
            except GateError as error:
                rows.append({"succeeded": False, "label": error.label, "detail": error.text or ""})
                continue
            rows.append({"succeeded": True} | shaped(self.context, order, call.decimal_sizes))
        return Reply(rows)
