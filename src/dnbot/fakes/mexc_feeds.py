"""Public feeds of the MEXC stream: what each channel collects between two pushes and the frames it makes of it.

All depth feeds of a symbol and REST `lastUpdateId` read one counter; frames of one feed are contiguous:
`fromVersion` is the previous `toVersion` + 1 (MEXC spot v3 docs, how to maintain a local order book).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

import attrs

from . import mexc_protobuf as pb
from .instruments import Instrument
from .matching import Market
from .mexc_channels import Channel
from .mexc_faults import MexcFaults
from .mexc_hub import Feed
from .mexc_intervals import STREAM_INTERVALS, day_start_s
from .mexc_numbers import opaque_id, plain
from .mexc_tape import Tape, change_fraction
from .records import LevelChange, PublicTrade

__all__ = ["MarketSource", "make_feed"]

_BATCH_ITEMS_MAX = 5
"""Changes in one increase.depth.batch frame, as captured; a batch is sent when it is full or 5 ms old."""


@attrs.frozen
class MarketSource:
    """What the feeds of one symbol read."""

    instrument: Instrument
    market: Market
    tape: Tape
    faults: MexcFaults
    tickers_versioned: bool


def _levels(levels: Iterable[tuple[Decimal, Decimal]]) -> list[pb.Level]:
    return [(plain(price), plain(quantity)) for price, quantity in levels]


@attrs.define(eq=False)
class SymbolFeed(Feed):
    """A feed of one symbol."""

    source: MarketSource

    def wrap(self, body_name: str | None, body: bytes, now_ms: int, *, created: bool = False) -> bytes:
        """One frame of this channel; `created` frames carry symbolId and createTime instead of sendTime."""
        return pb.wrapper(
            self.channel.name,
            body_name,
            body,
            symbol=self.source.instrument.name,
            symbol_id=opaque_id(self.source.instrument.name) if created else None,
            create_time_ms=now_ms if created else None,
            send_time_ms=None if created else now_ms,
        )

    def top(self) -> tuple[pb.Level, pb.Level]:
        """Best bid and ask as text; an empty side is two empty strings."""
        bid, ask = self.source.market.best("buy"), self.source.market.best("sell")
        return (_levels([bid])[0] if bid else ("", "")), (_levels([ask])[0] if ask else ("", ""))

    def version(self) -> str:
        """The book version for tickers, when the venue sends one."""
        return str(self.source.market.book_id) if self.source.tickers_versioned else ""


@attrs.define(eq=False)
class DepthFeed(SymbolFeed):
    """aggre.depth: the newest absolute quantity of every level touched since the last frame, 0 for a removed one."""

    _changed: dict[tuple[str, Decimal], Decimal] = attrs.field(factory=dict)
    _first: int = 0
    _last: int = 0

    def level_changed(self, change: LevelChange) -> bool:
        """Note a changed level."""
        if not self._changed:
            self._first = change.book_id
        self._last = change.book_id
        self._changed[change.side, change.price] = change.quantity
        return True

    def frames(self, now_ms: int) -> Iterable[bytes]:
        """The increment since the last frame."""
        faults = self.source.faults
        changed, self._changed = self._changed, {}
        while faults.take("depth_frames_empty"):
            yield self.wrap(None, b"", now_ms)
        if not changed or faults.take("depth_frames_lost"):
            return
        asks = _levels((price, quantity) for (side, price), quantity in changed.items() if side == "sell")
        bids = _levels((price, quantity) for (side, price), quantity in changed.items() if side == "buy")
        body = pb.aggre_depth(asks, bids, self.channel.event_type, self._first, self._last)
        yield self.wrap("publicAggreDepths", body, now_ms)


@attrs.define(eq=False)
class DepthBatchFeed(SymbolFeed):
    """increase.depth.batch: every change by itself, in order; recorded items carry a version and no eventType."""

    _changes: list[LevelChange] = attrs.field(factory=list)

    def level_changed(self, change: LevelChange) -> bool:
        """Note a changed level."""
        self._changes.append(change)
        return True

    def frames(self, now_ms: int) -> Iterable[bytes]:
        """The changes since the last frame."""
        changes, self._changes = self._changes, []
        for at in range(0, len(changes), _BATCH_ITEMS_MAX):
            items = [_increase(change) for change in changes[at : at + _BATCH_ITEMS_MAX]]
            body = pb.increase_depth_batch(items, self.channel.event_type)
            yield self.wrap("publicIncreaseDepthsBatch", body, now_ms)


def _increase(change: LevelChange) -> bytes:
    levels = _levels([(change.price, change.quantity)])
    asks, bids = (levels, []) if change.side == "sell" else ([], levels)
    return pb.limit_depth(asks, bids, "", change.book_id)  # PublicIncreaseDepthsV3Api has the same first four fields


@attrs.define(eq=False)
class LimitDepthFeed(SymbolFeed):
    """limit.depth: the whole top of the book whenever something changed."""

    def level_changed(self, change: LevelChange) -> bool:
        """Note a changed level."""
        del change
        return True

    def frames(self, now_ms: int) -> Iterable[bytes]:
        """The present top."""
        market, limit = self.source.market, int(self.channel.option)
        asks, bids = _levels(market.depth("sell", limit)), _levels(market.depth("buy", limit))
        body = pb.limit_depth(asks, bids, self.channel.event_type, market.book_id)
        yield self.wrap("publicLimitDepths", body, now_ms)


@attrs.define(eq=False)
class TickerFeed(SymbolFeed):
    """aggre.bookTicker: best bid and ask when they differ from the last frame."""

    _sent: tuple[pb.Level, pb.Level] | None = None

    def level_changed(self, change: LevelChange) -> bool:
        """Note a changed level."""
        del change
        return True

    def frames(self, now_ms: int) -> Iterable[bytes]:
        """The present top, if it is new."""
        top = self.top()
        if top != self._sent:
            self._sent = top
            yield self.wrap("publicAggreBookTicker", pb.aggre_book_ticker(*top, self.version()), now_ms)


@attrs.define(eq=False)
class TickerBatchFeed(SymbolFeed):
    """bookTicker.batch: every new top since the last frame, in order."""

    _tops: list[tuple[pb.Level, pb.Level]] = attrs.field(factory=list)

    def level_changed(self, change: LevelChange) -> bool:
        """Note a changed level."""
        best = self.source.market.best(change.side)
        if best is not None and (change.price - best[0]) * (1 if change.side == "sell" else -1) > 0:
            return False
        if not self._tops or self._tops[-1] != self.top():
            self._tops.append(self.top())
        return True

    def frames(self, now_ms: int) -> Iterable[bytes]:
        """The tops since the last frame."""
        tops, self._tops = self._tops or [self.top()], []
        body = pb.book_ticker_batch([pb.book_ticker(*top) for top in tops], self.version())
        yield self.wrap("publicBookTickerBatch", body, now_ms)


@attrs.define(eq=False)
class DealsFeed(SymbolFeed):
    """aggre.deals: the trades since the last frame; 1 taker bought, 2 taker sold."""

    _deals: list[pb.TapeDeal] = attrs.field(factory=list)

    def traded(self, trade: PublicTrade) -> bool:
        """Note a trade."""
        self._deals.append(
            pb.TapeDeal(
                plain(trade.price),
                plain(trade.quantity),
                1 if trade.side == "buy" else 2,
                trade.time_ms,
                f"{trade.trade_id}X0_{trade.trade_id}X1",
            )
        )
        return True

    def frames(self, now_ms: int) -> Iterable[bytes]:
        """The trades since the last frame."""
        deals, self._deals = self._deals, []
        if deals:
            yield self.wrap("publicAggreDeals", pb.aggre_deals(deals, self.channel.event_type), now_ms)


@attrs.define(eq=False)
class KlineFeed(SymbolFeed):
    """kline: the candle that is being made; it carries createTime and no sendTime."""

    def traded(self, trade: PublicTrade) -> bool:
        """Note a trade."""
        del trade
        return True

    def frames(self, now_ms: int) -> Iterable[bytes]:
        """The newest candle, if there is one."""
        interval = STREAM_INTERVALS[self.channel.option]
        bar = self.source.tape.newest_bar(interval)
        if bar is not None:
            ohlc = (plain(bar.opened), plain(bar.high), plain(bar.low), plain(bar.closed))
            end_s = interval.end_s(bar.start_s)
            body = pb.kline(self.channel.option, bar.start_s, end_s, ohlc, plain(bar.volume), plain(bar.amount))
            yield self.wrap("publicSpotKline", body, now_ms, created=True)


def encode_mini_ticker(source: MarketSource, zone: str, now_ms: int) -> bytes:
    """One PublicMiniTickerV3Api; its `volume` is quote and its `quantity` base, both of 24 hours.

    `rate` counts from midnight of UTC+8, `zonedRate` from that of the channel's zone; the lastClose fields count the
    price before that midnight in, too (what they are is not documented beyond "previous close").
    """
    now_s = now_ms // 1_000
    day = source.tape.day(now_s)
    here, zoned = (source.tape.since(day_start_s(name, now_s)) for name in ("UTC+8", zone))
    return pb.mini_ticker(
        source.instrument.name,
        plain(day.last),
        plain(here.change_fraction),
        plain(zoned.change_fraction),
        plain(day.high),
        plain(day.low),
        plain(day.amount),
        plain(day.volume),
        plain(change_fraction(here.last, here.closed_before)),
        plain(change_fraction(zoned.last, zoned.closed_before)),
        plain(max(day.high, zoned.closed_before)),
        plain(min(day.low, zoned.closed_before)),
    )


@attrs.define(eq=False)
class MiniTickerFeed(SymbolFeed):
    """miniTicker of one symbol."""

    def traded(self, trade: PublicTrade) -> bool:
        """Note a trade."""
        del trade
        return True

    def frames(self, now_ms: int) -> Iterable[bytes]:
        """The ticker."""
        yield self.wrap("publicMiniTicker", encode_mini_ticker(self.source, self.channel.option, now_ms), now_ms)


@attrs.define(eq=False)
class MiniTickersFeed(Feed):
    """miniTickers: all symbols in one frame, without a symbol in its wrapper."""

    sources: list[MarketSource]

    def traded(self, trade: PublicTrade) -> bool:
        """Note a trade."""
        del trade
        return True

    def frames(self, now_ms: int) -> Iterable[bytes]:
        """All tickers."""
        body = pb.mini_tickers([encode_mini_ticker(source, self.channel.option, now_ms) for source in self.sources])
        yield pb.wrapper(self.channel.name, "publicMiniTickers", body, send_time_ms=now_ms)


_SYMBOL_FEEDS: dict[str, Callable[[Channel, MarketSource], SymbolFeed]] = {
    "aggre.depth": DepthFeed,
    "aggre.bookTicker": TickerFeed,
    "aggre.deals": DealsFeed,
    "bookTicker.batch": TickerBatchFeed,
    "increase.depth.batch": DepthBatchFeed,
    "limit.depth": LimitDepthFeed,
    "kline": KlineFeed,
    "miniTicker": MiniTickerFeed,
}


def make_feed(channel: Channel, sources: dict[str, MarketSource]) -> Feed | None:
    """The feed of a public channel, or None for a symbol that is not listed."""
    if channel.kind == "miniTickers":
        return MiniTickersFeed(channel, list(sources.values()))
    source = sources.get(channel.symbol)
    return None if source is None else _SYMBOL_FEEDS[channel.kind](channel, source)
