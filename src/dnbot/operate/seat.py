"""One task in the hands of a worker: what runs on one lease, inside a cancel scope that ends before the lease does."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import trio

from dnbot.domain.errors import ConfigError, OperatingError
from dnbot.domain.messages import Stop
from dnbot.fleet.leases import LeaseTerms
from dnbot.fleet.life import Desired, TaskState, TaskTrigger, asked_by, next_state
from dnbot.fleet.restarts import RestartPolicy
from dnbot.fleet.words import Change, Lease, LeaseLost, TaskDetails
from dnbot.ports.log import EventLog
from dnbot.ports.tasks import TaskStore
from dnbot.strategy.states import StrategyState

WHO = "fleet"
NOT_KNOWN = frozenset({StrategyState.INITIALIZING, StrategyState.ERROR_RECOVERY, StrategyState.SHUTDOWN})
"""Where a bot is while it does not know its accounts."""
AGAIN_S = 1.0
"""How soon a write is tried again that the database did not take."""
WORDS_MAX = 500
"""Characters of an error that are kept."""


@attrs.define(eq=False)
class Seat:
    """What a runner is given: its task, its lease, and what is wanted of it."""

    tasks: TaskStore
    lease: Lease
    details: TaskDetails
    deadline_s: float
    """Of the scope, until the first renewal."""
    act_at_s: float
    """Before it, orders of the older lease could still be accepted."""
    terms: LeaseTerms
    policy: RestartPolicy
    runner: Runner
    log: EventLog
    state: TaskState = TaskState.STARTING
    desired: Desired = attrs.field(init=False)
    leaving: str = ""
    """Why the task is handed over; empty while it is not."""
    failures: int = 0
    """How often the task ended unasked here."""
    lost: str = ""
    """How it is known that the lease is lost; empty while it stands, and when its deadline passed."""
    _scope: trio.CancelScope = attrs.field(init=False)
    _changes: deque[Change] = attrs.field(factory=deque)
    _context: dict[str, Any] | None = None
    _stirred: trio.Event = attrs.field(factory=trio.Event)

    def __attrs_post_init__(self) -> None:
        self._scope = trio.CancelScope(deadline=self.deadline_s)
        self.desired = self.details.task.desired

    # --- the lease ----------------------------------------------------------------------------------------------------
    @property
    def has_ended(self) -> bool:
        """Whether the lease is lost, or past its deadline: then it is not renewed any more."""
        return self._scope.cancel_called

    @property
    def ends_s(self) -> float:
        """When everything on the lease is cancelled, unless it is renewed before."""
        return self._scope.deadline

    def extend(self, deadline_s: float) -> None:
        """The lease was renewed."""
        self._scope.deadline = max(self._scope.deadline, deadline_s)

    def lose(self, why: str) -> None:
        """The lease is another's, or has ended: everything on it is cancelled now."""
        self.lost = self.lost or why
        self._scope.cancel()

    async def run(self) -> None:
        """Run the task as long as it is wanted here and the lease lasts, then let go of it.

        Error handling: whatever the task raises is its own failure, and is told in its history.
        """
        task_id = self.lease.task_id
        self.log.info("task_taken", task=task_id, epoch=self.lease.epoch)
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write)
                    await trio.sleep_until(self.act_at_s)
                    await self._live()
                    await self._written()
                    await self.tasks.release(self.lease)
                    nursery.cancel_scope.cancel()
        except Exception as error:  # noqa: BLE001 (one task's failure is no other's; its lease then runs out)
            self.log.error("task_broken", task=task_id, epoch=self.lease.epoch, what=_told(error))
            return
        if self._scope.cancelled_caught:
            why = self.lost or "it could not be renewed in time"
            self.log.warning("lease_lost", task=task_id, epoch=self.lease.epoch, why=why)
        else:
            self.log.info("task_left", task=task_id, epoch=self.lease.epoch, state=self.state.value)

    # --- what is wanted -----------------------------------------------------------------------------------------------
    @property
    def wish(self) -> Desired:
        """What the runner is to do now."""
        return Desired.STOPPED if self.leaving else self.desired

    async def wished(self, other_than: Desired) -> Desired:
        """Wait until something else is wanted."""
        while self.wish is other_than:
            await self._stirred.wait()
        return self.wish

    def want(self, desired: Desired) -> None:
        """A person wants this."""
        if desired is not self.desired:
            self.desired = desired
            self._follow("wanted")

    def _leaves(self) -> bool:
        return bool(self.leaving)

    def leave(self, why: str) -> None:
        """Another worker is to have it: stop cleanly, keep the position."""
        if not self.leaving:
            self.leaving = why
            self._follow(why)

    def farewell(self) -> Stop:
        """How its bot is asked to end: a hand-over keeps the position, a stop does as the task is configured."""
        return Stop(f"{WHO}: {self.leaving}", "hold") if self.leaving else Stop(f"{WHO}: stopped by a person")

    # --- what the runner tells ----------------------------------------------------------------------------------------
    def started(self) -> None:
        """Everything is known; it may trade."""
        if self.state is TaskState.STARTING:
            self._move(TaskTrigger.STARTED)
            self._follow("wanted")

    def paused(self) -> None:
        """It takes no new risk."""
        if self.state is TaskState.PAUSING:
            self._move(TaskTrigger.PAUSE_DONE)

    def show(self, context: dict[str, Any]) -> None:
        """What to keep of the bot; the newest replaces the last."""
        self._context = context
        self._stir()

    def ended(self, code: int, why: str) -> None:
        """Its bot has ended.

        Raises:
            OperatingError: nobody had asked for it, or it did not end well.
        """
        if code or self.wish is not Desired.STOPPED:
            raise OperatingError(f"the bot ended with exit code {code}: {why}")

    # --- its life -----------------------------------------------------------------------------------------------------
    async def _live(self) -> None:
        while not self._leaves() and (failure := await self._one_life()) is not None:
            told = _told(failure)
            self.failures += 1
            self.log.error("task_failed", task=self.lease.task_id, epoch=self.lease.epoch, what=told)
            self._move(TaskTrigger.FAILURE, told)
            wait_s = None if isinstance(failure, ConfigError) else await self._backoff()
            if wait_s is None:
                self.log.critical("task_quarantined", task=self.lease.task_id, what=told)
                self._move(TaskTrigger.SPENT, told)
                return
            with trio.move_on_after(wait_s):
                await self.wished(self.wish)
            if self._leaves():
                return
            self._move(TaskTrigger.RETRIED)
        if self.desired is Desired.STOPPED and not self._leaves():
            self._move(TaskTrigger.ENDED)
        else:
            self._move(TaskTrigger.HANDED_OVER, self.leaving)

    async def _one_life(self) -> Exception | None:
        """Run it once; None when it ended as it was asked to."""
        self._follow("wanted")
        try:
            await self.runner(self)
        except Exception as error:  # noqa: BLE001 (one task's bug ends that task alone)
            found = _only(error)
            if isinstance(found, LeaseLost):
                self.lose(str(found))
                await trio.lowlevel.checkpoint_if_cancelled()
            return found
        if self.state is not TaskState.STOPPING:
            return OperatingError("it ended, and nobody had asked for it")
        return None

    async def _backoff(self) -> float | None:
        """Seconds until the next start, by the failures that the database knows; None: quarantine."""
        await self._written()
        while True:
            try:
                ages_s = await self.tasks.failures(self.lease.task_id, self.policy.window_s)
            except OperatingError:
                await trio.sleep(AGAIN_S)
            else:
                return self.policy.after_failure(ages_s)

    def _follow(self, why: str) -> None:
        trigger = asked_by(self.state, self.wish)
        if trigger is not None:
            self._move(trigger, why)
        self._stir()

    def _move(self, trigger: TaskTrigger, text: str = "") -> None:
        self.state = next_state(self.state, trigger)
        self._changes.append(Change(kind=trigger.value, state=self.state, text=text))
        self._stir()

    def _stir(self) -> None:
        self._stirred.set()
        self._stirred = trio.Event()

    # --- what is written ----------------------------------------------------------------------------------------------
    async def _write(self) -> None:
        """Write down what changed, in order; a database that is away is waited for until the lease ends."""
        while True:
            change = self._changes[0] if self._changes else None
            context = self._context
            if change is None and context is None:
                await self._stirred.wait()
                continue
            try:
                await self.tasks.tell(self.lease, change, context)
            except LeaseLost as error:
                self.lose(str(error))
            except OperatingError as error:
                self.log.warning("task_not_told", task=self.lease.task_id, what=str(error))
                await trio.sleep(AGAIN_S)
            else:
                if change is not None:
                    self._changes.popleft()
                if self._context is context:
                    self._context = None
                self._stir()

    async def _written(self) -> None:
        while self._changes or self._context is not None:
            await self._stirred.wait()


Runner = Callable[[Seat], Awaitable[None]]
"""Runs a task until `seat.wish` is STOPPED and returns then; raises what else ends it."""


def _only(error: Exception) -> Exception:
    """The one error of a group that holds no other: a nursery wraps even a single one."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _told(error: Exception) -> str:
    found = _only(error)
    return f"{type(found).__name__}: {found}"[:WORDS_MAX]
