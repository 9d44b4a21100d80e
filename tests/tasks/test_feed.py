"""The public task of one venue: a book that is right or absent, and an error when the data stops."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import attrs
import msgspec
import pytest
import trio

from dnbot.domain.errors import VenueRefused, VenueUnreachable
from dnbot.domain.instrument import Venue
from dnbot.domain.market import BookTop, BookView, PublicTrade
from dnbot.domain.messages import FeedDown, FeedUp, InstrumentChanged
from dnbot.tasks import source as source_module
from dnbot.tasks.feed import (
    BOOK_LATE_S_MAX,
    BOOK_SILENCE_S_MAX,
    DATA_SILENCE_S_MAX,
    PERPETUAL_POLL_S,
    SNAPSHOT_TRIES_MAX,
    TOP_DISAGREES_MAX,
    Feed,
)
from dnbot.tasks.source import OwnSource
from dnbot.venues.wire import Subscribed, SubscriptionRefused, UnknownFrame, UpgradeAhead

GS = Venue.GATE_SPOT


@attrs.define
class Desk:
    """Writes down what it is brought, each book as it is then, and how often a burst ended."""

    told: list[Any] = attrs.field(factory=list)
    bursts: int = 0

    def take(self, event: Any) -> None:
        self.told.append(event)

    def moved(self, book: Any) -> None:
        self.told.append(book.view())

    def conclude(self) -> None:
        self.bursts += 1


@attrs.define
class Bench:
    """A feed on a scripted venue."""

    kit: Any
    feed: Feed
    desk: Desk

    @property
    def socket(self) -> Any:
        return self.kit.sockets[-1]

    async def run(self, story: Callable[[], Awaitable[None]]) -> list[Any]:
        """Run the feed while the story is told; everything that the market channel got."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.feed.run)
            await trio.sleep(0.1)
            await story()
            await trio.sleep(0.1)
            nursery.cancel_scope.cancel()
        return self.all()

    @property
    def told(self) -> list[Any]:
        return self.desk.told

    def all(self) -> list[Any]:
        return self.told

    def books(self) -> list[int]:
        return [event.update_id for event in self.all() if isinstance(event, BookView)]


@pytest.fixture
def bench(kit: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Bench]:
    """A feed whose snapshots are of these update ids, the last one for ever."""

    def make(*snapshots: int, took_s: float = 0.001) -> Bench:
        monkeypatch.setattr(source_module, "open_websocket", kit.open_websocket)
        kit.script.answers = {
            "GET /instrument": [kit.instrument()], "GET /snapshot": [kit.snapshot(n) for n in snapshots],
        }
        kit.script.took_s = took_s
        desk = Desk()
        source = OwnSource(kit.line(), kit.opener, "wss://stub")
        feed = Feed(kit.codec, source, desk, kit.instrument_cell, kit.log)
        return Bench(kit, feed, desk)

    return make


def kinds(told: list[Any]) -> list[str]:
    return [type(event).__name__ for event in told]


async def test_connects_subscribes_and_joins(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Instrument first, then the stream, then the first increment asks for a snapshot, and the book is up."""
    it = bench(10)

    async def story() -> None:
        assert kit.urls == ["wss://stub/stream"]
        assert it.socket.sent == ["books"]
        it.socket.say(Subscribed("books"), kit.delta(11))
        await trio.sleep(0.1)
        it.socket.say(kit.delta(12, bid=99))

    told = await it.run(story)
    assert kinds(told) == ["InstrumentChanged", "FeedUp", "BookView", "BookView", "FeedDown"]
    assert told[0] == InstrumentChanged(kit.instrument())
    assert it.books() == [11, 12]
    assert told[3].bids == ((Decimal(100), Decimal(1)), (Decimal(99), Decimal(2)))
    assert kit.instrument_cell.value == kit.instrument()


async def test_increments_before_the_snapshot_are_joined(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """What the snapshot contains is dropped, what follows it is applied, whatever came while it was fetched."""
    it = bench(12, took_s=0.05)

    async def story() -> None:
        for number in (11, 12, 13, 14):
            it.socket.say(kit.delta(number, bid=number))
            await trio.sleep(0.005)

    await it.run(story)
    assert it.books() == [14]
    assert it.feed._book.bids(9) == ((Decimal(100), Decimal(1)), (Decimal(14), Decimal(2)), (Decimal(13), Decimal(2)))


async def test_an_old_snapshot_is_fetched_again(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """A snapshot that the buffered increments do not reach is no base: asked again until one joins."""
    it = bench(5, 6, 10)

    async def story() -> None:
        it.socket.say(kit.delta(11))
        await trio.sleep(1)

    told = await it.run(story)
    assert kit.script.count("GET /snapshot") == 3
    assert it.books() == [11]
    assert kinds(told).count("FeedUp") == 1


async def test_snapshots_that_never_join_raise(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """After the allowed tries the feed fails: a new connection may help."""
    it = bench(5)
    with pytest.raises(ExceptionGroup) as caught:
        await it.run(lambda: _say(it, kit.delta(11), wait_s=10))
    assert caught.group_contains(VenueUnreachable, match="snapshots did not join")
    assert kit.script.count("GET /snapshot") == SNAPSHOT_TRIES_MAX
    assert it.books() == []


async def _say(it: Bench, *words: Any, wait_s: float = 1.0) -> None:
    it.socket.say(*words)
    await trio.sleep(wait_s)


async def test_a_gap_takes_the_book_down_and_back(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """FeedDown at once, a new snapshot, FeedUp: on the same connection."""
    it = bench(10, 14)

    async def story() -> None:
        await _say(it, kit.delta(11))
        await _say(it, kit.delta(14))
        await _say(it, kit.delta(15))

    told = await it.run(story)
    assert kinds(told) == [
        "InstrumentChanged", "FeedUp", "BookView", "FeedDown", "FeedUp", "BookView", "BookView", "FeedDown"
    ]
    assert it.books() == [11, 14, 15]
    assert len(kit.urls) == 1
    assert it.feed.resyncs == 2


async def test_nothing_is_published_during_a_gap(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Between the gap and the new snapshot no book leaves the feed."""
    it = bench(10, 14)

    async def story() -> None:
        await _say(it, kit.delta(11))
        kit.script.took_s = 0.2
        it.all()
        it.socket.say(kit.delta(14))
        for number in (15, 16):
            it.socket.say(kit.delta(number))
        await trio.sleep(0.1)
        assert kinds(it.all())[-1] == "FeedDown"
        await trio.sleep(0.5)

    await it.run(story)
    assert it.books() == [11, 16]


async def test_a_crossed_book_is_rebuilt(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """An increment that lifts the best bid over the best ask means that the book is corrupt."""
    it = bench(10, 12)

    async def story() -> None:
        await _say(it, kit.delta(11))
        await _say(it, kit.delta(12, bid=102))

    told = await it.run(story)
    assert kinds(told).count("FeedDown") == 2
    assert it.books() == [11, 12]
    assert it.feed._book.bids(1) == ((Decimal(100), Decimal(1)),)


async def test_a_mute_socket_that_pongs_raises_by_data_age(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Pongs prove a socket, not a market."""
    it = bench(10)
    began_s = trio.current_time()
    with pytest.raises(ExceptionGroup) as caught:
        await it.run(lambda: _say(it, kit.delta(11), wait_s=60))
    assert caught.group_contains(VenueUnreachable, match="only pongs")
    assert trio.current_time() - began_s <= DATA_SILENCE_S_MAX + kit.codec.ping_interval_s + 0.5
    assert kinds(it.all())[-1] == "FeedDown"


async def _others_go_on(it: Bench, *, for_s: int) -> None:
    for at in range(for_s):
        it.socket.say(PublicTrade(GS, Decimal(100), Decimal(1), True, at))
        await trio.sleep(1)


async def test_a_forgotten_book_channel_ends_the_feed(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """The other channels go on and the venue's book has moved: the subscription is made again."""
    it = bench(10, 25)

    async def story() -> None:
        await _say(it, kit.delta(11))
        await _others_go_on(it, for_s=60)

    began_s = trio.current_time()
    with pytest.raises(ExceptionGroup) as caught:
        await it.run(story)
    assert caught.group_contains(VenueUnreachable, match="silent: kept 11, at the venue 25")
    assert trio.current_time() - began_s <= BOOK_SILENCE_S_MAX + BOOK_LATE_S_MAX + 3


async def test_a_book_channel_that_never_spoke(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """The venue's book is taken as it is; when it has moved without a word, the feed ends."""
    it = bench(10, 25)
    with pytest.raises(ExceptionGroup) as caught:
        await it.run(lambda: _others_go_on(it, for_s=60))
    assert it.books() == [10]
    assert caught.group_contains(VenueUnreachable, match="silent: kept 10, at the venue 25")


async def test_a_quiet_book_is_no_fault(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """The venue's book has not moved either, or its increment was on the way: nothing ends."""
    it = bench(10, 11, 12)

    async def story() -> None:
        await _say(it, kit.delta(11))
        await _others_go_on(it, for_s=30)  # one comparison found it equal, the next one ahead by what is on the way
        assert kit.script.count("GET /snapshot") == 2
        await _others_go_on(it, for_s=1)
        await _say(it, kit.delta(12))
        await _others_go_on(it, for_s=30)

    told = await it.run(story)
    assert kinds(told).count("FeedDown") == 1
    assert it.books() == [11, 12]


@pytest.mark.parametrize(
    ("word", "error", "text"),
    [
        (SubscriptionRefused("books", "no such pair"), VenueRefused, "no such pair"),
        (UpgradeAhead("at noon"), VenueUnreachable, "maintenance: at noon"),
    ],
)
async def test_what_ends_the_stream(
    autojump_clock: Any, kit: Any, bench: Any, word: Any, error: type[Exception], text: str
) -> None:
    """A refused subscription and an announced upgrade end the connection."""
    it = bench(10)
    with pytest.raises(ExceptionGroup) as caught:
        await it.run(lambda: _say(it, word))
    assert caught.group_contains(error, match=text)


async def test_a_lost_connection_takes_the_book_down(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Whatever ends the feed, its book may no longer be used."""
    it = bench(10)

    async def story() -> None:
        await _say(it, kit.delta(11))
        it.socket.hang_up()
        await trio.sleep(1)

    with pytest.raises(ExceptionGroup) as caught:
        await it.run(story)
    assert caught.group_contains(VenueUnreachable)
    assert kinds(it.all())[-1] == "FeedDown"


async def test_a_ticker_that_contradicts_for_long_rebuilds_the_book(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Gapless and wrong all the same: after many contradictions in a row, not after fewer, a new snapshot is taken."""
    it = bench(10)
    wrong, right = BookTop(GS, Decimal(98), Decimal(99), 1), BookTop(GS, Decimal(100), Decimal(101), 1)

    async def story() -> None:
        await _say(it, kit.delta(11))
        await _say(it, *[wrong] * TOP_DISAGREES_MAX, right, *[wrong] * TOP_DISAGREES_MAX)
        assert kit.script.count("GET /snapshot") == 1
        kit.script.answers["GET /snapshot"] = [kit.snapshot(11, 98, 99)]
        await _say(it, wrong)
        await _say(it, kit.delta(12))

    await it.run(story)
    assert kit.script.count("GET /snapshot") == 2
    assert [type(e).__name__ for e in it.told][-5:] == ["FeedDown", "FeedUp", "BookView", "BookView", "FeedDown"]
    assert it.feed._book.bids(1) == ((Decimal(98), Decimal(1)),)


async def test_a_burst_is_concluded_once(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """However many frames were read together; the desk looks at the last of them."""
    it = bench(10)
    trade = PublicTrade(GS, Decimal(100), Decimal(1), True, 1)

    async def story() -> None:
        before = it.desk.bursts
        it.socket.say(trade)
        it.socket.say(trade)
        it.socket.say(trade)
        await trio.sleep(0.1)
        assert it.desk.bursts == before + 1

    told = await it.run(story)
    assert told.count(trade) == 3


async def test_unknown_frames_are_counted(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """They end nothing."""
    it = bench(10)
    await it.run(lambda: _say(it, UnknownFrame("?"), UnknownFrame("?")))
    assert it.feed.unknown == 2


async def test_a_changed_instrument_is_told_once(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """A multiplier or lot that changes while we run reaches the market view; an unchanged one is not repeated."""
    it = bench(10)

    async def story() -> None:
        for minute in range(4):
            if minute == 2:
                kit.script.answers["GET /instrument"] = [kit.instrument(lot="0.001")]
            for _ in range(6):
                it.socket.say(PublicTrade(GS, Decimal(100), Decimal(1), True, 1))
                await trio.sleep(10)

    told = [event.instrument for event in await it.run(story) if isinstance(event, InstrumentChanged)]
    assert told == [kit.instrument(), kit.instrument(lot="0.001")]


async def test_refused_orders_have_it_read_once_a_second(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """At once for the first, and however often they are refused no more than that."""
    it = bench(10)

    async def story() -> None:
        before = kit.script.count("GET /instrument")
        it.feed.read_instrument()
        await trio.sleep(0.1)
        assert kit.script.count("GET /instrument") == before + 1
        for _ in range(20):
            it.feed.read_instrument()
            await trio.sleep(0.1)
        assert kit.script.count("GET /instrument") == before + 3

    await it.run(story)


async def test_a_contract_of_another_unit_ends_the_feed(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """A perpetual's unit is looked at every ten seconds; when it is another one, the kept book is worth nothing."""
    kit.codec.venue = Venue.GATE_FUTURES
    it = bench(10)
    resized = msgspec.structs.replace(kit.instrument(), multiplier=Decimal(10))

    async def story() -> None:
        kit.script.answers["GET /instrument"] = [resized]
        await trio.sleep(PERPETUAL_POLL_S + 0.1)

    with pytest.raises(ExceptionGroup) as caught:
        await it.run(story)
    assert caught.group_contains(VenueUnreachable, match="a contract was 1 base units and is 10")
    assert kinds(it.all()) == ["InstrumentChanged", "InstrumentChanged", "FeedDown"]


async def test_a_restart_begins_with_an_empty_book(autojump_clock: Any, kit: Any, bench: Any) -> None:
    """Nothing of the last connection's book survives."""
    it = bench(10, 50)
    await it.run(lambda: _say(it, kit.delta(11)))
    await it.run(lambda: _say(it, kit.delta(51)))
    assert it.books() == [11, 51]
    assert [e for e in it.told if isinstance(e, FeedUp)] == [FeedUp(GS)] * 2
    assert [e for e in it.told if isinstance(e, FeedDown)] == [FeedDown(GS, "the feed ended")] * 2
