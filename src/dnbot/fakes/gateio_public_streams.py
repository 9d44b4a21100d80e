"""Public channels of one Gate socket: books, best prices, trades, tickers.

Source: Gate API v4 spot WS docs and futures WS docs, the channel of that name. Books are pushed in beats of 10, 20 or
100 ms; a beat that has nothing to tell sleeps until the book changes, so a quiet market costs nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

import attrs
import trio

from .alarm import sleep_until
from .gateio_books import BookStream, Increment
from .gateio_context import GateContext
from .gateio_http import contracts
from .gateio_hub import Hub, Topic
from .gateio_json import plain
from .gateio_ws_frames import update
from .instruments import Instrument
from .records import GATE_FUTURES, GATE_SPOT, BookSnapshot, LevelChange, PublicTrade, Venue

BOOK_TICKER_MS = 10
OBU_LEVELS = {50: 20, 400: 100}
TICKER_S = 1.0

Shape = Callable[[PublicTrade, Instrument, bool], Any]
Ticker = Callable[[Instrument], Any]
Levels = tuple[tuple[Decimal, Decimal], ...] | list[tuple[Decimal, Decimal]]
Kind = Literal["update", "obu", "best", "full", "all"]


@attrs.define(eq=False)
class Feed:
    """What one topic needs from one book, at its beat."""

    topic: Topic
    kind: Kind
    market: Instrument
    depth: int
    beat_ms: int
    stream: BookStream
    best: tuple[Any, ...] = ()


@attrs.define(eq=False)
class PublicStreams:
    """Feeds of one venue; a feed lives while its topic has a listener."""

    context: GateContext
    venue: Venue
    hub: Hub
    trade_shape: Shape
    ticker_shape: Ticker
    _feeds: dict[Topic, Feed] = attrs.field(factory=dict)
    _by_symbol: dict[str, list[Feed]] = attrs.field(factory=dict)
    _due: dict[int, trio.Event] = attrs.field(factory=dict)
    _whole: set[Topic] = attrs.field(factory=set)
    _changed: dict[int, dict[Feed, None]] = attrs.field(factory=dict)

    @property
    def name(self) -> str:
        return "spot" if self.venue == GATE_SPOT else "futures"

    def attach(self) -> None:
        """Begin to listen to every market of the venue."""
        for beat_ms in (BOOK_TICKER_MS, 20, 100, 1000):
            self._due[beat_ms] = trio.Event()
            self._changed[beat_ms] = {}
        for market in self.context.exchange.instruments(self.venue):
            exchange = self.context.exchange
            exchange.subscribe_levels(self.venue, market.symbol, functools.partial(self._level_changed, market.symbol))
            exchange.subscribe_trades(self.venue, market.symbol, functools.partial(self._traded, market))

    def open(self, topic: Topic, kind: Kind, market: Instrument, depth: int, beat_ms: int) -> Feed:
        """The feed of a topic, begun at the present book when it is new."""
        feed = self._feeds.get(topic)
        if feed is None:
            book = self.context.exchange.depth(self.venue, market.symbol, depth)
            stream = BookStream.starting_at(book.book_id, book.bids, book.asks, exact=kind == "obu")
            feed = self._feeds[topic] = Feed(topic, kind, market, depth, beat_ms, stream)
            self._by_symbol.setdefault(market.symbol, []).append(feed)
        return feed

    def send_whole(self, symbol: str) -> None:
        """Let the next push of every incremental channel of one market be its whole book, as may happen any time."""
        for feed in self._feeds.values():
            if feed.market.symbol == symbol and feed.kind in ("update", "obu"):
                self._whole.add(feed.topic)

    def opening(self, topic: Topic, decimal_sizes: bool) -> bytes | None:
        """The present book, for a new subscriber of a channel that always sends whole books."""
        feed = self._feeds[topic]
        book = self.context.exchange.depth(self.venue, feed.market.symbol, feed.depth)
        if feed.kind == "all":
            return update(topic[0], self.hub.now_ns(), self._all(feed, book, decimal_sizes), "all")
        return update(topic[0], self.hub.now_ns(), self._full(feed, book))

    def obu_opening(self, topic: Topic, _: bool) -> bytes | None:
        """The full frame of a new obu subscriber; nothing for a book that does not exist."""
        market, depth = self.obu_market(topic[1])
        if market is None:
            return None
        feed = self.open(topic, "obu", market, depth, OBU_LEVELS[depth])
        book_id, bids, asks = feed.stream.full()
        now_ms = self.context.now_ms(self.venue)
        result = {"t": now_ms, "full": True, "s": topic[1], "u": book_id, "b": pairs(bids), "a": pairs(asks)}
        return update(topic[0], self.hub.now_ns(), result)

    def obu_market(self, name: str) -> tuple[Instrument | None, int]:
        """Market and depth of "ob.BTC_USDT.50"; no market for anything else."""
        parts = name.split(".")
        if len(parts) != 3 or parts[0] != "ob" or parts[2] not in ("50", "400"):
            return None, 0
        return self.context.exchange.instrument_by_name(self.venue, parts[1]), int(parts[2])

    # -- time

    async def run(self) -> None:
        """Push until cancelled."""
        async with trio.open_nursery() as nursery:
            for beat_ms in self._due:
                nursery.start_soon(self._run_beat, beat_ms)
            nursery.start_soon(self._run_tickers)

    async def _run_beat(self, beat_ms: int) -> None:
        period_s = beat_ms / 1000
        while True:
            await self._due[beat_ms].wait()
            await sleep_until((trio.current_time() // period_s + 1) * period_s)
            self._due[beat_ms] = trio.Event()
            changed, self._changed[beat_ms] = self._changed[beat_ms], {}
            for feed in changed:
                self._flush(feed)

    async def _run_tickers(self) -> None:
        while True:
            await trio.sleep(TICKER_S)
            for market in self.context.exchange.instruments(self.venue):
                topic = (f"{self.name}.tickers", market.name)
                if self.hub.listens(topic):
                    self._push(topic, self.ticker_shape(market))

    def _push(self, topic: Topic, result: Any) -> None:
        self.hub.publish((topic,), lambda _: result)

    # -- what happens

    def _level_changed(self, symbol: str, change: LevelChange) -> None:
        for feed in self._by_symbol.get(symbol, ()):
            if feed.kind != "best":
                feed.stream.touch(change.side, change.price, change.quantity)
            changed = self._changed[feed.beat_ms]
            if feed not in changed:
                changed[feed] = None
                self._due[feed.beat_ms].set()

    def _traded(self, market: Instrument, trade: PublicTrade) -> None:
        topic = (f"{self.name}.trades", market.name)
        if self.hub.listens(topic):
            self.hub.publish((topic,), lambda form: self.trade_shape(trade, market, form))

    def _flush(self, feed: Feed) -> None:
        if not self.hub.listens(feed.topic):
            del self._feeds[feed.topic]
            self._by_symbol[feed.market.symbol].remove(feed)
            return
        book = self.context.exchange.depth(self.venue, feed.market.symbol, feed.depth)
        if feed.kind == "best":
            self._flush_best(feed, book.book_id, book.bids, book.asks)
            return
        increment = feed.stream.flush(book.book_id, book.bids, book.asks)
        if increment is None:
            return
        if feed.kind == "full":
            self.hub.publish((feed.topic,), lambda _: self._full(feed, book))
        elif feed.kind == "all":
            self.hub.publish((feed.topic,), lambda form: self._all(feed, book, form), "all")
        else:
            self._flush_increment(feed, increment, book)

    def _flush_increment(self, feed: Feed, increment: Increment, book: BookSnapshot) -> None:
        whole = self._is_whole(feed)
        if whole:
            increment = Increment(increment.first_id, increment.last_id, list(book.bids), list(book.asks))
        shape = self._obu if feed.kind == "obu" else self._update
        self.hub.publish((feed.topic,), lambda form: shape(feed, increment, whole, form))

    def _is_whole(self, feed: Feed) -> bool:
        """Whether this push is a whole book: it was asked for, or chance says so."""
        share = self.context.settings.full_frame_share
        if feed.topic in self._whole:
            self._whole.discard(feed.topic)
            return True
        return share > 0 and self.context.rng.random() < share

    def _flush_best(self, feed: Feed, book_id: int, bids: Levels, asks: Levels) -> None:
        best = (bids[0] if bids else None, asks[0] if asks else None)
        if best != feed.best:
            feed.best = best
            self.hub.publish((feed.topic,), lambda form: self._best(feed.market, book_id, bids, asks, form))

    # -- shapes

    def _size(self, quantity: Decimal, decimal_sizes: bool) -> int | str:
        return plain(quantity) if self.venue == GATE_SPOT else contracts(quantity, decimal_sizes)

    def _best(self, market: Instrument, book_id: int, bids: Levels, asks: Levels, form: bool) -> dict[str, Any]:
        value: dict[str, Any] = {"t": self.context.now_ms(self.venue), "u": book_id, "s": market.name}
        for price_key, size_key, levels in (("b", "B", bids), ("a", "A", asks)):
            price, size = levels[0] if levels else (None, Decimal(0))
            value[price_key] = "" if price is None else plain(price)
            value[size_key] = self._size(size, form)
        return value

    def _update(self, feed: Feed, increment: Increment, whole: bool, form: bool) -> dict[str, Any]:
        now_ms = self.context.now_ms(self.venue)
        ids: dict[str, Any] = {"full": True} if whole else {}
        ids |= {"s": feed.market.name, "U": increment.first_id, "u": increment.last_id}
        if self.venue == GATE_FUTURES:
            bids, asks = sizes(increment.bids, form), sizes(increment.asks, form)
            return {"t": now_ms, **ids, "b": bids, "a": asks, "l": str(feed.depth)}
        head = {"t": now_ms, "l": str(feed.depth), "e": "depthUpdate", "E": now_ms // 1000}
        return {**head, **ids, "b": pairs(increment.bids), "a": pairs(increment.asks)}

    def _obu(self, feed: Feed, increment: Increment, whole: bool, _: bool) -> dict[str, Any]:
        value: dict[str, Any] = {"t": self.context.now_ms(self.venue)}
        if whole:
            head = {"full": True, "s": feed.topic[1], "u": increment.last_id}
            return value | head | {"b": pairs(increment.bids), "a": pairs(increment.asks)}
        value |= {"s": feed.topic[1], "U": increment.first_id, "u": increment.last_id}
        if increment.bids:
            value["b"] = pairs(increment.bids)
        if increment.asks:
            value["a"] = pairs(increment.asks)
        return value

    def _full(self, feed: Feed, book: BookSnapshot) -> dict[str, Any]:
        now_ms, name = self.context.now_ms(self.venue), feed.market.name
        head = {"t": now_ms, "lastUpdateId": book.book_id, "s": name, "l": str(feed.depth)}
        return {**head, "bids": pairs(book.bids), "asks": pairs(book.asks)}

    def _all(self, feed: Feed, book: BookSnapshot, form: bool) -> dict[str, Any]:
        now_ms, name = self.context.now_ms(self.venue), feed.market.name
        head = {"t": now_ms, "id": book.book_id, "contract": name}
        return {**head, "asks": sizes(book.asks, form), "bids": sizes(book.bids, form), "l": str(feed.depth)}


def pairs(levels: Levels) -> list[list[str]]:
    """Levels as pairs of text: all of spot, and obu of both products."""
    return [[plain(price), plain(quantity)] for price, quantity in levels]


def sizes(levels: Levels, decimal_sizes: bool) -> list[dict[str, int | str]]:
    """Levels of futures.order_book_update: `p` before `s`."""
    return [{"p": plain(price), "s": contracts(quantity, decimal_sizes)} for price, quantity in levels]
