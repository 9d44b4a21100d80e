"""A rate budget that several bots of a process spend from, as much of it as this process was granted.

Within any window at most as many tokens are spent as the grant of that moment says, so what several processes spend
together is bounded by what they were granted together (`fleet/budgets.py`). Each bot has a seat: `of`.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable

import attrs
import trio

from dnbot.ports.fair_queue import FairQueue, Waiter
from dnbot.ports.limiter import TOLERANCE, LimiterStatistics, Priority

SLACK_S = 0.25
"""A window here is so much longer than the venue's: of two requests the first may have been the slower."""


def _nobody() -> None:
    """Nobody is told that the share is short."""


class SharedLimiter:
    """At most `share` tokens within any window; NORMAL leaves `reserve_share` of it (at least one) for RESERVED.

    The share is the greatest of the grants that have not ended; without one nothing is spent. Each instance belongs to
    one event loop; time is trio's.
    """

    def __init__(
        self, capacity: int, window_s: float, reserve_share: float = 0.0, short: Callable[[], None] = _nobody
    ) -> None:
        """`capacity` is the most that it could be granted; `short` is called when a greater share is waited for,
        and when the venue said stop."""
        self.capacity, self.window_s = capacity, window_s + SLACK_S
        self._reserve_share, self._short = reserve_share, short
        self._grants: list[tuple[int, float]] = []
        self._spent: deque[tuple[float, str, int]] = deque()
        self._sum = 0
        self._by_owner: Counter[str] = Counter()
        self._queue = FairQueue(self._had)
        self._changed = trio.Event()
        self._resume_at_s = float("-inf")
        self._granted = dict.fromkeys(Priority, 0)
        self._refused = self._penalties = 0
        self._seats: dict[str, Seat] = {}

    def of(self, owner: str) -> Seat:
        """The budget as one owner sees it, always the same for one name."""
        return self._seats.setdefault(owner, Seat(self, owner))

    def leave(self, owner: str) -> None:
        """An owner asks no more. What it has spent still counts."""
        self._seats.pop(owner, None)

    # --- what may be spent --------------------------------------------------------------------------------------------
    @property
    def share(self) -> int:
        """Tokens that may be spent in a window that ends now."""
        now_s = trio.current_time()
        self._grants = [(tokens, until_s) for tokens, until_s in self._grants if until_s > now_s]
        return max((tokens for tokens, _ in self._grants), default=0)

    def grant(self, tokens: int, until_s: float) -> None:
        """So many tokens may be spent in any window until then."""
        if tokens > 0:
            self._grants = [(t, max(until_s, end_s) if t == tokens else end_s) for t, end_s in self._grants]
            if all(t != tokens for t, _ in self._grants):
                self._grants.append((tokens, until_s))
            self._wake()

    def lower(self, tokens: int) -> None:
        """No grant is worth more than so many tokens from now on."""
        self._grants = [(min(t, tokens), end_s) for t, end_s in self._grants if min(t, tokens) > 0]

    @property
    def spent(self) -> int:
        """Tokens spent within the window that ends now."""
        self._forget()
        return self._sum

    @property
    def demand(self) -> int:
        """Those, and the tokens that are waited for."""
        return self.spent + self._queue.cost

    @property
    def waits(self) -> bool:
        """Whether somebody waits for tokens."""
        return bool(self._queue.waiters)

    # --- asking -------------------------------------------------------------------------------------------------------
    def try_acquire(self, owner: str, priority: Priority, cost: int) -> bool:
        """Take `cost` tokens if they are there now; those of the priority who wait come first."""
        if self._queue.before(priority) or self.wait_s(priority, cost) > 0:
            self._refused += 1
            return False
        self._take(owner, priority, cost)
        return True

    async def acquire(self, owner: str, priority: Priority, cost: int) -> None:
        """Wait for `cost` tokens: ways out come first, then the owner that spent least in the window.

        When they are there no turn is given away: an order leaves at once, and whoever looks on waits.
        """
        if self.try_acquire(owner, priority, cost):
            return
        self._refused -= 1  # it waits
        waiter = Waiter(owner, priority, cost)
        self._queue.waiters.append(waiter)
        self._wake()
        try:
            await self._served(waiter)
        finally:
            self._queue.waiters.remove(waiter)
            self._wake()

    async def _served(self, waiter: Waiter) -> None:
        """Only who comes next looks at the time; the others are woken when that may have changed."""
        while True:
            changed, wait_s = self._changed, math.inf
            if self._queue.head() is waiter:
                wait_s = self.wait_s(waiter.priority, waiter.cost)
                if wait_s <= 0:
                    return self._take(waiter.owner, waiter.priority, waiter.cost)
                if self._is_short(waiter.priority, waiter.cost):
                    self._short()
            with trio.move_on_after(wait_s):
                await changed.wait()
            if wait_s < math.inf and self._queue.head() is not waiter:
                self._wake()  # what others have had grew old meanwhile

    def wait_s(self, priority: Priority, cost: int) -> float:
        """Seconds until the tokens are there, if nobody else takes any; infinite while the share is too small.

        Raises ValueError for a cost that this priority could never pay.
        """
        if not 1 <= cost <= self.capacity - self._reserve(priority, self.capacity):
            raise ValueError(f"cost {cost} is outside 1..{self.capacity} less the reserve of {priority}")
        self._forget()
        now_s, share = trio.current_time(), self.share
        penalty_s = max(0.0, self._resume_at_s - now_s)
        most = share - self._reserve(priority, share)
        over, wait_s = self._sum + cost - most, 0.0
        if cost > most:
            return math.inf
        for spent_s, _, spent in self._spent:
            if over <= 0:
                break
            over -= spent
            wait_s = spent_s + self.window_s - now_s
        return max(penalty_s, wait_s)

    def penalise(self, retry_after_s: float) -> None:
        """The venue said stop: nobody is served for so long, the reserve neither."""
        self._penalties += 1
        self.pause(retry_after_s)
        self._short()

    def pause(self, pause_s: float) -> None:
        """Nobody is served for so long: the venue said so to another process."""
        self._resume_at_s = max(self._resume_at_s, trio.current_time() + pause_s)

    @property
    def penalty_s(self) -> float:
        """Of pause still to come."""
        return max(0.0, self._resume_at_s - trio.current_time())

    def statistics(self) -> LimiterStatistics:
        """Of all owners together; `tokens`: what RESERVED may take now."""
        self._forget()
        share = self.share
        most = share - self._reserve(Priority.NORMAL, share)
        return LimiterStatistics(
            granted_normal=self._granted[Priority.NORMAL],
            granted_reserved=self._granted[Priority.RESERVED],
            refused=self._refused,
            penalties=self._penalties,
            tokens=float(max(0, share - self._sum)),
            penalty_s=self.penalty_s,
            share_left=max(0, most - self._sum) / most if most > 0 and self.penalty_s == 0 else 0.0,
        )

    # --- within -------------------------------------------------------------------------------------------------------
    def _reserve(self, priority: Priority, share: int) -> int:
        if priority is Priority.RESERVED or not self._reserve_share:
            return 0
        return max(1, int(share * self._reserve_share))

    def _is_short(self, priority: Priority, cost: int) -> bool:
        """Whether a greater share would help."""
        share = self.share
        most = share - self._reserve(priority, share)
        return self.penalty_s == 0 and share < self.capacity and self._sum + cost > most

    def _had(self, owner: str) -> float:
        self._forget()
        return self._by_owner[owner]

    def _take(self, owner: str, priority: Priority, cost: int) -> None:
        self._spent.append((trio.current_time(), owner, cost))
        self._sum += cost
        self._by_owner[owner] += cost
        self._granted[priority] += cost

    def _forget(self) -> None:
        # Without the tolerance a rounding error could ask for a sleep too short to move the clock.
        before_s = trio.current_time() - self.window_s + TOLERANCE
        while self._spent and self._spent[0][0] <= before_s:
            _, owner, cost = self._spent.popleft()
            self._sum -= cost
            self._by_owner[owner] -= cost
            if not self._by_owner[owner]:
                del self._by_owner[owner]

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


@attrs.frozen(eq=False)
class Seat:
    """`Budget` of one owner."""

    limiter: SharedLimiter
    owner: str

    def try_acquire(self, priority: Priority = Priority.NORMAL, cost: int = 1) -> bool:
        """See `Budget`."""
        return self.limiter.try_acquire(self.owner, priority, cost)

    async def acquire(self, priority: Priority = Priority.NORMAL, cost: int = 1) -> None:
        """See `Budget`."""
        await self.limiter.acquire(self.owner, priority, cost)

    def wait_s(self, priority: Priority = Priority.NORMAL, cost: int = 1) -> float:
        """See `Budget`."""
        return self.limiter.wait_s(priority, cost)

    def penalise(self, retry_after_s: float) -> None:
        """See `Budget`."""
        self.limiter.penalise(retry_after_s)

    def statistics(self) -> LimiterStatistics:
        """See `Budget`: of all owners."""
        return self.limiter.statistics()
