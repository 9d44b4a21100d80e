"""Where the lines of a bot have their rate budgets from."""

from __future__ import annotations

from collections.abc import Callable

from dnbot.domain.instrument import Venue
from dnbot.ports.limiter import Budget, RateLimiter
from dnbot.venues.wire import RequestClass

# (requests per second, burst) per venue and class; sources: Gate API v4 docs "rate limits", MEXC spot v3 docs "limits".
_BUDGETS: dict[Venue, dict[RequestClass, tuple[float, int]]] = {
    Venue.GATE_SPOT: {RequestClass.PUBLIC: (20, 100), RequestClass.READ: (20, 100), RequestClass.CREATE: (10, 10)},
    Venue.GATE_FUTURES: {RequestClass.PUBLIC: (20, 100), RequestClass.READ: (20, 100), RequestClass.CREATE: (50, 50)},
    Venue.MEXC_SPOT: {RequestClass.PUBLIC: (10, 50), RequestClass.READ: (15, 100), RequestClass.CREATE: (12, 12)},
}
_CANCELS: dict[Venue, tuple[float, int]] = {
    Venue.GATE_SPOT: (100, 100), Venue.GATE_FUTURES: (100, 100), Venue.MEXC_SPOT: (12, 12),
}


BudgetsOf = Callable[[Venue], dict[RequestClass, Budget]]
"""The rate budgets of a new line to a venue."""


def own_budgets(venue: Venue) -> dict[RequestClass, Budget]:
    """Of a line that shares them with nobody."""
    budgets: dict[RequestClass, Budget] = {
        budget: RateLimiter(rate, burst) for budget, (rate, burst) in _BUDGETS[venue].items()
    }
    if venue is Venue.MEXC_SPOT:
        budgets[RequestClass.CANCEL] = budgets[RequestClass.CREATE]  # one shared budget there
    else:
        budgets[RequestClass.CANCEL] = RateLimiter(*_CANCELS[venue])
    return budgets
