"""Many seeds, each in a process of its own; what they came to is kept as evidence that a later run can go on from."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import attrs
import msgspec

from dnbot import __version__
from dnbot.domain.errors import ConfigError
from dnbot.lab.processes import NoAnswer, clock_s, in_processes
from dnbot.lab.shrink import shrunk
from dnbot.lab.simulation import SOURCE_DIGITS, Run, simulate
from dnbot.lab.sometimes import never_hit
from dnbot.lab.source import source_digest
from dnbot.lab.swarm import draw, kinds_of
from dnbot.operate.progress import Tell, nothing, share_text
from dnbot.strategy.parameters import StrategyParameters

SECONDS_PER_VIRTUAL = 2.0
HANG_S_MIN = 120.0
SOMETIMES_SEEDS_MIN = 200
"""A campaign of the swarm over so many seeds has to have seen everything that can happen."""


@attrs.frozen
class Game:
    """What is played with each seed: how a schedule is drawn and run, and how its runs are told."""

    evidence: type[Any]
    """The file, with its `runs`."""
    run: type[Any]
    kinds_of: Callable[[str], Sequence[str]]
    draw: Callable[[int, str, float], Any]
    play: Callable[[Any, CampaignOptions], Any]
    lost: Callable[[int, str], Any]
    """A run whose process gave no answer: that is a failure."""
    line: Callable[[Any], str]
    summarised: Callable[[Sequence[Any], CampaignOptions], dict[str, Any]]
    """What the runs add up to; under `never` what did not happen and has to."""
    told: Callable[[dict[str, Any]], str]
    seconds_per_virtual: float
    """A process that needs more real seconds per virtual one than this hangs, and is ended."""
    source: Callable[[], str]
    """The first digits of the digest of what is played now, as each run names its own."""


@attrs.frozen
class CampaignOptions:
    """What to simulate. `faults` as on the command line, `keep` keys of the schedule (empty: all of it)."""

    seeds: tuple[int, ...]
    run_s: float
    params: StrategyParameters | None
    """None where each task has its own."""
    faults: str = "swarm"
    keep: tuple[str, ...] = ()
    jobs: int = 1
    within_s: float | None = None
    """No seed is begun after so many real seconds."""
    json: Path | None = None
    resume: bool = False
    shrink: bool = False
    command: str = "dnbot simulate"
    """How a user would type this for one seed, but for `--seeds`."""
    game: Game | None = None
    """None: one bot."""


class Asked(msgspec.Struct, kw_only=True):
    """What of a campaign's file is the same for every game: what was asked for, and what the runs add up to."""

    version: str
    python: str
    run_s: float
    faults: str
    params: dict[str, Any]
    summary: dict[str, Any] = {}
    shrunk: dict[str, list[str]] = {}
    """By seed: the keys of the schedule that are needed for the failure."""


class Evidence(Asked, kw_only=True):
    """The file of a campaign of one bot, with its runs by seed."""

    runs: list[Run] = []


def run_campaign(options: CampaignOptions, say: Callable[[str], None], tell: Tell = nothing) -> int:
    """Simulate, print a line per seed and the figures; 0 when nothing failed.

    Raises:
        ConfigError: options that cannot be, or a file of another campaign.
    """
    game = _game(options)
    game.kinds_of(options.faults)
    evidence = _begin(options)
    source = game.source()
    others = sum(run.source != source for run in evidence.runs)
    evidence.runs = [run for run in evidence.runs if not run.failed and run.source == source]
    done = {run.seed for run in evidence.runs}
    todo = [seed for seed in options.seeds if seed not in done]
    if others:
        say(f"{others} runs in {options.json} are of another source, and count no longer")
    if done:
        say(f"{len(done)} seeds have passed in {options.json} already")
    began_s = clock_s()
    tell(share_text(0, len(todo), "seeds", 0.0))
    for number, run in enumerate(_results(options, todo), 1):
        tell(share_text(number, len(todo), "seeds", clock_s() - began_s))
        evidence.runs.append(run)
        say(game.line(run))
        if run.violations:
            say(_failure(options, run))
        _write(options, evidence)
    tell("")
    failed = [run for run in evidence.runs if run.failed]
    if options.shrink:
        for run in failed:
            keys = shrunk(_schedule(options, run.seed), run, partial(_play, options))
            evidence.shrunk[str(run.seed)] = list(keys)
            say(f"seed {run.seed} needs: {options.command} --seeds {run.seed} --keep {','.join(keys) or 'nothing'}")
    evidence.summary = game.summarised(evidence.runs, options)
    _write(options, evidence)
    say(game.told(evidence.summary))
    never = evidence.summary["never"] if len(evidence.runs) >= SOMETIMES_SEEDS_MIN else []
    return 1 if failed or never else 0


def _schedule(options: CampaignOptions, seed: int) -> Any:
    schedule = _game(options).draw(seed, options.faults, options.run_s)
    if not options.keep:
        return schedule
    unknown = [key for key in options.keep if key not in schedule.keys]
    if unknown:
        raise ConfigError("--keep", unknown[0], f"not in the schedule of seed {seed}", ", ".join(schedule.keys))
    return schedule.only(options.keep)


# --- processes --------------------------------------------------------------------------------------------------------
def _results(options: CampaignOptions, seeds: Sequence[int]) -> Iterator[Any]:
    """Runs as they end, those of processes that told nothing included."""
    began_s, game = clock_s(), _game(options)
    works = ((seed, _schedule(options, seed)) for seed in seeds)
    ended = in_processes(
        works, lambda answer, work: _work(answer, work[1], options), at_once=options.jobs, hang_s=_hang_s(options),
        begins=lambda: options.within_s is None or clock_s() - began_s <= options.within_s,
    )
    for (seed, _), answer in ended:
        if isinstance(answer, NoAnswer):
            yield game.lost(seed, f"{answer}")
        else:
            yield msgspec.json.decode(answer, type=game.run)


def _work(answer: Connection, schedule: Any, options: CampaignOptions) -> None:
    answer.send_bytes(msgspec.json.encode(_play(options, schedule)))


def _play(options: CampaignOptions, schedule: Any) -> Any:
    return _game(options).play(schedule, options)


def bot_source() -> str:
    """The first digits of the digest of every module that a simulation of one bot can reach."""
    return source_digest().hex()[:SOURCE_DIGITS]


def lost(seed: int, why: str) -> Run:
    """A run whose process gave no answer: that is a failure."""
    return Run(
        seed=seed, source=bot_source(), trace_hash="", events=0, chunks=0, virtual_s=0.0,
        cpu_s=0.0, executions=0, fills=0, creates=0, lives=0, naked_seconds_worst=0.0, naked={},
        naked_notional_worst_quote="0", loss_worst_quote="0", idle="", struck={}, planned=0, by_fault={}, checks={},
        sometimes={}, frames_per_s={}, ended=why, violations=[{"invariant": "I17", "at_s": 0.0, "text": why}],
    )  # fmt: skip


def _hang_s(options: CampaignOptions) -> float:
    return max(HANG_S_MIN, options.run_s * _game(options).seconds_per_virtual)


# --- evidence ---------------------------------------------------------------------------------------------------------
def _begin(options: CampaignOptions) -> Any:
    wanted = _game(options).evidence(
        version=__version__, python=platform.python_version(), run_s=options.run_s, faults=options.faults,
        params=msgspec.to_builtins(options.params, str_keys=True) or {},
    )
    if not options.resume:
        return wanted
    if options.keep:
        raise ConfigError("--resume", "--keep", ",".join(options.keep), "whole schedules, as those in the file")
    if options.json is None:
        raise ConfigError("--resume", "--json", "missing", "the file to go on from")
    if not options.json.exists():
        return wanted
    try:
        found = msgspec.json.decode(options.json.read_bytes(), type=_game(options).evidence)
    except msgspec.MsgspecError as error:
        raise ConfigError(str(options.json), "file", str(error), "evidence of an earlier campaign") from None
    for name in ("version", "python", "run_s", "faults", "params"):
        if getattr(found, name) != getattr(wanted, name):
            raise ConfigError(str(options.json), name, getattr(found, name), f"{getattr(wanted, name)}, to go on")
    return found


def _write(options: CampaignOptions, evidence: Any) -> None:
    if options.json is None:
        return
    evidence.runs.sort(key=lambda run: run.seed)
    beside = options.json.with_name(options.json.name + ".new")
    beside.write_bytes(msgspec.json.encode(evidence))
    beside.replace(options.json)


def counts_of(runs: Sequence[Any]) -> dict[str, Any]:
    """What is counted of every game."""
    return {
        "runs": len(runs),
        "sources": dict(sorted(Counter(run.source for run in runs).items())),
        "failed": [run.seed for run in runs if run.violations],
        "idle": [run.seed for run in runs if run.idle],
        "distinct_hashes": len({run.trace_hash for run in runs}),
        "events": sum(run.events for run in runs),
        "virtual_s": round(sum(run.virtual_s for run in runs), 1),
        "cpu_s": round(sum(run.cpu_s for run in runs), 1),
    }


def summarised(runs: Sequence[Run], *, swarm: bool = True) -> dict[str, Any]:
    """What the runs add up to."""
    sometimes, checks, struck = Counter[str](), Counter[str](), Counter[str]()
    by_fault: dict[str, dict[str, Any]] = {}
    for run in runs:
        sometimes.update(run.sometimes)
        checks.update(run.checks)
        struck.update(run.struck)
        for name, cost in run.by_fault.items():
            worst = by_fault.setdefault(name, {"runs": 0})
            worst["runs"] += 1
            for figure, value in cost.items():
                if value >= worst.get(figure, (0.0, 0))[0]:
                    worst[figure] = (value, run.seed)
    counted = counts_of(runs)
    cpu_s, virtual_s = counted["cpu_s"], counted["virtual_s"]
    classes = sorted({name for run in runs for name in run.naked})
    return {
        **counted,
        "virtual_per_cpu": round(virtual_s / cpu_s, 1) if cpu_s else 0.0,
        "executions": sum(run.executions for run in runs),
        "fills": sum(run.fills for run in runs),
        "lives": sum(run.lives for run in runs),
        "naked_worst": {name: _worst(runs, name) for name in classes},
        "naked_notional_worst": max(((float(r.naked_notional_worst_quote), r.seed) for r in runs), default=(0.0, 0)),
        "loss_worst": max(((float(r.loss_worst_quote), r.seed) for r in runs), default=(0.0, 0)),
        "struck": dict(sorted(struck.items())),
        "checks": dict(sorted(checks.items())),
        "by_fault": dict(sorted(by_fault.items())),
        "sometimes": dict(sorted(sometimes.items())),
        "never": never_hit(sometimes) if swarm else [],
    }


def _worst(runs: Sequence[Run], name: str) -> tuple[float, int]:
    return max((run.naked.get(name, 0.0), run.seed) for run in runs)


def _line(run: Run) -> str:
    verdict = "idle" if run.idle else "ok"
    if run.violations:
        verdict = "FAILED " + " ".join(sorted({str(v["invariant"]) for v in run.violations}))
    naked = run.naked.get("definite", 0.0), run.naked.get("ambiguous", 0.0)
    return (
        f"seed {run.seed:>5}  {verdict:<12} {run.executions:>5} executions  {sum(run.struck.values()):>5} strikes of "
        f"{len(run.struck):>2} kinds  {run.lives} lives  naked {naked[0]:.3f} / {naked[1]:.3f} s  "
        f"loss {float(run.loss_worst_quote):.2f}  {run.trace_hash[:12]}  {run.cpu_s:.0f} s of CPU"
    )


def _failure(options: CampaignOptions, run: Any) -> str:
    lines = [f"    {v['at_s']:.6f} s  {v['invariant']}  {v['text']}" for v in run.violations[:5]]
    lines += ["    the newest events before the first:", *(f"      {event[:200]}" for event in run.last_events)]
    return "\n".join([*lines, f"    again: {options.command} --seeds {run.seed}"])


def told(summary: dict[str, Any]) -> str:
    """The figures for a person."""
    hours, checks = summary["virtual_s"] / 3600, summary["checks"]
    naked = (f"{name} {value:.3f} (seed {seed})" for name, (value, seed) in summary["naked_worst"].items())
    lines = [
        f"{summary['runs']} runs, {hours:.2f} virtual hours at {summary['virtual_per_cpu']} times real time",
        f"{summary['events']} events, {sum(checks.values())} checks of {len(checks)} invariants",
        f"distinct traces: {summary['distinct_hashes']}; of {len(summary['sources'])} states of the source",
        f"failed: {summary['failed'] or 'none'}; idle: {summary['idle'] or 'none'}",
        f"worst naked seconds: {', '.join(naked)}",
        f"worst loss: {summary['loss_worst'][0]:.2f} (seed {summary['loss_worst'][1]})",
    ]
    if summary["by_fault"]:
        lines.append(f"{'fault':<24} {'runs':>5}  worst naked s (seed)  naked notional (seed)   loss (seed)")
    for name, worst in summary["by_fault"].items():
        figures = (worst[figure] for figure in ("naked_s", "naked_notional", "loss"))
        shown = [f"{value:>12.3f} ({seed})" for value, seed in figures]
        lines.append(f"{name:<24} {worst['runs']:>5}  {'  '.join(shown)}")
    if summary["never"]:
        lines.append("never seen: " + ", ".join(summary["never"]))
    return "\n".join(lines)


def _play_bot(schedule: Any, options: CampaignOptions) -> Run:
    assert options.params is not None
    return simulate(schedule, options.params, options.run_s)


def _summarised_bot(runs: Sequence[Run], options: CampaignOptions) -> dict[str, Any]:
    return summarised(runs, swarm=options.faults == "swarm")


def _game(options: CampaignOptions) -> Game:
    return options.game or ONE_BOT


ONE_BOT = Game(
    Evidence, Run, kinds_of, draw, _play_bot, lost, _line, _summarised_bot, told, SECONDS_PER_VIRTUAL, bot_source
)
"""One bot on one account, restarted on the same machine."""
