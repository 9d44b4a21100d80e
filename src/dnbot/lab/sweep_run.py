"""One saga, played once: without a crash, with a crash at one step, or with a fork at every step that crashes."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import attrs
import msgspec
import trio

from dnbot.lab.incarnation import Disk, Incarnation
from dnbot.lab.still_clock import still_clock
from dnbot.lab.sweep_judge import WireWitness, check_end, check_log
from dnbot.lab.sweep_sagas import PARAMS, SLOW_PULSE_S, Saga, SagaStuck, Scene, at_rest, config, quiet
from dnbot.lab.sweep_steps import StepCounter, place_of
from dnbot.lab.tap import Tap
from dnbot.lab.world import Stage, deterministic, stage

ROOT_TASK = "a bot's life"
HASH_DIGITS = 16
REST_S_MAX = 60.0
END_S_MAX = 30.0
LOOK_S = 0.05
HELD_S = 0.5
"""So long a second life is watched at rest before it is stopped."""

MakeLife = Callable[[Stage, Disk, int, Tap], Incarnation]


def a_life(on: Stage, disk: Disk, number: int, tap: Tap) -> Incarnation:
    """A sound bot."""
    return Incarnation.on(on, disk, number=number, tap=tap)


class Crash(msgspec.Struct, frozen=True, kw_only=True):
    """One crash and what came of it."""

    step: int
    power_cut: bool
    task: str
    at_s: float
    """Virtual seconds since the world began."""
    prefix: str
    """The tap's hash over all that happened before the crash: equal in every run that comes to this step."""
    wrong: tuple[str, ...] = ()
    rest_s: float | None = None
    """Virtual seconds from the crash until the second life was at rest."""
    end: str = ""
    """The tap's hash at the end of the second life: a copy of a process and a run from the beginning have the same."""


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """A saga to its end, without a crash in this process."""

    prefixes: tuple[str, ...]
    """The tap's hash before each step, the first digits."""
    hash: str
    wrong: tuple[str, ...]

    @property
    def steps(self) -> int:
        """How many steps of the bot's tasks there were."""
        return len(self.prefixes)


@attrs.define(eq=False)
class Play:
    """One run of a saga. `at_step` is asked before each step and may call `crash`; `judged` gets what came of that.

    `judged` is called while the world still stands: a copy of a process ends there.
    """

    saga: Saga
    seed: int
    make_life: MakeLife = a_life
    at_step: Callable[[Play, int], None] = lambda _play, _step: None
    judged: Callable[[Crash], None] = lambda _crash: None
    tap: Tap = attrs.field(factory=Tap)
    disk: Disk = attrs.field(factory=Disk)
    died: Crash | None = None
    steps: StepCounter = attrs.field(init=False)
    _first: Incarnation | None = None
    _task: trio.lowlevel.Task | None = None
    _prefixes: list[str] = attrs.field(factory=list)
    _acting: trio.CancelScope = attrs.field(factory=trio.CancelScope)

    def __attrs_post_init__(self) -> None:
        self.steps = StepCounter(ROOT_TASK, self._at)

    def run(self) -> Played | Crash:
        """Play it on virtual time. Raises SagaStuck when it does not come to its end."""
        deterministic(self.seed)
        clock = still_clock()
        result = trio.run(self._main, clock=clock, instruments=[self.steps])
        if self.steps.error is not None:
            raise self.steps.error
        return result

    def crash(self, step: int, *, power_cut: bool) -> None:
        """Let the bot die here and now; the run then goes on with its second life."""
        assert self._first is not None  # steps are counted while there is a first life
        assert self._task is not None
        self.died = Crash(
            step=step, power_cut=power_cut, task=place_of(self._task), at_s=round(trio.current_time(), 6),
            prefix=self._prefixes[-1],
        )
        self.steps.counting = False
        self._first.crash(power_cut=power_cut)
        self._acting.cancel()

    def _at(self, step: int, task: trio.lowlevel.Task) -> None:
        self._task = task
        self._prefixes.append(self.tap.hexdigest()[:HASH_DIGITS])
        self.at_step(self, step)
        self._task = None

    async def _main(self) -> Played | Crash:
        wire = WireWitness(self.disk)
        self.tap.observers.append(wire)
        async with stage(config(self.seed), network_seed=self.seed) as on, trio.open_nursery() as nursery:
            quiet(on)
            self._first = first = self.make_life(on, self.disk, 1, self.tap)
            scene = Scene(on, first)
            nursery.start_soon(first.live, PARAMS, name=ROOT_TASK)
            await self.saga.before(scene)
            self.steps.counting = True
            with self._acting:
                await self.saga.act(scene)
            self.steps.counting = False
            result: Played | Crash
            if self.died is None:
                result = await self._ended(first, wire)
            else:
                result = await self._judged_life(on, wire, self.died)
                self.judged(result)
            nursery.cancel_scope.cancel()
        return result

    async def _ended(self, first: Incarnation, wire: WireWitness) -> Played:
        """Nothing crashed: the first life ends, and the same must hold."""
        wrong = await _to_the_end(first, wire)
        return Played(prefixes=tuple(self._prefixes), hash=self.tap.hexdigest(), wrong=tuple(wrong))

    async def _judged_life(self, on: Stage, wire: WireWitness, died: Crash) -> Crash:
        """A second life and its verdict; one that the judge cannot even judge is wrong too."""
        try:
            return await self._second_life(on, wire, died)
        except Exception:  # noqa: BLE001 (kept, as the verdict)
            return msgspec.structs.replace(died, wrong=(traceback.format_exc()[-2000:],))

    async def _second_life(self, on: Stage, wire: WireWitness, died: Crash) -> Crash:
        crashed_s = trio.current_time()
        wrong = await check_log(self.disk)
        quiet(on, SLOW_PULSE_S)
        self.disk.store.down = False
        rest_s = None
        async with trio.open_nursery() as nursery:
            life = self.make_life(on, self.disk, 2, self.tap)
            nursery.start_soon(life.live, PARAMS)
            with trio.move_on_after(REST_S_MAX):
                while not (at_rest(life) or life.ended.is_set()):  # noqa: ASYNC110 (nothing tells of rest)
                    await trio.sleep(LOOK_S)
            if at_rest(life):
                rest_s = round(trio.current_time() - crashed_s, 3)
                await trio.sleep(HELD_S)
            else:
                state = "no state" if life.bot is None else life.bot.context.current_state.name
                wrong.append(f"not at rest within {REST_S_MAX} s of the crash: {state}")
            wrong += await _to_the_end(life, wire)
            nursery.cancel_scope.cancel()
        return msgspec.structs.replace(died, wrong=tuple(wrong), rest_s=rest_s, end=self.tap.hexdigest())


async def _to_the_end(life: Incarnation, wire: WireWitness) -> list[str]:
    if not life.ended.is_set() and life.bot is not None:
        life.bot.stop("the saga is over", "hold")
    with trio.move_on_after(END_S_MAX):
        await life.ended.wait()
    return await check_end(life, wire)


def crash_at(saga: Saga, seed: int, step: int, *, power_cut: bool, make_life: MakeLife = a_life) -> Crash:
    """Play a saga from the beginning and crash at this step: what a report's replay command does.

    Raises:
        SagaStuck: the saga has no such step.
    """

    def at(play: Play, now: int) -> None:
        if now == step:
            play.crash(step, power_cut=power_cut)

    result = Play(saga, seed, make_life, at).run()
    if isinstance(result, Played):
        raise SagaStuck(f"{saga.name} has {result.steps} steps, from 0; there is no {step}")
    return result
