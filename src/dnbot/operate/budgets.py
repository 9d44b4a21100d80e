"""The rate budgets of a worker: one limiter for all of its tasks that share a venue's limit, and what other workers
leave of it. Leases of the limits are renewed beside the tasks; no order waits for the database.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import attrs
import trio

from dnbot.bot import Place
from dnbot.domain.errors import OperatingError
from dnbot.domain.instrument import Venue
from dnbot.fleet.budgets import BudgetAsk, BudgetGrant, floor_of
from dnbot.operate.task_settings import key_of
from dnbot.ports.budgets import BudgetStore
from dnbot.ports.limiter import Budget
from dnbot.ports.log import EventLog
from dnbot.ports.net import Endpoint
from dnbot.ports.shared_limiter import SharedLimiter
from dnbot.tasks.budgets import BudgetsOf
from dnbot.venues.limits import LIMITS, Limit, Scope, reserve_share
from dnbot.venues.wire import RequestClass, Signer

TICK_S = 1.0
HURRY_S = 0.2
"""The soonest after the last time, when somebody waits for a greater share."""
STOCKED_S_MAX = 20.0
"""So long a task waits for the first tokens of its budgets."""
GIVE_BACK_S = 5.0
FEEDS = "public feeds"
"""Who spends for the reads that all tasks share: as one more task, whose name no task can have."""
AHEAD = 2.0
"""What is asked for, of what was spent or waited for lately."""


@attrs.frozen
class Keeping:
    """How long a grant lasts, how long its floor does, and when it is renewed; seconds."""

    keep_s: float
    floor_s: float
    renew_s: float


def keeping(scope: Scope, ttl_s: float) -> Keeping:
    """Of an account, which has one task and so one worker, leases are longer; floors outlast any task's lease."""
    return Keeping(3.0, 2 * ttl_s, TICK_S) if scope is Scope.ADDRESS else Keeping(ttl_s / 2, 2 * ttl_s, ttl_s / 6)


@attrs.define(eq=False)
class Pool:
    """One limit of a venue, as this worker has it."""

    key: str
    venue: Venue
    limit: Limit
    capacity: int
    limiter: SharedLimiter
    keeping: Keeping
    users: set[str] = attrs.field(factory=set)
    due_s: float = float("-inf")
    capped: bool = False
    """Whether the last answer was less than was asked for."""
    penalties: int = 0
    """Of the limiter's, how many the others were told of."""
    stocked: trio.Event = attrs.field(factory=trio.Event)

    @property
    def wanted(self) -> int:
        """What to ask for: all of an account's, since nobody else is to have it; of an address what is needed."""
        if not self.users:
            return 0
        floor = floor_of(self.capacity)
        most = max(floor, self.capacity - floor)
        return most if self.limit.scope is Scope.ACCOUNT else min(most, floor + int(AHEAD * self.limiter.demand))


@attrs.define(eq=False)
class Budgets:
    """The limits that the tasks of this worker spend from. `run` renews their leases until cancelled.

    Error handling: what the database does not answer is asked again; meanwhile grants end, and then their floors.
    """

    store: BudgetStore
    worker_id: str
    address: str
    """The public address that requests leave from, by any name: workers that say the same share its limits."""
    log: EventLog
    ttl_s: float
    """Of the tasks' leases."""
    scale: float = 1.0
    """The venues grant so many times what they publish."""
    pools: dict[str, Pool] = attrs.field(factory=dict)
    answered_s: float = float("-inf")
    """When the newest ask that was answered had been sent."""
    _number: int = 0
    _past_penalties: int = 0
    """Of budgets that it has given back."""
    _hurried: trio.Event = attrs.field(factory=trio.Event)

    async def run(self) -> None:
        """Renew what is due, and at once what somebody waits for."""
        while True:
            self._hurried = trio.Event()
            began_s = trio.current_time()
            try:
                await self.renew()
            except OperatingError as error:
                self.log.warning("budgets_not_leased", what=str(error))
            await trio.sleep_until(began_s + HURRY_S)
            with trio.move_on_at(began_s + TICK_S):
                await self._hurried.wait()

    @asynccontextmanager
    async def leased(self) -> AsyncIterator[None]:
        """Inside the block leases are renewed; behind it the others have all of them."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.run, name="budgets")
            yield
            nursery.cancel_scope.cancel()
        with trio.move_on_after(GIVE_BACK_S):
            try:
                await self.give_back()
            except OperatingError as error:
                self.log.info("budgets_not_given_back", what=str(error))

    @asynccontextmanager
    async def of_task(
        self, task_id: str, places: Mapping[Venue, Place], signers: Mapping[Venue, Signer]
    ) -> AsyncIterator[BudgetsOf]:
        """The budgets of one task, inside the block.

        Raises:
            OperatingError: other workers leave no room in one of them, or the database does not answer.
        """
        found = {
            venue: {
                kind: self._pool(venue, places[venue].rest, self._owner(venue, signers[venue], limit), limit)
                for kind, limit in LIMITS[venue].items()
            }
            for venue in signers
        }
        used = {pool.key: pool for kinds in found.values() for pool in kinds.values()}
        for pool in used.values():
            pool.users.add(task_id)
        try:
            await self._stock(used)

            def of(venue: Venue) -> dict[RequestClass, Budget]:
                return {kind: pool.limiter.of(task_id) for kind, pool in found[venue].items()}

            yield of
        finally:
            for pool in used.values():
                pool.users.discard(task_id)
                pool.limiter.leave(task_id)
                if not pool.users:
                    pool.due_s = float("-inf")
                    pool.stocked = trio.Event()
            self.hurry()

    def of_feeds(self, venue: Venue, rest: Endpoint) -> Budget:
        """What the public reads that all tasks share spend from, until the worker ends."""
        pool = self._pool(venue, rest, self.address, LIMITS[venue][RequestClass.PUBLIC])
        pool.users.add(FEEDS)
        self.hurry()
        return pool.limiter.of(FEEDS)

    @property
    def penalties(self) -> int:
        """How often a venue told this worker to stop."""
        return self._past_penalties + sum(pool.limiter.statistics().penalties for pool in self.pools.values())

    def hurry(self) -> None:
        """Ask now: somebody waits, or something is given back."""
        self._hurried.set()

    async def renew(self) -> None:
        """Ask for what is due, and for every budget that somebody waits in vain for; raises StoreUnreachable."""
        asked_s = trio.current_time()
        pools = {pool.key: pool for pool in self.pools.values() if pool.due_s <= asked_s or self._is_urgent(pool)}
        if not pools:
            return
        self._number += 1
        told = {key: pool.limiter.statistics().penalties for key, pool in pools.items()}
        asks = [self._ask(pool, told[key]) for key, pool in pools.items()]
        grants = {grant.budget: grant for grant in await self.store.lease(self.worker_id, asks)}
        self.answered_s = asked_s
        for ask in asks:
            pool, grant = pools[ask.budget], grants.get(ask.budget)
            if grant is not None:
                pool.penalties = told[ask.budget]
                self._granted(pool, ask, grant, asked_s)
            if not ask.wanted and not pool.users and not pool.limiter.spent:  # another limiter would not know of that
                self._past_penalties += pool.limiter.statistics().penalties
                del self.pools[ask.budget]

    async def give_back(self) -> None:
        """Leave everything to the others; raises StoreUnreachable. For when the worker ends and no task runs."""
        for pool in self.pools.values():
            pool.users.discard(FEEDS)
            pool.due_s = float("-inf")
        await self.renew()

    # --- within -------------------------------------------------------------------------------------------------------
    def _owner(self, venue: Venue, signer: Signer, limit: Limit) -> str:
        return self.address if limit.scope is Scope.ADDRESS else key_of(venue, signer)

    def _pool(self, venue: Venue, rest: Endpoint, owner: str, limit: Limit) -> Pool:
        key = f"{venue.value} {limit.pool} of {owner} at {rest.host}:{rest.port}"
        if key not in self.pools:
            capacity = max(1, int(limit.tokens * self.scale))
            limiter = SharedLimiter(capacity, limit.window_s, reserve_share(venue, limit), self.hurry)
            self.pools[key] = Pool(key, venue, limit, capacity, limiter, keeping(limit.scope, self.ttl_s))
        return self.pools[key]

    def _is_urgent(self, pool: Pool) -> bool:
        """Whether the others should hear of a refusal, or somebody waits for more than this worker has."""
        if pool.limiter.statistics().penalties > pool.penalties:
            return True
        return pool.limiter.waits and not pool.capped and pool.wanted > pool.limiter.share

    def _ask(self, pool: Pool, penalties: int) -> BudgetAsk:
        """What is not wanted any more is let go of before the database may give it to another."""
        wanted = pool.wanted
        pool.limiter.lower(wanted)
        pause_s = pool.limiter.penalty_s if penalties > pool.penalties else 0.0
        return BudgetAsk(
            budget=pool.key, number=self._number, capacity=pool.capacity,
            window_ms=round(pool.limiter.window_s * 1000), keep_ms=round(pool.keeping.keep_s * 1000),
            floor_ms=round(pool.keeping.floor_s * 1000), held=pool.limiter.share, wanted=wanted,
            spent=pool.limiter.spent,
            pause_ms=round(pause_s * 1000),
        )

    def _granted(self, pool: Pool, ask: BudgetAsk, grant: BudgetGrant, asked_s: float) -> None:
        """Ends count from before the question, so that no delay makes them later than the database's own."""
        pool.capped = grant.tokens < ask.wanted
        pool.limiter.grant(grant.tokens, asked_s + pool.keeping.keep_s)
        pool.limiter.grant(grant.floor, asked_s + pool.keeping.floor_s)
        if grant.pause_ms:
            pool.limiter.pause(grant.pause_ms / 1000)
        if pool.users or not ask.wanted:  # else it was left meanwhile, and is given back at once
            pool.due_s = asked_s + (TICK_S if pool.capped or not ask.wanted else pool.keeping.renew_s)
        if grant.tokens:
            pool.stocked.set()

    async def _stock(self, used: Mapping[str, Pool]) -> None:
        self.hurry()
        with trio.move_on_after(STOCKED_S_MAX):
            for pool in used.values():
                await pool.stocked.wait()
            return
        lacking = next(key for key, pool in used.items() if not pool.stocked.is_set())
        raise OperatingError(
            f"no worker left any of the rate budget {lacking} in {STOCKED_S_MAX:g} s: run fewer workers, or give those "
            "behind another public address another --address"
        )
