"""Lets faults loose on a world: arms them, asks them for each happening, begins and ends what goes by the clock.

Everything that struck is written down: what, when, and which request or frame.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs
import trio

from .clock import FakeClock
from .faults import Fault, FaultPlan, FaultRefused
from .faults_conditions import Doors, Links
from .faults_kinds import Armed, FaultKind, Happening, WorldStrike
from .faults_worlds import refuse_unfit
from .market_ladder import Command
from .records import Venue

if TYPE_CHECKING:
    from .faults_link import FaultyStream
    from .running import World

ACTIVATIONS_MAX = 20_000
Bend = Callable[[Venue, str, Command], Command | None]
"""What becomes of an outsider's command on a venue and symbol; None when it never happens."""


@attrs.frozen
class Activation:
    """One strike: which fault, seconds after the engine was made, the world's time, and what it struck."""

    number: int
    key: str
    name: str
    code: str
    elapsed_s: float
    time_ms: int
    venue: str
    domain: str
    method: str
    path: str
    client_id: str


@attrs.define(eq=False)
class FaultEngine:
    """The faults of one world. Synchronous methods may be called at any time; ``run`` must be running for time to pass.

    ``bends`` are asked for every command of the outside market, ``links`` for every byte, ``doors`` for every dial.
    """

    clock: FakeClock
    kinds: Mapping[str, FaultKind]
    check: Callable[[Fault], Fault]
    seed: int = 1
    armed: dict[str, Armed] = attrs.field(factory=dict)
    links: Links = attrs.field(factory=Links)
    doors: Doors = attrs.field(factory=Doors)
    connections: dict[FaultyStream, None] = attrs.field(factory=dict)
    """Connections that are open now, oldest first."""
    bends: list[Bend] = attrs.field(factory=list)
    halts: list[tuple[Venue, ...]] = attrs.field(factory=list)
    """Where nobody outside does anything, once for each fault that says so."""
    placed: dict[tuple[Venue, str, str], None] = attrs.field(factory=dict)
    """Outside orders of faults that are in force: venue, symbol and order id."""
    certificate: str = ""
    """Which wrong certificate a TLS listener shows, if any."""
    _world: World | None = None
    _kept: deque[Activation] = attrs.field(factory=lambda: deque(maxlen=ACTIVATIONS_MAX))
    _count: int = 0
    _origin_s: float = attrs.field(init=False)
    _nursery: trio.Nursery | None = None
    _waiting: list[Callable[[], Awaitable[None]]] = attrs.field(factory=list)
    _acting: dict[str, list[Armed]] = attrs.field(factory=dict)
    """Armed faults by where they have an effect; emptied when one is armed or ended."""

    def __attrs_post_init__(self) -> None:
        self._origin_s = self.clock.monotonic_s()

    @property
    def now_s(self) -> float:
        """The clock that windows are measured by."""
        return self.clock.monotonic_s()

    @property
    def world(self) -> World:
        """The world that is struck."""
        if self._world is None:
            raise RuntimeError("this engine has no world")
        return self._world

    # -- switching

    def attach(self, world: World, plan: FaultPlan) -> None:
        """Let a plan loose on a world; what begins at once has begun when this returns. Raises FaultRefused."""
        self._world, self.seed = world, plan.seed
        for fault in plan.faults:
            self.switch_on(fault)

    def switch_on(self, fault: Fault) -> str:
        """Arm one more fault, now; returns its key. Raises FaultRefused for what is not in the catalogue."""
        fault = self.check(fault)
        taken = FaultPlan((*(armed.fault for armed in self.armed.values()), fault), self.seed)
        fault = taken.faults[-1]
        armed = Armed(fault, self.kinds[fault.name], random.Random(f"{self.seed}:{fault.key}"), self.now_s)
        if not armed.venues:
            allowed = ", ".join(armed.kind.venues)
            raise FaultRefused(f"{fault.name} strikes at {allowed}, not at {fault.venue!r}")
        if self._world is not None:
            refuse_unfit(fault, self._world)
        self.armed[fault.key] = armed
        self._acting.clear()
        if armed.kind.in_world is not None and not armed.awaits_request:
            if fault.at_s > 0:
                self.spawn(lambda: self._begin_later(armed))
            else:
                self._begin_or_forget(armed)
        return fault.key

    def switch_off(self, key: str) -> None:
        """End one fault and undo what it changed. Raises FaultRefused for an unknown key."""
        armed = self.armed.pop(key, None)
        if armed is None:
            raise FaultRefused(f"no such fault is switched on: {key!r}; there are {', '.join(self.armed) or 'none'}")
        self._acting.clear()
        self._end(armed)

    # -- asking

    def struck_by(self, happening: Happening, point: str) -> list[Armed]:
        """The faults that strike this happening, in the order of the plan; ``point`` is the effect that is wanted."""
        now_s = self.now_s
        return [armed for armed in self._acting_at(point) if armed.strikes(happening, now_s)]

    def begin_awaited(self, happening: Happening) -> None:
        """Begin the changes of the world that waited for this request; what is in force does not begin again."""
        now_s = self.now_s
        for armed in list(self.armed.values()):
            if armed.awaits_request and armed.undo is None and armed.strikes(happening, now_s):
                self._begin_if_possible(armed, happening)

    def has(self, point: str) -> bool:
        """Whether any fault may have such an effect now; a quick no for the path of every frame."""
        now_s = self.now_s
        return any(armed.is_open(now_s) and not armed.spent for armed in self._acting_at(point))

    def _acting_at(self, point: str) -> list[Armed]:
        """The armed faults with such an effect, in the order of the plan."""
        found = self._acting.get(point)
        if found is None:
            found = [armed for armed in self.armed.values() if getattr(armed.kind, point) is not None]
            self._acting[point] = found
        return found

    def bent(self, venue: Venue, symbol: str, commands: list[Command]) -> list[Command]:
        """What the outside market really does."""
        if self.stands_still(venue):
            return []
        for bend in self.bends:
            commands = [bent for bent in (bend(venue, symbol, command) for command in commands) if bent is not None]
        return commands

    def stands_still(self, venue: Venue) -> bool:
        """Whether nobody outside does anything there now."""
        return any(venue in venues for venues in self.halts)

    # -- writing down

    def record(self, armed: Armed, happening: Happening) -> None:
        """Count and keep one strike."""
        armed.struck += 1
        self._count += 1
        fault = armed.fault
        self._kept.append(
            Activation(
                self._count, fault.key, fault.name, armed.kind.code, round(self.now_s - self._origin_s, 6),
                self.clock.ms(), happening.venue, happening.domain, happening.method, happening.path,
                happening.client_id,
            )
        )  # fmt: skip

    def activations(self, since: int = 0) -> list[Activation]:
        """The strikes after that number, oldest first; the oldest of very many are forgotten."""
        return [activation for activation in self._kept if activation.number > since]

    def report(self) -> dict[str, Any]:
        """For an audit: the plan as it is now, and every strike."""
        plan = FaultPlan(tuple(armed.fault for armed in self.armed.values()), self.seed)
        return {"plan": plan.as_data(), "activations": [attrs.asdict(activation) for activation in self._kept]}

    # -- time

    async def run(self) -> None:
        """Let time pass for faults; for ever."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                for task in self._waiting:
                    nursery.start_soon(task)
                self._waiting.clear()
                await trio.sleep_forever()
            finally:
                self._nursery = None

    def spawn(self, task: Callable[[], Awaitable[None]]) -> None:
        """Run something beside everything else; at once, or as soon as ``run`` does."""
        if self._nursery is None:
            self._waiting.append(task)
        else:
            self._nursery.start_soon(task)

    def after(self, wait_s: float, act: Callable[[], object]) -> None:
        """Do something a while later."""

        async def wait() -> None:
            await trio.sleep(wait_s)
            act()

        self.spawn(wait)

    # -- inside

    def _by_the_clock(self, armed: Armed) -> Happening:
        return Happening(armed.venues[0], armed.domain, "", "")

    async def _begin_later(self, armed: Armed) -> None:
        await trio.sleep(max(0.0, armed.began_s + armed.fault.at_s - self.now_s))
        if not armed.over:
            self._begin_if_possible(armed, self._by_the_clock(armed))

    def _begin_or_forget(self, armed: Armed) -> None:
        try:
            self._begin(armed, self._by_the_clock(armed))
        except FaultRefused:
            del self.armed[armed.fault.key]
            self._acting.clear()
            raise

    def _begin_if_possible(self, armed: Armed, happening: Happening) -> None:
        try:
            self._begin(armed, happening)
        except FaultRefused:  # what could be when it was asked for cannot be now: it strikes nothing
            armed.over = True

    def _begin(self, armed: Armed, happening: Happening) -> None:
        effect = armed.kind.in_world
        by_the_clock = armed.kind.acts_in_world_alone and not armed.awaits_request
        if effect is None or armed.over or (by_the_clock and not self._drawn(armed)):
            return
        armed.undo = effect(WorldStrike(self, armed, happening))
        for_s = armed.fault.for_s
        if armed.undo is not None and for_s is not None:
            self.spawn(lambda: self._end_later(armed, for_s))

    def _drawn(self, armed: Armed) -> bool:
        return armed.fault.probability >= 1 or armed.rng.random() < armed.fault.probability

    async def _end_later(self, armed: Armed, for_s: float) -> None:
        await trio.sleep(for_s)
        self._end(armed)

    def _end(self, armed: Armed) -> None:
        undo, armed.undo, armed.over = armed.undo, None, True
        if undo is not None:
            undo()
