"""Gate spot without a key: the pair, the book, trades and tickers.

Sources: Gate API v4 docs, "Spot" (currency_pairs, order_book, time); spot WebSocket docs (order_book_update,
book_ticker, trades, tickers).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from dnbot.domain.book import BookDelta, BookSnapshot
from dnbot.domain.instrument import Instrument, Symbol, Venue
from dnbot.domain.order import Side
from dnbot.domain.units import ZERO
from dnbot.venues.gateio.envelope import PING_INTERVAL_S, Envelope, ping, subscription, unsubscription
from dnbot.venues.gateio.errors import trouble_of
from dnbot.venues.gateio.increments import Increments
from dnbot.venues.gateio.levels import pairs_of
from dnbot.venues.gateio.literals import (
    Literal,
    decimal_of,
    decimal_or,
    epoch_ms_of,
    given,
    readable,
    whole_of,
    whole_or,
)
from dnbot.venues.gateio.rest import REST_PREFIX, PublicRest
from dnbot.venues.gateio.spot_shapes import Book, BookUpdate, Pair, PairTicker, ServerTime, Top, Trade
from dnbot.venues.gateio.stream import Reader, ascii_pair, read_frame
from dnbot.venues.wire import BookTop, Delta, PublicMessage, PublicTrade, Reply, Request, Ticker, Trouble, UnknownFrame

WS_PATH = "/ws/v4/"
BOOK_LEVELS = 100
"""What a 100 ms subscription carries; a shallower snapshot would leave holes later."""
BOOK_INTERVAL = "100ms"

_pair = msgspec.json.Decoder(Pair).decode
_time = msgspec.json.Decoder(ServerTime).decode
_book = msgspec.json.Decoder(Book).decode
_update = msgspec.json.Decoder(BookUpdate).decode
_top = msgspec.json.Decoder(Top).decode
_trade = msgspec.json.Decoder(Trade).decode
_ticker = msgspec.json.Decoder(PairTicker).decode


class GateSpotPublic:
    """Public domain of one Gate spot pair."""

    venue: Venue = Venue.GATE_SPOT
    ping_interval_s: float = PING_INTERVAL_S

    def __init__(self, symbol: Symbol, *, rest_prefix: str = REST_PREFIX, ws_path: str = WS_PATH) -> None:
        self.symbol = symbol
        self.pair = ascii_pair(symbol.base, symbol.quote)
        self._rest = PublicRest(rest_prefix)
        self._ws_path = ws_path
        self._increments = Increments(self.venue, "spot.order_book_update", self.pair, pairs_of)
        self._channels = (
            ("spot.order_book_update", (self.pair, BOOK_INTERVAL)), ("spot.book_ticker", (self.pair,)),
            ("spot.trades", (self.pair,)), ("spot.tickers", (self.pair,)),
        )
        self._readers: dict[str, Reader[PublicMessage]] = {
            "spot.order_book_update": self._read_update,
            "spot.book_ticker": self._read_top,
            "spot.trades": self._read_trade,
            "spot.tickers": self._read_ticker,
        }

    # --- REST
    def instrument_requests(self) -> tuple[Request, ...]:
        """The pair's description."""
        return (self._rest.get(f"/spot/currency_pairs/{self.pair}"),)

    def instrument(self, replies: Sequence[Reply]) -> Instrument:
        """Ticks and lots from decimals, minima and maxima; not tradable unless the pair says `tradable`."""
        (reply,) = replies
        with readable(self.venue, "currency pair", reply.body):
            return self._instrument(_pair(reply.body))

    def _instrument(self, pair: Pair) -> Instrument:
        if pair.id != self.pair:
            raise ValueError(f"asked for {self.pair}, told about {pair.id}")
        lot = Decimal(1).scaleb(-whole_of(pair.amount_precision))
        problem = _why_not_tradable(pair)
        return Instrument(
            venue=self.venue,
            symbol=self.symbol,
            tick_size=Decimal(1).scaleb(-whole_of(pair.precision)),
            lot_size=lot,
            min_quantity=decimal_or(pair.min_base_amount),
            max_quantity=_limit(pair.max_base_amount),
            min_notional=decimal_or(pair.min_quote_amount),
            max_notional=_limit(pair.max_quote_amount),
            tradable=not problem,
            not_tradable_because=problem,
            closing_only=bool(problem) and pair.trade_status in SELLABLE,
        )

    def server_time_request(self) -> Request:
        """The venue's clock."""
        return self._rest.get("/spot/time")

    def server_time_ms(self, reply: Reply) -> int:
        """The venue's clock, ms."""
        with readable(self.venue, "server time", reply.body):
            return whole_of(_time(reply.body).server_time)

    def snapshot_request(self) -> Request:
        """The book with its id, as deep as the subscribed increments."""
        return self._rest.get(
            "/spot/order_book",
            (("currency_pair", self.pair), ("interval", 0), ("limit", BOOK_LEVELS), ("with_id", "true")),
        )

    def snapshot(self, reply: Reply) -> BookSnapshot:
        """The book; `at_ms` is its last change."""
        with readable(self.venue, "order book", reply.body):
            book = _book(reply.body)
            return BookSnapshot(
                venue=self.venue,
                update_id=whole_of(book.id),
                bids=pairs_of(book.bids),
                asks=pairs_of(book.asks),
                at_ms=epoch_ms_of(book.update, book.current),
            )

    # --- stream
    def stream_target(self) -> str:
        """Path of the WebSocket."""
        return self._ws_path

    def stream_headers(self) -> tuple[tuple[str, str], ...]:
        """None are needed."""
        return ()

    def subscribe_frames(self, now_s: int) -> tuple[str, ...]:
        """Book increments, best bid and ask, trades, tickers."""
        return tuple(subscription(channel, payload, now_s) for channel, payload in self._channels)

    def unsubscribe_frames(self, now_s: int) -> tuple[str, ...]:
        """The end of these four."""
        return tuple(unsubscription(channel, payload, now_s) for channel, payload in self._channels)

    def ping_frame(self, now_s: int) -> str:
        """The application's own ping."""
        return ping("spot", now_s)

    def decode(self, frame: str | bytes) -> tuple[PublicMessage, ...]:
        """Words from one frame. Raises FrameUnreadable."""
        return self._increments.read(frame) or read_frame(self.venue, frame, self._readers)

    def trouble(self, reply: Reply) -> Trouble | None:
        """None for a success; otherwise what kind of no."""
        return trouble_of(reply)

    def _read_update(self, envelope: Envelope) -> tuple[PublicMessage, ...]:
        update = _update(envelope.result)
        if update.s != self.pair:
            return (UnknownFrame(f"{envelope.channel} {update.s}"),)
        last = whole_of(update.u)
        delta = BookDelta(
            venue=self.venue,
            first_id=last if update.full and not given(update.first) else whole_of(update.first),
            last_id=last,
            bids=pairs_of(update.b),
            asks=pairs_of(update.a),
            at_ms=epoch_ms_of(update.t, envelope.time_ms, envelope.time),
            full=update.full,
        )
        return (Delta(delta),)

    def _read_top(self, envelope: Envelope) -> tuple[PublicMessage, ...]:
        top = _top(envelope.result)
        if top.s != self.pair:
            return (UnknownFrame(f"{envelope.channel} {top.s}"),)
        return (top_of(self.venue, top, envelope),)

    def _read_trade(self, envelope: Envelope) -> tuple[PublicMessage, ...]:
        trade = _trade(envelope.result)
        if trade.currency_pair != self.pair:
            return (UnknownFrame(f"{envelope.channel} {trade.currency_pair}"),)
        return (
            PublicTrade(
                self.venue,
                decimal_of(trade.price),
                decimal_of(trade.amount),
                Side(trade.side) is Side.BUY,
                epoch_ms_of(trade.create_time_ms, trade.create_time, envelope.time_ms, envelope.time),
            ),
        )

    def _read_ticker(self, envelope: Envelope) -> tuple[PublicMessage, ...]:
        ticker = _ticker(envelope.result)
        if ticker.currency_pair != self.pair:
            return (UnknownFrame(f"{envelope.channel} {ticker.currency_pair}"),)
        return (Ticker(self.venue, decimal_of(ticker.last), decimal_of(ticker.quote_volume), envelope.at_ms),)


def top_of(venue: Venue, top: Top, envelope: Envelope) -> BookTop:
    """Best bid and ask; an empty side is None. The same shape on spot and futures."""
    return BookTop(venue, _side(top.b), _side(top.a), epoch_ms_of(top.t, envelope.time_ms, envelope.time))


def _side(price: Literal) -> Decimal | None:
    value = decimal_or(price)
    return value if value > 0 else None


def _limit(raw: Literal) -> Decimal | None:
    value = decimal_or(raw)
    return value if value > ZERO else None


SELLABLE = ("tradable", "sellable")
"""Gate spot, currency pairs: `trade_status` in which a coin may be sold."""


def _why_not_tradable(pair: Pair) -> str:
    if pair.trade_status != "tradable":
        return f"Gate spot {pair.id}: trade_status is {pair.trade_status}"
    delisted_at_s = whole_or(pair.delisting_time, 0)
    if delisted_at_s:
        return f"Gate spot {pair.id}: to be delisted at {delisted_at_s} (Unix seconds)"
    return ""
