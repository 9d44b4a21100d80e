"""What outlives a process of the simulated bot."""

from __future__ import annotations

import attrs

from dnbot.ports.latch import MemoryLatch
from dnbot.ports.memory_store import MemoryStore
from dnbot.ports.spill import MemoryMedium


@attrs.define
class Disk:
    """The database, the spill file and the latch file. Hand the same one to the next incarnation."""

    store: MemoryStore = attrs.field(factory=MemoryStore)
    spill: MemoryMedium = attrs.field(factory=MemoryMedium)
    latch: MemoryLatch = attrs.field(factory=MemoryLatch)
