"""The bot's side of target 10: `dnbot run` as a whole, and when each stroke's orders were on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

import trio

from dnbot.bot import Bot
from dnbot.metrics.histogram import Histogram
from suite.driven_bot import idle, run_driven
from suite.figures import Figures
from suite.profiles import profiled, unprofiled
from suite.strokes import Market, Stroke
from suite.wire_log import WireLog, tick_to_wire_ns, trio_wire
from suite.wire_words import PAUSE_S, STROKE_S_MAX, WARM_UP, Struck, seconds_max


def trade(address: Mapping[str, Any], dsn: str, home: str, strokes: int) -> Figures:
    """So many strokes after those that warm up."""
    log, struck = WireLog(), Struck()
    stages: dict[str, float] = {}
    market = Market.at(dict(address))
    market.keep_talking()

    async def drive(bot: Bot) -> None:
        await idle(bot)
        for number in range(WARM_UP + strokes):
            stroke = Stroke.of(number)
            struck.note(number, stroke, await _strike(bot, market, log, stroke))
        await idle(bot)
        struck.orders = bot.context.counters.orders_sent
        stages.update({name: median_ms(each) for name, each in bot.parts.measures.stages.stages.items()})

    with unprofiled(), trio_wire(log):
        trio.run(run_driven, address, dsn, Path(home), drive, seconds_max(strokes))
    return {**struck.figures(market.taken()), **stages}


async def _strike(bot: Bot, market: Market, log: WireLog, stroke: Stroke) -> int | None:
    await trio.sleep(PAUSE_S)
    await idle(bot)
    market.strike(stroke)
    placed = trio.Event()
    log.begin(placed.set)
    with trio.move_on_after(STROKE_S_MAX), profiled():
        await placed.wait()
    return tick_to_wire_ns(log, stroke.text)


def median_ms(observed: Histogram) -> float:
    """The bound that half of what was observed did not exceed, ms; the last bound for what is beyond all."""
    counts = list(accumulate(observed.counts))
    place = next(place for place, count in enumerate(counts) if 2 * count >= counts[-1])
    return observed.bounds[min(place, len(observed.bounds) - 1)] * 1000
