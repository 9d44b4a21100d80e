"""What is done to a drilled fleet, stage by stage; each ends when all tasks run and shares are even again."""

from __future__ import annotations

import random
import signal
from collections.abc import Awaitable, Callable

import attrs
import trio

from dnbot.domain.order import is_ours
from dnbot.fleet.life import TaskState
from dnbot.fleet.words import Picture
from dnbot.lab.drills_fakes import until
from dnbot.lab.drills_faults import DB_AWAY_S
from dnbot.lab.drills_fleet_checks import AFTER_LEASE_S, Strike
from dnbot.lab.drills_fleet_stage import STOP_S_MAX, FleetStage, WorkerProcess

SETTLED_S_MAX = 600.0
CREATE_S_MAX = 15.0
STOPPED_AFTER_LEASE_S = 5.0
"""A worker stands still for its lease and so long."""
HELD_S = 10.0
"""After a database is back, so long nothing may come of it."""


@attrs.define
class Striker:
    """Strikes a fleet. What it did is told as a `Strike`; what it found out on the way is in `detail`."""

    on: FleetStage
    rng: random.Random
    detail: dict[str, object] = attrs.field(factory=dict)

    async def strike(self, stage: str) -> Strike:
        """One stage of `STAGES`.

        Raises:
            RuntimeError: the fleet did not come to rest afterwards.
        """
        self.detail = {}
        return await STAGES[stage](self)

    async def settled(self) -> None:
        """Wait until every worker has its share and every task may trade."""
        await self.on.wait(self.on.is_settled, SETTLED_S_MAX, "all tasks run, and shares are even")

    async def killed(self) -> Strike:
        """SIGKILL of a worker, in half of the cases right after an order of a task of its; started again later."""
        worker, picture = await self._victim()
        await self._maybe_after_create(worker, picture)
        began_ms = self.on.now_ms()
        worker.send(signal.SIGKILL)
        await worker.ended(5.0)
        found = await self._until_taken_over(worker, picture, began_ms, "worker_killed")
        worker.start()
        await self.settled()
        return attrs.evolve(found, ended_ms=self.on.now_ms())

    async def stopped(self) -> Strike:
        """SIGSTOP of a worker, in half of the cases right after an order, for longer than its lease; then SIGCONT."""
        worker, picture = await self._victim()
        await self._maybe_after_create(worker, picture)
        began_ms, began_s = self.on.now_ms(), trio.current_time()
        worker.send(signal.SIGSTOP)
        try:
            found = await self._until_taken_over(worker, picture, began_ms, "worker_stopped")
            await trio.sleep_until(began_s + self.on.ttl_s + STOPPED_AFTER_LEASE_S)
        finally:
            worker.send(signal.SIGCONT)
        self.detail |= {"stood_still_s": round(trio.current_time() - began_s, 1)}
        await self.settled()
        self.detail |= {"went_on": worker.pid is not None}
        return attrs.evolve(found, ended_ms=self.on.now_ms())

    async def database(self) -> Strike:
        """PostgreSQL is shut down, fast, and is back after a while: no task may notice."""
        began_ms, away_s = self.on.now_ms(), self.rng.uniform(*DB_AWAY_S)
        self.detail |= {"away_s": round(away_s, 2)}
        await self.on.server.stop()
        await trio.sleep(away_s)
        await self.on.server.start()
        await trio.sleep(HELD_S)
        await self.settled()
        return Strike("database_restarted", began_ms, self.on.now_ms(), away_s_max=away_s)

    async def rolled(self) -> Strike:
        """Every worker is ended by SIGTERM and started again, one after the other; that is quicker than a death."""
        began_ms = self.on.now_ms()
        ids: list[str] = []
        struck_ms: list[int] = []
        held: list[tuple[str, ...]] = []
        codes: dict[str, int | None] = {}
        for name, worker in self.on.workers.items():
            picture = await self.on.picture()
            ids.append(_id_of(name, picture))
            held.append(_held_by(ids[-1], picture))
            struck_ms.append(self.on.now_ms())
            worker.send(signal.SIGTERM)
            codes[name] = await worker.ended(STOP_S_MAX)
            worker.start()
            await self.settled()
        self.detail |= {"exit_codes": codes}
        return Strike(
            "workers_rolled", began_ms, self.on.now_ms(), tuple(ids), tuple(struck_ms), tuple(held), self.on.ttl_s
        )

    async def _victim(self) -> tuple[WorkerProcess, Picture]:
        return self.on.workers[self.rng.choice(sorted(self.on.workers))], await self.on.picture()

    async def _maybe_after_create(self, worker: WorkerProcess, picture: Picture) -> None:
        if self.rng.random() < 0.5:
            own = set(_held_by(_id_of(worker.name, picture), picture))
            self.detail |= {"after_create": await self._create({t.uid for t in self.on.tasks if t.name in own})}
            await trio.sleep(self.rng.uniform(0.0, 0.005))

    async def _create(self, uids: set[str]) -> str:
        """Wait for an order of one of these accounts; its client id, or nothing when none came in time."""
        since = (await self.on.controls.ask("requests", since=10**12))["count"]
        with trio.move_on_after(CREATE_S_MAX):
            while True:
                found = await self.on.controls.requests(since, wait_s=1.0)
                for request in found:
                    name = str(request["client_id"]).removeprefix("t-")
                    if request["create"] and request["uid"] in uids and is_ours(name):
                        return name
                since = found[-1]["number"] + 1 if found else since
        return ""

    async def _until_taken_over(self, worker: WorkerProcess, before: Picture, began_ms: int, stage: str) -> Strike:
        """Wait until others may trade what it held. That it comes true is judged, so the limit is a generous one."""
        victim = _id_of(worker.name, before)
        held = _held_by(victim, before)

        async def done() -> bool:
            now = {task.task_id: task for task in (await self.on.picture()).tasks}
            others = [now[name] for name in held if now[name].is_held and now[name].holder != victim]
            return len(others) == len(held) and all(task.state is TaskState.RUNNING for task in others)

        await self.on.wait(done, self.on.ttl_s + SETTLED_S_MAX, f"others run {', '.join(held)}")
        return Strike(
            stage, began_ms, self.on.now_ms(), (victim,), (began_ms,), (held,), self.on.ttl_s + AFTER_LEASE_S
        )


STAGES: dict[str, Callable[[Striker], Awaitable[Strike]]] = {
    "worker_killed": Striker.killed,
    "worker_stopped": Striker.stopped,
    "database_restarted": Striker.database,
    "workers_rolled": Striker.rolled,
}
"""In the order of a drill."""


async def ended_politely(on: FleetStage) -> dict[str, int | None]:
    """SIGTERM to all workers at once, and their exit codes; None for one that has not ended in time."""
    for worker in on.workers.values():
        worker.send(signal.SIGTERM)
    with trio.move_on_after(STOP_S_MAX):
        await until(lambda: all(worker.pid is None for worker in on.workers.values()))
    return {name: await worker.ended(0.0) for name, worker in on.workers.items()}


def _id_of(name: str, picture: Picture) -> str:
    """The newest worker of that name."""
    named = [worker for worker in picture.workers if worker.name == name]
    return min(named, key=lambda worker: worker.seen_s).worker_id


def _held_by(worker_id: str, picture: Picture) -> tuple[str, ...]:
    return tuple(task.task_id for task in picture.tasks if task.is_held and task.holder == worker_id)
