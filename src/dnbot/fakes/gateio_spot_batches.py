"""Several spot orders in one request: every item of the answer says by itself whether it succeeded.

Source: Gate API v4 docs, "Create a batch of orders" (custom id mandatory, at most 4 pairs of 10 orders, one account),
"Cancel a batch of orders" (at most 20), "Batch modification of orders" (at most 5).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs

from . import gateio_spot_shapes as shapes
from .gateio_context import GateContext
from .gateio_errors import GateError, invalid_value, missing_param
from .gateio_http import Call, Reply, Route, route
from .gateio_limits import SPOT_CANCEL, SPOT_PLACE
from .gateio_spot_orders import SpotOrders, bad_value
from .records import OrderState

PAIRS_MAX, PAIR_ORDERS_MAX = 4, 10
CANCELS_MAX, AMENDS_MAX = 20, 5


@attrs.define(eq=False)
class SpotBatchesRest:
    """Handlers of /spot/..._batch_orders."""

    context: GateContext
    orders: SpotOrders

    def routes(self) -> list[Route]:
        return [
            route("POST", "/spot/batch_orders", self.place, SPOT_PLACE, expires=True, per_market=True),
            route("POST", "/spot/cancel_batch_orders", self.cancel, SPOT_CANCEL, expires=True),
            route("POST", "/spot/amend_batch_orders", self.amend, SPOT_PLACE, expires=True, per_market=True),
        ]

    def _shaped(self, order: OrderState, action_mode: object) -> dict[str, Any]:
        value = shapes.by_action_mode(self.orders.shaped(order), action_mode)
        return {"order_id": order.order_id, "succeeded": True} | value

    def place(self, call: Call) -> Reply:
        """Place up to 40 orders, in order."""
        items = call.json_items(PAIRS_MAX * PAIR_ORDERS_MAX)
        check_batch(items)
        return Reply([self._place_item(call.uid_text, item) for item in items])

    def _place_item(self, uid: str, item: dict[str, Any]) -> dict[str, Any]:
        text = str(item.get("text") or "")
        try:
            if not text:
                raise missing_param("text")
            order = self.orders.place(uid, item)
        except GateError as error:
            return {"text": text, "succeeded": False, "label": error.label, "message": error.text or ""}
        return self._shaped(order, item.get("action_mode"))

    def cancel(self, call: Call) -> Reply:
        """Cancel up to 20 orders by id or custom id."""
        return Reply([self._cancel_item(call.uid_text, item) for item in call.json_items(CANCELS_MAX)])

    def _cancel_item(self, uid: str, item: dict[str, Any]) -> dict[str, Any]:
        pair, order_id = str(item.get("currency_pair", "")), str(item.get("id", ""))
        value: dict[str, Any] = {"currency_pair": pair, "id": order_id}
        try:
            order = self.orders.cancel(uid, order_id, pair)
        except GateError as error:
            return value | {"text": "", "succeeded": False, "label": error.label, "message": error.text or ""}
        return value | {"text": self.context.notes.of(order).text, "succeeded": True, "label": "", "message": ""}

    def amend(self, call: Call) -> Reply:
        """Change up to 5 open orders, in order."""
        return Reply([self._amend_item(call.uid_text, item) for item in call.json_items(AMENDS_MAX)])

    def _amend_item(self, uid: str, item: dict[str, Any]) -> dict[str, Any]:
        order_id = str(item.get("order_id") or "")
        try:
            for name in ("order_id", "currency_pair"):
                if not item.get(name):
                    raise missing_param(name)
            order = self.orders.amend(uid, order_id, str(item["currency_pair"]), item)
        except GateError as error:
            return {"order_id": order_id, "succeeded": False, "label": error.label, "message": error.text or ""}
        return self._shaped(order, item.get("action_mode"))


def check_batch(items: list[dict[str, Any]]) -> None:
    """Refuse a batch as a whole: too many pairs, too many orders of one, or accounts that differ."""
    pairs = Counter(str(item.get("currency_pair", "")) for item in items)
    if len(pairs) > PAIRS_MAX or max(pairs.values()) > PAIR_ORDERS_MAX:
        raise invalid_value(f"At most {PAIRS_MAX} currency pairs and {PAIR_ORDERS_MAX} orders of each are allowed")
    accounts = {str(item.get("account") or "") for item in items}
    if len(accounts) > 1:
        raise bad_value("account", ", ".join(sorted(accounts)))
