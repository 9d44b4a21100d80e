"""What a recording holds: frames as they came, answers of REST, and events of the recorder, in the order of receipt."""

from __future__ import annotations

from pathlib import Path

import msgspec

from dnbot.domain.errors import OperatingError
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.word import Word


class Kind(Word):
    """What an entry is. The first seven are frames of a stream, named by what the bot's codec reads in them."""

    BOOK = "book"
    TOP = "top"
    TRADES = "trades"
    TICKER = "ticker"
    """24 h figures; on the perpetual mark, index and funding too."""
    CONTROL = "control"
    """Acknowledgements, pongs, announcements."""
    UNKNOWN = "unknown"
    """Readable, and nothing that the bot knows."""
    UNREADABLE = "unreadable"
    """The codec refused it."""
    INSTRUMENT = "instrument"
    """An answer that the codec needs before it can read anything; the newest begin every segment."""
    SNAPSHOT = "snapshot"
    """An answer with a whole book."""
    EVENT = "event"


FRAMES = (Kind.BOOK, Kind.TOP, Kind.TRADES, Kind.TICKER, Kind.CONTROL, Kind.UNKNOWN, Kind.UNREADABLE)
ANSWERS = (Kind.INSTRUMENT, Kind.SNAPSHOT)


class What(Word):
    """What an event tells."""

    STARTED = "started"
    """A recorder began; its text is JSON: version, venues and their hosts. Numbers and connections begin anew."""
    STOPPED = "stopped"
    CONNECTED = "connected"
    """A stream is open; entries of its connection follow."""
    SENT = "sent"
    """A frame that we sent: a subscription or a ping; the text is the frame."""
    DISCONNECTED = "disconnected"
    """A stream or a read failed, with the reason; the recorder connects again."""
    UNANSWERED = "unanswered"
    """A REST read failed, with its target and the reason."""
    BOOK_KEPT = "book_kept"
    """Snapshot and increments have joined."""
    BOOK_LOST = "book_lost"
    """A gap: increments are missing, or the stream ended."""
    DROPPED = "dropped"
    """Entries were lost because the disk was too slow; JSON: how many entries and bytes, by market."""


BEHIND_A_HOLE = frozenset({What.STARTED, What.DROPPED})
"""Events before which entries of every market may be missing: the recorder before was killed, or the disk too slow."""
ENDED = "the recorder ends"
"""Why a stream ended that nobody lost."""


class Market(msgspec.Struct, frozen=True, order=True):
    """One symbol on one venue."""

    venue: Venue
    symbol: Symbol

    @property
    def name(self) -> str:
        """Such as `GATEIO_SPOT/BTC_USDT`."""
        return f"{self.venue.value}/{self.symbol.base}_{self.symbol.quote}"


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """A message of a stream, byte for byte."""

    number: int
    """Place in the order of receipt of its recorder, over all connections, from 1; lost entries had numbers too."""
    received_ns: int
    """Wall clock, nanoseconds since the Unix epoch; may step."""
    monotonic_ns: int
    """Monotonic clock of the recorder; comparable within one run of it."""
    market: Market
    connection: int
    """Counted from 1 by each recorder."""
    kind: Kind
    payload: bytes
    is_text: bool
    lead_in: bool = False
    """Repeated from before the beginning of a segment or cut, so that what follows can be read."""

    @property
    def message(self) -> str | bytes:
        """As the codec takes it."""
        return self.payload.decode() if self.is_text else self.payload


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of REST that a book needs; number, times and `lead_in` as those of a frame."""

    number: int
    received_ns: int
    monotonic_ns: int
    market: Market
    kind: Kind
    target: str
    """Path and query."""
    status: int
    headers: dict[str, str]
    body: bytes
    lead_in: bool = False


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to the recorder; number, times and `lead_in` as those of a frame."""

    number: int
    received_ns: int
    monotonic_ns: int
    market: Market | None
    """None: of the recorder as a whole."""
    connection: int
    """0 when it is of none."""
    what: What
    text: str = ""
    lead_in: bool = False


Entry = Frame | Answer | Event


class Loss(msgspec.Struct, frozen=True):
    """What a DROPPED event tells."""

    entries: int
    bytes: int
    by: dict[str, int]
    """Entries by the name of their market."""


_loss = msgspec.json.Decoder(Loss).decode


def lost_of(entry: Entry) -> int:
    """How many entries are missing just before this one."""
    return _loss(entry.text).entries if isinstance(entry, Event) and entry.what is What.DROPPED else 0


class RecordingFailed(OperatingError):
    """The disk did not take what was recorded; names the file or folder."""


class RecordingFull(OperatingError):
    """The folder holds as much as it may, and nothing of it may be removed."""


class RecordingDamaged(OperatingError):
    """What is on the disk is not what was written; names file and offset. Entries before it are good."""

    def __init__(self, path: Path, offset: int | None, what: str) -> None:
        where = f"{path}: " if offset is None else f"{path}: at byte {offset}: "
        super().__init__(where + what)
        self.path, self.offset, self.what = path, offset, what
