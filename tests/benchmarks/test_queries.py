"""Questions to big tables: none of the product's is left out, and a plan that reads all of one is found out."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from postgres_here import why_not
from suite import big_tables, queries
from suite.database import database, with_asyncpg
from suite.questions import BUCKET_S, NAMED, QUESTIONS, tables_in

from dnbot.operate import report_queries
from dnbot.ports import postgres_queries
from dnbot.research.analysis import queries as analysis_queries

ROWS = 8_000


def test_every_question_to_a_named_table_is_asked() -> None:
    """What the store and the report read of them, with each table; a new one has to be added; parts of them aside."""
    asked = {question.sql for question in QUESTIONS}
    known = {
        name: value for module in (postgres_queries, report_queries, analysis_queries)
        for name, value in vars(module).items()
        if name.isupper() and name[0] != "_" and isinstance(value, str) and tables_in(value)
    }
    assert len(known) > 10
    assert [name for name, sql in known.items() if sql not in asked] == []
    exported = [name for name, (_, rest) in report_queries.CSV_TABLES.items() if tables_in(rest)]
    assert {f"{name}.csv" for name in exported} <= {question.name for question in QUESTIONS}
    assert {question.table for question in QUESTIONS} == set(NAMED)


def test_periods_are_drawn_inside_what_is_kept() -> None:
    """Of every symbol, and the charts' buckets with them."""
    rng = Random(1)
    for question in QUESTIONS:
        drawn = [question.drawn(rng) for _ in range(50)]
        assert {arguments[0] for arguments in drawn} == set(big_tables.SYMBOLS)
        moments = [one for arguments in drawn for one in arguments if isinstance(one, datetime)]
        assert all(big_tables.UNTIL - big_tables.SAMPLED <= moment <= big_tables.UNTIL for moment in moments)
    assert BUCKET_S > 0


def test_a_plan_tells_what_it_reads_from_end_to_end() -> None:
    """However deep that is; a look into an index is none."""
    plan: dict[str, Any] = {"Node Type": "Limit", "Plans": [
        {"Node Type": "Index Scan", "Relation Name": "fills"},
        {"Node Type": "Append", "Plans": [{"Node Type": "Seq Scan", "Relation Name": "position_snapshots_20260101"}]},
    ]}
    assert list(queries.scanned(plan)) == ["position_snapshots_20260101"]


def test_a_disk_that_is_too_small_is_not_filled(tmp_path: Path) -> None:
    """Said before, with both figures."""
    free = shutil.disk_usage(tmp_path).free
    big_tables.room_for(1, tmp_path)
    with pytest.raises(OSError, match=r"rows need up to [\d.]+ GB"):
        big_tables.room_for(free // big_tables.BYTES_A_ROW, tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(bool(why_not()), reason=f"no user namespaces: {why_not()}")
def test_a_missing_index_is_found_out() -> None:
    """With the schema as it is nothing is read whole; without an index the questions that need it are named."""
    async def found(connection: Any, *_: object) -> list[dict[str, str]]:
        await big_tables.fill(connection, ROWS)
        whole = [await queries.read_whole(connection)]
        await connection.execute("drop index trade_executions_ended")
        return [*whole, await queries.read_whole(connection)]

    with database() as started:
        sound, without = with_asyncpg(started.dsn, found)
    assert sound == {}
    names = ("EXTENT", "EXECUTIONS", "NAKED", "executions.csv", "PAIR_TIMES")
    assert without == dict.fromkeys(names, "trade_executions")
