"""Recordings in which something happened to the venue or the recorder: what of them is played, and on which terms."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from recordings import EPOCH_NS, MARKETS, Taped, write

from dnbot.domain.instrument import VENUES, Venue
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.mirror_words import BookLost, BookTold
from dnbot.fakes.replay_files import ReplayError
from dnbot.record.reading import Wanted, entries
from dnbot.record.words import Answer, Entry, Event, Kind, What
from dnbot.research.lookahead import LookAheadCheck
from dnbot.research.recorded_news import Lost, Teller, news_of
from dnbot.research.recordings import OURS, RecordingData

S = 10**9
HOUR_NS = 3600 * S
FUTURES = MARKETS[1]


@pytest.fixture(scope="module")
def recorded(taped: Taped) -> list[Entry]:
    """Everything in a recording of the three markets, whose Gate connections were cut in the middle."""
    return list(entries(Wanted(), taped.folder))


def data_of(folder: Path, found: Iterable[Entry]) -> RecordingData:
    """A recording of these entries."""
    write(folder, list(found), markets=MARKETS)
    return RecordingData.of(folder, "BTC/USDT")


def with_body(found: Iterable[Entry], which: Callable[[Entry], bool], body: Callable[[bytes], bytes]) -> list[Entry]:
    """The same, but for what the venue answered there."""
    return [
        msgspec.structs.replace(one, body=body(one.body)) if isinstance(one, Answer) and which(one) else one
        for one in found
    ]


def is_description(entry: Entry) -> bool:
    """Of any market."""
    return isinstance(entry, Answer) and entry.kind is Kind.INSTRUMENT


def is_second_description(entry: Entry) -> bool:
    """Of the contract: the one that was read after the cut."""
    return is_description(entry) and entry.market == FUTURES and entry.received_ns > EPOCH_NS + S


@pytest.mark.parametrize(("old", "new"), [
    (b'"order_price_round":"0.1"', b'"order_price_round":"0.5"'), (b'"leverage_max":"125"', b'"leverage_max":"20"'),
])
def test_what_comes_before_a_change_of_terms_is_played_on_the_old_ones(
    recorded: list[Entry], tmp_path: Path, old: bytes, new: bytes
) -> None:
    """The span ends at the change, and nothing of it is known before."""
    changes = [one for one in recorded if is_second_description(one)]
    changed = data_of(
        tmp_path / "x", with_body(recorded, is_second_description, lambda body: body.replace(old, new))
    )
    plain = data_of(tmp_path / "y", recorded)
    assert changed.looked.ended == "GATEIO_FUTURES changed its terms"
    assert changed.span.end_ns == changes[0].received_ns
    assert changed.looked.terms[Venue.GATE_FUTURES] == plain.looked.terms[Venue.GATE_FUTURES]


@pytest.mark.parametrize("body", [
    b"<html>back soon</html>",
    b'{"name":"BTC_USDT"}',
])
def test_an_answer_that_cannot_be_read_is_passed_over(recorded: list[Entry], tmp_path: Path, body: bytes) -> None:
    """The terms of before still hold, everything else is played, and the result says that one answer was not read."""
    plain = data_of(tmp_path / "x", recorded)
    found = data_of(tmp_path / "y", with_body(recorded, is_second_description, lambda _: body))
    assert found.span == plain.span
    assert (found.looked.terms, found.looked.books) == (plain.looked.terms, plain.looked.books)
    assert found.described()["losses"] == "0 entries lost by the recorder, 1 frames and answers not read"


def test_rates_that_cannot_be_read_count_once_and_are_those_of_before(recorded: list[Entry], tmp_path: Path) -> None:
    """The description of a contract whose terms can be read all the same."""
    found = data_of(tmp_path / "x", with_body(
        recorded, is_second_description, lambda body: body.replace(b'"leverage_max":"125"', b'"leverage_max":null')
    ))
    assert (found.looked.unread, found.looked.ended) == (1, "")


def test_where_no_description_can_be_read_the_reason_is_told(recorded: list[Entry], tmp_path: Path) -> None:
    """Without terms nothing can be played: which, of which recording, and what the codec said."""
    with pytest.raises(ReplayError, match=r"x: at no moment .*the terms of GATEIO_SPOT.*not read: GATEIO_SPOT: curr"):
        data_of(tmp_path / "x", with_body(recorded, is_description, lambda _: b"{}"))


# --- recorders that were killed


def two_lives(recorded: list[Entry], until_ns: int) -> list[Entry]:
    """What a recorder left that was killed then, and an hour later that of the one that went on."""
    second = [msgspec.structs.replace(one, received_ns=one.received_ns + HOUR_NS) for one in recorded]
    return [*(one for one in recorded if one.received_ns < until_ns), *second]


def test_the_dead_time_of_a_killed_recorder_is_a_gap(recorded: list[Entry], tmp_path: Path) -> None:
    """Of all three books: from its last entry to the whole books of the recorder that went on."""
    lives = two_lives(recorded, EPOCH_NS + 3 * S)
    data = data_of(tmp_path / "x", lives)
    gaps = [gap for gap in data.looked.gaps if gap.why == "a recorder began anew"]
    assert {gap.venue for gap in gaps} == set(VENUES)
    last_ns = max(one.received_ns for one in lives if one.received_ns < EPOCH_NS + 3 * S)
    for gap in gaps:
        assert gap.to_ns is not None
        assert 0 <= last_ns - gap.from_ns < S / 5
        assert EPOCH_NS + HOUR_NS <= gap.to_ns < EPOCH_NS + HOUR_NS + S
    assert re.search(r"at most 3597\.\d s \(first: a recorder began anew\)", data.described()["mexc_spot"])
    times = [at_ns for at_ns, _ in data.told()]
    assert times == sorted(times)


def test_a_part_that_begins_in_the_dead_time_begins_behind_it(recorded: list[Entry], tmp_path: Path) -> None:
    """And a part inside it holds nothing; one that ends there knows that its books were lost."""
    data = data_of(tmp_path / "x", two_lives(recorded, EPOCH_NS + 3 * S))
    dead_ns = EPOCH_NS + HOUR_NS // 2
    part = data.within(dead_ns, data.span.end_ns)
    assert EPOCH_NS + HOUR_NS < part.span.begin_ns < EPOCH_NS + HOUR_NS + S
    with pytest.raises(ReplayError, match="at no moment everything of BTC/USDT is known: the book of GATEIO_SPOT"):
        data.within(dead_ns, dead_ns + 10 * S)
    before = data.within(data.span.begin_ns, dead_ns)
    assert {gap.venue: gap.to_ns for gap in before.looked.gaps} == dict.fromkeys(VENUES)
    assert {told.venue for _, told in before.told() if isinstance(told, BookLost)} == set(OURS)


def test_entries_that_the_recorder_lost_are_missing_from_the_one_before_them(recorded: list[Entry]) -> None:
    """A slow disk: what is told with the first entry behind the loss was not known since the last before it."""
    at = next(at for at, one in enumerate(recorded) if one.received_ns > EPOCH_NS + 2 * S)
    left = [one for one in recorded if not EPOCH_NS + 2 * S < one.received_ns < EPOCH_NS + 3 * S]
    behind = left[at]
    loss = Event(
        number=behind.number, received_ns=behind.received_ns, monotonic_ns=behind.monotonic_ns, market=None,
        connection=0, what=What.DROPPED,
    )
    found = [at_ns for at_ns, one in news_of([*left[:at], loss, *left[at:]], Teller())
             if isinstance(one, Lost) and one.why == "the recorder lost entries"]
    assert found == [left[at - 1].received_ns] * len(VENUES)


def test_a_recorder_that_ended_in_order_lost_its_books_then(recorded: list[Entry]) -> None:
    """Not when the next one began."""
    lives = two_lives(recorded, EPOCH_NS + HOUR_NS)
    losses = [(at_ns, one.why) for at_ns, one in news_of(lives, Teller()) if isinstance(one, Lost)]
    assert "a recorder began anew" not in {why for _, why in losses}
    assert [at_ns for at_ns, _ in losses[-3:]] == [lives[-1].received_ns] * 3
    assert [at_ns for at_ns, _ in losses].count(recorded[-1].received_ns) == 3


# --- the check for look-ahead


async def test_the_check_for_look_ahead_has_the_time_line_of_the_run(
    autojump_clock: Any, recorded: list[Entry], tmp_path: Path
) -> None:
    """A recorder reads its two clocks one after the other: from the middle of a life on, each entry has them a little
    further apart or nearer than that with which reading begins.
    """
    begin_ns = EPOCH_NS + 2 * S
    first = next(one for one in recorded if one.received_ns >= begin_ns)
    write(tmp_path / "x", [
        msgspec.structs.replace(one, received_ns=one.received_ns + 1_000 * (one.market != first.market))
        for one in recorded
    ], markets=MARKETS)  # fmt: skip
    data = RecordingData.of(tmp_path / "x", "BTC/USDT", datetime.fromtimestamp(begin_ns / S, UTC))
    check = LookAheadCheck.of_recording(data, FakesConfig())
    for at_ns, told in data.told():
        if isinstance(told, BookTold) and at_ns >= data.span.begin_ns:
            await trio.sleep_until((at_ns - data.span.begin_ns) / S)
            unit = check.instruments[told.venue].multiplier
            check.hold(told.venue, "the bot was told of", [("buy", price, base / unit) for price, base in told.bids])
            check.hold(told.venue, "the bot was told of", [("sell", price, base / unit) for price, base in told.asks])
    assert (check.early, check.levels > 1_000) == ("", True)
