"""`dnbot study` as a user types it, and the parts behind it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from study_series import lively, written_bars
from synthetic_capture import written

from dnbot.cli import commands
from dnbot.research import study as subject
from dnbot.research.study import on_bars, study
from dnbot.research.study_cases import main_cases, other_cases
from dnbot.research.study_text import json_of
from dnbot.research.study_words import StudyDataError

SHARED = Path(__file__).resolve().parents[2] / "../shared/data/market"
EVIDENCE = Path(__file__).resolve().parents[2] / "docs/evidence/study.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Histories of funding, a capture, and bars of three exchanges."""
    histories = tmp_path / "funding"
    histories.mkdir()
    for base in ("BTC", "ETH"):
        for venue, hours in (("gate", (0, 8, 16)), ("mexc", (3, 11, 19))):
            lines = [
                f"{base}-USDT,2023-11-{15 + number // 3:02d} {hours[number % 3]:02d}:00:00,0.0001"
                for number in range(30)
            ]
            path = histories / f"{base}-USDT_{venue}_history.csv"
            path.write_text("\n".join(["Symbol,Date,Funding Rate", *lines]) + "\n", encoding="utf-8")
    written(tmp_path / "binance_l2")
    return tmp_path


def run(*arguments: str) -> Any:
    """The command."""
    return CliRunner().invoke(commands, ["study", *arguments])


def test_a_part_is_told_and_written(folder: Path, tmp_path: Path) -> None:
    """Figures on the terminal, and all of them with the files that they come from in JSON."""
    done = run("--data", str(folder), "--part", "funding", "--json", str(tmp_path / "s.json"))
    assert done.exit_code == 0, done.output
    assert "FUNDING HISTORIES" in done.output
    assert "BTC mexc" in done.output
    told = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in told["funding"]] == ["BTC gate", "BTC mexc", "ETH gate", "ETH mexc"]
    assert [len(one["sha256"]) for one in told["files"]] == [64] * 4
    assert all(one["name"].startswith("funding/") for one in told["files"])
    assert told["bars"] is None
    assert told["books"] == []
    assert told["break_even_bps"]["OPEN_MEXC"] == 14


def test_histories_are_held_against_those_of_known_times(folder: Path) -> None:
    """Where bars with Binance's funding are there; rates that never change agree with nothing."""
    assert study(folder, ("funding",), 1, lambda _: None).agreement == {}
    written_bars(folder / "bars_8h" / "all_exchanges.csv")
    agreed = study(folder, ("funding",), 1, lambda _: None).agreement
    assert set(agreed) == {
        f"{base} {venue} {hours} h" for base in ("BTC",) for venue in ("gate", "mexc") for hours in ("-8", "+0", "+8")
    }


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["--part", "gate"], "none of the sets bars_8h, gate_futures_bars"), (["--part", "bars"], "none of the sets")],
)
def test_data_that_are_not_there_are_told(folder: Path, arguments: list[str], told: str) -> None:
    """One sentence and the exit code of a wrong option."""
    done = run("--data", str(folder), *arguments)
    assert done.exit_code == 2
    assert told in done.output
    assert "Traceback" not in done.output


def test_a_file_that_cannot_be_written_is_told_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is computed."""
    monkeypatch.setattr(subject, "study", lambda *_: pytest.fail("it began"))
    done = run("--data", str(folder), "--json", str(folder / ("x" * 300)))
    assert done.exit_code == 2
    assert "--json: found 'File name too long'" in done.output


def test_two_histories_of_one_contract_are_refused(folder: Path) -> None:
    """Which of them counts is not guessed."""
    (folder / "funding" / "BTC-USDT_gate_more.csv").write_text("Symbol,Date,Funding Rate\n", encoding="utf-8")
    with pytest.raises(StudyDataError, match="2 files of BTC on gate; one is needed"):
        study(folder, ("funding",), 1, lambda _: None)


@pytest.mark.slow
def test_every_case_is_judged_on_every_series() -> None:
    """With curves for the main ones, comparisons for two, and sums for all."""
    cases = [*main_cases(), *(case for group in other_cases().values() for case in group)]
    assert len({case.name for case in cases}) == len(cases)
    alone = msgspec.structs.replace(lively(60, 2), name="alone", one_spot=True)
    told: list[str] = []
    found = on_bars([lively(60, 1), alone], 1, told.append)
    assert len(told) == 2
    assert [(one.series, one.case) for one in found.judged] == [
        (name, case.name) for name in ("made", "alone") for case in cases
    ]
    assert {one.case for one in found.judged if one.curve} == {case.name for case in main_cases()}
    assert [one.case for one in found.summed] == [case.name for case in cases]
    assert [one.case for one in found.compared] == ["takers", "maker first"] * 2
    assert [one.series for one in found.sighted] == ["made"]
    assert {one.name for one in found.funding} == {"made", "alone"}
    assert all(one.hedged_pct_year == pytest.approx(3 * one.base_pct_year) for one in found.compared)


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="shared data absent")
def test_the_committed_figures_are_those_of_the_data() -> None:
    """Of two parts, recomputed whole; and the bytes of every file of the others."""
    kept = json.loads(EVIDENCE.read_text(encoding="utf-8"))
    found = json.loads(json_of(study(SHARED, ("funding", "books"), kept["seed"], lambda _: None)))
    assert (found["funding"], found["books"]) == (kept["funding"], kept["books"])
    everything = {(one["name"], one["sha256"]) for one in kept["files"]}
    assert {(one["name"], one["sha256"]) for one in found["files"]} <= everything
