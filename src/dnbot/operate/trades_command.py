"""`dnbot trades` and `dnbot orders` on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import trio

from dnbot.config import Settings
from dnbot.operate.command_words import JSON, moment_option
from dnbot.operate.config_option import CONFIG_OF_BOT, settings_of
from dnbot.operate.console import tell, tell_json
from dnbot.operate.orders import OrdersWanted, list_orders
from dnbot.operate.paper_words import PAPER
from dnbot.operate.trades import TradesWanted, list_trades, read_trade
from dnbot.operate.trades_text import orders_text, trade_text, trades_text

LIMIT_MAX = 10_000
_MOMENT = "A moment in UTC such as 2026-11-29T14:00, or 24h for so long ago."


def _period(command: Any) -> Any:
    for option in (
        click.option("--limit", type=click.IntRange(1, LIMIT_MAX), default=50, show_default=True, help="The newest."),
        click.option("--to", "until", callback=moment_option, help="Before it; as --from."),
        click.option("--from", "since", callback=moment_option, help=f"At or after it. {_MOMENT}"),
    ):
        command = option(command)
    return command


def _marked(settings: Settings) -> str:
    """A line of its own above results that are none."""
    return f"{PAPER}\n\n" if settings.mode == "paper" else ""


def _given(**options: Any) -> dict[str, Any]:
    """Those that were given: the others keep their defaults."""
    return {name: value for name, value in options.items() if value is not None}


@click.command("trades")
@CONFIG_OF_BOT
@click.argument("execution_id", required=False, metavar="[ID]")
@_period
@click.option("--pair", help="Of this pair alone, such as GATE_TO_MEXC.")
@JSON
def trades_command(config: Path | None, execution_id: str | None, as_json: bool, **wanted: Any) -> None:
    """List executions; with an ID show one: decision, orders, fills, timings. Reads the database; a bot may run."""
    settings = settings_of(config)
    if execution_id is not None:
        found, symbol = trio.run(read_trade, settings, execution_id), settings.strategy.symbol
        if as_json:
            tell_json(found)
        else:
            tell(_marked(settings) + trade_text(found, symbol.base, symbol.quote))
        return
    trades = trio.run(list_trades, settings, TradesWanted(**_given(**wanted)))
    if as_json:
        tell_json({"trades": trades.rows, "more": trades.more})
    else:
        tell(_marked(settings) + trades_text(trades))


@click.command("orders")
@CONFIG_OF_BOT
@click.option("--open", "is_open", is_flag=True, help="Only those of which something is still to come.")
@click.option("--venue", help="Of this venue alone: GATEIO_SPOT, GATEIO_FUTURES or MEXC_SPOT.")
@_period
@JSON
def orders_command(config: Path | None, as_json: bool, **wanted: Any) -> None:
    """List orders: state, filled, limit, age, reason. Reads the database; a bot may run."""
    found = trio.run(list_orders, settings_of(config), OrdersWanted(**_given(**wanted)))
    if as_json:
        tell_json({"orders": found.rows, "more": found.more})
    else:
        tell(orders_text(found))
