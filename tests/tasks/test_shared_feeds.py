"""Feeds of several tasks on one connection: each keeps its own book, and what befalls one befalls no other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from dnbot.domain.errors import InvariantBroken, VenueRefused, VenueUnreachable
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.market import BookView
from dnbot.domain.messages import FeedDown, FeedUp
from dnbot.ports.channels import Cell
from dnbot.ports.net import Endpoint
from dnbot.tasks import shared_stream
from dnbot.tasks.feed import Feed
from dnbot.tasks.shared_feeds import Address, SharedSource, SharedVenue
from dnbot.tasks.shared_stream import EARLY_MAX, STALL_S, Seat, SharedStream
from dnbot.tasks.shared_terms import SharedTerms
from dnbot.venues.wire import Pong, Subscribed, SubscriptionRefused

GS = Venue.GATE_SPOT
ADDRESS = Address(GS, Endpoint("stub", 443), "wss://stub", None)


@attrs.frozen
class Names:
    """A venue whose frames begin with the markets that they are about, and which describes all in one answer."""

    kit: Any
    markets_max: int = 2

    def name_of(self, symbol: Symbol) -> str:
        return symbol.base

    def farewell(self, symbol: Symbol, now_s: int) -> tuple[str, ...]:
        return (f"no {symbol.base}",)

    def markets(self, frame: Any) -> tuple[str, ...] | None:
        return tuple(frame[0].split()) if isinstance(frame[0], str) else None

    def part(self, frame: Any, name: str) -> Any:
        return (name, *frame[1:])

    def terms_requests(self, names: Sequence[str]) -> Any:
        return self.kit.codec.instrument_requests()

    def terms(self, names: Sequence[str], replies: Sequence[Any]) -> Any:
        return dict.fromkeys(names, tuple(replies))


@attrs.define
class Desk:
    """Writes down what it is brought; fails, or takes its time, when it is told to."""

    told: list[Any] = attrs.field(factory=list)
    bursts: int = 0
    on_conclude: Callable[[], None] | None = None

    def take(self, event: Any) -> None:
        self.told.append(event)

    def moved(self, book: Any) -> None:
        self.told.append(book.view())

    def conclude(self) -> None:
        self.bursts += 1
        if self.on_conclude is not None:
            self.on_conclude()

    def books(self) -> list[int]:
        return [event.update_id for event in self.told if isinstance(event, BookView)]


@attrs.define
class Market:
    """One task's feed, its desk, and how it ended."""

    feed: Feed
    desk: Desk
    errors: list[BaseException] = attrs.field(factory=list)
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    ended: trio.Event = attrs.field(factory=trio.Event)

    async def run(self) -> None:
        try:
            with self.scope:
                await self.feed.run()
        except BaseExceptionGroup as group:
            found: BaseException = group
            while isinstance(found, BaseExceptionGroup):
                found = found.exceptions[0]
            self.errors.append(found)
        except (VenueUnreachable, VenueRefused, InvariantBroken) as error:
            self.errors.append(error)
        finally:
            self.ended.set()


def _named(base: type[Any]) -> type[Any]:
    class Named(base):  # type: ignore[misc]
        def subscribe_frames(self, now_s: int, user_id: str = "") -> tuple[str, ...]:
            return (f"yes {self.symbol.base}",)

        def decode(self, frame: Any) -> Any:
            assert not isinstance(frame[0], str) or frame[0] == self.symbol.base, "another market's words"
            return frame

    return Named


@attrs.define
class Worker:
    """What the tasks of one worker share, and the tasks' nursery."""

    kit: Any
    shared: SharedVenue
    tasks: trio.Nursery
    sources: dict[str, SharedSource] = attrs.field(factory=dict)

    async def join(self, name: str) -> Market:
        """A task begins to listen to this market."""
        codec = _named(type(self.kit.codec))(self.kit.words, symbol=Symbol(name, "USDT"))
        source = self.sources.setdefault(name, SharedSource(self.shared))
        desk = Desk()
        market = Market(Feed(codec, source, desk, Cell(), self.kit.log), desk)
        self.tasks.start_soon(market.run)
        await trio.sleep(0.1)
        return market

    async def say(self, *words: Any, socket: int = -1) -> None:
        """The venue says this in one frame."""
        self.kit.sockets[socket].say(*words)
        await trio.sleep(0.1)

    async def up(self, market: Market, name: str, number: int = 11, socket: int = -1) -> None:
        """The market's first increment comes, and its book is there."""
        await self.say(name, self.kit.delta(number), socket=socket)
        assert any(isinstance(event, FeedUp) for event in market.desk.told)


@pytest.fixture
def work(kit: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A worker on a scripted venue."""
    monkeypatch.setattr(shared_stream, "open_websocket", kit.open_websocket)
    kit.script.answers = {"GET /instrument": [kit.instrument()], "GET /snapshot": [kit.snapshot(10)]}

    @asynccontextmanager
    async def made() -> AsyncIterator[Worker]:
        async with trio.open_nursery() as nursery, trio.open_nursery() as tasks:
            line = kit.line()
            terms = SharedTerms(Names(kit), line)
            yield Worker(kit, SharedVenue(ADDRESS, kit.opener, line, terms, nursery, kit.log), tasks)
            tasks.cancel_scope.cancel()
            nursery.cancel_scope.cancel()

    return made


async def test_markets_share_a_connection_and_keep_their_own_books(autojump_clock: Any, work: Any, kit: Any) -> None:
    """Two tasks, one connection: each is brought its own frames alone, and pongs reach both."""
    async with work() as it:
        one, two = await it.join("A"), await it.join("B")
        assert kit.urls == ["wss://stub/stream"]
        assert kit.sockets[0].sent == ["yes A", "yes B"]
        await it.up(one, "A")
        await it.up(two, "B")
        bursts = one.desk.bursts
        await it.say("B", kit.delta(12))
        assert (one.desk.books(), two.desk.books()) == ([11], [11, 12])
        assert one.desk.bursts == bursts, "a burst about another market is no burst of this one"
        await it.say(Pong())
        assert one.desk.bursts == bursts + 1
        await it.say("A B", kit.delta(13), Subscribed("both"))
        assert two.desk.books() == [11, 12, 13]
        assert kit.script.count("GET /snapshot") == 3, "13 does not follow 11: A, and A alone, was read again"


async def test_the_frame_is_decided_on_in_the_turn_in_which_it_was_read(
    autojump_clock: Any, work: Any, kit: Any
) -> None:
    """Between the connection's burst and the last desk's conclusion no task has a turn."""
    async with work() as it:
        one, two = await it.join("A"), await it.join("B")
        await it.up(one, "A")
        await it.up(two, "B")
        order: list[str] = []
        one.desk.on_conclude = lambda: order.append("A")
        two.desk.on_conclude = lambda: order.append("B")

        async def somebody_else() -> None:
            await trio.lowlevel.checkpoint()
            order.append("else")

        kit.sockets[0].say("B", kit.delta(12))
        kit.sockets[0].say("A", kit.delta(12))
        it.tasks.start_soon(somebody_else)
        await trio.sleep(0.1)
        assert order.index("A") == order.index("B") + 1, f"somebody had a turn between them: {order}"


@pytest.mark.parametrize("error", [VenueUnreachable("x", "its own"), InvariantBroken("a bug of one task")])
async def test_what_a_task_raises_is_its_own(autojump_clock: Any, work: Any, kit: Any, error: Exception) -> None:
    """A feed whose decision fails ends with that error; the other is brought the rest of the burst, and all later."""
    async with work() as it:
        one, two = await it.join("A"), await it.join("B")
        await it.up(one, "A")
        await it.up(two, "B")

        def fail() -> None:
            raise error

        one.desk.on_conclude = fail
        kit.sockets[0].say("A", kit.delta(12))
        kit.sockets[0].say("B", kit.delta(12))
        await trio.sleep(0.1)
        assert one.errors == [error]
        assert (two.errors, two.desk.books()) == ([], [11, 12])
        await it.say("B", kit.delta(13))
        assert two.desk.books() == [11, 12, 13]
        assert len(kit.sockets) == 1
        assert it.shared.traffic.ended == 0
        assert kit.sockets[0].sent[2:] == ["no A"], "the venue was told that nobody listens any more"


async def test_a_refused_subscription_is_its_markets_alone(autojump_clock: Any, work: Any, kit: Any) -> None:
    """What a market's own frame says against it ends its feed in the middle of a burst, and no other."""
    async with work() as it:
        one, two = await it.join("A"), await it.join("B")
        await it.up(two, "B")
        kit.sockets[0].say("A", SubscriptionRefused("books", "no such market"))
        kit.sockets[0].say("A", kit.delta(11))
        kit.sockets[0].say("B", kit.delta(12))
        await trio.sleep(0.1)
        assert [type(error) for error in one.errors] == [VenueRefused]
        assert (two.errors, two.desk.books()) == ([], [11, 12])
        assert it.shared.traffic.ended == 0


async def test_a_task_that_ends_leaves_the_connection_to_the_others(autojump_clock: Any, work: Any, kit: Any) -> None:
    """It is unsubscribed, what still comes of it is counted as stray, and the last one ends the connection."""
    async with work() as it:
        one, two = await it.join("A"), await it.join("B")
        await it.up(two, "B")
        one.scope.cancel()
        await one.ended.wait()
        await it.say("A", kit.delta(12))
        assert kit.sockets[0].sent[2:] == ["no A"]
        assert it.shared.traffic.stray == 1
        assert [seat.name for seat in it.shared.seats] == ["B"]
        two.scope.cancel()
        await trio.sleep(0.1)
        assert not it.shared.streams
        assert it.shared.traffic.ended == 0, "nobody needed it any more: that is no failure"


async def test_a_lost_connection_is_lost_for_all_and_every_book_is_read_again(
    autojump_clock: Any, work: Any, kit: Any
) -> None:
    """Each feed fails as with a connection of its own and its desk hears it; the next begins with a snapshot."""
    async with work() as it:
        markets = {name: await it.join(name) for name in ("A", "B")}
        for name, market in markets.items():
            await it.up(market, name)
        kit.sockets[0].hang_up()
        await trio.sleep(0.1)
        for market in markets.values():
            assert [type(error) for error in market.errors] == [VenueUnreachable]
            assert "the shared connection ended" in str(market.errors[0])
            assert isinstance(market.desk.told[-1], FeedDown)
        assert it.shared.traffic.ended == 1
        again = {name: await it.join(name) for name in ("A", "B")}
        assert len(kit.sockets) == 2
        assert kit.sockets[1].sent == ["yes A", "yes B"]
        before = kit.script.count("GET /snapshot")
        for name, market in again.items():
            await it.up(market, name)
        assert kit.script.count("GET /snapshot") == before + 2


async def test_a_connection_carries_no_more_than_the_venue_allows(autojump_clock: Any, work: Any, kit: Any) -> None:
    """The third of at most two opens another one, and two tasks of one market sit on different ones."""
    async with work() as it:
        for name in ("A", "B", "C"):
            await it.join(name)
        assert [sorted(stream.seats) for stream in it.shared.streams] == [["A", "B"], ["C"]]
        it.sources.pop("C")
        other = await it.join("C")
        assert [sorted(stream.seats) for stream in it.shared.streams] == [["A", "B"], ["C"], ["C"]]
        other.scope.cancel()
        await trio.sleep(0.1)
        await it.join("D")
        assert [sorted(stream.seats) for stream in it.shared.streams] == [["A", "B"], ["C", "D"]]


async def test_a_market_that_failed_on_a_connection_gets_another(autojump_clock: Any, work: Any, kit: Any) -> None:
    """A connection may be bad for one subscription alone: who failed on it does not come back to it at once."""
    async with work() as it:
        one, two = await it.join("A"), await it.join("B")
        await it.up(two, "B")

        def fail() -> None:
            raise VenueUnreachable("x", "silent")

        one.desk.on_conclude = fail
        await it.say("A", kit.delta(11))
        assert one.errors
        await it.join("A")
        assert [sorted(stream.seats) for stream in it.shared.streams] == [["B"], ["A"]]
        assert not two.errors


async def test_a_connection_that_cannot_be_opened_is_everybodys_error(
    autojump_clock: Any, work: Any, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for it is told why, and nothing is left of it."""

    @asynccontextmanager
    async def refused(*_: Any, **__: Any) -> AsyncIterator[None]:
        await trio.sleep(0.5)
        raise VenueUnreachable("stub", "connection refused")
        yield

    monkeypatch.setattr(shared_stream, "open_websocket", refused)
    async with work() as it:
        one, two = await it.join("A"), await it.join("B")
        await trio.sleep(1)
        for market in (one, two):
            assert "connection refused" in str(market.errors)
        assert not it.shared.streams
        assert it.shared.traffic.opened == it.shared.traffic.ended == 0


async def test_a_stall_of_one_task_is_told(autojump_clock: MockClock, work: Any, kit: Any) -> None:
    """A turn that holds the others up is counted and logged with its market; the seat knows its longest wait."""
    async with work() as it:
        one, two = await it.join("A"), await it.join("B")
        await it.up(one, "A")
        await it.up(two, "B")
        one.desk.on_conclude = lambda: autojump_clock.jump(STALL_S + 0.05)
        kit.sockets[0].say("A", kit.delta(12))
        kit.sockets[0].say("B", kit.delta(12))
        await trio.sleep(0.1)
        assert it.shared.traffic.stalls == 1
        waits = {seat.name: seat.wait_s_max for seat in it.shared.seats}
        assert waits["A"] == pytest.approx(STALL_S + 0.05)
        assert waits["B"] == pytest.approx(STALL_S + 0.05), "it waited for A's turn"
        assert it.shared.traffic.turns.above(STALL_S - 0.1) == 1
        kit.log.flush_now()
        assert any(line["event"] == "feed_stalls" and line["data"]["market"] == "A" for line in kit.lines.lines)


async def test_a_task_that_is_cancelled_while_it_subscribes_breaks_no_connection(
    autojump_clock: Any, work: Any, kit: Any
) -> None:
    """Its frames are sent by the connection's own task, whole: half a message would end the connection for all."""
    async with work() as it:
        other = await it.join("B")
        socket = kit.sockets[0]
        socket.send_s = 1.0
        one = await it.join("A")
        one.scope.cancel()
        await one.ended.wait()
        await trio.sleep(3)
        assert socket.halves == []
        assert socket.sent == ["yes B", "yes A", "no A"]
        await it.up(other, "B")
        assert not other.errors


async def test_frames_before_the_feed_listens_are_kept_and_bounded(autojump_clock: Any, work: Any, kit: Any) -> None:
    """Data may come before the subscription's answer; a seat whose feed never listens ends itself."""
    async with work() as it:
        stream = SharedStream(GS, it.shared.terms.sharing, kit.opener, "wss://stub", it.shared.line, kit.log,
                              it.shared.traffic)
        seat, heard = stream.sit("A"), []
        for number in range(3):
            seat.hear(str(number))
        with trio.move_on_after(0.1):
            await seat.deliver(heard.append, lambda: heard.append("|"))
        assert heard == ["0", "1", "2", "|"]
        late = stream.sit("B")
        for number in range(EARLY_MAX + 1):
            late.hear(str(number))
        with pytest.raises(VenueUnreachable, match="before they were heard"):
            await late.deliver(heard.append, lambda: None)


def test_the_longest_wait_is_one_of_late() -> None:
    """It is told for one window at least and two at most, and that of a market that says nothing more stays."""
    seat = Seat(None, "A")  # type: ignore[arg-type]
    seat.note_turn(3.0, 100.0)
    assert seat.wait_s_max == 3.0
    for at_s in (101.0, 109.0, 111.0, 119.0):
        seat.note_turn(0.1, at_s)
        assert seat.wait_s_max == 3.0, at_s
    seat.note_turn(0.1, 122.0)
    assert (seat.wait_s_max, seat.turns) == (0.1, 6)


async def test_a_bug_in_the_connection_is_a_bug_of_its_tasks(
    autojump_clock: Any, work: Any, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no operating error: every task on it ends with InvariantBroken, and the worker lives."""
    async with work() as it:
        one = await it.join("A")
        monkeypatch.setattr(Names, "markets", lambda *_: 1 / 0)
        await it.say("A", kit.delta(11))
        assert [type(error) for error in one.errors] == [InvariantBroken]
        assert not it.shared.streams
