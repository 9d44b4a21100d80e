"""Target 13: how many private REST requests find their connection open, counted by the fakes and not by the bot.

All of `dnbot run` trades at a steady pace for some minutes, TLS included. What counts is every request that carries a
key, from the first read of the start to the last cancel of the end, orders, reads, cancels and countdowns alike; one is
not reused when it is the first of its connection. A connection that is opened beside a busy one, or anew, is a miss.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import trio

from dnbot.bot import Bot
from suite.children import call
from suite.database import database
from suite.driven_bot import LOOK_S, idle, run_driven
from suite.figures import Figures
from suite.measuring import Effort
from suite.scripted_fakes import Connections, connections, scripted_fakes
from suite.strokes import Market, Stroke
from suite.target import Target

SECONDS, SECONDS_OF_TRIAL = 240.0, 5.0
EVERY_S = 0.3
"""Between two strokes: about three executions and seven requests a second, within every documented limit."""
START_AND_END_S_MAX = 120.0
REUSED_PCT_MIN = 99.0


def measure(effort: Effort) -> list[Target]:
    """One run."""
    seconds = SECONDS if effort.share >= 1 else SECONDS_OF_TRIAL
    with TemporaryDirectory() as folder:
        with database() as found, scripted_fakes(Path(folder)) as address:
            traded: Figures = call("reuse:trade", address, found.dsn, f"{folder}/home", seconds)
        return [target(connections(Path(folder)), traded)]


def target(carried: Connections, traded: Figures) -> Target:
    """The share of requests that did not need a new connection.

    Raises:
        AssertionError: the fakes saw fewer requests than the bot sent orders, so they did not count all.
    """
    requests = sum(one["requests"] for one in carried)
    if requests < max(1.0, traded["orders"]):
        raise AssertionError(f"{requests} requests counted, and {traded['orders']:.0f} orders sent")
    return Target(
        "13 private REST requests on a connection that was open", "% reused", 100 * (1 - len(carried) / requests),
        limit=REUSED_PCT_MIN,
        detail=f"{requests:,} requests on {len(carried)} connections, as the fakes counted; {_each(carried)}; "
        f"{traded['executions']:.0f} executions, {traded['orders']:.0f} orders in {traded['seconds']:.0f} s",
    )


def _each(carried: Connections) -> str:
    venues = sorted({one["venue"] for one in carried})
    counts = {venue: [one["requests"] for one in carried if one["venue"] == venue] for venue in venues}
    return "; ".join(f"{venue} {' + '.join(f'{count:,}' for count in each)}" for venue, each in counts.items())


# --- the bot's process


def trade(address: Mapping[str, Any], dsn: str, home: str, seconds: float) -> Figures:
    """Strokes at a steady pace for so long; what the bot then says that it did."""
    told: dict[str, float] = {}
    trio.run(
        run_driven, address, dsn, Path(home), partial(paced, Market.at(dict(address)), seconds, told),
        seconds + START_AND_END_S_MAX,
    )
    return told


async def paced(market: Market, seconds: float, told: dict[str, float], bot: Bot) -> None:
    """A stroke every `EVERY_S`, or as soon after it as the machine is about nothing."""
    market.keep_talking()
    await idle(bot)
    began_s, number = trio.current_time(), 0
    while (now_s := trio.current_time()) < began_s + seconds:
        market.strike(Stroke.of(number))
        number += 1
        await trio.sleep_until(max(now_s + EVERY_S, trio.current_time() + LOOK_S))
        await idle(bot)
    counters = bot.context.counters
    told |= {"seconds": seconds, "executions": counters.executions, "orders": counters.orders_sent}
