"""How much of a live run a backtest of its recording finds again: docs/evidence/recorded.json, and a table of it.

    python docs/evidence/make_recorded.py --seconds 300     live, record, play; then renew the table
    python docs/evidence/make_recorded.py --replay 7200     live, record, replay: docs/evidence/replayed.json
    python docs/evidence/make_recorded.py                   renew the tables of both pages alone

The live run is one in virtual time on the fake exchanges (`tests/kit/recorded_live.py`); 300 s take about a minute of a
core, and each latency model has a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
KEPT = HERE / "recorded.json"
PAGE = HERE.parent / "backtest.md"
REPLAYED = HERE / "replayed.json"
REPLAY_PAGE = HERE.parent / "replay.md"
MODELS = ("loopback", "regional")


def main() -> None:
    """Make what was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--replay", type=int, default=0, metavar="SECONDS")
    options = parser.parse_args()
    seconds = options.seconds
    if options.replay:
        told = {"command": f"python docs/evidence/make_recorded.py --replay {options.replay}",
                "python": platform.python_version(), **in_a_process("recorded_replayed.py", str(options.replay))}
        REPLAYED.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    if seconds:
        with ThreadPoolExecutor(len(MODELS)) as processes:
            runs = list(processes.map(compared, MODELS, repeat(seconds)))
        command = f"python docs/evidence/make_recorded.py --seconds {seconds}"
        told = {"command": command, "python": platform.python_version(), "seconds": seconds, "runs": runs}
        KEPT.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    evidence = json.loads(KEPT.read_text(encoding="utf-8"))
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), "recorded", table(evidence)), encoding="utf-8")
    lines = replay_table(json.loads(REPLAYED.read_text(encoding="utf-8")))
    REPLAY_PAGE.write_text(with_table(REPLAY_PAGE.read_text(encoding="utf-8"), "replayed", lines), encoding="utf-8")


def compared(name: str, seconds: int) -> dict[str, Any]:
    """One live run, the replay of its journal and the backtest of its recording."""
    return in_a_process("recorded_compared.py", name, str(seconds))


def in_a_process(script: str, *options: str) -> dict[str, Any]:
    """What a script of the tests' kit tells."""
    kit = ROOT / "tests" / "kit"
    words = [sys.executable, str(kit / script), *options]
    around = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{kit}"}
    found: dict[str, Any] = json.loads(subprocess.run(words, env=around, stdout=subprocess.PIPE, check=True).stdout)  # noqa: S603
    return found


def with_table(text: str, name: str, lines: list[str]) -> str:
    """The page with the block between `<!-- evidence: NAME -->` and `<!-- end -->` renewed."""
    begin = f"<!-- evidence: {name} -->"
    block = "\n".join([begin, *lines, "<!-- end -->"])
    return re.sub(rf"{begin}\n.*?<!-- end -->", lambda _: block, text, flags=re.DOTALL)


def replay_table(found: dict[str, Any]) -> list[str]:
    """What was lived, and what of it was the same again."""
    books = found["books"].items()
    rows = {
        "virtual seconds, executions": f"{found['seconds']}, {found['executions']}",
        "events, commands": f"{found['events']}, {found['commands']}",
        "whole contexts compared": f"{found['contexts']}",
        "identical": "yes" if found["identical"] else "NO",
        "books that the machine saw, in the recording, unlike": "; ".join(
            f"{venue} {seen}, {compared}, {unlike}" for venue, (seen, compared, unlike) in books
        ),
        "journal on the disk": f"{found['journal_bytes'] / 2**20:.1f} MiB",
        "real seconds: live with recorder and journal, replay": f"{found['live_took_s']}, {found['replay_took_s']}",
    }
    return ["| | |", "| --- | --- |", *(f"| {name} | {cell} |" for name, cell in rows.items()), "",
            f"`{found['command']}`."]


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
