"""Misbehaviour of the MEXC fake that a test or a drill can switch on. Counters go down by one per use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

from .records import BookSnapshot

__all__ = ["HttpFault", "MexcFaults"]


@attrs.define
class HttpFault:
    """The next `left` requests to a path are answered like this; `handled` ones take effect first all the same."""

    method: str
    path: str
    status: int
    body: bytes = b""
    left: int = 1
    handled: bool = False
    headers: Mapping[str, str] = attrs.field(factory=dict)


@attrs.define
class MexcFaults:
    """All switches; the defaults are a venue that behaves as documented."""

    http: list[HttpFault] = attrs.field(factory=list)
    replies_lost: dict[tuple[str, str], int] = attrs.field(factory=dict)
    """(method, path) -> how many requests take effect while their connection dies without a reply."""
    order_unseen_ms: int = 0
    """GET order, openOrders and allOrders do not know an order younger than this: -2013 right after POST."""
    trades_lag_ms: int = 0
    """myTrades does not show fills younger than this."""
    private_delay_ms: int = 0
    """Private frames leave this much later."""
    first_frame: Literal["order", "deal"] = "order"
    """Which of an order frame and a deal frame of one fill leaves first; recorded: the order frame."""
    frames_repeated: int = 0
    """How many of the next private frames are sent twice."""
    frames_lost: int = 0
    """How many of the next private frames are never sent."""
    cancels_say_filled: int = 0
    """The next cancels of an open order are refused with -2011 "Order filled." while the fill is still under way."""
    depth_frames_lost: int = 0
    """How many of the next aggre.depth frames are dropped: a version gap."""
    depth_frames_empty: int = 0
    """How many body-less depth frames are sent before the next real one."""
    stale_books: dict[str, list[BookSnapshot]] = attrs.field(factory=dict)
    """Neutral symbol -> snapshots that the next depth requests get instead of the present book."""
    public_mute: bool = False
    """Sockets answer PING and deliver no public data."""

    def take_http(self, method: str, path: str) -> HttpFault | None:
        """The override for this request, if one is armed."""
        for fault in self.http:
            if fault.left > 0 and (fault.method, fault.path) == (method, path):
                fault.left -= 1
                return fault
        return None

    def take_lost_reply(self, method: str, path: str) -> bool:
        """Whether this request's reply is lost."""
        left = self.replies_lost.get((method, path), 0)
        if left > 0:
            self.replies_lost[method, path] = left - 1
        return left > 0

    def take_stale_book(self, symbol: str) -> BookSnapshot | None:
        """An old book to answer with, if one is armed."""
        books = self.stale_books.get(symbol)
        return books.pop(0) if books else None

    def take(self, name: str) -> bool:
        """Use one of a counted fault; False when none is left."""
        left: int = getattr(self, name)
        if left > 0:
            setattr(self, name, left - 1)
        return left > 0
