"""What outlives a process of the simulated bot."""

from __future__ import annotations

import attrs

from dnbot.domain.errors import ConfigError
from dnbot.ports.latch import Halt, MemoryLatch
from dnbot.ports.memory_store import MemoryStore
from dnbot.ports.spill import MemoryMedium


@attrs.define
class Disk:
    """The database, the spill file and the latch file. Hand the same one to the next incarnation."""

    store: MemoryStore = attrs.field(factory=MemoryStore)
    spill: MemoryMedium = attrs.field(factory=MemoryMedium)
    latch: MemoryLatch = attrs.field(factory=MemoryLatch)
    spilled: list[bytes] = attrs.field(factory=list)
    """Every line that the spill file ever held; those that the database has since taken are no longer in it."""


@attrs.define
class HeldMedium:
    """The spill file as one process holds it: revoked, it is a dead process's, and every call fails.

    What returned before the death is on the disk, in a power cut too: `Medium` promises that it was synced. No call is
    ever half done, for none of them awaits.
    """

    inner: MemoryMedium
    ever: list[bytes]
    """Told of what was appended."""
    revoked: bool = False

    def read(self) -> bytes:
        """See `dnbot.ports.spill.Medium`, here and below."""
        return self._held().read()

    def append(self, data: bytes) -> None:
        """Add bytes."""
        self._held().append(data)
        self.ever += data.splitlines()

    def replace(self, data: bytes) -> None:
        """Put these bytes in place of all others."""
        self._held().replace(data)

    def set_aside(self, data: bytes) -> str:
        """Keep a copy of damaged content."""
        return self._held().set_aside(data)

    def close(self) -> None:
        """Let go; nothing is lost by it."""

    def _held(self) -> MemoryMedium:
        if self.revoked:
            raise OSError(5, "this process is dead")
        return self.inner


@attrs.define
class HeldLatch:
    """The latch file as one process holds it: revoked, it is a dead process's, which changes nothing any more."""

    inner: MemoryLatch
    revoked: bool = False

    def is_set(self) -> bool:
        """See `dnbot.ports.latch.Latch`, here and below."""
        return self.inner.is_set()

    def newest(self) -> Halt | None:
        """The newest halt that stands."""
        return self.inner.newest()

    def set(self, halt: Halt) -> None:
        """Add a halt."""
        if self.revoked:
            raise ConfigError("halt.latch", "latch", "a dead process", "one that lives")
        self.inner.set(halt)

    def clear(self, seen: Halt | None) -> str:
        """Take the halt away that a person has seen."""
        return "this process is dead" if self.revoked else self.inner.clear(seen)
