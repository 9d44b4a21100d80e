"""A halt that comes from outside of the bot: one file in the state folder, there until a person clears it.

It is written before anything else is tried, because a file can be written while the bot hangs and the database is away.
The bot looks for it before every order that takes risk; that costs one `stat`. It sets one itself when it ends with a
lowered mode that the database did not take, or when an end that somebody asked for was not clean.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import attrs
import msgspec

from dnbot.domain.errors import ConfigError

LATCH_NAME = "halt.latch"
CLEARED_NAME = "halt.cleared"
KILLED_BY = "killed by "
"""How the reason of a mode begins that comes from here."""
UNWRITTEN = "(the database had not taken it when the bot ended)"
NEWER = "another halt arrived while this one was being lifted: look again"
BYTES_MAX = 256 * 1024
MODE = 0o600


class Halt(msgspec.Struct, frozen=True, kw_only=True):
    """Who halted the bot, why, and when by the wall clock of that moment."""

    who: str
    reason: str
    at_ns: int
    unwritten: bool = False
    """Whether it is a mode of the bot's own that its database had not taken when the bot ended, or that somebody had
    asked for that end; then `reason` says which, and who lifts it has that to look into."""

    @property
    def why(self) -> str:
        """One sentence for the record; the same halt always says the same."""
        if self.unwritten:
            return f"{self.reason} {UNWRITTEN}"
        at = datetime.fromtimestamp(self.at_ns / 1e9, UTC)
        return f"{KILLED_BY}{self.who} at {at:%Y-%m-%d %H:%M:%S} UTC: {self.reason}"


UNREADABLE = Halt(who="unknown", reason="the latch file cannot be read", at_ns=0)
"""What stands for a file whose content is of no use: that it is there is enough."""


class Latch(Protocol):
    """The bot's side of it."""

    def is_set(self) -> bool:
        """Whether a halt stands."""
        ...

    def newest(self) -> Halt | None:
        """The newest halt that stands, None without one."""
        ...

    def set(self, halt: Halt) -> None:
        """Add a halt; those before it stay.

        Raises:
            ConfigError: it cannot be kept.
        """
        ...

    def clear(self, seen: Halt | None) -> str:
        """Take the halt away that a person has seen; empty when none is left, otherwise why it stays."""
        ...


@attrs.define
class MemoryLatch:
    """The file's twin for simulations."""

    halts: list[Halt] = attrs.field(factory=list)

    def is_set(self) -> bool:
        """See `Latch`."""
        return bool(self.halts)

    def newest(self) -> Halt | None:
        """See `Latch`."""
        return self.halts[-1] if self.halts else None

    def set(self, halt: Halt) -> None:
        """See `Latch`."""
        self.halts.append(halt)

    def clear(self, seen: Halt | None) -> str:
        """See `Latch`."""
        if self.newest() != seen:
            return NEWER
        self.halts.clear()
        return ""


@attrs.define
class FileLatch:
    """One halt a line. Every change is synced, folder included, before it counts."""

    path: Path

    @classmethod
    def of(cls, home: Path) -> FileLatch:
        """The latch of a state folder."""
        return cls(home / LATCH_NAME)

    def is_set(self) -> bool:
        """See `Latch`. What cannot be looked at is taken to be there."""
        try:
            os.stat(self.path)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    def newest(self) -> Halt | None:
        """See `Latch`. A torn or foreign content is `UNREADABLE`, never nothing."""
        try:
            with self.path.open("rb") as file:
                lines = file.read(BYTES_MAX).splitlines()
        except FileNotFoundError:
            return None
        except OSError:
            return UNREADABLE
        for line in reversed(lines):
            with suppress(msgspec.MsgspecError, UnicodeDecodeError):
                return msgspec.json.decode(line, type=Halt)
        return UNREADABLE

    def set(self, halt: Halt) -> None:
        """See `Latch`. It is written and synced then."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            while not self._append(halt):
                pass
            self._sync_folder()
        except OSError as error:
            raise ConfigError(str(self.path), "latch", error.strerror, "a file that this user can write") from error

    def _append(self, halt: Halt) -> bool:
        """Whether the line is in the file that has the name now: one that was being cleared is of no use."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.path, flags, MODE)
        try:
            size = os.fstat(descriptor).st_size
            # A line of its own, also behind one that a power cut left unfinished.
            os.write(descriptor, (b"\n" if size else b"") + msgspec.json.encode(halt) + b"\n")
            os.fsync(descriptor)
            with suppress(FileNotFoundError):
                return os.path.samestat(os.stat(self.path), os.fstat(descriptor))
            return False
        finally:
            os.close(descriptor)

    def clear(self, seen: Halt | None) -> str:
        """See `Latch`. The content is kept beside it, for a person; a halt that arrives meanwhile is put back."""
        if self.newest() != seen:
            return NEWER
        aside = self.path.with_name(CLEARED_NAME)
        try:
            self.path.replace(aside)
            newer = FileLatch(aside).newest() != seen
            if newer:
                with suppress(FileExistsError):
                    os.link(aside, self.path)
            self._sync_folder()
        except FileNotFoundError:
            return ""
        except OSError as error:
            return f"{self.path} cannot be taken away: {error.strerror}"
        return NEWER if newer else ""

    def _sync_folder(self) -> None:
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
