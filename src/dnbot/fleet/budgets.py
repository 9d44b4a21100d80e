"""The arithmetic of rate budgets that workers share: who gets how many tokens of what a venue allows.

What a worker is granted it may spend within any window until the grant's end, so a grant counts until a window after
its end; of what it gives up before, what it has spent counts. The sum of what counts never exceeds the capacity, and so
no window can hold more requests than that, whoever sent them. Each budget keeps room for the floor of one more worker,
so that who comes anew need not wait.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

FLOORS = 16
"""A floor is one part in so many of the capacity: one fewer workers can share a budget."""


class BudgetAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker asks of one budget. Tokens are weight of requests per window."""

    budget: str
    number: int
    """Grows with each ask of the worker: one that arrives after a later one changes nothing."""
    capacity: int
    """What the venue allows in a window. Of workers that disagree the lowest counts."""
    window_ms: int
    keep_ms: int
    """How long what is granted lasts."""
    floor_ms: int
    """How long the floor of it lasts: longer, for when the database is away."""
    held: int
    """The most that the worker spends until it hears the answer. It has lowered itself to that already."""
    spent: int
    """What it spent in the window that ends now: of what it gives up, only that still counts, for a window."""
    wanted: int
    """0: it is done with the budget."""
    pause_ms: int = 0
    """The venue told it to stop for so long."""


class BudgetGrant(msgspec.Struct, frozen=True, kw_only=True):
    """The answer; `tokens` includes `floor`."""

    budget: str
    tokens: int
    floor: int
    pause_ms: int
    """So long nobody may ask the venue for anything: it told a worker so."""


class BudgetShare(msgspec.Struct, frozen=True, kw_only=True):
    """What another worker has of a budget, and what it would like."""

    counts: int
    """The most that it may have spent, or may spend still, in a window that is not over."""
    wanted: int


def floor_of(capacity: int) -> int:
    """What every worker of a budget can have, whatever the others want."""
    return max(1, capacity // FLOORS)


def tokens_of(capacity: int, wanted: int, others: Iterable[BudgetShare]) -> int:
    """What one worker gets, at least the floor while there is room for it.

    It may have all that is left, less the next worker's floor; and what others want of their even share, and do not
    have yet, is left for them.
    """
    others = tuple(others)
    floor = floor_of(capacity)
    even = (capacity - floor) // (len(others) + 1)
    left = capacity - sum(other.counts for other in others)
    fair = capacity - floor - sum(max(other.counts, min(other.wanted, even)) for other in others)
    return max(0, min(left, max(floor, min(wanted, fair))))
