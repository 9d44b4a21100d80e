"""Where the lines of a bot have their rate budgets from."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dnbot.domain.instrument import Venue
from dnbot.ports.limiter import Budget, RateLimiter
from dnbot.ports.net import Endpoint
from dnbot.venues.factory import BUILT_IN
from dnbot.venues.plugin import VenueLimits
from dnbot.venues.wire import RequestClass

BudgetsOf = Callable[[Venue], dict[RequestClass, Budget]]
"""The rate budgets of a new line to a venue."""


def budgets_within(limits: Mapping[Venue, VenueLimits]) -> BudgetsOf:
    """Of lines that share them with nobody, within what each venue allows."""

    def budgets(venue: Venue) -> dict[RequestClass, Budget]:
        allowed = limits[venue]
        create = RateLimiter(*allowed.create)
        cancel = RateLimiter(*allowed.cancel) if allowed.cancel else create
        return {
            RequestClass.PUBLIC: RateLimiter(*allowed.public), RequestClass.READ: RateLimiter(*allowed.read),
            RequestClass.CREATE: create, RequestClass.CANCEL: cancel,
        }

    return budgets


own_budgets = budgets_within(BUILT_IN.limits)


def own_public(venue: Venue, rest: Endpoint) -> Budget:
    """For public reads at one address, of whoever has it alone."""
    del rest
    return own_budgets(venue)[RequestClass.PUBLIC]
