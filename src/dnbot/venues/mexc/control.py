"""Text frames of both MEXC sockets: subscriptions, their answers, and the ping.

A refused subscription is answered with code 0, like a good one: the only sign of success is a `msg` that equals the
channel. One channel per frame, because the answer to a mixture is not documented.
Source: MEXC spot v3 docs, Websocket Market Streams; refusal text as recorded.
"""

from __future__ import annotations

from typing import Final

import attrs
import msgspec

from dnbot.domain.errors import FrameUnreadable
from dnbot.venues.mexc.shapes import read
from dnbot.venues.wire import Pong, Subscribed, SubscriptionRefused, UnknownFrame

CHANNEL_PREFIX: Final = "spot@public."
REFUSAL_PREFIX: Final = "Not Subscribed successfully!"
PING_FRAME: Final = '{"method":"PING"}'
PING_INTERVAL_S: Final = 15.0
"""A socket on which nothing flows is closed after 60 s; a ping counts as traffic."""
STREAM_PATH: Final = "/ws"

ControlMessage = Pong | Subscribed | SubscriptionRefused | UnknownFrame


class _Answer(msgspec.Struct):
    id: int | str | None = None
    code: int | str | None = None
    msg: str | None = None


def named_in(frame: str) -> list[str]:
    """The channels that an answer is about; none when it names none, or is no answer."""
    try:
        text = read(frame.encode(), _Answer).msg or ""
    except FrameUnreadable:
        return []
    inside = text.partition("[")[2].partition("]")[0] if text.startswith(REFUSAL_PREFIX) else text
    return [name for part in inside.split(",") if (name := part.strip()).startswith(CHANNEL_PREFIX)]


@attrs.frozen
class Subscriptions:
    """The channels of one socket, numbered from 1: the venue answers 0 to what carried no number."""

    channels: tuple[str, ...]

    def frames(self) -> tuple[str, ...]:
        """One frame per channel."""
        return tuple(
            msgspec.json.encode({"method": "SUBSCRIPTION", "params": [channel], "id": number}).decode()
            for number, channel in enumerate(self.channels, start=1)
        )

    def ending_frames(self) -> tuple[str, ...]:
        """One frame that ends them all; its number is none of theirs."""
        told = {"method": "UNSUBSCRIPTION", "params": list(self.channels), "id": len(self.channels) + 1}
        return (msgspec.json.encode(told).decode(),)

    def read(self, frame: str) -> tuple[ControlMessage, ...]:
        """Words from one text frame.

        Raises:
            FrameUnreadable: not a JSON object.
        """
        answer = read(frame.encode(), _Answer)
        text = answer.msg or ""
        if text.upper() == "PONG":
            return (Pong(),)
        if text.startswith(REFUSAL_PREFIX):
            return tuple(SubscriptionRefused(name, text) for name in self._refused(text, answer))
        names = text.split(",")
        if str(answer.code) == "0" and all(name in self.channels for name in names):
            return tuple(Subscribed(name) for name in names)
        asked = self._asked(answer)
        return (SubscriptionRefused(asked, frame[:500]) if asked else UnknownFrame(frame[:500]),)

    def _refused(self, text: str, answer: _Answer) -> list[str]:
        inside = text.partition("[")[2].partition("]")[0]
        return [name.strip() for name in inside.split(",")] if inside else [self._asked(answer)]

    def _asked(self, answer: _Answer) -> str:
        """The channel that an answer's number belongs to; empty when it is none of ours."""
        return next((name for number, name in enumerate(self.channels, start=1) if str(number) == str(answer.id)), "")
