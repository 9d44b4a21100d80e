"""All of `dnbot run` on scripted fakes: database, dashboard, monitors and log included, and a task that drives it.

What drives it waits until the machine is about nothing, has the market move, and stops the bot when it has enough.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Mapping
from decimal import getcontext
from pathlib import Path
from typing import Any

import attrs
import trio

from dnbot.bot import Bot
from dnbot.config.reading import load_settings
from dnbot.domain.units import PRECISION
from dnbot.operate.run import RunOptions, Standing, run_settings
from dnbot.strategy.states import StrategyState, TradingMode
from dnbot.web.dashboard import Dashboard
from suite.watched import free_ports

DSN = "DNBOT_BENCH_DATABASE"
LOOK_S = 0.005
READY_S_MAX = 60.0
CONFIG = """\
mode = "sim"

[strategy]
symbol = "BTC/USDT"
base_position_size = "0.06"
max_order_notional_quote = "400"
depth_share_max = "1"
round_trips_per_minute_max = 1000000
identical_orders_per_minute_max = 1000000
max_daily_loss_quote = "500"

[fakes]
address_file = "{address}"

[database]
dsn_env = "{dsn}"

[web]
listen = "127.0.0.1:{port}"
"""

Drive = Callable[[Bot], Awaitable[None]]


@attrs.define
class Driven(Dashboard):
    """What is served beside the bot: the dashboard, and whoever drives it."""

    drive: Drive = attrs.field(kw_only=True)
    seconds_max: float = attrs.field(kw_only=True)
    ended: bool = False
    """Whether the drive came to its end in time."""

    async def serve(self, run: Standing) -> None:
        """Drive, then stop the bot; it also stops when the time is over."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Dashboard.serve, self, run)
            with trio.move_on_after(self.seconds_max):
                await self.drive(run.bot)
                self.ended = True
            run.bot.stop("the benchmark has what it wants")


async def run_driven(address: Mapping[str, Any], dsn: str, home: Path, drive: Drive, seconds_max: float) -> None:
    """Run the bot until it was driven to the end.

    Raises:
        AssertionError: that took longer than `seconds_max`, or the bot did not end well.
    """
    getcontext().prec = PRECISION
    beside = Driven(drive=drive, seconds_max=seconds_max)
    code = await run_settings(load_settings(config_of(address, dsn, home)), RunOptions(plain=True, beside=beside))
    if not beside.ended or code:
        raise AssertionError(f"the bot was not driven to the end within {seconds_max:.0f} s; exit code {code}")


def config_of(address: Mapping[str, Any], dsn: str, home: Path) -> Path:
    """A configuration file; the connection string is in the environment, where a bot looks for it."""
    home.mkdir(parents=True, exist_ok=True)
    line, config = home / "address.json", home / "bench.toml"
    line.write_text(json.dumps(address), encoding="utf-8")
    os.environ[DSN] = dsn
    config.write_text(CONFIG.format(address=line, dsn=DSN, port=free_ports(1)[0]), encoding="utf-8")
    os.environ["DNBOT_HOME"] = str(home / "state")
    return config


async def idle(bot: Bot) -> None:
    """Return when the machine watches the market and is about nothing else.

    Raises:
        AssertionError: it trades no more, or was not there within a minute.
    """
    with trio.move_on_after(READY_S_MAX):
        while not is_idle(bot):  # noqa: ASYNC110 (the machine sets no event for this)
            await trio.sleep(LOOK_S)
        return
    context = bot.context
    raise AssertionError(f"{context.current_state.name} {context.mode.name} for a minute: {context.mode_why}")


def is_idle(bot: Bot) -> bool:
    """Whether nothing is under way."""
    context = bot.context
    watches = context.current_state is StrategyState.MONITORING_SPREADS and context.mode is TradingMode.ACTIVE
    return watches and context.execution is None and not context.orders.unsettled
