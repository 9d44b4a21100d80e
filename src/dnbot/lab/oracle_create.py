"""An order as it stands on the wire, read from the bytes alone: Gate spot, Gate futures (REST and socket) and MEXC.

Sources: Gate API v4, "Create an order" and "Create a futures order"; Gate WebSocket API, `*.order_place`; MEXC spot v3,
"New Order". Written without a line of the bot's codecs.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import attrs

from dnbot.domain.instrument import Venue
from dnbot.lab.wire_reader import GATE_TEXT_PREFIX, Said

PLAIN = re.compile(r"\d{1,24}(\.\d{1,24})?\Z", re.ASCII)
MEXC_TIF = {"IMMEDIATE_OR_CANCEL": "ioc", "LIMIT": "gtc", "FILL_OR_KILL": "fok", "LIMIT_MAKER": "poc"}


@attrs.frozen
class Create:
    """A create: ``quantity`` as it stands there (contracts on the perpetual, positive), ``numbers`` its bare texts."""

    venue: Venue
    client_id: str
    symbol_name: str
    side: str
    quantity: Decimal
    price: Decimal
    tif: str
    reduce_only: bool
    numbers: tuple[str, ...]
    expires_ms: int | None
    """On the venue's clock; None where only a header tells it."""

    @property
    def are_plain(self) -> bool:
        """Whether its numbers are plain digits: no exponent, sign, NaN or empty text."""
        return all(PLAIN.match(number) for number in self.numbers)


def read_create(host_is_gate: bool, said: Said) -> Create | None:
    """The order that a message asks for; None when it cannot be read as one."""
    try:
        if not host_is_gate:
            return _mexc(dict(parse_qsl(urlsplit(said.target).query)) | _form(said.body))
        body = json.loads(said.body, parse_float=str, parse_int=str)
        if said.verb == "WS":
            return _gate_socket(body)
        return _gate(body, "/futures/" in said.path, None)
    except (ValueError, KeyError, TypeError, ArithmeticError):
        return None


def _form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode("ascii", "replace"))) if b"newClientOrderId=" in body else {}


def _gate_socket(body: Any) -> Create:
    payload = body["payload"]
    expiry = payload.get("req_header", {}).get("x-gate-exptime")
    return _gate(payload["req_param"], body["channel"].startswith("futures."), None if expiry is None else int(expiry))


def _gate(order: Any, is_perp: bool, expires_ms: int | None) -> Create:
    client_id = str(order["text"]).removeprefix(GATE_TEXT_PREFIX)
    price = str(order["price"])
    if not is_perp:
        amount = str(order["amount"])
        return Create(
            Venue.GATE_SPOT, client_id, order["currency_pair"], order["side"], _number(amount), _number(price),
            order.get("time_in_force", "gtc"), False, (amount, price), expires_ms,
        )
    size = str(order["size"])
    bare = size.removeprefix("-")
    side = "sell" if size.startswith("-") else "buy"
    return Create(
        Venue.GATE_FUTURES, client_id, order["contract"], side, _number(bare), _number(price),
        order.get("tif", "gtc"), bool(order.get("reduce_only", False)), (bare, price), expires_ms,
    )


def _mexc(order: dict[str, str]) -> Create:
    quantity, price = order["quantity"], order["price"]
    expires_ms = int(order["timestamp"]) + int(order.get("recvWindow", "5000"))
    return Create(
        Venue.MEXC_SPOT, order["newClientOrderId"], order["symbol"], order["side"].lower(), _number(quantity),
        _number(price), MEXC_TIF.get(order["type"], order["type"]), False, (quantity, price), expires_ms,
    )


def _number(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError(text)
    return number
