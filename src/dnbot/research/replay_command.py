"""`dnbot replay`: what the command line offers of replays."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dnbot.operate.command_words import JSON
from dnbot.operate.record_words import moment_ns_of

if TYPE_CHECKING:
    from dnbot.research.replay import Ran
    from dnbot.research.replay_run import ReplayResult

EXIT_DIVERGED = 1
EXIT_DAMAGED = 75
TELL_EVERY = 5_000
_NUMBER = re.compile(r"[0-9]{1,12}\Z")
FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)


def _until(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> tuple[int | None, int | None]:
    """The number of an event, or a moment as Unix nanoseconds."""
    if text is not None and _NUMBER.match(text):
        return int(text), None
    return None, moment_ns_of(context, parameter, text)


def _at(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    from dnbot.research.replay_run import NAMES

    if text and not _NUMBER.match(text) and text not in NAMES:
        raise click.BadParameter(f"{text!r}; allowed: the number of an event, or one of {', '.join(NAMES)}")
    return text


@click.command("replay")
@click.argument("journal", type=FOLDER)
@click.option("--run", type=click.IntRange(min=1), help="Of several in the journal; default: the newest.")
@click.option("--until", callback=_until, metavar="T|N", help="Stop after event N, or at a moment T in UTC.")
@click.option("--at", callback=_at, default="", metavar="EVENT",
              help="Stop at an event and show it: its number, a kind of event or command, or a state.")
@click.option("--trace", is_flag=True, help="A line per event.")
@click.option("--with", "recording", type=FOLDER, help="Hold the books against a recording of the same time.")
@JSON
def replay_command(
    journal: Path, run: int | None, until: tuple[int | None, int | None], at: str, trace: bool,
    recording: Path | None, as_json: bool,
) -> None:
    """Run a journal's events through the machine again, and compare what it answers with what it answered then.

    Exit code 1: something is not the same, and the first event of it is told. 75: the journal is damaged.
    """
    from dnbot.operate.console import tell, tell_json
    from dnbot.operate.progress import ProgressLine
    from dnbot.research.replay_run import ReplayOptions, replay
    from dnbot.research.replay_text import result_text, trace_line

    line = ProgressLine()

    def seen(ran: Ran) -> None:
        if trace:
            tell(trace_line(ran), err=as_json)
        elif ran.number % TELL_EVERY == 0:
            line.tell(f"event {ran.number:,}")

    options = ReplayOptions(journal, run or 0, *until, at, recording)
    try:
        result = replay(options, seen)
    finally:
        line.tell("")
    if as_json:
        found: dict[str, Any] = {"identical": result.identical, **_fields(result)}
        tell_json(found)
    else:
        tell(result_text(result))
    sys.exit(_exit_code(result))


def _exit_code(result: ReplayResult) -> int:
    if result.identical:
        return 0
    return EXIT_DAMAGED if result.damage and result.divergence is None else EXIT_DIVERGED


def _fields(result: object) -> dict[str, Any]:
    import msgspec

    fields: dict[str, Any] = msgspec.to_builtins(result, str_keys=True)
    return fields
