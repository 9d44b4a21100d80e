"""What questions to the five named tables take when these are big, and whether one of them is read from end to end.

Each is asked as the bot asks it (its store, a transaction that cannot write), about ten minutes at a random moment. The
plan is that of a statement which has been prepared and used, which is what the store's connections do.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec

from suite import big_tables
from suite.database import database, with_asyncpg, with_store
from suite.figures import Figures, quantile
from suite.measuring import Effort
from suite.questions import DAY, NAMED, PERIOD, QUESTIONS, Question
from suite.target import Target

if TYPE_CHECKING:
    import asyncpg

    from dnbot.ports.postgres import PostgresStore

ROWS, ROWS_OF_TRIAL = 10_000_000, 100_000
CALLS, CALLS_OF_A_DAY = 200, 5
"""A round, per question."""
LIMIT_MS = 5.0
WHOLE_ROWS_MIN = 2_000
"""A relation of fewer rows may be read whole: an index would be slower."""
USES = 6
"""After so many a prepared statement has the plan that it keeps."""

Plan = Mapping[str, Any]


def measure(effort: Effort) -> list[Target]:
    """A target per table: the slowest of its questions; and one for the plans."""
    rows = effort.size("rows", full=ROWS, trial=ROWS_OF_TRIAL)
    big_tables.room_for(rows, Path(tempfile.gettempdir()))
    with database() as found:
        size = with_asyncpg(found.dsn, lambda connection, *_: _filled(connection, rows))
        whole = with_asyncpg(found.dsn, lambda connection, *_: read_whole(connection))
        times = with_store(found.dsn, lambda store, _: _asked(store, effort))
    effort.kept.keep("queries", {"rows": rows, "bytes": size["bytes"], "ms": times})
    by_table = {table: [q.name for q in QUESTIONS if q.table == table] for table in NAMED}
    return [
        *(_target(table, names, times) for table, names in by_table.items()),
        Target(
            "queries that read a big table from end to end", "plans", len(whole), limit=0,
            detail=f"{rows:,} rows in each of {', '.join(big_tables.BIG)}; {size['bytes'] / 1e9:.1f} GB"
            + "".join(f"; {name} reads all of {relation}" for name, relation in whole.items()),
        ),
    ]


def _target(table: str, names: list[str], times: Mapping[str, float]) -> Target:
    each = "; ".join(
        f"{name} {times[f'{name} p50']:.2f} / {times[f'{name} p99']:.2f}"
        + (f", a day {times[f'{name} day']:.0f}" if f"{name} day" in times else "") for name in names
    )
    return Target(
        f"queries of {table}, slowest p99", "ms", max(times[f"{name} p99"] for name in names), limit=LIMIT_MS,
        detail=f"p50 / p99 in ms, of {PERIOD.seconds // 60} minutes: {each}",
    )


async def _filled(connection: asyncpg.Connection[asyncpg.Record], rows: int) -> Figures:
    await big_tables.fill(connection, rows)
    await connection.execute("checkpoint")  # what was written is not on its way to the disk while questions are asked
    return {"bytes": await connection.fetchval("select pg_database_size(current_database())")}


async def _asked(store: PostgresStore, effort: Effort) -> Figures:
    """`NAME p50` and `NAME p99` in ms over all rounds, and `NAME day`, the median of a day's period."""
    rng, samples, days = Random(1), _empty(), _empty()
    for question in QUESTIONS:
        for _ in range(USES):
            await store.read(question.sql, *question.drawn(rng))
    for _ in range(effort.rounds):
        for question in QUESTIONS:
            for _ in range(effort.times(CALLS)):
                samples[question.name].append(await _timed_ms(store, question, rng, PERIOD))
            for _ in range(effort.times(CALLS_OF_A_DAY) if question.period else 0):
                days[question.name].append(await _timed_ms(store, question, rng, DAY))
    return {
        **{f"{name} {label}": quantile(found, share) for name, found in samples.items() for label, share in _SHARES},
        **{f"{name} day": quantile(found, 0.5) for name, found in days.items() if found},
    }


_SHARES = (("p50", 0.5), ("p99", 0.99))


def _empty() -> dict[str, list[float]]:
    return {question.name: [] for question in QUESTIONS}


async def _timed_ms(store: PostgresStore, question: Question, rng: Random, length: timedelta) -> float:
    arguments = question.drawn(rng, length)
    began_ns = time.perf_counter_ns()
    await store.read(question.sql, *arguments)
    return (time.perf_counter_ns() - began_ns) / 1e6


# --- plans


async def read_whole(connection: asyncpg.Connection[asyncpg.Record]) -> dict[str, str]:
    """By question: a relation of `WHOLE_ROWS_MIN` rows or more that its plan reads from end to end."""
    rows = {row["oid"]: row["rows"] for row in await connection.fetch(
        "select oid::regclass::text as oid, reltuples as rows from pg_class where relkind in ('r', 'm')"
    )}  # fmt: skip
    found = {}
    for question in QUESTIONS:
        plan = await _plan(connection, question)
        large = [name for name in scanned(plan) if rows.get(name, 0.0) >= WHOLE_ROWS_MIN]
        if large:
            found[question.name] = large[0]
    return found


async def _plan(connection: asyncpg.Connection[asyncpg.Record], question: Question) -> Plan:
    rng = Random(2)
    await connection.execute(f"prepare question as {question.sql}")
    try:
        for _ in range(USES):
            await connection.execute(f"execute question{_literals(question, rng)}")
        told = await connection.fetchval(f"explain (format json) execute question{_literals(question, rng)}")
    finally:
        await connection.execute("deallocate question")
    plan: Plan = msgspec.json.decode(told)[0]["Plan"]
    return plan


def _literals(question: Question, rng: Random) -> str:
    return "(" + ", ".join(f"'{_literal(value)}'" for value in question.drawn(rng)) + ")"


def _literal(value: object) -> str:
    if isinstance(value, list):
        return "{" + ",".join(map(_literal, value)) + "}"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def scanned(plan: Plan) -> Iterator[str]:
    """Relations that a plan reads from end to end."""
    if plan["Node Type"] == "Seq Scan":
        yield plan["Relation Name"]
    for part in plan.get("Plans", ()):
        yield from scanned(part)
