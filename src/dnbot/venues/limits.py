"""How much an address and an account may ask of each venue, as its documents say; the strictest where they disagree.

Sources: Gate API v4 docs, "Frequency limit rule": no weights, public limits per address and private ones per user, most
of them per endpoint; here the endpoints of one class share one limit. MEXC spot v3 docs, "Limits": weights of all
reads, signed or not, count by address; placing and cancelling share one limit of the user; reading the whole account
has one of its own besides.
"""

from __future__ import annotations

import attrs

from dnbot.domain.instrument import Venue
from dnbot.domain.word import Word
from dnbot.venues.words import RequestClass


class Scope(Word):
    """Whom a venue counts requests of."""

    ADDRESS = "address"
    ACCOUNT = "account"


@attrs.frozen
class Limit:
    """At most `tokens` of weight in any `window_s` seconds."""

    pool: str
    """Classes of one venue that have the same pool spend from one limit."""
    scope: Scope
    tokens: int
    window_s: float


_GATE_PUBLIC = Limit("public", Scope.ADDRESS, 200, 10.0)
_GATE_READ = Limit("read", Scope.ACCOUNT, 200, 10.0)
_GATE_CANCEL = Limit("cancel", Scope.ACCOUNT, 200, 1.0)
_MEXC_READ = Limit("weight", Scope.ADDRESS, 300, 10.0)
_MEXC_ORDERS = Limit("orders", Scope.ACCOUNT, 12, 1.0)

ORDER_RESERVE = 0.3
"""Of a limit on orders, for hedges and cancels. Reads are all alike."""

LIMITS: dict[Venue, dict[RequestClass, Limit]] = {
    Venue.GATE_SPOT: {
        RequestClass.PUBLIC: _GATE_PUBLIC, RequestClass.READ: _GATE_READ,
        RequestClass.CREATE: Limit("place", Scope.ACCOUNT, 10, 1.0), RequestClass.CANCEL: _GATE_CANCEL,
    },
    Venue.GATE_FUTURES: {
        RequestClass.PUBLIC: _GATE_PUBLIC, RequestClass.READ: _GATE_READ,
        RequestClass.CREATE: Limit("place", Scope.ACCOUNT, 100, 1.0), RequestClass.CANCEL: _GATE_CANCEL,
    },
    Venue.MEXC_SPOT: {
        RequestClass.PUBLIC: _MEXC_READ, RequestClass.READ: _MEXC_READ,
        RequestClass.CREATE: _MEXC_ORDERS, RequestClass.CANCEL: _MEXC_ORDERS,
    },
}

ACCOUNT_READS: dict[Venue, Limit] = {Venue.MEXC_SPOT: Limit("account", Scope.ACCOUNT, 2, 1.0)}
"""What `Request.reads_account` counts against beside its class. Too few to be shared out: an account has one task, and
its private line counts for itself."""


def classes_of(venue: Venue, limit: Limit) -> list[RequestClass]:
    """The classes of requests that spend from it."""
    return [kind for kind, other in LIMITS[venue].items() if other.pool == limit.pool]


def reserve_share(venue: Venue, limit: Limit) -> float:
    """The share of it that stays for ways out, 0..1."""
    return ORDER_RESERVE if RequestClass.CREATE in classes_of(venue, limit) else 0.0
