"""What the commands that play a recording share: the options that say what is played, and Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dnbot.operate.command_words import moment_option

if TYPE_CHECKING:
    from dnbot.config import Settings
    from dnbot.research.market_options import MarketOptions

Command = TypeVar("Command", bound=Callable[..., Any])
FILE = click.Path(path_type=Path, dir_okay=False)
EXIT_PARTIAL = 3
"""The figures are those of a part: it was interrupted, or the bot ended before the data did."""
_OPTIONS = (
    click.option("--data", type=click.Path(path_type=Path), required=True,
                 help="A recording (dnbot record), captures (spot/, usdm/), or bars."),
    click.option("--latency-model", default="regional", show_default=True, help="loopback, regional, far, or TOML."),
    click.option("--map", "mapped", multiple=True, help="VENUE=RECORDED[,lag_ms=N][,spread_bps=N][,offset_bps=N]."),
    click.option("--seed", type=int, default=1, show_default=True, help="Of delays, and of what is modelled."),
    click.option("--beats", type=click.IntRange(1, 100), help="Captures: how often a book follows, per second."),
    click.option("--funding", type=click.Path(path_type=Path, exists=True, dir_okay=False),
                 help="File of funding rates."),
    click.option("--speed", type=click.FloatRange(0.001, 100_000), default=1.0,
                 help="Bars: recorded seconds per second."),
    click.option("--from", "begin", callback=moment_option,
                 help="Recordings and bars: where to begin, in UTC such as 2026-11-29T14:00, or 24h for so long ago."),
    click.option("--exchange", help="Bars: whose rows, where a file holds several exchanges; default: the first."),
    click.option("--fees", multiple=True,
                 help="VENUE=MAKER:TAKER in bps, such as gate_spot=9:9; default: entry level."),
)


def market_options(command: Command) -> Command:
    """A decorator: the options that `market_of` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def market_of(
    settings: Settings, *, data: Path, latency_model: str, mapped: tuple[str, ...], seed: int, beats: int | None,
    funding: Path | None, speed: float, begin: datetime | None, exchange: str | None, fees: tuple[str, ...],
) -> MarketOptions:
    """What these options say is played. Raises ConfigError for a latency model that is none."""
    from dnbot.research.latency import latency_model as model_of
    from dnbot.research.market_options import MarketOptions

    return MarketOptions(
        data=str(data), symbol=str(settings.strategy.symbol), latency=model_of(latency_model), mapped=mapped, fees=fees,
        seed=seed, beats_per_s=beats, funding=None if funding is None else str(funding), speed=speed,
        begin=begin, exchange=exchange, order_path=settings.gate.order_path,
    )


def need_outputs(**paths: Path | None) -> None:
    """Each file that shall be written, by the name of its option, can be. Raises ConfigError: later is too late."""
    from dnbot.operate.output_files import need_writable

    for name, path in paths.items():
        if path is not None:
            need_writable(path, f"--{name}")
