"""What a client said on a connection, read from the bytes alone: HTTP/1.1 requests, then WebSocket messages, unmasked.

The judge of a simulation must not ask the bot what it sent. This reads what left, with no code of the bot.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import attrs

HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_UPGRADE = re.compile(rb"\r\nupgrade:\s*websocket", re.IGNORECASE)
_TEXT, _BINARY, _CONTINUATION = 1, 2, 0
_CREATES = ("/orders", "/order", "/batch_orders", "/batchOrders")
GATE_TEXT_PREFIX = "t-"  # Gate wants custom ids of clients to begin so: API v4 docs, `text` of an order


@attrs.frozen
class Said:
    """One message: ``verb`` is an HTTP method or ``WS``, ``target`` path and query, ``body`` the bytes after them."""

    verb: str
    target: str
    body: bytes

    @property
    def path(self) -> str:
        """The target without its query; of a message on a socket, its channel."""
        return urlsplit(self.target).path

    @property
    def creates(self) -> bool:
        """Whether this asks for an order, or for several, with a client order id or without one."""
        if self.verb == "WS":
            return b"order_place" in self.body or b"order_batch_place" in self.body
        return self.verb == "POST" and self.path.endswith(_CREATES)

    @property
    def created_id(self) -> str:
        """The client order id that this asks to create, without Gate's ``t-``; empty when it asks for no order, or for
        one without a name.
        """
        if self.verb == "POST" and self.path.endswith(("/orders", "/order")):
            return self._id_in_query() or _id_in(_object(self.body))
        if self.verb == "WS" and b"order_place" in self.body:
            payload = _object(self.body).get("payload")
            return _id_in(payload.get("req_param")) if isinstance(payload, dict) else ""
        return ""

    @property
    def created_ids(self) -> tuple[str, ...]:
        """``created_id`` of each order that this asks for, one or a batch; empty texts for those without a name."""
        if not self.creates:
            return ()
        batch = self._batch()
        return (self.created_id,) if batch is None else tuple(_id_in(order) for order in batch)

    @property
    def cancels(self) -> bool:
        """Whether this asks for the end of one or all orders."""
        return self.verb == "DELETE" and "/order" in self.path

    def _batch(self) -> list[object] | None:
        """The orders of a batch, of which one that cannot be read has none; None for a single order."""
        if self.verb == "WS":
            payload = _object(self.body).get("payload")
            asked = payload.get("req_param") if isinstance(payload, dict) else None
            return asked if isinstance(asked, list) else [] if b"order_batch_place" in self.body else None
        if self.path.endswith("/batchOrders"):
            query = parse_qs(urlsplit(self.target).query) | parse_qs(self.body.decode("utf-8", "replace"))
            return _list(query.get("batchOrders", [""])[0])
        return _list(self.body) if self.path.endswith("/batch_orders") else None

    def _id_in_query(self) -> str:
        query = parse_qs(urlsplit(self.target).query)
        body = parse_qs(self.body.decode("ascii", "replace")) if b"newClientOrderId=" in self.body else {}
        return next(iter(query.get("newClientOrderId") or body.get("newClientOrderId") or [""]))


@attrs.define
class WireReader:
    """Splits one connection's outgoing bytes into messages. A piece that is not whole yet waits for its rest."""

    _held: bytearray = attrs.field(factory=bytearray)
    _on_socket: bool = False
    _parts: bytearray = attrs.field(factory=bytearray)

    def read(self, data: bytes) -> Iterator[Said]:
        """Take what was sent; yields the messages that it completes."""
        self._held += data
        while (said := self._frame() if self._on_socket else self._request()) is not None:
            if said.verb:
                yield said

    def _request(self) -> Said | None:
        end = self._held.find(HEAD_END)
        if end < 0:
            return None
        head = bytes(self._held[:end])
        length = _LENGTH.search(head)
        whole = end + len(HEAD_END) + (int(length[1]) if length else 0)
        if len(self._held) < whole:
            return None
        verb, target = head.split(b" ", 2)[:2]
        body = bytes(self._held[end + len(HEAD_END) : whole])
        del self._held[:whole]
        self._on_socket = _UPGRADE.search(head) is not None
        return Said(verb.decode("ascii", "replace"), target.decode("ascii", "replace"), body)

    def _frame(self) -> Said | None:
        """The next frame (RFC 6455 section 5.2); control frames and unfinished messages give one without a verb."""
        held = self._held
        if len(held) < 2:
            return None
        final, opcode, size, at = bool(held[0] & 0x80), held[0] & 0x0F, held[1] & 0x7F, 2
        if size >= 126:
            wide = 2 if size == 126 else 8
            if len(held) < at + wide:
                return None
            size, at = int.from_bytes(held[at : at + wide], "big"), at + wide
        key = bytes(held[at : at + 4]) if held[1] & 0x80 else b"\0\0\0\0"
        at += 4 if held[1] & 0x80 else 0
        if len(held) < at + size:
            return None
        payload = unmasked(bytes(held[at : at + size]), key)
        del held[: at + size]
        if opcode not in (_TEXT, _BINARY, _CONTINUATION):
            return Said("", "", b"")
        self._parts += payload
        if not final:
            return Said("", "", b"")
        whole, self._parts = bytes(self._parts), bytearray()
        return Said("WS", "", whole)


def unmasked(payload: bytes, key: bytes) -> bytes:
    """The payload of a frame without its mask; masking again gives it back."""
    size = len(payload)
    whole = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(whole, "big")).to_bytes(size, "big")


def _object(body: bytes) -> dict[str, object]:
    found = _json(body)
    return found if isinstance(found, dict) else {}


def _list(text: bytes | str) -> list[object]:
    found = _json(text)
    return found if isinstance(found, list) else []


def _json(text: bytes | str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _id_in(order: object) -> str:
    """By Gate's name, or by the one of an order in a batch of MEXC's."""
    fields = order if isinstance(order, dict) else {}
    return str(fields.get("text") or fields.get("newClientOrderId") or "").removeprefix(GATE_TEXT_PREFIX)
