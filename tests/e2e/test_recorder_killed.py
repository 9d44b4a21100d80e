"""A real recorder of real sockets, killed without a warning, and ended with one."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from dnbot.config import FakesSettings
from dnbot.operate.fakes_process import fakes_process
from dnbot.ports.clock import SystemClock
from dnbot.record.reading import Wanted, entries
from dnbot.record.verifying import verify
from dnbot.record.words import Event, Frame, What

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
PATIENCE_S = 60
SECOND_NS = 10**9
SETTINGS = """mode = "sim"
[strategy]
symbol = "BTC/USDT"
base_position_size = "0.06"
max_order_notional_quote = "1500"
"""


@asynccontextmanager
async def recorded(home: Path) -> AsyncIterator[list[str]]:
    """The command that records fakes which run meanwhile."""
    async with fakes_process(FakesSettings(), home / "fakes") as fakes:
        address = {name: getattr(fakes.address, name) for name in fakes.address.__struct_fields__}
        (home / "fakes.json").write_text(json.dumps(address), encoding="utf-8")
        config = home / "record.toml"
        config.write_text(f'{SETTINGS}[fakes]\naddress_file = "{home}/fakes.json"\n', encoding="utf-8")
        yield [
            sys.executable, "-m", "dnbot", "record", "--symbols", "BTC_USDT", "--config", str(config), "--out",
            str(home / "recording"), "--json",
        ]


def frames(folder: Path) -> list[Frame]:
    """Those that are on the disk."""
    return [entry for entry in entries(Wanted(), folder) if isinstance(entry, Frame)]


async def until_recorded(folder: Path, count: int) -> None:
    """Returns when so many frames are there."""
    with trio.fail_after(PATIENCE_S):
        while not (folder / "00000001.mcap.part").exists() or len(frames(folder)) < count:  # noqa: ASYNC110 (a file)
            await trio.sleep(0.2)


async def test_a_kill_costs_the_last_second_at_most(tmp_path: Path) -> None:
    """What came more than a second before SIGKILL is there; verify sees a crash and no damage; the next one goes on."""
    out = tmp_path / "recording"
    async with recorded(tmp_path) as line, trio.open_nursery() as nursery:
        process = await nursery.start(partial(trio.run_process, line, check=False, cwd=tmp_path))
        await until_recorded(out, 100)
        process.kill()
        killed_ns = SystemClock().now_ns()
        await process.wait()
        found = frames(out)
        assert killed_ns - found[-1].received_ns < SECOND_NS
        verdict = verify(out)
        assert verdict.is_good
        assert any("a writer was killed" in finding.what for finding in verdict.findings)

        again = await trio.run_process([*line, "--duration", "3s"], capture_stdout=True, cwd=tmp_path)
        told = json.loads(again.stdout)
        assert (told["ended_by"], told["dropped"]) == ("duration", 0)
        assert verify(out).is_good
        starts = [entry for entry in entries(Wanted(), out) if isinstance(entry, Event) and entry.what is What.STARTED]
        assert len(starts) == 2
        assert frames(out)[: len(found)] == found


async def test_a_signal_ends_it_cleanly(tmp_path: Path) -> None:
    """SIGTERM: everything is written and closed, exit code 0, and nothing is told of a key."""
    out, said = tmp_path / "recording", tmp_path / "said.json"
    with said.open("wb") as file:
        async with recorded(tmp_path) as line, trio.open_nursery() as nursery:
            run = partial(trio.run_process, [*line, "--venues", "mexc_spot"], check=False, stdout=file, cwd=tmp_path)
            process = await nursery.start(run)
            await until_recorded(out, 5)
            process.terminate()
            assert await process.wait() == 0
    assert json.loads(said.read_bytes())["ended_by"] == "SIGTERM"
    assert verify(out).findings == ()
    secret = json.loads((tmp_path / "fakes.json").read_text(encoding="utf-8"))["secret"].encode()
    assert all(secret not in path.read_bytes() for path in out.iterdir())
