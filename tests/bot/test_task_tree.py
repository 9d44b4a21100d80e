"""The tree of live tasks is the one that is documented."""

from __future__ import annotations

from typing import Any

import trio

from dnbot.operate.status import tree_lines

SOCKET = """\
ports.websocket._read
  ports.websocket._pump
  ports.websocket_wire.Wire.cancel_at_end
  trio_websocket._impl.WebSocketConnection._reader_task"""
VENUES = ("GATEIO_FUTURES", "GATEIO_SPOT", "MEXC_SPOT")


def expected() -> list[str]:
    """Names and depths of every task of a healthy bot that has nothing to do."""
    lines = ["bot", "  analytics", "    analyst", "  machine", "    journal", "      tidy", "    strategist"]
    lines += ["  private", "    commits", *(f"    desk:{venue}" for venue in VENUES), "    execution"]
    lines += [f"    countdown:{venue}" for venue in VENUES if venue != "MEXC_SPOT"]
    for venue in VENUES:
        own = [f"clock:{venue}", SOCKET, f"fees:{venue}", f"ping:{venue}", f"unit:{venue}"]
        own += [f"listen-key:{venue}"] if venue == "MEXC_SPOT" else []
        lines += [f"    session:{venue}", *indented(own)]
    lines += ["  public"]
    for venue in VENUES:
        lines += [f"    feed:{venue}", *indented([SOCKET, f"instrument:{venue}", f"ping:{venue}"])]
    return lines


def indented(parts: list[str]) -> list[str]:
    return ["      " + line for part in parts for line in part.splitlines()]


async def test_the_live_tree_is_the_documented_one(autojump_clock: Any, lab: Any) -> None:
    """Four nurseries, their supervised members, and the helpers of each socket: nothing else lives."""
    async with lab.trading() as trial:
        busy = ("ReadAccount", "PlaceOrder", "ResolveOrder", "snapshot")
        await trial.until(
            lambda: not any(word in line for line in tree_lines(bot_task()) for word in busy), "nothing is under way"
        )
        found = tree_lines(bot_task())
        assert sorted(found) == sorted(expected())
        assert found[:3] == ["bot", "  analytics", "    analyst"]


def bot_task() -> trio.lowlevel.Task:
    """The task named `bot`, wherever it is below the root."""
    root = trio.lowlevel.current_root_task()
    assert root is not None
    queue = [root]
    while queue:
        task = queue.pop()
        if task.name == "bot":
            return task
        queue += [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    raise AssertionError("no bot runs")
