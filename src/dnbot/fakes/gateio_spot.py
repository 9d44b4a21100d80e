"""REST of Gate spot: markets and books for everybody, orders and trades of one account.

Source: Gate API v4 docs, "Spot".
"""

from __future__ import annotations

from typing import Any

import attrs

from . import gateio_errors as errors
from . import gateio_spot_shapes as shapes
from .gateio_context import GateContext
from .gateio_countdown import Countdowns
from .gateio_http import FAR_S, Call, Reply, Route, merged_levels, numbered_page, route
from .gateio_json import milliseconds, seconds
from .gateio_limits import PRIVATE, PUBLIC, SPOT_CANCEL, SPOT_PLACE
from .gateio_spot_orders import SpotOrders, bad_value
from .gateio_tickers import rest_spot_ticker
from .records import GATE_SPOT, OrderState, UserTrade

BOOK_LIMIT_DEFAULT, BOOK_LIMIT_MAX = 10, 1000
TRADES_DAYS_DEFAULT, TRADES_DAYS_MAX = 7, 30
DAY_S = 86400


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
        ]

    # -- public

    def time(self, _: Call) -> Reply:
        return Reply({"server_time": self.context.now_ms(GATE_SPOT)})

    def pairs(self, _: Call) -> Reply:
        return Reply([shapes.pair(market) for market in self.context.exchange.instruments(GATE_SPOT)])

    def pair(self, call: Call) -> Reply:
        return Reply(shapes.pair(self.context.pair(call.args["pair"])))

    def order_book(self, call: Call) -> Reply:
        """The book, its levels merged into steps of `interval` when that is not 0."""
        market = self.context.pair(call.required("currency_pair"))
        limit = call.integer("limit", BOOK_LIMIT_DEFAULT, 1, BOOK_LIMIT_MAX)
        step = call.merge_step(market.price_tick)
        book = self.context.book(GATE_SPOT, market.symbol, limit if not step else BOOK_LIMIT_MAX)
        value: dict[str, Any] = {"id": book.book_id} if call.flag("with_id") else {}
        value |= {"current": milliseconds(call.now_ns), "update": book.time_ms}
        asks, bids = merged_levels(book, step, limit)
        return Reply(value | {"asks": shapes.levels(asks), "bids": shapes.levels(bids)})

    def tickers(self, call: Call) -> Reply:
        name = call.params.get("currency_pair", "")
        if call.params.get("timezone", "utc0") not in ("all", "utc0", "utc8"):
            raise bad_value("timezone", call.params["timezone"])
        markets = [self.context.pair(name)] if name else self.context.exchange.instruments(GATE_SPOT)
        return Reply([rest_spot_ticker(self.context, market, with_sizes=bool(name)) for market in markets])

    def trades(self, call: Call) -> Reply:
        """Public trades, newest first: those after `last_id`, or before it when `reverse` is true."""
        market = self.context.pair(call.required("currency_pair"))
        last_id, within = call.integer("last_id", 0, 0, 1 << 62), call.range_ms()
        older = call.flag("reverse")
        rows = [
            shapes.rest_trade(trade, market)
            for trade in reversed(self.context.tape(market).trades)
            if trade.time_ms in within
            and (not last_id or (trade.trade_id < last_id if older else trade.trade_id > last_id))
        ]
        return numbered_page(rows, call)

    # -- orders

    def place(self, call: Call) -> Reply:
        body = call.json_object()
        order = self.orders.place(call.uid_text, body)
        return Reply(self._shaped(order, body.get("action_mode")), status=201)

    def _shaped(self, order: OrderState, action_mode: object = None) -> dict[str, Any]:
        return shapes.by_action_mode(self.orders.shaped(order), action_mode)

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
        found = self.orders.listed(call)
        return Reply([self._shaped(order) for order in found.value], headers=found.headers)

    def open_orders(self, call: Call) -> Reply:
        """Open orders of all pairs, grouped; `page` and `limit` count within each pair."""
        groups: dict[str, list[dict[str, Any]]] = {}
        for order in self.orders.open(call.uid_text, ""):
            groups.setdefault(self.context.market_of(order).name, []).append(self._shaped(order))
        pages = {name: numbered_page(found, call, limit_max=100) for name, found in groups.items()}
        rows = [{"currency_pair": name, "total": len(groups[name]), "orders": p.value} for name, p in pages.items()]
        return Reply(rows, headers=numbered_page(rows, call, limit_max=100).headers)

    def my_trades(self, call: Call) -> Reply:
        name, order_id = call.params.get("currency_pair", ""), call.params.get("order_id", "")
        if order_id and not name:
            raise errors.missing_param("currency_pair")
        symbol = self.context.pair(name).symbol if name else None
        from_s, to_s = trade_window(call, seconds(call.now_ns))
        rows = [
            self._trade_row(trade)
            for trade in reversed(self.context.exchange.trades(GATE_SPOT, call.uid_text, symbol, order_id or None))
            if from_s * 1000 <= trade.time_ms <= to_s * 1000 + 999
        ]
        return numbered_page(rows, call)

    def _trade_row(self, trade: UserTrade) -> dict[str, str]:
        market = self.context.exchange.state.instruments[GATE_SPOT, trade.symbol]
        return shapes.rest_user_trade(trade, market, self.context.notes.of(trade).text)

    def countdown(self, call: Call) -> Reply:
        body = call.json_object()
        name = str(body.get("currency_pair") or "")
        symbol = self.context.pair(name).symbol if name else None
        return Reply(self.countdowns.arm(GATE_SPOT, call.uid_text, symbol, body.get("timeout")))
