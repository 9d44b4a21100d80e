"""The status file: the view and the live task tree, rewritten each second, read by `dnbot status`."""

from __future__ import annotations

from pathlib import Path

import attrs
import msgspec
import trio

from dnbot.bot import Bot
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.view import View, view_of

EVERY_S = 1.0


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What one moment of a running bot looks like from outside."""

    pid_tree: tuple[str, ...]
    """The live task tree, indented two blanks per level."""
    view: View


@attrs.define
class StatusFile:
    """Written atomically; gone after a clean end."""

    path: Path
    newest: StrategyContext | None = None

    def show(self, context: StrategyContext) -> None:
        """Take the newest context; the file follows within a second."""
        self.newest = context

    async def write_forever(self, bot: Bot) -> None:
        """Rewrite the file each second."""
        while True:
            if self.newest is not None:
                status = Status(pid_tree=tuple(bot_tree()), view=view_of(self.newest))
                fresh = self.path.with_suffix(".new")
                fresh.write_bytes(msgspec.json.encode(status))
                fresh.replace(self.path)
            await trio.sleep(EVERY_S)

    def remove(self) -> None:
        """No bot runs here any more."""
        self.path.unlink(missing_ok=True)


def bot_tree() -> list[str]:
    """The task tree below the root of this run, as indented names."""
    root = trio.lowlevel.current_root_task()
    assert root is not None
    return tree_lines(root)


def tree_lines(task: trio.lowlevel.Task, depth: int = 0) -> list[str]:
    """One line per live task below `task`, itself first; siblings by name, so that the picture is stable."""
    lines = ["  " * depth + _short(task.name)]
    children = [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    for child in sorted(children, key=lambda one: one.name):
        lines += tree_lines(child, depth + 1)
    return lines


def _short(name: str) -> str:
    return name.removeprefix("dnbot.").replace("<locals>.", "")
