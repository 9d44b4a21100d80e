"""What happens to the workers of a simulated fleet, to their clocks and to the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs
import trio

from dnbot.fakes.faults import Fault
from dnbot.lab.fleet_database import TAKES_S
from dnbot.lab.fleet_schedule import FleetMishap, FleetSchedule
from dnbot.lab.tap import Tapped

if TYPE_CHECKING:
    from dnbot.lab.fleet_simulation import FleetSimulation
    from dnbot.lab.fleet_worker import SimulatedWorker

STANDS_STILL = ("worker_paused", "host_sleeps")
WAITED_S_MAX = 20.0
"""What waits for a port comes without one after so long."""
BEHIND_S_MAX = 5.0
"""A standby is no further behind, however few commits there are."""
DRAINED_S_MAX = 60.0
NS_PER_MS = 1_000_000


@attrs.define(eq=False)
class FleetMishaps:
    """Lets the mishaps of a schedule happen, each in its own time."""

    simulation: FleetSimulation
    happened: list[tuple[str, float, float]] = attrs.field(factory=list)
    """Kind, begin and end, seconds of the run, of each that did something."""
    now: dict[str, str] = attrs.field(factory=dict)
    """What holds now, by key."""
    newest_s: float = 0.0
    """When something last began or ended."""
    start_again_s: dict[str, float] = attrs.field(factory=dict)
    """By worker: how long after its end the next one of its slot starts."""
    commits_lost: int = 0
    """By failovers."""
    _healed: trio.Event = attrs.field(factory=trio.Event)

    async def run(self, schedule: FleetSchedule) -> None:
        """Until the last has ended."""
        async with trio.open_nursery() as nursery:
            for mishap in schedule.mishaps:
                nursery.start_soon(self._at, mishap, name=f"mishap:{mishap.key}")

    def heal(self) -> None:
        """Whatever still holds ends now, and nothing begins any more."""
        self._healed.set()

    async def _at(self, mishap: FleetMishap) -> None:
        to_workers: dict[str, Callable[[FleetMishap, SimulatedWorker], Awaitable[None]]] = {
            "worker_killed": self._killed, "worker_paused": self._stands_still, "host_sleeps": self._stands_still,
            "worker_drained": self._drained, "worker_cut_off": self._cut_off, "renewals_fail": self._renewals_fail,
            "leases_slow": self._leases_slow, "lease_answers_lost": self._answers_lost,
        }
        to_all: dict[str, Callable[[FleetMishap], Awaitable[None]]] = {
            "wall_clock_steps": self._clock_steps, "database_down": self._database_down,
            "database_fails_over": self._fails_over, "database_clock_jumps": self._database_clock,
            "orders_delayed": self._orders_delayed,
        }
        await trio.sleep_until(mishap.at_s)
        if self._healed.is_set():
            return
        self.simulation.tap.tell("lab", "mishap", mishap.kind, mishap.key)
        if mishap.kind in to_all:
            await to_all[mishap.kind](mishap)
            return
        worker = await self._worker(mishap)
        if worker is not None:
            with self._holding(mishap):
                await to_workers[mishap.kind](mishap, worker)

    # --- the parts of every mishap ------------------------------------------------------------------------------------
    @contextmanager
    def _holding(self, mishap: FleetMishap) -> Iterator[None]:
        """While it is at work."""
        self.now[mishap.key] = mishap.kind
        self.newest_s = begun_s = trio.current_time()
        try:
            yield
        finally:
            self.newest_s = trio.current_time()
            self.happened.append((mishap.kind, begun_s, self.newest_s))
            del self.now[mishap.key]

    async def _lasts(self, mishap: FleetMishap) -> None:
        with trio.move_on_after(mishap.for_s):
            await self._healed.wait()

    async def _worker(self, mishap: FleetMishap) -> SimulatedWorker | None:
        """The worker of its slot, at the port that it waits for; None when there is none that it could happen to, or
        everything has healed."""
        workers = self.simulation.workers
        if mishap.at_port and (worker := workers[mishap.slot]) is not None:
            await self._port(worker, mishap.at_port)
        found = workers[mishap.slot]
        if found is None or not found.is_up or self._healed.is_set():
            return None
        # Only one process of a run may stand still.
        is_taken = mishap.kind in STANDS_STILL and any(w is not None and w.stands_still for w in workers)
        return None if is_taken else found

    async def _port(self, worker: SimulatedWorker, number: int) -> None:
        """Wait for so many events at the ports of this worker and its bots."""
        left, seen = number, trio.Event()

        def hear(event: Tapped) -> None:
            nonlocal left
            if event.actor == worker.name or any(event.actor == life.name for life in worker.lives):
                left -= 1
                if left <= 0:
                    seen.set()

        observers = self.simulation.tap.observers
        observers.append(hear)
        with trio.move_on_after(WAITED_S_MAX):
            await seen.wait()
        observers.remove(hear)

    # --- workers ------------------------------------------------------------------------------------------------------
    async def _killed(self, mishap: FleetMishap, worker: SimulatedWorker) -> None:
        self.start_again_s[worker.name] = mishap.for_s
        worker.kill(power_cut=bool(mishap.amount))
        await trio.lowlevel.checkpoint()

    async def _stands_still(self, mishap: FleetMishap, worker: SimulatedWorker) -> None:
        worker.stop(asleep=mishap.kind == "host_sleeps")
        await self._lasts(mishap)
        worker.go_on()

    async def _drained(self, mishap: FleetMishap, worker: SimulatedWorker) -> None:
        self.start_again_s[worker.name] = mishap.for_s
        worker.manager.drain("a new version")
        with trio.move_on_after(DRAINED_S_MAX):
            await worker.gone.wait()

    async def _cut_off(self, mishap: FleetMishap, worker: SimulatedWorker) -> None:
        worker.reach.cut_off += 1
        await self._lasts(mishap)
        worker.reach.cut_off -= 1

    # --- leases -------------------------------------------------------------------------------------------------------
    async def _renewals_fail(self, mishap: FleetMishap, worker: SimulatedWorker) -> None:
        worker.tasks.renewals_fail += 1
        await self._lasts(mishap)
        worker.tasks.renewals_fail -= 1

    async def _leases_slow(self, mishap: FleetMishap, worker: SimulatedWorker) -> None:
        """What is slower than the limit is given up; a request may then not have come there, or have been done."""
        ways = (worker.tasks.inner, worker.leases.inner)
        for inner in ways:
            if mishap.amount > 0:
                inner.request_s = mishap.amount
            else:
                inner.answer_s = -mishap.amount
        await self._lasts(mishap)
        for inner in ways:
            inner.request_s, inner.answer_s = TAKES_S, 0.0

    async def _answers_lost(self, mishap: FleetMishap, worker: SimulatedWorker) -> None:
        worker.tasks.answers_lost = int(mishap.amount)
        await trio.lowlevel.checkpoint()

    # --- clocks -------------------------------------------------------------------------------------------------------
    async def _clock_steps(self, mishap: FleetMishap) -> None:
        clock, step_ns = self.simulation.hosts[mishap.slot].clock, round(mishap.amount) * NS_PER_MS
        with self._holding(mishap):
            clock.skew_ns += step_ns
            await self._lasts(mishap)
            clock.skew_ns -= step_ns

    async def _database_clock(self, mishap: FleetMishap) -> None:
        await trio.lowlevel.checkpoint()
        with self._holding(mishap):
            self.simulation.database.ahead_s += mishap.amount

    # --- the venues ---------------------------------------------------------------------------------------------------
    async def _orders_delayed(self, mishap: FleetMishap) -> None:
        fault = Fault(
            name="request_delayed", path="creates", probability=0.5, options={"delay_s": mishap.amount}, key=mishap.key
        )
        engines = [place.stage.world.faults for place in self.simulation.places.values()]
        with self._holding(mishap):
            for engine in engines:
                engine.switch_on(fault)
            await self._lasts(mishap)
            for engine in engines:
                engine.switch_off(mishap.key)

    # --- the database -------------------------------------------------------------------------------------------------
    async def _database_down(self, mishap: FleetMishap) -> None:
        database = self.simulation.database
        with self._holding(mishap):
            database.away += 1
            await self._lasts(mishap)
            database.away -= 1

    async def _fails_over(self, mishap: FleetMishap) -> None:
        """The primary is gone, and its standby had not heard of the last commits."""
        database = self.simulation.database
        if any(kind == mishap.kind for kind in self.now.values()):
            return  # there is one standby
        standby = database.standby()
        with trio.move_on_after(BEHIND_S_MAX):
            await database.until(standby.commits + int(mishap.amount))
        if self._healed.is_set():
            return
        with self._holding(mishap):
            database.away += 1
            await self._lasts(mishap)
            lost = database.fail_over(standby)
            self.commits_lost += lost
            self.simulation.tap.tell("lab", "database", "failed over", lost)
            database.away -= 1
