"""The API channels of both sockets, each bound to the same order code as REST.

Source: Gate API v4 spot WS docs, "Spot Websocket API"; futures WS docs, "Websocket API". Only placements are
acknowledged before they are judged. Cancelling an unknown perpetual order answers 400, one that has ended 404.
"""

from __future__ import annotations

from typing import Any

import attrs

from . import gateio_futures_shapes as futures
from . import gateio_spot_shapes as spot
from .gateio_context import GateContext
from .gateio_errors import GateError, missing_param
from .gateio_futures_batches import ORDERS_MAX, FuturesBatches
from .gateio_futures_orders import FuturesOrders
from .gateio_http import call_of
from .gateio_limits import PRIVATE, SPOT_CANCEL, WS_FUTURES_TRADE, WS_SPOT_PLACE
from .gateio_spot_batches import PAIR_ORDERS_MAX, PAIRS_MAX, check_batch
from .gateio_spot_orders import SpotOrders
from .gateio_ws_api import Command
from .records import GATE_FUTURES, GATE_SPOT, OrderState

CANCEL_IDS_MAX = 20


def _action_mode(request: Any, context: GateContext) -> str:
    """What a request wants back; without a wish, what the switch `ws_api_fees` says."""
    asked = request.get("action_mode") if isinstance(request, dict) else None
    return str(asked or ("FULL" if context.settings.ws_api_fees else "RESULT"))


def _object(request: Any) -> dict[str, Any]:
    if not isinstance(request, dict):
        raise GateError(400, "INVALID_ARGUMENT", "request params error")
    return request


def _field(request: Any, name: str) -> str:
    value = _object(request).get(name)
    if value in (None, ""):
        raise missing_param(name)
    return str(value)


def _items(request: Any, count_max: int) -> list[Any]:
    if not isinstance(request, list) or not 0 < len(request) <= count_max:
        raise GateError(400, "INVALID_ARGUMENT", "request params error")
    return request


@attrs.define(eq=False)
class SpotCommands:
    """spot.order_place and its companions."""

    context: GateContext
    orders: SpotOrders

    def table(self) -> dict[str, Command]:
        malformed = "OrderPlace request params error"
        return {
            "spot.order_place": Command(self.place, WS_SPOT_PLACE, acked=True, malformed=malformed, tells_rate=True),
            "spot.order_cancel": Command(self.cancel, SPOT_CANCEL, wrapped=False),
            "spot.order_cancel_ids": Command(self.cancel_ids, SPOT_CANCEL, wrapped=False),
            "spot.order_cancel_cp": Command(self.cancel_cp, SPOT_CANCEL, wrapped=False),
            "spot.order_amend": Command(self.amend, WS_SPOT_PLACE, wrapped=False, tells_rate=True),
            "spot.order_status": Command(self.status, PRIVATE, wrapped=False, trades=False),
            "spot.order_list": Command(self.listed, PRIVATE, wrapped=False, trades=False),
        }

    def _shaped(self, order: OrderState, request: Any = None) -> dict[str, Any]:
        note = self.context.notes.of(order)
        value = spot.ws_api_order(order, self.context.market_of(order), self.context.spot_account, note)
        mode = _action_mode(request, self.context)
        if mode == "FULL":
            whole = self.orders.shaped(order)
            return value | {name: whole[name] for name in whole if "fee" in name or name == "gt_discount"}
        return spot.by_action_mode(value, mode)

    def place(self, uid: str, request: Any, _: bool) -> Any:
        if isinstance(request, dict):
            return self._shaped(self.orders.place(uid, request, over_ws=True), request)
        items = [_object(item) for item in _items(request, PAIRS_MAX * PAIR_ORDERS_MAX)]
        check_batch(items)
        return [self._place_item(uid, item) for item in items]

    def _place_item(self, uid: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"succeeded": True} | self._shaped(self.orders.place(uid, body, over_ws=True), body)
        except GateError as error:
            return {"text": body.get("text", ""), "label": error.label, "message": error.text or ""}

    def cancel(self, uid: str, request: Any, _: bool) -> Any:
        pair = _field(request, "currency_pair")
        return self._shaped(self.orders.cancel(uid, _field(request, "order_id"), pair), request)

    def cancel_ids(self, uid: str, request: Any, _: bool) -> Any:
        return [self._cancel_item(uid, item) for item in _items(request, CANCEL_IDS_MAX)]

    def _cancel_item(self, uid: str, item: Any) -> dict[str, Any]:
        value = {"currency_pair": _field(item, "currency_pair"), "id": _field(item, "id")}
        try:
            self.orders.cancel(uid, value["id"], value["currency_pair"])
        except GateError as error:
            return value | {"label": error.label, "message": error.text or ""}
        return value | {"succeeded": True}

    def cancel_cp(self, uid: str, request: Any, _: bool) -> Any:
        pair, side = _field(request, "currency_pair"), str(_object(request).get("side") or "")
        return [self._shaped(order) for order in self.orders.cancel_all(uid, pair, side)]

    def amend(self, uid: str, request: Any, _: bool) -> Any:
        order_id, pair = _field(request, "order_id"), _field(request, "currency_pair")
        return self._shaped(self.orders.amend(uid, order_id, pair, _object(request)), request)

    def status(self, uid: str, request: Any, _: bool) -> Any:
        return self._shaped(self.orders.find(uid, _field(request, "order_id"), _field(request, "currency_pair")))

    def listed(self, uid: str, request: Any, _: bool) -> Any:
        call = call_of(uid, _object(request), self.context.now_ns(GATE_SPOT), False)
        return [self._shaped(order) for order in self.orders.listed(call).value]


@attrs.define(eq=False)
class FuturesCommands:
    """futures.order_place and its companions."""

    context: GateContext
    orders: FuturesOrders

    def table(self) -> dict[str, Command]:
        return {
            "futures.order_place": Command(self.place, WS_FUTURES_TRADE, acked=True, tells_rate=True),
            "futures.order_batch_place": Command(self.place_batch, WS_FUTURES_TRADE, acked=True, tells_rate=True),
            "futures.order_cancel": Command(self.cancel, WS_FUTURES_TRADE, tells_rate=True),
            "futures.order_cancel_ids": Command(self.cancel_ids, WS_FUTURES_TRADE),
            "futures.order_cancel_cp": Command(self.cancel_cp, WS_FUTURES_TRADE, tells_rate=True),
            "futures.order_amend": Command(self.amend, WS_FUTURES_TRADE, tells_rate=True),
            "futures.order_status": Command(self.status, PRIVATE, trades=False),
            "futures.order_list": Command(self.listed, PRIVATE, trades=False),
        }

    def _shaped(self, order: OrderState, decimal_sizes: bool, asked_mode: object = None) -> dict[str, Any]:
        note = self.context.notes.of(order)
        value = futures.ws_api_order(order, self.context.market_of(order), decimal_sizes, note)
        mode = asked_mode or ("FULL" if self.context.settings.ws_api_fees else "RESULT")
        if mode == "FULL":
            whole = self.orders.shaped(order, decimal_sizes)
            return value | {name: whole[name] for name in futures.FEE_FIELDS}
        return futures.by_action_mode(value, mode)

    def place(self, uid: str, request: Any, decimal_sizes: bool) -> Any:
        body = _object(request)
        return self._shaped(self.orders.place(uid, body, over_ws=True), decimal_sizes, body.get("action_mode"))

    def place_batch(self, uid: str, request: Any, decimal_sizes: bool) -> Any:
        items = [_object(item) for item in _items(request, ORDERS_MAX)]
        batches = FuturesBatches(self.context, self.orders, self._shaped, over_ws=True)
        return batches.place(uid, items, decimal_sizes, WS_FUTURES_TRADE)

    def cancel(self, uid: str, request: Any, decimal_sizes: bool) -> Any:
        order_id = _field(request, "order_id")
        known = self._known(uid, order_id)
        try:
            return self._shaped(self.orders.cancel(uid, order_id), decimal_sizes)
        except GateError as error:
            if error.label != "ORDER_NOT_FOUND":
                raise
            raise GateError(404 if known else 400, "ORDER_NOT_FOUND", "") from error

    def _known(self, uid: str, order_id: str) -> bool:
        by_text = order_id.startswith("t-")
        found = self.context.exchange.order(
            GATE_FUTURES, uid, "" if by_text else order_id, client_id=order_id if by_text else ""
        )
        return found is not None

    def cancel_ids(self, uid: str, request: Any, _: bool) -> Any:
        return [self._cancel_item(uid, str(order_id)) for order_id in _items(request, CANCEL_IDS_MAX)]

    def _cancel_item(self, uid: str, order_id: str) -> dict[str, Any]:
        value: dict[str, Any] = {"id": order_id, "user_id": int(uid)}
        try:
            self.orders.cancel(uid, order_id)
        except GateError as error:
            return value | {"message": error.label}
        return value | {"succeeded": True}

    def cancel_cp(self, uid: str, request: Any, decimal_sizes: bool) -> Any:
        side = str(_object(request).get("side") or "")
        spare = _object(request).get("exclude_reduce_only") is True
        orders = self.orders.cancel_all(uid, _field(request, "contract"), side, keep_reduce_only=spare)
        return [self._shaped(order, decimal_sizes) for order in orders]

    def amend(self, uid: str, request: Any, decimal_sizes: bool) -> Any:
        body = _object(request)
        order = self.orders.amend(uid, _field(request, "order_id"), body)
        return self._shaped(order, decimal_sizes, body.get("action_mode"))

    def status(self, uid: str, request: Any, decimal_sizes: bool) -> Any:
        return self._shaped(self.orders.find(uid, _field(request, "order_id")), decimal_sizes)

    def listed(self, uid: str, request: Any, decimal_sizes: bool) -> Any:
        call = call_of(uid, _object(request), self.context.now_ns(GATE_FUTURES), decimal_sizes)
        return [self._shaped(order, decimal_sizes) for order in self.orders.page(call).value]
