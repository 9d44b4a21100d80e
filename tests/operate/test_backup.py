"""A dump and its restoration: the same ledger in another state folder, and nothing mixed with anything."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from subprocess import CompletedProcess
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
import trio

from dnbot.config import DatabaseSettings, Settings
from dnbot.domain.errors import ConfigError, StoreUnreachable
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.messages import RowBooked
from dnbot.domain.order import Order, OrderIntent, OrderStatus, Purpose, Side
from dnbot.domain.position import EntryKind, LedgerEntry
from dnbot.domain.records import ModeChanged, OrderChanged
from dnbot.domain.units import Price, Quantity
from dnbot.operate import backup
from dnbot.operate.backup import dump_database, restore_database, without_password
from dnbot.operate.canary import canary_of
from dnbot.operate.control_socket import only_bot_of
from dnbot.operate.report import opened_store
from dnbot.operate.run import database_dsn, state_dir
from dnbot.ports.clock import SystemClock
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.log import EventLog
from dnbot.ports.postgres import open_postgres_store
from dnbot.ports.postgres_migrate import migrate
from dnbot.strategy.parameters import StrategyParameters

SYMBOL = Symbol("BTC", "USDT")
PARAMS = StrategyParameters(symbol=SYMBOL, base_position_size=Decimal("0.003"), max_order_notional_quote=Decimal(100))
ORDERS = (
    (Purpose.ENTRY, 50, OrderStatus.FILLED),  # before a person raised the mode
    (Purpose.ENTRY, 150, OrderStatus.PENDING),  # a crash: it may have left
    (Purpose.EXIT, 150, OrderStatus.CANCELLED),
    (Purpose.ENTRY, 150, OrderStatus.NOT_SENT),
    (Purpose.HEDGE, 150, OrderStatus.FILLED),
)
COUNT = 2
"""Executions among them that a canary counts."""
MONEY = Decimal("20000.00000001")


def settings(folder: Path) -> Settings:
    """Of a bot in this state folder."""
    return Settings(strategy=PARAMS, state_dir=str(folder), profile="canary")


def intent(number: int, purpose: Purpose, at_ns: int) -> OrderIntent:
    """An order of an execution of its own."""
    return OrderIntent(
        client_order_id=f"dnb-test-{number}", epoch=1, venue=Venue.GATE_SPOT, symbol=SYMBOL, side=Side.BUY,
        quantity=Quantity(Decimal("0.001")), price=Price(Decimal(60_000)), purpose=purpose,
        execution_id=f"execution-{number}", created_at_ns=at_ns, expires_at_ns=at_ns + 1,
    )


@pytest.mark.slow
async def test_a_dump_is_the_same_ledger_elsewhere(tmp_path: Path) -> None:
    """From a database that runs: private, complete, and restored with every digit and every order; what the canary has
    counted is counted there too. A file that is there, a database that is not empty, a folder in use, and a file that
    is no dump are refused."""
    old, new, file = settings(tmp_path / "old"), settings(tmp_path / "new"), tmp_path / "ledger.dump"
    part = tmp_path / "ledger.dump.part"
    log = EventLog(SystemClock(), [])
    async with database_dsn(old, state_dir(old), log, SecretRegistry()) as dsn:
        await migrate(dsn)
        async with open_postgres_store(dsn) as store:
            await store.begin_run(SYMBOL, version="1", settings="{}", started_at_ns=1)
            row = LedgerEntry(
                venue=Venue.GATE_SPOT, asset="USDT", kind=EntryKind.OPENING, amount=MONEY, at_ns=5, entry_id="opening",
            )
            await store.append([RowBooked((row,), 5)])
            await store.append([ModeChanged(from_mode="REDUCING", to_mode="ACTIVE", why="a", by="b", at_ns=100)])
            for number, (purpose, at_ns, end) in enumerate(ORDERS):
                order = Order(intent=intent(number, purpose, at_ns), status=end, changed_at_ns=at_ns)
                await store.commit_intents([order.intent], execution_id=order.intent.execution_id, opportunity=None)
                await store.append([OrderChanged(order, at_ns)])
        said = await dump_database(old, file)
        with pytest.raises(ConfigError, match="already"):
            await dump_database(old, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "1 runs, 0 fills" in said
    assert not part.exists()

    assert "1 runs, 0 fills" in await restore_database(new, file)
    async with opened_store(new) as store:
        totals = await store.ledger_totals(SYMBOL)
        assert [(total.venue, total.asset, total.opening) for total in totals] == [(Venue.GATE_SPOT, "USDT", MONEY)]
        assert (await store.load(SYMBOL)).mode == "ACTIVE"
        canary = await canary_of(new, store, SYMBOL)
        assert canary is not None
        assert canary.done == COUNT
        assert await canary_of(msgspec.structs.replace(new, profile="full"), store, SYMBOL) is None
    with pytest.raises(ConfigError, match="an empty database"):
        await restore_database(new, file)
    with only_bot_of(state_dir(new)), pytest.raises(ConfigError, match="one bot per folder"):
        await restore_database(new, file)
    nonsense = tmp_path / "nonsense"
    nonsense.write_text("this is no dump")
    with pytest.raises(StoreUnreachable, match="pg_restore failed"):
        await restore_database(settings(tmp_path / "third"), nonsense)
    assert not (tmp_path / "third" / "postgres").exists()
    with pytest.raises(ConfigError, match="that `dnbot db dump` wrote"):
        await restore_database(new, tmp_path / "nothing")


@pytest.mark.parametrize(
    ("dsn", "address", "password"),
    [
        ("postgresql://u:p%40ss@h:5432/d?sslmode=verify-full", "postgresql://u@h:5432/d?sslmode=verify-full", "p@ss"),
        ("postgresql://u@h/d?password=p%40ss&sslmode=disable", "postgresql://u@h/d?sslmode=disable", "p@ss"),
        ("postgresql://u@/d?host=%2Ftmp%2Fx", "postgresql://u@/d?host=%2Ftmp%2Fx", ""),
    ],
)
def test_a_password_is_never_an_argument(dsn: str, address: str, password: str) -> None:
    """What stands on a command line is seen by every user of the machine."""
    assert without_password(dsn) == (address, password)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    """Command and environment of each program that would have been started."""
    seen: list[tuple[list[str], dict[str, str]]] = []

    async def run_process(command: list[str], *, env: dict[str, str], **_: object) -> CompletedProcess[bytes]:
        seen.append((command, env))
        return CompletedProcess(command, 0, b"", b"")

    monkeypatch.setattr(trio, "run_process", run_process)
    return seen


@pytest.mark.parametrize("password", ["", "secret"])
async def test_an_external_database_is_reached_as_the_bot_reaches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[tuple[list[str], dict[str, str]]], password: str
) -> None:
    """With the PG* settings that made its address acceptable, without those that the bot's own connection does not
    heed, and without a question on the terminal; a password is in the environment, and not among the arguments."""
    place = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": "/etc/ca.pem", "PGPASSFILE": "/run/pgpass", "PGPORT": "5433"}
    for name, value in {**place, "PGPASSWORD": "other", "PGSERVICE": "another", "PGHOSTADDR": "10.0.0.9"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", "/home/dnbot")
    monkeypatch.setenv("LEDGER", f"postgresql://u{password and ':'}{password}@db.example.org/d")
    external = msgspec.structs.replace(settings(tmp_path), database=DatabaseSettings(dsn_env="LEDGER"))
    await dump_database(external, tmp_path / "ledger.dump")
    connected = [(command, env) for command, env in started if any("--dbname" in word for word in command)]
    assert [Path(command[0]).name for command, _ in connected] == ["pg_dump", "psql"]
    for command, env in connected:
        assert env.items() >= {**place, "HOME": "/home/dnbot", "PGPASSWORD": password or "other"}.items()
        assert not env.keys() & {"PGSERVICE", "PGHOSTADDR", "LEDGER"}
        assert "--no-password" in command
        assert "secret" not in " ".join(command)


async def test_the_embedded_database_is_reached_without_settings_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[tuple[list[str], dict[str, str]]]
) -> None:
    """They are about another one."""

    @asynccontextmanager
    async def reached(_: Settings) -> AsyncIterator[str]:
        yield "postgresql://u@/d?host=%2Ftmp%2Fx"

    monkeypatch.setattr(backup, "reached_dsn", reached)
    monkeypatch.setenv("PGPORT", "5433")
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    await dump_database(settings(tmp_path), tmp_path / "ledger.dump")
    assert len(started) == 3
    assert not [name for _, env in started for name in env if name.startswith("PG")]


@pytest.mark.parametrize("name", ["x" * 300, "x" * 252, "ledger.dump"])
async def test_a_dump_that_cannot_be_written_is_found_before_the_database(tmp_path: Path, name: str) -> None:
    """There is none here, and it is not missed: a name that is too long, with or without `.part`, and a folder in the
    way."""
    (tmp_path / "ledger.dump.part").mkdir()
    with pytest.raises(ConfigError, match=rf"{name}: file: found '(File name too long|Is a directory)'"):
        await dump_database(settings(tmp_path), tmp_path / name)


@pytest.mark.parametrize("name", ["x" * 300, "file/below"])
async def test_a_dump_that_cannot_be_looked_for_is_refused(tmp_path: Path, name: str) -> None:
    """By its name."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=f"{name}: file: found"):
        await restore_database(settings(tmp_path / "bot"), tmp_path / name)


@pytest.mark.slow
async def test_a_dump_is_of_the_database_that_the_bot_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An external one, of which host and database stand in the environment alone; also when it is filled."""
    source, copy, file = tmp_path / "source", tmp_path / "copy", tmp_path / "ledger.dump"
    external = msgspec.structs.replace(settings(tmp_path / "bot"), database=DatabaseSettings(dsn_env="LEDGER"))
    log = EventLog(SystemClock(), [])
    (tmp_path / "bot").mkdir()
    for folder, work in ((source, dump_database), (copy, restore_database)):
        async with database_dsn(settings(folder), folder, log, SecretRegistry()) as dsn:
            parts = urlsplit(dsn)
            monkeypatch.setenv("PGHOST", parse_qs(parts.query)["host"][0])
            monkeypatch.setenv("PGDATABASE", parts.path[1:])
            monkeypatch.setenv("LEDGER", f"postgresql://{parts.netloc}")
            if work is dump_database:
                await migrate(dsn)
                async with open_postgres_store(dsn) as store:
                    await store.begin_run(SYMBOL, version="1", settings="{}", started_at_ns=1)
            assert "1 runs, 0 fills" in await work(external, file)
