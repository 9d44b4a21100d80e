"""Target 14, second half: how soon a bot that is started sees the market, the fakes and the database already running.

A fresh process each time, from before it is made until the machine has the books of all three venues; imports,
settings, TLS and the migration check included. Its imports alone stand beside those of a ccxt.pro bot, in fresh
processes too. The files have been read before: from a cold disk all of it takes longer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs

from suite.children import BENCH
from suite.database import database
from suite.figures import Figures
from suite.measuring import Effort, interleaved
from suite.profiles import FUNCTIONS_SHOWN
from suite.scripted_fakes import scripted_fakes
from suite.strokes import Market
from suite.target import Target

START_S_MAX = 1.5
PROCESS_S_MAX = 120.0
STAMP = "import time; print(time.perf_counter_ns())"
PACKAGES = (
    "asyncpg", "attrs", "click", "google.protobuf.message_factory", "h11", "httpcore", "msgspec",
    "starlette.applications", "trio", "trio_asyncio", "trio_websocket",
)
"""What other people wrote of it."""
THEIRS = f"import {', '.join(PACKAGES)}; {STAMP}"
OURS, PEER = f"from suite.first_quote import import_all; import_all(); {STAMP}", f"import asyncio, ccxt.pro; {STAMP}"
QUOTE = "from suite.first_quote import main; main()"


def measure(effort: Effort) -> list[Target]:
    """Starts and imports in turn."""
    with TemporaryDirectory() as folder, database() as found, scripted_fakes(Path(folder)) as address:
        Market.at(address).keep_talking()
        for code in (OURS, PEER, THEIRS):  # the first in a fresh checkout compiles
            _imported(code)
        rounds = interleaved(
            effort.rounds,
            {
                "start": partial(_started, address, found.dsn, folder),
                "import": partial(_imported, OURS),
                "ccxt": partial(_imported, PEER),
                "theirs": partial(_imported, THEIRS),
            },
        )
    steps = ", ".join(f"{name} {rounds.median('start', name):.2f}" for name in ("imports", "bot", "quote"))
    found = [
        Target(
            "14 start to the first quote of all three venues", "s", rounds.median("start", "quote"), limit=START_S_MAX,
            detail=f"rounds {rounds.spread('start', 'quote')}; s since the process was made, p50: {steps}",
        ),
        Target(
            "14 import of all that `dnbot run` imports", "s", rounds.median("import", "s"), limit=START_S_MAX,
            beside="import asyncio, ccxt.pro", comparison=rounds.median("ccxt", "s"),
            floor=rounds.median("theirs", "s"), floor_of="Python and the packages of other people in it",
            detail=f"rounds {rounds.spread('import', 's')}, of the other {rounds.spread('ccxt', 's')}",
        ),
    ]
    if all(target.met for target in found):
        return found
    slowest = slowest_imports(_run(OURS, options=("-X", "importtime")).stderr)
    return [target if target.met else attrs.evolve(target, profile=slowest) for target in found]


def slowest_imports(told: str) -> tuple[str, ...]:
    """The modules that took longest by themselves, of what `-X importtime` says."""
    rows = [row.split("|") for row in told.splitlines() if row.startswith("import time:") and "self [us]" not in row]
    took = sorted(((int(row[0].rpartition(":")[2]), row[2].strip()) for row in rows), reverse=True)
    return tuple(f"{us / 1000:8.1f} ms {name}" for us, name in took[:FUNCTIONS_SHOWN])


def _imported(code: str) -> Figures:
    began_ns = time.perf_counter_ns()
    return {"s": (int(_said(code)) - began_ns) / 1e9}


def _started(address: Mapping[str, Any], dsn: str, folder: str) -> Figures:
    asked = json.dumps({"address": dict(address), "dsn": dsn, "home": f"{folder}/home"})
    began_ns = time.perf_counter_ns()  # the clock of all processes of this machine
    stamps: dict[str, int] = json.loads(_said(QUOTE, asked))
    return {name: (at_ns - began_ns) / 1e9 for name, at_ns in stamps.items()}


def _said(code: str, *arguments: str) -> str:
    """The last line that a new process prints."""
    return _run(code, *arguments).stdout.splitlines()[-1]


def _run(code: str, *arguments: str, options: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    paths = [str(BENCH.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(  # noqa: S603 (this suite's own code)
        [sys.executable, "-P", *options, "-c", code, *arguments], capture_output=True, text=True,
        timeout=PROCESS_S_MAX, check=False, env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{code}: {(done.stderr.strip().splitlines() or ['no word'])[-1]}")
    return done
