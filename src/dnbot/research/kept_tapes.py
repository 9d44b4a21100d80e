"""What recorded books did at the venues, kept on disk: it depends on the files and the mapping alone, so whoever plays
the same once more, such as a study with other parameters, need not read and fold the recording again.

A file holds the turns of one play in their order, and hands them out one by one. Where it ends before the play does,
or is not what it should be, the recording itself is played from its beginning to that turn and from there on, and what
came of it takes the file's place.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path

import attrs
import msgspec

from dnbot.fakes.market import Tape
from dnbot.fakes.market_ladder import Command
from dnbot.fakes.records import Venue
from dnbot.lab.source import source_digest

SOURCE = source_digest(("dnbot.research.captures",))
"""Of what decides what a tape does and how that is kept; as it was when it was loaded, which is what runs."""
ENDING, UNFINISHED = ".tapes", ".tapes.part"
UNFINISHED_S_MAX = 3600.0
"""Whoever wrote an unfinished file that is older was ended while it did."""
BEGINNING_S = -1.0
"""The time of a tape that had no turn yet."""
TURNS_PER_BLOCK = 64
LENGTH_BYTES = 4
FILE_BYTES_MAX = 256 * 1024 * 1024
FOLDER_BYTES_MAX = 1024 * 1024 * 1024
"""Of all plays together; those that were not played for the longest time make room."""


class Turn(msgspec.Struct, array_like=True, frozen=True):
    """One turn of a venue's tape, at seconds of the world, and the middle of its book then."""

    venue: Venue
    at_s: float
    middle: float
    commands: list[Command]


def key_of(*parts: object) -> str:
    """A name for what decides a play, by the `repr` of its parts and by our own source."""
    digest = hashlib.sha256(SOURCE)
    for part in parts:
        digest.update(repr(part).encode() + b"\0")
    return digest.hexdigest()[:32]


def usual_folder() -> Path | None:
    """Where the user's caches are; None for a user who has no place for them."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    try:
        caches = Path(named) if os.path.isabs(named) else Path.home() / ".cache"
    except RuntimeError:
        return None
    return caches / "dnbot" / "tapes"


@attrs.define(eq=False)
class _Blocks:
    """Turns on their way into a file: each block has its length in front and is compressed with a checksum."""

    _done: list[bytes] = attrs.field(factory=list)
    _bytes: int = 0
    _open: list[Turn] = attrs.field(factory=list)
    _given_up: bool = False

    def add(self, turn: Turn) -> None:
        """The next one. Its commands are packed some turns later: nobody may change them."""
        if self._given_up:
            return
        self._open.append(turn)
        if len(self._open) == TURNS_PER_BLOCK:
            self._close()

    def give_up(self) -> None:
        """Nothing of it is to be kept."""
        self._given_up, self._done, self._open = True, [], []

    def content(self) -> list[bytes]:
        """What the file shall hold; nothing when it was given up."""
        if self._open:
            self._close()
        return self._done

    def _close(self) -> None:
        packed = zlib.compress(msgspec.msgpack.encode(self._open), 1)
        self._open = []
        self._bytes += LENGTH_BYTES + len(packed)
        self._done += [len(packed).to_bytes(LENGTH_BYTES, "big"), packed]
        if self._bytes > FILE_BYTES_MAX:
            self.give_up()


@attrs.define(eq=False)
class KeptTapes:
    """The tapes of one play. `live` makes those that read the recording, for `venues`; `folder` need not exist yet."""

    folder: Path
    key: str
    venues: tuple[Venue, ...]
    live: Callable[[], Mapping[Venue, Tape]]
    middles: dict[Venue, float] = attrs.field(factory=dict, init=False)
    """Of each book at its last turn."""
    _coming: Iterator[Turn] = attrs.field(init=False)
    _past: list[Turn] = attrs.field(factory=list, init=False)
    """What came from the file, without its commands."""
    _tapes: Mapping[Venue, Tape] | None = attrs.field(default=None, init=False)
    _new: _Blocks = attrs.field(factory=_Blocks, init=False)

    def __attrs_post_init__(self) -> None:
        self._coming = _turns_in(self._path)
        opening = list(islice(self._coming, len(self.venues)))
        if [turn.venue for turn in opening] == list(self.venues):
            self.middles.update({turn.venue: turn.middle for turn in opening})
        else:
            self._read_recording()

    @property
    def from_disk(self) -> bool:
        """Whether the recording was not read until now."""
        return self._tapes is None

    def tapes(self) -> dict[Venue, Tape]:
        """One for each venue."""
        return {venue: _KeptTape(self, venue) for venue in self.venues}

    def turn(self, venue: Venue, at_s: float) -> list[Command]:
        """See `Tape`, here and below."""
        if self._tapes is None:
            kept = next(self._coming, None)
            if kept is not None and (kept.venue, kept.at_s) == (venue, at_s):
                self.middles[venue] = kept.middle
                self._past.append(Turn(venue, at_s, kept.middle, []))
                return kept.commands
        return self._recorded(self._tapes or self._read_recording(), venue, at_s)

    def forget(self, venue: Venue) -> None:
        """From here on, turns depend on more than the files."""
        tapes = self._tapes or self._read_recording()
        tapes[venue].forget()
        self._new.give_up()

    def leave(self) -> None:
        """Keep what is new, where that can be done: who cannot write there plays the recording itself next time."""
        with suppress(OSError):
            if self._tapes is None:
                os.utime(self._path)
            elif content := self._new.content():
                self._write(content)
                _make_room(self.folder, self._path.stat().st_mtime)

    @property
    def _path(self) -> Path:
        return self.folder / f"{self.key}{ENDING}"

    def _read_recording(self) -> Mapping[Venue, Tape]:
        """Begin with it, and catch up."""
        self._tapes = tapes = self.live()
        for venue in self.venues:
            self.middles[venue] = tapes[venue].middle()
            self._new.add(Turn(venue, BEGINNING_S, self.middles[venue], []))
        for turn in self._past:
            self._recorded(tapes, turn.venue, turn.at_s)
        self._past.clear()
        return tapes

    def _recorded(self, tapes: Mapping[Venue, Tape], venue: Venue, at_s: float) -> list[Command]:
        commands = tapes[venue].turn(at_s)
        self.middles[venue] = tapes[venue].middle()
        self._new.add(Turn(venue, at_s, self.middles[venue], commands))
        return commands

    def _write(self, content: list[bytes]) -> None:
        """Whole or not at all, whoever else does the same."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.folder, suffix=UNFINISHED, delete=False) as file:
            try:
                file.writelines(content)
                file.close()
                Path(file.name).replace(self._path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise


@attrs.define(eq=False)
class _KeptTape:
    of: KeptTapes
    venue: Venue

    def turn(self, at_s: float) -> list[Command]:
        return self.of.turn(self.venue, at_s)

    def middle(self) -> float:
        return self.of.middles[self.venue]

    def forget(self) -> None:
        self.of.forget(self.venue)


def _turns_in(path: Path) -> Iterator[Turn]:
    """Those of a file, to its end or to where it is broken; none of a file that cannot be read."""
    decoder = msgspec.msgpack.Decoder(list[Turn])
    with suppress(OSError, zlib.error, msgspec.MsgspecError), path.open("rb") as file:
        while (length := int.from_bytes(file.read(LENGTH_BYTES), "big")) and length <= FILE_BYTES_MAX:
            yield from decoder.decode(zlib.decompress(file.read(length)))


def _make_room(folder: Path, now_s: float) -> None:
    """Let go of what nobody will finish, and of what was played longest ago until the rest is no more than may be."""
    for path in folder.glob(f"*{UNFINISHED}"):
        if now_s - path.stat().st_mtime > UNFINISHED_S_MAX:
            path.unlink(missing_ok=True)
    known = sorted(((path, path.stat()) for path in folder.glob(f"*{ENDING}")), key=lambda one: one[1].st_mtime)
    surplus = sum(stat.st_size for _, stat in known) - FOLDER_BYTES_MAX
    for path, stat in known:
        if surplus <= 0:
            return
        path.unlink(missing_ok=True)
        surplus -= stat.st_size
