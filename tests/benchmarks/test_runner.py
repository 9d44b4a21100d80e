"""The command `./dnbot bench`: what it accepts, prints and writes, and that contenders take turns."""

from __future__ import annotations

import json
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import attrs
import pytest
from suite import runner
from suite.children import lines
from suite.measuring import Effort, each_us, interleaved
from suite.profiles import profiled, top_lines, unprofiled
from suite.table import table
from suite.target import Target

MET = Target("1 quick", "us", 1.0, limit=2)
MISSED = Target("2 slow", "us", 3.0, limit=2, detail="because")


def run(monkeypatch: pytest.MonkeyPatch, targets: list[Target], *arguments: str) -> int:
    """The command, with one module that measures nothing and says this."""
    monkeypatch.setitem(sys.modules, "suite.said", SimpleNamespace(measure=lambda effort: targets))
    monkeypatch.setattr(runner, "MEASURES", ("said",))
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    return runner.main()


def test_contenders_take_turns_and_none_always_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once a round, each round begins with another, and the garbage of one is gone before the next."""
    order: list[str] = []

    def contend(name: str) -> dict[str, float]:
        order.append(name)
        return {"n": len(order) / 2}

    monkeypatch.setattr("suite.measuring.gc.collect", lambda: order.append("."))
    rounds = interleaved(3, {name: partial(contend, name) for name in "abc"})
    assert "".join(order) == ".a.b.c.b.c.a.c.a.b"
    assert rounds.values("a", "n") == [1, 6, 8]


def test_calls_are_numbered_and_warmed_up() -> None:
    """A tenth before, which do not count, with numbers of their own."""
    numbers: list[int] = []
    figures = each_us(numbers.append, 20)
    assert numbers == [-1, -2, *range(20)]
    assert 0 <= figures["p50"] <= figures["p99"]


def test_an_effort_scales_every_number_but_never_to_nothing() -> None:
    """A trial runs everything at least once."""
    assert Effort(share=0.5).times(10) == 5
    assert Effort(share=0.01).times(10) == 1


def test_a_table_shows_every_miss_with_its_detail() -> None:
    """The verdict stands in its row, the reason under it, and the sum at the end."""
    text = table({"python": "3.11"}, [MET, MISSED])
    quick, slow, detail = text.splitlines()[-5:-2]
    assert text.startswith("python: 3.11\n")
    assert quick.startswith("1 quick")
    assert quick.endswith("met")
    assert slow.startswith("2 slow")
    assert slow.endswith("MISSED")
    assert detail == "    because"
    assert text.endswith("1 met, 1 missed")


@pytest.mark.parametrize(("targets", "code"), [([MET], 0), ([MET, MISSED], 1)])
def test_the_exit_code_and_the_file_say_what_was_missed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], targets: list[Target],
    code: int,
) -> None:
    """Scripts need not read the table."""
    path = tmp_path / "out.json"
    assert run(monkeypatch, targets, "--only", "said", "--json", str(path)) == code
    written = json.loads(path.read_text(encoding="utf-8"))
    assert [target["met"] for target in written["targets"]] == [target.met for target in targets]
    assert "build" in written["machine"]
    assert "trial" not in written["machine"]
    assert "build: " in capsys.readouterr().out


def test_a_miss_is_told_with_its_profile_and_a_hit_is_not_profiled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was measured is done once more, where that can be done."""
    done: list[str] = []

    def slow_part() -> None:
        done.append("missed")

    targets = [attrs.evolve(MISSED, again=slow_part), attrs.evolve(MET, again=partial(done.append, "met")), MISSED]
    path = tmp_path / "out.json"
    run(monkeypatch, targets, "--only", "said", "--json", str(path))
    assert done == ["missed"]
    first, *others = json.loads(path.read_text(encoding="utf-8"))["targets"]
    assert any("slow_part (test_runner.py:" in line for line in first["profile"])
    assert [target["profile"] for target in others] == [[], []]
    assert f"        {first['profile'][0]}\n" in capsys.readouterr().out


def test_a_trial_says_that_its_figures_do_not_count(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the page where they stand."""
    run(monkeypatch, [MET], "--only", "said", "--trial")
    assert "too few repetitions" in capsys.readouterr().out


def test_what_takes_long_runs_when_it_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And in a trial, which has to see that everything runs."""
    monkeypatch.setattr(runner, "LONG", ("said",))
    for arguments, runs in ((), False), (("--only", "said"), True), (("--trial",), True):
        run(monkeypatch, [MET], *arguments)
        assert ("1 quick" in capsys.readouterr().out) is runs


@pytest.mark.slow
def test_a_file_keeps_what_the_same_source_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Targets of other modules stay, those of the same are replaced; of another source or a trial nothing stays."""
    path = tmp_path / "out.json"

    def names() -> list[str]:
        return [target["name"] for target in json.loads(path.read_text(encoding="utf-8"))["targets"]]

    monkeypatch.setitem(sys.modules, "suite.other", SimpleNamespace(measure=lambda effort: [MET]))
    run(monkeypatch, [MISSED], "--json", str(path))
    monkeypatch.setattr(runner, "MEASURES", ("said", "other"))
    monkeypatch.setattr(sys, "argv", ["bench", "--only", "other", "--json", str(path)])
    runner.main()
    assert names() == ["2 slow", "1 quick"]
    run(monkeypatch, [MET], "--json", str(path))
    assert names() == ["1 quick", "1 quick"]
    monkeypatch.setattr(runner, "source", lambda: "another")
    run(monkeypatch, [MISSED], "--json", str(path))
    assert names() == ["2 slow"]
    run(monkeypatch, [MET], "--trial", "--json", str(path))
    assert names() == ["1 quick"]


def test_sizes_are_asked_for_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What was given counts; else a trial is small and the rest whole."""
    efforts: list[Effort] = []

    def measure(effort: Effort) -> list[Target]:
        efforts.append(effort)
        return []

    monkeypatch.setitem(sys.modules, "suite.said", SimpleNamespace(measure=measure))
    monkeypatch.setattr(runner, "MEASURES", ("said",))
    for arguments in ([], ["--trial"], ["--trial", "--rows", "7", "--recordings", str(tmp_path)]):
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        runner.main()
    assert [effort.size("rows", full=100, trial=3) for effort in efforts] == [100, 3, 7]
    assert [effort.recordings for effort in efforts] == [None, None, tmp_path]


def test_what_a_child_prints_comes_line_by_line_and_its_failure_is_told() -> None:
    """One that ends well, a line and the end of its answer; and one that cannot be."""
    assert list(lines("figures:shown", 1234.5)) == ["1,234"]
    with pytest.raises(RuntimeError, match=r"figures:nobody ended with 1"):
        list(lines("figures:nobody"))


@pytest.mark.slow
def test_a_profile_leaves_out_what_is_preparation() -> None:
    """Also around the measured work, and a measurement that is not profiled is the same."""
    def preparing() -> int:
        return sum(number % 7 for number in range(300_000))

    def measured() -> int:
        return sum(number % 5 for number in range(100_000))

    def work() -> None:
        with unprofiled():
            preparing()
            with profiled():
                measured()
            preparing()

    lines = "\n".join(top_lines(work))
    assert "measured" in lines
    assert "preparing" not in lines
    assert "preparing" in "\n".join(top_lines(preparing))
    work()


@pytest.mark.parametrize(("arguments", "text"), [
    (["--only", "said,nothing"], "no target named nothing; there are said"), (["--rounds", "4"], "at least 5"),
    (["--rows", "0"], "at least 1"),
])
def test_what_cannot_be_measured_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    """Unknown names, and too few rounds for a median."""
    with pytest.raises(SystemExit):
        run(monkeypatch, [], *arguments)
    assert text in capsys.readouterr().err


@pytest.mark.parametrize("name", runner.MEASURES)
def test_every_target_is_a_module_that_measures(name: str) -> None:
    """Importing it needs no peer: those are imported when they run."""
    assert callable(import_module(f"suite.{name}").measure)
