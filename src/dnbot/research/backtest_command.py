"""`dnbot backtest`: what the command line offers of backtests."""

from __future__ import annotations

import signal
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dnbot.domain.errors import ConfigError
from dnbot.lab.command_options import CONFIG, duration_option, settings_of

if TYPE_CHECKING:
    from dnbot.research.result import Result

EXIT_PARTIAL = 3
"""The figures are those of a part: it was interrupted, or the bot ended before the data did."""
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("backtest")
@click.option("--data", type=click.Path(path_type=Path), required=True,
              help="A recording (dnbot record), captures (spot/, usdm/), or bars.")
@CONFIG
@click.option("--latency-model", default="regional", show_default=True, help="loopback, regional, far, or TOML.")
@click.option("--map", "mapped", multiple=True, help="VENUE=RECORDED[,lag_ms=N][,spread_bps=N][,offset_bps=N].")
@click.option("--seed", type=int, default=1, show_default=True, help="Of delays, and of what is modelled.")
@click.option("--for", "until_s", callback=duration_option, help="Play no more than this, such as 2m, virtual.")
@click.option("--beats", type=click.IntRange(1, 100), help="Captures: how often a book follows, per second.")
@click.option("--funding", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="File of funding rates.")
@click.option("--speed", type=click.FloatRange(0.001, 100_000), default=1.0, help="Bars: recorded seconds per second.")
@click.option("--from", "begin", type=click.DateTime(), help="Recordings and bars: where to begin, UTC.")
@click.option("--exchange", help="Bars: whose rows, where a file holds several exchanges; default: the first.")
@click.option("--fees", multiple=True, help="VENUE=MAKER:TAKER in bps, such as gate_spot=9:9; default: entry level.")
@click.option("--check-lookahead", is_flag=True, help="Hold every book that the bot is told against the recording.")
@click.option("--json", "as_json", type=_FILE, help="Write everything here: figures, executions, fills, ledger rows.")
@click.option("--html", "as_html", type=_FILE, help="Write a page with charts here; it needs nothing else.")
def backtest_command(config: Path | None, as_json: Path | None, as_html: Path | None, **wanted: Any) -> None:
    """Run the whole bot on a recorded market in virtual time, and tell what it earned."""
    from dnbot.fakes.replay_files import ReplayError
    from dnbot.operate.console import tell
    from dnbot.research.result_text import text_of

    for path in (as_json, as_html):
        if path is not None and not path.resolve().parent.is_dir():
            raise ConfigError(str(path), "--json, --html", "no such folder", "a file in a folder that is there")
    try:
        result = _run(config, **wanted)
    except ReplayError as error:
        raise ConfigError("--data", str(wanted["data"]), str(error), "data that can be played to the end") from None
    _write(result, as_json, as_html)
    tell(text_of(result))
    sys.exit(EXIT_PARTIAL if result.partial else 0)


def _run(
    config: Path | None, *, data: Path, latency_model: str, mapped: tuple[str, ...], seed: int, until_s: float | None,
    beats: int | None, funding: Path | None, speed: float, begin: datetime | None, exchange: str | None,
    fees: tuple[str, ...], check_lookahead: bool,
) -> Result:
    from datetime import UTC

    from dnbot.fakes.config import ReplayConfig
    from dnbot.operate.progress import ProgressLine
    from dnbot.research.backtest import BacktestOptions, backtest
    from dnbot.research.fees import with_fees
    from dnbot.research.latency import latency_model as model_of
    from dnbot.research.lookahead import check_of
    from dnbot.research.mapping import mapping_of
    from dnbot.research.opening import source_at

    settings = settings_of(config)
    params = settings.strategy
    replay = ReplayConfig(
        speed=speed, begin=begin.replace(tzinfo=UTC) if begin else None, exchange=exchange, funding=funding
    )
    world, model = with_fees(fees, seed), model_of(latency_model)
    line = ProgressLine()
    line.tell(f"looking at {data} ...")
    source = source_at(data, str(params.symbol), mapping=mapping_of(mapped), replay=replay, beats_per_s=beats)
    check = check_of(source, world, data) if check_lookahead else None
    options = BacktestOptions(
        source, params, model, world, until_s=until_s, order_path=settings.gate.order_path, check=check
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
    from dnbot.research.result_page import page_of

    if as_json is not None:
        as_json.write_text(json_text(result), encoding="utf-8")
    if as_html is not None:
        as_html.write_text(page_of(result), encoding="utf-8")
