"""A symbol that a worker trades is left to it: another run would fence off its bot, and be fenced off in turn."""

from __future__ import annotations

from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Symbol
from dnbot.ports.tasks import TaskStore


async def refuse_held_by_worker(symbol: Symbol, tasks: TaskStore) -> None:
    """Look whether a lease on the task of this symbol stands. One that is claimed afterwards fences this run off.

    Raises:
        ConfigError: it does.
    """
    for task in (await tasks.picture()).tasks:
        if task.symbol == symbol and task.is_held:
            found = f"the lease of worker {task.holder} on {symbol}, for {task.left_s:.0f} s more"
            allowed = f"a symbol that no worker trades: `dnbot task stop {task.task_id} --why TEXT`, then again"
            raise ConfigError("database", f"task {task.task_id}", found, allowed)
