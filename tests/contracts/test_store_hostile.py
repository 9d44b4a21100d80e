"""Words of a venue that PostgreSQL does not hold, and secrets that it must not: each in every column that takes words.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from dnbot.domain.messages import Alert, ModeChanged
from dnbot.ports.postgres import open_postgres_store
from dnbot.ports.postgres_rows import records_document

NUL = "\x00"
CANARY = "canary-0123456789"


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        (f"a{NUL}b", "a\ufffdb"), (NUL * 3, "\ufffd" * 3), ("\\u0000", "\\u0000"), ("\\" + NUL, "\\\ufffd"),
        ("\\\\u0000", "\\\\u0000"), ("a\x1b\x01b", "a\x1b\x01b"), ("\\\\" + NUL, "\\\\\ufffd"),
    ],
)
def test_a_nul_becomes_a_sign_and_nothing_else_changes(text: str, stored: str) -> None:
    """In the document that is sent, where the escape of a NUL is told from letters behind a backslash."""
    document = json.loads(records_document([Alert(level="warning", key="k", text=text, at_ns=1)], 0))
    ((row,),) = [rows for rows in document.values() if rows and isinstance(rows[0], dict) and "text" in rows[0]]
    assert row["text"] == stored


@pytest.mark.slow
async def test_a_venues_nul_ends_no_bot_and_a_secret_is_in_no_row(database: str, words: Any) -> None:
    """The real server takes what a hostile error says, in an alert and in a reason; both are stored without canary."""
    text = f"MEXC_SPOT: 10072: {NUL}bad{NUL}\x1b[2J {CANARY}"
    async with open_postgres_store(database, mask=lambda document: document.replace(CANARY, "***")) as store:
        await store.begin_run(words.symbol, version="1", settings=f'{{"a": "{CANARY}"}}', started_at_ns=words.start_ns)
        await store.append([
            Alert(level="warning", key=f"fault:{NUL}", text=text, at_ns=words.start_ns + 1),
            ModeChanged(from_mode="ACTIVE", to_mode="REDUCING", why=text, by=NUL, at_ns=words.start_ns + 2),
        ])  # fmt: skip
        await store.halt(words.symbol, who="me", why=f"because {CANARY}", at_ns=words.start_ns + 3)
        names = await store.read("select table_name from information_schema.tables where table_schema = 'public'")
        found = {}
        for name in (row["table_name"] for row in names):
            rows = await store.read(f"select t::text as row from {name} t")  # noqa: S608 (names of our own tables)
            found[name] = " ".join(row["row"] for row in rows)
    assert [name for name, row in found.items() if CANARY in row] == []
    assert sum("***" in row for row in found.values()) >= 3
    assert "\ufffdbad\ufffd" in found["alerts"]
