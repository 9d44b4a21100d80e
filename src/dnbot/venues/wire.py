"""What every venue's codec offers: requests to send, and words read from what comes back. No I/O, no clock.

A codec never guesses: a missing deciding field raises `FrameUnreadable` with the raw frame, unknown fields are
ignored, unknown messages become `UnknownFrame` and are counted by the caller. All quantities are base units.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

from dnbot.domain.account import AccountFacts as AccountFacts
from dnbot.domain.account import Balance as Balance
from dnbot.domain.account import PositionReport as PositionReport
from dnbot.domain.book import BookSnapshot
from dnbot.domain.instrument import FeeSchedule, Instrument, Symbol, Venue
from dnbot.domain.market import BookTop as BookTop
from dnbot.domain.market import FundingRate as FundingRate
from dnbot.domain.market import MarkPrice as MarkPrice
from dnbot.domain.market import PublicTrade as PublicTrade
from dnbot.domain.market import Ticker as Ticker
from dnbot.domain.order import Fill, OrderIntent, OrderReport
from dnbot.domain.position import AccountRow
from dnbot.domain.transfer import Transfer
from dnbot.venues.words import DAY_MS as DAY_MS
from dnbot.venues.words import AskedTooOften as AskedTooOften
from dnbot.venues.words import Capability as Capability
from dnbot.venues.words import Delta as Delta
from dnbot.venues.words import FillNews as FillNews
from dnbot.venues.words import Kept as Kept
from dnbot.venues.words import OrderNews as OrderNews
from dnbot.venues.words import Pong as Pong
from dnbot.venues.words import PrivateMessage as PrivateMessage
from dnbot.venues.words import PublicMessage as PublicMessage
from dnbot.venues.words import Refused as Refused
from dnbot.venues.words import Reply as Reply
from dnbot.venues.words import Request as Request
from dnbot.venues.words import RequestClass as RequestClass
from dnbot.venues.words import SocketReply as SocketReply
from dnbot.venues.words import Subscribed as Subscribed
from dnbot.venues.words import SubscriptionRefused as SubscriptionRefused
from dnbot.venues.words import Trouble as Trouble
from dnbot.venues.words import Unclear as Unclear
from dnbot.venues.words import UnknownFrame as UnknownFrame
from dnbot.venues.words import UpgradeAhead as UpgradeAhead


class Signer(Protocol):
    """The one thing a private codec gets of the credentials: it can have bytes signed, never read the secret."""

    @property
    def key_id(self) -> str:
        """The API key that goes into a header or frame."""
        ...

    def hmac_hex(self, algorithm: str, message: bytes) -> str:
        """Lower-case hex HMAC of `message`; `algorithm` is `sha256` or `sha512`."""
        ...


class PublicCodec(Protocol):
    """Public domain of one venue and one symbol: cannot sign anything."""

    venue: Venue
    symbol: Symbol
    ping_interval_s: float

    def instrument_requests(self) -> tuple[Request, ...]:
        """The reads that describe the instrument."""
        ...

    def instrument(self, replies: Sequence[Reply]) -> Instrument:
        """The instrument from the replies, in the same order. Must be called before any frame is decoded: it sets the
        contract multiplier."""
        ...

    def server_time_request(self) -> Request:
        """A cheap read that tells the venue's clock."""
        ...

    def server_time_ms(self, reply: Reply) -> int:
        """The venue's clock, ms."""
        ...

    def snapshot_request(self) -> Request:
        """A book deep enough for the subscribed increments."""
        ...

    def snapshot(self, reply: Reply) -> BookSnapshot:
        """The book with its update id."""
        ...

    def stream_target(self) -> str:
        """Path and query of the WebSocket."""
        ...

    def stream_headers(self) -> tuple[tuple[str, str], ...]:
        """Headers of the upgrade request."""
        ...

    def subscribe_frames(self, now_s: int) -> tuple[str, ...]:
        """Frames that subscribe to books, tops, trades, tickers (and mark, index, funding on the perpetual)."""
        ...

    def ping_frame(self, now_s: int) -> str:
        """The application's own ping."""
        ...

    def decode(self, frame: str | bytes) -> tuple[PublicMessage, ...]:
        """Words from one frame. Raises FrameUnreadable."""
        ...

    def trouble(self, reply: Reply) -> Trouble | None:
        """None for a success; otherwise what kind of no."""
        ...


class SpotPrivateCodec(Protocol):
    """What the private codec of every venue does. Signs; `now_ms` is always the *venue's* clock as we estimate it."""

    venue: Venue
    symbol: Symbol
    ping_interval_s: float

    def learn_instrument(self, instrument: Instrument) -> None:
        """Tell the codec lots, ticks and multiplier; required before orders or fills are handled."""
        ...

    # start
    def facts_requests(self, now_ms: int) -> tuple[Request, ...]:
        """Reads for `facts` (account detail, mode, permissions)."""
        ...

    def facts(self, replies: Sequence[Reply]) -> AccountFacts:
        """Account facts; a refusal among the replies is read into `problem`."""
        ...

    def fees_requests(self, now_ms: int) -> tuple[Request, ...]:
        """Reads of this account's fee rates."""
        ...

    def fees(self, replies: Sequence[Reply]) -> FeeSchedule:
        """This account's rates."""
        ...

    # account
    def balances_request(self, now_ms: int) -> Request:
        """All balances of the account."""
        ...

    def balances(self, reply: Reply) -> tuple[Balance, ...]:
        """Every asset with a balance (a listed asset may be zero; an unlisted one is zero)."""
        ...

    def open_orders_request(self, now_ms: int) -> Request:
        """All open orders of the symbol (first page; at most 100)."""
        ...

    def finished_orders_request(self, now_ms: int, since_ms: int) -> Request:
        """Orders of the symbol that ended (or were created, where the venue filters so) since `since_ms`."""
        ...

    def orders(self, reply: Reply) -> tuple[OrderReport, ...]:
        """Orders of a list reply."""
        ...

    def trades_request(self, now_ms: int, since_ms: int, page: int) -> Request:
        """Our trades of the symbol since `since_ms`; pages count from 0."""
        ...

    def trades(self, reply: Reply) -> tuple[Fill, ...]:
        """Our trades."""
        ...

    def trades_page_size(self) -> int:
        """A full page means: ask for the next."""
        ...

    # orders
    def place_request(self, intent: OrderIntent, now_ms: int, expires_at_ms: int) -> Request:
        """Create, with the venue's own expiry. Times are the venue's clock."""
        ...

    def placed(self, reply: Reply, intent: OrderIntent) -> OrderReport:
        """The create's answer (a success reply). Status OPEN where the reply does not say."""
        ...

    def order_request(self, venue_order_id: str, now_ms: int) -> Request:
        """Read one order by the venue's id."""
        ...

    def order(self, reply: Reply) -> OrderReport:
        """One order."""
        ...

    def cancel_request(self, venue_order_id: str, now_ms: int) -> Request:
        """Cancel one order by the venue's id."""
        ...

    # stream
    def stream_target(self, listen_key: str) -> str:
        """Path and query of the private WebSocket."""
        ...

    def stream_headers(self) -> tuple[tuple[str, str], ...]:
        """Headers of the upgrade request."""
        ...

    def subscribe_frames(self, now_s: int, user_id: str) -> tuple[str, ...]:
        """Frames that log in and subscribe to orders, trades, balances (and positions)."""
        ...

    def ping_frame(self, now_s: int) -> str:
        """The application's own ping."""
        ...

    def decode(self, frame: str | bytes) -> tuple[PrivateMessage, ...]:
        """Words from one frame. Raises FrameUnreadable."""
        ...

    def trouble(self, reply: Reply) -> Trouble | None:
        """None for a success; otherwise what kind of no. Only listed codes are `Refused`; the rest is `Unclear`."""
        ...


class PrivateCodec(SpotPrivateCodec, Protocol):
    """Private domain of one venue and one symbol, with what only some venues have: `capabilities` says which."""

    capabilities: Capability
    kept: Kept
    """How far back `trades_request` and `finished_orders_request` may ask."""
    fee_coin: str
    """The venue's own coin that fees may be taken in and that it tells a price of; empty when there is none."""

    # where there is a `fee_coin`
    def fee_coin_request(self) -> Request:
        """The public price of the venue's own coin in our quote."""
        ...

    def fee_coin_price(self, reply: Reply) -> Decimal:
        """Quote units per coin, positive."""
        ...

    # perpetual only (Capability.POSITION)
    def position_request(self, now_ms: int) -> Request:
        """The position of the contract."""
        ...

    def position(self, reply: Reply) -> PositionReport:
        """The position; a never-touched contract is zero."""
        ...

    def account_rows_request(self, now_ms: int, since_ms: int, page: int) -> Request:
        """The account book since `since_ms`."""
        ...

    def account_rows(self, reply: Reply) -> tuple[AccountRow, ...]:
        """Rows of the account book."""
        ...

    def leverage_requests(self, now_ms: int, leverage: int, margin_mode: str) -> tuple[Request, ...]:
        """Set leverage and margin mode ('cross' or 'isolated')."""
        ...

    # dead man's switch (Capability.COUNTDOWN)
    def countdown_request(self, timeout_s: int, now_ms: int) -> Request:
        """Have every open order of the market cancelled in so many seconds, unless asked again; 0: never."""
        ...

    def countdown_set(self, reply: Reply) -> int:
        """When the venue will do so, by its clock in ms; 0 for never (a success reply)."""
        ...

    # money between wallets of ours (Capability.TRANSFER)
    def transfer_request(self, transfer: Transfer, now_ms: int) -> Request:
        """Move money to another wallet of ours. The venue refuses it when it arrives a minute after `now_ms`."""
        ...

    def transferred(self, reply: Reply) -> str:
        """The venue's number of the transfer (a success reply)."""
        ...

    # listen key (Capability.LISTEN_KEY)
    def listen_key_request(self, now_ms: int) -> Request:
        """Ask for a stream key."""
        ...

    def listen_key(self, reply: Reply) -> str:
        """The stream key."""
        ...

    def renew_listen_key_request(self, listen_key: str, now_ms: int) -> Request:
        """Extend a stream key."""
        ...

    def drop_listen_key_request(self, listen_key: str, now_ms: int) -> Request:
        """End a stream key."""
        ...

    # order socket (Capability.ORDER_SOCKET)
    def socket_login_frame(self, now_s: int, request_id: str) -> str:
        """Log in for trading over the socket."""
        ...

    def socket_place_frame(
        self, intent: OrderIntent, now_s: int, request_id: str, expires_at_ms: int
    ) -> str:
        """Create over the socket."""
        ...

    def socket_cancel_frame(self, venue_order_id: str, now_s: int, request_id: str) -> str:
        """Cancel over the socket."""
        ...
