"""The pure parts of analyses: distributions, matching, evenness, and that what is not known is never shown as zero."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from dnbot.cli import commands
from dnbot.domain.errors import ConfigError
from dnbot.operate.report_data import BEGINNING, FundingPayment, Profit
from dnbot.operate.report_quality_data import DayTotal
from dnbot.research.analysis import Coverage, Funding, Opportunities, Performance, Period, Spread
from dnbot.research.analysis.funding import BOOKED_WITHIN, Settlement, intervals_of, matched, yearly_pct
from dnbot.research.analysis.funding_view import funding_view
from dnbot.research.analysis.opportunities import Counted, HourOfDay, Missed, OpportunityHour, Taken
from dnbot.research.analysis.opportunities_view import opportunities_view
from dnbot.research.analysis.performance import evenness_of, whole_days
from dnbot.research.analysis.performance_view import performance_view
from dnbot.research.analysis.spread import Bin, PairSpread, SpreadFigures, SpreadHour, bins_of, percentiles
from dnbot.research.analysis.spread_view import spread_view
from dnbot.research.analysis.taker_fees import given_fees
from dnbot.research.analysis.view import View, hour_table, unbroken
from dnbot.research.analysis.words import DAY, HOUR

AT = datetime.fromisoformat("2026-09-21T14:30:00+00:00")
PERIOD = Period(AT, AT + timedelta(hours=5))
NASTY = "<script>alert(1)</script>"

moments = st.integers(0, 3 * 86_400).map(lambda seconds: AT + timedelta(seconds=seconds))
tenths = st.integers(-900, 900).map(lambda number: Decimal(number) / 10)
counts = st.dictionaries(
    tenths, st.tuples(st.integers(1, 6), st.integers(0, 90).map(Decimal)), min_size=1, max_size=20
)


def settlement(at: datetime, **changes: object) -> Settlement:
    """One that was sampled just before it, with a short position of 2 at 100."""
    found = Settlement(
        at=at, sampled_at=at - timedelta(seconds=1), rate=Decimal("0.0001"), interval_s=28_800, mark=Decimal(100),
        perp_base=Decimal(-2),
    )
    return msgspec.structs.replace(found, **changes)


def payment(at: datetime, amount: str) -> FundingPayment:
    """A row of the venue's book."""
    return FundingPayment(at, "GATEIO_FUTURES", "USDT", Decimal(amount), f"row:{at}")


# --- periods and distributions
@given(moments, st.integers(1, 10**6), st.sampled_from([HOUR, DAY]))
def test_pieces_cover_a_period_once(since: datetime, length_s: int, piece: timedelta) -> None:
    """One begins where the one before ends, and all but the ends lie on the grid."""
    period = Period(since, since + timedelta(seconds=length_s))
    found = list(period.pieces(piece))
    assert (found[0].since, found[-1].until) == (period.since, period.until)
    assert [one.until for one in found[:-1]] == [one.since for one in found[1:]]
    assert all((one.since - BEGINNING) % piece == timedelta(0) for one in found[1:])
    assert all(one.since < one.until <= one.since + piece for one in found)
    assert sum(one.length_s for one in found) == length_s


@given(counts)
def test_percentiles_are_samples(found: dict[Decimal, tuple[int, Decimal]]) -> None:
    """Each is the smallest value at or below which its share of all samples lies."""
    values = sorted(value for value, (samples, _) in found.items() for _ in range(samples))
    for share, value in percentiles(found).items():
        below = sum(one <= value for one in values)
        assert below >= Decimal(share) * len(values)
        assert all(sum(one <= lower for one in values) < Decimal(share) * len(values) for lower in values
                   if lower < value)


@given(counts)
def test_bins_hold_every_second_once(found: dict[Decimal, tuple[int, Decimal]]) -> None:
    """In order, side by side, with open ends for what lies far out; few enough to be drawn."""
    bins = bins_of(found)
    assert sum(one.observed_s for one in bins) == sum(seconds for _, seconds in found.values())
    assert all(one.high_bps == other.low_bps for one, other in pairwise(bins))
    for value, (_, seconds) in found.items():
        holding = [one for one in bins if (one.low_bps is None or one.low_bps <= value)
                   and (one.high_bps is None or value < one.high_bps)]
        assert len(holding) == 1
        assert holding[0].observed_s >= seconds
    assert len(bins) <= 28


# --- funding
@given(st.lists(moments, max_size=6), st.lists(st.tuples(moments, st.integers(-9, 9)), max_size=8))
def test_every_payment_is_told_once(due: list[datetime], paid: list[tuple[datetime, int]]) -> None:
    """At the nearest settlement within ten minutes, or by itself; and the sums are those of the rows."""
    payments = [payment(at, str(amount)) for at, amount in paid]
    outcomes = matched([settlement(at) for at in due], payments)
    assert sorted(str(one) for outcome in outcomes for one in outcome.payments) == sorted(map(str, payments))
    assert {outcome.settlement.at for outcome in outcomes if outcome.settlement} == set(due)
    for outcome in outcomes:
        for one in outcome.payments:
            distances = [abs(at - one.at) for at in due]
            near = [distance for distance in distances if distance <= BOOKED_WITHIN]
            if outcome.settlement is not None:
                assert abs(outcome.settlement.at - one.at) == min(near)
            else:
                assert near == []


def test_a_year_is_of_what_was_held_and_how_long() -> None:
    """Two payments of a thousandth in eight hours and in one: received by size and time; unknown positions are out."""
    dues = [
        settlement(AT), settlement(AT + HOUR, interval_s=3600),
        settlement(AT + 9 * HOUR, perp_base=None), settlement(AT + 17 * HOUR, mark=None),
    ]
    payments = [payment(due.at + timedelta(seconds=3), "0.2") for due in dues]
    outcomes = matched(dues, payments)
    intervals = intervals_of(outcomes)
    assert [(one.interval_s, one.settlements, one.rate_bps, one.forecast_bps) for one in intervals] == [
        (3600, 1, 10, 1), (28_800, 1, 10, 1),
    ]
    assert [one.yearly_pct for one in intervals] == [Decimal(876), Decimal("109.5")]
    assert yearly_pct(intervals) == round(Decimal("0.4") * 100 * 365 * 24 / (200 * 9), 4)
    assert yearly_pct(()) is None
    assert [outcome.rate_bps for outcome in outcomes][2:] == [None, None]
    assert [outcome.against_forecast_quote for outcome in outcomes] == [Decimal("0.18"), Decimal("0.18"), None, None]


def test_a_long_position_pays_what_a_short_one_receives() -> None:
    """The forecast of a positive rate is positive for the short alone."""
    assert settlement(AT).forecast_quote == Decimal("0.02")
    assert settlement(AT, perp_base=Decimal(2)).forecast_quote == Decimal("-0.02")


# --- evenness
def day(name: str, realised: str | None) -> DayTotal:
    """One day's profit."""
    return DayTotal(day=name, realised_quote=None if realised is None else Decimal(realised))


def test_only_whole_days_after_a_sampled_day_are_even_or_not() -> None:
    """The first and the last are cut by the period, and a day after one without samples holds more than its own."""
    days = [
        day("2026-09-21", "1"), day("2026-09-22", "2"), day("2026-09-23", None), day("2026-09-24", "3"),
        day("2026-09-25", "4"), day("2026-09-27", "5"), day("2026-09-28", "6"),
    ]
    period = Period(AT, datetime.fromisoformat("2026-09-28T12:00:00+00:00"))
    assert whole_days(days, period) == [Decimal(2), Decimal(4)]


@given(st.lists(st.integers(-50, 50).map(Decimal), min_size=1, max_size=40))
def test_a_ratio_needs_twenty_days(realised: list[Decimal]) -> None:
    """Mean, worst and best are told of any number of days; the ratio is not, nor where all days are alike."""
    found = evenness_of(realised)
    assert found is not None
    assert (found.days, found.worst_quote, found.best_quote) == (len(realised), min(realised), max(realised))
    assert found.losing_days == len([one for one in realised if one < 0])
    assert (found.ratio is None) == (len(realised) < 20 or len(set(realised)) == 1)
    assert evenness_of([]) is None


# --- what is shown
def figures(**changes: object) -> SpreadFigures:
    """Of an hour."""
    found = SpreadFigures(
        samples=3, observed_s=Decimal(3600), mean_bps=Decimal("1.5"), gross_mean_bps=Decimal(9), low_bps=Decimal(-2),
        high_bps=Decimal(4), above_s=Decimal(36),
    )
    return msgspec.structs.replace(found, **changes)


def spread_with_a_gap() -> Spread:
    """Sampled in the first and the last of the period's hours alone."""
    hours = (SpreadHour(AT.replace(minute=0), figures()), SpreadHour(AT.replace(hour=19, minute=0), figures()))
    pair = PairSpread(
        pair_name="OPEN_MEXC", is_net=True, figures=figures(), percentiles_bps={"0.5": Decimal(1)}, sd_bps=0.5,
        half_life_s=None, bins=(Bin(None, Decimal(1), Decimal(60)), Bin(Decimal(1), None, Decimal(6))), hours=hours,
        by_hour_of_day={14: figures(), 19: figures()},
    )
    unknown = msgspec.structs.replace(
        pair, pair_name="GATE_TO_MEXC", is_net=False, figures=figures(above_s=None), by_hour_of_day={14: figures()}
    )
    return Spread(
        symbol="BTC/USDT", period=PERIOD, first=AT, last=PERIOD.until, threshold_bps=Decimal(4),
        threshold_source="given", pairs=(pair, unknown),
    )


def column(view: View, table: str, head: str) -> list[object]:
    """A table's cells below one head."""
    found = next(one for one in view.tables if one.name == table)
    at = [one.head for one in found.columns].index(head)
    return [row[at] for row in found.rows]


def test_an_hour_that_was_not_sampled_is_a_dash_and_no_zero() -> None:
    """In tables and lines alike, and only hours of the period are listed."""
    view = spread_view(spread_with_a_gap())
    assert column(view, "hours", "hour, UTC") == ["14", "15", "16", "17", "18", "19"]
    assert column(view, "hours", "OPEN_MEXC") == [Decimal("1.5"), None, None, None, None, Decimal("1.5")]
    assert column(view, "hours", "GATE_TO_MEXC (gross)") == [Decimal("1.5"), *[None] * 5]
    assert column(view, "above", "of what was observed") == [Decimal(1), None]
    assert column(view, "hours-above", "OPEN_MEXC") == [Decimal(1), None, None, None, None, Decimal(1)]
    assert "15 - - - 16" in " ".join(view.text.split())
    assert view.charts["hours"].count('class="line s0"') == 4, "each of two lines has a gap"
    assert "unknown (no taker fill yet; --fee MEXC_SPOT=BPS gives it)" in view.lines[2]


def test_opportunities_of_an_hour_that_was_not_sampled_are_not_told() -> None:
    """An hour with samples and without any opportunity is zero, one without samples a dash."""
    counted = Counted(taken=Taken(count=2), missed=Missed(episodes=3, then_taken=1))
    found = Opportunities(
        symbol="BTC/USDT", quote="USDT", period=PERIOD, coverage=Coverage(period=PERIOD),
        hours=(OpportunityHour(AT, Decimal(1800), counted), OpportunityHour(AT + HOUR, Decimal(9), Counted())),
        by_hour_of_day={14: HourOfDay(Decimal(1800), counted), 15: HourOfDay(Decimal(9), Counted())},
    )
    view = opportunities_view(found)
    assert column(view, "hours", "taken") == [2, 0, None, None, None, None]
    assert "nothing was sampled in this period" in view.text


def test_empty_analyses_say_so() -> None:
    """Every view of nothing is a text and a page without any figure of profit."""
    coverage = Coverage(period=PERIOD)
    for view in (
        spread_view(Spread(symbol=NASTY, period=PERIOD)),
        opportunities_view(Opportunities(symbol=NASTY, quote="USDT", period=PERIOD, coverage=coverage)),
        funding_view(Funding(symbol=NASTY, quote="USDT", period=PERIOD, coverage=coverage)),
        performance_view(Performance(
            symbol=NASTY, base="BTC", quote="USDT", period=PERIOD, coverage=coverage, profit=None, counted=None,
            notes=("not known",),
        )),
    ):
        assert "sampled in this period" in view.text
        assert NASTY not in view.page
        assert_needs_nothing_else(view.page)


def assert_needs_nothing_else(page: str) -> None:
    """Well formed as far as sections go, without script and without an address."""
    tags: list[tuple[str, list[tuple[str, str | None]]]] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: tags.append((tag, attributes))  # type: ignore[method-assign]
    parser.feed(page)
    assert "section" in {tag for tag, _ in tags}
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in tags}
    assert not [name for _, attributes in tags for name, _ in attributes if name in {"href", "src"}]


def test_the_year_and_what_is_missing_are_told() -> None:
    """A settlement on a position that has no row stands in a table of its own."""
    due = settlement(AT)
    outcomes = matched([due, settlement(AT + 2 * HOUR)], [payment(AT + 2 * HOUR, "0.02")])
    found = Funding(
        symbol="BTC/USDT", quote="USDT", period=PERIOD, coverage=Coverage(period=PERIOD), outcomes=outcomes,
        missing=(due,), received_quote=Decimal("0.02"), payments=1, intervals=intervals_of(outcomes),
        yearly_pct=yearly_pct(intervals_of(outcomes)),
    )
    view = funding_view(found)
    assert column(view, "missing", "due, UTC") == [AT]
    assert column(view, "outcomes", "received - forecast") == [Decimal(0), None]
    assert "+10.95" in view.text


@given(st.lists(st.integers(0, 100), min_size=1, unique=True))
def test_lines_are_not_drawn_across_what_is_not_known(hours: list[int]) -> None:
    """All points are drawn once, a lone one as a short line; neighbours are no further apart than said."""
    points = [(AT + hour * HOUR, Decimal(hour)) for hour in sorted(hours)]
    parts = unbroken("x", "s0", points, 1.5 * HOUR)
    assert [point for part in parts for point in part.points if point in points] == points
    assert all(len(part.points) > 1 for part in parts)
    assert all(later - at <= HOUR for part in parts for (at, _), (later, _) in zip(part.points, part.points[1:],
                                                                                  strict=False))


def test_files_hold_every_digit(tmp_path: Path) -> None:
    """One per table, with heads and units; a dash is an empty field."""
    paths = spread_view(spread_with_a_gap()).write_csv(tmp_path)
    assert sorted(path.name for path in paths) == [
        "spread-above.csv", "spread-distribution.csv", "spread-hours-above.csv", "spread-hours.csv",
    ]
    rows = list(csv.reader((tmp_path / "spread-hours.csv").read_text().splitlines()))
    assert rows[0] == ["hour, UTC", "observed, h", "OPEN_MEXC, bps", "GATE_TO_MEXC (gross), bps"]
    assert rows[1] == ["14", "1", "1.5", "1.5"]
    assert rows[2] == ["15", "", "", ""]


def test_a_table_without_anything_has_no_row() -> None:
    """Not two dozen dashes."""
    assert hour_table("x", "X", [], {}, PERIOD, "").rows == ()


def test_profit_of_nothing_is_not_shown() -> None:
    """Where an end is not known, the sources are not told as zero."""
    found = Performance(
        symbol="BTC/USDT", base="BTC", quote="USDT", period=PERIOD, coverage=Coverage(period=PERIOD), profit=None,
        counted=None,
    )
    assert "spread (fills matched" not in performance_view(found).text
    known = msgspec.structs.replace(found, profit=Profit(), counted=PERIOD)
    assert "spread (fills matched" in performance_view(known).text


# --- words of the command line
def test_fees_are_given_once_each_in_bps() -> None:
    """As fractions by venue; anything else is refused with what is allowed."""
    assert given_fees(["GATEIO_SPOT=9", "MEXC_SPOT=0"]) == {"GATEIO_SPOT": Decimal("0.0009"), "MEXC_SPOT": Decimal(0)}
    for texts in (["NYSE=1"], ["MEXC_SPOT"], ["MEXC_SPOT=1", "MEXC_SPOT=2"], ["MEXC_SPOT=101"], ["MEXC_SPOT=nan"]):
        with pytest.raises(ConfigError, match="--fee"):
            given_fees(texts)


@pytest.mark.parametrize(("words", "told"), [
    (["spread", "--since", "yesterday"], "neither a moment in UTC"),
    (["spread", "--threshold-bps", "much"], "not a decimal number"),
    (["spread", "--fee", "X=1"], "GATEIO_SPOT, GATEIO_FUTURES, MEXC_SPOT"),
    (["funding", "--symbol", "btcusdt"], "such as BTC/USDT"),
    (["performance"], "in which `dnbot run` has been"),
    (["opportunities", "--until", "all"], "neither a moment in UTC"),
])
def test_mistakes_are_named(words: list[str], told: str, tmp_path: Path) -> None:
    """With what is allowed, and exit code 2; nothing is made in the state folder."""
    done = CliRunner().invoke(commands, ["analyze", *words], env={"DNBOT_HOME": str(tmp_path)})
    assert done.exit_code == 2, done.output
    assert told in " ".join(done.output.split())
    assert list(tmp_path.iterdir()) == []
