"""Make docs/evidence/fleet.json and the tables of docs/fleet.md, from a campaign of simulated fleets and from drills.

    ./dnbot simulate --fleet --seeds 1:310 --minutes 3.5 --json CAMPAIGN
    ./dnbot drill fleet --json DRILL
    python docs/evidence/make_fleet.py [--simulation CAMPAIGN] [--drills DRILL ...]

What is not given stays as it is kept. The JSON has what was asked for, the sums, a line per seed, and each drill's
stages with their verdicts; the files themselves are megabytes.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
KEPT = HERE / "fleet.json"
PAGE = HERE.parent / "fleet.md"
OF_A_CAMPAIGN = ("version", "python", "run_s", "faults", "summary")
OF_A_RUN = ("seed", "trace_hash", "tasks", "orders", "takeovers", "gap_s", "back_s", "cpu_s")
OF_A_DRILL = ("seed", "tasks", "workers", "ttl_s", "orders", "incarnations", "checks")
OF_A_STAGE = ("stage", "moved", "back_after_s", "naked_ms", "orders", "took_s", "checks")
DECIMALS = 3


def main() -> None:
    """Take evidence in, and renew the page from what is kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulation", type=Path)
    parser.add_argument("--drills", type=Path, nargs="+")
    options = parser.parse_args()
    evidence = kept() or {"simulation": None, "drills": []}
    if options.simulation is not None:
        evidence["simulation"] = campaign(json.loads(options.simulation.read_text(encoding="utf-8")))
    if options.drills is not None:
        evidence["drills"] = [drill(json.loads(path.read_text(encoding="utf-8"))) for path in options.drills]
    KEPT.write_text(json.dumps(evidence, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), evidence), encoding="utf-8")


def kept() -> dict[str, Any] | None:
    """The evidence; None until there is any."""
    return json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else None


def campaign(evidence: dict[str, Any]) -> dict[str, Any]:
    """Without what only a debugger needs; of what was broken, the words stay."""
    runs = [
        {name: run[name] for name in OF_A_RUN} | {"violations": [one["invariant"] for one in run["violations"]]}
        for run in evidence["runs"]
    ]
    return {name: evidence[name] for name in OF_A_CAMPAIGN} | {"runs": runs}


def drill(evidence: dict[str, Any]) -> dict[str, Any]:
    """Sizes and verdicts."""
    stages = [{name: stage[name] for name in OF_A_STAGE} for stage in evidence["stages"]]
    return {name: evidence[name] for name in OF_A_DRILL} | {"stages": stages}


def with_tables(text: str, evidence: dict[str, Any] | None) -> str:
    """The page with every block between `<!-- evidence: NAME -->` and `<!-- end -->` renewed."""
    found = evidence or {"simulation": None, "drills": []}
    blocks = {
        "simulated": simulated(found["simulation"]) if found["simulation"] else ["No campaign is kept yet."],
        "drilled": drilled(found["drills"]) if found["drills"] else ["No drill is kept yet."],
    }

    def block(match: re.Match[str]) -> str:
        return "\n".join([f"<!-- evidence: {match[1]} -->", *blocks[match[1]], "<!-- end -->"])

    return re.sub(r"<!-- evidence: (\w+) -->\n.*?<!-- end -->", block, text, flags=re.DOTALL)


def simulated(evidence: dict[str, Any]) -> list[str]:
    """What was run, and what came of it."""
    summary, seeds = evidence["summary"], sorted(run["seed"] for run in evidence["runs"])
    worst = {name: f"{value:.{DECIMALS}f} s (seed {seed})" for name, (value, seed) in summary["worst"].items()}
    rows = {
        "command": f"`dnbot simulate --fleet --seeds {seeds[0]}:{seeds[-1]} --minutes {evidence['run_s'] / 60:g} "
        f"--faults {evidence['faults']}`",
        "runs, and distinct traces": f"{summary['runs']}, {summary['distinct_hashes']}",
        "source": ", ".join(f"`{digest}`" for digest in summary["sources"]),
        "virtual hours, seconds of a core": f"{summary['virtual_s'] / 3600:.1f}, {summary['cpu_s']:,.0f}",
        "incarnations, on workers": f"{summary['incarnations']:,}, {summary['workers']:,}",
        "take-overs, fenced incarnations": f"{summary['takeovers']:,}, {summary['fenced']:,}",
        "failovers of the database, and commits they lost": f"{summary['failovers']:,}, {summary['commits_lost']:,}",
        "orders, fills": f"{summary['orders']:,}, {summary['fills']:,}",
        "checks": ", ".join(f"{name} {count:,}" for name, count in summary["checks"].items()),
        "struck": ", ".join(f"`{name}` {count}" for name, count in summary["struck"].items()),
        "longest unhedged from the last mishap on (bound: lease and 15 s)": worst["gap_clear_s"],
        "longest unhedged, mishaps in a row included": worst["gap_s"],
        "longest from the last mishap until all tasks were at work": worst["back_s"],
        "**broke an invariant**": _seeds(summary["failed"]),
        "too quiet to prove anything": _seeds(summary["idle"]),
    }
    return ["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows.items())]


def _seeds(seeds: list[int]) -> str:
    return ", ".join(map(str, seeds)) if seeds else "none"


def drilled(drills: list[dict[str, Any]]) -> list[str]:
    """A row per drill and stage."""
    lines = [
        "| drill | stage | tasks that lost their owner | longest without one | unhedged at most | orders | verdict |",
        f"|{' --- |' * 7}",
    ]
    for number, one in enumerate(drills, 1):
        size = f"{one['workers']} workers, {one['tasks']} tasks, lease {one['ttl_s']:g} s"
        sizes = f"{number}: seed {one['seed']}, {size}"
        for stage in one["stages"]:
            back = "-" if stage["back_after_s"] is None else f"{stage['back_after_s']:.1f} s"
            cells = (
                sizes, f"`{stage['stage']}`", str(stage["moved"]), back, f"{stage['naked_ms'] / 1000:.1f} s",
                f"{stage['orders']:,}", _verdict(stage["checks"]),
            )
            lines.append(f"| {' | '.join(cells)} |")
        whole = (sizes, "all", "", "", "", f"{one['orders']:,} of {one['incarnations']} incarnations")
        lines.append(f"| {' | '.join((*whole, _verdict(one['checks'])))} |")
    return lines


def _verdict(checks: dict[str, str]) -> str:
    failed = [name for name, text in checks.items() if text]
    return f"**{', '.join(failed)}**" if failed else f"all {len(checks)} hold"


if __name__ == "__main__":
    main()
