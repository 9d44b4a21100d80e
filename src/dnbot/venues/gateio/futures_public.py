"""Gate's USDT perpetual without a key: the contract, the book, trades, mark, index and funding.

Books and trades come in contracts and leave as base units: `instrument` teaches the codec the multiplier.
Sources: Gate API v4 docs, "Futures" (contracts, order_book); futures WebSocket docs (order_book_update, book_ticker,
trades, tickers).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from dnbot.domain.book import BookDelta, BookSnapshot, Level
from dnbot.domain.errors import InvariantBroken
from dnbot.domain.instrument import Instrument, Symbol, Venue
from dnbot.venues.gateio.envelope import PING_INTERVAL_S, Envelope, ping, subscription, unsubscription
from dnbot.venues.gateio.errors import trouble_of
from dnbot.venues.gateio.futures_shapes import (
    Contract,
    ContractTicker,
    FuturesBook,
    FuturesBookUpdate,
    FuturesTrade,
)
from dnbot.venues.gateio.increments import Increments
from dnbot.venues.gateio.levels import objects_of
from dnbot.venues.gateio.literals import Literal, decimal_of, epoch_ms_of, given, readable, whole_of
from dnbot.venues.gateio.rest import REST_PREFIX, SIZE_DECIMAL, PublicRest
from dnbot.venues.gateio.spot_public import BOOK_INTERVAL, BOOK_LEVELS, top_of
from dnbot.venues.gateio.spot_shapes import ServerTime, Top
from dnbot.venues.gateio.stream import Reader, ascii_pair, read_frame
from dnbot.venues.wire import (
    Delta,
    FundingRate,
    MarkPrice,
    PublicMessage,
    PublicTrade,
    Reply,
    Request,
    Ticker,
    Trouble,
    UnknownFrame,
)

WS_PATH = "/v4/ws/usdt"
SETTLE = "USDT"
CONTRACT_STEP = Decimal(1)
"""Orders are whole contracts. Contracts with `enable_decimal` also take fractions, but Gate publishes no step for
them, so whole contracts are what is certainly valid there too."""

_contract = msgspec.json.Decoder(Contract).decode
_time = msgspec.json.Decoder(ServerTime).decode
_book = msgspec.json.Decoder(FuturesBook).decode
_update = msgspec.json.Decoder(FuturesBookUpdate).decode
_top = msgspec.json.Decoder(Top).decode
_trades = msgspec.json.Decoder(list[FuturesTrade]).decode
_tickers = msgspec.json.Decoder(list[ContractTicker]).decode


class GateFuturesPublic:
    """Public domain of one Gate USDT perpetual."""

    venue: Venue = Venue.GATE_FUTURES
    ping_interval_s: float = PING_INTERVAL_S

    def __init__(self, symbol: Symbol, *, rest_prefix: str = REST_PREFIX, ws_path: str = WS_PATH) -> None:
        self.symbol = symbol
        self.contract = contract_name(symbol)
        self._rest = PublicRest(rest_prefix, SIZE_DECIMAL)
        self._ws_path = ws_path
        self._multiplier: Decimal | None = None
        self._increments = Increments(self.venue, "futures.order_book_update", self.contract, self._levels)
        self._channels = (
            ("futures.order_book_update", (self.contract, BOOK_INTERVAL, str(BOOK_LEVELS))),
            ("futures.book_ticker", (self.contract,)), ("futures.trades", (self.contract,)),
            ("futures.tickers", (self.contract,)),
        )
        self._readers: dict[str, Reader[PublicMessage]] = {
            "futures.order_book_update": self._read_update,
            "futures.book_ticker": self._read_top,
            "futures.trades": self._read_trades,
            "futures.tickers": self._read_tickers,
        }

    # --- REST
    def instrument_requests(self) -> tuple[Request, ...]:
        """The contract's description."""
        return (self._rest.get(f"/futures/usdt/contracts/{self.contract}"),)

    def instrument(self, replies: Sequence[Reply]) -> Instrument:
        """Tick, lot and limits in base units; teaches this codec the multiplier."""
        (reply,) = replies
        with readable(self.venue, "contract", reply.body):
            instrument = self._instrument(_contract(reply.body))
        self._multiplier = instrument.multiplier
        return instrument

    def _instrument(self, contract: Contract) -> Instrument:
        if contract.name != self.contract:
            raise ValueError(f"asked for {self.contract}, told about {contract.name}")
        multiplier = decimal_of(contract.quanto_multiplier)
        if multiplier <= 0:  # inverse contracts say 0 and mean one quote unit per contract
            raise ValueError(f"{contract.name} is not a linear contract: quanto_multiplier is {multiplier}")
        problem = _why_not_tradable(contract)
        return Instrument(
            venue=self.venue,
            symbol=self.symbol,
            tick_size=decimal_of(contract.order_price_round),
            lot_size=CONTRACT_STEP * multiplier,
            min_quantity=max(CONTRACT_STEP, decimal_of(contract.order_size_min)) * multiplier,
            max_quantity=decimal_of(contract.order_size_max) * multiplier,
            multiplier=multiplier,
            price_deviation_max=decimal_of(contract.order_price_deviate),
            maintenance_rate=decimal_of(contract.maintenance_rate),
            tradable=not problem,
            not_tradable_because=problem,
            closing_only=contract.in_delisting and contract.type == "direct" and contract.status in REDUCIBLE,
        )

    def server_time_request(self) -> Request:
        """The venue's clock; spot and futures share one host and one clock."""
        return self._rest.get("/spot/time")

    def server_time_ms(self, reply: Reply) -> int:
        """The venue's clock, ms."""
        with readable(self.venue, "server time", reply.body):
            return whole_of(_time(reply.body).server_time)

    def snapshot_request(self) -> Request:
        """The book with its id, as deep as the subscribed increments."""
        return self._rest.get(
            "/futures/usdt/order_book",
            (("contract", self.contract), ("interval", 0), ("limit", BOOK_LEVELS), ("with_id", "true")),
        )

    def snapshot(self, reply: Reply) -> BookSnapshot:
        """The book in base units; `at_ms` is its last change."""
        with readable(self.venue, "order book", reply.body):
            book = _book(reply.body)
            return BookSnapshot(
                venue=self.venue,
                update_id=whole_of(book.id),
                bids=self._levels(book.bids),
                asks=self._levels(book.asks),
                at_ms=epoch_ms_of(book.update, book.current),
            )

    # --- stream
    def stream_target(self) -> str:
        """Path of the WebSocket."""
        return self._ws_path

    def stream_headers(self) -> tuple[tuple[str, str], ...]:
        """Sizes as exact strings."""
        return SIZE_DECIMAL

    def subscribe_frames(self, now_s: int) -> tuple[str, ...]:
        """Book increments, best bid and ask, trades, and tickers with mark, index and funding."""
        return tuple(subscription(channel, payload, now_s) for channel, payload in self._channels)

    def unsubscribe_frames(self, now_s: int) -> tuple[str, ...]:
        """The end of these four."""
        return tuple(unsubscription(channel, payload, now_s) for channel, payload in self._channels)

    def ping_frame(self, now_s: int) -> str:
        """The application's own ping."""
        return ping("futures", now_s)

    def decode(self, frame: str | bytes) -> tuple[PublicMessage, ...]:
        """Words from one frame. Raises FrameUnreadable."""
        return self._increments.read(frame) or read_frame(self.venue, frame, self._readers)

    def trouble(self, reply: Reply) -> Trouble | None:
        """None for a success; otherwise what kind of no."""
        return trouble_of(reply)

    def _learned(self) -> Decimal:
        if self._multiplier is None:
            raise InvariantBroken(f"{self.contract}: read the instrument before any book or trade")
        return self._multiplier

    def _levels(self, side: Literal) -> tuple[Level, ...]:
        return objects_of(side, self._learned())

    def _read_update(self, envelope: Envelope) -> tuple[PublicMessage, ...]:
        update = _update(envelope.result)
        if update.s != self.contract:
            return (UnknownFrame(f"{envelope.channel} {update.s}"),)
        last = whole_of(update.u)
        delta = BookDelta(
            venue=self.venue,
            first_id=last if update.full and not given(update.first) else whole_of(update.first),
            last_id=last,
            bids=self._levels(update.b),
            asks=self._levels(update.a),
            at_ms=epoch_ms_of(update.t, envelope.time_ms, envelope.time),
            full=update.full,
        )
        return (Delta(delta),)

    def _read_top(self, envelope: Envelope) -> tuple[PublicMessage, ...]:
        top = _top(envelope.result)
        if top.s != self.contract:
            return (UnknownFrame(f"{envelope.channel} {top.s}"),)
        return (top_of(self.venue, top, envelope),)

    def _read_trades(self, envelope: Envelope) -> tuple[PublicMessage, ...]:
        return tuple(self._trade(row, envelope) for row in _trades(envelope.result))

    def _trade(self, row: FuturesTrade, envelope: Envelope) -> PublicMessage:
        if row.contract != self.contract:
            return UnknownFrame(f"{envelope.channel} {row.contract}")
        size = decimal_of(row.size)
        at_ms = epoch_ms_of(row.create_time_ms, row.create_time, envelope.time_ms, envelope.time)
        return PublicTrade(self.venue, decimal_of(row.price), abs(size) * self._learned(), size > 0, at_ms)

    def _read_tickers(self, envelope: Envelope) -> tuple[PublicMessage, ...]:
        return tuple(word for row in _tickers(envelope.result) for word in self._ticker(row, envelope))

    def _ticker(self, row: ContractTicker, envelope: Envelope) -> tuple[PublicMessage, ...]:
        if row.contract != self.contract:
            return (UnknownFrame(f"{envelope.channel} {row.contract}"),)
        at_ms = epoch_ms_of(row.t, envelope.time_ms, envelope.time)
        words: tuple[PublicMessage, ...] = (
            Ticker(self.venue, decimal_of(row.last), decimal_of(row.volume_24h_quote), at_ms),
            MarkPrice(self.venue, decimal_of(row.mark_price), decimal_of(row.index_price), at_ms),
        )
        # A rate without its interval says nothing about what is paid when: then there is no word on funding at all.
        if not (given(row.funding_rate) and given(row.funding_interval) and given(row.funding_next_apply)):
            return words
        interval_s, next_at_s = whole_of(row.funding_interval), int(decimal_of(row.funding_next_apply))
        return (*words, FundingRate(self.venue, decimal_of(row.funding_rate), interval_s, next_at_s))


def contract_name(symbol: Symbol) -> str:
    """`BASE_USDT`. Raises ValueError for another quote: only contracts settled in USDT are spoken here."""
    if symbol.quote != SETTLE:
        raise ValueError(f"Gate perpetual {symbol}: only contracts settled in {SETTLE} are supported")
    return ascii_pair(symbol.base, symbol.quote)


REDUCIBLE = (None, "trading", "delisting")
"""Gate futures, contracts: `status` in which one that is `in_delisting` takes orders that reduce a position."""


def _why_not_tradable(contract: Contract) -> str:
    if contract.status not in (None, "trading"):
        return f"Gate perpetual {contract.name}: status is {contract.status}"
    if contract.in_delisting:
        return f"Gate perpetual {contract.name}: in delisting, only closing orders are accepted"
    if contract.type != "direct":
        return f"Gate perpetual {contract.name}: type is {contract.type}, only direct (linear) contracts are supported"
    return ""
