"""Bars as moments: whose time a label is, what is missing, and what is refused."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import pytest
from study_series import BEGIN_S, STEP_S, labelled, written_bars

from dnbot.domain.instrument import Venue
from dnbot.fakes.replay_bars import Bar
from dnbot.research.study_bars import (
    by_start,
    gate_perpetuals,
    hours_apart,
    longer,
    range_by_slot,
    read_exchanges,
    series_of,
    three_exchanges,
    utc_of,
)
from dnbot.research.study_words import Charge, StudyDataError

HOUR_S = 3600


def bars(*closes: float, first_s: int = 0) -> dict[int, Bar]:
    """By their beginning, one after the other; each opens a little below its close."""
    return {
        first_s + number * STEP_S: Bar(first_s + number * STEP_S, close - 1, close + 2, close - 2, close)
        for number, close in enumerate(closes)
    }


@pytest.mark.parametrize(("late_s", "means"), [(0, 0), (HOUR_S, 0)])
def test_london_labels_are_the_hour_of_the_grid_or_one_late(late_s: int, means: int) -> None:
    """Winter and summer."""
    assert utc_of(BEGIN_S + late_s, Path("file.csv")) == BEGIN_S + means


def test_other_labels_are_refused() -> None:
    """With the file, what was found, and what is allowed."""
    with pytest.raises(StudyDataError, match=r"file\.csv: a time 7200 s past .* 3600 s in summer"):
        utc_of(BEGIN_S + 2 * HOUR_S, Path("file.csv"))


def test_each_exchange_has_its_own_hour() -> None:
    """Rows of OKX and Bybit hold bars that begin four hours before their label; another exchange is not guessed at."""
    row = [Bar(BEGIN_S, 1, 1, 1, 1)]
    assert list(by_start(row, "binance", Path("f"))) == [BEGIN_S]
    assert list(by_start(row, "okx", Path("f"))) == [BEGIN_S - 4 * HOUR_S]
    with pytest.raises(StudyDataError, match="'kraken' begin is not known; known: binance, okx, bybit"):
        by_start(row, "kraken", Path("f"))


def test_the_set_becomes_three_series(tmp_path: Path) -> None:
    """Two of the exchanges that are of one time, either way round, and the third by itself."""
    found = three_exchanges(written_bars(tmp_path / "all.csv"), ("BTC",))
    assert [one.name for one in found] == ["BTC okx+bybit", "BTC bybit+okx", "BTC binance"]
    assert [one.one_spot for one in found] == [False, False, True]
    twins, alone = found[0], found[2]
    assert twins.moments[0].at_s == BEGIN_S + STEP_S - 4 * HOUR_S
    assert alone.moments[0].at_s == BEGIN_S + STEP_S
    assert all(len(one.moments) == 59 for one in found)
    # Funding is charged at the label, which lies in the middle of the twins' bars and at the end of Binance's.
    assert {charge.at_s - one.at_s for one in twins.moments for charge in one.charges} == {-4 * HOUR_S}
    assert {charge.at_s - one.at_s for one in alone.moments for charge in one.charges} == {0}


def test_summer_changes_nothing(tmp_path: Path) -> None:
    """The same bars with labels of an hour later are the same moments."""
    winter = three_exchanges(written_bars(tmp_path / "w.csv"), ("BTC",))
    assert three_exchanges(written_bars(tmp_path / "s.csv", summer_s=HOUR_S), ("BTC",)) == winter


def test_exchanges_whose_prices_are_of_other_hours_are_refused(tmp_path: Path) -> None:
    """The planted error that looks like the best spread of all: OKX four hours late."""
    with pytest.raises(StudyDataError, match=r"BTC of okx and bybit: their prices lie \d\.\d hours apart"):
        three_exchanges(written_bars(tmp_path / "all.csv", okx_late_s=4 * HOUR_S), ("BTC",))


def test_hours_apart_are_measured(tmp_path: Path) -> None:
    """Of a random walk, the distance in time between two samplings of it."""
    known = read_exchanges(written_bars(tmp_path / "all.csv", 600, okx_late_s=HOUR_S))
    kept = {
        name: by_start(known[name, "BTC/USDT", "spot"][0], "binance", tmp_path) for name in ("binance", "okx", "bybit")
    }
    assert hours_apart(kept["binance"], kept["bybit"]) == pytest.approx(4, rel=0.15)
    assert hours_apart(kept["okx"], kept["bybit"]) == pytest.approx(1, rel=0.2)
    assert hours_apart(kept["okx"], kept["okx"]) == 0


def test_a_moment_is_where_all_have_a_bar_that_ends_and_one_that_begins() -> None:
    """A market that is listed later, one that ends earlier, and a bar that is missing in the middle."""
    spot, perp, other = bars(*range(100, 110)), bars(*range(200, 210)), bars(*range(300, 310))
    del other[0]
    del perp[5 * STEP_S]
    del spot[9 * STEP_S]
    charges = [Charge(number * STEP_S, Decimal(number)) for number in range(11)]
    found = series_of("n", "s", "BTC", [spot, perp, other], charges)
    assert [one.at_s // STEP_S for one in found.moments] == [2, 3, 4, 7, 8]
    first, after_gap = found.moments[0], found.moments[3]
    assert dict(first.seen) == {Venue.GATE_SPOT: 101, Venue.GATE_FUTURES: 201, Venue.MEXC_SPOT: 301}
    assert dict(first.next_open) == {Venue.GATE_SPOT: 101, Venue.GATE_FUTURES: 201, Venue.MEXC_SPOT: 301}
    assert first.high == 203
    assert [charge.at_s // STEP_S for charge in first.charges] == [2]
    assert first.next_rate == 3
    assert [charge.at_s // STEP_S for charge in after_gap.charges] == [5, 6, 7]
    assert found.moments[-1].next_rate == 9


def test_nothing_in_common_is_told() -> None:
    """Instead of an empty series."""
    with pytest.raises(StudyDataError, match="n: the venues have no two bars in common"):
        series_of("n", "s", "BTC", [bars(1, 2), bars(1, 2), bars(1, 2, first_s=50 * STEP_S)], [])


def test_short_bars_become_long_ones() -> None:
    """First open, last close, extremes; a long bar of which a part is missing is none."""
    short = [Bar(number * 7200, 10 + number, 20 + number, 5 - number / 10, 11 + number) for number in range(9)]
    assert longer(short, STEP_S) == [Bar(0, 10, 23, 4.7, 14), Bar(STEP_S, 14, 27, 4.3, 18)]
    early = longer(short, STEP_S, 4 * HOUR_S)
    assert early == [Bar(4 * HOUR_S, 12, 25, 4.5, 16)]


def test_ranges_tell_the_time_of_the_day() -> None:
    """The mean range of each third of a day, bps."""
    made = {number * STEP_S: Bar(0, 100, 100 + number % 3, 100, 100) for number in range(6)}
    assert range_by_slot(made) == pytest.approx((0, 99.50, 198.03), abs=0.01)


def test_gates_perpetual_has_its_mark_for_spot(tmp_path: Path) -> None:
    """Four short bars make a long one; the mark is both spot venues; rates stand at their charge."""
    for name, width_s in (("2h-futures", 7200), ("8h-mark", STEP_S), ("8h-funding_rate", STEP_S)):
        lines = ["date,open,high,low,close,volume"]
        for at_s in range(0, 4 * STEP_S, width_s):
            price = 100 + at_s / STEP_S
            shown = "0.0001,0,0,0" if "rate" in name else f"{price},{price + 1},{price - 1},{price + 0.5}"
            lines.append(f"{labelled(BEGIN_S + at_s)},{shown},1")
        (tmp_path / f"BTC_USDT_USDT-{name}.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    (found,) = gate_perpetuals(tmp_path, ("BTC",))
    assert found.one_spot
    assert [one.at_s for one in found.moments] == [BEGIN_S + number * STEP_S for number in (1, 2, 3)]
    first = found.moments[0]
    assert first.seen[Venue.GATE_SPOT] == first.seen[Venue.MEXC_SPOT] == Decimal("100.5")
    assert first.seen[Venue.GATE_FUTURES] == Decimal("101.25")
    assert first.next_open[Venue.GATE_FUTURES] == Decimal("101.0")
    assert [charge.at_s for charge in first.charges] == [BEGIN_S + STEP_S]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(StudyDataError, match=r"BTC_USDT_USDT-8h-mark\.csv\.gz"):
        gate_perpetuals(tmp_path, ("BTC",))
    with pytest.raises(StudyDataError, match=r"all\.csv"):
        three_exchanges(tmp_path / "all.csv", ("BTC",))
    with pytest.raises(StudyDataError, match="no rows of okx, ETHUSDT, perpetual"):
        three_exchanges(written_bars(tmp_path / "all.csv"), ("ETH",))
