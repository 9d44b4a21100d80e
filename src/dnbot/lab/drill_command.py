"""`dnbot drill`: what the command line offers of the drills; each imports its judges when it runs."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import trio

from dnbot.operate.progress import ProgressLine


@click.group()
def drill() -> None:
    """Hurt a bot on fake exchanges and judge what is left."""


@drill.command("faults")
@click.option("--only", metavar="NAME,...", default="", help="These faults alone.")
@click.option("--repeat", type=click.IntRange(1, 1000), default=10, show_default=True, help="Repetitions per fault.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the instants, venues and markets.")
@click.option("--json", "as_json", type=click.Path(path_type=Path, dir_okay=False), help="Write the evidence here.")
@click.option("--resume", is_flag=True, help="Leave out what has passed in the --json file.")
@click.option("--keep", is_flag=True, help="Keep the folders under the temporary folder, for a person to look at.")
def drill_faults(only: str, repeat: int, seed: int, as_json: Path | None, resume: bool, keep: bool) -> None:
    """Cut sockets, kill processes, take REST and the database away, move clocks; minutes per repetition of all."""
    from dnbot.lab.drills import DrillOptions, run_drills

    names = [name for name in only.split(",") if name]
    options = DrillOptions(only=names, repeat=repeat, seed=seed, json=as_json, resume=resume, keep=keep)
    line = ProgressLine()
    sys.exit(trio.run(run_drills, options, line.beside(click.echo), line.tell))


@drill.command("chaos")
@click.option("--only", metavar="NAME,...", default="", help="These stages alone.")
@click.option("--repeat", type=click.IntRange(1, 1000), default=1, show_default=True, help="Rounds of all stages.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the instants, lines and markets.")
@click.option("--json", "as_json", type=click.Path(path_type=Path, dir_okay=False), help="Write the evidence here.")
@click.option("--resume", is_flag=True, help="Leave out what has passed in the --json file.")
@click.option("--keep", is_flag=True, help="Keep the folders under the temporary folder, for a person to look at.")
def drill_chaos(only: str, repeat: int, seed: int, as_json: Path | None, resume: bool, keep: bool) -> None:
    """Kill and stop processes, stall and cut lines through a proxy, fill the database's disk; minutes per round."""
    from dnbot.lab.drills import DrillOptions, chaos, run_drills
    from dnbot.lab.drills_disk import take_own_mounts

    if why := take_own_mounts():
        click.echo(f"no small disk: {why}")
    names = [name for name in only.split(",") if name]
    options = DrillOptions(
        chaos(on_small_disk=not why), only=names, repeat=repeat, seed=seed, json=as_json, resume=resume, keep=keep
    )
    line = ProgressLine()
    sys.exit(trio.run(run_drills, options, line.beside(click.echo), line.tell))


@drill.command("alerts")
@click.option("--only", metavar="NAME,...", default="", help="These troubles alone, by their names.")
@click.option("--json", "as_json", type=click.Path(path_type=Path, dir_okay=False), help="Write the rows here.")
def drill_the_alerts(only: str, as_json: Path | None) -> None:
    """Provoke every trouble that people must hear of at a bot in memory: one alert in time, one end, nothing else."""
    from dnbot.lab.drills_alerts import drill_alerts

    names = [name.strip() for name in only.split(",") if name.strip()]
    line = ProgressLine()
    sys.exit(drill_alerts(names, as_json, line.beside(click.echo), line.tell))


@drill.command("fleet")
@click.option("--tasks", type=click.IntRange(1, 60), default=30, show_default=True, help="Each on a market of its own.")
@click.option("--workers", type=click.IntRange(2, 4), default=3, show_default=True, help="Processes that share them.")
@click.option("--ttl", "ttl_s", type=click.FloatRange(15, 600), default=30, show_default=True, help="Of leases, s.")
@click.option("--only", metavar="NAME,...", default="", help="These stages alone.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the victims, instants and markets.")
@click.option("--json", "as_json", type=click.Path(path_type=Path, dir_okay=False), help="Write the evidence here.")
@click.option("--keep", is_flag=True, help="Keep the folder under the temporary folder, for a person to look at.")
def drill_fleet(
    tasks: int, workers: int, ttl_s: float, only: str, seed: int, as_json: Path | None, keep: bool
) -> None:
    """Kill, stop and roll workers of one fleet, restart its database; judged by what the fakes accepted."""
    from dnbot.lab.drills_fleet import FleetOptions, run_fleet_drill

    names = [name for name in only.split(",") if name]
    options = FleetOptions(tasks, workers, seed, ttl_s, names, as_json, keep)
    line = ProgressLine()
    sys.exit(trio.run(run_fleet_drill, options, line.beside(click.echo), line.tell))


@drill.command("container")
@click.option("--json", "as_json", type=click.Path(path_type=Path, dir_okay=False), help="Write the evidence here.")
@click.option("--base", type=click.Path(path_type=Path, dir_okay=False), help="A tar of the base: used, or made there.")
@click.option("--keep", is_flag=True, help="Keep the images and folders under the temporary folder.")
def drill_container(as_json: Path | None, base: Path | None, keep: bool) -> None:
    """Build the image, run it closed in with everything inside, kill and stop it; needs root, buildah and podman."""
    from dnbot.lab.drills_container import ContainerOptions, run_container_drill

    options = ContainerOptions(json=as_json, root_filesystem=base, keep=keep)
    sys.exit(trio.run(run_container_drill, options, click.echo))


@drill.command("crashes")
@click.option("--saga", "sagas", metavar="NAME", multiple=True, help="This saga alone; may be given more than once.")
@click.option("--manner", type=click.Choice(["power-cut", "kill", "both"]), default="both", show_default=True,
              help="A power cut loses bytes under way; of a killed process they arrive.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the schedule and the network.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Copies at the same time.")
@click.option("--at", type=click.IntRange(min=0), help="One step of one saga, without any copy of the process.")
@click.option("--json", "as_json", type=click.Path(path_type=Path, dir_okay=False), help="Write the evidence here.")
@click.option("--resume", is_flag=True, help="Go on where the --json file of the same code ends.")
def drill_crashes(
    sagas: tuple[str, ...], manner: str, seed: int, jobs: int, at: int | None, as_json: Path | None,
    resume: bool,
) -> None:
    """Crash a bot in memory at every await of a saga, restart it, and judge; hours for all."""
    from dnbot.lab.sweep import SweepOptions, run_sweep

    options = SweepOptions(sagas=sagas, manner=manner, seed=seed, at_once=jobs, at=at, json=as_json, resume=resume)
    sys.exit(run_sweep(options, click.echo))
