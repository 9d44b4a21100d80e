"""Several perpetual orders in one request: every item of the answer says by itself whether it succeeded.

Source: Gate API v4 docs, "Create a batch of futures orders" (at most 10; any malformed item fails the whole request),
"Cancel a batch of orders with an ID list" (at most 20), "Batch modify orders with specified IDs" (at most 10). Each
order counts against the rate; those over it are refused item by item with TOO_MANY_REQUESTS.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from .gateio_context import GateContext
from .gateio_errors import GateError, invalid_argument, too_many_requests
from .gateio_futures_orders import FuturesOrders
from .gateio_futures_request import read_order
from .gateio_http import Call, Reply, Route, decode_body, route
from .gateio_limits import FUTURES_CANCEL, FUTURES_PLACE, Limit
from .records import OrderState

ORDERS_MAX, CANCELS_MAX = 10, 20


@attrs.define(eq=False)
class FuturesBatches:
    """Placing, cancelling and amending several orders; `shape(order, decimal_sizes, action_mode)` shows one of them."""

    context: GateContext
    orders: FuturesOrders
    shape: Callable[[OrderState, bool, object], dict[str, Any]]
    over_ws: bool = False

    def place(self, uid: str, items: list[dict[str, Any]], form: bool, limit: Limit) -> list[Any]:
        """Place each item; raises GateError when one of them is malformed. `form` is the client's decimal sizes."""
        for item in items:
            read_order(item)
        rows = []
        for number, item in enumerate(items):

            def act(item: dict[str, Any] = item) -> OrderState:
                return self.orders.place(uid, item, over_ws=self.over_ws)

            rows.append(self._told(uid, form, limit, number, act, item.get("action_mode")))
        return rows

    def amend(self, uid: str, items: list[dict[str, Any]], form: bool, limit: Limit) -> list[Any]:
        """Amend each item, named by `order_id` or by `text`."""
        rows = []
        for number, item in enumerate(items):
            order_id = str(item.get("order_id") or item.get("text") or "")
            if not order_id:
                raise invalid_argument("invalid order_id")

            def act(order_id: str = order_id, item: dict[str, Any] = item) -> OrderState:
                return self.orders.amend(uid, order_id, item)

            rows.append(self._told(uid, form, limit, number, act, item.get("action_mode")))
        return rows

    def _told(self, uid: str, form: bool, limit: Limit, number: int, act: Any, action_mode: object) -> dict[str, Any]:
        """One item's answer; the first was counted with the request, every further one counts here."""
        try:
            if number and not self.context.limiter.take(limit, uid, self.context.now_ns("gate_futures")).allowed:
                raise too_many_requests()
            order = act()
        except GateError as error:
            return {"succeeded": False, "label": error.label, "detail": error.text or ""}
        return {"succeeded": True} | self.shape(order, form, action_mode)

    def cancel(self, uid: str, ids: list[str]) -> list[dict[str, Any]]:
        """Cancel each id; `message` is the label of a refusal."""
        return [self._cancel(uid, order_id) for order_id in ids]

    def _cancel(self, uid: str, order_id: str) -> dict[str, Any]:
        value: dict[str, Any] = {"id": order_id, "user_id": int(uid)}
        try:
            self.orders.cancel(uid, order_id)
        except GateError as error:
            return value | {"succeeded": False, "message": error.label}
        return value | {"succeeded": True, "message": ""}


@attrs.define(eq=False)
class FuturesBatchesRest:
    """Handlers of /futures/usdt/batch_..."""

    batches: FuturesBatches

    def routes(self) -> list[Route]:
        base = "/futures/usdt"
        return [
            route("POST", f"{base}/batch_orders", self.place, FUTURES_PLACE, expires=True),
            route("POST", f"{base}/batch_cancel_orders", self.cancel, FUTURES_CANCEL, expires=True),
            route("POST", f"{base}/batch_amend_orders", self.amend, FUTURES_PLACE, expires=True),
        ]

    def place(self, call: Call) -> Reply:
        """Up to ten orders."""
        items = call.json_items(ORDERS_MAX)
        return Reply(self.batches.place(call.uid_text, items, call.decimal_sizes, FUTURES_PLACE))

    def cancel(self, call: Call) -> Reply:
        """Up to twenty ids or custom ids."""
        return Reply(self.batches.cancel(call.uid_text, id_list(decode_body(call.body))))

    def amend(self, call: Call) -> Reply:
        """Up to ten changes."""
        items = call.json_items(ORDERS_MAX)
        return Reply(self.batches.amend(call.uid_text, items, call.decimal_sizes, FUTURES_PLACE))


def id_list(value: Any) -> list[str]:
    """The order ids in a body: an array of text or integers, at most twenty."""
    if not isinstance(value, list) or not value or not all(_is_id(item) for item in value):
        raise invalid_argument("invalid order id list")
    if len(value) > CANCELS_MAX:
        raise GateError(400, "TOO_BIG", f"limit {CANCELS_MAX}")
    return [str(item) for item in value]


def _is_id(item: Any) -> bool:
    return isinstance(item, str | int) and not isinstance(item, bool) and item != ""
