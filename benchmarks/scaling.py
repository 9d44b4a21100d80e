"""How many symbols a worker carries: the scale study, from one symbol to two hundred, and from one process to four.

    python benchmarks/scaling.py --json docs/evidence/scaling.json     # about ten minutes of a quiet machine
    python benchmarks/scaling.py --cases 1x1,1x5 --seconds 5           # that it runs
    python docs/evidence/make_scaling.py                               # the tables of docs/scaling.md

A case `PxN` is P workers with N tasks each, one symbol a task. Database and fakes are other processes of this machine
and take their share of it, which is told. Everything is bounded: a case whose tasks are not all running in time is
measured as it is, the study ends after `--minutes`, and each case is in the file as soon as it is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import trio
from scaling_apart import apart
from scaling_world import StudyWorld, rss_mb, study_world, waited_s
from suite.machine import machine

CASES = "1x1,1x10,1x50,1x100,2x50,1x200,4x50,3x50"
"""Those that matter most first: what is left when the time is over is not measured."""
SETTLE_S, SETTLE_S_MAX = 4.0, 40.0
CALM_PER_TASK = 0.5
"""Orders a second: bots that build their hedge send more."""
START_S, START_S_PER_TASK = 30.0, 0.5
TURNS, LAG = "dnbot_worker_feed_turn_seconds", "dnbot_worker_loop_lag_seconds"
ORDERS = "dnbot_worker_tick_to_order_seconds"
ROWS_SQL = "select relname as name, n_tup_ins as rows from pg_stat_user_tables"
BYTES_SQL = "select sum(pg_total_relation_size(relid))::bigint as bytes from pg_stat_user_tables"
WAL_SQL = "select (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint as bytes"
STATISTICS_S = 1.5  # a backend tells what it has inserted once a second at most

_A_DAY = re.compile(r"_\d{8}$")
"""At the end of a partition's name."""

Figures = Mapping[tuple[str, ...], float]


async def measure(processes: int, symbols: int, seconds: float) -> dict[str, Any]:
    """One case. A worker that ended is told in `problem`."""
    folder = Path(tempfile.mkdtemp(prefix="dnbot-scaling-"))
    start_s = START_S + START_S_PER_TASK * processes * symbols
    case: dict[str, Any] = {"processes": processes, "symbols": symbols}
    try:
        async with study_world(folder, processes, symbols, start_s + seconds + 60) as world:
            took_s = await world.until_running(processes * symbols, start_s)
            case["start_s"] = None if took_s is None else round(took_s, 1)
            case["calm"] = await _until_calm(world, processes * symbols)
            return case | await _window(world, seconds) | {"running": await world.running()}
    except RuntimeError as error:
        return case | {"problem": str(error)[:600]}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _until_calm(world: StudyWorld, tasks: int) -> bool:
    """Wait until the hedges are built, which takes dozens of orders each; False when that was not so in time."""
    with trio.move_on_after(SETTLE_S_MAX):
        while True:
            before = await world.orders()
            await trio.sleep(SETTLE_S)
            if await world.orders() - before <= CALM_PER_TASK * tasks * SETTLE_S:
                return True
    return False


async def _window(world: StudyWorld, seconds: float) -> dict[str, Any]:
    rows_before, bytes_before, wal_before = await _database(world)
    before, cpu_before = [worker.figures() for worker in world.workers], world.processor_s()
    waited_before = [waited_s(worker.pid) for worker in world.workers]
    began_s = trio.current_time()
    await trio.sleep(seconds)
    took_s = trio.current_time() - began_s
    cpu_after, after = world.processor_s(), [worker.figures() for worker in world.workers]
    waited = [waited_s(worker.pid) - past for worker, past in zip(world.workers, waited_before, strict=True)]
    rows_after, bytes_after, wal_after = await _database(world)
    cpu = {who: (used - cpu_before[who]) / took_s for who, used in cpu_after.items()}
    rows = {name: count - rows_before.get(name, 0) for name, count in rows_after.items()}
    pairs = list(zip(before, after, strict=True))
    return {
        "seconds": round(took_s, 1),
        "worker_cpu": [round(cpu[worker.name], 3) for worker in world.workers],
        "worker_waited": [round(each / took_s, 3) for each in waited],
        "worker_rss_mb": [round(rss_mb(worker.pid)) for worker in world.workers],
        "fakes_cpu": round(cpu["fakes"], 3), "database_cpu": round(cpu["database"], 3),
        "frames_per_s": round(sum(_grown(pair, "dnbot_worker_feed_frames_total") for pair in pairs) / took_s),
        "turn_s": _quantiles(pairs, TURNS), "loop_lag_s": _quantiles(pairs, LAG),
        "tick_to_order_s": _quantiles(pairs, ORDERS),
        "quietest_wait_s": max(_of(figures, "dnbot_worker_feed_quietest_wait_seconds", max) for figures in after),
        "unheard": int(sum(_of(figures, "dnbot_worker_feed_unheard_markets", sum) for figures in after)),
        "connections": int(sum(_of(figures, "dnbot_worker_feed_connections", sum) for figures in after)),
        "connections_lost": int(sum(_grown(pair, "dnbot_worker_feed_connections_lost_total") for pair in pairs)),
        "stalls": int(sum(_grown(pair, "dnbot_worker_feed_stalls_total") for pair in pairs)),
        "public_requests_per_s": round(
            sum(_grown(pair, "dnbot_worker_feed_requests_total") for pair in pairs) / took_s, 2
        ),
        "rows_per_s": round(sum(rows.values()) / took_s, 1),
        "rows_by_table": dict(sorted(rows.items(), key=lambda item: -item[1])[:6]),
        "orders_per_s": round(rows.get("order_intents", 0) / took_s, 2),
        "bytes_per_s": round((bytes_after - bytes_before) / took_s), "wal_bytes_per_s": round(
            (wal_after - wal_before) / took_s
        ),
    }


async def _database(world: StudyWorld) -> tuple[dict[str, int], int, int]:
    await trio.sleep(STATISTICS_S)
    rows = await world.store.read(ROWS_SQL)
    (size,), (wal,) = await world.store.read(BYTES_SQL), await world.store.read(WAL_SQL)
    found: Counter[str] = Counter()
    for row in rows:
        found[_A_DAY.sub("", row["name"])] += row["rows"]
    return dict(found), size["bytes"], wal["bytes"]


def _of(figures: Figures, name: str, together: Any) -> float:
    found = [value for key, value in figures.items() if key[0] == name]
    return float(together(found)) if found else 0.0


def _grown(pair: tuple[Figures, Figures], name: str) -> float:
    before, after = pair
    return _of(after, name, sum) - _of(before, name, sum)


def _quantiles(pairs: Iterable[tuple[Figures, Figures]], name: str) -> dict[str, float]:
    """Upper bounds of the buckets that hold them, of what all workers observed meanwhile; seconds."""
    counts: dict[float, float] = {}
    for before, after in pairs:
        for key, value in after.items():
            if key[0] == f"{name}_bucket":
                bound = float(key[-1])
                counts[bound] = counts.get(bound, 0) + value - before.get(key, 0)
    whole = counts.get(float("inf"), 0)
    found = {"count": whole}
    for label, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999)):
        reached = [bound for bound in sorted(counts) if counts[bound] >= whole * share]
        found[label] = reached[0] if whole and reached[0] != float("inf") else -1.0
    return found


async def study(options: argparse.Namespace) -> dict[str, Any]:
    """All cases, as far as the time allows."""
    found: dict[str, Any] = {
        "machine": machine(), "cores": len(os.sched_getaffinity(0)), "command": options.command, "apart": apart(),
        "cases": [],
    }
    began_s = time.monotonic()
    with trio.move_on_after(options.minutes * 60):
        for words in options.cases.split(","):
            processes, symbols = map(int, words.split("x"))
            case = await measure(processes, symbols, options.seconds)
            found["cases"].append(case)
            print(json.dumps(case), flush=True)
            found["took_s"] = round(time.monotonic() - began_s)
            _keep(options.json, found)
    return found


def _keep(path: Path | None, found: dict[str, Any]) -> None:
    if path is not None:
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Print a line per case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default=CASES, help="PxN,... (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=15.0, help="measured of each case")
    parser.add_argument("--minutes", type=float, default=12.0, help="of all; what is left then is not measured")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.command = f"python benchmarks/scaling.py --cases {options.cases} --seconds {options.seconds:g}"
    trio.run(study, options)


if __name__ == "__main__":
    main()
