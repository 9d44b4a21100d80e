"""What spot and perpetual orders share: the client id inside `text`, the bodies of creates, and the bare receipt."""

from __future__ import annotations

import re
from decimal import Decimal

from dnbot.domain.errors import InvariantBroken
from dnbot.domain.instrument import Venue
from dnbot.domain.order import OrderIntent, OrderReport, OrderStatus
from dnbot.domain.units import ZERO, Quantity, plain
from dnbot.venues.gateio.literals import Literal, epoch_ns_of, id_of
from dnbot.venues.gateio.spot_shapes import Receipt
from dnbot.venues.wire import DAY_MS

TEXT_PREFIX = "t-"
"""Gate's mark of a client's own id (docs, order field `text`)."""
_TEXT = re.compile(r"[0-9A-Za-z_.\-]{1,28}\Z", re.ASCII)
KEPT_MS = 180 * DAY_MS
"""Gate keeps orders and trades for six months."""
GT = "GT"
POINT = "POINT"
"""Gate's fee points: no coin, but an asset with its own balance."""


def text_for(client_order_id: str) -> str:
    """The `text` of a create. A bad id is our own bug: Gate would drop or refuse it."""
    if not _TEXT.match(client_order_id):
        raise InvariantBroken(f"not a valid Gate order text after t-: {client_order_id!r}")
    return TEXT_PREFIX + client_order_id


def client_id_of(text: str | None) -> str:
    """The client id inside `text`; "" for orders from elsewhere (web, app, api, liquidation ...)."""
    return text[len(TEXT_PREFIX) :] if text and text.startswith(TEXT_PREFIX) else ""


def limit_price(intent: OrderIntent) -> str:
    """The order's limit price. Zero would make a perpetual IOC a market order, so it never leaves here."""
    if intent.price <= 0:
        raise InvariantBroken(f"{intent.client_order_id}: an order needs a positive limit price, not {intent.price}")
    return plain(intent.price)


def status_for(quantity: Decimal, filled: Decimal, is_over: bool) -> OrderStatus:
    """Quantities decide completion; `is_over` only tells whether the rest can still trade."""
    if quantity > 0 and filled >= quantity:
        return OrderStatus.FILLED
    return OrderStatus.CANCELLED if is_over else OrderStatus.OPEN


def filled_of(quantity: Decimal, left: Decimal) -> Decimal:
    """What has traded. Raises ValueError when more is left than was ordered."""
    if not ZERO <= left <= quantity:
        raise ValueError(f"left {left} of {quantity}")
    return quantity - left


def fee_of(fee: Decimal, coin: str, gt_fee: Decimal, point_fee: Decimal) -> tuple[Decimal, str]:
    """The amount paid and what it was paid in: GT and points replace the coin's fee.

    Raises:
        ValueError: paid in more than one asset, or in a coin that is not named.
    """
    paid = [(amount, asset) for amount, asset in ((point_fee, POINT), (gt_fee, GT), (fee, coin)) if amount]
    if len(paid) > 1:
        raise ValueError(f"a fee in more than one asset: {fee} {coin}, {gt_fee} {GT}, {point_fee} {POINT}")
    amount, asset = paid[0] if paid else (ZERO, coin)
    if not asset:
        raise ValueError("a fee whose coin is not named")
    return amount, asset


def traded_at_ns(frame_at_ms: int, *times: Literal) -> int:
    """When a trade happened, or when its frame was sent. Raises ValueError when neither is told."""
    at_ns = epoch_ns_of(*times) or frame_at_ms * 1_000_000
    if not at_ns:
        raise ValueError("a trade without a time")
    return at_ns


def check_text(receipt: Receipt, intent: OrderIntent) -> None:
    """Raises ValueError when a create's answer names another order."""
    told = client_id_of(receipt.text)
    if receipt.text and told != intent.client_order_id:
        raise ValueError(f"created {intent.client_order_id}, told about {receipt.text}")


def accepted(venue: Venue, receipt: Receipt, intent: OrderIntent) -> OrderReport:
    """The report on a create that was answered with an id alone."""
    return OrderReport(
        venue=venue,
        venue_order_id=id_of(receipt.id),
        client_order_id=intent.client_order_id,
        side=intent.side,
        price=intent.price,
        quantity=intent.quantity,
        filled=Quantity(ZERO),
        status=OrderStatus.OPEN,
    )
