"""`dnbot record` on the command line: record the public streams, and look at recordings."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import attrs
import click
import trio

from dnbot import __version__
from dnbot.domain.instrument import Symbol, Venue
from dnbot.operate.command_words import JSON
from dnbot.operate.config_option import CONFIG, settings_of
from dnbot.operate.console import tell, tell_json
from dnbot.operate.progress import ProgressLine, share_text
from dnbot.operate.record_run import RecordOptions, record
from dnbot.operate.record_text import cut_text, exported_text, info_text, recorded_text, verdict_text
from dnbot.operate.record_words import SYMBOLS, VENUES, bytes_of, seconds_of, stretch, wanted_of
from dnbot.ports.clock import SystemClock
from dnbot.record.cutting import CutMade, cut
from dnbot.record.exporting import export
from dnbot.record.folder import SEGMENT_BYTES, Limits
from dnbot.record.reading import Told, entries
from dnbot.record.telling import info
from dnbot.record.verifying import verify
from dnbot.record.words import Market

EXIT_DAMAGED = 1
BY = f"dnbot {__version__}"
FOLDER = click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
TELL_BYTES = 1_000_000
_T = TypeVar("_T")


@click.group("record", invoke_without_command=True)
@VENUES
@SYMBOLS
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="A new folder, or a recording to go on.")
@CONFIG
@click.option("--duration", "duration_s", callback=seconds_of, help="End after so long, such as 60s; default: Ctrl-C.")
@click.option("--max-bytes", "bytes_max", callback=bytes_of, default="10GiB", show_default=True,
              help="The folder is never larger.")
@click.option("--when-full", type=click.Choice(["drop-oldest", "stop"]), default="drop-oldest", show_default=True,
              help="Remove the oldest segment, or end with exit code 75.")
@click.option("--segment-s", callback=seconds_of, default="10m", show_default=True, help="A new segment after so long.")
@click.option("--segment-bytes", callback=bytes_of,
              help="Or at this size; default: 64MiB, at most a quarter of --max-bytes.")
@JSON
@click.pass_context
def record_command(
    context: click.Context, /, venues: tuple[Venue, ...], symbols: tuple[Symbol, ...], out: Path | None,
    config: Path | None, duration_s: float | None, as_json: bool, **limits: Any,
) -> None:
    """Record the venues' public streams to files, without a key.

    Without --config it records fake exchanges of its own; a configuration of mode live names the real ones.
    """
    if context.invoked_subcommand is not None:
        return
    if out is None or not symbols:
        raise click.UsageError("--symbols and --out are needed")
    markets = [Market(venue, symbol) for symbol in symbols for venue in (venues or tuple(Venue))]
    options = RecordOptions(markets, out, _limits(**limits), duration_s)
    found = trio.run(record, settings_of(config), options, SystemClock(), ProgressLine().tell)
    _answer(found, recorded_text, as_json)


def _limits(bytes_max: int, segment_s: float, segment_bytes: int | None, when_full: str) -> Limits:
    size = segment_bytes or min(SEGMENT_BYTES, bytes_max // 4)
    return Limits(segment_s=segment_s, segment_bytes=size, bytes_max=bytes_max, keep_oldest=when_full == "stop")


@record_command.command("verify")
@FOLDER
@JSON
def verify_command(folder: Path, as_json: bool) -> None:
    """Check every byte of a recording. Exit code 1: something is damaged; file and offset are named."""
    found = _with_progress(folder, partial(verify, folder))
    _answer(found, verdict_text, as_json)
    if not found.is_good:
        sys.exit(EXIT_DAMAGED)


@record_command.command("info")
@FOLDER
@VENUES
@SYMBOLS
@stretch(required=False)
@JSON
def info_command(folder: Path, as_json: bool, **filters: Any) -> None:
    """Tell what a recording holds: times, entries and bytes by market and kind, gaps, losses."""
    _answer(_with_progress(folder, partial(info, folder, wanted_of(**filters))), info_text, as_json)


@record_command.command("cut")
@FOLDER
@stretch(required=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="A new folder.")
@JSON
def cut_command(folder: Path, out: Path, since_ns: int, until_ns: int, as_json: bool) -> None:
    """Copy a stretch of time to a recording of its own, with what is needed to read it from its first frame on."""
    now_ns = SystemClock().now_ns()

    def make(told: Told) -> CutMade:
        return cut(folder, out, since_ns, until_ns, by=f"{BY}, cut", at_ns=now_ns, told=told)

    _answer(_with_progress(folder, make, times=2), cut_text, as_json)


@record_command.command("export")
@FOLDER
@click.option("--csv", type=click.Path(path_type=Path, file_okay=False), help="Write tops.csv and trades.csv here.")
@click.option("--parquet", type=click.Path(path_type=Path, file_okay=False), help="The same as Parquet (pyarrow).")
@VENUES
@SYMBOLS
@stretch(required=False)
@JSON
def export_command(folder: Path, csv: Path | None, parquet: Path | None, as_json: bool, **filters: Any) -> None:
    """Write best prices and trades as tables, read by the bot's own codecs."""
    if (csv is None) == (parquet is None):
        raise click.UsageError("one of --csv and --parquet is needed")
    out, form = (csv, "csv") if csv is not None else (parquet, "parquet")
    assert out is not None
    wanted = wanted_of(**filters, lead_in=True)
    found = _with_progress(folder, lambda told: export(entries(wanted, folder, told=told), out, form))
    _answer(found, exported_text, as_json)


def _answer(found: _T, text: Callable[[_T], str], as_json: bool) -> None:
    if as_json:
        tell_json(found)
    else:
        tell(text(found))


@attrs.define
class _Progress:
    """A line that says how much of a folder was read."""

    total: int
    line: ProgressLine
    clock: SystemClock
    began_ns: int
    done: int = 0
    shown: int = 0

    def told(self, more: int) -> None:
        """So many more bytes were worked off."""
        self.done += more
        if self.done - self.shown >= TELL_BYTES:
            self.shown = self.done
            elapsed_s = (self.clock.now_ns() - self.began_ns) / 1e9
            self.line.tell(share_text(self.done // TELL_BYTES, self.total // TELL_BYTES, "MB", elapsed_s))


def _with_progress(folder: Path, work: Callable[[Told], _T], times: int = 1) -> _T:
    clock, line = SystemClock(), ProgressLine()
    try:
        return work(_Progress(times * _size(folder), line, clock, clock.now_ns()).told)
    finally:
        line.tell("")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
