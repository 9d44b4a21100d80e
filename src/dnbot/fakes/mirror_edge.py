"""The way to a venue and back, for a world whose market is kept elsewhere: requests and messages wait it out.

Then they meet the newest book, and no other: what grew too old meanwhile is gone before they are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import trio

from .mirror import Mirror
from .mirror_terms import latency_s
from .records import Venue
from .web import WebSocket


@attrs.frozen
class Distance:
    """How far away the venues of a world are; nowhere without a mirror."""

    mirror: Mirror | None

    async def travel(self, venue: Venue) -> None:
        """Wait for as long as a request takes there and back."""
        if self.mirror is not None:
            await trio.sleep(latency_s(self.mirror.terms, venue))
            self.mirror.drop_stale()

    def socket(self, venue: Venue, ws: WebSocket) -> WebSocket:
        """The same conversation from further away."""
        return ws if self.mirror is None else DistantSocket(ws, self, venue)


@attrs.frozen
class DistantSocket:
    """What the client says takes the way there and back, one message after the other; what it hears, no time more."""

    near: WebSocket
    distance: Distance
    venue: Venue

    async def get_message(self) -> str | bytes:
        """The next message of the client."""
        message = await self.near.get_message()
        await self.distance.travel(self.venue)
        return message

    async def send_message(self, message: str | bytes) -> None:
        """Send one message."""
        await self.near.send_message(message)

    async def send_frames(self, frames: Iterable[bytes]) -> None:
        """Send frames made by `websocket.framed`, all at once."""
        await self.near.send_frames(frames)

    async def aclose(self, code: int = 1000, reason: str | None = None) -> None:
        """Say goodbye."""
        await self.near.aclose(code, reason)
