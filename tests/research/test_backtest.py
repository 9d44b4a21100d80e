"""What holds of every backtest: the same twice, what it says when it cannot be, and that delays matter."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from synthetic_capture import capture_lines, written

from dnbot.config import load_settings
from dnbot.fakes.config import FakesConfig, ReplayConfig
from dnbot.fakes.replay_files import ReplayError
from dnbot.lab.source import reachable
from dnbot.research.backtest import ROOTS, BacktestOptions, backtest
from dnbot.research.latency import MODELS
from dnbot.research.mapping import mapping_of
from dnbot.research.opening import source_at
from dnbot.research.result import Result, drawdown
from dnbot.resources import config_dir

pytestmark = pytest.mark.slow
PARAMS = load_settings(config_dir() / "demo.toml").strategy
SHARED = Path(__file__).resolve().parents[2] / "../shared/data/market"
CHEAP = "mexc_spot=spot,lag_ms=200,offset_bps=-60"


def options(data: Path, until_s: float, *, latency: str = "loopback", seed: int = 1) -> BacktestOptions:
    """A run of that many seconds."""
    source = source_at(data, "BTC/USDT", mapping=mapping_of([CHEAP]))
    return BacktestOptions(source, PARAMS, MODELS[latency], FakesConfig(seed=seed), until_s=until_s)


def test_the_same_run_in_two_processes_is_the_same(recording: Path, tmp_path: Path) -> None:
    """Other hash seeds, the same hash and the same figures; only the times it took differ."""
    found = []
    for hash_seed in ("1", "77"):
        file = tmp_path / f"{hash_seed}.json"
        command = [sys.executable, "-m", "dnbot", "backtest", "--data", str(recording), "--map", CHEAP,
                   "--for", "5s", "--fresh", "--json", str(file)]
        done = subprocess.run(command, env=os.environ | {"PYTHONHASHSEED": hash_seed}, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        result = msgspec.json.decode(file.read_bytes(), type=Result)
        found.append(msgspec.structs.replace(result, wall_s=0.0, cpu_s=0.0, speed=0.0))
    assert found[0].fills
    assert found[0] == found[1]


def test_delays_and_seed_change_the_run(recording: Path) -> None:
    """Of the first second already; and with longer delays less happens in it."""
    runs = [
        backtest(options(recording, 1.0, latency=latency, seed=seed))
        for latency, seed in (("loopback", 1), ("loopback", 2), ("far", 1))
    ]
    assert len({run.trace_hash for run in runs}) == 3
    assert runs[2].events < runs[0].events


def test_a_line_that_breaks_in_the_middle_of_a_run_ends_it_with_its_place(tmp_path: Path) -> None:
    """What a look at the lines cannot see is told when its time comes."""
    folder = written(tmp_path / "r", steps=90)
    lines = capture_lines(90)
    lines[31] = lines[31].replace('"u":', '"u":"x","v":')
    (folder / "spot" / "btcusdt_1.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    with pytest.raises(ReplayError, match=r"btcusdt_1\.gz line 32"):
        backtest(options(folder, 2.0))


def test_the_source_is_all_that_decides_a_result() -> None:
    """Of this room, the bot and the fakes; a page or a command is none of it."""
    names = reachable(ROOTS)
    assert {"dnbot.research.tapes", "dnbot.research.network", "dnbot.research.latency", "dnbot.fakes.replay_book",
            "dnbot.strategy.machine", "dnbot.lab.tap"} <= set(names)
    assert not {"dnbot.research.result_page", "dnbot.research.backtest_command"} & set(names)


def test_a_drawdown_is_from_a_peak() -> None:
    """Not from the beginning, and zero without a fall."""
    values = list(map(msgspec.json.decode, ("1", "5", "3", "6", "2", "9")))
    assert drawdown(values) == 4
    assert drawdown(values[:2]) == 0
    assert drawdown([]) == 0


@pytest.mark.skipif(not SHARED.is_dir(), reason="shared data absent")
def test_bars_with_their_funding_are_played() -> None:
    """Sixteen hours of Gate's BTC perpetual, 1,800 seconds in one: funding was paid, and the ledger knows it."""
    source = source_at(SHARED / "gate_futures_bars", "BTC/USDT", replay=ReplayConfig(speed=1800.0))
    run = backtest(BacktestOptions(source, PARAMS, MODELS["loopback"], until_s=33.0))
    assert run.virtual_s == 33.0
    assert "1800 recorded seconds" in run.shown["speed"]
    assert run.profit.funding == sum(row.amount for row in run.rows if row.kind.value == "funding") != 0
    assert {value for assets in run.ledger_residual.values() for value in assets.values()} == {"0"}
