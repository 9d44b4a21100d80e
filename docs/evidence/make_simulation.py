"""Make docs/evidence/simulation.json and .svg, and the tables of docs/simulation.md, from the evidence of a campaign.

    ./dnbot simulate --seeds 1:600 --minutes 10 --json FILE --resume
    python docs/evidence/make_simulation.py FILE

The JSON keeps what was asked for, the sums, and a line per seed; FILE itself is a few megabytes.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
KEPT = HERE / "simulation.json"
PICTURE = HERE / "simulation.svg"
PAGE = HERE.parent / "simulation.md"
OF_A_RUN = ("seed", "trace_hash", "executions", "lives", "naked", "loss_worst_quote", "cpu_s")
WIDTH, ROW, LEFT, RIGHT = 1000, 17, 230, 90


def main() -> None:
    """Take the evidence in, or (without a file) renew page and picture from what is kept."""
    if len(sys.argv) > 1:
        evidence = kept(json.loads(Path(sys.argv[1]).read_text()))
        KEPT.write_text(json.dumps(evidence, indent=1) + "\n")
    evidence = json.loads(KEPT.read_text())
    PICTURE.write_text(picture(evidence["summary"]["by_fault"]))
    PAGE.write_text(with_tables(PAGE.read_text(), evidence))


def kept(evidence: dict[str, Any]) -> dict[str, Any]:
    """Without what only a debugger needs."""
    runs = [{name: run[name] for name in OF_A_RUN} for run in evidence["runs"]]
    return {name: value for name, value in evidence.items() if name != "runs"} | {"runs": runs}


def with_tables(text: str, evidence: dict[str, Any]) -> str:
    """The page with every block between `<!-- evidence: NAME -->` and `<!-- end -->` renewed."""
    summary = evidence["summary"]
    blocks = {"figures": figures(evidence), "faults": faults(summary["by_fault"]), "sometimes": sometimes(summary)}

    def block(found: re.Match[str]) -> str:
        return "\n".join([f"<!-- evidence: {found[1]} -->", *blocks[found[1]], "<!-- end -->"])

    return re.sub(r"<!-- evidence: (\w+) -->\n.*?<!-- end -->", block, text, flags=re.DOTALL)


def figures(evidence: dict[str, Any]) -> list[str]:
    """What was run, and what came of it."""
    summary, seeds = evidence["summary"], [run["seed"] for run in evidence["runs"]]
    naked = summary["naked_worst"]
    rows = {
        "command": f"`dnbot simulate --seeds {ranges(seeds)} --minutes {evidence['run_s'] / 60:g} "
        f"--faults {evidence['faults']}`",
        "runs": summary["runs"],
        "of which source": ", ".join(f"`{digest}`: {runs}" for digest, runs in summary["sources"].items()),
        "runs that broke an invariant": seeds_of(summary["failed"]),
        "runs in which too little happened": seeds_of(summary["idle"]),
        "distinct traces": summary["distinct_hashes"],
        "virtual hours": f"{summary['virtual_s'] / 3600:.1f}",
        "virtual time per time of one core": f"{summary['virtual_per_cpu']:g}",
        "events at the ports": summary["events"],
        "lives of the bot": summary["lives"],
        "executions, fills": f"{summary['executions']}, {summary['fills']}",
        "strikes of faults and mishaps": sum(summary["struck"].values()),
        "evaluations of invariants": sum(summary["checks"].values()),
        **{f"worst naked time, {name}": f"{value:.3f} s (seed {seed})" for name, (value, seed) in naked.items()},
        "worst naked notional": "{:.2f} quote (seed {})".format(*summary["naked_notional_worst"]),
        "worst fall of the equity": "{:.2f} quote (seed {})".format(*summary["loss_worst"]),
    }
    return ["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows.items())]


def seeds_of(seeds: list[int]) -> str:
    """How many, and which."""
    return f"{len(seeds)}" + (f" (seeds {', '.join(map(str, seeds))})" if seeds else "")


def ranges(seeds: list[int]) -> str:
    """Seeds as the command takes them."""
    found: list[list[int]] = []
    for seed in sorted(seeds):
        if found and seed == found[-1][-1] + 1:
            found[-1].append(seed)
        else:
            found.append([seed])
    return ",".join(f"{run[0]}:{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in found)


def faults(by_fault: dict[str, Any]) -> list[str]:
    """A row per kind: in how many runs it struck, and the worst that it touched, with the seed that shows it."""
    found = ["| fault | runs | naked s | naked quote | loss quote |", "| --- | --- | --- | --- | --- |"]
    for name, worst in by_fault.items():
        cells = [f"{value:.2f} ({seed})" for value, seed in (worst["naked_notional"], worst["loss"])]
        seconds = "{:.3f} ({})".format(*worst["naked_s"])
        found.append(f"| {name} | {worst['runs']} | {seconds} | {' | '.join(cells)} |")
    return found


def sometimes(summary: dict[str, Any]) -> list[str]:
    """What happened how often, faults aside."""
    rows = [f"| {name} | {count} |" for name, count in summary["sometimes"].items() if not name.startswith("fault ")]
    return ["| what | times |", "| --- | --- |", *rows]


def picture(by_fault: dict[str, Any]) -> str:
    """A bar per kind: the worst naked seconds that it touched."""
    rows = sorted(by_fault.items(), key=lambda row: -row[1]["naked_s"][0])
    most = max((worst["naked_s"][0] for _, worst in rows), default=1.0) or 1.0
    height = ROW * len(rows) + 40
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif"',
        'font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="18" font-weight="bold">Worst naked time while a fault was at work, seconds</text>',
    ]
    for number, (name, worst) in enumerate(rows):
        at, width = 30 + ROW * number, (WIDTH - LEFT - RIGHT) * worst["naked_s"][0] / most
        lines += [
            f'<text x="{LEFT - 8}" y="{at + 12}" text-anchor="end">{name}</text>',
            f'<rect x="{LEFT}" y="{at + 2}" width="{max(width, 1):.1f}" height="{ROW - 5}" fill="#4477aa"/>',
            f'<text x="{LEFT + width + 6:.1f}" y="{at + 12}">{worst["naked_s"][0]:.3f}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    main()
