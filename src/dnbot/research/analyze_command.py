"""`dnbot analyze`: questions to the store, answered as tables, JSON, a page or CSV files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
import trio

from dnbot.domain.errors import ConfigError
from dnbot.operate.command_words import JSON, moment_option
from dnbot.operate.config_option import CONFIG_OF_BOT, settings_of
from dnbot.operate.console import tell, tell_json
from dnbot.operate.progress import ProgressLine
from dnbot.ports.clock import SystemClock

if TYPE_CHECKING:
    from dnbot.research.analysis.view import View

_MOMENT = "A moment in UTC such as 2026-11-29T14:00, or 24h for so long ago"


def _moment(context: click.Context, parameter: click.Parameter, text: str | None) -> datetime | None:
    from dnbot.operate.report_data import BEGINNING

    if text == "all" and parameter.name == "since":
        return BEGINNING
    return moment_option(context, parameter, text)


def _now() -> datetime:
    return datetime.fromtimestamp(SystemClock().now_ns() / 1e9, UTC)


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """What all four take."""
    for option in (
        JSON,
        click.option("--csv", type=click.Path(path_type=Path, file_okay=False), help="Write a CSV file per table."),
        click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write one self-contained page."),
        click.option("--until", callback=_moment, help="At or before it, as --since; default: now."),
        click.option("--since", callback=_moment, default="24h", show_default=True, help=f"{_MOMENT}, or all."),
        click.option("--symbol", help="Such as BTC/USDT; default: that of the configuration."),
        CONFIG_OF_BOT,
    ):
        command = option(command)
    return command


@click.group("analyze")
def analyze_command() -> None:
    """Ask the database about spread, performance, opportunities or funding; a bot may be running meanwhile."""


@analyze_command.command("spread")
@_options
@click.option("--threshold-bps", metavar="BPS", help="Net edge that counts; default: that of the newest run's entries.")
@click.option("--fee", "fees", multiple=True, metavar="VENUE=BPS", help="A taker fee; default: what newest fills paid.")
def spread_command(threshold_bps: str | None, fees: tuple[str, ...], **common: Any) -> None:
    """What each pair showed between the best prices of its two venues: distribution, time above, half-life, hours."""
    from dnbot.domain.units import parse_decimal
    from dnbot.research.analysis import analyze_spread
    from dnbot.research.analysis.spread_view import spread_view
    from dnbot.research.analysis.taker_fees import given_fees

    try:
        threshold = None if threshold_bps is None else parse_decimal(threshold_bps)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--threshold-bps") from None
    _answer(analyze_spread, spread_view, common, threshold_bps=threshold, fees=given_fees(fees))


@analyze_command.command("performance")
@_options
def performance_command(**common: Any) -> None:
    """What was earned, by source and day; how far it fell; and how well each pair was executed."""
    from dnbot.research.analysis import analyze_performance
    from dnbot.research.analysis.performance_view import performance_view

    _answer(analyze_performance, performance_view, common)


@analyze_command.command("opportunities")
@_options
def opportunities_command(**common: Any) -> None:
    """What was seen, taken and declined, why, when, and what it was estimated to be worth."""
    from dnbot.research.analysis import analyze_opportunities
    from dnbot.research.analysis.opportunities_view import opportunities_view

    _answer(analyze_opportunities, opportunities_view, common)


@analyze_command.command("funding")
@_options
def funding_command(**common: Any) -> None:
    """What was received and paid, per interval and as a year, beside what had been forecast."""
    from dnbot.research.analysis import analyze_funding
    from dnbot.research.analysis.funding_view import funding_view

    _answer(analyze_funding, funding_view, common)


def _answer(ask: Callable[..., Any], view_of: Callable[[Any], View], common: dict[str, Any], **more: Any) -> None:
    """Ask, write the files that are wanted, and print."""
    from dnbot.operate.output_files import made_folder, need_writable, write_file, writing
    from dnbot.operate.report import exact_builtins

    html, folder, as_json = (common.pop(name) for name in ("html", "csv", "as_json"))
    if folder is not None:
        made_folder(folder, "--csv")
    if html is not None:
        need_writable(html, "--html")
    found, names = trio.run(_asked, ask, common, more)
    view = view_of(found)
    written: list[Path] = []
    if folder is not None:
        with writing(folder, "--csv"):
            written += view.write_csv(folder)
            for path in written:
                path.write_bytes(names.data(path.read_bytes()))
    if html is not None:
        written.append(write_file(html, names.text(view.page), "--html"))
    if as_json:
        tell_json(msgspec.Raw(names.data(msgspec.json.encode(exact_builtins(found)))))
        return
    tell("\n".join([names.text(view.text), *(f"written: {path}" for path in written)]).rstrip("\n"))


async def _asked(ask: Callable[..., Any], common: dict[str, Any], more: dict[str, Any]) -> Any:
    from dnbot.operate.report import opened_store
    from dnbot.operate.second_spot import names_of
    from dnbot.research.analysis import Period

    settings = settings_of(common["config"])
    symbol = _symbol(common["symbol"]) if common["symbol"] else settings.strategy.symbol
    line = ProgressLine()
    async with opened_store(settings) as store:
        period = Period(common["since"], common["until"] or _now())
        found = await ask(store.read, symbol, period, tell=line.tell, **more)
    line.tell("")
    return found, names_of(settings)


def _symbol(text: str) -> Any:
    from dnbot.domain.instrument import Symbol

    try:
        return Symbol.parse(text)
    except ValueError:
        raise ConfigError("command line", "--symbol", text, "such as BTC/USDT") from None
