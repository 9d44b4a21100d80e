"""Public domain of MEXC spot: instrument, book, top of the book, trades, ticker. It cannot sign anything.

Source: MEXC spot v3 docs, Market Data Endpoints and Websocket Market Streams; websocket-proto.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from dnbot.domain.book import BookDelta, BookSnapshot
from dnbot.domain.errors import VenueRefused
from dnbot.domain.instrument import Instrument, Symbol
from dnbot.venues.mexc import shapes
from dnbot.venues.mexc.control import PING_FRAME, PING_INTERVAL_S, STREAM_PATH, Subscriptions
from dnbot.venues.mexc.errors import trouble
from dnbot.venues.mexc.protobuf import AggreDeals, AggreDepths, BookTicker, Deal, MiniTicker, Push, decode_push
from dnbot.venues.mexc.shapes import VENUE, amount, read, symbol_name, unreadable
from dnbot.venues.wire import BookTop, Delta, PublicMessage, PublicTrade, Reply, Request, Ticker, Trouble, UnknownFrame

DEPTH_LIMIT: Final = 5000
"""The most that the venue gives; levels outside the snapshot that never change are never sent."""
ONLINE: Final = "1"
BOTH_SIDES: Final = "1"
DECIMALS_MAX: Final = 30
PRICE_BAND: Final = "PERCENT_PRICE_BY_SIDE"
CHANNELS: Final = (
    "spot@public.aggre.depth.v3.api.pb@100ms@{}", "spot@public.aggre.bookTicker.v3.api.pb@100ms@{}",
    "spot@public.aggre.deals.v3.api.pb@100ms@{}", "spot@public.miniTicker.v3.api.pb@{}@UTC+0",
)
"""Of one symbol, whose name is put in."""


def public_request(target: str, weight: int = 1) -> Request:
    """A read that needs no key."""
    return Request(method="GET", target=target, weight=weight)


class MexcSpotPublic:
    """Public codec of one symbol; all of it is pure."""

    venue = VENUE
    ping_interval_s = PING_INTERVAL_S

    def __init__(self, symbol: Symbol) -> None:
        self.symbol = symbol
        self._name = symbol_name(symbol)
        self._subscriptions = Subscriptions(tuple(channel.format(self._name) for channel in CHANNELS))

    def instrument_requests(self) -> tuple[Request, ...]:
        """The symbol's rules, and the list of symbols that are open to the API."""
        return (
            public_request(f"/api/v3/exchangeInfo?symbol={self._name}", weight=25),
            public_request("/api/v3/defaultSymbols"),
        )

    def instrument(self, replies: Sequence[Reply]) -> Instrument:
        """The instrument; `not_tradable_because` names every gate that is closed.

        Raises:
            FrameUnreadable: a deciding field is missing, or the symbol has other coins.
            VenueRefused: the venue does not know the symbol.
        """
        rules, listed = replies
        info = self._info(rules.body)
        precisions = (info.base_asset_precision, info.quote_precision)
        if not all(0 <= decimals <= DECIMALS_MAX for decimals in precisions):
            raise unreadable(f"precisions {precisions}", rules.body)
        closed = self._closed_gates(info, self._name in read(listed.body, shapes.SymbolList).data)
        highest = info.max_quote_amount
        return Instrument(
            venue=VENUE,
            symbol=self.symbol,
            tick_size=Decimal(1).scaleb(-info.quote_precision),
            lot_size=Decimal(1).scaleb(-info.base_asset_precision),
            min_quantity=amount(info.base_size_precision, "baseSizePrecision", rules.body),
            min_notional=amount(info.quote_amount_precision, "quoteAmountPrecision", rules.body),
            max_notional=None if highest is None else amount(highest, "maxQuoteAmount", rules.body),
            price_deviation_max=_price_band(info, rules.body),
            tradable=not closed,
            not_tradable_because="; ".join(closed),
        )

    def _info(self, body: bytes) -> shapes.SymbolInfo:
        symbols = read(body, shapes.ExchangeInfo).symbols
        info = next((info for info in symbols if info.symbol == self._name), None)
        if info is None:
            raise VenueRefused(VENUE.value, "exchangeInfo", f"the venue does not list {self._name}")
        if (info.base_asset, info.quote_asset) != (self.symbol.base, self.symbol.quote):
            raise unreadable(f"{self._name} is {info.base_asset} in {info.quote_asset} here, not {self.symbol}", body)
        return info

    def _closed_gates(self, info: shapes.SymbolInfo, listed: bool) -> list[str]:
        gates = (
            (info.status == ONLINE, f"status {info.status} is not 1 (online)"),
            (info.is_spot_trading_allowed, "isSpotTradingAllowed is false"),
            (str(info.trade_side_type) == BOTH_SIDES, f"tradeSideType {info.trade_side_type} is not 1 (both)"),
            (listed, "not in defaultSymbols, which lists what the API may trade"),
        )
        return [reason for is_open, reason in gates if not is_open]

    def server_time_request(self) -> Request:
        """GET /api/v3/time"""
        return public_request("/api/v3/time")

    def server_time_ms(self, reply: Reply) -> int:
        """The venue's clock, ms. Raises FrameUnreadable."""
        return read(reply.body, shapes.ServerTime).server_time

    def snapshot_request(self) -> Request:
        """The deepest book."""
        return public_request(f"/api/v3/depth?symbol={self._name}&limit={DEPTH_LIMIT}", weight=3)

    def snapshot(self, reply: Reply) -> BookSnapshot:
        """The book; `lastUpdateId` counts like the versions of the increments. Raises FrameUnreadable."""
        depth = read(reply.body, shapes.Depth)
        return BookSnapshot(
            venue=VENUE,
            update_id=depth.last_update_id,
            bids=shapes.levels(depth.bids, reply.body),
            asks=shapes.levels(depth.asks, reply.body),
            at_ms=depth.timestamp,
        )

    def stream_target(self) -> str:
        """The public socket."""
        return STREAM_PATH

    def stream_headers(self) -> tuple[tuple[str, str], ...]:
        """None are needed."""
        return ()

    def subscribe_frames(self, now_s: int) -> tuple[str, ...]:
        """One frame per channel."""
        del now_s  # MEXC's frames carry no time
        return self._subscriptions.frames()

    def unsubscribe_frames(self, now_s: int) -> tuple[str, ...]:
        """The end of them all, in one frame."""
        del now_s
        return self._subscriptions.ending_frames()

    def ping_frame(self, now_s: int) -> str:
        """The JSON ping; control pings are not reliably answered."""
        del now_s
        return PING_FRAME

    def decode(self, frame: str | bytes) -> tuple[PublicMessage, ...]:
        """Words from one frame: text is control, binary is a push. Raises FrameUnreadable."""
        if isinstance(frame, str):
            return self._subscriptions.read(frame)
        push = decode_push(frame)
        if push.body is None:
            return ()
        if push.symbol != self._name:
            return (UnknownFrame(push.channel),)
        return _words(push, frame)

    def trouble(self, reply: Reply) -> Trouble | None:
        """None for a success; otherwise what kind of no."""
        return trouble(reply)


def _price_band(info: shapes.SymbolInfo, raw: bytes) -> Decimal | None:
    """How far a buy may be above and a sell below the market: the narrower of both, so that it holds for either."""
    bands = [
        amount(text, PRICE_BAND, raw)
        for entry in info.filters if entry.filter_type == PRICE_BAND
        for text in (entry.bid_multiplier_up, entry.ask_multiplier_down) if text is not None
    ]
    return min(bands, default=None)


def _words(push: Push, frame: bytes) -> tuple[PublicMessage, ...]:
    match push.body:
        case AggreDepths() as depths:
            return (Delta(_delta(depths, push.at_ms, frame)),)
        case BookTicker() as ticker:
            return (BookTop(VENUE, _top(ticker.bid_price, frame), _top(ticker.ask_price, frame), push.at_ms),)
        case AggreDeals() as batch:
            return tuple(_trade(deal, frame) for deal in batch.deals)
        case MiniTicker() as mini:
            last, volume = amount(mini.price, "price", frame), amount(mini.volume_quote, "volume", frame)
            return (Ticker(VENUE, last, volume, push.at_ms),)
        case _:
            return (UnknownFrame(push.channel),)


def _delta(depths: AggreDepths, at_ms: int, frame: bytes) -> BookDelta:
    first = shapes.version(depths.from_version, "fromVersion", frame)
    last = shapes.version(depths.to_version, "toVersion", frame)
    if first > last:
        raise unreadable(f"versions run backwards: {first} to {last}", frame)
    return BookDelta(
        venue=VENUE,
        first_id=first,
        last_id=last,
        bids=shapes.levels(depths.bids, frame),
        asks=shapes.levels(depths.asks, frame),
        at_ms=at_ms,
    )


def _top(price: str, frame: bytes) -> Decimal | None:
    return amount(price, "price", frame) if price else None


def _trade(deal: Deal, frame: bytes) -> PublicTrade:
    if deal.trade_type not in {1, 2}:
        raise unreadable(f"unknown tradeType {deal.trade_type}", frame)
    if deal.time_ms <= 0:
        raise unreadable("no time", frame)
    return PublicTrade(
        venue=VENUE,
        price=amount(deal.price, "price", frame),
        quantity=amount(deal.quantity, "quantity", frame),
        taker_bought=deal.trade_type == 1,
        at_ms=deal.time_ms,
    )
