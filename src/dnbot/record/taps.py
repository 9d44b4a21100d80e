"""The bot's own public codec and HTTP client, which also write down what passes: a recording is what the bot sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from dnbot.domain.errors import OperatingError
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.market import BookTop, FundingRate, MarkPrice, PublicTrade, Ticker
from dnbot.domain.messages import FeedDown, FeedUp, MarketEvent
from dnbot.ports.clock import Clock
from dnbot.ports.http import HttpClient, HttpReply
from dnbot.ports.net import Endpoint, StreamOpener
from dnbot.record.intake import Intake, Stamp
from dnbot.record.words import Answer, Frame, Kind, Market, What
from dnbot.tasks.analytics import LiveBook
from dnbot.venues.wire import Delta, PublicCodec, PublicMessage, UnknownFrame

_KIND_OF = {
    Delta: Kind.BOOK, BookTop: Kind.TOP, PublicTrade: Kind.TRADES, Ticker: Kind.TICKER, MarkPrice: Kind.TICKER,
    FundingRate: Kind.TICKER, UnknownFrame: Kind.UNKNOWN,
}
_NOT_KEPT = {"set-cookie"}


def kind_of(words: Sequence[PublicMessage]) -> Kind:
    """What a frame is: by the first word that the codec reads in it."""
    return _KIND_OF.get(type(words[0]), Kind.CONTROL) if words else Kind.CONTROL


@attrs.define
class MarketTap:
    """Where everything of one market is written down, with the connection that is open."""

    market: Market
    intake: Intake
    connection: int = 0
    """0 while none is."""
    is_kept: bool = False
    """Whether the feed's book can be used."""

    def event(self, what: What, text: str = "") -> None:
        """Something happened to this market."""
        self.intake.event(what, text, self.market, self.connection)

    def connected(self) -> None:
        """A stream is open, and nothing was said on it."""
        self.connection = self.intake.next_connection()
        self.event(What.CONNECTED)

    def disconnected(self, why: str) -> None:
        """The stream ended, or there was none."""
        self.event(What.DISCONNECTED, why)
        self.connection = 0

    def frame(self, stamp: Stamp, frame: str | bytes, kind: Kind) -> None:
        """A message of the stream."""
        is_text = isinstance(frame, str)
        self.intake.put(Frame(
            number=stamp.number, received_ns=stamp.received_ns, monotonic_ns=stamp.monotonic_ns, market=self.market,
            connection=self.connection, kind=kind, payload=frame.encode() if isinstance(frame, str) else frame,
            is_text=is_text,
        ))

    def answer(self, target: str, kind: Kind, reply: HttpReply) -> None:
        """An answer of REST."""
        stamp = self.intake.stamp()
        self.intake.put(Answer(
            number=stamp.number, received_ns=stamp.received_ns, monotonic_ns=stamp.monotonic_ns, market=self.market,
            kind=kind, target=target, status=reply.status, body=reply.body,
            headers={name: value for name, value in reply.headers.items() if name.lower() not in _NOT_KEPT},
        ))

    # --- as the desk to which the feed brings what it read
    def take(self, event: MarketEvent) -> None:
        """The feed's word on its book."""
        match event:
            case FeedUp():
                self.is_kept = True
                self.event(What.BOOK_KEPT)
            case FeedDown(why=why) if self.is_kept:
                self.is_kept = False
                self.event(What.BOOK_LOST, why)
            case _:
                pass

    def moved(self, book: LiveBook) -> None:
        """A book is not looked at: it can be made again from what is written down."""

    def conclude(self) -> None:
        """Nothing is decided at the end of a burst."""


class TappedHttp(HttpClient):
    """Sends GET alone, and has every answer written down."""

    def __init__(
        self, tap: MarketTap, codec: PublicCodec, opener: StreamOpener, endpoint: Endpoint, *, clock: Clock
    ) -> None:
        super().__init__(opener, endpoint, clock=clock, venue=codec.venue.value)
        self._tap = tap
        self._snapshot = codec.snapshot_request().target

    async def request(
        self, method: str, path_and_query: str, headers: Mapping[str, str] | None = None, body: bytes = b"", *,
        deadline_s: float, queue_s_max: float | None = None,
    ) -> HttpReply:
        """As `HttpClient.request`."""
        assert method == "GET"
        try:
            reply = await super().request(
                method, path_and_query, headers, body, deadline_s=deadline_s, queue_s_max=queue_s_max
            )
        except OperatingError as error:
            self._tap.event(What.UNANSWERED, f"{path_and_query}: {error}")
            raise
        kind = Kind.SNAPSHOT if path_and_query == self._snapshot else Kind.INSTRUMENT
        self._tap.answer(path_and_query, kind, reply)
        return reply


class TappedCodec:
    """A public codec whose frames, in and out, are written down in the turn in which it is handed them."""

    def __init__(self, inner: PublicCodec, tap: MarketTap) -> None:
        self.venue: Venue = inner.venue
        self.symbol: Symbol = inner.symbol
        self.ping_interval_s: float = inner.ping_interval_s
        self._inner, self._tap = inner, tap
        self.instrument_requests, self.instrument = inner.instrument_requests, inner.instrument
        self.server_time_request, self.server_time_ms = inner.server_time_request, inner.server_time_ms
        self.snapshot_request, self.snapshot = inner.snapshot_request, inner.snapshot
        self.stream_target, self.stream_headers, self.trouble = inner.stream_target, inner.stream_headers, inner.trouble

    def subscribe_frames(self, now_s: int) -> tuple[str, ...]:
        """Asked for once a stream is open: that is when it is connected."""
        self._tap.connected()
        frames = self._inner.subscribe_frames(now_s)
        for frame in frames:
            self._tap.event(What.SENT, frame)
        return frames

    def ping_frame(self, now_s: int) -> str:
        """The application's own ping."""
        frame = self._inner.ping_frame(now_s)
        self._tap.event(What.SENT, frame)
        return frame

    def decode(self, frame: str | bytes) -> tuple[PublicMessage, ...]:
        """Words from one frame. Raises FrameUnreadable; the frame is written down all the same."""
        stamp, kind = self._tap.intake.stamp(), Kind.UNREADABLE
        try:
            words = self._inner.decode(frame)
            kind = kind_of(words)
        finally:
            self._tap.frame(stamp, frame, kind)
        return words
