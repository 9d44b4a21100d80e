"""`dnbot drill fleet`: workers of one fleet are killed, stopped, cut off and rolled, and judged by what is left.

Judged are the fakes' audits of every account and the rows of the database, never a worker's word.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import msgspec
import trio

from dnbot.domain.errors import ConfigError, OperatingError
from dnbot.domain.instrument import Venue
from dnbot.domain.units import plain
from dnbot.lab import drills_fleet_checks as checks
from dnbot.lab.drills import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_PASSED
from dnbot.lab.drills_fleet_checks import Event, Run, Strike
from dnbot.lab.drills_fleet_cost import processor_s
from dnbot.lab.drills_fleet_report import Evidence, FleetReport, StageResult, judge, table_of
from dnbot.lab.drills_fleet_stage import FleetStage, fleet_stage
from dnbot.lab.drills_fleet_strikes import STAGES, Striker, ended_politely
from dnbot.lab.drills_fleet_world import fleet_tasks
from dnbot.lab.drills_signals import until_interrupted
from dnbot.lab.ledger_check import position_residual, residuals
from dnbot.operate.progress import Tell, nothing
from dnbot.ports.postgres_tasks import PostgresTasks

TTL_S = 30.0
"""Two thirds of it less the margin, 11 s, are longer than the database is away for (see `DB_AWAY_S`) and starts in."""
START_S_MAX = 600.0
TRADES_S_MAX = 300.0
"""Once its inventory is all at one venue, a task waits until the market turns: for 148, 182 and 215 s at most in three
drills of thirty tasks. A bot that cannot trade stays idle, however long one waits."""
CALM_S = 10.0
LOOK_EVERY_S = 3.0
ORDERS_EACH, ORDERS_MOST = 7, 200
"""Orders that are wanted of each task, and of all at most."""
RUNS = """
select task_id, run_epoch, lease_epoch, worker_id, (extract(epoch from at) * 1000)::bigint as ms
from task_events where kind = 'run' order by id
"""
EVENTS = """
select task_id, kind, worker_id, text, (extract(epoch from at) * 1000)::bigint as ms from task_events order by id
"""


@attrs.frozen
class FleetOptions:
    """What the command line asks for."""

    tasks: int = 30
    workers: int = 3
    seed: int = 1
    ttl_s: float = TTL_S
    only: Sequence[str] = ()
    json: Path | None = None
    keep: bool = False


async def run_fleet_drill(options: FleetOptions, say: Callable[[str], None], tell: Tell = nothing) -> int:
    """Run the stages; 0 when everything passed, 1 when it did not, 130 after Ctrl-C or SIGTERM.

    Raises:
        ConfigError: a stage is unknown, or there are not so many markets.
    """
    if unknown := [name for name in options.only if name not in STAGES]:
        raise ConfigError("drill fleet", "--only", ", ".join(unknown), ", ".join(STAGES))
    report = FleetReport(seed=options.seed, tasks=options.tasks, workers=options.workers, ttl_s=options.ttl_s)

    async def drill() -> None:
        try:
            await _drill(options, report, say, tell)
        except (RuntimeError, OperatingError, ConfigError, trio.TooSlowError) as error:
            report.checks["drill"] = f"{type(error).__name__}: {error}"

    interrupted = await until_interrupted(drill)
    tell("")
    say(table_of(report))
    if options.json is not None:
        temporary = options.json.with_name(options.json.name + ".tmp")
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))
        temporary.replace(options.json)
    if interrupted:
        say(f"interrupted by {interrupted}")
        return EXIT_INTERRUPTED
    return EXIT_PASSED if report.passed and report.stages else EXIT_FAILED


async def _drill(options: FleetOptions, report: FleetReport, say: Callable[[str], None], tell: Tell) -> None:
    tasks = fleet_tasks(options.tasks, options.seed)
    stages = [name for name in STAGES if not options.only or name in options.only]
    tell("starting a database, fakes and workers")
    async with fleet_stage(tasks, options.workers, options.seed, options.ttl_s, keep=options.keep) as on:
        began_s, striker = trio.current_time(), Striker(on, random.Random(f"{options.seed}:fleet"))
        for worker in on.workers.values():
            worker.start()
        await on.wait(on.is_settled, START_S_MAX, "all tasks run, and shares are even")
        say(f"{options.tasks} tasks run on {options.workers} workers after {trio.current_time() - began_s:.1f} s")
        report.calm = await _calm(on)
        strikes: list[Strike] = []
        for name in stages:
            tell(name)
            strikes.append(await striker.strike(name))
            report.stages.append(StageResult(stage=name, checks={}, detail=striker.detail))
            say(f"{name} done")
        tell("every task trades")
        least = min(ORDERS_MOST, ORDERS_EACH * options.tasks)
        report.idle = await said(on, await until_all_trade(on, strikes[-1].began_ms))
        ended_ms = on.now_ms()
        codes = await ended_politely(on)
        strikes[-1] = attrs.evolve(strikes[-1], ended_ms=ended_ms)
        judge(report, await _gather(on), strikes, least)
        report.checks["ended"] = "" if set(codes.values()) == {0} else f"workers ended with {codes}"
        report.checks["released"] = await _still_held(on)


async def _gather(on: FleetStage) -> Evidence:
    """All workers have ended: nothing moves any more."""
    audits = {task.name: await on.controls.ask("audit", deadline_s=60.0, uid=task.uid) for task in on.tasks}
    residual: dict[str, dict[str, dict[str, str]]] = {}
    for task in on.tasks:
        left = residuals(audits[task.name], await on.store.ledger_totals(task.symbol))
        contracts = position_residual(audits[task.name], await on.store.fills_of(task.symbol), task.lot)
        left[Venue.GATE_FUTURES.value]["contracts"] = plain(contracts)
        residual[task.name] = left
    events = [
        Event(row["task_id"], row["kind"], row["ms"], row["worker_id"], row["text"]) for row in await on.read(EVENTS)
    ]
    lots = {task.name: (task.symbol.base, task.lot) for task in on.tasks}
    return Evidence(audits, await _runs(on), events, residual, lots)


async def until_all_trade(on: FleetStage, since_ms: int) -> list[str]:
    """Wait until each newest incarnation had an order accepted after that moment; the tasks that had none in time.

    One short question for all tasks: audits hold all that ever happened, and to read thirty of them every few seconds
    keeps the fakes from answering the bots.
    """
    idle = [task.name for task in on.tasks]
    with trio.move_on_after(TRADES_S_MAX):
        while idle:
            newest = (await on.controls.ask("newest"))["orders"]
            placed = [checks.accepted(task.name, newest[task.uid]) for task in on.tasks if task.uid in newest]
            idle = checks.idle_of((task.name for task in on.tasks), placed, await _runs(on), since_ms)
            if idle:
                await trio.sleep(LOOK_EVERY_S)
    return idle


async def said(on: FleetStage, tasks: Sequence[str]) -> dict[str, str]:
    """What these tasks' bots last said of themselves."""
    return {name: _words((await PostgresTasks(on.store).details(name)).context) for name in tasks}


def _words(context: Mapping[str, Any]) -> str:
    return " ".join(str(context[name]) for name in ("state", "mode", "mode_why") if context.get(name)) or "nothing"


async def _runs(on: FleetStage) -> list[Run]:
    return [
        Run(row["task_id"], row["run_epoch"], row["lease_epoch"], row["worker_id"], row["ms"])
        for row in await on.read(RUNS)
    ]


async def _calm(on: FleetStage) -> dict[str, float]:
    """What everything costs while nothing is struck."""
    pids = {name: worker.pid for name, worker in on.workers.items()} | {
        "fakes": on.fakes.pid, "database": on.server.pid,
    }
    before, began_s = {name: processor_s(pid) for name, pid in pids.items()}, trio.current_time()
    await trio.sleep(CALM_S)
    took_s = trio.current_time() - began_s
    share = {name: (processor_s(pid) - before[name]) / took_s for name, pid in pids.items()}
    share["workers"] = sum(share.pop(name) for name in on.workers)
    share["task"] = share["workers"] / len(on.tasks)
    return {name: round(value, 4) for name, value in share.items()}


async def _still_held(on: FleetStage) -> str:
    held = [task.task_id for task in (await on.picture()).tasks if task.holder is not None]
    return f"not released: {', '.join(held)}" if held else ""
