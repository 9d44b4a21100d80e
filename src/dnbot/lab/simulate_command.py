"""`dnbot simulate`: what the command line offers of simulations."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from dnbot.lab.command_options import CONFIG, duration_option, settings_of


def _seeds(_context: click.Context, _option: click.Parameter, text: str) -> tuple[int, ...]:
    found: list[int] = []
    for part in text.split(","):
        first, colon, last = part.partition(":")
        if not first.isdecimal() or (colon and not last.isdecimal()):
            raise click.BadParameter(f"{text!r}; allowed: 7, 1:200 (both ends are in), or several with commas")
        found.extend(range(int(first), int(last or first) + 1))
    if not found:
        raise click.BadParameter(f"{text!r} names no seed")
    return tuple(dict.fromkeys(found))


@click.command()
@CONFIG
@click.option("--fleet", is_flag=True, help="Two workers that share two to four tasks, instead of one bot.")
@click.option("--seeds", callback=_seeds, default="1:20", show_default=True, help="1:200, 7, or several with commas.")
@click.option("--minutes", type=click.FloatRange(0.5, 1440), default=10.0, show_default=True, help="Virtual, per seed.")
@click.option("--hours", type=click.FloatRange(0.01, 240), help="The same in hours.")
@click.option("--faults", default="swarm", show_default=True, help="swarm: a few kinds per seed; all, none, NAME,...")
@click.option("--keep", default="", metavar="KEY,...", help="Of a seed's schedule these alone; see --shrink.")
@click.option("--shrink", is_flag=True, help="Find the smallest part of each schedule that still fails.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes at a time; default: one per core.")
@click.option("--within", callback=duration_option, help="Begin no seed after so long, of real time, such as 4m.")
@click.option("--json", "as_json", type=click.Path(path_type=Path, dir_okay=False), help="Write the evidence here.")
@click.option("--journal", type=click.Path(path_type=Path, file_okay=False), help="Write each seed's journal here.")
@click.option("--resume", is_flag=True, help="Leave out the seeds that passed in the --json file, with this source.")
def simulate(
    config: Path | None, fleet: bool, seeds: tuple[int, ...], minutes: float, hours: float | None, faults: str,
    keep: str, shrink: bool, jobs: int | None, within: float | None, as_json: Path | None, journal: Path | None,
    resume: bool,
) -> None:
    """Run the whole bot on fake exchanges in virtual time, with everything going wrong, and judge what it does.

    With --fleet: workers, leases and hand-overs as well, with failures of machines and of the database.
    """
    from dnbot.lab.campaign import ONE_BOT, CampaignOptions, run_campaign
    from dnbot.lab.fleet_campaign import FLEET
    from dnbot.lab.journals import journalled
    from dnbot.operate.progress import ProgressLine

    if fleet and config is not None:
        raise click.UsageError("--fleet takes no --config: each of its tasks has a market and settings of its own")
    if journal is not None and (fleet or shrink):
        raise click.UsageError("--journal goes with neither --fleet nor --shrink: a journal is of one bot in one run")
    if journal is not None and journal.exists() and any(journal.iterdir()):
        raise click.UsageError(f"--journal {journal}: it is not empty; allowed: a new or empty folder")
    one_bot = ONE_BOT if journal is None else journalled(ONE_BOT, journal)
    again = ["dnbot simulate", *(["--fleet"] if fleet else []), *(["--config", str(config)] if config else [])]
    again += [f"--hours {hours:g}" if hours else f"--minutes {minutes:g}", f"--faults {faults}"]
    options = CampaignOptions(
        seeds=seeds, run_s=hours * 3600 if hours else minutes * 60, faults=faults, game=FLEET if fleet else one_bot,
        params=None if fleet else settings_of(config).strategy,
        keep=tuple(key for key in keep.split(",") if key), jobs=jobs or len(os.sched_getaffinity(0)), json=as_json,
        resume=resume, shrink=shrink, within_s=within, command=" ".join(again),
    )  # fmt: skip
    line = ProgressLine()
    sys.exit(run_campaign(options, line.beside(click.echo), line.tell))
