"""Clients of every public book channel, written from the exchanges' procedures alone.

Sources: Gate API v4 spot and futures WS docs, "Local order book" (order_book_update), "Order Book V2" (obu) and the
channels order_book and book_ticker; MEXC spot v3 docs, "How to properly maintain a local copy of the order book", limit
depth, increase depth, book tickers. Nothing here knows the fakes or the bot. A client takes decoded frames; it says
through `wants_snapshot` that it needs a REST book, and counts the gaps that it noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import attrs

Side = dict[Decimal, Decimal]
Levels = list[tuple[Decimal, Decimal]]
ZERO = Decimal(0)


def pairs(rows: Iterable[Any]) -> Levels:
    """Levels as decimals, from `["p", "s"]` or `{"p": .., "s": ..}`."""
    found = []
    for row in rows:
        price, size = (row["p"], row["s"]) if isinstance(row, dict) else row
        found.append((Decimal(str(price)), Decimal(str(size))))
    return found


@attrs.define(eq=False)
class BookClient:
    """A book and how far it is: `last` is the newest id it contains, -1 while it has none."""

    depth: int
    bids: Side = attrs.field(factory=dict)
    asks: Side = attrs.field(factory=dict)
    last: int = -1
    gaps: int = 0
    wants_snapshot: bool = False
    told: Callable[[BookClient], None] | None = None
    """Called whenever the book has just come to a new id."""

    @property
    def synced(self) -> bool:
        """Whether the book can be used."""
        return self.last >= 0

    def top(self, count: int = 0) -> tuple[Levels, Levels]:
        """The first levels, best first: as many as the channel promises."""
        count = count or self.depth
        return sorted(self.bids.items(), reverse=True)[:count], sorted(self.asks.items())[:count]

    def replace(self, last: int, bids: Levels, asks: Levels) -> None:
        """A whole book."""
        self.bids, self.asks = dict(bids), dict(asks)
        self.reached(last)

    def change(self, last: int, bids: Levels, asks: Levels) -> None:
        """Absolute sizes; zero deletes, and deleting what is unknown is no error."""
        for side, levels in ((self.bids, bids), (self.asks, asks)):
            for price, size in levels:
                if size:
                    side[price] = size
                else:
                    side.pop(price, None)
        self.reached(last)

    def reached(self, last: int) -> None:
        """The book is at that id now."""
        self.last = last
        if self.told is not None:
            self.told(self)

    def lost(self) -> None:
        """A frame is missing: what is held is worth nothing."""
        self.gaps += 1
        self.last = -1


@attrs.define(eq=False)
class Sequenced(BookClient):
    """Frames with a first and a last id, joined to a REST snapshot (Gate order_book_update, MEXC aggre.depth)."""

    waiting: list[tuple[int, int, Levels, Levels]] = attrs.field(factory=list)
    too_old: int = 0
    wants_snapshot: bool = True

    def frame(self, first: int, last: int, bids: Levels, asks: Levels) -> None:
        """The next frame: kept until there is a snapshot, else applied when it follows on."""
        if self.wants_snapshot:
            self.waiting.append((first, last, bids, asks))
        elif last > self.last:
            if first > self.last + 1:
                self.lost()
                self.wants_snapshot, self.waiting = True, [(first, last, bids, asks)]
            else:
                self.change(last, bids, asks)

    def snapshot(self, base: int, bids: Levels, asks: Levels) -> None:
        """Join a REST book; when it is older than what was kept, it is refused and another one is wanted."""
        useful = [frame for frame in self.waiting if frame[1] > base]
        if useful and useful[0][0] > base + 1:
            self.too_old += 1
            return
        self.waiting, self.wants_snapshot = [], False
        self.replace(base, bids, asks)
        for frame in useful:
            self.frame(*frame)

    def whole(self, last: int, bids: Levels, asks: Levels) -> None:
        """A frame that says it is the whole book."""
        if last > self.last:
            self.waiting, self.wants_snapshot = [], False
            self.replace(last, bids, asks)


@attrs.define(eq=False)
class GateUpdates(Sequenced):
    """`spot.order_book_update` and `futures.order_book_update`."""

    def feed(self, event: str, result: Any) -> None:
        """One update frame."""
        bids, asks = pairs(result["b"]), pairs(result["a"])
        if result.get("full"):
            self.whole(result["u"], bids, asks)
        else:
            self.frame(result["U"], result["u"], bids, asks)


@attrs.define(eq=False)
class GateObu(BookClient):
    """`spot.obu` and `futures.obu`: starts at a full frame of the stream; after a gap another one is asked for."""

    wants_resubscription: bool = False

    def feed(self, event: str, result: Any) -> None:
        """One frame; `b` and `a` are absent when that side did not change."""
        bids, asks = pairs(result.get("b", [])), pairs(result.get("a", []))
        if result.get("full"):
            self.wants_resubscription = False
            self.replace(result["u"], bids, asks)
        elif self.synced:
            if result["U"] == self.last + 1:
                self.change(result["u"], bids, asks)
            else:
                self.lost()
                self.wants_resubscription = True


@attrs.define(eq=False)
class GateWhole(BookClient):
    """`spot.order_book`: every frame is a whole book."""

    def feed(self, event: str, result: Any) -> None:
        """One frame."""
        self.replace(result["lastUpdateId"], pairs(result["bids"]), pairs(result["asks"]))


@attrs.define(eq=False)
class GateLegacy(BookClient):
    """`futures.order_book`: event `all` is a whole book; event `update` has single levels, asks with negative sizes."""

    def feed(self, event: str, result: Any) -> None:
        """One frame."""
        if event == "all":
            self.replace(result["id"], pairs(result["bids"]), pairs(result["asks"]))
            return
        for row in result:
            (price, size) = pairs([row])[0]
            side = self.asks if size < 0 else self.bids
            for other in (self.bids, self.asks):
                other.pop(price, None)
            if size:
                side[price] = abs(size)
            self.last = row["id"]


@attrs.define(eq=False)
class GateTicker(BookClient):
    """`spot.book_ticker` and `futures.book_ticker`: the best level of each side; an empty side is "" or zero."""

    def feed(self, event: str, result: Any) -> None:
        """One frame."""
        sides = [pairs([[result[p], result[s]]]) if result[p] else [] for p, s in (("b", "B"), ("a", "A"))]
        self.replace(result["u"], *sides)


# -- MEXC: protobuf, read without any schema


def fields(message: bytes) -> dict[int, list[Any]]:
    """The fields of a protobuf message by number: integers, or bytes for everything with a length."""
    found: dict[int, list[Any]] = {}
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        value: Any
        if key & 7 == 0:
            value, at = _varint(message, at)
        elif key & 7 == 2:
            size, at = _varint(message, at)
            value, at = message[at : at + size], at + size
        else:
            raise ValueError(f"wire type {key & 7}")
        found.setdefault(key >> 3, []).append(value)
    return found


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _text(found: dict[int, list[Any]], number: int) -> str:
    return found[number][-1].decode() if number in found else ""


def _items(found: dict[int, list[Any]], number: int) -> Levels:
    rows = [fields(item) for item in found.get(number, [])]
    return [(Decimal(_text(row, 1)), Decimal(_text(row, 2))) for row in rows]


def channel_of(frame: bytes) -> str:
    """The channel that a push names."""
    return _text(fields(frame), 1)


@attrs.define(eq=False)
class MexcDepth(Sequenced):
    """`aggre.depth`: versions are text; a wrapper without a body is skipped."""

    def feed(self, frame: bytes) -> None:
        """One push."""
        wrapper = fields(frame)
        if 313 in wrapper:
            body = fields(wrapper[313][-1])
            self.frame(int(_text(body, 4)), int(_text(body, 5)), _items(body, 2), _items(body, 1))


@attrs.define(eq=False)
class MexcIncrease(Sequenced):
    """`increase.depth.batch`: a row of increments of one version each."""

    def feed(self, frame: bytes) -> None:
        """One push."""
        for item in fields(fields(frame)[312][-1])[1]:
            body = fields(item)
            version = int(_text(body, 4))
            self.frame(version, version, _items(body, 2), _items(body, 1))


@attrs.define(eq=False)
class MexcWhole(BookClient):
    """`limit.depth`: every frame is the whole top of the book."""

    def feed(self, frame: bytes) -> None:
        """One push."""
        body = fields(fields(frame)[303][-1])
        self.replace(int(_text(body, 4)), _items(body, 2), _items(body, 1))


@attrs.define(eq=False)
class MexcTicker(BookClient):
    """`aggre.bookTicker` and `bookTicker.batch`: best levels, without a version unless the venue sends one."""

    def feed(self, frame: bytes) -> None:
        """One push; of a batch every item, in order."""
        wrapper = fields(frame)
        items = [wrapper[315][-1]] if 315 in wrapper else fields(wrapper[311][-1])[1]
        for item in items:
            best = fields(item)
            sides = []
            for number in (1, 3):
                price = _text(best, number)
                sides.append([(Decimal(price), Decimal(_text(best, number + 1)))] if price else [])
            self.replace(0, *sides)
