"""The drills' search for keys finds one wherever it is planted."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from dnbot.lab.drills_secrets import secrets_shown

PLANTED = "PLANTED-0123456789"


@attrs.define
class _Stage:
    """A folder, a process and two tables."""

    folder: Path
    leak: str = ""

    @property
    def address(self) -> Any:
        return SimpleNamespace(key="KEY-0123456789", secret=PLANTED)

    @property
    def bot(self) -> Any:
        return SimpleNamespace(home=self.folder / "bot")

    def processes(self) -> list[tuple[int, str]]:
        return [(7, f"dnbot run {PLANTED if self.leak == 'process 7' else ''}")]

    async def read(self, sql: str, *arguments: Any) -> list[dict[str, Any]]:
        if "information_schema" in sql:
            return [{"name": "orders"}, {"name": "alerts"}]
        assert arguments == ([f"%{word}%" for word in (self.address.key, PLANTED)],)
        return [{"n": int(self.leak == "table alerts" and " alerts " in sql)}]


@pytest.mark.parametrize("leak", ["", "bot.out", "bot/log/dnbot.jsonl", "process 7", "table alerts"])
async def test_a_key_is_found_where_it_was_planted(tmp_path: Path, leak: str) -> None:
    """Nowhere: silence. In the output, the log, a command line or a table: that place, by name."""
    (tmp_path / "bot" / "log").mkdir(parents=True)
    for name in ("bot.out", "bot/log/dnbot.jsonl"):
        (tmp_path / name).write_text(PLANTED if leak == name else "nothing")
    stage: Any = _Stage(tmp_path, leak)
    assert await secrets_shown(stage) == (f"a key can be read in {leak}" if leak else "")
