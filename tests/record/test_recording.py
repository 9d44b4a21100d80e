"""What is recorded is what the venues sent: bytes, order, answers, events; and the bot's books can be made of it."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from recordings import CUT_AT_S, EPOCH_NS, MARKETS, SECONDS, Taped

from dnbot.record.following import Followers, Top, Trade, tops_and_trades
from dnbot.record.manifest import read_manifest
from dnbot.record.reading import Wanted, entries, entries_of, segment_files
from dnbot.record.verifying import verify
from dnbot.record.words import Answer, Event, Frame, Kind, Market, What


def test_every_frame_is_byte_for_byte_what_the_fakes_sent(taped: Taped) -> None:
    """Each connection's frames, in order, are those that left the fakes; only what was under way is absent."""
    by_connection: dict[int, list[bytes]] = defaultdict(list)
    for entry in entries(Wanted(), taped.folder):
        if isinstance(entry, Frame):
            by_connection[entry.connection].append(entry.payload)
    assert len(by_connection) == len(taped.sent) == 5  # three, and Gate's two again after the cut
    for payloads in by_connection.values():
        (sent,) = [sent for sent in taped.sent if sent[: len(payloads)] == payloads]
        assert len(sent) - len(payloads) < 10


def test_the_books_made_of_it_are_those_of_the_feeds(taped: Taped) -> None:
    """Every best bid and ask that the bot's own feed had while it was recorded, in order, and no other."""
    made: dict[Market, list[tuple[Decimal | None, Decimal | None]]] = {market: [] for market in MARKETS}
    for found in tops_and_trades(entries(Wanted(lead_in=True), taped.folder)):
        if isinstance(found, Top) and found.bid is not None:
            touch = (found.bid, found.ask)
            if made[found.market][-1:] != [touch]:
                made[found.market].append(touch)
    assert made == taped.touches
    assert all(len(touches) > 20 for touches in made.values())


@pytest.mark.parametrize("what", [What.DROPPED, What.STARTED, What.CONNECTED, What.DISCONNECTED, What.BOOK_LOST])
def test_a_book_is_not_known_after_what_breaks_it(taped: Taped, what: What) -> None:
    """A loss by the recorder, another recorder after a kill, another connection, a gap: each alone is enough."""
    followers, market = Followers(), MARKETS[0]
    for entry in entries(Wanted(), taped.folder):
        list(followers.follow(entry))
        if market in followers.markets and followers.markets[market].book.synced:
            break
    of_all = what in {What.DROPPED, What.STARTED}
    list(followers.follow(Event(
        number=10**6, received_ns=EPOCH_NS, monotonic_ns=0, market=None if of_all else market, connection=1, what=what,
    )))
    assert not followers.markets[market].book.synced


PAGE = b"<html>back soon</html>"
NOT_LISTED = b'{"symbols":[]}'


@pytest.mark.parametrize(("market", "kind", "body"), [
    *((market, kind, PAGE) for market in MARKETS[:2] for kind in (Kind.INSTRUMENT, Kind.SNAPSHOT)),
    (MARKETS[2], Kind.INSTRUMENT, b"{}"), (MARKETS[2], Kind.INSTRUMENT, NOT_LISTED),
    (MARKETS[2], Kind.SNAPSHOT, b"{}"),
])  # fmt: skip
def test_an_answer_that_cannot_be_read_is_passed_over_and_counted(
    taped: Taped, market: Market, kind: Kind, body: bytes
) -> None:
    """A page of a CDN under status 200, a symbol that is not listed for a moment: as at the bot the next counts."""
    found = list(entries(Wanted(), taped.folder))
    whole = list(tops_and_trades(found))
    first = next(
        at for at, one in enumerate(found)
        if isinstance(one, Answer) and (one.market, one.kind) == (market, kind) and "Symbols" not in one.target
    )
    good = found[first]
    assert isinstance(good, Answer)
    bad = msgspec.structs.replace(good, body=body)
    at = first if kind is Kind.SNAPSHOT else len(found) // 2
    followers = Followers()
    told = list(tops_and_trades([*found[:at], bad, good, *found[at:]], followers))
    assert {of: one.unread for of, one in followers.markets.items() if one.unread} == {market: 1}
    passed_over = followers.markets[market].passed_over
    assert passed_over is not None
    assert passed_over.why.startswith(market.venue.value)
    assert told == whole


def test_trades_are_in_base_units(taped: Taped) -> None:
    """Of every market; a contract of the perpetual is a ten-thousandth of the coin."""
    trades = [one for one in tops_and_trades(entries(Wanted(lead_in=True), taped.folder)) if isinstance(one, Trade)]
    assert {trade.market for trade in trades} == set(MARKETS)
    assert all(0 < trade.quantity < 1 and trade.price > 1000 for trade in trades)


def test_numbers_follow_the_order_of_receipt(taped: Taped) -> None:
    """From 1, without a hole, times not falling; the last tells of the end."""
    found = list(entries(Wanted(), taped.folder))
    assert [entry.number for entry in found] == list(range(1, taped.entries + 1))
    assert [entry.received_ns for entry in found] == sorted(entry.received_ns for entry in found)
    assert all(entry.received_ns == EPOCH_NS + entry.monotonic_ns for entry in found)
    assert found[-1].received_ns >= EPOCH_NS + SECONDS * 10**9
    ends = [found[0], found[-1]]
    assert [one.what for one in ends if isinstance(one, Event)] == [What.STARTED, What.STOPPED]


def test_events_tell_of_connections_subscriptions_and_gaps(taped: Taped) -> None:
    """Of a market whose connection was cut: its life twice over, with the reason of the break between."""
    of = [
        event for event in entries(Wanted(kinds=frozenset({Kind.EVENT}), venues=frozenset({MARKETS[0].venue})),
        taped.folder) if isinstance(event, Event) and event.connection
    ]
    subscriptions = [What.SENT] * 4
    once = [What.CONNECTED, *subscriptions, What.BOOK_KEPT]
    lived = [event.what for event in of if "ping" not in event.text]
    assert lived == [*once, What.BOOK_LOST, What.DISCONNECTED, *once, What.BOOK_LOST, What.DISCONNECTED]
    assert '"channel":"spot.order_book_update"' in of[1].text
    broken = [event for event in of if event.what is What.DISCONNECTED]
    assert "VenueUnreachable" in broken[0].text
    assert broken[0].received_ns == pytest.approx(EPOCH_NS + CUT_AT_S * 10**9, abs=10**8)
    assert broken[1].text == "the recorder ends"
    assert len({event.connection for event in of}) == 2


def test_the_answers_that_a_book_needs_are_there(taped: Taped) -> None:
    """Instruments and whole books, with their request, of every market."""
    answers = [entry for entry in entries(Wanted(), taped.folder) if isinstance(entry, Answer)]
    assert {(answer.market, answer.kind) for answer in answers} == {
        (market, kind) for market in MARKETS for kind in (Kind.INSTRUMENT, Kind.SNAPSHOT)
    }
    assert all(answer.status == 200 and answer.body and answer.target.startswith("/") for answer in answers)


def test_every_segment_can_be_read_from_its_beginning(taped: Taped) -> None:
    """It begins with the instruments, has whole books of all markets soon, and is about as long as was asked for."""
    files = segment_files(taped.folder)
    assert len(files) == taped.segments_begun >= 3
    for file in files[1:-1]:
        found = list(entries_of(file, Wanted(lead_in=True)))
        repeated = [entry for entry in found if entry.lead_in]
        assert found[: len(repeated)] == repeated
        assert {entry.market for entry in repeated if isinstance(entry, Answer)} == set(MARKETS)
        soon = found[-1].received_ns - 2 * 10**9
        books = {entry.market for entry in found if isinstance(entry, Answer) and entry.kind is Kind.SNAPSHOT
                 and entry.received_ns < soon}
        assert books == set(MARKETS)


def test_a_sound_recording_is_found_good(taped: Taped) -> None:
    """Nothing is found, and everything is counted."""
    found = verify(taped.folder)
    assert found.findings == ()
    assert (found.is_good, found.dropped, found.segments) == (True, 0, taped.segments_begun)
    repeated = found.entries - taped.entries
    assert repeated == 4 * (taped.segments_begun - 1)  # one answer of each Gate market, two of MEXC


def test_filters(taped: Taped) -> None:
    """By time (chunks outside are passed over), venue, symbol and kind; events of the recorder pass all but kinds."""
    everything = list(entries(Wanted(), taped.folder))
    since, until = EPOCH_NS + 2 * 10**9, EPOCH_NS + 5 * 10**9
    assert list(entries(Wanted(since_ns=since, until_ns=until), taped.folder)) == [
        entry for entry in everything if since <= entry.received_ns < until
    ]
    kinds = frozenset({Kind.TRADES, Kind.TOP})
    wanted = Wanted(venues=frozenset({MARKETS[2].venue}), kinds=kinds)
    assert list(entries(wanted, taped.folder)) == [
        entry for entry in everything
        if entry.market == MARKETS[2] and isinstance(entry, Frame) and entry.kind in kinds
    ]
    nowhere = Wanted(symbols=frozenset({MARKETS[0].symbol.__class__("ETH", "USDT")}))
    assert [entry.market for entry in entries(nowhere, taped.folder)] == [None, None]


def test_two_recordings_are_merged_by_their_clocks(taped: Taped, tmp_path: Path) -> None:
    """Entries of both, none before an earlier one."""
    double = list(entries(Wanted(), taped.folder, taped.folder))
    assert len(double) == 2 * taped.entries
    assert [entry.received_ns for entry in double] == sorted(entry.received_ns for entry in double)


def test_progress_counts_every_byte(taped: Taped) -> None:
    """What is told adds up to the segments' sizes, read or passed over."""
    told: list[int] = []
    size = sum(file.size for file in segment_files(taped.folder))
    for wanted in (Wanted(), Wanted(until_ns=1), Wanted(since_ns=EPOCH_NS + 10**9)):
        told.clear()
        list(entries(wanted, taped.folder, told=told.append))
        assert sum(told) + 8 * len(segment_files(taped.folder)) >= size >= sum(told)


def test_the_manifest_names_times_and_checksums(taped: Taped) -> None:
    """Of each segment, from its first entry to its last."""
    closed = [segment.closed for segment in read_manifest(taped.folder).segments()]
    firsts = [one.first_ns for one in closed if one is not None]
    assert len(firsts) == len(closed)
    assert firsts == sorted(firsts)
    assert firsts[0] == EPOCH_NS
