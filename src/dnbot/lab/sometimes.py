"""What a campaign has to see at least once, or it has not looked where the trouble is (I31)."""

from __future__ import annotations

from collections.abc import Mapping

from dnbot.domain.order import OrderStatus
from dnbot.lab.swarm import kinds_of
from dnbot.strategy.states import TRANSITIONS

NEVER: Mapping[str, str] = {
    "fault listen_key_not_renewed": "listen keys are renewed every 20 minutes; tests/bot renews one",
    "fault batch_item_missing": "the bot sends no batches; a client of the fakes may",
    "fault cancel_meets_fill": "every order is immediate-or-cancel, so none rests that a cancel could meet",
    "resolved REJECTED": "only its own answer tells that an order was rejected; the lists know nothing of it",
    "resolved NOT_SENT": "only the desk knows that an order never left; the lists know nothing of it",
}
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
