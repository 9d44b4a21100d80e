"""What a simulated fleet came to, and of which source that is."""

from __future__ import annotations

from typing import Any

import msgspec

from dnbot.lab.simulation import SOURCE_DIGITS
from dnbot.lab.source import source_digest

ROOTS = ("dnbot.lab.fleet_simulation", "dnbot.lab.fleet_schedule")
"""What a simulation of a fleet begins with."""


def fleet_source() -> str:
    """The first digits of the digest of every module that a simulation of a fleet can reach."""
    return source_digest(ROOTS).hex()[:SOURCE_DIGITS]


class FleetRun(msgspec.Struct, kw_only=True):
    """What one seed came to. Times in seconds."""

    seed: int
    source: str
    """See `fleet_source`."""
    trace_hash: str
    events: int
    virtual_s: float
    cpu_s: float
    tasks: int
    ttl_s: float
    orders: int
    """That venues accepted."""
    fills: int
    workers: int
    incarnations: int
    takeovers: int
    fenced: int
    """Bots that the database refused to let write."""
    failovers: int
    commits_lost: int
    gap_s: float
    """The longest time that a task was unhedged."""
    gap_clear_s: float
    """The same, counted from the last mishap on, which is what the bound is for."""
    back_s: float
    """From the end of the last mishap until every task was at work."""
    violations: list[dict[str, Any]]
    idle: str
    struck: dict[str, int]
    planned: int
    checks: dict[str, int]
    ended: str
    last_events: list[str] = []
    """The newest before the first violation."""

    @property
    def failed(self) -> bool:
        """Whether something did not hold, or the run was idle."""
        return bool(self.violations or self.idle)
