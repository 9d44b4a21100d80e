"""The schema's history: numbered SQL files, forward only, each applied once and never changed afterwards."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from dnbot.domain.errors import ConfigError

CREATE_TABLE = """
create table if not exists schema_migrations (
    version int primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default clock_timestamp()
)
"""
_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql\Z")


class Migration(msgspec.Struct, frozen=True):
    """One file: its number, its name, its text."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text; line ends do not count."""
        return hashlib.sha256("\n".join(self.sql.splitlines()).encode()).hexdigest()


class Applied(msgspec.Struct, frozen=True):
    """A row of `schema_migrations`."""

    version: int
    name: str
    checksum: str


class MigrationStatus(msgspec.Struct, frozen=True):
    """Where a database stands: names such as `0001_foundation`, in order."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]


def read_migrations(folder: Path) -> tuple[Migration, ...]:
    """All migrations of a folder, in order.

    Raises:
        ConfigError: there is none, or their numbers are not 1, 2, 3, ...
    """
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.match(path.name)
        if match is None:
            raise ConfigError(str(folder), "migrations", path.name, "names such as 0001_foundation.sql")
        found.append(Migration(int(match[1]), match[2], path.read_text(encoding="utf-8")))
    numbers = [migration.version for migration in found]
    if not found or numbers != list(range(1, len(found) + 1)):
        raise ConfigError(str(folder), "migrations", numbers, "0001, 0002, ... without a gap")
    return tuple(found)


def pending(known: Sequence[Migration], applied: Sequence[Applied]) -> tuple[Migration, ...]:
    """What is still to be applied, in order.

    Raises:
        ConfigError: the database has a migration that this version does not know, lacks an older one, or a file was
            changed after it had been applied.
    """
    done: Mapping[int, Applied] = {row.version: row for row in applied}
    by_version = {migration.version: migration for migration in known}
    for row in sorted(applied, key=lambda row: row.version):
        migration = by_version.get(row.version)
        if migration is None:
            raise ConfigError(
                "database", "schema_migrations", f"{row.version:04d}_{row.name}",
                f"at most {max(by_version):04d}: the database belongs to a newer dnbot; run that version",
            )
        if migration.checksum != row.checksum:
            raise ConfigError(
                "database", f"checksum of {row.version:04d}_{row.name}", row.checksum[:12],
                f"{migration.checksum[:12]}: an applied migration may not change; restore the file, or add a new one",
            )
    left = tuple(migration for migration in known if migration.version not in done)
    if left and applied and left[0].version < max(done):
        raise ConfigError("database", "schema_migrations", sorted(done), f"{left[0].version:04d} before later ones")
    return left


def status_of(known: Sequence[Migration], applied: Sequence[Applied]) -> MigrationStatus:
    """Applied and pending names; raises ConfigError as `pending` does."""
    left = pending(known, applied)
    return MigrationStatus(
        tuple(_name(row.version, row.name) for row in sorted(applied, key=lambda row: row.version)),
        tuple(_name(migration.version, migration.name) for migration in left),
    )


def _name(version: int, name: str) -> str:
    return f"{version:04d}_{name}"
