"""Spot orders: place, amend, cancel, look up. Shared by REST and the WebSocket API.

Source: Gate API v4 docs, "Spot: Create an order", "Cancel a single order", "List orders", "Get a single order".
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import attrs

from . import gateio_errors as errors
from . import gateio_spot_shapes as shapes
from .gateio_context import GateContext
from .gateio_errors import GateError
from .gateio_http import Call, Reply, as_decimal, numbered_page
from .records import GATE_SPOT, OrderRequest, OrderState, Refusal, RefusalKind, Side

TEXT = re.compile(r"t-[0-9A-Za-z_.\-]{1,28}")
TIMES_IN_FORCE = ("gtc", "ioc", "poc", "fok")


def bad_value(name: str, value: Any) -> GateError:
    return errors.invalid_value(f"Invalid parameter `{name}` with value: {value}")


def refused(refusal: Refusal) -> GateError:
    """Gate's wording of a refusal by the exchange core (labels: Gate API v4 docs, "Error Handling")."""
    kind, detail = refusal.kind, refusal.detail
    size = f"Your order size {detail.get('was')} {detail.get('asset', '')}"
    match kind:
        case RefusalKind.BALANCE | RefusalKind.MARGIN:
            return GateError(400, "BALANCE_NOT_ENOUGH", "Not enough balance")
        case RefusalKind.MIN_NOTIONAL | RefusalKind.MIN_SIZE:
            asset = detail.get("asset", "")
            return errors.invalid_value(f"{size} is too small. The minimum is {detail.get('allowed')} {asset}")
        case RefusalKind.MAX_NOTIONAL | RefusalKind.MAX_SIZE:
            return GateError(400, "AMOUNT_TOO_MUCH", f"{size} is too large. The maximum is {detail.get('allowed')}")
        case RefusalKind.PRECISION:
            return GateError(400, "INVALID_PRECISION", "Invalid price or amount precision")
        case RefusalKind.POC_WOULD_TAKE:
            text = "Order would match and take immediately so its cancelled"
            return GateError(400, "POC_FILL_IMMEDIATELY", text)
        case RefusalKind.FOK_NOT_FILLED:
            return GateError(400, "FOK_NOT_FILL", "Order cannot be filled completely")
        case RefusalKind.NO_COUNTER:
            return GateError(400, "ORDER_BOOK_NOT_FOUND", "Order book not found")
        case RefusalKind.TOO_MANY_ORDERS:
            return GateError(400, "TOO_MANY_ORDERS", "Too many open orders")
        case RefusalKind.UNKNOWN_SYMBOL | RefusalKind.SYMBOL_CLOSED:
            return errors.invalid_pair(detail.get("symbol", ""))
        case RefusalKind.DUPLICATE_CLIENT_ID:
            return GateError(400, "REPEATED_CREATION", "Order with the same text exists")
        case RefusalKind.NO_CHANGE:
            return GateError(400, "NO_CHANGE", "No change is made")
        case RefusalKind.ORDER_NOT_FOUND | RefusalKind.ORDER_FINISHED:
            return errors.order_not_found()
        case _:
            return errors.invalid_value(detail.get("reason", f"Invalid order: {kind.value}"))


@attrs.define(eq=False)
class SpotOrders:
    """Commands and look-ups of one account's spot orders; every method raises GateError for a refusal."""

    context: GateContext

    def shaped(self, order: OrderState) -> dict[str, Any]:
        """The whole order as REST shows it."""
        note = self.context.notes.of(order)
        return shapes.rest_order(order, self.context.market_of(order), self.context.spot_account, note)

    def place(self, uid: str, body: dict[str, Any], *, over_ws: bool = False) -> OrderState:
        """Accept one order, or refuse it without a trace."""
        request = self._request(body)
        iceberg = _iceberg(body)
        check_action_mode(body.get("action_mode"))
        with self.context.notes.placing(GATE_SPOT, over_ws=over_ws, iceberg=iceberg):
            outcome = self.context.exchange.place_order(GATE_SPOT, uid, request)
        if isinstance(outcome, Refusal):
            raise refused(outcome)
        return outcome

    def _request(self, body: dict[str, Any]) -> OrderRequest:
        market = self.context.pair(_text(body, "currency_pair"))
        self._check_account(body)
        side, kind = _text(body, "side"), str(body.get("type") or "limit")
        tif = str(body.get("time_in_force") or "gtc")
        if side not in ("buy", "sell"):
            raise bad_value("side", side)
        for name in ("auto_borrow", "auto_repay"):
            if not isinstance(body.get(name) or False, bool):
                raise bad_value(name, body[name])
        if kind not in ("limit", "market"):
            raise bad_value("type", kind)
        if tif not in TIMES_IN_FORCE or (kind == "market" and tif not in ("ioc", "fok")):
            raise bad_value("time_in_force", tif)
        if body.get("stp_act") not in (None, "", "-"):
            raise bad_value("stp_act", body["stp_act"])  # only users of an STP group may set it
        amount = _positive(body, "amount")
        price = _positive(body, "price") if kind == "limit" else None
        in_quote = kind == "market" and side == "buy"
        return OrderRequest(
            symbol=market.symbol,
            side="buy" if side == "buy" else "sell",
            kind="market" if kind == "market" else "limit",
            tif=tif,  # type: ignore[arg-type]  # one of TIMES_IN_FORCE, checked above
            quantity=None if in_quote else amount,
            price=price,
            quote_amount=amount if in_quote else None,
            client_id=client_text(body),
        )

    def _check_account(self, body: dict[str, Any]) -> None:
        account = body.get("account")
        if account not in (None, "", "spot", self.context.spot_account):
            raise bad_value("account", account)

    def find(self, uid: str, order_id: str, pair: str) -> OrderState:
        """One order by id, or by text within its look-up window."""
        market = self.context.pair(pair)
        if not order_id.startswith("t-"):
            order = self.context.exchange.order(GATE_SPOT, uid, order_id)
            if order is None or order.symbol != market.symbol:
                raise errors.order_not_found(f"Order with ID {order_id} not found")
            return order
        order = self.context.exchange.order(GATE_SPOT, uid, client_id=order_id)
        if order is None or order.symbol != market.symbol or self._forgotten(order):
            raise errors.client_id_not_found()
        return order

    def _forgotten(self, order: OrderState) -> bool:
        """Custom ids are promised only while the order is open."""
        if order.is_open:
            return False
        age_ms = self.context.now_ms(GATE_SPOT) - order.finish_ms
        return age_ms > self.context.settings.text_lookup_spot_s * 1000 or not self.context.settings.text_lookup_spot_s

    def cancel(self, uid: str, order_id: str, pair: str) -> OrderState:
        """Cancel one open order; an ended one answers as `gone_label` says."""
        order = self.find(uid, order_id, pair)
        if not order.is_open:
            raise self._gone(order)
        outcome = self.context.exchange.cancel_order(GATE_SPOT, uid, order.order_id)
        if isinstance(outcome, Refusal):
            raise refused(outcome)
        return outcome

    def _gone(self, order: OrderState) -> GateError:
        if self.context.settings.gone_label == "not_found":
            return errors.order_not_found()
        if order.status == "closed":
            return GateError(400, "ORDER_CLOSED", "Order closed")
        return GateError(400, "ORDER_CANCELLED", "Order cancelled")

    def cancel_all(self, uid: str, pair: str, side: str) -> list[OrderState]:
        """Cancel every open order of a pair (all pairs when empty), of one side when given."""
        symbol = self.context.pair(pair).symbol if pair else None
        return self.context.exchange.cancel_all(GATE_SPOT, uid, symbol, _optional_side(side))

    def amend(self, uid: str, order_id: str, pair: str, body: dict[str, Any]) -> OrderState:
        """Change price or amount of an open order."""
        order = self.find(uid, order_id, pair)
        if not order.is_open:
            raise self._gone(order)
        price = _positive(body, "price") if body.get("price") is not None else None
        amount = _positive(body, "amount") if body.get("amount") is not None else None
        if price is None and amount is None:
            raise errors.missing_param("amount or price")
        outcome = self.context.exchange.amend_order(
            GATE_SPOT, uid, order.order_id, price=price, quantity=amount, amend_text=str(body.get("amend_text") or "-")
        )
        if isinstance(outcome, Refusal):
            raise refused(outcome)
        return outcome

    def open(self, uid: str, pair: str) -> list[OrderState]:
        """Open orders, newest first."""
        symbol = self.context.pair(pair).symbol if pair else None
        return self.context.exchange.open_orders(GATE_SPOT, uid, symbol)[::-1]

    def finished(self, uid: str, pair: str, side: str, within_ms: range) -> list[OrderState]:
        """Ended orders whose END lies in the given time, newest first."""
        symbol = self.context.pair(pair).symbol if pair else None
        wanted = _optional_side(side)
        return [
            order
            for order in self.context.exchange.orders(GATE_SPOT, uid, symbol)[::-1]
            if not order.is_open and wanted in (None, order.side) and order.finish_ms in within_ms
        ]

    def listed(self, call: Call) -> Reply:
        """A page of open orders of one pair, or of finished orders, as the query says; the rows are order states."""
        status = call.required("status")
        if status not in ("open", "finished"):
            raise bad_value("status", status)
        account = call.params.get("account", "")
        if account not in ("", "spot", "unified", "margin", "cross_margin"):
            raise bad_value("account", account)
        if account not in ("", "spot", self.context.spot_account):
            return numbered_page([], call)  # wallets in which nothing is ordered here
        if status == "open":
            return numbered_page(self.open(call.uid_text, call.required("currency_pair")), call, limit_max=100)
        pair, side = call.params.get("currency_pair", ""), call.params.get("side", "")
        return numbered_page(self.finished(call.uid_text, pair, side, call.range_ms()), call)


def check_action_mode(mode: object) -> None:
    """`action_mode` of an order call: ACK, RESULT or FULL."""
    if mode not in (None, "", "ACK", "RESULT", "FULL"):
        raise bad_value("action_mode", mode)


def _iceberg(body: dict[str, Any]) -> Decimal:
    """The displayed amount of an iceberg order, 0 for an ordinary one; hiding everything is not possible."""
    value = body.get("iceberg")
    amount = as_decimal(value) if value not in (None, "") else Decimal(0)
    if amount is None or amount < 0:
        raise bad_value("iceberg", value)
    return amount


def _optional_side(side: str) -> Side | None:
    if side not in ("", "buy", "sell"):
        raise bad_value("side", side)
    return "buy" if side == "buy" else "sell" if side == "sell" else None


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if value in (None, ""):
        raise errors.missing_param(name)
    if not isinstance(value, str):
        raise bad_value(name, value)
    return value


def client_text(body: dict[str, Any]) -> str:
    """The custom id: `t-` and at most 28 of 0-9 A-Z a-z _ - . ; empty when the client gave none."""
    text = body.get("text")
    if text in (None, ""):
        return ""
    if not isinstance(text, str) or TEXT.fullmatch(text) is None:
        raise bad_value("text", text)
    return text


def _positive(body: dict[str, Any], name: str) -> Decimal:
    if body.get(name) in (None, ""):
        raise errors.missing_param(name)
    amount = as_decimal(body[name])
    if amount is None or amount <= 0:
        raise bad_value(name, body[name])
    return amount
