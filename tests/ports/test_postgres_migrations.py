"""The plan of migrations: what is applied next, and which histories and connections are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncpg
import attrs
import msgspec
import pytest

from dnbot.domain.errors import ConfigError
from dnbot.ports.migrations import Applied, Migration, pending, read_migrations, status_of
from dnbot.ports.postgres_migrate import migrate
from dnbot.ports.postgres_sessions import keeps_its_session
from dnbot.resources import db_dir

ONE = Migration(1, "one", "create table a (i int);\n")
TWO = Migration(2, "two", "create table b (i int);\n")


def applied(migration: Migration) -> Applied:
    """The row that a migration leaves."""
    return Applied(migration.version, migration.name, migration.checksum)


def test_what_is_not_applied_is_pending_in_order() -> None:
    """A fresh database lacks all, a half-way one the rest, a current one nothing."""
    assert pending([ONE, TWO], []) == (ONE, TWO)
    assert pending([ONE, TWO], [applied(ONE)]) == (TWO,)
    assert pending([ONE, TWO], [applied(TWO), applied(ONE)]) == ()
    assert status_of([ONE, TWO], [applied(ONE)]).pending == ("0002_two",)


def test_a_changed_file_is_refused_and_line_ends_do_not_count() -> None:
    """The checksum is of the text, so a checkout with other line ends is the same file."""
    windows = Migration(1, "one", ONE.sql.replace("\n", "\r\n"))
    assert pending([windows, TWO], [applied(ONE)]) == (TWO,)
    with pytest.raises(ConfigError, match="may not change"):
        pending([Migration(1, "one", ONE.sql + "-- more"), TWO], [applied(ONE)])


def test_a_newer_database_is_refused() -> None:
    """A migration that this version does not know belongs to a newer one."""
    with pytest.raises(ConfigError, match="newer dnbot"):
        pending([ONE], [applied(ONE), applied(TWO)])


def test_a_hole_in_the_history_is_refused() -> None:
    """Forward only: nothing is applied below what was applied."""
    with pytest.raises(ConfigError, match="before later ones"):
        pending([ONE, TWO], [applied(TWO)])


@pytest.mark.parametrize("names", [[], ["0002_b.sql"], ["0001_a.sql", "0003_c.sql"], ["0001_a.sql", "one.sql"]])
def test_a_folder_must_number_its_files(tmp_path: Path, names: list[str]) -> None:
    """Numbers start at one and have no gap, and every file has one."""
    for name in names:
        (tmp_path / name).write_text("select 1;")
    with pytest.raises(ConfigError):
        read_migrations(tmp_path)


def test_the_projects_own_migrations_can_be_read() -> None:
    """They are numbered from one, and none is empty."""
    found = read_migrations(db_dir())
    assert [migration.version for migration in found] == list(range(1, len(found) + 1))
    assert all(migration.sql.strip() for migration in found)


# --- the connection ---------------------------------------------------------------------------------------------------
@attrs.define
class Lent:
    """A connection through a pooler, which has these sessions for it and for others."""

    sessions: list[dict[str, str]]
    lends_for_ever: bool = False
    oldest_first: bool = False
    """Else the one that was given back last is lent first."""
    knows_statements: bool = True
    mine: dict[str, str] | None = None
    is_within: bool = False
    """In a transaction."""
    is_closed: bool = False

    async def execute(self, sql: str, *arguments: str) -> None:
        session = self._session()
        if arguments:
            session[arguments[0]] = arguments[1]
        self.is_within = sql == "begin"
        self._give_back()

    async def fetchval(self, _: str, name: str) -> str | None:
        if not self.knows_statements:
            raise asyncpg.InvalidSQLStatementNameError("prepared statement does not exist")
        found = self._session().get(name)
        self._give_back()
        return found

    async def fetch(self, _: str) -> list[dict[str, Any]]:
        """Every migration was applied."""
        return [msgspec.structs.asdict(applied(migration)) for migration in read_migrations(db_dir())]

    async def close(self, **_: float) -> None:
        self.is_closed = True

    def _session(self) -> dict[str, str]:
        if self.mine is None:
            self.mine = self.sessions.pop(0 if self.oldest_first else -1)
        return self.mine

    def _give_back(self) -> None:
        if not self.is_within and not self.lends_for_ever and self.mine is not None:
            self.sessions.append(self.mine)
            self.mine = None


def two_of(others: int = 0, **changes: Any) -> tuple[Any, Any]:
    """Two connections to one server, which has two sessions and so many more."""
    sessions: list[dict[str, str]] = [{} for _ in range(2 + others)]
    return Lent(sessions, **changes), Lent(sessions, **changes)


async def test_a_session_that_stays_one_is_told_from_one_that_is_lent() -> None:
    """By what one connection leaves in it, also where the pooler has another session each time, or no statement."""
    assert await keeps_its_session(*two_of(lends_for_ever=True))
    assert not await keeps_its_session(*two_of())
    assert not await keeps_its_session(*two_of(1, oldest_first=True))
    assert not await keeps_its_session(*two_of(knows_statements=False))


async def test_a_pooler_that_lends_sessions_is_refused_before_anything_is_changed(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names the key and what is allowed; both connections are closed."""
    connections = two_of()
    left = [*connections]

    async def connect(_: str, **__: float) -> Any:
        return left.pop()

    monkeypatch.setattr(asyncpg, "connect", connect)
    with pytest.raises(ConfigError, match=r"database\.dsn_env: found 'a pooler.*pool_mode = session"):
        await migrate("postgresql://pooler/dnbot")
    assert [connection.is_closed for connection in connections] == [True, True]


async def test_who_ends_trading_looks_for_no_pooler(monkeypatch: pytest.MonkeyPatch) -> None:
    """One connection is made, and nothing refused."""
    connections = two_of()
    left = [*connections]

    async def connect(_: str, **__: float) -> Any:
        return left.pop()

    monkeypatch.setattr(asyncpg, "connect", connect)
    assert await migrate("postgresql://pooler/dnbot", any_pooler=True) == ()
    assert [connection.is_closed for connection in connections] == [False, True]
