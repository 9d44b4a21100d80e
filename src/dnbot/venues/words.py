"""What travels between a codec and its user: requests and replies, kinds of no, and the messages of both domains."""

from __future__ import annotations

from collections.abc import Callable
from enum import Flag, auto

import msgspec

from dnbot.domain.account import Balance, PositionReport
from dnbot.domain.book import BookDelta
from dnbot.domain.market import BookTop, FundingRate, MarkPrice, PublicTrade, Ticker
from dnbot.domain.order import Fill, OrderReport
from dnbot.domain.units import DAY_MS as DAY_MS
from dnbot.domain.word import Word


class RequestClass(Word):
    """Which rate budget a request spends."""

    PUBLIC = "public"
    READ = "read"
    CREATE = "create"
    CANCEL = "cancel"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request, already signed when it must be: send `target` byte for byte."""

    method: str
    target: str
    """Path and query, exactly as signed; begins with `/`."""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    budget: RequestClass = RequestClass.PUBLIC
    weight: int = 1
    reads_account: bool = False
    """It also counts against what the venue allows of reads of a whole account (`ACCOUNT_READS`)."""
    signed_at: Callable[[int], Request] | None = None
    """The same, signed at another time, the venue's in ms, where a signature may grow old while a read waits for its
    budget. None of a plugin's.
    """


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answered request."""

    status: int
    headers: dict[str, str]
    """Lower-case names."""
    body: bytes


class Kept(msgspec.Struct, frozen=True):
    """How far back a venue's lists reach, ms; what is older is missing there, or refused when it is asked for.

    A codec that does not say so is taken to list everything that was ever made.
    """

    trades_ms: int = 36_500 * DAY_MS
    finished_ms: int = 36_500 * DAY_MS
    """Of ended orders."""


class Capability(Flag):
    """What a private codec can do beyond the common part."""

    NONE = 0
    POSITION = auto()
    """Has a perpetual position, margin, an account book and funding."""
    LISTEN_KEY = auto()
    """The private stream needs a key from REST, renewed on time."""
    ORDER_SOCKET = auto()
    """Orders can also be placed over the private WebSocket."""
    COUNTDOWN = auto()
    """The venue cancels all orders of the market when a countdown is not renewed."""
    TRANSFER = auto()
    """Money can be moved from this wallet to another of ours at the same exchange."""


class AskedTooOften(msgspec.Struct, frozen=True):
    """Rate limit: nothing was processed."""

    retry_after_s: float
    text: str


class Refused(msgspec.Struct, frozen=True):
    """A definitive no; nothing was done. `code` is the venue's own."""

    code: str
    text: str
    authentication: bool = False
    clock: bool = False
    """The request's time was refused: measure the offset again."""
    unknown_order: bool = False
    """The order named is not (or no longer) known: re-read, do not infer."""
    symbol_closed: bool = False
    """The symbol takes no orders now, whatever the order: another try is refused too."""


class Unclear(msgspec.Struct, frozen=True):
    """No definitive answer (5xx, unreadable, unlisted): a write is ambiguous, a read is no answer."""

    text: str


Trouble = AskedTooOften | Refused | Unclear


# --- what public frames say -------------------------------------------------------------------------------------------
class Subscribed(msgspec.Struct, frozen=True, tag=True):
    """A subscription was acknowledged."""

    channel: str


class SubscriptionRefused(msgspec.Struct, frozen=True, tag=True):
    """A subscription was refused: a start-up error."""

    channel: str
    text: str


class Pong(msgspec.Struct, frozen=True, tag=True):
    """The answer to our ping."""


class UpgradeAhead(msgspec.Struct, frozen=True, tag=True):
    """The venue announces maintenance: reconnect soon."""

    text: str


class UnknownFrame(msgspec.Struct, frozen=True, tag=True):
    """Readable, but nothing we know; counted."""

    text: str


class Delta(msgspec.Struct, frozen=True, tag=True):
    """A book increment."""

    delta: BookDelta


PublicMessage = (
    Delta | PublicTrade | BookTop | Ticker | MarkPrice | FundingRate | Subscribed | SubscriptionRefused | Pong
    | UpgradeAhead | UnknownFrame
)


# --- what private frames and replies say ------------------------------------------------------------------------------
class OrderNews(msgspec.Struct, frozen=True, tag=True):
    """A stream's or reply's word on an order."""

    report: OrderReport


class FillNews(msgspec.Struct, frozen=True, tag=True):
    """A stream's word on one trade of ours. `fill.client_order_id` may be empty."""

    fill: Fill


class SocketReply(msgspec.Struct, frozen=True, tag=True):
    """The answer to an order sent over the socket; `acknowledged` alone means nothing about acceptance."""

    request_id: str
    acknowledged: bool
    report: OrderReport | None
    trouble: Trouble | None


PrivateMessage = (
    Balance | PositionReport | OrderNews | FillNews | SocketReply | Subscribed | SubscriptionRefused | Pong
    | UpgradeAhead | UnknownFrame
)
