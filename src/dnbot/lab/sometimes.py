"""What a campaign has to see at least once, or it has not looked where the trouble is (I31)."""

from __future__ import annotations

from collections.abc import Mapping

from dnbot.domain.order import OrderStatus
from dnbot.lab.swarm import kinds_of
from dnbot.strategy.states import TRANSITIONS

NEVER: Mapping[str, str] = {}
"""What cannot be seen in a simulation of the swarm, and why."""


def wanted() -> tuple[str, ...]:
    """Every fault and mishap of the swarm, edge of the state table, and end of an order.

    An order of unknown fate is resolved each way.
    """
    edges = (
        f"edge {state.name} {trigger.name} {after.name}"
        for state, found in TRANSITIONS.items()
        for trigger, after in found.items()
    )
    orders = (f"order {status.name}" for status in OrderStatus)
    resolved = (f"resolved {status.name}" for status in OrderStatus if status.is_final)
    faults = (f"fault {name}" for name in kinds_of("swarm"))
    return (*faults, *edges, *orders, *resolved)


def never_hit(seen: Mapping[str, int]) -> list[str]:
    """What of it was never seen, the exempt aside."""
    return [name for name in wanted() if not seen.get(name) and name not in NEVER]
