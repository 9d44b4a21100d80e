"""Reading one Gate WebSocket frame: the envelope first, then the channel's own reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from dnbot.domain.errors import FrameUnreadable
from dnbot.domain.instrument import Venue
from dnbot.venues.gateio.envelope import ControlMessage, Envelope, control_message, open_frame
from dnbot.venues.gateio.literals import UNREADABLE, given
from dnbot.venues.wire import UnknownFrame

Words = TypeVar("Words")
Reader = Callable[[Envelope], "tuple[Words, ...]"]


def read_frame(
    venue: Venue, frame: str | bytes, readers: Mapping[str, Reader[Words]], read_reply: Reader[Words] | None = None
) -> tuple[Words | ControlMessage, ...]:
    """The words of a frame; a channel without a reader gives an UnknownFrame. Raises FrameUnreadable.

    Args:
        read_reply: reads the answers of the order socket, which alone have a `header`.
    """
    try:  # `readable`, without the price of a context for each frame
        envelope = open_frame(frame)
        reader = readers.get(envelope.channel or "")
        if reader is not None and envelope.event == "update" and not given(envelope.error):
            return reader(envelope)
        if read_reply is not None and given(envelope.header):
            return read_reply(envelope)
        told = control_message(envelope)
        return (told if told is not None else UnknownFrame(f"{envelope.channel} {envelope.event}"),)
    except UNREADABLE as error:
        raise FrameUnreadable(venue.value, f"stream frame: {error}", frame) from error


def ascii_pair(base: str, quote: str) -> str:
    """`BASE_QUOTE`; a name outside ASCII is refused: it would have to be escaped in the URL but signed unescaped.

    Raises:
        ValueError: the name is not ASCII.
    """
    pair = f"{base}_{quote}"
    if not pair.isascii():
        raise ValueError(f"Gate symbol {pair!r}: only ASCII names are supported")
    return pair
