"""Histories of funding: whose time, what is missing, and what they paid for."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from study_series import BEGIN_S, STEP_S, labelled

from dnbot.research.study_funding import agreement, figures_of, history, paid, persistence, windows
from dnbot.research.study_words import Charge, StudyDataError

HOUR_S = 3600


def charges(*bps: float, gap_after: int | None = None) -> list[Charge]:
    """Every eight hours; one settlement is missing after that number."""
    return [
        Charge(BEGIN_S + (number + (gap_after is not None and number > gap_after)) * STEP_S, Decimal(str(one / 10_000)))
        for number, one in enumerate(bps)
    ]


def written(path: Path, ahead_s: int, *, backwards: bool = False) -> Path:
    """A history of three settlements."""
    times = [labelled(BEGIN_S + number * STEP_S, ahead_s) for number in range(3)]
    lines = [f"BTC-USDT,{time},0.000{number + 1}" for number, time in enumerate(times[::-1] if backwards else times)]
    path.write_text("\n".join(["Symbol,Date,Funding Rate", *lines]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(("venue", "ahead_s"), [("gate", 0), ("mexc", 3 * HOUR_S)])
def test_each_venue_writes_its_own_time(tmp_path: Path, venue: str, ahead_s: int) -> None:
    """Both become the same settlements."""
    found = history(written(tmp_path / "f.csv", ahead_s), venue)
    assert [charge.at_s for charge in found] == [BEGIN_S + number * STEP_S for number in range(3)]
    assert [charge.rate for charge in found] == [Decimal("0.0001"), Decimal("0.0002"), Decimal("0.0003")]


def test_a_time_that_is_no_settlement_is_refused(tmp_path: Path) -> None:
    """MEXC's file read as Gate's, and one that goes backwards."""
    with pytest.raises(StudyDataError, match=r"03:00 UTC is no settlement .* gate are taken to be 0 h ahead"):
        history(written(tmp_path / "f.csv", 3 * HOUR_S), "gate")
    with pytest.raises(StudyDataError, match="its times do not rise"):
        history(written(tmp_path / "f.csv", 0, backwards=True), "gate")
    with pytest.raises(StudyDataError, match=r"absent\.csv"):
        history(tmp_path / "absent.csv", "gate")


def test_the_figures_of_a_history() -> None:
    """1 bp every eight hours is 10.96 % a year; what is missing is counted and not invented."""
    found = figures_of("n", charges(*[1.0] * 100, gap_after=49), (Decimal(20), Decimal(50)))
    assert found.pct_year == pytest.approx(365.25 * 3 / 100)
    assert (found.settlements, found.missing) == (100, 1)
    assert found.negative_share == 0
    assert found.persistence is None
    assert found.by_year == pytest.approx({"2023": 10.9575})
    never = dict.fromkeys(("1", "7", "30", "90"), 0.0)
    assert found.pays == {"20": {**never, "7": 1.0}, "50": never}


def test_a_year_of_a_few_days_is_not_scaled_to_a_whole_one() -> None:
    """Less than a month says nothing of a year."""
    assert figures_of("n", charges(*[1.0] * 89), ()).by_year == {}


def test_windows_do_not_reach_over_what_is_missing() -> None:
    """Sums of settlements that follow each other."""
    assert windows(charges(1, 2, 3, 4, 5), 2) == pytest.approx([3, 5, 7, 9])
    assert windows(charges(1, 2, 3, 4, 5, gap_after=1), 2) == pytest.approx([3, 7, 9])


def test_how_often_a_holding_was_paid_for() -> None:
    """Of five days that can begin a holding of one day, two brought 6 bps."""
    assert paid(charges(1, 1, 1, 2, 2, 2, 1), 1, 5.99) == pytest.approx(1 / 5)
    assert paid(charges(1), 1, 1.0) == 0


def test_persistence_is_of_the_last_rate_with_the_next_day() -> None:
    """A rate that comes back every fourth settlement tells the opposite of the three between."""
    cycle = [3.0, 0.0, 0.0, 0.0] * 10
    assert persistence(charges(*cycle)) == pytest.approx(-1)


def test_histories_agree_at_the_right_time() -> None:
    """One that is eight hours late agrees when it is moved back."""
    rates = [float(number * 7 % 11) for number in range(60)]
    first = charges(*rates)
    late = [Charge(charge.at_s + STEP_S, charge.rate) for charge in first]
    assert agreement(first, late, -STEP_S) == pytest.approx(1)
    missed = agreement(first, late)
    assert missed is not None
    assert missed < 0.5
    assert agreement(first, []) is None
