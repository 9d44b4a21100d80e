"""The watch over the whole suite's secrets sees each way out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from canaries import CANARIES, CanaryWatch

from dnbot.domain.instrument import Symbol
from dnbot.fakes.config import AccountConfig
from dnbot.ports.clock import SystemClock
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import FileSink, MemorySink
from dnbot.ports.memory_store import MemoryStore

KEY, SECRET = CANARIES


def test_the_suites_accounts_sign_with_the_canaries() -> None:
    """Otherwise the watch would look for what nobody has."""
    assert (AccountConfig().key, AccountConfig().secret) == CANARIES


@pytest.mark.parametrize("canary", CANARIES)
async def test_every_way_out_is_seen(canary_watch: CanaryWatch, tmp_path: Path, canary: str) -> None:
    """A planted leak in a log, a table, a command line and a file is noted; the fakes' own folder is not ours."""
    log = EventLog(SystemClock(), [MemorySink(), FileSink(tmp_path / "bot.jsonl")])
    log.info("signed", header=f"KEY {canary}".replace("KEY ", ""))
    log.close()
    await MemoryStore().begin_run(Symbol("BTC", "USDT"), version="1", settings=f'"{canary}"', started_at_ns=1)
    subprocess.run([sys.executable, "-c", "", canary], check=True)  # noqa: ASYNC221 (nothing else runs)
    (tmp_path / "fakes").mkdir()
    (tmp_path / "fakes" / "accounts.json").write_text(canary)
    canary_watch.look_through(tmp_path)
    seen, canary_watch.leaks = sorted(canary_watch.leaks), []
    (tmp_path / "bot.jsonl").unlink()
    ways = ("MemoryStore.begin_run", "a command line", "a log line (FileSink)", "a log line (MemorySink)")
    assert seen == sorted(f"{canary} in {way}" for way in (*ways, "the file bot.jsonl"))
