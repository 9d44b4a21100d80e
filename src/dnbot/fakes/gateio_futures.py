"""REST of Gate USDT perpetuals: contracts, books, tickers and funding for everybody, orders and fills of one account.

Source: Gate API v4 docs, "Futures".
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs

from . import gateio_futures_shapes as shapes
from .gateio_context import GateContext
from .gateio_contract_shapes import ContractFigures, contract, levels, rest_trade
from .gateio_countdown import Countdowns
from .gateio_errors import GateError
from .gateio_futures_orders import FuturesOrders
from .gateio_http import FAR_S, Call, Reply, Route, merged_levels, page, route
from .gateio_json import plain, seconds, seconds_with_ms
from .gateio_limits import FUTURES_CANCEL, FUTURES_PLACE, PRIVATE, PUBLIC
from .gateio_marks import open_interest
from .gateio_tickers import rest_futures_ticker
from .instruments import Instrument
from .records import GATE_FUTURES, UserTrade

BOOK_LIMIT_DEFAULT, BOOK_LIMIT_MAX = 10, 300
FUNDING_LOOK_BACK_S = 180 * 86400
FUNDING_RANGE_S = 30 * 86400
WHOLE_BOOK = 10_000


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
            route("GET", f"{base}/contracts_all", self.contracts, PUBLIC, private=False),
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
        ]

    # -- public

    def contracts(self, call: Call) -> Reply:
        markets = self.context.exchange.instruments(GATE_FUTURES)
        rows = [self._contract(market, call.decimal_sizes) for market in markets]
        return page(rows, call) if "limit" in call.params else Reply(rows)

    def contract(self, call: Call) -> Reply:
        return Reply(self._contract(self.context.contract(call.args["contract"]), call.decimal_sizes))

    def _contract(self, market: Instrument, decimal_sizes: bool) -> dict[str, Any]:
        exchange, tape = self.context.exchange, self.context.tape(market)
        figures = ContractFigures(
            exchange.last_price(GATE_FUTURES, market.symbol) or Decimal(0),
            exchange.depth(GATE_FUTURES, market.symbol, 1).book_id,
            tape.last_id,
            tape.volume,
            open_interest(exchange, market.symbol),
            exchange.state.tiers[market.symbol][0].limit,
            exchange.state.tiers[market.symbol][-1].limit,
        )
        return contract(market, exchange.mark(market.symbol), figures, decimal_sizes)

    def order_book(self, call: Call) -> Reply:
        """The book, its levels merged into steps of `interval` when that is not 0."""
        market = self.context.contract(call.required("contract"))
        limit = call.integer("limit", BOOK_LIMIT_DEFAULT, 1, 1 << 62)
        if limit > BOOK_LIMIT_MAX:
            raise GateError(400, "TOO_BIG", f"limit {BOOK_LIMIT_MAX}")
        step = call.merge_step(market.price_tick)
        book = self.context.book(GATE_FUTURES, market.symbol, limit if not step else WHOLE_BOOK)
        value: dict[str, Any] = {"id": book.book_id} if call.flag("with_id") else {}
        value |= {"current": seconds_with_ms(call.now_ns), "update": shapes.seconds(book.time_ms)}
        asks, bids = (levels(side, call.decimal_sizes) for side in merged_levels(book, step, limit))
        return Reply(value | {"asks": asks, "bids": bids})

    def tickers(self, call: Call) -> Reply:
        name = call.params.get("contract", "")
        markets = [self.context.contract(name)] if name else self.context.exchange.instruments(GATE_FUTURES)
        return Reply([rest_futures_ticker(self.context, market) for market in markets])

    def trades(self, call: Call) -> Reply:
        """Public trades, newest first; `last_id` continues a list at the trade before that one."""
        market = self.context.contract(call.required("contract"))
        within, last_id = call.range_ms(), call.integer("last_id", 0, 0, 1 << 62)
        rows = [
            rest_trade(trade, market, call.decimal_sizes)
            for trade in reversed(self.context.tape(market).trades)
            if trade.time_ms in within and (not last_id or trade.trade_id < last_id)
        ]
        return page(rows, call)

    def funding_rate(self, call: Call) -> Reply:
        """Settlements, newest first; `from` may look back 180 days, and without `to` it means the 30 days after it."""
        market = self.context.contract(call.required("contract"))
        now_s = seconds(call.now_ns)
        from_s, to_s = call.integer("from", 0, 0, FAR_S), call.integer("to", FAR_S, 0, FAR_S)
        if from_s and from_s < now_s - FUNDING_LOOK_BACK_S:
            raise GateError(400, "INVALID_PARAM_VALUE", "from time exceeds 180-day limit")
        if from_s and not call.params.get("to"):
            to_s = from_s + FUNDING_RANGE_S
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
        return Reply(self.orders.shaped(order, call.decimal_sizes, body.get("action_mode")), status=201)

    def get_order(self, call: Call) -> Reply:
        order = self.orders.find(call.uid_text, call.args["order_id"])
        return Reply(self.orders.shaped(order, call.decimal_sizes))

    def cancel(self, call: Call) -> Reply:
        order = self.orders.cancel(call.uid_text, call.args["order_id"])
        return Reply(self.orders.shaped(order, call.decimal_sizes, call.params.get("action_mode")))

    def amend(self, call: Call) -> Reply:
        body = call.json_object()
        order = self.orders.amend(call.uid_text, call.args["order_id"], body)
        return Reply(self.orders.shaped(order, call.decimal_sizes, body.get("action_mode")))

    def cancel_all(self, call: Call) -> Reply:
        """Cancel what is open: of one contract, of one side, sparing reduce-only orders, as the query says."""
        orders = self.orders.cancel_all(
            call.uid_text,
            call.params.get("contract", ""),
            call.params.get("side", ""),
            keep_reduce_only=call.flag("exclude_reduce_only"),
        )
        mode = call.params.get("action_mode")
        return Reply([self.orders.shaped(order, call.decimal_sizes, mode) for order in orders])

    def list_orders(self, call: Call) -> Reply:
        found = self.orders.page(call)
        rows = [self.orders.shaped(order, call.decimal_sizes) for order in found.value]
        return Reply(rows, headers=found.headers)

    def orders_timerange(self, call: Call) -> Reply:
        """Finished orders created within the given seconds."""
        rows, within = self.orders.listed(call.uid_text, call.params.get("contract", ""), "finished"), call.range_ms()
        shown = [order for order in rows if order.create_ms in within]
        return page([self.orders.shaped(order, call.decimal_sizes) for order in shown], call)

    def _trades(self, call: Call, order_id: str = "") -> list[UserTrade]:
        name = call.params.get("contract", "")
        symbol = self.context.contract(name).symbol if name else None
        return self.context.exchange.trades(GATE_FUTURES, call.uid_text, symbol, order_id or None)[::-1]

    def _trade_row(self, trade: UserTrade, decimal_sizes: bool) -> dict[str, Any]:
        market = self.context.exchange.state.instruments[GATE_FUTURES, trade.symbol]
        return shapes.rest_user_trade(trade, market, decimal_sizes, self.context.notes.of(trade).text)

    def my_trades(self, call: Call) -> Reply:
        """Fills, newest first; `last_id` continues a list at the fill before that one."""
        last_id = call.integer("last_id", 0, 0, 1 << 62)
        rows = [
            self._trade_row(trade, call.decimal_sizes)
            for trade in self._trades(call, call.params.get("order", ""))
            if not last_id or int(trade.trade_id) < last_id
        ]
        return page(rows, call)

    def my_trades_timerange(self, call: Call) -> Reply:
        """Fills within the given seconds, newest first; rows carry `trade_id` as text in place of `id`."""
        within, role = call.range_ms(), call.params.get("role", "")
        rows: list[dict[str, Any]] = []
        for trade in self._trades(call):
            if trade.time_ms in within and role in ("", trade.role):
                row = self._trade_row(trade, call.decimal_sizes)
                rows.append({"trade_id": str(row.pop("id")), **row})
        return page(rows, call)

    def countdown(self, call: Call) -> Reply:
        body = call.json_object()
        name = str(body.get("contract") or "")
        symbol = self.context.contract(name).symbol if name else None
        return Reply(self.countdowns.arm(GATE_FUTURES, call.uid_text, symbol, body.get("timeout")))
