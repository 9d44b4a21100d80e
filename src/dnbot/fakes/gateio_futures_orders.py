"""Perpetual orders in signed contracts: place, amend, cancel, look up. Shared by REST and the WebSocket API.

Source: Gate API v4 docs, "Futures: Create a futures order", "Cancel a single order", "Get a single order",
"List futures orders"; refusals carry their text under `detail` where the docs show it.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal
from typing import Any

import attrs

from . import gateio_errors as errors
from . import gateio_futures_shapes as shapes
from .gateio_context import GateContext
from .gateio_errors import GateError, invalid_argument
from .gateio_futures_request import read_order
from .gateio_http import Call, Reply, as_decimal, page
from .instruments import Instrument
from .records import GATE_FUTURES, OrderState, Refusal, RefusalKind, Side

SIDES: dict[str, Side] = {"bid": "buy", "ask": "sell"}


def refused(refusal: Refusal) -> GateError:
    """Gate's wording of a refusal by the exchange core (labels: Gate API v4 docs, "Error Handling")."""
    kind, detail = refusal.kind, refusal.detail
    match kind:
        case RefusalKind.MARGIN | RefusalKind.BALANCE:
            return GateError(400, "INSUFFICIENT_AVAILABLE", "insufficient available balance")
        case RefusalKind.MIN_SIZE | RefusalKind.MIN_NOTIONAL:
            return GateError(400, "SIZE_TOO_SMALL", f"size is less than {detail.get('allowed')}", text_key="detail")
        case RefusalKind.MAX_SIZE | RefusalKind.MAX_NOTIONAL:
            return GateError(400, "SIZE_TOO_LARGE", f"size is more than {detail.get('allowed')}", text_key="detail")
        case RefusalKind.PRECISION:
            return invalid_argument("invalid price" if detail.get("field") == "price" else "invalid size")
        case RefusalKind.PRICE_BAND:
            text = f"order price {detail.get('was')} while mark price {detail.get('reference')} "
            text += f"and deviation-rate limit {detail.get('allowed')}"
            return GateError(400, "PRICE_TOO_DEVIATED", text, text_key="detail")
        case RefusalKind.POC_WOULD_TAKE:
            text = f"order price {detail.get('was')} while counter price {detail.get('counter')}"
            return GateError(400, "ORDER_POC_IMMEDIATE", text, text_key="detail")
        case RefusalKind.FOK_NOT_FILLED:
            return GateError(400, "ORDER_FOK", "order cannot be filled completely", text_key="detail")
        case RefusalKind.NO_COUNTER:
            return GateError(400, "CONTRACT_NO_COUNTER", "no counter", text_key="detail")
        case RefusalKind.REDUCE_ONLY:
            label = "REDUCE_EXCEEDED" if detail.get("reason") == "already being closed" else "INCREASE_POSITION"
            return GateError(400, label, detail.get("reason", "empty position"))
        case RefusalKind.RISK_LIMIT:
            return GateError(400, "RISK_LIMIT_EXCEEDED", f"risk limit {detail.get('allowed')}", text_key="detail")
        case RefusalKind.LIQUIDATION:
            return GateError(400, "LIQUIDATE_IMMEDIATELY", "liquidate immediately", text_key="detail")
        case RefusalKind.CROSS_MARGIN:
            return GateError(400, "POSITION_CROSS_MARGIN", "position is in cross margin mode", text_key="detail")
        case RefusalKind.UNKNOWN_SYMBOL:
            return errors.contract_not_found()
        case RefusalKind.SYMBOL_CLOSED:
            return GateError(400, "CONTRACT_IN_DELISTING", "contract is not tradable")
        case RefusalKind.TOO_MANY_ORDERS:
            return GateError(400, "TOO_MANY_ORDERS", "too many open orders")
        case RefusalKind.NO_CHANGE:
            return GateError(400, "NO_CHANGE", "no change")
        case RefusalKind.ORDER_NOT_FOUND | RefusalKind.ORDER_FINISHED:
            return errors.order_not_found()
        case RefusalKind.DUPLICATE_CLIENT_ID:
            return GateError(400, "REPEATED_CREATION", "order with the same text exists")
        case RefusalKind.BAD_REQUEST:
            return invalid_argument(detail.get("reason", "invalid argument"))


@attrs.define(eq=False)
class FuturesOrders:
    """Commands and look-ups of one account's perpetual orders; every method raises GateError for a refusal."""

    context: GateContext

    def shaped(self, order: OrderState, decimal_sizes: bool, action_mode: object = None) -> dict[str, Any]:
        """The reply to an order call over REST."""
        fees = self.context.exchange.fee_rates(GATE_FUTURES, order.uid)
        note = self.context.notes.of(order)
        value = shapes.rest_order(order, self.context.market_of(order), fees, decimal_sizes, note)
        return shapes.by_action_mode(value, action_mode)

    def place(self, uid: str, body: dict[str, Any], *, over_ws: bool = False) -> OrderState:
        """Accept one order, or refuse it without a trace."""
        wanted = read_order(body)
        market = self.context.contract(wanted.contract)
        if self.context.mode_of(uid) != "single":
            raise GateError(400, "POSITION_DUAL_MODE", "dual mode")
        request = wanted.request(market)
        if wanted.slip_ratio is not None and request.kind == "market":
            request = attrs.evolve(request, price=self._protection(market, request.side, wanted.slip_ratio))
        with self.context.notes.placing(GATE_FUTURES, over_ws=over_ws, iceberg=wanted.iceberg):
            outcome = self.context.exchange.place_order(GATE_FUTURES, uid, request)
        if isinstance(outcome, Refusal):
            raise refused(outcome)
        return outcome

    def _protection(self, market: Instrument, side: Side, slip_ratio: Decimal) -> Decimal:
        """The worst price of a market order that brings its own slip ratio, on a whole tick."""
        mark = self.context.exchange.mark(market.symbol).mark
        worst = mark * (1 + slip_ratio if side == "buy" else 1 - slip_ratio)
        return max(market.price_tick, (worst / market.price_tick).to_integral_value(ROUND_FLOOR) * market.price_tick)

    def find(self, uid: str, order_id: str) -> OrderState:
        """One order by id or text; ORDER_NOT_FOUND also for what Gate has forgotten by now."""
        by_text = order_id.startswith("t-")
        exchange = self.context.exchange
        order = exchange.order(GATE_FUTURES, uid, "" if by_text else order_id, client_id=order_id if by_text else "")
        if order is None or self.vanished(order) or (by_text and self._text_forgotten(order)):
            raise errors.order_not_found(f"Order with ID {order_id} not found")
        return order

    def _ended_ms_ago(self, order: OrderState) -> int:
        return -1 if order.is_open else self.context.now_ms(GATE_FUTURES) - order.finish_ms

    def _text_forgotten(self, order: OrderState) -> bool:
        """Custom ids work while the order is open and 60 s after its end."""
        return self._ended_ms_ago(order) > self.context.settings.text_lookup_futures_s * 1000

    def vanished(self, order: OrderState) -> bool:
        """An order that ended without a fill cannot be fetched at all after ten minutes."""
        return not order.filled and self._ended_ms_ago(order) > self.context.settings.zero_fill_kept_s * 1000

    def cancel(self, uid: str, order_id: str) -> OrderState:
        """Cancel one open order; an ended one answers as `gone_label` says."""
        order = self.find(uid, order_id)
        if not order.is_open:
            if self.context.settings.gone_label == "specific":
                raise GateError(400, "ORDER_FINISHED", "order finished")
            raise errors.order_not_found(f"Order with ID {order_id} not found")
        outcome = self.context.exchange.cancel_order(GATE_FUTURES, uid, order.order_id)
        if isinstance(outcome, Refusal):
            raise refused(outcome)
        return outcome

    def cancel_all(self, uid: str, contract: str, side: str, *, keep_reduce_only: bool = False) -> list[OrderState]:
        """Cancel every open order of a contract (of all when empty), of one side ("bid" or "ask") when given."""
        if side and side not in SIDES:
            raise invalid_argument("invalid side")
        symbol = self.context.contract(contract).symbol if contract else None
        exchange = self.context.exchange
        if not keep_reduce_only:
            return exchange.cancel_all(GATE_FUTURES, uid, symbol, SIDES.get(side))
        meant = [
            order
            for order in exchange.open_orders(GATE_FUTURES, uid, symbol)
            if not order.reduce_only and SIDES.get(side) in (None, order.side)
        ]
        return [self.cancel(uid, order.order_id) for order in meant]

    def amend(self, uid: str, order_id: str, body: dict[str, Any]) -> OrderState:
        """Change price or TOTAL size of an open order; the side may not flip, size within the filled part cancels."""
        order = self.find(uid, order_id)
        if not order.is_open:
            raise errors.order_not_found(f"Order with ID {order_id} not found")
        size = as_decimal(body["size"]) if body.get("size") is not None else None
        price = as_decimal(body["price"]) if body.get("price") is not None else None
        if size is None and price is None:
            raise invalid_argument("size or price is required")
        if size is not None and (size == 0 or (size > 0) != (order.side == "buy") or order.close):
            raise invalid_argument("invalid size")
        outcome = self.context.exchange.amend_order(
            GATE_FUTURES,
            uid,
            order.order_id,
            price=price,
            quantity=None if size is None else abs(size),
            amend_text=str(body.get("amend_text") or "-"),
        )
        if isinstance(outcome, Refusal):
            raise refused(outcome)
        return outcome

    def page(self, call: Call) -> Reply:
        """A page of open or finished orders as the query says, from `last_id` on; the rows are order states."""
        rows = self.listed(call.uid_text, call.params.get("contract", ""), call.required("status"))
        last_id = call.integer("last_id", 0, 0, 1 << 62)
        return page([order for order in rows if not last_id or int(order.order_id) < last_id], call)

    def listed(self, uid: str, contract: str, status: str) -> list[OrderState]:
        """Open or finished orders, newest first, without those that vanished."""
        if status not in ("open", "finished"):
            raise invalid_argument("invalid status")
        symbol = self.context.contract(contract).symbol if contract else None
        exchange = self.context.exchange
        if status == "open":
            return exchange.open_orders(GATE_FUTURES, uid, symbol)[::-1]
        ended = exchange.orders(GATE_FUTURES, uid, symbol)[::-1]
        return [order for order in ended if not order.is_open and not self.vanished(order)]
