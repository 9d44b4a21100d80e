"""Refusals of Gate: a status, a label to branch on, and a text under `message`, under `detail`, or absent.

Source: Gate API v4 docs, "Error Handling"; the gateway writes the message first, the services write the label first.
"""

from __future__ import annotations

from typing import Literal

from .gateio_json import encode

TextKey = Literal["message", "detail"]


class GateError(Exception):
    """A request Gate answers with an error body; the order of keys and the key of the text are part of the wire."""

    def __init__(
        self, status: int, label: str, text: str | None, *, text_key: TextKey = "message", text_first: bool = False
    ) -> None:
        super().__init__(f"{status} {label} {text}")
        self.status = status
        self.label = label
        self.text = text
        self.text_key = text_key
        self.text_first = text_first

    def fields(self) -> dict[str, str]:
        """The JSON object of the body, keys in wire order."""
        if self.text is None:
            return {"label": self.label}
        if self.text_first:
            return {self.text_key: self.text, "label": self.label}
        return {"label": self.label, self.text_key: self.text}

    def body(self) -> bytes:
        """The body as sent over REST."""
        return encode(self.fields())

    def ws_api_message(self) -> str:
        """How the WebSocket API wraps a refusal of an order call into one text."""
        return f"label: {self.label}, message: {self.text or ''}"


def missing_header(name: str = "Timestamp") -> GateError:
    """An auth header is absent; without any of them, Timestamp is named. An unknown path answers the same."""
    return GateError(400, "MISSING_REQUIRED_HEADER", f"Missing required header: {name}", text_first=True)


def expired(now_s: int, timestamp: str) -> GateError:
    """The Timestamp header is more than 60 s away from the venue's clock."""
    text = (
        f"gap between request Timestamp and server time exceeds 60, current_time:{now_s}, header.timestamp:{timestamp}"
    )
    return GateError(403, "REQUEST_EXPIRED", text)


def exptime_passed(now_ms: int, exptime: str) -> GateError:
    """The venue got the request after its `x-gate-exptime`; nothing was done. The label is not documented."""
    return GateError(403, "REQUEST_EXPIRED", f"request expired, x-gate-exptime:{exptime}, current_time:{now_ms}")


def invalid_key() -> GateError:
    return GateError(401, "INVALID_KEY", "Invalid key provided", text_first=True)


def invalid_signature() -> GateError:
    return GateError(401, "INVALID_SIGNATURE", "Signature mismatch")


def not_whitelisted(address: str) -> GateError:
    """The key is bound to other addresses."""
    return GateError(403, "FORBIDDEN", f"Request IP not in whitelist: {address}", text_first=True)


def read_only() -> GateError:
    """The key may look and not trade."""
    return GateError(403, "READ_ONLY", "The API key is read-only")


def invalid_currency(currency: str) -> GateError:
    return GateError(400, "INVALID_CURRENCY", f"Invalid currency {currency}")


def too_many_requests() -> GateError:
    return GateError(429, "TOO_MANY_REQUESTS", "Request Rate limit Exceeded")


def invalid_pair(pair: str) -> GateError:
    return GateError(400, "INVALID_CURRENCY_PAIR", f"Invalid currency pair {pair}")


def invalid_value(text: str) -> GateError:
    return GateError(400, "INVALID_PARAM_VALUE", text)


def missing_param(name: str) -> GateError:
    return GateError(400, "MISSING_REQUIRED_PARAM", f"Missing required parameter: {name}")


def invalid_body() -> GateError:
    return GateError(400, "INVALID_REQUEST_BODY", "Invalid request body")


def invalid_argument(detail: str) -> GateError:
    """Futures wording of a bad value: the text is under `detail`."""
    return GateError(400, "INVALID_ARGUMENT", detail, text_key="detail")


def contract_not_found() -> GateError:
    """Captured without any text key."""
    return GateError(400, "CONTRACT_NOT_FOUND", None)


def order_not_found(text: str = "Order not found") -> GateError:
    return GateError(404, "ORDER_NOT_FOUND", text)


def client_id_not_found() -> GateError:
    """A `text` id whose look-up window has passed."""
    return GateError(404, "CLIENT_ID_NOT_FOUND", "Order not found")
