"""Order endpoints of MEXC spot v3: create, test, batch, cancel, query."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Final
from urllib.parse import unquote_plus

import attrs
import msgspec

from . import mexc_shapes as shapes
from .checks import check
from .instruments import Instrument
from .mexc_auth import json_texts
from .mexc_errors import MexcRefusal, refusals
from .mexc_numbers import plain, whole_second_ms
from .mexc_venue import Call, MexcVenue, Route
from .records import MEXC_SPOT, ZERO, OrderRequest, OrderState, Refusal, RefusalKind, Side, TimeInForce

__all__ = ["ORDER_ROUTES"]

_DAY_MS: Final = 86_400_000
_BATCH_MAX: Final = 20
_TRADES_DEFAULT: Final = 100
_SYMBOLS_MAX: Final = 5
_STP_MODES: Final = ("", "cancel_maker", "cancel_taker", "cancel_both")
_TIMES_IN_FORCE: Final[dict[str, TimeInForce]] = {
    "LIMIT": "gtc",
    "LIMIT_MAKER": "poc",
    "IMMEDIATE_OR_CANCEL": "ioc",
    "FILL_OR_KILL": "fok",
}
_TYPES: Final = (*_TIMES_IN_FORCE, "MARKET")

_REFUSED: Final[dict[RefusalKind, Callable[[], MexcRefusal]]] = {
    RefusalKind.PRICE_BAND: refusals.price_band,
    RefusalKind.NO_COUNTER: refusals.no_counter_order,
    RefusalKind.UNKNOWN_SYMBOL: refusals.bad_symbol,
    RefusalKind.SYMBOL_CLOSED: refusals.suspended,
    RefusalKind.TOO_MANY_ORDERS: refusals.too_many_orders,
}


def _refuse(refusal: Refusal, side: Side) -> MexcRefusal:
    """The venue's words for a refusal of the exchange."""
    kind, detail = refusal.kind, refusal.detail
    if kind is RefusalKind.BALANCE:
        return refusals.insufficient() if side == "buy" else refusals.oversold()
    if kind in (RefusalKind.MIN_NOTIONAL, RefusalKind.MIN_SIZE):
        return refusals.too_small(detail["allowed"], detail["asset"])
    if kind in (RefusalKind.MAX_NOTIONAL, RefusalKind.MAX_SIZE):
        return refusals.too_large(detail["allowed"], detail["asset"])
    if kind is RefusalKind.PRECISION:
        return refusals.decimals() if detail["field"] == "quantity" else refusals.parameter("price scale is invalid")
    make = _REFUSED.get(kind)
    return make() if make is not None else refusals.parameter(detail.get("reason", "Parameter error"))


def _read_side(venue: MexcVenue, call: Call, instrument: Instrument) -> Side:
    sides: dict[str, Side] = {"BUY": "buy", "SELL": "sell"}
    side = sides.get(call.required("side"))
    if side is None:
        raise refusals.illegal("side", "^(BUY|SELL)$")
    allowed = venue.settings.trade_side.get(instrument.name, 1)
    if allowed == 4 or (allowed == 2 and side == "sell") or (allowed == 3 and side == "buy"):
        raise refusals.direction()
    return side


def _check_gates(venue: MexcVenue, call: Call, instrument: Instrument) -> None:
    """Refuse a symbol that is closed to API orders (10007) or to this user (70011), and an unknown `stpMode`."""
    if not venue.api_open(instrument):
        raise refusals.bad_symbol()
    if instrument.name in venue.settings.banned_symbols.get(call.uid, ()):
        raise refusals.pair_banned()
    if call.text("stpMode") not in _STP_MODES:
        raise refusals.illegal("stpMode", "^(cancel_maker|cancel_taker|cancel_both)?$")


def _read_request(venue: MexcVenue, call: Call) -> tuple[OrderRequest, Instrument]:
    """The order a create call asks for; raises the refusal of the first thing that is wrong."""
    instrument = venue.tradable(call)
    _check_gates(venue, call, instrument)
    side, kind = _read_side(venue, call, instrument), call.required("type")
    if kind not in venue.settings.order_types.get(instrument.name, _TYPES):
        raise refusals.order_type()
    client_id = call.client_id("newClientOrderId")
    quantity, price = call.decimal("quantity"), call.decimal("price")
    if kind == "MARKET":
        request = _market_request(venue, call, instrument, side, quantity)
        return attrs.evolve(request, client_id=client_id), instrument
    if quantity is None or price is None:
        raise refusals.missing("quantity" if quantity is None else "price")
    tif = _TIMES_IN_FORCE[kind]
    request = OrderRequest(instrument.symbol, side, tif=tif, quantity=quantity, price=price, client_id=client_id)
    return request, instrument


def _market_request(
    venue: MexcVenue, call: Call, instrument: Instrument, side: Side, quantity: Decimal | None
) -> OrderRequest:
    """A market order: an immediate order up to a protection price 5 % through the best opposite price."""
    if not venue.settings.market_orders_allowed:
        raise refusals.market_orders_off()
    spend = call.decimal("quoteOrderQty")
    if (quantity is None) == (spend is None):
        raise refusals.missing("quantity")
    market = venue.exchange.state.markets[(MEXC_SPOT, instrument.symbol)]
    best = market.best("sell" if side == "buy" else "buy")
    if best is None:
        raise refusals.no_counter_order()
    value_max = shapes.market_value_max(instrument)
    if (spend or best[0] * (quantity or ZERO)) > value_max:
        raise refusals.too_large(plain(value_max), instrument.quote)
    if side == "buy":
        price = _to_step(best[0] * (1 + venue.settings.protection), instrument.price_tick, ROUND_FLOOR)
    else:
        price = _to_step(best[0] * (1 - venue.settings.protection), instrument.price_tick, ROUND_CEILING)
    if side == "sell" and spend is not None:  # what the venue does is not documented: sell that much at the best bid
        quantity, spend = _to_step(spend / best[0], instrument.lot, ROUND_FLOOR), None
    return OrderRequest(instrument.symbol, side, "market", "ioc", quantity, price, spend)


def _to_step(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    return (value / step).to_integral_value(rounding) * step


def _place(venue: MexcVenue, call: Call) -> tuple[OrderState, Instrument]:
    request, instrument = _read_request(venue, call)
    order = venue.exchange.place_order(MEXC_SPOT, call.uid, request)
    if isinstance(order, Refusal):
        raise _refuse(order, request.side)
    if call.text("stpMode"):
        venue.stp_modes[order.order_id] = call.text("stpMode")
    return order, instrument


def create_order(venue: MexcVenue, call: Call) -> Any:
    """POST order. `stpMode` is remembered and shown; it takes effect in a strategy group, of which there are none."""
    order, instrument = _place(venue, call)
    stp_mode = call.text("stpMode")
    return shapes.created(order, instrument, stp_mode if stp_mode or venue.settings.replies_of_2026 else None)


def test_order(venue: MexcVenue, call: Call) -> Any:
    """POST order/test: everything is validated and nothing happens."""
    request, _ = _read_request(venue, call)
    checked = check(venue.exchange.state, MEXC_SPOT, call.uid, request)
    if isinstance(checked, Refusal):
        raise _refuse(checked, request.side)
    return {}


def create_batch(venue: MexcVenue, call: Call) -> Any:
    """POST batchOrders: at most 20 orders of one symbol; failures are items of a reply that is 200 all the same.

    Items are texts; the documents' example also has a number (`newClientOrderId`) and the type LIMIT_ORDER.
    """
    try:
        rows = msgspec.json.decode(unquote_plus(call.required("batchOrders")), type=list[dict[str, msgspec.Raw]])
        items = [json_texts(row) for row in rows]
    except (msgspec.DecodeError, UnicodeError) as error:
        raise refusals.parameter() from error
    if not 0 < len(items) <= _BATCH_MAX or len({item.get("symbol") for item in items}) != 1:
        raise refusals.parameter()
    for item in items:
        item["type"] = "LIMIT" if item.get("type") == "LIMIT_ORDER" else item.get("type", "")
    return [_batch_item(venue, attrs.evolve(call, parameters=item)) for item in items]


def _batch_item(venue: MexcVenue, call: Call) -> dict[str, Any]:
    try:
        order, instrument = _place(venue, call)
    except MexcRefusal as refusal:
        return {"newClientOrderId": call.text("newClientOrderId"), "msg": refusal.message, "code": refusal.code}
    return {
        "symbol": instrument.name,
        "orderId": order.order_id,
        "newClientOrderId": order.client_id,
        "orderListId": -1,
    }


def _find(venue: MexcVenue, call: Call, instrument: Instrument) -> OrderState | None:
    """The order a call names by either id, if it is of that market."""
    order_id, client_id = call.text("orderId"), call.client_id("origClientOrderId")
    if not order_id and not client_id:
        raise refusals.no_order_id()
    order = venue.exchange.order(MEXC_SPOT, call.uid, order_id, client_id=client_id)
    return order if order is not None and order.symbol == instrument.symbol else None


def cancel_order(venue: MexcVenue, call: Call) -> Any:
    """DELETE order: the state from before the cancel; -2011 when it is not open any more."""
    instrument = venue.tradable(call)
    order = _find(venue, call, instrument)
    if order is None:
        raise refusals.cancel_unknown()
    if not order.is_open:
        raise refusals.cancel_unknown("Order filled.") if order.finish_as == "filled" else refusals.cancel_unknown()
    if venue.faults.take("cancels_say_filled"):
        raise refusals.cancel_unknown("Order filled.")
    return _cancel(venue, order)


def _cancel(venue: MexcVenue, order: OrderState) -> dict[str, Any]:
    before = order.copy()
    venue.exchange.cancel_order(MEXC_SPOT, order.uid, order.order_id)
    return shapes.cancelled(before, venue.by_symbol(order))


def cancel_open_orders(venue: MexcVenue, call: Call) -> Any:
    """DELETE openOrders: the cancelled orders, newest first, each as it was before."""
    symbols = [instrument.symbol for instrument in venue.named(call.required("symbol"), _SYMBOLS_MAX)]
    orders = venue.exchange.open_orders(MEXC_SPOT, call.uid)
    return [_cancel(venue, order) for order in reversed(orders) if order.symbol in symbols]


def cancel_everything(venue: MexcVenue, call: Call) -> Any:
    """DELETE order/all."""
    venue.exchange.cancel_all(MEXC_SPOT, call.uid)
    return {"code": 200, "msg": "success", "timestamp": call.now_ms}


def _visible(venue: MexcVenue, call: Call, orders: Iterable[OrderState]) -> list[OrderState]:
    """Orders old enough to be seen, when queries trail the engine."""
    newest_ms = call.now_ms - venue.faults.order_unseen_ms
    return [order for order in orders if venue.faults.order_unseen_ms == 0 or order.create_ms <= newest_ms]


def _shown(venue: MexcVenue, order: OrderState) -> dict[str, Any]:
    return shapes.order(order, venue.by_symbol(order), venue.stp_modes.get(order.order_id, ""))


def query_order(venue: MexcVenue, call: Call) -> Any:
    """GET order."""
    instrument = venue.tradable(call)
    order = _find(venue, call, instrument)
    if order is None or not _visible(venue, call, [order]):
        raise refusals.no_such_order()
    return _shown(venue, order)


def query_open_orders(venue: MexcVenue, call: Call) -> Any:
    """GET openOrders, newest first; without a symbol those of every market."""
    orders = venue.exchange.open_orders(MEXC_SPOT, call.uid)
    if call.text("symbol"):
        symbols = [instrument.symbol for instrument in venue.named(call.text("symbol"), _SYMBOLS_MAX)]
        orders = [order for order in orders if order.symbol in symbols]
    return [_shown(venue, order) for order in _visible(venue, call, reversed(orders))]


def query_all_orders(venue: MexcVenue, call: Call) -> Any:
    """GET allOrders, newest first: the last 24 hours by default, at most seven days back."""
    instrument = venue.tradable(call)
    start_ms = call.integer("startTime", call.now_ms - _DAY_MS)
    end_ms = call.integer("endTime", call.now_ms)
    if start_ms < call.now_ms - 7 * _DAY_MS:
        raise refusals.history_too_old("Only supports querying the data of the last 7 days")
    limit = call.integer("limit", 500, 1000)
    orders = venue.exchange.orders(MEXC_SPOT, call.uid, instrument.symbol)
    chosen = [order for order in reversed(orders) if _inside(order.create_ms, start_ms, end_ms)]
    return [_shown(venue, order) for order in _visible(venue, call, chosen)[:limit]]


def query_trades(venue: MexcVenue, call: Call) -> Any:
    """GET myTrades, newest first, at most one month back."""
    instrument = venue.tradable(call)
    start_ms, end_ms = call.integer("startTime", 0), call.integer("endTime", call.now_ms)
    if start_ms and start_ms < call.now_ms - 31 * _DAY_MS:
        raise refusals.history_too_old("Only supports querying the data of the last month")
    limit = call.integer("limit", _TRADES_DEFAULT, venue.settings.my_trades_max)
    seen_ms = call.now_ms - venue.faults.trades_lag_ms
    trades = venue.exchange.trades(MEXC_SPOT, call.uid, instrument.symbol, call.text("orderId") or None)
    chosen = [t for t in reversed(trades) if t.time_ms <= seen_ms and _inside(t.time_ms, start_ms, end_ms)]
    return [shapes.user_trade(trade, instrument) for trade in chosen[:limit]]


def _inside(time_ms: int, start_ms: int, end_ms: int) -> bool:
    """Whether the time, or the whole second it is shown as, lies in the window (which of them counts is unknown)."""
    shown_ms = whole_second_ms(time_ms)
    return max(time_ms, shown_ms) >= start_ms and min(time_ms, shown_ms) <= end_ms


_ORDER = {"orders": 1, "user": 1}
ORDER_ROUTES: Final[dict[tuple[str, str], Route]] = {
    ("POST", "/api/v3/order"): Route(create_order, _ORDER, "trade"),
    ("POST", "/api/v3/order/test"): Route(test_order, {"user": 1}, "trade"),
    ("POST", "/api/v3/batchOrders"): Route(create_batch, _ORDER | {"batch": 1}, "trade"),
    ("DELETE", "/api/v3/order"): Route(cancel_order, _ORDER, "trade"),
    ("DELETE", "/api/v3/openOrders"): Route(cancel_open_orders, _ORDER, "trade"),
    ("DELETE", "/api/v3/order/all"): Route(cancel_everything, _ORDER, "trade"),
    ("GET", "/api/v3/order"): Route(query_order, {"ip": 2}, "read"),
    ("GET", "/api/v3/openOrders"): Route(query_open_orders, {"ip": 3}, "read"),
    ("GET", "/api/v3/allOrders"): Route(query_all_orders, {"ip": 10}, "read"),
    ("GET", "/api/v3/myTrades"): Route(query_trades, {"ip": 10}, "read"),
}
