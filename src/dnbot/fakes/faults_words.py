"""The venues' own words for what a fault makes them say. Source: Gate API v4 "Error Handling", MEXC v3 "Error Code"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from . import gateio_errors
from .faults import FaultRefused
from .gateio_errors import GateError
from .mexc_errors import MexcRefusal, refusals
from .records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, Venue
from .web import HttpResponse

Refused = GateError | MexcRefusal
REASONS: Final[Mapping[str, Mapping[Venue, Callable[[], Refused]]]] = {
    "balance": {
        GATE_SPOT: lambda: GateError(400, "BALANCE_NOT_ENOUGH", "Not enough balance"),
        GATE_FUTURES: lambda: GateError(400, "INSUFFICIENT_AVAILABLE", "insufficient available balance"),
        MEXC_SPOT: refusals.insufficient,
    },
    "size": {
        GATE_SPOT: lambda: gateio_errors.invalid_value("Your order size is too small. The minimum is 3 USDT"),
        GATE_FUTURES: lambda: GateError(400, "SIZE_TOO_SMALL", "size is less than 1", text_key="detail"),
        MEXC_SPOT: lambda: refusals.too_small("1", "USDT"),
    },
    "price": {
        GATE_SPOT: lambda: GateError(400, "PRICE_TOO_DEVIATED", "order price is too far from the market"),
        GATE_FUTURES: lambda: GateError(400, "PRICE_TOO_DEVIATED", "price is too far from mark", text_key="detail"),
        MEXC_SPOT: refusals.price_band,
    },
    "suspended": {
        GATE_SPOT: lambda: GateError(400, "TRADE_RESTRICTED", "trading is restricted"),
        GATE_FUTURES: lambda: GateError(400, "CONTRACT_IN_DELISTING", "contract is not tradable"),
        MEXC_SPOT: refusals.suspended,
    },
    "post_only": {
        GATE_SPOT: lambda: GateError(400, "POC_FILL_IMMEDIATELY", "order would match immediately"),
        GATE_FUTURES: lambda: GateError(400, "ORDER_POC_IMMEDIATE", "order would match", text_key="detail"),
        MEXC_SPOT: refusals.order_type,
    },
    "risk_control": {
        GATE_SPOT: lambda: GateError(403, "FORBIDDEN", "the account is under review"),
        GATE_FUTURES: lambda: GateError(403, "FORBIDDEN", "the account is under review"),
        MEXC_SPOT: lambda: MexcRefusal(10098, "account is under risk control", message_first=True),
    },
}


def refusal(venue: Venue, reason: str) -> HttpResponse:
    """A definite no to an order. Raises FaultRefused for a reason that is not in REASONS."""
    if reason not in REASONS:
        raise FaultRefused(f"reason is one of {', '.join(REASONS)}, not {reason!r}")
    return said(REASONS[reason][venue]())


def order_gone(venue: Venue) -> HttpResponse:
    """What a cancel of an order answers that is not open any more; MEXC says that it was filled."""
    if venue == MEXC_SPOT:
        return said(refusals.cancel_unknown("Order filled."))
    return said(gateio_errors.order_not_found())


def order_unknown(venue: Venue) -> HttpResponse:
    """What asking for an order answers that the venue does not know."""
    return said(refusals.no_such_order() if venue == MEXC_SPOT else gateio_errors.order_not_found())


def too_many(venue: Venue, status: int, retry_after_s: int) -> HttpResponse:
    """A rate limit; MEXC says how long to wait, and bans with 418."""
    if venue != MEXC_SPOT:
        refused = gateio_errors.too_many_requests()
        return said(GateError(status, refused.label, refused.text))
    return said(refusals.banned(retry_after_s) if status == 418 else refusals.too_many_requests(retry_after_s))


def time_refused(venue: Venue, now_s: int) -> HttpResponse:
    """The signature's time is said to be wrong."""
    return said(refusals.request_time() if venue == MEXC_SPOT else gateio_errors.expired(now_s, str(now_s - 61)))


def forbidden(venue: Venue) -> HttpResponse:
    """The key may not do that (any more)."""
    if venue == MEXC_SPOT:
        return said(refusals.permission())
    return said(GateError(403, "FORBIDDEN", "Request forbidden: no permission", text_first=True))


def key_refused() -> HttpResponse:
    """MEXC does not know the listen key."""
    return said(refusals.listen_key())


def server_error(venue: Venue, status: int) -> HttpResponse:
    """Something broke behind the gateway: Gate says it in JSON, MEXC says nothing."""
    if venue == MEXC_SPOT:
        return HttpResponse(status, b"")
    return said(GateError(status, "SERVER_ERROR", "Internal server error"))


def said(refused: Refused) -> HttpResponse:
    """The reply that carries a refusal."""
    headers = [("content-type", "application/json")]
    retry_s = refused.retry_after_s if isinstance(refused, MexcRefusal) else None
    if retry_s is not None:
        headers.append(("retry-after", str(retry_s)))
    return HttpResponse(refused.status, refused.body(), tuple(headers))
