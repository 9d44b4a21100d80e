"""Where a feed gets its stream and its market's terms: a connection of its own, or a part of one that tasks share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NoReturn, Protocol

import attrs
import trio

from dnbot.ports.net import StreamOpener
from dnbot.ports.websocket import open_websocket
from dnbot.tasks.link import Line
from dnbot.venues.wire import PublicCodec, Reply

DATA_SILENCE_S_MAX = 15.0  # a market that says nothing for so long is a dead socket, whatever its pongs say


class MarketStream(Protocol):
    """One market's frames; what `WebSocket` offers of it."""

    @property
    def read_s(self) -> float:
        """When the newest bytes were read, trio's clock."""
        ...

    async def send(self, message: str | bytes) -> None:
        """Raises VenueUnreachable when the stream has ended."""
        ...

    async def deliver(self, take: Callable[[str | bytes], None], conclude: Callable[[], None]) -> NoReturn:
        """Give every message to `take` in the turn in which its bytes were read, and call `conclude` after a burst.

        Raises what these two raised, and VenueUnreachable when the stream has ended.
        """
        ...


class Source(Protocol):
    """What a feed stands on, for one market."""

    @property
    def line(self) -> Line:
        """For snapshots."""
        ...

    @property
    def is_shared(self) -> bool:
        """Whether the line serves others too: then its requests are not counted as this feed's."""
        ...

    def connected(self, codec: PublicCodec) -> AbstractAsyncContextManager[MarketStream]:
        """An open stream on which nothing is subscribed yet. Raises VenueUnreachable."""
        ...

    async def keep_alive(self, codec: PublicCodec, stream: MarketStream) -> None:
        """Never returns; pings as often as the venue wants it."""
        ...

    async def terms(self, codec: PublicCodec, young_s: float) -> Sequence[Reply]:
        """Answers to what `codec.instrument` reads, asked for at most `young_s` ago or now. Raises as `Line.read`."""
        ...

    def terms_due_s(self, codec: PublicCodec, every_s: float) -> float:
        """When to ask again to have them every so often, trio's clock."""
        ...


@attrs.frozen
class OwnSource:
    """A connection that is this feed's alone."""

    line: Line
    opener: StreamOpener
    stream_url: str
    """Scheme, host and port of the WebSocket, without path."""
    is_shared: bool = attrs.field(default=False, init=False)

    def connected(self, codec: PublicCodec) -> AbstractAsyncContextManager[MarketStream]:
        """See `Source.connected`."""
        return open_websocket(
            self.opener, self.stream_url + codec.stream_target(), venue=codec.venue.value,
            silence_s_max=DATA_SILENCE_S_MAX, extra_headers=codec.stream_headers(),
        )

    async def keep_alive(self, codec: PublicCodec, stream: MarketStream) -> None:
        """See `Source.keep_alive`."""
        await ping(self.line, codec, stream)

    async def terms(self, codec: PublicCodec, young_s: float) -> Sequence[Reply]:
        """See `Source.terms`: they are always asked for now."""
        del young_s
        return [await self.line.read(codec, request) for request in codec.instrument_requests()]

    def terms_due_s(self, codec: PublicCodec, every_s: float) -> float:
        """See `Source.terms_due_s`."""
        del codec
        return trio.current_time() + every_s


async def ping(line: Line, codec: PublicCodec, stream: MarketStream) -> None:
    """Never returns; the application's own ping, as often as the venue wants it."""
    while True:
        await trio.sleep(codec.ping_interval_s)
        await stream.send(codec.ping_frame(line.wall_s()))
