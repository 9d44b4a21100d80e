"""Where the lines of a bot have their rate budgets from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from dnbot.domain.instrument import Venue
from dnbot.ports.limiter import Budget, RateLimiter
from dnbot.ports.net import Endpoint
from dnbot.ports.shared_limiter import SharedLimiter
from dnbot.venues.limits import ACCOUNT_READS, LIMITS, Limit, reserve_share
from dnbot.venues.plugin import VenueLimits
from dnbot.venues.wire import RequestClass

BudgetsOf = Callable[[Venue], dict[RequestClass, Budget]]
"""The rate budgets of a new line to a venue."""


OWNER = "one bot"


def own_budgets(plugins: Mapping[Venue, VenueLimits] | None = None) -> BudgetsOf:
    """Of one bot that shares a venue's limits with nobody: all lines made with the same result spend from the same.

    No window of a venue of ours can hold more than it allows; a plugin's limits are rates with a burst.
    """
    made: dict[Venue, dict[RequestClass, Budget]] = {}

    def budgets(venue: Venue) -> dict[RequestClass, Budget]:
        if venue not in made:
            made[venue] = _of_plugin(plugins[venue]) if plugins and venue in plugins else _of_ours(venue)
        return dict(made[venue])

    return budgets


def _of_ours(venue: Venue) -> dict[RequestClass, Budget]:
    found: dict[Limit, Budget] = {}
    for limit in LIMITS[venue].values():
        if limit not in found:
            found[limit] = _whole(venue, limit)
    return {kind: found[limit] for kind, limit in LIMITS[venue].items()}


def _whole(venue: Venue, limit: Limit) -> Budget:
    limiter = SharedLimiter(limit.tokens, limit.window_s, reserve_share(venue, limit))
    limiter.grant(limit.tokens, math.inf)
    return limiter.of(OWNER)


def account_reads(venue: Venue) -> Budget | None:
    """Of a new private line, whoever shares its other budgets; None where reads of the account have no limit of their
    own."""
    limit = ACCOUNT_READS.get(venue)
    return None if limit is None else _whole(venue, limit)


def _of_plugin(allowed: VenueLimits) -> dict[RequestClass, Budget]:
    create = RateLimiter(*allowed.create)
    cancel = RateLimiter(*allowed.cancel) if allowed.cancel else create
    return {
        RequestClass.PUBLIC: RateLimiter(*allowed.public), RequestClass.READ: RateLimiter(*allowed.read),
        RequestClass.CREATE: create, RequestClass.CANCEL: cancel,
    }


def own_public(venue: Venue, rest: Endpoint) -> Budget:
    """For public reads at one address, of whoever has it alone."""
    del rest
    return own_budgets()(venue)[RequestClass.PUBLIC]
