"""What PostgreSQL knows of a fleet's limits and of what its tasks have, and that the question walks indexes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from dnbot.domain.instrument import Symbol
from dnbot.domain.messages import PortfolioSaved, PositionSampled
from dnbot.domain.position import Portfolio
from dnbot.fleet.life import TaskState
from dnbot.fleet.risk import FleetLimits
from dnbot.fleet.words import NewTask
from dnbot.ports.fleet_risk import SAMPLES, MemoryFleetRisk, PostgresFleetRisk
from dnbot.ports.postgres import open_postgres_store
from dnbot.ports.postgres_tasks import PostgresTasks

pytestmark = pytest.mark.slow
DAY_S = 86_400
NOW = "select extract(epoch from clock_timestamp())::float8 as s"
BTC = Symbol("BTC", "USDT")


async def now_s(store: Any) -> float:
    """The database's clock."""
    return float((await store.call(NOW))["s"])


async def sampled(store: Any, age_s: float, *, perp: str, day: int, day_equity: str | None) -> None:
    """A bot wrote a sample so long ago, and the portfolio with it."""
    at_ns = round((await now_s(store) - age_s) * 1e9)
    portfolio = Portfolio(symbol=BTC, day=day, day_equity=None if day_equity is None else Decimal(day_equity))
    await store.append([
        PositionSampled(
            spot_gate=Decimal("0.5"), spot_mexc=Decimal("0.25"), perp_base=Decimal(perp), delta_base=Decimal(0),
            mark=Decimal(60_000), liquidation_price=None, equity_quote=Decimal("90000.5"), realised_quote=Decimal(1),
            at_ns=at_ns,
        ),
        PortfolioSaved(portfolio, at_ns),
    ])  # fmt: skip


async def test_limits_are_those_that_were_set_last(database: str) -> None:
    """None before the first; exact numbers, and None again where a person took one away; as the memory does."""
    async with open_postgres_store(database) as store:
        for risk in (PostgresFleetRisk(store), MemoryFleetRisk()):
            assert await risk.limits() == FleetLimits()
            limits = FleetLimits(gross_quote_max=Decimal("50000.01"), day_loss_quote_max=Decimal(500))
            await risk.set_limits(limits, who="anna", why="a beginning")
            assert await risk.limits() == limits
            fewer = msgspec.structs.replace(limits, gross_quote_max=None)
            await risk.set_limits(fewer, who="anna", why="enough")
            assert await risk.limits() == fewer


async def test_the_newest_sample_of_each_task_is_told_with_its_age(database: str) -> None:
    """Both spot venues together, the perpetual, the mark, equity, and the first equity of this day; nothing of a task
    that never ran; and a first equity of another day is none of this."""
    async with open_postgres_store(database) as store:
        tasks, risk = PostgresTasks(store), PostgresFleetRisk(store)
        for name in ("btc", "eth"):
            new = NewTask(task_id=name, symbol=Symbol(name.upper(), "USDT"), settings=f"of {name}", accounts=(name,))
            await tasks.add(new, who="anna")
        start_ns = round(await now_s(store) * 1e9)
        await store.begin_run(BTC, version="1", settings="{}", started_at_ns=start_ns)
        (btc, eth) = await risk.samples()
        assert (btc.began, btc.age_s, btc.mark, btc.day_equity_quote) == (True, None, None, None)
        assert (eth.task_id, eth.began, eth.settings, eth.state) == ("eth", False, "of eth", TaskState.CREATED)
        today = int(await now_s(store)) // DAY_S
        await sampled(store, 40, perp="-0.7", day=today - 1, day_equity="80000")
        btc = (await risk.samples())[0]
        assert (btc.perp_base, btc.day_equity_quote) == (Decimal("-0.7"), None)
        await sampled(store, 20, perp="-0.75", day=today, day_equity="91000")
        btc = (await risk.samples())[0]
        assert (btc.spot_base, btc.perp_base, btc.mark) == (Decimal("0.75"), Decimal("-0.75"), 60_000)
        assert (btc.equity_quote, btc.day_equity_quote) == (Decimal("90000.5"), 91_000)
        assert btc.age_s is not None
        assert 19 < btc.age_s < 30
        await sampled(store, -30, perp="-0.8", day=today, day_equity="91000")
        assert (await risk.samples())[0].age_s == 0, "a worker whose clock is ahead has no samples of tomorrow"


async def test_the_question_reads_the_newest_rows_alone(database: str, sql: Any) -> None:
    """With many samples and portfolios of each book the plan walks their indexes backwards."""
    async with open_postgres_store(database) as store:
        await PostgresTasks(store).add(NewTask(task_id="btc", symbol=BTC, settings="", accounts=("a",)), who="anna")
        await sql(
            "insert into position_snapshots (symbol, at, epoch, spot_base, spot_gate, perp_base, delta_base) "
            "select 'BTC/USDT', now() - n * interval '2 seconds', 1, 1, 1, -1, 0 from generate_series(1, 20000) as n"
        )
        await sql("analyze position_snapshots")
        plan = "\n".join(str(row["QUERY PLAN"]) for row in await sql(f"explain {SAMPLES}"))
        assert "symbol_at_idx" in plan, plan
        assert "portfolio_snapshots_pkey" in plan, plan
        assert "Seq Scan on position_snapshots" not in plan, plan
