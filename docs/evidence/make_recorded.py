"""How much of a live run a backtest of its recording finds again: docs/evidence/recorded.json, and a table of it.

    python docs/evidence/make_recorded.py --seconds 300     live, record, play; then renew the table
    python docs/evidence/make_recorded.py                   renew the table of docs/backtest.md alone

The live run is one in virtual time on the fake exchanges (`tests/kit/recorded_live.py`); 300 s of both latency models
take about two minutes of one core.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
KEPT = HERE / "recorded.json"
PAGE = HERE.parent / "backtest.md"
MODELS = ("loopback", "regional")


def main() -> None:
    """Make what was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=0)
    seconds = parser.parse_args().seconds
    if seconds:
        runs = [compared(model, seconds) for model in MODELS]
        command = f"python docs/evidence/make_recorded.py --seconds {seconds}"
        told = {"command": command, "python": platform.python_version(), "seconds": seconds, "runs": runs}
        KEPT.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    evidence = json.loads(KEPT.read_text(encoding="utf-8"))
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), evidence), encoding="utf-8")


def compared(name: str, seconds: int) -> dict[str, Any]:
    """One live run and the backtest of its recording, in a process of its own."""
    kit = ROOT / "tests" / "kit"
    words = [sys.executable, str(kit / "recorded_compared.py"), name, str(seconds)]
    around = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{kit}"}
    found: dict[str, Any] = json.loads(subprocess.run(words, env=around, stdout=subprocess.PIPE, check=True).stdout)  # noqa: S603
    return found


def with_table(text: str, evidence: dict[str, Any]) -> str:
    """The page with the block between `<!-- evidence: recorded -->` and `<!-- end -->` renewed."""
    block = "\n".join(["<!-- evidence: recorded -->", *table(evidence), "<!-- end -->"])
    return re.sub(r"<!-- evidence: recorded -->\n.*?<!-- end -->", lambda _: block, text, flags=re.DOTALL)


def table(evidence: dict[str, Any]) -> list[str]:
    """A column per latency model; pairs are of the live run and of the backtest."""
    runs = evidence["runs"]
    rows = {
        "opportunities seen": [_pair(run["opportunities"]) for run in runs],
        "executions": [_pair(run["executions"]) for run in runs],
        "of the live ones, found again": [f"{run['found_again']} ({_share(run)})" for run in runs],
        "gross edge of those, how far apart: median, 90 %": [
            "{median}, {p90} bps".format(**run["edges_off_bps"]) for run in runs
        ],
        "net of all executions, quote": [_pair(run["net_quote"]) for run in runs],
        "speed, times real time": [f"{run['times_real_time']}" for run in runs],
    }
    head = ["", *(f"`{run['latency']}`" for run in runs)]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    lines += [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()]
    return [*lines, "", f"`{evidence['command']}`, {evidence['seconds']} s each; live, then backtest."]


def _pair(two: list[object]) -> str:
    return f"{two[0]}, {two[1]}"


def _share(run: dict[str, Any]) -> str:
    return f"{100 * run['found_again'] // run['executions'][0]} %"


if __name__ == "__main__":
    main()
