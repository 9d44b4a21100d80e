"""Request budgets of the MEXC fake: weights per IP and per user, the order budget, 429 and the 418 ban.

Sources disagree on the numbers; these are the strictest published: 300 weight per 10 s shared by all IP-weighted
endpoints, 500 per 10 s per user, 12 order operations, 2 account reads and 2 batches per second.
"""

from __future__ import annotations

import math
from collections import deque

import attrs

from .mexc_errors import refusals

__all__ = ["Budget", "MexcLimits"]


@attrs.define
class Budget:
    """A sliding window: at most `limit` weight in any `window_s` seconds."""

    limit: int
    window_s: float
    _spent: deque[tuple[float, int]] = attrs.field(factory=deque)
    _sum: int = 0

    def wait_s(self, weight: int, now_s: float) -> float:
        """Seconds until `weight` fits; 0 when it fits now."""
        while self._spent and self._spent[0][0] <= now_s - self.window_s:
            self._sum -= self._spent.popleft()[1]
        over, wait_s = self._sum + weight - self.limit, 0.0
        for spent_s, spent in self._spent:
            if over <= 0:
                break
            over -= spent
            wait_s = spent_s + self.window_s - now_s
        return wait_s

    def spend(self, weight: int, now_s: float) -> None:
        """Count the weight at this time."""
        self._spent.append((now_s, weight))
        self._sum += weight


@attrs.define
class MexcLimits:
    """The budgets of the venue; `enabled` False lets everything pass."""

    enabled: bool = True
    ip_weight_per_10_s: int = 300
    user_weight_per_10_s: int = 500
    orders_per_1_s: int = 12
    account_reads_per_1_s: int = 2
    batches_per_1_s: int = 2
    ignored_max: int = 50
    """Requests sent before Retry-After has passed, after which the address is banned."""
    ban_s: int = 120
    loud_max: int | None = None
    """Stream connections of one address cut for too many messages, after which it is banned; the documents say that
    repeating it bans and not how often, and here all clients may share one address: None never bans for it."""
    _budgets: dict[tuple[str, str], Budget] = attrs.field(factory=dict)
    _retry_at_s: dict[str, float] = attrs.field(factory=dict)
    _ignored: dict[str, int] = attrs.field(factory=dict)
    _banned_until_s: dict[str, float] = attrs.field(factory=dict)
    _loud: dict[str, int] = attrs.field(factory=dict)

    def charge(self, peer: str, pools: dict[str, int], user: str, now_s: float) -> None:
        """Spend the weight from each pool (`ip`, `user`, `orders`, `account`, `batch`) or refuse with 429 or 418."""
        if not self.enabled:
            return
        self._check_ban(peer, now_s)
        wait_s = 0.0
        for pool, weight in pools.items():
            wait_s = max(wait_s, self._budget(pool, peer, user).wait_s(weight, now_s))
        if wait_s > 0:
            self._refuse(peer, wait_s, now_s)
        for pool, weight in pools.items():
            self._budget(pool, peer, user).spend(weight, now_s)

    def banned(self, peer: str, now_s: float) -> bool:
        """Whether this address is banned now."""
        return self._banned_until_s.get(peer, now_s) > now_s

    def note_loud(self, peer: str, now_s: float) -> None:
        """Count a connection of this address that was cut for its many messages."""
        self._loud[peer] = self._loud.get(peer, 0) + 1
        if self.loud_max is not None and self._loud[peer] > self.loud_max:
            self._loud[peer] = 0
            self._banned_until_s[peer] = now_s + self.ban_s

    def _budget(self, pool: str, peer: str, user: str) -> Budget:
        sizes = {
            "ip": (self.ip_weight_per_10_s, 10.0),
            "user": (self.user_weight_per_10_s, 10.0),
            "orders": (self.orders_per_1_s, 1.0),
            "account": (self.account_reads_per_1_s, 1.0),
            "batch": (self.batches_per_1_s, 1.0),
        }
        owner = peer if pool == "ip" else user
        if (pool, owner) not in self._budgets:
            self._budgets[pool, owner] = Budget(*sizes[pool])
        return self._budgets[pool, owner]

    def _check_ban(self, peer: str, now_s: float) -> None:
        left_s = self._banned_until_s.get(peer, now_s) - now_s
        if left_s > 0:
            raise refusals.banned(math.ceil(left_s))

    def _refuse(self, peer: str, wait_s: float, now_s: float) -> None:
        if now_s < self._retry_at_s.get(peer, now_s):
            self._ignored[peer] = self._ignored.get(peer, 0) + 1
            if self._ignored[peer] >= self.ignored_max:
                self._ignored[peer] = 0
                self._banned_until_s[peer] = now_s + self.ban_s
                raise refusals.banned(self.ban_s)
        else:
            self._ignored[peer] = 0
        retry_after_s = max(1, math.ceil(wait_s))
        self._retry_at_s[peer] = now_s + retry_after_s
        raise refusals.too_many_requests(retry_after_s)
