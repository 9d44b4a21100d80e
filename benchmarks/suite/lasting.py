"""Target 14, first half: memory of all of `dnbot run` after 10,000 executions and a million public frames.

The bot trades at a steady pace on scripted fakes whose books never rest, dashboard, log and journal included; the
database and the fakes are processes of their own and do not count. A run that was interrupted goes on with a new
process, a new stretch; growth is that within the longest stretch, and memory is looked at in equal parts of the work.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import trio

from dnbot.bot import Bot
from dnbot.tasks.feed import Feed
from suite.children import lines
from suite.database import database
from suite.driven_bot import LOOK_S, idle, run_driven
from suite.endurance import GROWTH_MAX_PCT, MEMORY_MAX_MB, growth_pct, rss_mb
from suite.kept import Kept
from suite.measuring import Effort
from suite.scripted_fakes import scripted_fakes
from suite.strokes import Market, Stroke
from suite.target import Target

EXECUTIONS, EXECUTIONS_OF_TRIAL = 10_000, 8
FRAMES_OF_EACH = 100
"""Frames that have to come for each execution: a million for ten thousand."""
PARTS = 40
EVERY_S = 0.25
"""Between two strokes, in which the frames of one execution come."""
EXECUTION_S_MAX = 3.0
START_AND_END_S_MAX = 120.0

Part = dict[str, float]
"""`stretch`, and since its start `executions`, `frames`, `seconds`; `rss_mb` now."""


def measure(effort: Effort) -> list[Target]:
    """What is left of the executions is run in one stretch."""
    wanted = effort.size("executions", full=EXECUTIONS, trial=EXECUTIONS_OF_TRIAL)
    return targets(run(wanted, effort.kept), wanted)


def run(wanted: int, kept: Kept) -> list[Part]:
    """Part by part, each kept as it ends."""
    done: list[Part] = kept.of("lasting").get("parts", [])
    left, each = wanted - _total(done, "executions"), max(1, wanted // PARTS)
    if left <= 0:
        return done
    stretch = done[-1]["stretch"] + 1 if done else 1
    with TemporaryDirectory() as folder, database() as found, scripted_fakes(Path(folder)) as address:
        told = lines("lasting:trade", address, found.dsn, f"{folder}/home", left, each)
        for part in told:
            done.append({"stretch": stretch, **part})
            kept.keep("lasting", {"parts": done})
            print(f"lasting: {part['executions']:.0f} executions, {part['rss_mb']:.1f} MB", file=sys.stderr, flush=True)
    return done


def targets(parts: Sequence[Part], wanted: int) -> list[Target]:
    """Growth and size.

    Raises:
        AssertionError: less was done than is claimed.
    """
    executions, frames = (_total(parts, name) for name in ("executions", "frames"))
    if executions < wanted or frames < wanted * FRAMES_OF_EACH:
        raise AssertionError(f"{executions} executions and {frames} frames are less than was asked for")
    stretches = _stretches(parts)
    longest = max(stretches, key=lambda stretch: stretch[-1]["executions"])
    memory = [part["rss_mb"] for part in longest]
    seconds = _total(parts, "seconds")
    return [
        Target(
            "14 memory growth in the last half", "%", growth_pct(memory), limit=GROWTH_MAX_PCT,
            detail=f"{executions:,} executions and {frames:,} frames in {seconds:,} s and {len(stretches)} stretches, "
            f"the longest of {longest[-1]['executions']:,.0f}; MB: {', '.join(f'{mb:.1f}' for mb in memory)}",
        ),
        Target("14 memory at most", "MB", max(part["rss_mb"] for part in parts), limit=MEMORY_MAX_MB),
    ]


def _stretches(parts: Sequence[Part]) -> list[list[Part]]:
    return [[part for part in parts if part["stretch"] == n] for n in sorted({part["stretch"] for part in parts})]


def _total(parts: Sequence[Part], name: str) -> int:
    return round(sum(stretch[-1][name] for stretch in _stretches(parts)))


# --- the bot's process


def trade(address: Mapping[str, Any], dsn: str, home: str, executions: int, each: int) -> None:
    """Print a line of JSON after each part; what the bot itself says goes into a file."""
    told, counted = sys.stdout, Frames()

    async def drive(bot: Bot) -> None:
        await _trade(bot, Market.at(dict(address)), counted, executions, each, partial(_tell, told))

    with Path(home + ".said").open("w", encoding="utf-8") as said, redirect_stdout(said), counting(counted):
        seconds_max = START_AND_END_S_MAX + executions * EXECUTION_S_MAX
        trio.run(run_driven, address, dsn, Path(home), drive, seconds_max)


def _tell(out: Any, part: Part) -> None:
    print(json.dumps(part), file=out, flush=True)


@attrs.define
class Frames:
    """Of the public streams."""

    count: int = 0


@contextmanager
def counting(frames: Frames) -> Iterator[None]:
    """Every frame that any feed reads meanwhile is counted."""
    plain: Any = Feed._read

    def read(feed: Feed, nursery: trio.Nursery, frame: str | bytes) -> None:
        frames.count += 1
        plain(feed, nursery, frame)

    Feed._read = read  # type: ignore[method-assign]
    try:
        yield
    finally:
        Feed._read = plain  # type: ignore[method-assign]


async def _trade(bot: Bot, market: Market, frames: Frames, executions: int, each: int, tell: Any) -> None:
    """A part ends when its executions and its frames are there."""
    market.keep_talking()
    await idle(bot)
    began_s, before, number = trio.current_time(), bot.context.counters.executions, 0
    frames.count = 0
    for wanted in [*range(each, executions, each), executions]:
        while (done := bot.context.counters.executions - before) < wanted or frames.count < wanted * FRAMES_OF_EACH:
            now_s = trio.current_time()
            if done < wanted:
                market.strike(Stroke.of(number))
                number += 1
            market.stir(FRAMES_OF_EACH, EVERY_S)
            await trio.sleep_until(max(now_s + EVERY_S, trio.current_time() + LOOK_S))
            await idle(bot)
        tell({
            "executions": done, "frames": frames.count, "seconds": trio.current_time() - began_s, "rss_mb": rss_mb(),
        })
