"""What the fleet's page reads of a real database, and that its questions and those of workers walk an index."""

from __future__ import annotations

from typing import Any

import pytest

from dnbot.domain.instrument import Symbol
from dnbot.fleet.life import TaskState
from dnbot.fleet.words import Change, Granted, NewTask, Worker
from dnbot.operate.fleet_readings import EVENTS_SHOWN, FAILED_TODAY, NEWEST, PROFIT, DatabaseFleet
from dnbot.ports.postgres import open_postgres_store
from dnbot.ports.postgres_tasks import FAILED, HISTORY, PRUNE_EVENTS, PRUNE_WORKERS, PostgresTasks
from dnbot.ports.tasks import FAILURES

pytestmark = pytest.mark.slow

SAMPLE = """
insert into position_snapshots (symbol, at, epoch, spot_base, perp_base, delta_base, realised_quote, equity_quote)
values ('BTC/USDT', now() - {} * interval '1 hour', 1, 1, -1, 0, {}, 1)
"""
MANY = """
insert into task_events (task_id, symbol, kind, at)
select 'task-' || n % 1000, 'BTC/USDT', case when n % 9 = 0 then 'failure' else 'run' end,
    now() - n * interval '1 minute'
from generate_series(1, 20000) as n
"""
GONE = """
insert into workers (worker_id, name, version, capacity, ended_at, seen_at)
select 'w' || n, 'host', '1', 1, now() - n * interval '30 minutes', now() from generate_series(1, 5000) as n
"""
SAMPLES = """
insert into position_snapshots (symbol, at, epoch, spot_base, perp_base, delta_base, realised_quote, equity_quote)
select 'BTC/USDT', now() - n * interval '2 seconds', 1, 1, -1, 0, n, 1 from generate_series(1, 20000) as n
"""


async def filled(tasks: PostgresTasks) -> None:
    """Two workers, a task of each that has traded, and one that nobody has begun."""
    for name in ("one", "two"):
        await tasks.register(Worker(worker_id=name, name=name, capacity=4, version="1"))
    for name in ("btc", "eth", "sol"):
        new = NewTask(task_id=name, symbol=Symbol(name.upper(), "USDT"), settings="", accounts=(name,))
        await tasks.add(new, who="anna")
    for name, worker in (("btc", "one"), ("eth", "two")):
        found = await tasks.claim(name, worker, 30.0)
        assert isinstance(found, Granted)
        change = Change(kind="failure", state=TaskState.FAILED, text="why")
        await tasks.tell(found.lease, change if name == "eth" else None, {"state": "MONITORING_SPREADS", "fills": 7})


async def test_a_page_tells_who_runs_what_and_what_came_of_it(database: str, sql: Any) -> None:
    """Workers with what they hold; of each task the profit of all time and of a day by its newest sample, its bot's
    words and its failures; unknown where there is no sample; the newest events first."""
    async with open_postgres_store(database) as store:
        await filled(PostgresTasks(store))
        for hours, realised in ((30, "5"), (23, "7"), (1, "11.5")):
            await sql(SAMPLE.format(hours, realised))
        page = await DatabaseFleet(store).page()
        assert [(one["worker"], one["tasks"]) for one in page["workers"]] == [("one", ["btc"]), ("two", ["eth"])]
        btc, eth, sol = page["tasks"]
        assert (btc["realised_quote"], btc["day_quote"], btc["failures_day"]) == ("11.5", "4.5", 0)
        assert btc["bot"] == {"state": "MONITORING_SPREADS", "fills": 7}
        assert (eth["realised_quote"], eth["day_quote"], eth["failures_day"], eth["why"]) == (None, None, 1, "why")
        assert (sol["holder"], sol["bot"]) == (None, {})
        assert page["without_holder"] == ["sol"]
        newest = [(event["task"], event["kind"]) for event in page["events"][:2]]
        assert newest == [("eth", "failure"), ("eth", "claimed")]


QUESTIONS: tuple[tuple[str, tuple[Any, ...], str], ...] = (
    (PRUNE_EVENTS, (12 * 86_400_000, 500), "task_events_at"),
    (PRUNE_WORKERS, (90 * 86_400_000, 500), "workers_ended"),
    (HISTORY, ("task-7", 50), "task_events_task"),
    (FAILED, ("task-7", list(FAILURES), 600_000), "task_events_task"),
    (FAILED_TODAY, (list(FAILURES),), "task_events_at"),
    (NEWEST, (EVENTS_SHOWN,), "task_events_pkey"),
    (PROFIT, (), "symbol_at_idx"),
)
"""Each with the index that leads to what it asks for."""


async def test_every_question_walks_an_index(database: str, sql: Any) -> None:
    """However much history there is: no large table is read from end to end."""
    async with open_postgres_store(database) as store:
        await filled(PostgresTasks(store))
        for statement in (MANY, GONE, SAMPLES, "analyze"):
            await sql(statement)
        for question, arguments, index in QUESTIONS:
            plan = "\n".join(row["QUERY PLAN"] for row in await store.read(f"explain {question}", *arguments))
            assert index in plan, plan
            for table in ("task_events", "workers", "position_snapshots"):
                assert f"Seq Scan on {table}" not in plan, plan
