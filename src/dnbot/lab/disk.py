"""What outlives a process of the simulated bot."""

from __future__ import annotations

import attrs

from dnbot.ports.memory_store import MemoryStore
from dnbot.ports.spill import MemoryMedium


@attrs.define
class Disk:
    """The database and the spill file. Hand the same one to the next incarnation."""

    store: MemoryStore = attrs.field(factory=MemoryStore)
    spill: MemoryMedium = attrs.field(factory=MemoryMedium)
