"""The verdict on a drilled fleet: each check is a pure function of what the fakes and the database tell; "" is a pass.

Times are milliseconds of the machine's clock, which fakes, database and drill share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import attrs

from dnbot.domain.order import epoch_of, is_ours
from dnbot.lab.drills_evidence import naked_spans, own_open
from dnbot.ports.tasks import FAILURES

CLOCK_MS = 2
"""Rounding between the database's milliseconds and the fakes'."""
AFTER_LEASE_S = 5.0
"""Within a lease and so long a dead worker's tasks may trade again."""
NAKED_S = 10.0
"""What recovery and repair may take when somebody has the task again."""


@attrs.frozen
class Run:
    """An incarnation, as the database has it. Epochs of one book grow."""

    task: str
    epoch: int
    lease_epoch: int
    worker: str
    began_ms: int


@attrs.frozen
class Placed:
    """An order that a venue accepted."""

    task: str
    client_id: str
    at_ms: int

    @property
    def epoch(self) -> int:
        """Of the incarnation that made it; 0 when it is none of ours."""
        return (epoch_of(self.client_id) or 0) if is_ours(self.client_id) else 0


@attrs.frozen
class Event:
    """A line of a task's history."""

    task: str
    kind: str
    at_ms: int
    worker: str = ""
    text: str = ""
    """Why, in the worker's words."""


@attrs.frozen
class Strike:
    """One stage: what was done to whom, and until when its consequences are judged."""

    stage: str
    began_ms: int
    ended_ms: int
    workers: tuple[str, ...] = ()
    """Worker ids that were struck, each at its moment in `struck_ms`."""
    struck_ms: tuple[int, ...] = ()
    held: tuple[tuple[str, ...], ...] = ()
    """What each of them held then."""
    away_s_max: float = 0.0
    """So long a task may be without an owner for what was done."""

    @property
    def tasks(self) -> frozenset[str]:
        """All that lost their owner."""
        return frozenset(task for tasks in self.held for task in tasks)


def placed_of(task: str, audit: Mapping[str, Any]) -> list[Placed]:
    """The orders of a task's account, in the venue's order."""
    return sorted((accepted(task, told) for told in audit["orders"]), key=lambda placed: placed.at_ms)


def accepted(task: str, told: Mapping[str, Any]) -> Placed:
    """One of them, as the fakes tell it."""
    return Placed(task, str(told["client_id"]).removeprefix("t-"), int(told["create_ms"]))


def one_owner(placed: Sequence[Placed], runs: Sequence[Run]) -> str:
    """Of each task: no order of an older incarnation was accepted after a newer one began, nor one of an incarnation
    that had not begun; all are of its own incarnations, whose leases' epochs grow with them."""
    for task in sorted({run.task for run in runs} | {one.task for one in placed}):
        own = {run.epoch: run for run in sorted(runs, key=lambda run: run.epoch) if run.task == task}
        leases = [run.lease_epoch for run in own.values()]
        if leases != sorted(leases):
            return f"{task}: its incarnations' leases have the epochs {leases}"
        ends = dict(zip(own, [run.began_ms for run in own.values()][1:], strict=False))
        for one in (one for one in placed if one.task == task):
            run = own.get(one.epoch)
            if run is None:
                return f"{task}: {one.client_id} is of no incarnation of it"
            if one.at_ms < run.began_ms - CLOCK_MS:
                return f"{task}: {one.client_id} was accepted before its incarnation began"
            if one.at_ms > ends.get(one.epoch, one.at_ms) + CLOCK_MS:
                return f"{task}: {one.client_id} was accepted {one.at_ms - ends[one.epoch]} ms after a newer one began"
    return ""


def enough(placed: Iterable[Placed], strikes: Sequence[Strike], least: int) -> str:
    """So many orders were accepted while it was struck that the other verdicts mean something."""
    began_ms, ended_ms = min(s.began_ms for s in strikes), max(s.ended_ms for s in strikes)
    found = sum(began_ms <= one.at_ms <= ended_ms for one in placed)
    return "" if found >= least else f"{found} orders were accepted, {least} are wanted"


def back_after_s(strike: Strike, events: Sequence[Event]) -> dict[str, float]:
    """How long each task that lost its owner was without one that may trade; a task that has none is absent."""
    found: dict[str, float] = {}
    for worker, at_ms, tasks in zip(strike.workers, strike.struck_ms, strike.held, strict=True):
        for task in tasks:
            again = [
                event.at_ms for event in events
                if event.task == task and event.kind == "started" and event.at_ms >= at_ms and event.worker != worker
            ]
            if again:
                found[task] = max(found.get(task, 0.0), (min(again) - at_ms) / 1000)
    return found


def taken_over(strike: Strike, events: Sequence[Event]) -> str:
    """Each of these tasks was started by another worker in time."""
    took = back_after_s(strike, events)
    if missing := sorted(strike.tasks - took.keys()):
        return f"never started again: {', '.join(missing)}"
    late = [f"{task} after {s:.1f} s" for task, s in sorted(took.items()) if s > strike.away_s_max]
    return f"allowed {strike.away_s_max:g} s: {', '.join(late)}" if late else ""


def undisturbed(strike: Strike, runs: Iterable[Run]) -> str:
    """No incarnation began: nobody lost a task."""
    new = sorted({run.task for run in runs if strike.began_ms < run.began_ms <= strike.ended_ms})
    return f"started again: {', '.join(new)}" if new else ""


def none_failed(strikes: Sequence[Strike], events: Iterable[Event]) -> str:
    """No task failed; a lease ran out for those alone whose worker was struck."""
    for event in events:
        for strike in strikes:
            if strike.began_ms <= event.at_ms <= strike.ended_ms and event.kind in FAILURES:
                if event.kind == "taken_over" and event.task in strike.tasks:
                    continue
                return f"{event.task}: {event.kind} during {strike.stage}" + (f": {event.text}" if event.text else "")
    return ""


def naked_worst_ms(strike: Strike, spans: Mapping[str, Iterable[tuple[int, int]]]) -> int:
    """The longest time that a task was unhedged, of those that touch this stage."""
    touching = (
        end - began for found in spans.values() for began, end in found
        if end >= strike.began_ms and began <= strike.ended_ms
    )
    return max(touching, default=0)


def hedged(strike: Strike, spans: Mapping[str, Iterable[tuple[int, int]]]) -> str:
    """No task was unhedged for longer than it may be without an owner, and `NAKED_S`."""
    allowed_ms = round((strike.away_s_max + NAKED_S) * 1000)
    late = {
        task: worst for task, found in sorted(spans.items())
        if (worst := naked_worst_ms(strike, {task: found})) > allowed_ms
    }
    return f"allowed {allowed_ms} ms: {', '.join(f'{task} {ms} ms' for task, ms in late.items())}" if late else ""


def all_trade(tasks: Iterable[str], placed: Sequence[Placed], runs: Sequence[Run], since_ms: int) -> str:
    """The newest incarnation of each task had an order accepted after that moment."""
    idle = idle_of(tasks, placed, runs, since_ms)
    return f"no order of their newest incarnation: {', '.join(idle)}" if idle else ""


def idle_of(tasks: Iterable[str], placed: Iterable[Placed], runs: Iterable[Run], since_ms: int) -> list[str]:
    """The tasks whose newest incarnation had none. Of each task the order that was accepted last is enough."""
    newest = {run.task: run.epoch for run in sorted(runs, key=lambda run: run.epoch)}
    trading = {one.task for one in placed if one.at_ms >= since_ms and one.epoch == newest.get(one.task)}
    return sorted(set(tasks) - trading)


def books_closed(residual: Mapping[str, Mapping[str, Mapping[str, str]]]) -> str:
    """Of each task: nothing is left unexplained of any balance."""
    for task, venues in sorted(residual.items()):
        left = {f"{venue} {asset}": amount for venue, assets in venues.items() for asset, amount in assets.items()}
        if wrong := {name: amount for name, amount in left.items() if Decimal(amount)}:
            return f"{task}: unexplained {wrong}"
        if not left:
            return f"{task}: nothing was compared"
    return ""


def nothing_open(audits: Mapping[str, dict[str, Any]]) -> str:
    """No order of ours is open after all have ended."""
    left = {task: names for task, audit in sorted(audits.items()) if (names := own_open(audit))}
    return f"still open: {left}" if left else ""


def spans_of(audits: Mapping[str, dict[str, Any]], lots: Mapping[str, tuple[str, Decimal]]) -> dict[str, Any]:
    """When each task was unhedged. `lots`: the coin, and base units per contract."""
    return {task: naked_spans(audit, *lots[task]) for task, audit in audits.items()}
