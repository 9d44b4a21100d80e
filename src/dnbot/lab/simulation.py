"""One seed: a whole bot on the fake exchanges in virtual time, while its schedule goes wrong, and the judge watches.

First the safety phase, in which faults and mishaps happen; then everything heals, and the bot has to be at work again
or halted for a named reason; then it is asked to leave, and what is left is judged at rest.
"""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import attrs
import msgspec
import trio

from dnbot.domain.messages import SetMode
from dnbot.domain.units import plain
from dnbot.fakes.config import FakesConfig
from dnbot.lab.disk import Disk
from dnbot.lab.incarnation import Incarnation, LifeJournal, NoJournal
from dnbot.lab.livelock import Livelock
from dnbot.lab.mishaps import Mishaps
from dnbot.lab.oracle import Oracle
from dnbot.lab.schedule import Schedule
from dnbot.lab.simulation_watch import Watch
from dnbot.lab.source import source_digest
from dnbot.lab.still_clock import still_clock
from dnbot.lab.tap import NS_PER_S, Tap
from dnbot.lab.world import Stage, deterministic, stage
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.states import TradingMode

EXECUTIONS_MIN = 20
STRUCK_MIN = 5
START_AGAIN_S = 2.0
"""A bot that ended by itself is started again so much later, as a supervisor does; each time twice as late."""
START_AGAIN_S_MAX = 16.0
LEAVE_S_MAX = 90.0
PERSON_S = 5.0
PATIENCE_S = 25.0
"""A person looks every so often, and raises a mode that was lowered for that long."""
COLLECT_S = 30.0
SOURCE_DIGITS = 12


class Run(msgspec.Struct, kw_only=True):
    """What one seed came to. Times in seconds; money in the quote coin, as text."""

    seed: int
    source: str
    """The first digits of `source_digest`: whose behaviour this is."""
    trace_hash: str
    events: int
    """Messages, calls and records at the ports; `chunks` are pieces of raw bytes beside them."""
    chunks: int
    virtual_s: float
    cpu_s: float
    executions: int
    fills: int
    creates: int
    lives: int
    naked_seconds_worst: float
    """The worst of the classes that have a bound; each class has its own figure in `naked`."""
    naked: dict[str, float]
    naked_notional_worst_quote: str
    loss_worst_quote: str
    violations: list[dict[str, Any]]
    idle: str
    """Why this run proves too little; empty when it was busy enough."""
    struck: dict[str, int]
    """Faults and mishaps that changed something, and how often."""
    planned: int
    by_fault: dict[str, dict[str, float]]
    """Per kind: naked seconds and notional, and loss, while it was at work or just after."""
    checks: dict[str, int]
    sometimes: dict[str, int]
    frames_per_s: dict[str, float]
    ended: str
    rested: int = 0
    """Legs that waited on MEXC."""
    last_events: list[str] = []
    """The newest before the first violation."""

    @property
    def failed(self) -> bool:
        """Whether something did not hold, or the run was idle."""
        return bool(self.violations or self.idle)


def simulate(
    schedule: Schedule, params: StrategyParameters, run_s: float, *, config: FakesConfig | None = None,
    journal: Callable[[], LifeJournal] = NoJournal,
) -> Run:
    """Run one schedule. The same arguments give the same `trace_hash`, in any process on this platform.

    `journal` is asked for at the beginning of each life, and changes no hash.

    The garbage collector is stopped and runs at fixed moments, because what it finalises may act; what was there before
    is left out.
    """
    began_s = time.process_time()
    deterministic(schedule.seed)
    params = msgspec.structs.replace(
        params, margin_top_up=params.margin_top_up or schedule.margin_top_up,
        maker_first=params.maker_first or schedule.maker_first,
    )  # fmt: skip
    world = attrs.evolve(
        config or FakesConfig(deviation_bps=schedule.deviation_bps), seed=schedule.seed, faults=schedule.plan()
    )
    gc.disable()
    gc.collect()
    gc.freeze()
    try:
        simulation = Simulation(schedule, params, run_s, world, journal)
        trio.run(simulation.run, clock=still_clock(), instruments=[Livelock(simulation.hang)])
    finally:
        gc.unfreeze()
        gc.enable()
    return simulation.outcome(time.process_time() - began_s)


@attrs.define(eq=False, repr=False)
class Simulation:
    """The run of one schedule."""

    schedule: Schedule
    params: StrategyParameters
    run_s: float
    config: FakesConfig
    journal: Callable[[], LifeJournal] = NoJournal
    tap: Tap = attrs.field(factory=Tap)
    disk: Disk = attrs.field(factory=Disk)
    alive: Incarnation | None = None
    starts: int = 0
    ending: bool = False
    ended: str = ""
    virtual_s: float = 0.0
    oracle: Oracle = attrs.field(init=False)
    watch: Watch = attrs.field(init=False)
    mishaps: Mishaps = attrs.field(init=False)
    everything: trio.CancelScope = attrs.field(factory=trio.CancelScope)

    async def run(self) -> None:
        """Safety, healing, liveness, rest."""
        with self.everything:
            await self._run()

    def hang(self, text: str) -> None:
        """Time stands: nothing that waits for it will ever go on."""
        self.oracle.findings.check("I17", False, text)
        self.ended, self.virtual_s = "livelock", trio.current_time()
        self.everything.cancel()

    async def _run(self) -> None:
        async with stage(self.config, network_seed=self.schedule.seed) as on:
            self.oracle = Oracle(on.world, self.tap, self.params, self.disk)
            self.oracle.attach()
            self.watch = Watch(on, self.tap, self.oracle)
            self.watch.attach()
            self.mishaps = Mishaps(self, on)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._keep_alive, on, name="supervisor")
                nursery.start_soon(self._person, name="person")
                nursery.start_soon(self._collect, name="collector")
                nursery.start_soon(self.watch.run, name="watch")
                nursery.start_soon(self.mishaps.run, self.schedule, name="mishaps")
                await trio.sleep_until(self.schedule.heal_s)
                self._heal(on)
                await trio.sleep_until(self.run_s)
                await self._leave()
                self.virtual_s = trio.current_time()
                nursery.cancel_scope.cancel()

    def _heal(self, on: Stage) -> None:
        for key in list(on.world.faults.armed):
            self.watch.keep(on.world.faults.armed[key])
            on.world.faults.switch_off(key)
        self.mishaps.heal()
        self.oracle.heal()

    async def _leave(self) -> None:
        """A clean end, and the judgement at rest."""
        self.ending = True
        bot = self.alive
        if bot is None or bot.bot is None:
            self.ended = "no bot was alive at the end"
            return
        context = bot.bot.context
        self.ended = f"{context.current_state.name}, {context.mode.name} {context.mode_why}".strip()
        bot.bot.stop("the run is over")
        with trio.move_on_after(LEAVE_S_MAX):
            await bot.ended.wait()
        await trio.sleep(1.0)
        if bot.ended.is_set() and bot.error is None:
            self.oracle.quiesce()
        else:
            self.oracle.findings.check("I17", False, f"{bot.name} did not end within {LEAVE_S_MAX} s: {bot.error!r}")

    async def _keep_alive(self, on: Stage) -> None:
        """Start a bot, and the next when it has ended or died, as a supervisor does."""
        wait_s = START_AGAIN_S
        while not self.ending:
            self.starts += 1
            bot = self.alive = Incarnation.on(
                on, self.disk, tap=self.tap, number=self.starts, journal=self.journal()
            )
            began_s = trio.current_time()
            await bot.live(self.params, order_path=self.schedule.order_path)
            self.watch.life_ended(bot)
            lasted_s = trio.current_time() - began_s
            wait_s = START_AGAIN_S if lasted_s > START_AGAIN_S_MAX else min(2 * wait_s, START_AGAIN_S_MAX)
            await trio.sleep(self.mishaps.start_again_s(bot, wait_s))

    async def _person(self) -> None:
        """Somebody who looks now and then, and lets a lowered mode rise after a while."""
        lowered_s = 0.0
        while True:
            await trio.sleep(PERSON_S)
            bot = self.alive.bot if self.alive is not None and not self.alive.ended.is_set() else None
            halt = self.disk.latch.newest()
            is_killed = halt is not None and not halt.unwritten  # whoever did it lifts that
            if bot is None or bot.context.mode is TradingMode.ACTIVE or is_killed:
                lowered_s = 0.0
                continue
            lowered_s += PERSON_S
            if lowered_s >= PATIENCE_S and not self.ending:
                lowered_s = 0.0
                self.disk.latch.clear(halt)
                bot.tell(SetMode(TradingMode.ACTIVE.name, "looked at it", by="a person", seen=bot.context.mode.name))

    async def _collect(self) -> None:
        while True:
            await trio.sleep(COLLECT_S)
            gc.collect()

    def outcome(self, cpu_s: float) -> Run:
        """The figures, after `run`."""
        told, watch = self.oracle.summary(), self.watch
        naked = {name.removeprefix("naked_seconds_worst_"): round(value, 6) for name, value in told.items()
                 if name.startswith("naked_seconds_worst_")}
        struck = watch.struck(self.mishaps.happened)
        return Run(
            seed=self.schedule.seed,
            source=source_digest().hex()[:SOURCE_DIGITS],
            trace_hash=self.tap.hexdigest(),
            events=self.tap.events,
            chunks=self.tap.chunks,
            virtual_s=round(self.virtual_s, 3),
            cpu_s=round(cpu_s, 2),
            executions=told["executions"],
            fills=told["fills"],
            creates=told["creates"],
            lives=told["lives"],
            naked_seconds_worst=max(naked[name] for name in ("definite", "ambiguous", "foreign")),
            naked=naked,
            naked_notional_worst_quote=plain(Decimal(told["naked_notional_worst_quote"])),
            loss_worst_quote=told["loss_worst_quote"],
            violations=[
                {"invariant": v.invariant, "at_s": v.at_ns / NS_PER_S, "text": v.text}
                for v in self.oracle.violations
            ],
            idle=self._idle(told["executions"], struck),
            struck=dict(struck),
            planned=len(self.schedule.keys),
            by_fault=watch.by_fault(self.mishaps.happened),
            checks=dict(self.oracle.checks),
            sometimes=dict(watch.sometimes + Counter({f"fault {name}": n for name, n in struck.items()})),
            frames_per_s=watch.frames_per_s(self.virtual_s),
            ended=self.ended,
            rested=told["rested"],
            last_events=watch.last_events,
        )

    def _idle(self, executions: int, struck: Counter[str]) -> str:
        """Runs with a schedule have to be busy: enough trades, enough that went wrong."""
        if self.schedule.keys and executions < EXECUTIONS_MIN:
            return f"{executions} executions, at least {EXECUTIONS_MIN} are wanted"
        wanted = min(STRUCK_MIN, len(self.schedule.keys))
        if sum(struck.values()) < wanted:
            return f"{sum(struck.values())} faults changed something, at least {wanted} are wanted"
        return ""
