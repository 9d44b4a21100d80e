"""The plan of migrations: what is applied next, and which histories are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnbot.domain.errors import ConfigError
from dnbot.ports.migrations import Applied, Migration, pending, read_migrations, status_of
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
