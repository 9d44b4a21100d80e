"""`dnbot backtest`: what the command line offers of backtests."""

from __future__ import annotations

import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dnbot.domain.errors import ConfigError
from dnbot.lab.command_options import CONFIG, duration_option, settings_of
from dnbot.research.command_options import EXIT_PARTIAL, FILE, market_of, market_options, need_outputs

if TYPE_CHECKING:
    from dnbot.research.result import Result


@click.command("backtest")
@CONFIG
@market_options
@click.option("--for", "until_s", callback=duration_option, help="Play no more than this, such as 2m, virtual.")
@click.option("--check-lookahead", is_flag=True, help="Hold every book that the bot is told against the recording.")
@click.option("--fresh", is_flag=True, help="Read raw books even where what they do is kept from an earlier run.")
@click.option("--json", "as_json", type=FILE, help="Write everything here: figures, executions, fills, ledger rows.")
@click.option("--html", "as_html", type=FILE, help="Write a page with charts here; it needs nothing else.")
def backtest_command(config: Path | None, as_json: Path | None, as_html: Path | None, **wanted: Any) -> None:
    """Run the whole bot on a recorded market in virtual time, and tell what it earned."""
    from dnbot.fakes.replay_files import ReplayError
    from dnbot.operate.console import tell
    from dnbot.research.result_text import text_of

    need_outputs(json=as_json, html=as_html)
    try:
        result = _run(config, **wanted)
    except ReplayError as error:
        raise ConfigError("--data", str(wanted["data"]), str(error), "data that can be played to the end") from None
    _write(result, as_json, as_html)
    tell(text_of(result))
    sys.exit(EXIT_PARTIAL if result.partial else 0)


def _run(config: Path | None, *, until_s: float | None, check_lookahead: bool, fresh: bool, **market: Any) -> Result:
    from dnbot.operate.progress import ProgressLine
    from dnbot.research.backtest import BacktestOptions, backtest
    from dnbot.research.lookahead import check_of

    settings = settings_of(config)
    played = market_of(settings, **market)
    world = played.world()
    line = ProgressLine()
    line.tell(f"looking at {played.data} ...")
    source = played.source(fresh=fresh or check_lookahead)
    check = check_of(source, world, Path(played.data)) if check_lookahead else None
    options = BacktestOptions(
        source, settings.strategy, played.latency, world, until_s=until_s, order_path=played.order_path, check=check
    )
    stop: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: _asked(stop, number))
    try:
        return backtest(
            options, pace=lambda done_s, elapsed_s: line.tell(pace_text(done_s, options.run_s, elapsed_s)),
            interrupted=lambda: bool(stop),
        )
    finally:
        signal.signal(signal.SIGINT, before)
        line.tell("")


def _asked(stop: list[int], number: int) -> None:
    """The first Ctrl-C ends the run in order; the second ends it."""
    if stop:
        raise KeyboardInterrupt
    stop.append(number)


def pace_text(done_s: float, whole_s: float, elapsed_s: float) -> str:
    """Such as `120 of 340 s, 12.3 times real time, about 18 s left`."""
    from dnbot.operate.report_format import duration

    text = f"{done_s:,.0f} of {whole_s:,.0f} s"
    if done_s <= 0 or elapsed_s <= 0:
        return text
    left = timedelta(seconds=max(0.0, whole_s - done_s) * elapsed_s / done_s)
    return f"{text}, {done_s / elapsed_s:.1f} times real time, about {duration(left)} left"


def _write(result: Result, as_json: Path | None, as_html: Path | None) -> None:
    from dnbot.operate.console import json_text
    from dnbot.operate.output_files import write_file
    from dnbot.research.result_page import page_of

    if as_json is not None:
        write_file(as_json, json_text(result), "--json")
    if as_html is not None:
        write_file(as_html, page_of(result), "--html")
