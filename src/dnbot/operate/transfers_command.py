"""`dnbot transfers` on the command line."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path

import click
import msgspec
import trio

from dnbot.domain.instrument import SPOT_VENUES, Venue
from dnbot.operate.command_words import JSON, WHY
from dnbot.operate.config_option import CONFIG_OF_BOT, settings_of
from dnbot.operate.console import tell, tell_json
from dnbot.operate.control_commands import tell_bot
from dnbot.operate.control_words import GiveUp, Ship
from dnbot.operate.second_spot import names_of
from dnbot.operate.transfers import json_of_plan, plan_for
from dnbot.operate.transfers_text import plan_text

SPOT = click.Choice([venue.value.lower() for venue in SPOT_VENUES])


class Amount(click.ParamType[Decimal]):
    """A number above zero, exact."""

    name = "amount"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """The number; a usage error for anything else."""
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            self.fail(f"{value!r} is not a number", param, ctx)
        if not amount.is_finite() or amount <= 0:
            self.fail(f"{value!r} is not above zero", param, ctx)
        return amount


@click.group("transfers")
def transfers_command() -> None:
    """Funds that a person may move between the venues; dnbot itself never withdraws."""


@transfers_command.command("plan")
@CONFIG_OF_BOT
@JSON
def plan_command(config: Path | None, as_json: bool) -> None:
    """Say what to move so that inventory, quote and margin are at their targets. Moves nothing."""
    settings = settings_of(config)
    found, names = trio.run(plan_for, settings), names_of(settings)
    if as_json:
        tell_json(msgspec.Raw(names.data(msgspec.json.encode(json_of_plan(found)))))
    else:
        tell(names.text(plan_text(found, config)))


@transfers_command.command("declare")
@CONFIG_OF_BOT
@click.option("--from", "source", required=True, type=SPOT, help="Where it leaves.")
@click.option("--to", "target", required=True, type=SPOT, help="Where it arrives.")
@click.option("--asset", required=True, help="The coin, such as BTC or USDT.")
@click.option("--leaves", required=True, type=Amount(), help="What the source's balance falls by, fee included.")
@click.option("--arrives", required=True, type=Amount(), help="What the target's balance rises by.")
@WHY
@JSON
def declare_command(
    config: Path | None, source: str, target: str, asset: str, leaves: Decimal, arrives: Decimal, why: str,
    as_json: bool,
) -> None:
    """Tell the running bot what you are about to move, so that it stays hedged on the way. Do it before you move it."""
    request = Ship(
        source=Venue(source.upper()), target=Venue(target.upper()), asset=asset, leaves=leaves, arrives=arrives, why=why
    )
    tell_bot(config, request, as_json)


@transfers_command.command("give-up")
@CONFIG_OF_BOT
@click.argument("shipment")
@WHY
@JSON
def give_up_command(config: Path | None, shipment: str, why: str, as_json: bool) -> None:
    """A declared move will not happen, or what left will not arrive: it counts no more, and is no longer hedged."""
    tell_bot(config, GiveUp(shipment, why), as_json)
