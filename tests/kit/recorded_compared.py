"""What a backtest finds again of a live run, as JSON: `python tests/kit/recorded_compared.py LATENCY SECONDS`."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from decimal import Decimal, getcontext
from pathlib import Path
from typing import Any

from recorded_live import found_again, live_and_record

from dnbot.config import load_settings
from dnbot.domain.messages import ExecutionClosed
from dnbot.domain.units import PRECISION
from dnbot.fakes.config import FakesConfig
from dnbot.research.backtest import BacktestOptions, backtest
from dnbot.research.latency import MODELS
from dnbot.research.recordings import RecordingData
from dnbot.research.replay_run import ReplayOptions, replay
from dnbot.resources import config_dir

STEP = Decimal("0.01")


def compared(name: str, seconds: int) -> dict[str, Any]:
    """One live run and the backtest of its recording, with the same delays. Pairs: live, backtest."""
    params = load_settings(config_dir() / "demo.toml").strategy
    with tempfile.TemporaryDirectory(prefix="dnbot-evidence-") as folder:
        out, journal = Path(folder) / "recording", Path(folder) / "journal"
        live = live_and_record(out, params, seconds, model=MODELS[name], journal=journal)
        again = replayed(journal, out)
        source = RecordingData.of(out, "BTC/USDT", live.begin)
        result = backtest(BacktestOptions(source, params, MODELS[name], FakesConfig(), until_s=seconds))
        size = sum(file.stat().st_size for file in out.iterdir())
    found = found_again(live.witness.executions, result.executions, source.looked.price)
    apart = found.edges_off_bps
    return {
        "latency": name,
        "recording_bytes": size,
        "books": sum(source.looked.books.values()),
        "opportunities": [live.opportunities, result.opportunities_seen],
        "executions": [found.live, found.of_backtest],
        "found_again": found.again,
        "net_quote": [_sum(live.witness.executions), _sum(result.executions)],
        "edges_off_bps": {
            "median": _rounded(apart[len(apart) // 2]), "p90": _rounded(apart[len(apart) * 9 // 10]),
            "max": _rounded(apart[-1]),
        },
        "ledger_residual": sorted({left for of in result.ledger_residual.values() for left in of.values()}),
        "replay": again,
        "times_real_time": result.speed,
        "source": result.source,
    }


def replayed(journal: Path, recording: Path) -> dict[str, Any]:
    """The machine of the live run, run again from its journal, and its books beside the recorded frames."""
    found = replay(ReplayOptions(journal, recording=recording))
    assert found.books is not None
    return {
        "identical": found.identical,
        "events": found.events,
        "commands": found.commands,
        "contexts": found.contexts,
        "books": {venue: [of.seen, of.compared, of.unlike] for venue, of in found.books.items()},
        "journal_bytes": sum(file.stat().st_size for file in journal.iterdir()),
        "source": found.our_source,
    }


def _sum(executions: Sequence[ExecutionClosed]) -> str:
    return _rounded(sum((one.net_quote for one in executions), Decimal(0)))


def _rounded(value: Decimal) -> str:
    return f"{value.quantize(STEP):f}"


if __name__ == "__main__":
    getcontext().prec = PRECISION
    json.dump(compared(sys.argv[1], int(sys.argv[2])), sys.stdout)
