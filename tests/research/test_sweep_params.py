"""`dnbot sweep-params`: its options, its text and its page."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from trial_kit import ENTRY, RATIO, SETTINGS, cells, figures, splits, trials

from dnbot.cli import commands
from dnbot.fakes.config import FakesConfig
from dnbot.research.comparison import RANKS
from dnbot.research.engines import PACKAGES
from dnbot.research.fees import fees_of
from dnbot.research.latency import MODELS
from dnbot.research.market_options import MarketOptions
from dnbot.research.parameter_page import page_of, text_of
from dnbot.research.parameter_study import Study, StudyOptions, studied
from dnbot.research.parameter_tables import CELLS_SHOWN
from dnbot.research.scheduler_process import ENGINES
from dnbot.research.trial_file import Identity
from dnbot.research.windows import Split

GRID = cells(**{ENTRY: "3,4,5,6,7,8,9", RATIO: "0.3,0.4,0.5,0.6,0.7"})
WINDOWS = splits(2)


def made(windows: tuple[Split, ...] = WINDOWS, *, failing: int | None = None) -> Study:
    """A study of a grid in which the last cell is best; one cell may have failed, with words that are HTML."""
    market = MarketOptions(data="x", symbol="BTC/USDT", latency=MODELS["far"])
    identity = Identity(
        version="1", python="3", source="abc", symbol="BTC/USDT", data=(), funding_sha256="", latency=market.latency,
        shown={"gate_spot": "<b>as it is</b>"}, fees=fees_of(FakesConfig()), seed=1, order_path="rest", speed=1.0,
        settings={},
    )
    options = StudyOptions(market=market, settings=SETTINGS, cells=GRID, evidence=Path("x"))
    found = trials(GRID, windows, lambda cell, _: None if cell.number == failing else figures(cell.number))
    return studied(options, windows, identity, found, interrupted=False)


def test_the_text_has_the_best_cell_its_test_and_the_warnings() -> None:
    """And as many cells as fit; how many more there are is said."""
    text = text_of(made())
    assert "chosen by each train window anew: on average +" in text
    assert f"chosen by the first one and kept: {ENTRY}=9 {RATIO}=0.7: " in text
    assert f"chosen by the newest: {ENTRY}=9 {RATIO}=0.7: " in text
    assert "they have no moment in common" in text
    assert f"at the end of what was tried of {ENTRY}, {RATIO}" in text
    assert "WALK-FORWARD: CHOSEN IN TRAIN, JUDGED IN TEST" in text
    assert f"{35 - CELLS_SHOWN} more are in the --json and --html files." in text
    assert "building the position anew" not in text
    assert "TRIALS WITHOUT FIGURES" not in text
    part = text_of(made(failing=2))
    assert "PARTIAL" in part
    assert "TRIALS WITHOUT FIGURES" in part
    untested = text_of(made(splits(0)))
    assert re.search(rf"best of all: {ENTRY}=9 {RATIO}=0.7: \+[0-9.]+, not tested", untested)
    assert "chosen by the" not in untested


class _Page(HTMLParser):
    """What a page loads, the names of its charts, and how many dots and boxes they have."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.charts: list[str] = []
        self.marks = {"circle": 0, "rect": 0}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loaded += [tag for key, _ in attrs if key in {"src", "href"}] + (["script"] if tag == "script" else [])
        self.charts += [dict(attrs).get("aria-label") or ""] if tag == "svg" else []
        if tag in self.marks:
            self.marks[tag] += 1


def test_the_page_has_its_charts_and_needs_nothing_else() -> None:
    """Train against test, four figures over each setting, and the pair as a map: a mark for each cell."""
    page = _Page()
    text = page_of(made())
    page.feed(text)
    assert page.loaded == []
    assert len(page.charts) == 1 + 2 * 4 + 1
    assert [name.split(" ")[0] for name in page.charts[:2]] == ["Each", "Profit"]
    assert page.marks == {"circle": 35 + 2 * 4 * 2 * 35, "rect": 35}
    assert "<b>as it is</b>" not in text
    assert "&lt;b&gt;as it is" in text


def test_the_page_of_a_study_without_figures_is_a_page() -> None:
    """Charts without a mark are left out."""
    page = _Page()
    study = made()
    options = StudyOptions(market=MarketOptions(data="x", symbol="BTC/USDT", latency=MODELS["far"]), settings=SETTINGS,
                           cells=GRID, evidence=Path("x"))
    empty = studied(options, WINDOWS, study.identity, {}, interrupted=True)
    page.feed(page_of(empty))
    assert page.charts == []
    assert "PARTIAL: interrupted" in text_of(empty)


def test_the_choices_of_the_command_are_those_of_the_code() -> None:
    """Ranks and engines."""
    choices = {option.name: option.type for option in commands.commands["sweep-params"].params}
    assert list(choices["rank_by"].choices) == list(RANKS)  # type: ignore[attr-defined]  # a click.Choice
    assert list(choices["engine"].choices) == ["local", *PACKAGES] == ["local", *ENGINES]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("arguments", "said"), [
    (["--param", "foo=1"], "a key of [strategy]"),
    (["--param", f"{ENTRY}=1"], "allow_losing_thresholds"),
    ([], "--space FILE"),
    (["--param", f"{ENTRY}=3,5", "--html", "/" + "x" * 300], "a file that can be written"),
    (["--param", f"{ENTRY}=3,5", "--latency-model", "near"], "loopback, regional, far"),
    (["--param", f"{ENTRY}=3,5"], "no such file or folder"),
])  # fmt: skip
def test_options_that_cannot_be_are_refused(tmp_path: Path, arguments: list[str], said: str) -> None:
    """Exit code 2, a sentence, and no evidence."""
    evidence = tmp_path / "e.jsonl"
    ended = CliRunner().invoke(
        commands, ["sweep-params", "--data", str(tmp_path / "none"), "--evidence", str(evidence), *arguments]
    )
    assert ended.exit_code == 2, ended.output
    assert said in ended.output
    assert not evidence.exists()


@pytest.mark.slow
def test_a_study_as_its_user_makes_it(recording: Path, tmp_path: Path) -> None:
    """Two trials of the smallest recording; a second run finds them there, and writes the same comparison."""
    arguments = ["sweep-params", "--data", str(recording), "--param", f"{ENTRY}=3", "--latency-model", "loopback",
                 "--splits", "1", "--train-tests", "1", "--evidence", str(tmp_path / "e.jsonl")]
    first = CliRunner().invoke(commands, [*arguments, "--json", str(tmp_path / "1.json"), "--jobs", "1"])
    assert first.exit_code == 0, first.output
    again = CliRunner().invoke(commands, [*arguments, "--resume", "--json", str(tmp_path / "2.json")])
    assert again.exit_code == 0, again.output
    assert "2 of 2 trials are in" in again.output
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()
