"""What a recording means: books as they were or not at all, on one time line, with every gap told."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from recordings import EPOCH_NS, Taped

from dnbot.domain.instrument import VENUES, Venue
from dnbot.fakes.replay_files import ReplayError
from dnbot.record.reading import Wanted, entries
from dnbot.record.words import Entry, Event, Frame, Kind, What
from dnbot.research.recorded_news import Listed, Lost, Moved, Rates, Teller, news_of
from dnbot.research.timeline import Timeline

Book = tuple[tuple[tuple[Decimal, Decimal], ...], tuple[tuple[Decimal, Decimal], ...]]
S = 10**9


@pytest.fixture(scope="module")
def recorded(taped: Taped) -> list[Entry]:
    """Everything in a recording of the three markets, whose Gate connections were cut in the middle."""
    return list(entries(Wanted(), taped.folder))


def books_of(found: list[Entry]) -> dict[tuple[Venue, int], Book]:
    """Each book that is told, by venue and update id."""
    return {
        (news.venue, news.book.update_id): (news.book.bids(20), news.book.asks(20))
        for _, news in news_of(found, Teller()) if isinstance(news, Moved)
    }


def event(number: int, what: What, wall_ns: int, monotonic_ns: int) -> Event:
    """One of the recorder."""
    return Event(
        number=number, received_ns=wall_ns, monotonic_ns=monotonic_ns, market=None, connection=0, what=what
    )


def test_every_market_is_described_known_lost_and_known_again(recorded: list[Entry]) -> None:
    """Both of Gate were cut once; all three are lost when the recorder ends, and nothing else is a loss."""
    told: dict[Venue, list[str]] = {venue: [] for venue in VENUES}
    for _, news in news_of(recorded, Teller()):
        if isinstance(news, Moved | Lost) and told[news.venue][-1:] != [type(news).__name__]:
            told[news.venue].append(type(news).__name__)
    cut = ["Moved", "Lost", "Moved", "Lost"]
    assert told == {Venue.GATE_SPOT: cut, Venue.GATE_FUTURES: cut, Venue.MEXC_SPOT: ["Moved", "Lost"]}


def test_terms_and_rates_are_those_of_the_venue(recorded: list[Entry]) -> None:
    """Each market once, the contract with its largest leverage; mark and funding follow the ticker."""
    news = [one for _, one in news_of(recorded, Teller())]
    listed = {one.instrument.venue: one for one in news if isinstance(one, Listed)}
    assert len([one for one in news if isinstance(one, Listed)]) == 3
    assert [listed[venue].leverage_max for venue in VENUES] == [None, Decimal(125), None]
    assert listed[Venue.GATE_FUTURES].instrument.multiplier == Decimal("0.0001")
    rates = [one for one in news if isinstance(one, Rates)]
    assert len({one.mark.mark for one in rates}) > 3
    assert all(one.funding.interval_s == 28_800 for one in rates)


@pytest.mark.slow
@given(lost=st.sets(st.integers(0, 1_500), max_size=40))
@example(lost=set(range(60, 80)))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_missing_a_told_book_is_the_true_one(recorded: list[Entry], lost: set[int]) -> None:
    """With any entries gone, each book that is told is, at its update id, the book of the whole recording."""
    left = [one for at, one in enumerate(recorded) if at not in lost or isinstance(one, Event)]
    whole, torn = books_of(recorded), books_of(left)
    assert torn
    assert {key: book for key, book in torn.items() if whole.get(key) != book} == {}


def test_a_frame_that_is_missing_is_a_gap(recorded: list[Entry]) -> None:
    """Told with the frame after it, and not before."""
    mexc = [one for one in recorded if isinstance(one, Frame) and one.kind is Kind.BOOK
            and one.market.venue is Venue.MEXC_SPOT]
    missing, after = mexc[20:22]
    found = list(news_of([one for one in recorded if one is not missing], Teller()))
    losses = [(at_ns, one) for at_ns, one in found if isinstance(one, Lost) and one.venue is Venue.MEXC_SPOT]
    assert losses[0] == (after.received_ns, Lost(Venue.MEXC_SPOT, "increments are missing"))


def test_a_lead_in_is_followed_and_told_with_the_first_entry_behind_it(recorded: list[Entry]) -> None:
    """From any moment on, the first news are the books as they are then."""
    at = next(at for at, one in enumerate(recorded) if one.received_ns > EPOCH_NS + 7 * S)
    led = [msgspec.structs.replace(one, lead_in=True) for one in recorded[:at]] + recorded[at:]
    found = list(news_of(led, Teller()))
    first_ns = recorded[at].received_ns
    assert {one.venue for at_ns, one in found if isinstance(one, Moved) and at_ns == first_ns} == set(VENUES)
    assert min(at_ns for at_ns, _ in found) == first_ns
    whole = books_of(recorded)
    assert all(whole[key] == book for key, book in books_of(led).items())


runs = st.lists(
    st.tuples(st.integers(0, 10 * S), st.lists(st.integers(0, 5 * S), min_size=1, max_size=5)), min_size=1, max_size=4
)


@given(runs=runs)
def test_the_time_line_never_falls_and_keeps_the_distances_of_a_recorder(
    runs: list[tuple[int, list[int]]]
) -> None:
    """However the wall clock of each recorder is set."""
    line, found = Timeline(), []
    for wall_ns, steps in runs:
        times, monotonic_ns = [], 77
        for number, step in enumerate([0, *steps]):
            monotonic_ns += step
            what = What.STARTED if number == 0 else What.CONNECTED
            times.append((monotonic_ns, line.at_ns(event(number, what, EPOCH_NS + wall_ns, monotonic_ns))))
        assert [at_ns - times[0][1] for _, at_ns in times] == [mono - times[0][0] for mono, _ in times]
        assert times[0][1] == max(EPOCH_NS + wall_ns, found[-1] if found else 0)
        found += [at_ns for _, at_ns in times]
    assert found == sorted(found)


def test_a_clock_that_ran_backwards_within_a_recorder_is_refused() -> None:
    """Its entries are not in the order of receipt: the recording is not what a recorder wrote."""
    line = Timeline()
    line.at_ns(event(1, What.STARTED, EPOCH_NS, 500))
    with pytest.raises(ReplayError, match=r"entry 2 is 100 ns before"):
        line.at_ns(event(2, What.CONNECTED, EPOCH_NS, 400))


