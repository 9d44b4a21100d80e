"""The page of several runs: which is shown, what counts as met, and that nothing is missed without a reason."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from suite.target import Target

MAKER = Path(__file__).resolve().parents[2] / "docs" / "evidence" / "make_performance.py"
PAGE = "".join(f"<!-- evidence: {name} -->\nold\n<!-- end -->\n" for name in ("machine", "targets", "long", "missed"))
REASON = {"targets": ["slow"], "why": "It waits.\n"}


def loaded() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("make_performance", MAKER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


maker = loaded()


def run(quick: float = 1.0, slow: float = 30.0, source: str = "a", more: Sequence[Target] = ()) -> dict[str, Any]:
    """A run of two targets: at most 2 us and at most 20 us."""
    targets = [
        Target("quick", "us", quick, limit=2),
        Target("slow", "us", slow, limit=20, detail=f"round {slow}", profile=("99%        7 work (a.py:1)",)), *more,
    ]
    machine = {"python": "CPython", "load": f"{slow:.2f}"}
    return {"machine": machine, "targets": [one.record() for one in targets], "kept": {"mark": {"source": source}}}


def shown(*runs: dict[str, Any], reasons: Sequence[dict[str, Any]] = (REASON,)) -> str:
    """The page that these runs make."""
    text: str = maker.with_tables(PAGE, runs, None, reasons)
    return text


def row(text: str, name: str) -> list[str]:
    """The cells of a target."""
    return next([cell.strip() for cell in line.split("|")][1:-1] for line in text.splitlines() if f"| {name} |" in line)


def test_the_run_in_the_middle_is_shown_with_the_spread_of_all() -> None:
    """Whatever their order, and how many of them met each target."""
    text = shown(run(slow=40.0), run(slow=18.0, quick=1.5), run(slow=30.0))
    assert row(text, "slow")[1:3] == ["30 us", "18..40"]
    assert row(text, "slow")[-1] == "**missed**, met in 1 of 3"
    assert row(text, "quick")[1:3] == ["1 us", "1..1.5"]
    assert row(text, "quick")[-1] == "met"
    assert "1 of 2 met in every one of 3 runs." in text
    assert "| load | 40.00; 18.00; 30.00 |" in text
    assert maker.median_run([run(slow=18.0), run(slow=40.0)])["targets"][1]["measured"] == 40.0  # of two, the worse


def test_one_run_is_a_page_too() -> None:
    """Then nothing is said of others."""
    text = shown(run())
    assert row(text, "slow")[-1] == "**missed**"
    assert "1 of 2 met.\n" in text


def test_what_was_missed_is_told_with_its_reason_and_its_profile() -> None:
    """A miss in one run of three is a miss, also when the run in the middle met it."""
    text = shown(run(slow=19.0), run(slow=18.0), run(slow=21.0))
    assert "- **slow**: 19 us (<= 20 us); round 19.0\n\nIt waits.\n\n```\n99%        7 work (a.py:1)\n```\n" in text
    assert "**quick**" not in text


def test_equal_profiles_are_printed_once() -> None:
    """Of targets that share a reason; another one is printed too."""
    other = Target("other", "us", 3.0, limit=2, profile=("50%        9 work (a.py:1)",))
    third = Target("third", "us", 3.0, limit=2, profile=("50%        9 play (a.py:9)",))
    reason = {"targets": ["slow", "other", "third"], "why": "They wait."}
    text = shown(run(more=[other, third]), reasons=[reason])
    assert text.count("work (a.py:1)") == 1
    assert text.count("play (a.py:9)") == 1


def test_a_miss_without_a_reason_makes_no_page() -> None:
    """In one run of three it is enough."""
    with pytest.raises(ValueError, match=r"performance_reasons\.toml: slow was missed and has no reason"):
        shown(run(slow=19.0), run(slow=18.0), run(slow=21.0), reasons=[])


def test_a_reason_that_is_not_needed_is_left_out_and_named() -> None:
    """The page says only why what was missed was missed."""
    runs = [run(slow=19.0)]
    assert "It waits" not in shown(*runs)
    assert "None." in shown(*runs)
    assert maker.needless(maker.judged(runs), [REASON]) == ["slow"]
    assert maker.needless(maker.judged([run()]), [REASON]) == []


@pytest.mark.parametrize(("reasons", "text"), [
    ([REASON, {"targets": ["slwo"], "why": "x"}], "slwo is no target of these runs"),
    ([REASON, REASON], "slow has two reasons"),
])
def test_reasons_name_targets_once(reasons: list[dict[str, Any]], text: str) -> None:
    """A name that was changed is found, and nothing is explained twice."""
    with pytest.raises(ValueError, match=text):
        shown(run(), reasons=reasons)


@pytest.mark.parametrize(("runs", "text"), [
    ([], "no run"),
    ([run(), run(source="b")], "run 2 is of another source than run 1"),
    ([run(), run(more=[Target("third", "us", 1.0, limit=2)])], r"run 2 and run 1 did not measure the same: .*third"),
    ([{**run(), "machine": {"trial": "too few", "load": "0"}}], "run 1 is a trial"),
])
def test_runs_that_do_not_belong_together_are_refused(runs: list[dict[str, Any]], text: str) -> None:
    """A median of different things is none."""
    with pytest.raises(ValueError, match=text):
        maker.check(runs)


def test_the_picture_shows_the_worst_and_the_best_run() -> None:
    """A bar for the run in the middle, a line over all."""
    drawn = maker.picture([run(slow=40.0), run(slow=2.0), run(slow=20.0)])
    ends = [f'{maker.place(times):.1f}' for times in (20 / 40, 20 / 2)]
    assert f'<line x1="{ends[0]}"' in drawn
    assert f'x2="{ends[1]}"' in drawn
    assert maker.MISSED in drawn
    assert maker.MET in drawn


def lasting(name: str, source: str, python: str = "CPython") -> dict[str, Any]:
    """What one file keeps of one measurement that takes long."""
    found = run(source=source)
    found["machine"] |= {"processor": "x", "system": "Linux", "python": python}
    found["targets"] = [{**one, "of": name} for one in found["targets"]]
    found["kept"][name] = {"of": source}
    return found


def test_what_takes_long_may_be_of_several_sources_which_are_told() -> None:
    """Figures and curves come from the file that measured them, and what no file has is named."""
    found = maker.together([lasting("growth", "a"), lasting("endurance", "b")])
    assert found["kept"] == {"growth": {"of": "a"}, "endurance": {"of": "b"}}
    text = "\n".join(maker.long({**found, "targets": found["targets"][2:]}))
    assert "Of source `a`, load 30.00: `growth`." in text
    assert "Of source `b`, load 30.00: `endurance`." in text
    assert "No run is kept of `decisions`, `growth`, `queries`." in text
    assert maker.together([]) is None


@pytest.mark.parametrize("other", [lasting("growth", "b"), lasting("endurance", "b", python="PyPy")])
def test_files_that_do_not_belong_together_make_no_page(other: dict[str, Any]) -> None:
    """The same measurement twice, or another machine."""
    with pytest.raises(ValueError, match=r"keep one of them|different machines"):
        maker.together([lasting("growth", "a"), other])
