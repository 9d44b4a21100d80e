"""Tasks, workers and histories as tables for people, and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from dnbot.domain.units import plain
from dnbot.fleet.life import needs_holder
from dnbot.fleet.risk import FleetRisk
from dnbot.fleet.words import Picture, Task, TaskDetails, TaskEvent, Worker


def task_dict(task: Task) -> dict[str, Any]:
    """One task; `lease_left_s` is negative when its lease has ended, None without one."""
    return {
        "task": task.task_id, "symbol": str(task.symbol), "kind": task.kind, "desired": task.desired.value,
        "state": task.state.value, "why": task.why, "weight": task.weight, "priority": task.priority,
        "holder": task.holder, "epoch": task.epoch, "lease_left_s": task.left_s if task.holder is not None else None,
    }


def details_dict(details: TaskDetails) -> dict[str, Any]:
    """One task with everything that is kept of it."""
    return task_dict(details.task) | {
        "accounts": list(details.accounts), "context": details.context, "settings": details.settings,
    }


def event_dict(event: TaskEvent) -> dict[str, Any]:
    """One line of a history."""
    return {
        "at": _when(event.at_ns), "kind": event.kind, "state": event.state, "text": event.text,
        "worker": event.worker_id, "epoch": event.epoch, "run_epoch": event.run_epoch,
    }


def fleet_dict(picture: Picture) -> dict[str, Any]:
    """The whole fleet, each worker with what it holds."""
    held = [task for task in picture.tasks if task.is_held]
    return {
        "workers": [
            {
                "worker": worker.worker_id, "name": worker.name, "version": worker.version,
                "capacity": worker.capacity, "draining": worker.draining, "seen_s": worker.seen_s,
                "tasks": [task.task_id for task in held if task.holder == worker.worker_id],
            }
            for worker in picture.workers
        ],
        "tasks": list(map(task_dict, picture.tasks)),
        "without_holder": _without_holder(picture),
    }


def risk_dict(risk: FleetRisk) -> dict[str, Any]:
    """Where the fleet stands against its limits; a total or a limit is None when there is none."""
    return {
        "denial": risk.denial,
        "figures": [
            {
                "figure": one.name, "quote": None if one.total is None else plain(one.total),
                "limit": None if one.limit is None else plain(one.limit), "at_limit": list(one.counted),
                "unknown": list(one.unknown),
            }
            for one in risk.figures
        ],
    }


def risk_text(risk: FleetRisk) -> str:
    """The same as a table, and what follows from it."""
    rows = [
        (one.name, "unknown" if one.total is None else f"{one.total:.2f}",
         "-" if one.limit is None else plain(one.limit), ", ".join(one.counted), ", ".join(one.unknown))
        for one in risk.figures
    ]
    head = ("of all tasks", "quote", "limit", "counted as at their limit", "unknown")
    told = f"NO NEW RISK: {risk.denial}" if risk.denial else "below every limit of the fleet"
    return "\n\n".join([_table(head, rows), told])


def tasks_text(tasks: Iterable[Task]) -> str:
    """A line per task."""
    rows = [
        (task.task_id, str(task.symbol), task.state.value, task.desired.value, str(task.weight), str(task.priority),
         _lease(task), task.why)
        for task in tasks
    ]
    head = ("task", "symbol", "state", "wanted", "weight", "priority", "lease", "why")
    return _table(head, rows) if rows else "no tasks: `dnbot task add` adds one"


def details_text(details: TaskDetails) -> str:
    """Everything but the settings."""
    task = details.task
    lines = {
        "task": task.task_id, "symbol": str(task.symbol), "kind": task.kind, "state": task.state.value,
        "why": task.why, "wanted": task.desired.value, "weight": str(task.weight), "priority": str(task.priority),
        "lease": _lease(task), "accounts": ", ".join(details.accounts),
    } | {f"bot's {name}": str(value) for name, value in details.context.items()}
    return "\n".join(f"{name:<24} {value}" for name, value in lines.items())


def history_text(events: Iterable[TaskEvent]) -> str:
    """A line per event, oldest first."""
    head = ("at (UTC)", "what", "state", "epoch", "worker", "text")
    rows = [
        (_when(event.at_ns), event.kind, event.state, str(event.epoch or ""), event.worker_id, event.text)
        for event in events
    ]
    return _table(head, rows) if rows else "nothing is known of a task of this name"


def fleet_text(picture: Picture) -> str:
    """Workers, tasks, and what nobody holds though somebody should."""
    lonely = _without_holder(picture)
    alarm = f"WITHOUT A HOLDER: {', '.join(lonely)}" if lonely else "every task that should be held is held"
    return "\n\n".join([_workers_text(picture), tasks_text(picture.tasks), alarm])


def _workers_text(picture: Picture) -> str:
    def load(worker: Worker) -> int:
        return sum(task.weight for task in picture.tasks if task.is_held and task.holder == worker.worker_id)

    rows = [
        (worker.worker_id, worker.name, f"{load(worker)}/{worker.capacity}", "draining" if worker.draining else "",
         f"{worker.seen_s:.0f} s ago")
        for worker in picture.workers
    ]
    head = ("worker", "host", "load", "", "seen")
    return _table(head, rows) if rows else "no workers: `dnbot worker` starts one"


def _without_holder(picture: Picture) -> list[str]:
    return [
        task.task_id for task in picture.tasks if needs_holder(task.state, task.desired) and not task.is_held
    ]


def _lease(task: Task) -> str:
    if task.holder is None:
        return "free"
    ends = f"{task.left_s:.0f} s left" if task.left_s > 0 else f"ended {-task.left_s:.0f} s ago"
    return f"{task.holder}, epoch {task.epoch}, {ends}"


def _when(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [head, *rows]
    )
