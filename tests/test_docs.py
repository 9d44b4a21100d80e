"""What the documents say is what the code does, wherever the two can be compared."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from dnbot import cli
from dnbot.fakes import control
from dnbot.lab.drills_fleet_strikes import STAGES
from dnbot.lab.sweep import MANNERS
from dnbot.lab.sweep_sagas import SAGAS
from dnbot.operate import control_client
from dnbot.ports import channels
from dnbot.research.study_cases import MEASURED
from dnbot.strategy import leaving
from dnbot.strategy.states import StrategyState, TradingMode

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "src" / "dnbot"
PAGES = ["README.md", *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))]


def page(name: str) -> str:
    """The text of one document."""
    return (ROOT / name).read_text(encoding="utf-8")


def evidence_maker(name: str = "make") -> ModuleType:
    """A script of docs/evidence as a module."""
    spec = importlib.util.spec_from_file_location(f"evidence_{name}", ROOT / "docs" / "evidence" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_excerpts_in_the_readme_are_those_of_the_evidence() -> None:
    """No figure of a run is typed by hand: renewing the excerpts from the evidence changes nothing."""
    text = page("README.md")
    assert text.count("<!-- evidence: ") == 3
    assert evidence_maker().with_excerpts(text) == text


def test_the_tables_of_performance_are_those_of_its_evidence() -> None:
    """Page and pictures follow from the runs that are kept; what was missed says so and why."""
    maker = evidence_maker("make_performance")
    text, runs, lasting = page("docs/performance.md"), maker.kept_runs(), maker.lasting_evidence()
    reasons = tomllib.loads(page("docs/evidence/performance_reasons.toml"))["reason"]
    assert text.count("<!-- evidence: ") == 4
    assert maker.with_tables(text, runs, lasting, reasons) == text
    assert maker.picture(runs) == page("docs/evidence/performance.svg")
    if lasting is not None:
        assert "trial" not in lasting["machine"]
        assert not maker.has_curves(lasting) or maker.curves(lasting) == page("docs/evidence/growth.svg")
    assert all(f"**{one['name']}**" in text for one in maker.judged(runs) if not maker.is_met(one))
    assert "deepcopy" not in text  # profiles are of what is measured, and not of what a benchmark prepares


def test_the_study_says_what_its_figures_say() -> None:
    """Tables, conclusion and pictures follow from the JSON; what the sentences around them claim holds in it."""
    maker, evidence = evidence_maker("make_study"), json.loads(page("docs/evidence/study.json"))
    text = page("docs/study.md")
    assert maker.with_tables(text, evidence) == text
    drawn = evidence_maker("make_study_pictures")
    for draw, path in ((drawn.curves, drawn.CURVES), (drawn.ranges, drawn.RANGES), (drawn.years, drawn.YEARS)):
        assert draw(evidence) == path.read_text(encoding="utf-8")
        assert f"(evidence/{path.name})" in text
    bars, gate = evidence["bars"], evidence["gate"]
    sums = {(part, one["case"]): one for part in ("bars", "gate") for one in evidence[part]["summed"]}
    # A plain hedged position collects more, in the median and in every series that was compared.
    for part in (bars, gate):
        assert all(one["more_pct_year"] < 0 for one in part["compared"])
    # Even without any fee; before fees the defaults lose against doing nothing; longer holds help.
    assert all(sums[part, "takers, no fees at all"]["profit_median"] < sums[part, "hedged, no trades"]["profit_median"]
               for part in ("bars", "gate"))
    gross, plain = sums["bars", "3 and -2 before fees"], sums["bars", "takers"]
    assert gross["profit_median"] < plain["profit_median"]
    assert gross["executions_per_year"] > 5 * plain["executions_per_year"]
    assert sums["bars", "168 h"]["profit_median"] > plain["profit_median"] > sums["bars", "8 h"]["profit_median"]
    # The model of a resting leg is rounded from what is measured, and the fee saved is more than it loses.
    resting = [one["resting"] for one in evidence["books"]]
    assert MEASURED.fill_probability == pytest.approx(min(one["fill_share"] for one in resting), abs=0.05)
    assert float(MEASURED.loss_bps) == pytest.approx(sum(one["loss_bps_mean"] for one in resting) / 2, abs=0.05)
    assert all(0 < one["loss_bps_mean"] < 5 for one in resting)


def test_the_table_of_the_crash_sweep_is_that_of_its_evidence() -> None:
    """Every saga was swept whole, at each checkpoint in each manner, and of one source."""
    maker, evidence = evidence_maker("make_crashes"), json.loads(page("docs/evidence/crashes.json"))
    text = page("docs/simulation-crashes.md")
    assert text.count("<!-- evidence: ") == 1
    assert maker.with_tables(text, evidence) == text
    sagas = evidence["sagas"]
    assert [one["saga"] for one in sagas] == list(SAGAS)
    assert all(one["done"] and one["every"] == 1 and not one["problems"] for one in sagas)
    assert all(one["crashes"] == len(MANNERS[one["manner"]]) * one["checkpoints"] for one in sagas)
    assert len({one["code"] for one in sagas}) == 1


def test_the_tables_of_scaling_are_those_of_its_evidence() -> None:
    """The page follows from the JSON, or says that there is none yet."""
    maker, text = evidence_maker("make_scaling"), page("docs/scaling.md")
    assert text.count("<!-- evidence: ") == 6
    assert maker.with_tables(text, maker.kept()) == text


def test_the_table_of_the_speed_of_backtests_is_that_of_its_evidence() -> None:
    """Two plays of the same data gave the same hash, and every moment of the third one was in a room that is named."""
    maker, text = evidence_maker("make_backtest"), page("docs/backtest.md")
    evidence = maker.kept()
    assert maker.with_table(text, evidence) == text
    assert evidence["same_hash"]
    assert set(evidence["moments"]) <= {told for _, _, told in maker.ROOMS} | {maker.LOOP}


def test_the_tables_of_fleets_are_those_of_their_evidence() -> None:
    """The page follows from the JSON; each run has a trace of its own, and what failed is named."""
    maker, text = evidence_maker("make_fleet"), page("docs/fleet.md")
    evidence = maker.kept()
    assert text.count("<!-- evidence: ") == 2
    assert maker.with_tables(text, evidence) == text
    summary = evidence["simulation"]["summary"]
    assert summary["runs"] == summary["distinct_hashes"] == len(evidence["simulation"]["runs"]) >= 300
    assert summary["failed"] == [run["seed"] for run in evidence["simulation"]["runs"] if run["violations"]]
    assert all(summary["checks"][invariant] > 1000 for invariant in ("I8", "I16"))
    assert len(evidence["drills"]) >= 3
    for drill in evidence["drills"]:
        assert {stage["stage"] for stage in drill["stages"]} == set(STAGES)
        assert drill["orders"] >= 200


def test_the_table_of_recorded_runs_is_that_of_its_evidence() -> None:
    """What a backtest finds again of a recorded live run, with a ledger that closes."""
    maker, evidence = evidence_maker("make_recorded"), json.loads(page("docs/evidence/recorded.json"))
    text = page("docs/backtest.md")
    assert text.count("<!-- evidence: ") == 2
    assert maker.with_table(text, "recorded", maker.table(evidence)) == text
    assert [run["ledger_residual"] for run in evidence["runs"]] == [["0"], ["0"]]
    assert all(run["found_again"] <= min(run["executions"]) for run in evidence["runs"])


def test_the_table_of_a_replayed_run_is_that_of_its_evidence() -> None:
    """The same to the last command, and every book that was compared the same."""
    maker, evidence = evidence_maker("make_recorded"), json.loads(page("docs/evidence/replayed.json"))
    text = page("docs/replay.md")
    assert text.count("<!-- evidence: ") == 1
    assert maker.with_table(text, "replayed", maker.replay_table(evidence)) == text
    assert evidence["identical"] is True
    assert evidence["seconds"] >= 7200
    assert evidence["commands"] > evidence["executions"] > 100
    assert all(unlike == 0 < compared <= seen for seen, compared, unlike in evidence["books"].values())


def test_the_tables_of_the_simulation_are_those_of_its_evidence() -> None:
    """Page and picture follow from the JSON; each run has its own trace, and those that failed are named."""
    maker, evidence = evidence_maker("make_simulation"), json.loads(page("docs/evidence/simulation.json"))
    text = page("docs/simulation.md")
    assert text.count("<!-- evidence: ") == 3
    assert maker.with_tables(text, evidence) == text
    assert maker.picture(evidence["summary"]["by_fault"]) == page("docs/evidence/simulation.svg")
    summary = evidence["summary"]
    assert all(f"{seed}" in text for seed in (*summary["failed"], *summary["idle"]))
    assert summary["runs"] == summary["distinct_hashes"] == len(evidence["runs"])


def test_the_evidence_is_of_a_clean_run_whose_ledger_closes() -> None:
    """The run that the documents show ended cleanly, and left nothing of the venues' balances unexplained."""
    summary = json.loads(page("docs/evidence/run_60s.json"))["summary"]
    assert (summary["exit_code"], summary["open_orders_final"], summary["adjustments"]) == (0, 0, 0)
    residuals = [value for assets in summary["ledger_residual"].values() for value in assets.values()]
    assert residuals
    assert set(residuals) == {"0"}
    assert summary["market"]["real"] is False


@pytest.mark.parametrize("name", PAGES)
def test_every_link_between_documents_leads_somewhere(name: str) -> None:
    """A relative link names a file or folder that is there."""
    links = re.findall(r"\]\((?!https?://)([^)#]+)", page(name))
    assert [link for link in links if not ((ROOT / name).parent / link).exists()] == []


def test_every_path_that_the_readme_names_is_there() -> None:
    """Files in backquotes exist."""
    paths = re.findall(r"`((?:src|docs|config|tests)/[\w./]+)`", page("README.md"))
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_commands_that_documents_name_exist() -> None:
    """Each `dnbot COMMAND` is one, and the README names every command."""
    known = set(cli.commands.commands)
    command = re.compile(r"(?:`|\./|^    )dnbot ([a-z][a-z-]+)", re.MULTILINE)
    named = {word for name in PAGES for word in command.findall(page(name))}
    assert {"run", "check", "fakes", "test"} <= named
    assert named - known == {"test", "conformance", "bench"}  # what the starter in the checkout's root does itself
    readme = page("README.md")
    assert [name for name in known - {"db", "version"} if not re.search(rf"`{name}`|dnbot {name}", readme)] == []


def test_the_fakes_as_a_process_are_told() -> None:
    """docs/testing.md has every option of `dnbot fakes` and every control path, and no other."""
    section = page("docs/testing.md").partition("## The fakes as a process")[2].partition("\n## ")[0]
    rows = " ".join(re.findall(r"^\| (`--.*?) \|", section, re.MULTILINE))
    assert set(re.findall(r"--[a-z-]+", rows)) == {option.opts[0] for option in cli.commands.commands["fakes"].params}
    paths = set(re.findall(r"/__dnbot__/([a-z]+)", section))
    assert paths == set(re.findall(r"/__dnbot__/([a-z]+)", control.__doc__ or ""))


@pytest.mark.slow
def test_every_alert_has_its_line() -> None:
    """Each key that the code raises is in the table of docs/operations.md with its level, and no other is."""
    listed = dict(re.findall(r"^\| `([a-z_]+)(?::\*)?` \| ([a-z ]+) \|", page("docs/operations.md"), re.MULTILINE))
    listed = {key: level for key, level in listed.items() if level.split()[0] in {"critical", "warning", "info"}}
    raised: dict[str, set[str]] = {}
    for path in SRC.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _raises_an_alert(node.func, path):
                level, key = (re.match(r"f?'([a-z_]+)", ast.unparse(argument)) for argument in node.args[:2])
                assert level is not None, ast.unparse(node)
                assert key is not None, ast.unparse(node)
                raised.setdefault(key[1], set()).add(level[1])
    assert {key: set(level.split(" or ")) for key, level in listed.items()} == raised


def _raises_an_alert(called: ast.expr, path: Path) -> bool:
    """`turn.alert(level, key, ...)` anywhere, and what makes a monitor's reading."""
    if isinstance(called, ast.Attribute):
        return called.attr == "alert"
    makes = path.parent.name == "monitor" and path.name != "readings.py"
    return makes and isinstance(called, ast.Name) and called.id in {"over", "under", "when"}


def test_every_exit_code_has_its_line() -> None:
    """The table of exit codes in docs/operations.md has those of the code and no other."""
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", page("docs/operations.md"), re.MULTILINE)}
    known = {
        value
        for module in (cli, control_client, leaving)
        for name, value in vars(module).items()
        if name.startswith("EXIT_") and isinstance(value, int)
    }
    assert listed == known | {0}


def test_the_limits_of_the_channels_are_those_of_the_code() -> None:
    """docs/architecture.md has each channel with its limit."""
    row = re.compile(r"^\| (\w+)(?:, per venue)? \| [^|]+ \| (\d+) \|", re.MULTILINE)
    rows = dict(row.findall(page("docs/architecture.md")))
    assert {name: int(limit) for name, limit in rows.items()} == {
        "inbox": channels.INBOX_LIMIT,
        "executions": channels.EXECUTION_LIMIT,
        "orders": channels.ORDERS_LIMIT,
        "records": channels.RECORDS_LIMIT,
    }


def test_the_rooms_are_those_of_the_code() -> None:
    """docs/architecture.md lists every room of src/dnbot, in the order that the import contract has."""
    rows = re.findall(r"^\| `(\w+)(?:/|\.py)` \|", page("docs/architecture.md"), re.MULTILINE)
    layers = re.findall(r'^    "\((\w+)\)",$', page("pyproject.toml"), re.MULTILINE)
    assert rows == [layer for layer in reversed(layers) if layer not in {"resources", "__main__"}]


def test_the_words_of_operations_are_the_codes() -> None:
    """Every trading mode is explained, and every state that a document names exists."""
    text = page("docs/operations.md")
    assert [mode.name for mode in TradingMode if mode.name not in text] == []
    state = re.compile(r"\b[A-Z]+(?:_[A-Z]+)?_(?:RECOVERY|ACTIVE|SPREADS|ARBITRAGE|DELTA|NEUTRAL)\b")
    named = {word for name in PAGES for word in state.findall(page(name))}
    assert named - {state.name for state in StrategyState} == set()


def test_the_glossary_is_in_order() -> None:
    """Each word once, by the alphabet."""
    words = [row.split(" | ")[0].lower() for row in page("docs/glossary.md").splitlines()[6:]]
    assert words == sorted(set(words))
