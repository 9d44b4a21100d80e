"""One backtest that several tests look at, as its user makes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from click.testing import CliRunner
from recordings import Taped, tape
from synthetic_capture import written
from trio.testing import MockClock

from dnbot.cli import commands

CHEAP_MEXC = "mexc_spot=spot,lag_ms=200,spread_bps=1,offset_bps=-60"
"""So that there is something to earn."""


@pytest.fixture(scope="session", autouse=True)
def caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Of these tests, and not those of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("caches")))
        yield


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a synthetic recording of 20 s."""
    return written(tmp_path_factory.mktemp("recording"))


@pytest.fixture(scope="session")
def made(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `dnbot backtest` says, and its files: `output`, `exit`, `json` (parsed) and `html`."""
    folder = tmp_path_factory.mktemp("backtest")
    arguments = ["backtest", "--data", str(recording), "--map", CHEAP_MEXC, "--latency-model", "loopback"]
    arguments += ["--check-lookahead", "--json", str(folder / "r.json"), "--html", str(folder / "r.html")]
    done = CliRunner().invoke(commands, arguments)
    assert done.exit_code == 0, done.output
    return {
        "output": done.output, "json": json.loads((folder / "r.json").read_text()),
        "html": (folder / "r.html").read_text(),
    }


@pytest.fixture(scope="session")
def taped(tmp_path_factory: pytest.TempPathFactory) -> Taped:
    """Nine seconds of three fake markets; Gate's connections are cut in the middle."""
    return trio.run(tape, tmp_path_factory.mktemp("taped") / "recording", clock=MockClock(autojump_threshold=0))
