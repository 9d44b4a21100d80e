"""What a campaign has to see at least once, or it has not looked where the trouble is (I31)."""

from __future__ import annotations

from collections.abc import Mapping

from dnbot.domain.order import OrderStatus
from dnbot.lab.swarm import kinds_of
from dnbot.strategy.states import TRANSITIONS

_SIZED_RIGHT = (
    "BALANCE", "LEGS", "MAX_NOTIONAL", "MAX_QTY", "NET", "OPEN_ORDERS", "POST_ONLY", "PRICE_COLLAR", "REDUCE_ONLY",
    "SELF_CROSS", "TICK",
)
_SIZED = "this control stands behind it, for a defect there"
DENIALS = (
    "AMBIGUOUS_PENDING", "BALANCE", "BOOK_IMPLAUSIBLE", "BOOK_UNSYNCED", "CLOCK", "CODEC", "CONFIG_UNAPPROVED",
    "COUNTDOWN", "DATA_STALE", "DB_UNAVAILABLE", "DEPTH", "DUPLICATE", "EDGE_IMPLAUSIBLE", "EXPIRED", "FLEET_LIMIT",
    "GROSS", "HEDGE_BUDGET", "INVENTORY", "KILLED", "LEGS", "LOSS_LIMIT", "LOT", "MARGIN", "MAX_NOTIONAL", "MAX_QTY",
    "MIN_NOTIONAL", "MIN_QTY", "NET", "NOT_RECONCILED", "OPEN_ORDERS", "PNL_UNKNOWN", "POST_ONLY", "PRICE_COLLAR",
    "RATE", "REDUCE_ONLY", "REDUCING_ONLY", "REPEAT_THROTTLE", "SELF_CROSS", "STATE_NOT_TRADING", "SYMBOL_INELIGIBLE",
    "TICK",
)
"""Every code with which an order can be denied, as docs/risk-controls.md has them."""
NEVER: Mapping[str, str] = {
    "fault listen_key_not_renewed": "listen keys are renewed every 20 minutes; tests/bot renews one",
    "fault batch_item_missing": "the bot sends no batches; a client of the fakes may",
    "fault cancel_meets_fill": "orders rest in every sixth seed alone: whether one of their cancels meets it is chance",
    "resolved REJECTED": "only its own answer tells that an order was rejected; the lists know nothing of it",
    "resolved NOT_SENT": "only the desk knows that an order never left; the lists know nothing of it",
    **{f"denial {code}": f"sizing never asks for it: {_SIZED}" for code in _SIZED_RIGHT},
    "denial BOOK_UNSYNCED": "without its book a venue's pairs are not looked at",
    "denial BOOK_IMPLAUSIBLE": "who wants to trade looks at the books first, and declines them as IDENTITY or CROSSED",
    "denial AMBIGUOUS_PENDING": "no state that opens anything is left or entered while an order is in doubt",
    "denial CONFIG_UNAPPROVED": "a configuration that is no numbers does not start",
    "denial GROSS": "of the demo's wallets no venue can come to hold more than the share that is allowed",
    "denial LOSS_LIMIT": "a loss that reaches a limit lowers the mode before the next order is decided",
    "denial CODEC": "a codec of our own writes every order; one of a plugin's may fail",
    "denial FLEET_LIMIT": "a bot of the swarm belongs to no fleet",
    "denial EDGE_IMPLAUSIBLE": "books that far apart are refused one by one, as BOOK_IMPLAUSIBLE or by sizing",
}
"""What cannot be seen in a simulation of the swarm, and why. Each denial has tests of its own all the same."""


def wanted() -> tuple[str, ...]:
    """Every fault and mishap of the swarm, edge of the state table, denial, and end of an order.

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
    denials = (f"denial {code}" for code in DENIALS)
    return (*faults, *edges, *orders, *resolved, *denials)


def never_hit(seen: Mapping[str, int]) -> list[str]:
    """What of it was never seen, the exempt aside."""
    return [name for name in wanted() if not seen.get(name) and name not in NEVER]
