"""A worker: claims its share of the tasks, keeps their leases, follows what is wanted, and hands over when it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs
import trio

from dnbot.domain.errors import OperatingError
from dnbot.fleet.leases import LeaseTerms
from dnbot.fleet.life import needs_holder
from dnbot.fleet.restarts import RestartPolicy
from dnbot.fleet.sharing import Bearer, Load, share_out
from dnbot.fleet.words import Picture, Refused, Task, Worker
from dnbot.operate.seat import AGAIN_S, Runner, Seat
from dnbot.ports.log import EventLog
from dnbot.ports.tasks import TaskStore

POLL_S = 2.0
"""How often a worker looks when nothing wakes it."""
AFTER_END_S = 0.05
"""So long after the end of a dead worker's lease."""
DAY_S = 86_400.0
HISTORY_DAYS = 90
TIDY_EVERY_S = 3600.0
TIDY_ROWS = 500
"""Deleted at once; between two batches others have their turn."""
TIDY_PAUSE_S = 1.0


@attrs.define
class Counts:
    """What a worker did since it began, for whoever asks."""

    claims: int = 0
    """Of tasks that were free: new, or released."""
    takeovers: int = 0
    """Of tasks whose lease had ended, its own among them."""
    failures: int = 0
    """Bots that ended unasked."""
    leases_lost: int = 0
    """That ended before they were released."""
    pruned: int = 0
    """Rows of old history."""


@attrs.define(eq=False)
class TaskManager:
    """Runs tasks of the fleet in this process. `run` ends after `drain`, when all are handed over.

    Error handling: what a task raises ends that task; what the database does not answer is asked again; anything else
    is a bug, and cancels every task.
    """

    tasks: TaskStore
    runner: Runner
    worker: Worker
    log: EventLog
    terms: LeaseTerms = attrs.field(factory=LeaseTerms)
    policy: RestartPolicy = attrs.field(factory=RestartPolicy)
    history_days: float = HISTORY_DAYS
    counts: Counts = attrs.field(factory=Counts)
    picture: Picture = attrs.field(factory=Picture)
    """The newest that was seen."""
    picture_s: float = float("-inf")
    """When."""
    seats: dict[str, Seat] = attrs.field(factory=dict)
    """What runs here, by task; a seat is there until the last of it has ended."""
    draining: str = ""
    """Why no task is claimed any more."""
    _woken: trio.Event = attrs.field(factory=trio.Event)
    _drained: trio.Event = attrs.field(factory=trio.Event)
    _hall: trio.Nursery | None = attrs.field(default=None, init=False)

    def drain(self, why: str) -> None:
        """Hand every task over, and end."""
        self.draining = self.draining or why
        self._drained.set()

    def wake(self) -> None:
        """Look now."""
        self._woken.set()

    async def run(self) -> None:
        """Until `drain`; then the tasks are stopped cleanly and released, so that others take them at once."""
        await self._until_done(self._register)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen)
            nursery.start_soon(self._beat)
            nursery.start_soon(self._tidy)
            async with trio.open_nursery() as self._hall:
                async with trio.open_nursery() as looking:
                    looking.start_soon(self._look)
                    await self._drained.wait()
                    looking.cancel_scope.cancel()
                self.log.info("draining", worker=self.worker.worker_id, why=self.draining, tasks=len(self.seats))
                for seat in self.seats.values():
                    seat.leave(self.draining)
                nursery.start_soon(self._until_done, self._tell_drain)
            nursery.cancel_scope.cancel()
        with trio.move_on_after(self.terms.ttl_s):
            await self._until_done(self._end)

    # --- its tasks ----------------------------------------------------------------------------------------------------
    async def _look(self) -> None:
        while True:
            self._woken = trio.Event()
            wait_s = POLL_S
            try:
                self.picture, self.picture_s = await self.tasks.picture(), trio.current_time()
                await self._act(self.picture)
                wait_s = self._until_next(self.picture)
            except OperatingError as error:
                self.log.warning("fleet_not_seen", what=str(error))
            with trio.move_on_after(wait_s):
                await self._woken.wait()

    async def _act(self, picture: Picture) -> None:
        if all(worker.worker_id != self.worker.worker_id for worker in picture.workers):
            await self._register()  # it was silent for so long that it is forgotten
        wanted = {task.task_id: task for task in picture.tasks}
        for task_id, seat in self.seats.items():
            if task_id in wanted:
                seat.want(wanted[task_id].desired)
        plan = share_out(self._bearers(picture), map(self._load, filter(_needs_holder, picture.tasks)))
        for task_id in plan.gives_up_of(self.worker.worker_id):
            if task_id in self.seats:
                self.seats[task_id].leave("the load is shared out anew")
        # A grant whose answer was lost is this worker's, and nobody else's until it ends.
        unheard = [task.task_id for task in picture.tasks if self._is_mine(task) and task.task_id not in self.seats]
        for task_id in dict.fromkeys([*unheard, *plan.claims_of(self.worker.worker_id)]):
            if self._has_room(wanted[task_id]):
                await self._claim(wanted[task_id])

    def _bearers(self, picture: Picture) -> list[Bearer]:
        """Workers that live, ourselves included even when we were not heard of for long."""
        return [
            Bearer(worker.worker_id, worker.capacity, worker.draining)
            for worker in picture.workers
            if worker.worker_id == self.worker.worker_id or worker.seen_s < self.terms.ttl_s
        ]

    def _load(self, task: Task) -> Load:
        return Load(task.task_id, task.weight, task.priority, task.holder if task.is_held else None)

    def _is_mine(self, task: Task) -> bool:
        return task.is_held and task.holder == self.worker.worker_id and needs_holder(task.state, task.desired)

    def _has_room(self, task: Task) -> bool:
        held = sum(seat.details.task.weight for seat in self.seats.values())
        return task.task_id not in self.seats and held + task.weight <= self.worker.capacity

    async def _claim(self, task: Task) -> None:
        asked_s = trio.current_time()
        found = await self.tasks.claim(task.task_id, self.worker.worker_id, self.terms.ttl_s)
        answered_s = trio.current_time()
        if isinstance(found, Refused):
            self.log.info("claim_refused", found=str(found))
            return
        was_released = found.since_end_s is None
        if was_released:
            self.counts.claims += 1
        else:
            self.counts.takeovers += 1
        details = await self.tasks.details(task.task_id)
        seat = self.seats[task.task_id] = Seat(
            self.tasks, found.lease, details, self.terms.deadline(asked_s),
            self.terms.may_act_at(answered_s, was_released=was_released), self.terms, self.policy, self.runner,
            self.log,
        )
        assert self._hall is not None
        self._hall.start_soon(self._sit, seat, name=f"task:{task.task_id}")

    async def _sit(self, seat: Seat) -> None:
        try:
            await seat.run()
        finally:
            del self.seats[seat.lease.task_id]
            self.counts.failures += seat.failures
            self.counts.leases_lost += seat.has_ended
            self.wake()

    def _until_next(self, picture: Picture) -> float:
        """A lease that nobody renews is waited for to the moment."""
        me = self.worker.worker_id
        ends = [task.left_s + AFTER_END_S for task in picture.tasks if task.is_held and task.holder != me]
        return min([POLL_S, *ends])

    # --- its leases ---------------------------------------------------------------------------------------------------
    async def _beat(self) -> None:
        """Renew every lease, and show that this worker lives, at a third of a lease."""
        while True:
            asked_s = trio.current_time()
            seats = [seat for seat in self.seats.values() if not seat.has_ended]
            try:
                refused = await self.tasks.renew(
                    self.worker.worker_id, [seat.lease for seat in seats], self.terms.ttl_s
                )
            except OperatingError as error:
                self.log.warning("leases_not_renewed", leases=len(seats), what=str(error))
                await trio.sleep(AGAIN_S)
                continue
            lost = {one.task_id: one for one in refused}
            for seat in seats:
                if seat.lease.task_id in lost:
                    seat.lose(str(lost[seat.lease.task_id]))
                else:
                    seat.extend(self.terms.deadline(asked_s))
            await trio.sleep_until(asked_s + self.terms.renew_every_s)

    # --- itself -------------------------------------------------------------------------------------------------------
    async def _register(self) -> None:
        await self.tasks.register(self.worker)

    async def _tell_drain(self) -> None:
        await self.tasks.drain(self.worker.worker_id)

    async def _end(self) -> None:
        await self.tasks.end(self.worker.worker_id)

    async def _tidy(self) -> None:
        """Delete what is past its age; a database that is away has time."""
        while True:
            rows = 1
            while rows:
                try:
                    rows = await self.tasks.prune(self.history_days * DAY_S, TIDY_ROWS)
                except OperatingError as error:
                    self.log.info("history_not_pruned", what=str(error))
                    break
                self.counts.pruned += rows
                await trio.sleep(TIDY_PAUSE_S)
            await trio.sleep(TIDY_EVERY_S)

    async def _until_done(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await step()
            except OperatingError as error:
                self.log.warning("worker_not_told", what=str(error))
                await trio.sleep(AGAIN_S)

    async def _listen(self) -> None:
        """Notifications only hasten the next look; without them it comes all the same."""
        while True:
            try:
                await self.tasks.listen(self.wake)
            except OperatingError as error:
                self.log.info("not_listening", what=str(error))
            await trio.sleep(AGAIN_S)


def _needs_holder(task: Task) -> bool:
    return needs_holder(task.state, task.desired)
