"""One seed of a fleet: two workers share a few tasks in virtual time, while its schedule goes wrong and judges watch.

First the safety phase; then everything heals, and each task has to be at work again within a lease and a start; then
the workers hand over to nobody, and what is left is judged at rest. Each task has venues of its own.
"""

from __future__ import annotations

import gc
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import attrs
import trio

from dnbot.config import parse_settings
from dnbot.domain.messages import SetMode
from dnbot.fakes.config import AccountConfig, FakesConfig
from dnbot.fakes.world import SIMULATION_EPOCH_NS
from dnbot.fleet.leases import LeaseTerms
from dnbot.fleet.life import AT_REST, Desired
from dnbot.fleet.words import NewTask
from dnbot.lab.disk import Disk
from dnbot.lab.drills_fleet_world import FleetTask, fleet_tasks
from dnbot.lab.fleet_budgets import BudgetJudge
from dnbot.lab.fleet_database import FleetDatabase
from dnbot.lab.fleet_judge import TaskJudge
from dnbot.lab.fleet_mishaps import NS_PER_MS, FleetMishaps
from dnbot.lab.fleet_run import FleetRun, fleet_source
from dnbot.lab.fleet_schedule import SLOTS, FleetSchedule
from dnbot.lab.fleet_worker import Host, Place, SimulatedWorker
from dnbot.lab.livelock import Livelock
from dnbot.lab.oracle_scene import Scene, since_start_ns
from dnbot.lab.oracle_words import NS_PER_S, Findings
from dnbot.lab.simulation import COLLECT_S, LEAVE_S_MAX, PATIENCE_S, PERSON_S
from dnbot.lab.still_clock import still_clock
from dnbot.lab.tap import Tap
from dnbot.lab.world import deterministic, stage
from dnbot.ports.clock import VirtualClock
from dnbot.ports.memory_store import MemoryStore
from dnbot.ports.memory_tasks import MemoryTasks
from dnbot.strategy.states import TradingMode

DEVIATION_BPS = 60.0
HALF_LIFE_S = 6.0
START_S = 40.0
"""What a task may need to be at work when somebody has its lease: a start, and what a person has to say about it."""
LOOK_S = 1.0
START_AGAIN_S = 2.0
ORDERS_MIN = 20
STRUCK_MIN = 2


def simulate_fleet(schedule: FleetSchedule, run_s: float) -> FleetRun:
    """Run one schedule. The same arguments give the same `trace_hash`, in any process on this platform."""
    began_s = time.process_time()
    deterministic(schedule.seed)
    gc.disable()
    gc.collect()
    gc.freeze()
    try:
        simulation = FleetSimulation(schedule, run_s)
        trio.run(simulation.run, clock=still_clock(), instruments=[Livelock(simulation.hang)])
    finally:
        gc.unfreeze()
        gc.enable()
    return simulation.outcome(time.process_time() - began_s)


@attrs.define(eq=False, repr=False)
class FleetSimulation:
    """The run of one schedule."""

    schedule: FleetSchedule
    run_s: float
    tap: Tap = attrs.field(factory=Tap)
    database: FleetDatabase = attrs.field(factory=FleetDatabase)
    findings: Findings = attrs.field(factory=lambda: Findings(since_start_ns))
    terms: LeaseTerms = attrs.field(init=False)
    tasks: list[FleetTask] = attrs.field(init=False)
    hosts: list[Host] = attrs.field(init=False)
    workers: list[SimulatedWorker | None] = attrs.field(factory=lambda: [None] * SLOTS)
    """Who is in each slot now."""
    all_workers: list[SimulatedWorker] = attrs.field(factory=list)
    places: dict[str, Place] = attrs.field(factory=dict)
    judges: list[TaskJudge] = attrs.field(factory=list)
    mishaps: FleetMishaps = attrs.field(init=False)
    asked: BudgetJudge = attrs.field(init=False)
    ending: bool = False
    ended: str = ""
    virtual_s: float = 0.0
    back_s: float = 0.0
    last_events: list[str] = attrs.field(factory=list)
    everything: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    _numbers: Counter[str] = attrs.field(factory=Counter)

    def __attrs_post_init__(self) -> None:
        schedule = self.schedule
        self.terms = LeaseTerms(ttl_s=schedule.ttl_s)
        self.tasks = fleet_tasks(schedule.tasks, schedule.seed)
        self.hosts = [
            Host(VirtualClock(SIMULATION_EPOCH_NS, skew_ms * NS_PER_MS)) for skew_ms in schedule.skews_ms
        ]
        self.mishaps = FleetMishaps(self)
        self.asked = BudgetJudge(
            self.findings, lambda: self.mishaps.happened, lambda: tuple(self.mishaps.now.values())
        )

    async def run(self) -> None:
        """Safety, healing, liveness, rest."""
        with self.everything:
            async with AsyncExitStack() as stack:
                for task in self.tasks:
                    await self._set_up(task, stack)
                await self._run()

    def hang(self, text: str) -> None:
        """Time stands: nothing that waits for it will ever go on."""
        self.findings.check("I17", False, text)
        self.ended, self.virtual_s = "livelock", trio.current_time()
        self.everything.cancel()

    async def _set_up(self, task: FleetTask, stack: AsyncExitStack) -> None:
        """A task, its venues and its judge."""
        key, secret, uid = task.account.split(":")
        config = FakesConfig(
            symbols=(str(task.symbol),), accounts=(AccountConfig(key, secret, uid),), seed=self.schedule.seed,
            deviation_bps=DEVIATION_BPS, half_life_s=HALF_LIFE_S, enforce_limits=False,
        )
        on = await stack.enter_async_context(stage(config, network_seed=self.schedule.seed))
        venue = on.world.mexc_app.venue
        venue.limits = self.asked.watch(venue.limits)
        settings = task.settings(Path("fakes"))
        params = parse_settings(task.name, settings).strategy
        place = self.places[task.name] = Place(task, on, params)
        await self.database.add(NewTask(task_id=task.name, symbol=task.symbol, settings=settings, accounts=(uid,)))
        disk = Disk(MemoryStore(self.database.books), spilled=place.spilled)
        scene = Scene(on.world, self.tap, params, disk, uid, self.findings)
        judge = TaskJudge(task.name, scene, self.database, self.terms)
        judge.gap.newest_mishap_s = lambda now_s: now_s if self.mishaps.now else self.mishaps.newest_s
        judge.attach()
        self.judges.append(judge)

    async def _run(self) -> None:
        self.tap.observers.append(lambda _event: self._look())
        async with trio.open_nursery() as nursery:
            for slot in range(SLOTS):
                nursery.start_soon(self._keep_up, slot, nursery, name=f"slot:{slot}")
            nursery.start_soon(self._person, name="person")
            nursery.start_soon(self._collect, name="collector")
            nursery.start_soon(self.mishaps.run, self.schedule, name="mishaps")
            await trio.sleep_until(self.schedule.heal_s)
            self.mishaps.heal()
            await self._come_back()
            await trio.sleep_until(self.run_s)
            await self._leave()
            self.virtual_s = trio.current_time()
            nursery.cancel_scope.cancel()

    # --- the fleet ----------------------------------------------------------------------------------------------------
    async def _keep_up(self, slot: int, nursery: trio.Nursery) -> None:
        """Start a worker, and the next when it has ended or died, as an orchestrator does; what a dead one leaves goes
        on dying beside it."""
        number = 0
        while not self.ending:
            number += 1
            worker = SimulatedWorker(
                f"{'abcdefgh'[slot]}{number}", self.hosts[slot], self.places, self.database, self.tap, self.terms,
                self.schedule.order_path, self._next,
            )
            self.workers[slot] = worker
            self.all_workers.append(worker)
            nursery.start_soon(worker.live, name=f"worker:{worker.name}")
            await worker.gone.wait()
            await trio.sleep(self.mishaps.start_again_s.get(worker.name, START_AGAIN_S))

    def _next(self, task: str) -> int:
        self._numbers[task] += 1
        return self._numbers[task]

    async def _come_back(self) -> None:
        """After the last mishap every task is at work again, within what is left of a lease and a start."""
        began_s = trio.current_time()
        most_s = self.terms.ttl_s + self._late_leases_s() + START_S
        with trio.move_on_after(most_s):
            while not all(judge.at_work() for judge in self.judges):  # noqa: ASYNC110 (judges hear, and set no event)
                await trio.sleep(LOOK_S)
        self.back_s = trio.current_time() - began_s
        for judge in self.judges:
            row, life = self.database.tasks.tasks[judge.name], judge.newest
            where = "no incarnation" if life is None else f"{life.actor} {life.state.name} {life.mode.name}"
            text = f"{judge.name} is not at work {most_s:g} s after the last mishap: {row.state.value}, {where}"
            self.findings.check("I23", judge.at_work(), text)

    def _late_leases_s(self) -> float:
        """A database whose clock went back holds leases for longer than anybody meant."""
        now_s = self.database.now_s()
        ends = [row.ends_s - now_s for row in self.database.tasks.tasks.values() if row.ends_s is not None]
        return max(0.0, max(ends, default=0.0) - self.terms.ttl_s)

    async def _leave(self) -> None:
        """Every worker ends cleanly, and the judgement at rest."""
        self.ending = True
        self.ended = ", ".join(f"{name} {row.state.value}" for name, row in sorted(self.database.tasks.tasks.items()))
        up = [worker for worker in self.workers if worker is not None and not worker.gone.is_set()]
        for worker in up:
            worker.manager.drain("the run is over")
        with trio.move_on_after(LEAVE_S_MAX):
            for worker in up:
                await worker.gone.wait()
        await trio.sleep(1.0)
        for worker in self.all_workers:
            self.findings.check("I17", worker.error is None, f"{worker.name} ended by {worker.error!r}")
        if all(worker.gone.is_set() for worker in up):
            for judge in self.judges:
                judge.rest()
        else:
            self.findings.check("I17", False, f"a worker did not end within {LEAVE_S_MAX} s")

    # --- people, and what is looked at --------------------------------------------------------------------------------
    async def _person(self) -> None:
        """Somebody who looks now and then, resumes what was quarantined, and raises a mode that was lowered."""
        lowered_s: Counter[str] = Counter()
        people = MemoryTasks(self.database.tasks)
        while True:
            await trio.sleep(PERSON_S)
            for name, row in sorted(self.database.tasks.tasks.items()):
                if row.state in AT_REST and not self.database.away:
                    await people.want(name, Desired.RUNNING, who="a person", why="looked at it")
            for worker in self.workers:
                for life in worker.lives if worker is not None and worker.is_up and not self.ending else ():
                    if life.bot is None or life.bot.context.mode is TradingMode.ACTIVE:
                        lowered_s[life.name] = 0
                        continue
                    lowered_s[life.name] += int(PERSON_S)
                    if lowered_s[life.name] >= PATIENCE_S:
                        mode, latch = life.bot.context.mode.name, life.disk.latch
                        latch.clear(latch.newest())
                        life.bot.tell(SetMode(TradingMode.ACTIVE.name, "looked at it", by="a person", seen=mode))

    async def _collect(self) -> None:
        while True:
            await trio.sleep(COLLECT_S)
            gc.collect()

    def _look(self) -> None:
        if self.findings.violations and not self.last_events:
            self.last_events = [event.text() for event in self.tap.newest]

    # --- figures ------------------------------------------------------------------------------------------------------
    def outcome(self, cpu_s: float) -> FleetRun:
        """The figures, after `run`."""
        orders = sum(sum(judge.creates.values()) for judge in self.judges)
        struck = Counter(kind for kind, _, _ in self.mishaps.happened)
        return FleetRun(
            seed=self.schedule.seed, source=fleet_source(),
            trace_hash=self.tap.hexdigest(), events=self.tap.events, virtual_s=round(self.virtual_s, 3),
            cpu_s=round(cpu_s, 2), tasks=len(self.tasks), ttl_s=self.terms.ttl_s, orders=orders,
            fills=sum(judge.fills for judge in self.judges), workers=len(self.all_workers),
            incarnations=sum(len(judge.began) for judge in self.judges),
            takeovers=sum(worker.manager.counts.takeovers for worker in self.all_workers),
            fenced=sum(judge.fenced for judge in self.judges), failovers=self.database.failovers,
            commits_lost=self.mishaps.commits_lost, gap_s=round(max(judge.gap.worst_s for judge in self.judges), 3),
            gap_clear_s=round(max(judge.gap.longest_s for judge in self.judges), 3), back_s=round(self.back_s, 3),
            violations=[
                {"invariant": v.invariant, "at_s": v.at_ns / NS_PER_S, "text": v.text}
                for v in self.findings.violations
            ],
            idle=self._idle(orders, struck), struck=dict(struck), planned=len(self.schedule.keys),
            checks=dict(self.findings.checks), ended=self.ended, last_events=self.last_events,
        )  # fmt: skip

    def _idle(self, orders: int, struck: Counter[str]) -> str:
        """A run has to be busy: enough orders, enough that went wrong."""
        if orders < ORDERS_MIN:
            return f"{orders} orders were accepted, at least {ORDERS_MIN} are wanted"
        wanted = min(STRUCK_MIN, len(self.schedule.keys))
        if sum(struck.values()) < wanted:
            return f"{sum(struck.values())} mishaps happened, at least {wanted} are wanted"
        return ""
