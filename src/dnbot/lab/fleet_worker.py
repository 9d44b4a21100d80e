"""A worker of a simulated fleet: the real task manager, and real bots on its seats, between ports that can be taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
import trio

from dnbot.domain.messages import Record, StateChanged
from dnbot.fleet.leases import LeaseTerms
from dnbot.fleet.life import Desired
from dnbot.fleet.words import Worker
from dnbot.lab.disk import Disk, HeldMedium
from dnbot.lab.drills_fleet_world import FleetTask
from dnbot.lab.fleet_budgets import ADDRESS, TappedBudgets
from dnbot.lab.fleet_database import FleetDatabase, LeasedStore, Reach
from dnbot.lab.fleet_sleep import HostSleep
from dnbot.lab.fleet_tasks import TappedTasks
from dnbot.lab.incarnation import Incarnation
from dnbot.lab.standstill import Standstill
from dnbot.lab.tap import Tap, TappedOpener
from dnbot.lab.tapped_store import TappedStore
from dnbot.lab.world import Stage
from dnbot.operate.budgets import Budgets
from dnbot.operate.manager import TaskManager
from dnbot.operate.seat import NOT_KNOWN, Seat
from dnbot.ports.clock import VirtualClock
from dnbot.ports.latch import MemoryLatch
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.ports.spill import MemoryMedium, open_spill
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.states import StrategyState

CAPACITY = 10
_KNOWN = frozenset(state.name for state in StrategyState if state not in NOT_KNOWN)


@attrs.frozen(eq=False)
class Place:
    """A task's venues and what it is run with, the same for every worker."""

    task: FleetTask
    stage: Stage
    params: StrategyParameters
    spilled: list[bytes] = attrs.field(factory=list)
    """Every line that any worker's spill file ever held."""


@attrs.define(eq=False)
class Host:
    """What outlives a worker on its machine: its clock, and a folder for each task."""

    clock: VirtualClock
    spills: dict[str, MemoryMedium] = attrs.field(factory=dict)
    latches: dict[str, MemoryLatch] = attrs.field(factory=dict)


@attrs.define(eq=False, repr=False)
class TaskLife(Incarnation):
    """A bot on a seat; `serve` runs it. Its name tells the judge whose it is: ``TASK.NUMBER``."""

    seat: Seat | None = None

    async def serve(self, place: Place, seat: Seat, order_path: str, budgets: Budgets) -> None:
        """As a worker's runner: until it is asked to stop; raises what else ends it."""
        self.seat, tap = seat, self.wire.tap
        tap.tell(self.name, "life", "started", seat.lease)
        try:
            await seat.tasks.bind(seat.lease, (f"key-of-{place.task.name}",))
            async with budgets.of_task(place.task.name, self.stage.places, self.stage.signers) as shared:
                self.bot = await self.stage.bot(
                    place.params, self.store, opener=self.wire, witness=self._note, spill=open_spill(self.spill),
                    latch=self.latch, order_path=order_path, budgets=shared,
                )
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._hand_over)
                    code = await self.bot.run()
                    nursery.cancel_scope.cancel()
            leaving = self.bot.context.leaving
            seat.ended(code, leaving.why if leaving else "no reason")
        except BaseException as error:
            if not self.dead:
                tap.tell(self.name, "life", "ended", *_only(error))
            raise
        else:
            tap.tell(self.name, "life", "ended", "", "")

    async def _hand_over(self) -> None:
        assert self.seat is not None
        assert self.bot is not None
        while self.seat.wish is not Desired.STOPPED:
            await self.seat.wished(self.seat.wish)
        await self.bot.channels.inbox.send.send(self.seat.farewell())

    def watch(self, record: Record) -> None:
        """The seat learns where the bot stands."""
        if self.seat is not None and isinstance(record, StateChanged) and record.to_state in _KNOWN:
            self.seat.started()


@attrs.define(eq=False, repr=False)
class SimulatedWorker:
    """One process. Its death takes its ports away, and only then cancels it, as `Incarnation.crash` does."""

    name: str
    host: Host
    places: Mapping[str, Place]
    database: FleetDatabase
    tap: Tap
    terms: LeaseTerms
    order_path: str
    number: Callable[[str], int]
    """Of the next incarnation of a task, whoever runs it."""
    reach: Reach = attrs.field(init=False)
    tasks: TappedTasks = attrs.field(init=False)
    manager: TaskManager = attrs.field(init=False)
    leases: TappedBudgets = attrs.field(init=False)
    budgets: Budgets = attrs.field(init=False)
    lives: list[TaskLife] = attrs.field(factory=list)
    dead: bool = False
    error: BaseException | None = None
    """The bug that ended it while it was not dead."""
    gone: trio.Event = attrs.field(factory=trio.Event)
    """Set when it has ended, or is dead: what is left of it can do nothing."""
    stood_s: float = float("-inf")
    """When it last went on after it stood still."""
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    _standstill: Standstill | None = None
    _sleep: HostSleep = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.reach, self._sleep = Reach(self.database), HostSleep(self._scope)
        self.tasks = TappedTasks.on(self.tap, self.name, self.reach)
        log = EventLog(self.host.clock, [MemorySink()])
        worker = Worker(worker_id=self.name, name=self.name, capacity=CAPACITY, version="simulated")
        self.leases = TappedBudgets.on(self.tap, self.name, self.reach)
        self.budgets = Budgets(self.leases, self.name, ADDRESS, log, self.terms.ttl_s)
        self.manager = TaskManager(self.tasks, self._run_task, worker, log, self.terms)

    async def live(self) -> None:
        """Until it has handed everything over, or is dead; how it ended is kept, never raised."""
        self._standstill = Standstill(trio.lowlevel.current_task())
        self.tap.tell(self.name, "worker", "started")
        try:
            with self._scope:
                async with self.budgets.leased():
                    await self.manager.run()
        except trio.Cancelled:
            raise
        except BaseException as error:  # noqa: BLE001 (kept, for the judge)
            self.error = None if self.dead else error
        finally:
            if not self.dead:
                self.tap.tell(self.name, "worker", "ended")
            self.gone.set()

    async def _run_task(self, seat: Seat) -> None:
        place = self.places[seat.lease.task_id]
        life = self._life(place, seat)
        self.lives.append(life)
        try:
            await life.serve(place, seat, self.order_path, self.budgets)
        finally:
            self.lives.remove(life)

    def _life(self, place: Place, seat: Seat) -> TaskLife:
        name = f"{place.task.name}.{self.number(place.task.name)}"
        store = LeasedStore.on(self.reach, seat.lease)
        disk = Disk(
            store, self.host.spills.setdefault(place.task.name, MemoryMedium()),
            self.host.latches.setdefault(place.task.name, MemoryLatch()), place.spilled,
        )
        stage = attrs.evolve(place.stage, clock=self.host.clock)
        wire = TappedOpener(self.tap, name, stage.network.open_stream)
        spill = HeldMedium(disk.spill, disk.spilled)
        life = TaskLife(name, stage, disk, wire, TappedStore(self.tap, name, store), spill, lambda _record: None)
        life.witness = life.watch
        return life

    # --- what is done to it -------------------------------------------------------------------------------------------
    @property
    def is_up(self) -> bool:
        """Whether it runs and nothing holds it."""
        return not self.gone.is_set() and self._standstill is not None and not self.stands_still

    @property
    def stands_still(self) -> bool:
        """Whether it was stopped and does not go on yet."""
        return self._standstill is not None and self._standstill.lasts

    def kill(self, *, power_cut: bool) -> None:
        """Die: see `Incarnation.crash`."""
        self.dead, self.tasks.revoked, self.leases.revoked = True, True, True
        self.tap.tell(self.name, "worker", "killed", power_cut)
        for life in self.lives:
            life.crash(power_cut=power_cut)
        self._scope.cancel()
        self.go_on()
        self.gone.set()

    def stop(self, *, asleep: bool) -> None:
        """Stand still, as after SIGSTOP; `asleep`: with its monotonic clock, as a host that sleeps."""
        assert self._standstill is not None
        self.tap.tell(self.name, "worker", "stopped", asleep)
        self._standstill.begin()
        if asleep:
            self._sleep.begin()

    def go_on(self) -> None:
        """As after SIGCONT; does nothing for one that does not stand still."""
        if self._standstill is not None and self._standstill.lasts:
            self.stood_s = trio.current_time()
            self.tap.tell(self.name, "worker", "went on")
            self._sleep.end()
            self._standstill.end()


def _only(error: BaseException) -> tuple[str, str]:
    """The type and the text of the one error of a group that holds no other; empty for a cancellation."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, BaseExceptionGroup):
        rest = error.split(trio.Cancelled)[1]
        return ("", "") if rest is None else (type(error).__name__, "; ".join(_texts(rest)))
    if isinstance(error, trio.Cancelled):
        return "", ""
    return type(error).__name__, str(error)


def _texts(error: BaseException) -> list[str]:
    if isinstance(error, BaseExceptionGroup):
        return [text for one in error.exceptions for text in _texts(one)]
    return [f"{type(error).__name__}: {error}"]
