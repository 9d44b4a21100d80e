"""What a worker must know of a venue so that its tasks can share public connections and reads. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dnbot.domain.instrument import Symbol
from dnbot.venues.wire import Reply, Request


class Sharing(Protocol):
    """How one venue's public streams and reads carry several markets."""

    @property
    def markets_max(self) -> int:
        """On one connection."""
        ...

    def name_of(self, symbol: Symbol) -> str:
        """A market as this venue's frames and lists write it. Raises ValueError for one that the venue cannot have."""
        ...

    def farewell(self, symbol: Symbol, now_s: int) -> tuple[str, ...]:
        """Frames that end what the market's codec subscribed to, on a connection that goes on."""
        ...

    def markets(self, frame: str | bytes) -> tuple[str, ...] | None:
        """Whom a frame is about; empty for nobody. None: it may be about all of the connection, or cannot be read,
        which its codecs will say."""
        ...

    def part(self, frame: str | bytes, name: str) -> str | bytes:
        """What a frame about several markets says of this one, as the venue would have said it alone."""
        ...

    def terms_requests(self, names: Sequence[str]) -> tuple[Request, ...]:
        """The reads that describe all of these instruments at once."""
        ...

    def terms(self, names: Sequence[str], replies: Sequence[Reply]) -> dict[str, tuple[Reply, ...]]:
        """By market, what its codec's `instrument` reads; a market that the venue does not list is missing.

        Raises:
            FrameUnreadable: a reply is no such list.
        """
        ...
