"""Which books a database has: whoever asks about a symbol is answered, however many others there are."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from dnbot.config import Settings, load_settings
from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Symbol
from dnbot.domain.messages import PortfolioSaved
from dnbot.domain.position import Portfolio
from dnbot.fleet.words import NewTask
from dnbot.operate.orders import OrdersWanted, list_orders
from dnbot.operate.report_data import BEGINNING
from dnbot.operate.same_world import refuse_to_abandon
from dnbot.operate.trades import TradesWanted, list_trades, read_trade
from dnbot.operate.transfers import plan_for
from dnbot.ports.postgres import PostgresStore
from dnbot.ports.postgres_tasks import PostgresTasks
from dnbot.research.analysis.words import Period, asked_of
from dnbot.resources import config_dir

pytestmark = pytest.mark.slow
SYMBOLS = [Symbol(f"C{number:02}", "USDT") for number in range(25)]
UNKNOWN = Symbol("NONE", "USDT")


@pytest.fixture
async def settings(store: PostgresStore, tmp_path: Path) -> Settings:
    """Of a state folder whose database has books of all these symbols."""
    for symbol in SYMBOLS:
        await store.begin_run(symbol, version="1", settings="{}", started_at_ns=1)
    return msgspec.structs.replace(load_settings(config_dir() / "demo.toml"), state_dir=str(tmp_path))


def of(settings: Settings, symbol: Symbol) -> Settings:
    """The same for one symbol."""
    return msgspec.structs.replace(settings, strategy=msgspec.structs.replace(settings.strategy, symbol=symbol))


async def test_the_last_of_many_books_is_found(settings: Settings) -> None:
    """By every command that asks for one."""
    last = of(settings, SYMBOLS[-1])
    assert (await list_trades(last, TradesWanted())).rows == ()
    assert (await list_orders(last, OrdersWanted())).rows == ()
    assert (await plan_for(last)).plan.moves == ()
    with pytest.raises(ConfigError, match="found 'x1'; allowed: none: nothing was executed yet"):
        await read_trade(last, "x1")


async def test_a_symbol_without_a_book_is_told_of_some(settings: Settings, store: PostgresStore) -> None:
    """Of twenty, and that there are others; analyses say the same."""
    shown = ", ".join(map(str, SYMBOLS[:20]))
    with pytest.raises(ConfigError, match=f"strategy.symbol: found 'NONE/USDT'; allowed: {shown} and others$"):
        await list_orders(of(settings, UNKNOWN), OrdersWanted())
    period = Period(BEGINNING, BEGINNING + timedelta(days=1))
    with pytest.raises(ConfigError, match=f"database: symbol: found 'NONE/USDT'; allowed: {shown} and others$"):
        await asked_of(store.read, UNKNOWN, period)


async def test_a_database_without_a_book_says_so(store: PostgresStore) -> None:
    """Nothing can be named there."""
    with pytest.raises(ConfigError, match="allowed: a symbol that a bot has run with"):
        await asked_of(store.read, UNKNOWN, Period(BEGINNING, BEGINNING + timedelta(days=1)))


async def test_a_position_in_another_book_is_found(store: PostgresStore, tmp_path: Path) -> None:
    """By whoever is to trade another symbol in the same folder; where a fleet has the database, it is left to that."""
    demo = load_settings(config_dir() / "demo.toml")
    left = Symbol("LEFT", "USDT")
    await store.begin_run(left, version="1", settings="{}", started_at_ns=1)
    await refuse_to_abandon(demo, store, tmp_path)
    book = Portfolio(
        symbol=left, balances={"GATEIO_SPOT:LEFT": Decimal(2)}, perp_base=Decimal(-2), perp_cost=Decimal(-6)
    )
    await store.append([PortfolioSaved(book, 2)])
    await refuse_to_abandon(of(demo, left), store, tmp_path)
    with pytest.raises(ConfigError, match="the book of LEFT/USDT holds 2 LEFT and -2 on the perpetual"):
        await refuse_to_abandon(demo, store, tmp_path)
    task = NewTask(task_id="one", symbol=Symbol("ONE", "USDT"), settings="", accounts=("one",))
    await PostgresTasks(store).add(task, who="me")
    await refuse_to_abandon(demo, store, tmp_path)
