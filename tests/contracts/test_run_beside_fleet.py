"""A bot of one's own on the symbol of a task: refused before it fences off the bot of the worker that has the task."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dnbot.config import Settings
from dnbot.config.settings import DatabaseSettings, FakesSettings
from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Symbol
from dnbot.fleet.words import Granted, Lease, NewTask, Worker
from dnbot.operate import run as run_module
from dnbot.operate.control_socket import listening, socket_path
from dnbot.operate.run import RunOptions, run_settings
from dnbot.operate.state_folder import made_private
from dnbot.ports.postgres import PostgresStore, open_postgres_store
from dnbot.ports.postgres_tasks import PostgresTasks
from dnbot.strategy.parameters import StrategyParameters

pytestmark = pytest.mark.slow

SYMBOL = Symbol("BTC", "USDT")
Sql = Callable[[str], Awaitable[list[dict[str, Any]]]]


class Built(Exception):
    """The bot would have been built, which fences off every other."""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A copy of the task's file, with the fleet's database; where a bot would be built, `Built` is raised."""

    async def build(*_: object) -> None:
        raise Built("built")

    monkeypatch.setattr(run_module, "build_bot", build)
    http, ws = "http://127.0.0.1:9", "ws://127.0.0.1:9"
    words = {"gate_rest": http, "gate_ws_spot": ws, "gate_ws_futures": ws, "mexc_rest": http, "mexc_ws": ws}
    address = tmp_path / "address"
    address.write_text(json.dumps(words | {"key": "a-key-of-nobody", "secret": "a-secret-of-nobody", "uid": "1"}))
    params = StrategyParameters(
        symbol=SYMBOL, base_position_size=Decimal("0.06"), max_order_notional_quote=Decimal(400)
    )
    return Settings(
        strategy=params, state_dir=str(tmp_path / "home"), fakes=FakesSettings(address_file=str(address)),
        database=DatabaseSettings(dsn_env="DNBOT_FLEET_DSN"),
    )


async def claimed(store: PostgresStore) -> Lease:
    """The lease of a worker elsewhere on the task of the symbol."""
    tasks = PostgresTasks(store)
    await tasks.add(NewTask(task_id="btc", symbol=SYMBOL, settings="", accounts=("one",)), who="me")
    await tasks.register(Worker(worker_id="far-7-1", name="far", capacity=1, version="1"))
    granted = await tasks.claim("btc", "far-7-1", 30.0)
    assert isinstance(granted, Granted)
    return granted.lease


async def closing(settings: Settings, database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Try to close the position as a kill does; what ended that."""
    monkeypatch.setenv("DNBOT_FLEET_DSN", database)  # reading a secret deletes its variable
    told = "it ran"
    try:
        await run_settings(settings, RunOptions(plain=True, flatten="after a kill"))
    except* (ConfigError, Built) as group:
        told = str(group.exceptions[0])
    return told


Run = Callable[[], Awaitable[str]]


@pytest.fixture
def run(settings: Settings, database: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`closing`, as often as a test wants it."""
    return partial(closing, settings, database, monkeypatch)


async def test_a_symbol_that_a_worker_trades_is_left_to_it(run: Run, database: str, sql: Sql) -> None:
    """The sentence names the worker and what to do; once the lease is released, or over, nothing is in the way."""
    async with open_postgres_store(database) as store:
        lease = await claimed(store)
        told = await run()
        assert told.startswith("database: task btc: found 'the lease of worker far-7-1 on BTC/USDT, for ")
        assert "`dnbot task stop btc --why TEXT`" in told
        await sql("update task_leases set expires_at = clock_timestamp() - interval '1 ms'")
        assert await run() == "built"
        await sql("update task_leases set expires_at = clock_timestamp() + interval '1 min'")
        assert await PostgresTasks(store).release(lease) is None
    assert await run() == "built"


async def test_other_symbols_of_the_fleet_are_nobodys_business(run: Run, database: str, sql: Sql) -> None:
    """A task of another symbol is in nobody's way."""
    async with open_postgres_store(database) as store:
        await claimed(store)
    await sql("insert into books (symbol, base, quote) values ('ETH/USDT', 'ETH', 'USDT')")
    await sql("update tasks set symbol = 'ETH/USDT'")
    assert await run() == "built"


async def test_where_a_bot_answers_nothing_is_built(settings: Settings, run: Run) -> None:
    """Its socket says so, whoever has the lock: the bot that runs there is not fenced off first."""
    home = Path(settings.state_dir)
    made_private(home)
    with listening(socket_path(home)):
        assert "a bot that listens there already" in await run()
