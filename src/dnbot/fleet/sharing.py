"""Which worker should hold which task: a plan from one picture, the same whoever computes it.

1. A worker above its capacity, or draining, gives up tasks, the least important first.
2. Free tasks go, the most important first, to the worker that is least loaded with them. Where none has room, tasks of
   lower priority make it.
3. If nothing is free, one task moves from the fullest worker to the emptiest, and only if the old place is not below
   the new one afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

import attrs


@attrs.frozen
class Bearer:
    """A worker that is alive."""

    worker_id: str
    capacity: int
    draining: bool = False


@attrs.frozen
class Load:
    """A task that should be held."""

    task_id: str
    weight: int = 1
    priority: int = 0
    holder: str | None = None
    """Whose lease on it has not ended, alive or not."""


@attrs.frozen
class Plan:
    """What should change; a task is in one of the two at most."""

    claims: dict[str, str]
    """Free task -> the worker that should claim it."""
    gives_up: dict[str, str]
    """Task -> its holder, who should hand it over. It is free afterwards, and the next plan places it."""
    unplaced: tuple[str, ...] = ()
    """Free tasks for which there is no room."""

    def claims_of(self, worker_id: str) -> tuple[str, ...]:
        """The most important first."""
        return tuple(task for task, worker in self.claims.items() if worker == worker_id)

    def gives_up_of(self, worker_id: str) -> tuple[str, ...]:
        """What that worker should hand over."""
        return tuple(task for task, worker in self.gives_up.items() if worker == worker_id)


def share_out(workers: Iterable[Bearer], loads: Iterable[Load]) -> Plan:
    """The plan for this picture."""
    return _Shares(sorted(workers, key=lambda w: w.worker_id), sorted(loads, key=_rank)).plan()


def _rank(load: Load) -> tuple[int, int, str]:
    """The most important first; among equals the heaviest, which is the hardest to place."""
    return -load.priority, -load.weight, load.task_id


class _Shares:
    def __init__(self, workers: Sequence[Bearer], loads: Sequence[Load]) -> None:
        self.workers = {worker.worker_id: worker for worker in workers}
        self.held: dict[str, list[Load]] = {worker_id: [] for worker_id in self.workers}
        self.free = [load for load in loads if load.holder is None]
        for load in loads:
            if load.holder in self.held:
                self.held[load.holder].append(load)
        self.claims: dict[str, str] = {}
        self.gives_up: dict[str, str] = {}
        self.unplaced: list[str] = []
        self.leaving = dict.fromkeys(self.workers, 0)
        """Weight that each worker gives up: until it has, the room is not there."""

    def plan(self) -> Plan:
        for worker_id in self.workers:
            self._relieve(worker_id)
        if not self.free and not self.gives_up:
            self._balance()
        for load in self.free:
            self._place(load)
        return Plan(self.claims, self.gives_up, tuple(self.unplaced))

    def _weight(self, worker_id: str) -> int:
        return sum(load.weight for load in self.held[worker_id])

    def _room(self, worker_id: str) -> int:
        """What will be free; what is free now is less by what is leaving."""
        worker = self.workers[worker_id]
        return 0 if worker.draining else worker.capacity - self._weight(worker_id)

    def _share(self, worker_id: str, change: int = 0) -> Fraction:
        return Fraction(self._weight(worker_id) + change, self.workers[worker_id].capacity)

    def _drop(self, worker_id: str, load: Load) -> None:
        self.held[worker_id].remove(load)
        self.leaving[worker_id] += load.weight
        self.gives_up[load.task_id] = worker_id

    def _relieve(self, worker_id: str) -> None:
        worker = self.workers[worker_id]
        for load in reversed(self.held[worker_id][:]):
            if worker.draining or self._weight(worker_id) > worker.capacity:
                self._drop(worker_id, load)

    def _place(self, load: Load) -> None:
        free = {worker_id: self._room(worker_id) - self.leaving[worker_id] for worker_id in self.workers}
        able = [worker_id for worker_id, room in free.items() if room >= load.weight]
        if able:
            chosen = min(able, key=lambda worker_id: (self._share(worker_id, load.weight), worker_id))
            self.claims[load.task_id] = chosen
            self.held[chosen].append(load)
        else:
            self._make_room(load)
            self.unplaced.append(load.task_id)

    def _make_room(self, load: Load) -> None:
        """Give up less important tasks at the worker where that costs least; they are free for others afterwards."""
        offers = []
        for worker_id, worker in self.workers.items():
            if worker.draining:
                continue
            victims: list[Load] = []
            room = self._room(worker_id)
            lesser = [own for own in self.held[worker_id] if own.priority < load.priority]
            for own in sorted(lesser, key=_rank, reverse=True):
                if room < load.weight and own.task_id not in self.claims:
                    victims.append(own)
                    room += own.weight
            if room >= load.weight:
                offers.append((sorted((own.priority for own in victims), reverse=True), worker_id, victims))
        if offers:
            _, worker_id, victims = min(offers, key=lambda offer: offer[:2])
            for own in victims:
                self._drop(worker_id, own)
            self.held[worker_id].append(load)  # the room is spoken for

    def _balance(self) -> None:
        working = [worker_id for worker_id, worker in self.workers.items() if not worker.draining]
        if len(working) < 2:
            return
        fullest = max(working, key=lambda worker_id: (self._share(worker_id), worker_id))
        emptiest = min(working, key=lambda worker_id: (self._share(worker_id), worker_id))
        for load in reversed(self.held[fullest]):
            fits = self._room(emptiest) >= load.weight
            if fits and self._share(fullest, -load.weight) >= self._share(emptiest, load.weight):
                self._drop(fullest, load)
                return
