"""Sweeps in a process of their own, for pytest's may have threads: `python scenes.py NAME` prints what was found.

Not a test: `test_sweep.py` runs it.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import trio

import dnbot.ports.postgres  # noqa: F401 (with it comes trio-asyncio, which has a say in forks)
from dnbot.domain.order import OrderIntent
from dnbot.domain.pair import Opportunity
from dnbot.lab.incarnation import Disk, Incarnation
from dnbot.lab.sweep import MANNERS, Sweep
from dnbot.lab.sweep_forks import WAIT_S_MAX, sweep
from dnbot.lab.sweep_report import SagaReport
from dnbot.lab.sweep_run import Crash, MakeLife, a_life, crash_at
from dnbot.lab.sweep_sagas import SAGAS
from dnbot.lab.tap import Tap
from dnbot.lab.tapped_store import TappedStore
from dnbot.lab.world import Stage
from dnbot.ports.store import StoredState

SAGA = SAGAS["rebalance"]
SEED = 1


def with_store(kind: type[TappedStore]) -> MakeLife:
    """A bot whose store does something else."""

    def make(on: Stage, disk: Disk, number: int, tap: Tap) -> Incarnation:
        life = a_life(on, disk, number, tap)
        life.store = kind(tap, life.name, disk.store)
        return life

    return make


class SendsFirst(TappedStore):
    """Says that intents are committed, and commits them a little later: the order leaves first."""

    async def commit_intents(
        self, intents: Sequence[OrderIntent], *, execution_id: str, opportunity: Opportunity | None
    ) -> None:
        """See `Store`."""

        async def later() -> None:
            await trio.sleep(0.003)
            await TappedStore.commit_intents(self, intents, execution_id=execution_id, opportunity=opportunity)

        trio.lowlevel.spawn_system_task(later)
        await trio.lowlevel.checkpoint()


class Forgets(TappedStore):
    """A start is not told which orders have no end."""

    async def load(self, symbol: Any) -> StoredState:
        """See `Store`."""
        return msgspec.structs.replace(await super().load(symbol), unresolved=())


class BooksAgain(TappedStore):
    """A start is not told which fills and rows are booked."""

    async def load(self, symbol: Any) -> StoredState:
        """See `Store`."""
        return msgspec.structs.replace(await super().load(symbol), seen=())


def swept(make_life: MakeLife = a_life, *, every: int, manner: str = "kill", before: SagaReport | None = None) -> Any:
    """The report of a sweep over a part of the steps, as the JSON file has it."""
    return Sweep(SAGA, SEED, manner, make_life=make_life, every=every).run(before)


def sound() -> Any:
    """Some steps, each in both manners; and the same in runs from the beginning, one per step."""
    crashes: list[Crash] = []
    chosen = {9: True, 45: False}
    sweep(
        SAGA, SEED, power_cuts=MANNERS["both"], at_once=2, told=crashes.append, chosen=lambda step, _cut: step in chosen
    )
    return {"copies": crashes, "alone": [crash_at(SAGA, SEED, step, power_cut=cut) for step, cut in chosen.items()]}


def resumed() -> Any:
    """A sweep; the same when another had come to its last place; and when that was one of other code."""
    every = 1000
    whole = swept(every=every, manner="both")
    half = msgspec.structs.replace(whole, crashes=1, done=False, rest_s_max=77.0)
    other = msgspec.structs.replace(half, code="another")
    return {
        "whole": whole, "resumed": swept(every=every, manner="both", before=half), "fresh": whole.is_begun_of(whole),
        "other": other.is_begun_of(whole),
    }


def unfinished(second: Callable[[], None], wait_s_max: float = WAIT_S_MAX) -> Any:
    """What is told of one copy in which a second life does this."""
    crashes: list[Crash] = []

    def make(on: Stage, disk: Disk, number: int, tap: Tap) -> Incarnation:
        if number == 2:
            second()
        return a_life(on, disk, number, tap)

    sweep(
        SAGA, SEED, power_cuts=(False,), at_once=1, told=crashes.append, make_life=make, cpu_s_max=1,
        wait_s_max=wait_s_max, chosen=lambda step, _cut: step == 30,
    )
    return crashes


def _spins() -> None:
    while True:
        pass


def _sleeps() -> None:
    select.select([], [], [], 30.0)


def copies_that_fail() -> Any:
    """Each way in which a copy can come to no verdict."""
    return {
        "spins": unfinished(_spins),
        "sleeps": unfinished(_sleeps, 1.5),
        "is killed": unfinished(lambda: os.kill(os.getpid(), signal.SIGKILL)),
        "says nothing": unfinished(lambda: os._exit(0)),
    }


def defects() -> Any:
    """Sweeps of bots that are not sound."""
    return {
        "sends first": swept(with_store(SendsFirst), every=1000),
        "forgets": swept(with_store(Forgets), every=30),
        "books again": swept(with_store(BooksAgain), every=1000),
    }


SCENES: dict[str, Callable[[], Any]] = {
    "sound": sound, "resumed": resumed, "defects": defects, "copies_that_fail": copies_that_fail,
}

if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(SCENES[sys.argv[1]]()))
