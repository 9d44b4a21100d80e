"""`dnbot logs`: what the log of a state folder holds, its rotated files included, and what comes."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import attrs
import msgspec
import trio

from dnbot.domain.errors import ConfigError
from dnbot.ports.log_sinks import RANK, Level, Line, render

LOG_FILE = Path("log") / "dnbot.jsonl"
"""In the state folder."""
LOOK_EVERY_S = 0.2


class _Written(msgspec.Struct):
    """A line as the file has it."""

    ts_ns: int
    level: Level
    event: str
    data: dict[str, Any]


_decode = msgspec.json.Decoder(_Written).decode


@attrs.frozen
class Wanted:
    """Which lines are shown, and how many of those that are there already; `last` 0: all."""

    level: Level = "info"
    events: tuple[str, ...] = ()
    since_ns: int = 0
    last: int = 50
    as_json: bool = False

    def shown(self, raw: bytes) -> str | None:
        """The line as it is printed; None when it is not wanted. Raises ValueError for what is no line of the log."""
        try:
            line = _decode(raw)
        except msgspec.MsgspecError as error:
            raise ValueError(str(error)) from None
        if RANK[line.level] < RANK[self.level] or line.ts_ns < self.since_ns:
            return None
        if self.events and line.event not in self.events:
            return None
        return raw.decode() if self.as_json else render(Line(line.ts_ns, line.level, line.event, line.data))


@attrs.define
class LogReader:
    """Reads one log from its oldest file to its newest, and goes on from there."""

    path: Path
    wanted: Wanted
    unreadable: int = 0
    """Lines that are no lines of the log: a crash may have cut one, or somebody else wrote into the file."""
    _read: int = attrs.field(default=0, init=False)
    """Bytes of the newest file that were taken."""
    _inode: int = attrs.field(default=0, init=False)

    def newest(self) -> list[str]:
        """What is there and wanted, oldest first, at most `wanted.last` lines.

        Raises:
            ConfigError: there is no log.
        """
        if not self.path.exists():
            raise ConfigError(str(self.path), "log", "no such file", "the log of a bot that ran with this state folder")
        kept: deque[str] = deque(maxlen=self.wanted.last or None)
        for older in filter(self._may_hold_wanted, self._rotated()):
            kept.extend(self._wanted_of(older.read_bytes().splitlines()))
        kept.extend(self._more())
        return list(kept)

    async def coming(self) -> AsyncIterator[str]:
        """What is wanted of what comes from now on; does not end."""
        while True:
            for text in self._more():
                yield text
            await trio.sleep(LOOK_EVERY_S)

    def _rotated(self) -> list[Path]:
        """Older files, the oldest first."""
        found = []
        for path in self.path.parent.glob(f"{self.path.name}.*"):
            number = path.suffix.removeprefix(".")
            if number.isdecimal():
                found.append((int(number), path))
        return [path for _, path in sorted(found, reverse=True)]

    def _may_hold_wanted(self, path: Path) -> bool:
        """A file is as young as its last line."""
        return path.stat().st_mtime_ns >= self.wanted.since_ns

    def _more(self) -> Iterator[str]:
        """Whole lines that were written since the last look, those of files that were rotated meanwhile first."""
        for path in self._unread():
            try:
                with path.open("rb") as file:
                    inode = os.fstat(file.fileno()).st_ino
                    if inode != self._inode:
                        self._inode, self._read = inode, 0
                    yield from self._lines(file.fileno())
            except FileNotFoundError:
                return  # between two files of a rotation

    def _unread(self) -> list[Path]:
        """The file that was read last, whatever it is called now, and all that came after it."""
        paths = [*self._rotated(), self.path]
        known = [number for number, path in enumerate(paths) if path.exists() and path.stat().st_ino == self._inode]
        return paths[known[0] :] if known else [self.path]

    def _lines(self, descriptor: int) -> Iterator[str]:
        size = os.fstat(descriptor).st_size
        taken, _, _ = os.pread(descriptor, size - self._read, self._read).rpartition(b"\n")
        if taken:
            self._read += len(taken) + 1
            yield from self._wanted_of(taken.splitlines())

    def _wanted_of(self, raw: Iterable[bytes]) -> Iterator[str]:
        for line in raw:
            try:
                text = self.wanted.shown(line)
            except ValueError:
                self.unreadable += 1
                continue
            if text is not None:
                yield text
