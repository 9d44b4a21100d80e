"""Token buckets that keep a share for getting out: cancels and hedges are served when entries no longer are."""

from __future__ import annotations

from typing import Protocol

import attrs
import trio

from dnbot.domain.errors import ConfigError
from dnbot.domain.word import Word

TOLERANCE = 1e-9  # tokens


class Priority(Word):
    """Who asks. Entries and reads are NORMAL; cancels, hedges and unwinds are RESERVED."""

    NORMAL = "normal"
    RESERVED = "reserved"


@attrs.frozen
class LimiterStatistics:
    """Granted tokens and refused requests since start; tokens left now; `penalty_s` of pause still to come.

    `share_left`, 0..1: what NORMAL may take now of what it could with a full bucket.
    """

    granted_normal: int
    granted_reserved: int
    refused: int
    penalties: int
    tokens: float
    penalty_s: float
    share_left: float


class Budget(Protocol):
    """What a line spends its requests from: a `RateLimiter` of its own, or a seat at one that others share."""

    def try_acquire(self, priority: Priority = Priority.NORMAL, cost: int = 1) -> bool:
        """Takes `cost` tokens if they are there for this priority now; those of it who wait come first."""
        ...

    async def acquire(self, priority: Priority = Priority.NORMAL, cost: int = 1) -> None:
        """Waits for `cost` tokens. Cancelling takes nothing."""
        ...

    def wait_s(self, priority: Priority = Priority.NORMAL, cost: int = 1) -> float:
        """Seconds until the tokens are there for this priority, if nobody else takes any; 0 when they are."""
        ...

    def penalise(self, retry_after_s: float) -> None:
        """The venue said stop: nobody is served for so long."""
        ...

    def statistics(self) -> LimiterStatistics:
        """Counters for monitors and tests."""
        ...


class RateLimiter:
    """One budget of a venue: at most `burst + rate_per_s * T` tokens in any window of T seconds.

    The bucket holds `burst` tokens and gains `rate_per_s`. NORMAL takes only while `reserve_share * burst`
    tokens (at least one) stay behind for RESERVED. Each instance belongs to one event loop; time is trio's.
    """

    def __init__(self, rate_per_s: float, burst: int, reserve_share: float = 0.3) -> None:
        """Raises ConfigError when the reserve would leave NORMAL nothing, or a number is not positive."""
        if not rate_per_s > 0:
            raise ConfigError("limiter", "rate_per_s", rate_per_s, "more than 0")
        if burst < 1:
            raise ConfigError("limiter", "burst", burst, "1 or more")
        self._reserve = max(1.0, burst * reserve_share) if reserve_share > 0 else 0.0
        if not 0 <= reserve_share < 1 or burst - self._reserve < 1:
            raise ConfigError(
                "limiter", "reserve_share", reserve_share, f"a share that leaves 1 of {burst} for entries"
            )
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = float(burst)
        self._counted_at_s: float | None = None
        self._resume_at_s = float("-inf")
        self._turns = {priority: trio.StrictFIFOLock() for priority in Priority}
        self._granted = dict.fromkeys(Priority, 0)
        self._refused = self._penalties = 0

    def try_acquire(self, priority: Priority = Priority.NORMAL, cost: int = 1) -> bool:
        """Takes `cost` tokens if they are there for this priority now; those of it who wait come first."""
        if self._turns[priority].locked() or self.wait_s(priority, cost) > 0:
            self._refused += 1
            return False
        self._take(priority, cost)
        return True

    async def acquire(self, priority: Priority = Priority.NORMAL, cost: int = 1) -> None:
        """Waits for `cost` tokens; first come, first served within a priority. Cancelling takes nothing."""
        async with self._turns[priority]:
            wait_s = self.wait_s(priority, cost)
            while wait_s > 0:
                await trio.sleep(wait_s)
                wait_s = self.wait_s(priority, cost)
            self._take(priority, cost)

    def wait_s(self, priority: Priority = Priority.NORMAL, cost: int = 1) -> float:
        """Seconds until the tokens are there for this priority, if nobody else takes any; 0 when they are.

        Raises ValueError for a cost that this priority could never pay.
        """
        floor = self._reserve if priority is Priority.NORMAL else 0.0
        if not 1 <= cost <= self._burst - floor:
            raise ValueError(f"cost {cost} is outside 1..{self._burst - floor:g} of {priority}")
        self._refill()
        missing = cost + floor - self._tokens
        penalty_s = max(0.0, self._resume_at_s - trio.current_time())
        # Without the tolerance a rounding error could ask for a sleep too short to move the clock.
        return penalty_s + (missing / self._rate_per_s if missing > TOLERANCE else 0.0)

    def penalise(self, retry_after_s: float) -> None:
        """The venue said stop: nobody is served for `retry_after_s`, and then the bucket starts at its reserve.

        The reserve waits too: a request that the venue will refuse helps nobody and may turn a pause into a ban.
        """
        self._refill()
        self._penalties += 1
        self._resume_at_s = max(self._resume_at_s, trio.current_time() + retry_after_s)
        self._tokens = min(self._tokens, self._reserve)

    def statistics(self) -> LimiterStatistics:
        """Counters for monitors and tests."""
        self._refill()
        return LimiterStatistics(
            granted_normal=self._granted[Priority.NORMAL],
            granted_reserved=self._granted[Priority.RESERVED],
            refused=self._refused,
            penalties=self._penalties,
            tokens=self._tokens,
            penalty_s=max(0.0, self._resume_at_s - trio.current_time()),
            share_left=max(0.0, self._tokens - self._reserve) / (self._burst - self._reserve),
        )

    def _take(self, priority: Priority, cost: int) -> None:
        self._tokens -= cost
        self._granted[priority] += cost

    def _refill(self) -> None:
        """Tokens gained since last asked. None are gained during a penalty: they could all be spent at its end."""
        now_s = trio.current_time()
        since_s = now_s if self._counted_at_s is None else max(self._counted_at_s, min(self._resume_at_s, now_s))
        self._counted_at_s = now_s
        self._tokens = min(float(self._burst), self._tokens + (now_s - since_s) * self._rate_per_s)
