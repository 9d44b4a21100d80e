"""`dnbot study`: what the command line offers of the study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dnbot.domain.errors import ConfigError

if TYPE_CHECKING:
    from dnbot.research.study import Study

PARTS = ("bars", "gate", "funding", "books")


@click.command("study")
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True,
              help="A folder with a folder per set: bars_8h, gate_futures_bars, funding, binance_l2.")
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="These alone; default: all of them.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of resting legs, and of intervals.")
@click.option("--json", "as_json", type=click.Path(path_type=Path, dir_okay=False), help="Write every figure here.")
def study_command(data: Path, parts: tuple[str, ...], seed: int, as_json: Path | None) -> None:
    """What the strategy would have earned on recorded bars, funding and books; docs/study.md is made of it."""
    from dnbot.operate.console import tell
    from dnbot.operate.output_files import write_file
    from dnbot.operate.progress import ProgressLine
    from dnbot.research.command_options import need_outputs
    from dnbot.research.study import study
    from dnbot.research.study_text import json_of, text_of
    from dnbot.research.study_words import StudyDataError

    need_outputs(json=as_json)
    line = ProgressLine()
    try:
        found: Study = study(data, parts or PARTS, seed, line.tell)
    except StudyDataError as error:
        raise ConfigError("--data", str(data), str(error), "sets of data as docs/study.md names them") from None
    finally:
        line.tell("")
    if as_json is not None:
        write_file(as_json, json_of(found), "--json")
    tell(text_of(found))
