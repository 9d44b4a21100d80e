"""Increments of a book, which are most frames, read in one pass where they are written as Gate writes them today.

A frame that is written otherwise (ids as texts, times with fractions, a field left out), or that cannot be read,
is none of these: it is left to the strict way, which reads every form and says what is wrong with the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec

from dnbot.domain.book import BookDelta, Level
from dnbot.domain.instrument import Venue
from dnbot.venues.gateio.literals import ABSENT, UNREADABLE, Literal, given
from dnbot.venues.wire import Delta

_MS_FROM, _MS_TO = 10**12, 10**13
"""Times of thirteen digits are milliseconds."""


_Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _Increment(msgspec.Struct):
    s: str
    first: _Id = msgspec.field(name="U")
    u: _Id
    t: int
    b: Literal = ABSENT
    a: Literal = ABSENT
    full: bool = False


class _Frame(msgspec.Struct):
    channel: str
    event: str
    result: _Increment
    error: Literal = ABSENT


_decode = msgspec.json.Decoder(_Frame).decode


class Increments:
    """The plain increments of one market's channel."""

    def __init__(self, venue: Venue, channel: str, name: str, levels: Callable[[Literal], tuple[Level, ...]]) -> None:
        self._venue, self._channel, self._name, self._levels = venue, channel, name, levels
        self._mark = f'"channel":"{channel}"'

    def read(self, frame: str | bytes) -> tuple[Delta] | None:
        """What the frame says, or None where the strict way has to be asked."""
        if type(frame) is not str or self._mark not in frame:
            return None
        try:
            told = _decode(frame)
            new = told.result
            if (
                told.channel != self._channel or told.event != "update" or new.s != self._name
                or not _MS_FROM <= new.t < _MS_TO or (told.error is not ABSENT and given(told.error))
            ):
                return None
            return (
                Delta(
                    BookDelta(
                        venue=self._venue, first_id=new.first, last_id=new.u, bids=self._levels(new.b),
                        asks=self._levels(new.a), at_ms=new.t, full=new.full,
                    )
                ),
            )
        except UNREADABLE:
            return None
