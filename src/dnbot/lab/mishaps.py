"""What happens to the bot's own side in a simulation: its process, database and clock, and the people around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import trio

from dnbot.domain.messages import SetMode
from dnbot.fakes.faults import Fault, FaultRefused
from dnbot.lab.schedule import Meeting, Mishap, Schedule
from dnbot.lab.tap import Tapped
from dnbot.lab.world import Stage
from dnbot.ports.latch import Halt
from dnbot.strategy.states import TradingMode

if TYPE_CHECKING:
    from dnbot.lab.incarnation import Incarnation
    from dnbot.lab.simulation import Simulation

WAITED_S_MAX = 20.0
"""A crash or a pause that waits for an order comes without one after so long."""
LASTING_S = 0.05
STOP_S_MAX = 60.0
NS_PER_MS = 1_000_000


@attrs.define(eq=False)
class Mishaps:
    """Lets the mishaps of a schedule happen, each in its own time."""

    simulation: Simulation
    on: Stage
    happened: list[tuple[str, float, float]] = attrs.field(factory=list)
    """Kind, begin and end, seconds of the run, of each that did something."""
    _start_s: dict[str, float] = attrs.field(factory=dict)
    _downs: int = 0
    _slow: list[float] = attrs.field(factory=list)
    _healed: bool = False

    async def run(self, schedule: Schedule) -> None:
        """Until the last has ended."""
        async with trio.open_nursery() as nursery:
            for mishap in schedule.mishaps:
                nursery.start_soon(self._at, mishap, name=f"mishap:{mishap.key}")
            for meeting in schedule.meetings:
                nursery.start_soon(self._meet, meeting)

    def heal(self) -> None:
        """Whatever still holds ends now, and nothing begins any more."""
        self._healed = True
        self._downs, self._slow = 0, []
        self._settle_database()
        self.on.clock.skew_ns = 0
        self.simulation.disk.latch.halts.clear()
        if self.simulation.alive is not None:
            self.simulation.alive.go_on()

    def start_again_s(self, bot: Incarnation, otherwise_s: float) -> float:
        """How long after the end of a bot the next one starts."""
        return self._start_s.pop(bot.name, otherwise_s)

    async def _at(self, mishap: Mishap) -> None:
        await trio.sleep_until(mishap.at_s)
        if self._healed:
            return
        acts: dict[str, Callable[[Mishap], Awaitable[bool]]] = {
            "crash": self._crash,
            "restart": self._restart,
            "database_down": self._database_down,
            "database_slow": self._database_slow,
            "database_answers_lost": self._answers_lost,
            "wall_clock_steps": self._clock_steps,
            "paused": self._paused,
            "operator_halts": partial(self._mode, TradingMode.HALTED),
            "operator_reduces": partial(self._mode, TradingMode.REDUCING),
            "killed_from_outside": self._killed,
        }
        self.simulation.tap.tell("lab", "mishap", mishap.kind, mishap.key)
        begun_s = trio.current_time()
        if await acts[mishap.kind](mishap):
            self.happened.append((mishap.kind, begun_s, trio.current_time()))

    async def _meet(self, meeting: Meeting) -> None:
        fault = Fault.from_data(meeting.fault)
        await trio.sleep_until(fault.at_s)
        await self._moment(meeting.how)
        if not self._healed:
            with suppress(FaultRefused):  # a hand cannot trade what the account does not hold
                self.on.world.faults.switch_on(attrs.evolve(fault, at_s=0.0))

    @property
    def _alive(self) -> Incarnation | None:
        bot = self.simulation.alive
        return bot if bot is not None and not bot.dead and not bot.ended.is_set() else None

    # -- the process

    async def _crash(self, mishap: Mishap) -> bool:
        how, when = mishap.how.split()
        await self._moment(when)
        bot = self._alive
        if bot is None or self._healed:
            return False
        self._start_s[bot.name] = mishap.for_s
        bot.crash(power_cut=how == "power")
        return True

    async def _moment(self, what: str) -> None:
        """Wait for the next commit or its end (*intents*), create or fill, or the begin of a state: the mishap falls
        between that and what would follow. A state may also have to last for a moment.
        """
        if what in ("", "now"):
            return
        what, lasting = what.removeprefix("lasting "), what.startswith("lasting ")
        seen = trio.Event()

        def hear(event: Tapped) -> None:
            committing = event.port == "store" and event.data[:1] == ("commit_intents",)
            begun_to, asked = committing and event.what == "asked", committing and event.what == "done"
            said = event.port == "wire" and event.what == "said" and bool(getattr(event.data[1], "created_id", ""))
            booked = event.port == "record" and event.what == "FillBooked"
            fields: Any = event.data[0] if event.what == "StateChanged" else {}
            begun = event.port == "record" and fields.get("to_state") == what
            if {"commit": begun_to, "intents": asked, "create": said, "fill": booked}.get(what, begun):
                seen.set()

        observers = self.simulation.tap.observers
        observers.append(hear)
        with trio.move_on_after(WAITED_S_MAX):
            await seen.wait()
            while lasting and not await self._lasts(what):
                seen = trio.Event()
                await seen.wait()
        observers.remove(hear)

    async def _lasts(self, state: str) -> bool:
        await trio.sleep(LASTING_S)
        bot = self._alive
        return bot is not None and bot.bot is not None and bot.bot.context.current_state.name == state

    async def _restart(self, mishap: Mishap) -> bool:
        await self._moment(mishap.how)
        bot = self._alive
        if bot is None or bot.bot is None or self._healed:
            return False
        self._start_s[bot.name] = min(mishap.for_s, 5.0)
        bot.bot.stop("a new version")
        with trio.move_on_after(STOP_S_MAX):
            await bot.ended.wait()
        return True

    async def _paused(self, mishap: Mishap) -> bool:
        await self._moment(mishap.how)
        bot = self._alive
        if bot is None or bot.stands_still or self._healed:
            return False
        bot.stop()
        await trio.sleep(mishap.for_s)
        bot.go_on()
        return True

    # -- the database

    async def _database_down(self, mishap: Mishap) -> bool:
        self._downs += 1
        self._settle_database()
        await trio.sleep(mishap.for_s)
        self._downs = max(0, self._downs - 1)
        self._settle_database()
        return True

    async def _database_slow(self, mishap: Mishap) -> bool:
        self._slow.append(mishap.amount)
        self._settle_database()
        await trio.sleep(mishap.for_s)
        if mishap.amount in self._slow:
            self._slow.remove(mishap.amount)
        self._settle_database()
        return True

    async def _answers_lost(self, mishap: Mishap) -> bool:
        self.simulation.disk.store.lose_next_answers(int(mishap.amount))
        await trio.lowlevel.checkpoint()
        return True

    def _settle_database(self) -> None:
        store = self.simulation.disk.store
        store.down, store.delay_s = self._downs > 0, max(self._slow, default=0.0)

    # -- the clock and the people

    async def _clock_steps(self, mishap: Mishap) -> bool:
        step_ns = round(mishap.amount) * NS_PER_MS
        self.on.clock.skew_ns += step_ns
        await trio.sleep(mishap.for_s)
        if not self._healed:
            self.on.clock.skew_ns -= step_ns
        return True

    async def _mode(self, mode: TradingMode, mishap: Mishap) -> bool:
        await self._moment(mishap.how)
        bot = self._alive
        if bot is None or bot.bot is None or self._healed:
            return False
        bot.bot.tell(SetMode(mode.name, "somebody wants to look", by="a person"))
        await trio.sleep(mishap.for_s)
        later = self._alive
        if later is not None and later.bot is not None:
            later.bot.tell(SetMode(TradingMode.ACTIVE.name, "looked at it", by="a person", seen=mode.name))
        return True

    async def _killed(self, mishap: Mishap) -> bool:
        await self._moment(mishap.how)
        if self._healed:
            return False
        latch = self.simulation.disk.latch
        latch.halts.append(Halt(who="a person", reason=mishap.key, at_ns=self.on.clock.now_ns()))
        await trio.sleep(mishap.for_s)
        latch.clear(latch.newest())
        return True
