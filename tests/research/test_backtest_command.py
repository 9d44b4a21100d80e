"""`dnbot backtest` as a user types it, and what it leaves."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from synthetic_capture import written

from dnbot.cli import commands
from dnbot.research import backtest_command as subject
from dnbot.research.backtest_command import EXIT_PARTIAL, pace_text

pytestmark = pytest.mark.slow
BTC = "BTC/USDT"


def test_everything_that_the_figures_depend_on_is_in_the_result(made: dict[str, Any]) -> None:
    """Data, mapping, delays, fees, settings, seed, source and assumptions; and nothing is unexplained."""
    told = made["json"]
    assert [len(file["sha256"]) for file in told["data"]] == [64, 64]
    assert told["shown"]["mexc_spot"].endswith("200 ms later, spread +1 bps, prices -60 bps")
    assert told["shown"]["gate_spot"].endswith("as it is")
    assert "nothing is paid" in told["shown"]["funding"]
    assert told["latency"]["venues"]["mexc_spot"]["order"] == {"median_ms": 0.1, "p99_ms": 0.5}
    assert told["fees"]["gate_spot"] == ["0.002", "0.002"]
    assert told["settings"]["base_position_size"] == "0.06"
    assert any("no impact" in text for text in told["assumptions"])
    assert (told["seed"], told["partial"], told["symbol"]) == (1, False, BTC)
    assert (len(told["source"]), len(told["trace_hash"])) == (12, 64)
    left = {value for assets in told["ledger_residual"].values() for value in assets.values()}
    assert left == {"0"}


def test_what_happened_is_in_the_result(made: dict[str, Any]) -> None:
    """Executions that earned, what was declined, delta, and the virtual time, which is in that of the recording."""
    told = made["json"]
    earned = [one for one in told["executions"] if one["purpose"] == "entry" and Decimal(one["net_quote"]) > 0]
    assert earned
    assert told["opportunities_seen"] >= len(earned)
    assert sum(told["declined"].values()) > 0
    assert told["virtual_s"] == pytest.approx(13.7, abs=0.1)
    assert all(told["begin_ns"] < fill["traded_at_ns"] < told["begin_ns"] + 16 * 10**9 for fill in told["fills"])
    assert told["levels_checked"] > 1_000


def test_the_text_says_the_same(made: dict[str, Any]) -> None:
    """The hash, the profit, the mapping, the assumptions."""
    told, text = made["json"], made["output"]
    assert told["trace_hash"][:16] in text
    assert "prices -60 bps" in text
    assert "own orders have no impact" in text
    assert re.search(r"^realised +[+-]", text, re.MULTILINE)
    assert "PARTIAL" not in text


class _Page(HTMLParser):
    """What a page loads, and the names of its charts."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.charts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.loaded += [f"{tag} {value}" for key, value in attrs if key in {"src", "href"} and value]
        self.loaded += ["script"] if tag == "script" else []
        self.charts += [found.get("aria-label") or ""] if tag == "svg" else []


def test_the_page_needs_nothing_else_and_has_its_charts(made: dict[str, Any]) -> None:
    """Equity, basis and executions; no script, no address."""
    page = _Page()
    page.feed(made["html"])
    assert page.loaded == []
    assert [name.split(" ")[0] for name in page.charts] == ["Equity", "Basis:", "Net"]
    assert made["json"]["trace_hash"][:16] in made["html"]


@pytest.mark.parametrize(("arguments", "said"), [
    (["--latency-model", "near"], "loopback, regional, far"),
    (["--map", "kraken=spot"], "venues are gate_spot"),
    (["--fees", "gate_spot=9"], "VENUE=MAKER:TAKER"),
    (["--fees", "gate_spot=9:101"], "bps from 0 to 100"),
    (["--speed", "2"], "no such option: recorded books are played as they were, from their beginning"),
    (["--from", "2024-08-09T14:00"], "--from"),
    (["--from", "2024-08-09T14:00"], "recorded books are played as they were, from their beginning"),
    (["--exchange", "okx"], "--exchange"),
    (["--json", "/" + "x" * 300], "a file that can be written"),
])  # fmt: skip
def test_options_that_cannot_be_are_refused_before_anything_runs(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    """Exit code 2 and a sentence."""
    data = written(tmp_path / "r", steps=30)
    ended = CliRunner().invoke(commands, ["backtest", "--data", str(data), *arguments])
    assert ended.exit_code == 2, ended.output
    assert said in ended.output


def test_ctrl_c_ends_in_order_with_what_there_is(
    tmp_path: Path, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one: the bot leaves, the figures are marked as partial, and so is the exit code."""
    shown = pace_text

    def interrupting(done_s: float, whole_s: float, elapsed_s: float) -> str:
        if done_s >= 2.0:
            signal.raise_signal(signal.SIGINT)
            monkeypatch.setattr(subject, "pace_text", shown)
        return shown(done_s, whole_s, elapsed_s)

    monkeypatch.setattr(subject, "pace_text", interrupting)
    before: Callable[..., Any] | int | None = signal.getsignal(signal.SIGINT)
    file = tmp_path / "part.json"
    ended = CliRunner().invoke(commands, ["backtest", "--data", str(recording), "--json", str(file)])
    assert ended.exit_code == EXIT_PARTIAL, ended.output
    assert "PARTIAL: interrupted" in ended.output
    assert '"partial": true' in file.read_text()
    assert signal.getsignal(signal.SIGINT) is before


def test_the_pace_is_told_with_what_is_left() -> None:
    """Speed and time."""
    assert pace_text(120.0, 340.0, 10.0) == "120 of 340 s, 12.0 times real time, about 18 s left"
    assert pace_text(0.0, 340.0, 0.0) == "0 of 340 s"


@pytest.mark.parametrize("command", ["backtest", "sweep-params"])
@pytest.mark.parametrize("option", ["--json", "--html"])
def test_a_file_that_cannot_be_written_is_found_before_the_work(tmp_path: Path, command: str, option: str) -> None:
    """Not after an hour of it."""
    unwritable = str(tmp_path / ("x" * 300))
    more = ["--evidence", str(tmp_path / "e.jsonl"), "--param", "arbitrage_entry_threshold_bps=1,2"]
    arguments = [command, "--data", str(tmp_path), option, unwritable, *(more if command == "sweep-params" else [])]
    told = CliRunner().invoke(commands, arguments)
    assert told.exit_code == 2
    assert f"{unwritable}: {option}: found 'File name too long'" in told.output
    assert list(tmp_path.iterdir()) == []
