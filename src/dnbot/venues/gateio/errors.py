"""Gate's refusals: which labels are a definitive no, and which leave the outcome open.

The list is an allow-list. A label that is not on it, any 5xx, and any body that is not Gate's are `Unclear`: a write
may have happened. Sources: Gate API v4 docs, "Error Handling" and "label list"; WebSocket API docs, "Error".
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.units import parse_decimal
from dnbot.venues.gateio.literals import ABSENT, Literal, text_of
from dnbot.venues.wire import AskedTooOften, Refused, Reply, Trouble, Unclear

AUTHENTICATION = frozenset(
    {
        "INVALID_KEY", "INVALID_SIGNATURE", "INVALID_CREDENTIALS", "FORBIDDEN", "IP_FORBIDDEN", "READ_ONLY",
        "ACCOUNT_LOCKED", "AUTHENTICATION_FAILED",
    }
)
CLOCK = frozenset({"REQUEST_EXPIRED"})
UNKNOWN_ORDER = frozenset(
    {"ORDER_NOT_FOUND", "CLIENT_ID_NOT_FOUND", "ORDER_CLOSED", "ORDER_CANCELLED", "ORDER_FINISHED"}
)
SYMBOL_CLOSED = frozenset({"INVALID_CURRENCY_PAIR", "CONTRACT_NOT_FOUND", "CONTRACT_IN_DELISTING"})
OTHER_REFUSALS = frozenset(
    {
        # the request itself
        "INVALID_PARAM_VALUE", "MISSING_REQUIRED_PARAM", "INVALID_ARGUMENT", "INVALID_REQUEST_BODY",
        "INVALID_PROTOCOL", "BAD_REQUEST", "TOO_BIG", "MISSING_REQUIRED_HEADER", "INVALID_PRECISION",
        "AMOUNT_TOO_LITTLE", "AMOUNT_TOO_MUCH", "QUANTITY_NOT_ENOUGH", "SIZE_TOO_LARGE", "SIZE_TOO_SMALL",
        # what it names
        "INVALID_CURRENCY", "USER_NOT_FOUND", "POSITION_NOT_FOUND", "ORDER_NOT_OWNED",
        # money and limits
        "BALANCE_NOT_ENOUGH", "INSUFFICIENT_AVAILABLE", "TOO_MANY_ORDERS", "RISK_LIMIT_EXCEEDED",
        "RISK_LIMIT_TOO_HIGH", "RISK_LIMIT_TOO_LOW", "LEVERAGE_TOO_HIGH", "LEVERAGE_TOO_LOW", "PRICE_TOO_DEVIATED",
        # what the book or the position does not allow; the first two: it is empty at this moment
        "CONTRACT_NO_COUNTER", "ORDER_BOOK_NOT_FOUND",
        "POC_FILL_IMMEDIATELY", "ORDER_POC_IMMEDIATE", "FOK_NOT_FILL", "ORDER_FOK", "INCREASE_POSITION",
        "REDUCE_EXCEEDED", "POSITION_EMPTY", "POSITION_IN_CLOSE", "POSITION_IN_LIQUIDATION", "LIQUIDATE_IMMEDIATELY",
        "PRICE_OVER_LIQUIDATION", "PRICE_OVER_BANKRUPT", "POSITION_DUAL_MODE", "ORDER_PENDING", "POSITION_HOLDING",
        "POSITION_CROSS_MARGIN", "CANCEL_FAIL", "NO_CHANGE",
    }
)
# REPEATED_CREATION is left out on purpose: it says that an order with this text exists, so "nothing was done" is wrong.
REFUSALS = AUTHENTICATION | CLOCK | UNKNOWN_ORDER | SYMBOL_CLOSED | OTHER_REFUSALS

POSITION_NOT_FOUND = "POSITION_NOT_FOUND"
TOO_MANY_REQUESTS = "TOO_MANY_REQUESTS"
RETRY_AFTER_S_DEFAULT = 1.0
RETRY_AFTER_S_MAX = 60.0


class ErrorBody(msgspec.Struct):
    """`label` decides; the text comes as `message`, as `detail`, or not at all, in any order."""

    label: Literal = ABSENT
    message: Literal = ABSENT
    detail: Literal = ABSENT

    @property
    def text(self) -> str:
        """What the venue says to people."""
        return text_of(self.message) or text_of(self.detail)


_error_body = msgspec.json.Decoder(ErrorBody).decode


def trouble_of(reply: Reply) -> Trouble | None:
    """None for any 2xx; otherwise what kind of no the reply is."""
    if 200 <= reply.status < 300:
        return None
    try:
        body = _error_body(reply.body)
        label, text = text_of(body.label), body.text
    except (msgspec.MsgspecError, ValueError, RecursionError):
        label, text = "", reply.body[:200].decode("utf-8", "replace")
    return classify(reply.status, label, text, _retry_after_s(reply.headers))


def classify(status: int, label: str, text: str, retry_after_s: float = RETRY_AFTER_S_DEFAULT) -> Trouble:
    """What an HTTP or socket status with a label means; shared by REST and the order socket."""
    name = label.upper()  # one label of the documented list has a lower-case letter in it
    text = unwrapped(text)
    if status == 429 or (name == TOO_MANY_REQUESTS and status < 500):
        return AskedTooOften(retry_after_s, text or label)
    if not 400 <= status < 500 or name not in REFUSALS:
        return Unclear(f"status {status} {label} {text}".strip())
    return Refused(
        code=label,
        text=text,
        authentication=name in AUTHENTICATION,
        clock=name in CLOCK,
        unknown_order=name in UNKNOWN_ORDER,
        symbol_closed=name in SYMBOL_CLOSED,
    )


def unwrapped(text: str) -> str:
    """The plain message: order calls over the socket answer `label: X, message: Y`, others JSON inside a string."""
    text = text.strip()
    if text.startswith("{"):
        try:
            inner = _error_body(text)
            return f"{text_of(inner.label)}: {inner.text}".strip(": ")
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return text
    if text.startswith("label: "):
        _, found, message = text.partition(", message:")
        return message.strip() if found else text
    return text


def _retry_after_s(headers: dict[str, str]) -> float:
    """Seconds until the limit is lifted by the venue's own two clocks in one reply, within sane bounds."""
    if "retry-after" in headers:
        return _bounded(headers["retry-after"], "0", 1)
    reset, sent = headers.get("x-gate-ratelimit-reset-timestamp"), headers.get("x-out-time")
    if reset is None or sent is None:
        return RETRY_AFTER_S_DEFAULT
    return _bounded(reset, sent, 1_000_000)


def _bounded(until: str, since: str, since_units_per_s: int) -> float:
    try:
        wait = parse_decimal(until) - parse_decimal(since) / Decimal(since_units_per_s)
    except ValueError:
        return RETRY_AFTER_S_DEFAULT
    return min(max(float(wait), RETRY_AFTER_S_DEFAULT), RETRY_AFTER_S_MAX)
