"""Campaigns of a simulated fleet: what `lab.campaign` plays with each seed instead of one bot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from dnbot.lab.campaign import Asked, CampaignOptions, Game, counts_of
from dnbot.lab.fleet_run import FleetRun, fleet_source
from dnbot.lab.fleet_schedule import KINDS, draw_fleet, kinds_of
from dnbot.lab.fleet_simulation import simulate_fleet

SUMS = ("orders", "fills", "workers", "incarnations", "takeovers", "fenced", "failovers", "commits_lost")
SECONDS_PER_VIRTUAL = 8.0
WORST = ("gap_s", "gap_clear_s", "back_s")
DECIMALS = 3


class FleetEvidence(Asked, kw_only=True):
    """The file of a campaign of fleets, with its runs by seed; each task's settings follow from that."""

    runs: list[FleetRun] = msgspec.field(default_factory=list)


def lost_fleet(seed: int, why: str) -> FleetRun:
    """A run whose process gave no answer: that is a failure."""
    return FleetRun(
        seed=seed, source=fleet_source(), trace_hash="", events=0, virtual_s=0.0, cpu_s=0.0,
        tasks=0, ttl_s=0.0, orders=0, fills=0, workers=0, incarnations=0, takeovers=0, fenced=0, failovers=0,
        commits_lost=0, gap_s=0.0, gap_clear_s=0.0, back_s=0.0, idle="", struck={}, planned=0, checks={}, ended=why,
        violations=[{"invariant": "I17", "at_s": 0.0, "text": why}],
    )  # fmt: skip


def summarised_fleet(runs: Sequence[FleetRun], options: CampaignOptions) -> dict[str, Any]:
    """What the runs add up to. A campaign of the swarm has to have seen every kind of mishap."""
    struck, checks = Counter[str](), Counter[str]()
    for run in runs:
        struck.update(run.struck)
        checks.update(run.checks)
    return {
        **counts_of(runs),
        **{name: sum(getattr(run, name) for run in runs) for name in SUMS},
        "worst": {name: max(((getattr(run, name), run.seed) for run in runs), default=(0.0, 0)) for name in WORST},
        "struck": dict(sorted(struck.items())),
        "checks": dict(sorted(checks.items())),
        "never": [kind for kind in KINDS if not struck[kind]] if options.faults == "swarm" else [],
    }


def line_of(run: FleetRun) -> str:
    """One line for a person."""
    verdict = "idle" if run.idle else "ok"
    if run.violations:
        verdict = "FAILED " + " ".join(sorted({str(v["invariant"]) for v in run.violations}))
    return (
        f"seed {run.seed:>5}  {verdict:<12} {run.tasks} tasks  {run.orders:>5} orders  {run.incarnations:>3} "
        f"incarnations on {run.workers} workers  {run.takeovers} take-overs  {run.fenced} fenced  "
        f"{sum(run.struck.values()):>2} strikes of {len(run.struck):>2} kinds  gap {run.gap_s:.3f} s  "
        f"{run.trace_hash[:12]}  {run.cpu_s:.0f} s of CPU"
    )


def told_fleet(summary: dict[str, Any]) -> str:
    """The figures for a person."""
    worst = ", ".join(f"{name} {value:.{DECIMALS}f} (seed {seed})" for name, (value, seed) in summary["worst"].items())
    struck = ", ".join(f"{name} {count}" for name, count in summary["struck"].items())
    writers = (
        f"{summary['orders']} orders of {summary['incarnations']} incarnations on {summary['workers']} workers; "
        f"{summary['takeovers']} take-overs, {summary['fenced']} fenced, {summary['failovers']} failovers that lost "
        f"{summary['commits_lost']} commits"
    )
    lines = [
        f"{summary['runs']} runs, {summary['virtual_s'] / 3600:.2f} virtual hours in {summary['cpu_s']:.0f} s of CPU",
        writers,
        f"{sum(summary['checks'].values())} checks of {len(summary['checks'])} invariants",
        f"distinct traces: {summary['distinct_hashes']}; of {len(summary['sources'])} states of the source",
        f"failed: {summary['failed'] or 'none'}; idle: {summary['idle'] or 'none'}",
        f"worst: {worst}",
        f"struck: {struck or 'nothing'}",
    ]
    if summary["never"]:
        lines.append("never seen: " + ", ".join(summary["never"]))
    return "\n".join(lines)


def _play_fleet(schedule: Any, options: CampaignOptions) -> FleetRun:
    return simulate_fleet(schedule, options.run_s)


FLEET = Game(
    FleetEvidence, FleetRun, kinds_of, draw_fleet, _play_fleet, lost_fleet, line_of, summarised_fleet, told_fleet,
    SECONDS_PER_VIRTUAL, fleet_source,
)
"""Two workers that share a few tasks."""
