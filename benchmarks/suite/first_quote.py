"""The process that `start` starts: what `dnbot run` imports, then a bot until it has all three books.

It prints `{"imports": ns, "bot": ns, "quote": ns}` of the performance counter: when everything is imported, when
the bot is made, and when the machine was given books of all venues.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dnbot.bot import Bot

IMPORTED = ("dnbot.cli", "dnbot.operate.run", "dnbot.web.dashboard", "dnbot.web.dashboard_command")
"""The modules that `dnbot run` imports, and with them all others."""
LOOK_S = 0.002
RUN_S_MAX = 60.0


def import_all() -> None:
    """What the command has imported when its loop begins."""
    for name in IMPORTED:
        import_module(name)


def main() -> None:
    """Of the address, database and folder in the first argument."""
    asked = json.loads(sys.argv[1])
    import_all()
    stamps = {"imports": time.perf_counter_ns()}
    driven, trio = import_module("suite.driven_bot"), import_module("trio")
    trio.run(
        driven.run_driven, asked["address"], asked["dsn"], Path(asked["home"]), partial(_drive, stamps), RUN_S_MAX
    )
    print(json.dumps(stamps))


async def _drive(stamps: dict[str, int], bot: Bot) -> None:
    sleep = import_module("trio").sleep
    stamps["bot"] = time.perf_counter_ns()
    while len(bot.context.market.books) < len(bot.feeds):
        await sleep(LOOK_S)
    stamps["quote"] = time.perf_counter_ns()
