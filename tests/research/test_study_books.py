"""Raw books: what two legs show, and how a leg that rests does, by hand."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from synthetic_capture import written

from dnbot.fakes.replay_files import Depth, Event, Trade
from dnbot.research.study_books import (
    NS_PER_S,
    REST_S,
    WARM_NS,
    BookStudy,
    Told,
    both,
    quantiles,
    study_books,
    watch,
)
from dnbot.research.study_words import StudyDataError

MS = NS_PER_S // 1000
D = Decimal


def book(bid: str, ask: str, number: int = 1) -> Depth:
    """One level on each side, 5 deep: the whole book."""
    return Depth(number, ((D(bid), D(5)),), ((D(ask), D(5)),), whole=True)


def sold(price: str, quantity: str) -> Trade:
    """A taker sold."""
    return Trade(D(price), D(quantity), taker_sold=True)


def bought(price: str, quantity: str) -> Trade:
    """A taker bought."""
    return Trade(D(price), D(quantity), taker_sold=False)


def watched(*after: Told) -> BookStudy:
    """Spot at 99.9 to 100.1 and the perpetual at 100.2 to 100.4, looked at once; then what follows.

    The first look is at `WARM_NS`; times of what follows are ns after it.
    """
    study = BookStudy("BTC", D(1))
    begin: list[Told] = [
        (0, "spot", book("99.9", "100.1")), (0, "usdm", book("100.2", "100.4")), (1, "spot", sold("99.9", "0.0")),
    ]
    ends = [(at_ns + WARM_NS + 1, kind, event) for at_ns, kind, event in after]
    watch(study, iter([*begin, (WARM_NS + 1, "spot", sold("99.9", "0.0")), *ends]))
    return study


def test_what_two_takers_would_have_is_told() -> None:
    """Before fees: sell at the perpetual's bid what was bought at spot's ask; and the other way round."""
    found = watched()
    opened, closed = found.gross.values()
    assert opened == [pytest.approx((100.2 - 100.1) / 100.15 * 10_000)]
    assert closed == [pytest.approx((99.9 - 100.4) / 100.15 * 10_000)]
    assert found.spreads["spot"] == [pytest.approx(20)]
    assert (found.attempts, len(found.resting)) == (2, 2)


def test_a_leg_is_filled_when_all_before_it_and_itself_were_traded() -> None:
    """Five stand before it, and it is one long: 5.9 are not enough, 6 are; the other side is not met by sellers."""
    nearly: Told = (1, "spot", sold("99.9", "5.9"))
    later: Told = (150 * MS, "usdm", book("100.2", "100.4", 2))
    assert not watched(nearly, later).losses_bps
    found = watched(nearly, (2, "spot", sold("99.9", "0.1")), later)
    # Bought at 99.9 instead of 100.1: 20 bps more than two takers.
    assert found.losses_bps == [pytest.approx(((100.2 - 100.1) / 100.1 - (100.2 - 99.9) / 99.9) * 10_000)]
    assert [one.side.value for one in found.resting] == ["sell"]


def test_a_price_that_comes_through_fills_at_once_and_costs_what_the_other_leg_moved() -> None:
    """The perpetual is taken 100 ms after the fill, where it is then."""
    found = watched(
        (10 * MS, "spot", sold("99.8", "0.1")),
        (60 * MS, "usdm", book("99.7", "99.9", 2)),
        (109 * MS, "usdm", book("99.6", "99.9", 3)),
        (110 * MS + 1, "usdm", book("100.2", "100.4", 4)),
    )
    # Two takers had 100.2 - 100.1; this one has 99.6 - 99.9.
    assert found.losses_bps == [pytest.approx(((100.2 - 100.1) / 100.1 - (99.6 - 99.9) / 99.9) * 10_000)]
    assert found.waits_s == [pytest.approx(0.01)]


def test_buyers_meet_the_leg_that_sells() -> None:
    """At its price or above."""
    found = watched((10 * MS, "spot", bought("100.2", "0.1")), (200 * MS, "usdm", book("100.2", "100.4", 2)))
    assert found.losses_bps == [pytest.approx(((99.9 - 100.4) / 99.9 - (100.1 - 100.4) / 100.1) * 10_000)]


def test_what_rests_too_long_is_cancelled() -> None:
    """A trade after ten seconds meets what the second look posted, nine seconds before it, and nothing of the first."""
    late_ns = REST_S * NS_PER_S
    found = watched((late_ns, "spot", sold("99.0", "9")), (late_ns + NS_PER_S // 2, "usdm", book("100.2", "100.4", 2)))
    assert found.attempts == 4
    assert found.waits_s == [pytest.approx(REST_S - 1)]


def test_a_look_sees_nothing_of_its_own_moment_or_later() -> None:
    """The book at the full second is the one before the event that fills it."""
    study = BookStudy("BTC", D(1))
    told: list[Told] = [
        (0, "spot", book("99.9", "100.1")), (0, "usdm", book("100.2", "100.4")), (1, "spot", sold("99.9", "0")),
        (WARM_NS + 1, "usdm", book("105.0", "105.2", 2)),
    ]
    watch(study, iter(told))
    assert next(iter(study.gross.values())) == [pytest.approx((100.2 - 100.1) / 100.15 * 10_000)]


def test_two_captures_are_one_row_of_time_until_one_ends() -> None:
    """In the order of time; nothing is looked at when only one market is known."""
    def times(*at_ns: int) -> Iterator[tuple[int, Event]]:
        yield from ((one, sold("1", "1")) for one in at_ns)

    found = [(at_ns, kind) for at_ns, kind, _ in both(times(1, 4, 9), times(2, 3, 5))]
    assert found == [(1, "spot"), (2, "usdm"), (3, "usdm"), (4, "spot"), (5, "usdm")]


def test_a_capture_is_studied(tmp_path: Path) -> None:
    """The perpetual is 12 above spot and both spreads are 1, at about 60,000."""
    found = study_books(written(tmp_path), "BTC")
    assert found.seconds == 18
    assert found.open_gross_bps[2] == pytest.approx(11 / 6, rel=0.01)
    assert found.close_gross_bps[2] == pytest.approx(-13 / 6, rel=0.01)
    assert found.spot_spread_bps[2] == pytest.approx(1 / 6, rel=0.01)
    assert 0 < found.resting.fill_share <= 1


def test_captures_that_say_nothing_are_refused(tmp_path: Path) -> None:
    """None of that coin; too short for a fill; too thin for the quantity."""
    with pytest.raises(StudyDataError, match="no capture of ethusdt"):
        study_books(written(tmp_path / "one"), "ETH")
    with pytest.raises(StudyDataError, match="nothing was posted and filled"):
        study_books(written(tmp_path / "short", 5), "BTC")
    study = BookStudy("BTC", D(100))
    study.fold(0, "spot", book("1", "2"))
    study.fold(0, "usdm", book("1", "2"))
    with pytest.raises(StudyDataError, match="less than 100 within 50 levels"):
        study.look(0)


def test_quantiles_are_values_that_were_there() -> None:
    """In any order."""
    assert quantiles([5.0, 1.0, 3.0]) == (1.0, 1.0, 3.0, 5.0, 5.0)
