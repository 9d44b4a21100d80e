"""`dnbot sweep-params`: what the command line offers of parameter studies."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dnbot.lab.command_options import CONFIG, duration_option, settings_of
from dnbot.research.command_options import EXIT_PARTIAL, FILE, market_of, market_options, need_outputs

if TYPE_CHECKING:
    from dnbot.research.parameter_study import StudyOptions


@click.command("sweep-params")
@CONFIG
@click.option("--space", type=FILE, help="TOML: what to vary, as lists or ranges; docs/parameter-study.md.")
@click.option("--param", "params", multiple=True, metavar="KEY=A,B,...", help="Values of a key of [strategy].")
@click.option("--draws", type=click.IntRange(1), help="Try so many combinations by chance instead of all.")
@click.option("--draw-seed", type=int, help="Of that chance; default: that of the file, or 1.")
@click.option("--skip-invalid", is_flag=True, help="Leave out combinations that no configuration may have.")
@market_options
@click.option("--for", "until_s", callback=duration_option, help="Use no more than this, such as 2h, virtual.")
@click.option("--splits", type=click.IntRange(0, 200), default=3, show_default=True,
              help="Walk-forward: so many train windows with a test window behind; 0: no test.")
@click.option("--train-tests", type=click.IntRange(1, 100), default=2, show_default=True,
              help="A train window is as long as so many test windows.")
@click.option("--anchored", is_flag=True, help="Every train window begins with the recording.")
@click.option("--rank-by", type=click.Choice(["total", "realised", "traded"]), default="total", show_default=True,
              help="What is called best: with holdings valued; realised; trades alone.")
@click.option("--evidence", type=FILE, required=True, help="Trials are kept here as they end, a line of JSON each.")
@click.option("--resume", is_flag=True, help="Go on with the evidence that is there.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Trials at a time on this machine; default: one per core.")
@click.option("--engine", type=click.Choice(["local", "dask", "ray"]), default="local", show_default=True,
              help="Who runs the trials; dask and ray are extras, for several machines.")
@click.option("--address", default="", help="Of the scheduler of --engine; default: one on this machine.")
@click.option("--json", "as_json", type=FILE, help="Write the comparison here.")
@click.option("--html", "as_html", type=FILE, help="Write a page with charts here; it needs nothing else.")
def sweep_params_command(config: Path | None, as_json: Path | None, as_html: Path | None, **wanted: Any) -> None:
    """Try settings of the strategy on recorded markets: choose in train windows, judge in the test windows behind."""
    from dnbot.operate.console import json_text, tell
    from dnbot.operate.output_files import write_file
    from dnbot.operate.progress import ProgressLine
    from dnbot.research.parameter_page import page_of, text_of
    from dnbot.research.parameter_study import run_study

    need_outputs(json=as_json, html=as_html, evidence=wanted["evidence"])
    line = ProgressLine()
    study = run_study(_options(config, **wanted), line.beside(tell), line.tell)
    if as_json is not None:
        write_file(as_json, json_text(study), "--json")
    if as_html is not None:
        write_file(as_html, page_of(study), "--html")
    tell(text_of(study))
    sys.exit(EXIT_PARTIAL if study.is_partial else 0)


def _options(
    config: Path | None, *, space: Path | None, params: tuple[str, ...], draws: int | None, draw_seed: int | None,
    skip_invalid: bool, until_s: float | None, splits: int, train_tests: int, anchored: bool, rank_by: str,
    evidence: Path, resume: bool, jobs: int | None, engine: str, address: str, **market: Any,
) -> StudyOptions:
    from dnbot.research.parameter_study import StudyOptions
    from dnbot.research.space import cells_of, space_of

    settings = settings_of(config)
    cells = cells_of(space_of(space, params, draws, draw_seed), settings, skip_invalid=skip_invalid)
    return StudyOptions(
        market=market_of(settings, **market), settings=settings, cells=cells, evidence=evidence, splits=splits,
        train_tests=train_tests, anchored=anchored, until_s=until_s, rank_by=rank_by,
        at_once=jobs or len(os.sched_getaffinity(0)), engine=engine, address=address, resume=resume,
    )
