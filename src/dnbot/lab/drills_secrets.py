"""Whether a key of the drilled bot shows where it must not: in its output, its files, its tables, its processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dnbot.lab.drills_stage import Stage

TABLES = "select quote_ident(table_name) as name from information_schema.tables where table_schema = 'public'"


async def secrets_shown(stage: Stage) -> str:
    """Where the key or the secret was found; empty when nowhere.

    Raises:
        OperatingError: the database cannot be read.
    """
    canaries = (stage.address.key, stage.address.secret)
    texts = {str(path.relative_to(stage.folder)): path.read_bytes() for path in _files(stage)}
    texts |= {f"process {pid}": words.encode() for pid, words in stage.processes()}
    found = [where for where, text in texts.items() if any(canary.encode() in text for canary in canaries)]
    for row in await stage.read(TABLES):
        sql = f"select count(*) as n from {row['name']} t where t::text like any($1::text[])"  # noqa: S608 (quoted there)
        if (await stage.read(sql, [f"%{canary}%" for canary in canaries]))[0]["n"]:
            found.append(f"table {row['name']}")
    return f"a key can be read in {', '.join(sorted(found))}" if found else ""


def _files(stage: Stage) -> Iterator[Path]:
    """What the bot wrote: its output, and all of its state folder."""
    yield stage.folder / "bot.out"
    yield from (path for path in stage.bot.home.rglob("*") if path.is_file())
