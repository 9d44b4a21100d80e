"""`dnbot report`: its options."""

from __future__ import annotations

from pathlib import Path

import click
import trio

from dnbot.operate.config_option import CONFIG_OF_BOT, settings_of
from dnbot.operate.report import ReportOptions, parse_since, report_on


@click.command("report")
@CONFIG_OF_BOT
@click.option("--since", default="24h", show_default=True, help="A stretch of time up to now: 30m, 24h, 7d, or all.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write one self-contained page.")
@click.option("--csv", type=click.Path(path_type=Path, file_okay=False), help="Write a CSV file per table here.")
@click.option("--json", "as_json", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
              help="Write every figure, exact; -: on standard output, instead of the text.")
def report_command(config: Path | None, since: str, html: Path | None, csv: Path | None, as_json: Path | None) -> None:
    """Tell what was traded and earned, from the database; a bot may be running meanwhile."""
    try:
        length = parse_since(since)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from None
    options = ReportOptions(since=length, html=html, csv=csv, json=as_json)
    click.echo(trio.run(report_on, settings_of(config), options))
