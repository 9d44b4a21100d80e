"""The language of the control channel: one JSON object a line, a request from a person, a reply from the bot."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import trio

from dnbot.domain.instrument import Venue
from dnbot.operate.status import Status
from dnbot.tasks.sweeping import Swept

REQUEST_BYTES_MAX = 4096
REPLY_BYTES_MAX = 1024 * 1024
WHY_CHARACTERS_MAX = 300


class AskStatus(msgspec.Struct, frozen=True, tag="status", forbid_unknown_fields=True):
    """The whole picture."""

    tree: bool = False


class Pause(msgspec.Struct, frozen=True, tag="pause", forbid_unknown_fields=True):
    """Take no new risk: ACTIVE becomes REDUCING."""

    why: str


class Reduce(msgspec.Struct, frozen=True, tag="reduce", forbid_unknown_fields=True):
    """The same, for someone in a hurry: no reason is asked for, and a mode that is stricter already is fine."""

    why: str = "reduce"


class Resume(msgspec.Struct, frozen=True, tag="resume", forbid_unknown_fields=True):
    """Back to ACTIVE; out of HALTED only by `force`."""

    why: str
    force: bool = False


class Leave(msgspec.Struct, frozen=True, tag="stop", forbid_unknown_fields=True):
    """Settle, cancel, end; `hurry` shortens the deadline of a shutdown that is under way."""

    why: str = "stop"
    flatten: bool = False
    """Sell the inventory and buy the short back before the end."""
    hurry: bool = False


class Kill(msgspec.Struct, frozen=True, tag="kill", forbid_unknown_fields=True):
    """HALTED, every order of ours cancelled at every venue, and proof that none is left; the bot goes on running."""

    why: str


class Ship(msgspec.Struct, frozen=True, tag="ship", forbid_unknown_fields=True, kw_only=True):
    """Funds will be moved from one exchange to another by a person. Amounts are native units of `asset`."""

    source: Venue
    target: Venue
    asset: str
    leaves: Decimal
    arrives: Decimal
    why: str


class GiveUp(msgspec.Struct, frozen=True, tag="give_up", forbid_unknown_fields=True):
    """What is left of a declared shipment will neither leave nor arrive."""

    shipment_id: str
    why: str


Request = AskStatus | Pause | Reduce | Resume | Leave | Kill | Ship | GiveUp


class StatusTold(msgspec.Struct, frozen=True, tag="status", kw_only=True):
    """The answer to `AskStatus`."""

    status: Status


class Done(msgspec.Struct, frozen=True, tag="done", kw_only=True):
    """The effect was seen."""

    text: str
    state: str
    mode: str


class Late(msgspec.Struct, frozen=True, tag="late", kw_only=True):
    """The machine was told, but the effect was not seen within the deadline."""

    text: str
    state: str
    mode: str


class Refused(msgspec.Struct, frozen=True, tag="refused", kw_only=True):
    """Nothing was done, or it did not last, and why."""

    text: str


class Killed(msgspec.Struct, frozen=True, tag="killed", kw_only=True):
    """The answer to `Kill`: what came of each venue."""

    text: str
    state: str
    mode: str
    venues: tuple[Swept, ...]


Reply = StatusTold | Done | Late | Refused | Killed


class LineTooLong(Exception):
    """The other side sends more than any message of ours holds."""


class LineReader:
    """Lines from a stream, none longer than `bytes_max`."""

    def __init__(self, stream: trio.abc.ReceiveStream, bytes_max: int) -> None:
        self._stream, self._bytes_max = stream, bytes_max
        self._buffer = bytearray()

    async def next(self) -> bytes | None:
        """The next line without its end; None when the stream ends, a torn last line included.

        Raises:
            LineTooLong: there is no line end within the limit.
        """
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > self._bytes_max:
                raise LineTooLong(f"no line end within {self._bytes_max} bytes")
            chunk = await self._stream.receive_some(self._bytes_max)
            if not chunk:
                return None
            self._buffer += chunk
        if end > self._bytes_max:
            raise LineTooLong(f"a line of {end} bytes; at most {self._bytes_max}")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line


def read_request(line: bytes) -> Request:
    """The request that a line holds.

    Raises:
        ValueError: it is none, and why.
    """
    try:
        request: Request = msgspec.json.decode(line, type=Request)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not a request: {error}") from None
    why = getattr(request, "why", "-")
    if not why.strip() or len(why) > WHY_CHARACTERS_MAX or not why.isprintable():
        raise ValueError(f"why: found {why[:60]!r}; allowed: 1 to {WHY_CHARACTERS_MAX} printable characters")
    return request


def read_reply(line: bytes) -> Reply:
    """The reply that a line holds; raises ValueError when it is none."""
    try:
        reply: Reply = msgspec.json.decode(line, type=Reply)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not a reply: {error}") from None
    return reply


def to_line(message: Request | Reply) -> bytes:
    """A message as it travels."""
    return msgspec.json.encode(message) + b"\n"
