"""Bots of one worker on shared public connections, against the fakes: the same books and the same care."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from dnbot.bot import Bot, BotParts, Place, build_bot
from dnbot.config import parse_settings
from dnbot.domain.instrument import VENUES, Symbol, Venue
from dnbot.domain.market import BookView
from dnbot.domain.messages import FeedDown, FeedUp
from dnbot.fakes.config import AccountConfig, FakesConfig
from dnbot.fakes.running import GATE_HOST, MEXC_HOST
from dnbot.lab.audit_check import check_audit
from dnbot.lab.drills_fleet_world import FleetTask, fleet_tasks
from dnbot.lab.world import Stage, stage
from dnbot.ports.channels import Cell
from dnbot.ports.clock import VenueClock
from dnbot.ports.credentials import Credentials, Secret
from dnbot.ports.memory_store import MemoryStore
from dnbot.ports.net import Endpoint
from dnbot.ports.signer import CredentialSigner
from dnbot.strategy.context import StrategyContext
from dnbot.tasks.budgets import own_budgets, own_public
from dnbot.tasks.feed import Feed
from dnbot.tasks.link import line_of
from dnbot.tasks.shared_feeds import Address, SharedFeeds, shared_feeds
from dnbot.tasks.source import OwnSource, Source
from dnbot.venues.factory import public_codec

PLACES = {
    venue: Place(Endpoint(host, 443), f"wss://{host}:443")
    for venue, host in ((Venue.GATE_SPOT, GATE_HOST), (Venue.GATE_FUTURES, GATE_HOST), (Venue.MEXC_SPOT, MEXC_HOST))
}
ADDRESSES = {venue: Address(venue, place.rest, place.stream_url, None) for venue, place in PLACES.items()}
MARKETS = 9


@attrs.define
class Desk:
    """Keeps every book that it was brought, by its id."""

    books: dict[int, BookView] = attrs.field(factory=dict)
    told: list[Any] = attrs.field(factory=list)

    def take(self, event: Any) -> None:
        if isinstance(event, FeedUp | FeedDown):
            self.told.append(event)

    def moved(self, book: Any) -> None:
        view = book.view()
        if view is not None:
            self.books[view.update_id] = view

    def conclude(self) -> None:
        pass


@asynccontextmanager
async def world(tasks: list[FleetTask]) -> AsyncIterator[tuple[Stage, SharedFeeds]]:
    """The fakes with an account for each task, and what the tasks of a worker share. Everything ends with the block."""
    accounts = tuple(AccountConfig(*task.account.split(":")) for task in tasks)
    config = FakesConfig(
        symbols=tuple(str(task.symbol) for task in tasks), accounts=accounts, seed=1, deviation_bps=60.0,
        half_life_s=6.0, enforce_limits=False,
    )
    async with stage(config) as on, shared_feeds(on.clock, on.log, own_public) as feeds:
        yield on, feeds


@attrs.define
class Listener:
    """A feed that is started again like one of a bot."""

    feed: Feed
    desk: Desk
    ends: int = 0

    async def run(self) -> None:
        while True:
            try:
                await self.feed.run()
            except* Exception:  # noqa: BLE001 (whatever it is, the next one begins)
                self.ends += 1
            await trio.sleep(0.1)


def listener(on: Stage, source: Source, venue: Venue, symbol: Symbol) -> Listener:
    desk = Desk()
    return Listener(Feed(public_codec(venue, symbol), source, desk, Cell(), on.log), desk)


@pytest.mark.slow
async def test_books_are_those_of_own_connections(autojump_clock: Any) -> None:
    """Nine markets of three venues on four connections: each book is, id for id, what a connection of its own gives."""
    tasks = fleet_tasks(MARKETS, 1)
    async with world(tasks) as (on, feeds), AsyncExitStack() as stack, trio.open_nursery() as nursery:
        source_of, own, shared = feeds.sources(ADDRESSES, on.network.open_stream), {}, {}
        for task in tasks:
            for venue in VENUES:
                line = line_of(on.network.open_stream, PLACES[venue].rest, venue, VenueClock(on.clock), stack,
                               private=False, budgets=own_budgets())
                alone = OwnSource(line, on.network.open_stream, PLACES[venue].stream_url)
                own[venue, task.name] = listener(on, alone, venue, task.symbol)
                shared[venue, task.name] = listener(on, source_of(venue), venue, task.symbol)
        for each in (*own.values(), *shared.values()):
            nursery.start_soon(each.run)
        await trio.sleep(60)
        assert {v.value: len(feeds.venues[ADDRESSES[v]].streams) for v in VENUES} == {
            "GATEIO_SPOT": 1, "GATEIO_FUTURES": 1, "MEXC_SPOT": 2,
        }
        for key, one in shared.items():
            other = own[key]
            both = one.desk.books.keys() & other.desk.books.keys()
            most = max(len(one.desk.books), len(other.desk.books))
            assert len(both) >= max(10, most - 2), f"{key}: {len(both)} books of {most}: one began a beat later"
            for number in both:
                assert (one.desk.books[number].bids, one.desk.books[number].asks) == (
                    other.desk.books[number].bids, other.desk.books[number].asks,
                ), f"{key}: book {number}"
            assert [type(event) for event in one.desk.told] == [FeedUp]
            assert (one.ends, one.feed.unknown) == (0, 0)
            assert one.feed.instrument.value == other.feed.instrument.value
        spot = feeds.venues[ADDRESSES[Venue.GATE_SPOT]]
        assert spot.line.clients[next(iter(spot.line.clients))].statistics().requests <= 2 + 1 + MARKETS
        perp = feeds.venues[ADDRESSES[Venue.GATE_FUTURES]]
        assert perp.terms.readings <= 2 + 60 / 10
        assert spot.traffic.stray == perp.traffic.stray == 0
        nursery.cancel_scope.cancel()


@pytest.mark.slow
async def test_a_reconnect_reads_every_book_again_and_a_market_that_leaves_is_unsubscribed(autojump_clock: Any) -> None:
    """After a cut every feed lost its book, said so, and has it again, on as many connections as before."""
    tasks = fleet_tasks(MARKETS, 1)
    async with world(tasks) as (on, feeds), trio.open_nursery() as nursery:
        source_of = feeds.sources(ADDRESSES, on.network.open_stream)
        found = {
            (venue, task.name): listener(on, source_of(venue), venue, task.symbol)
            for task in tasks for venue in VENUES
        }
        scopes = {key: trio.CancelScope() for key in found}

        async def run(key: tuple[Venue, str]) -> None:
            with scopes[key]:
                await found[key].run()

        for key in found:
            nursery.start_soon(run, key)
        await trio.sleep(20)
        before = {key: one.feed.resyncs for key, one in found.items()}
        on.network.cut("*")
        await trio.sleep(20)
        for key, one in found.items():
            assert [type(event) for event in one.desk.told] == [FeedUp, FeedDown, FeedUp], key
            assert one.feed.resyncs == before[key] + 1
        mexc = feeds.venues[ADDRESSES[Venue.MEXC_SPOT]]
        assert (len(mexc.streams), mexc.traffic.opened, mexc.traffic.ended) == (2, 4, 2)

        gone = tasks[0].name
        for venue in VENUES:
            scopes[venue, gone].cancel()
        await trio.sleep(2)
        strays = {venue: feeds.venues[ADDRESSES[venue]].traffic.stray for venue in VENUES}
        await trio.sleep(10)
        assert strays == {venue: feeds.venues[ADDRESSES[venue]].traffic.stray for venue in VENUES}, "still sent"
        assert all(one.ends == 1 for key, one in found.items() if key[1] != gone)
        nursery.cancel_scope.cancel()


@attrs.define
class Life:
    """A task's bot, and how it ended."""

    task: FleetTask
    store: MemoryStore
    bot: Bot
    code: int | None = None

    async def run(self) -> None:
        self.code = await self.bot.run()

    @property
    def trades(self) -> int:
        return len(self.store.database.books[self.task.symbol].closed)


async def life(on: Stage, feeds: SharedFeeds, task: FleetTask) -> Life:
    key, secret, uid = task.account.split(":")
    signer, store = CredentialSigner(Credentials(Secret(key), Secret(secret), uid)), MemoryStore()
    bot = await build_bot(
        BotParts(
            params=parse_settings(task.name, task.settings(Path("nowhere"))).strategy, places=PLACES,
            signers=dict.fromkeys(Venue, signer), opener=on.network.open_stream, clock=on.clock, store=store,
            log=on.log, publish=_nobody_watches, version="tested", settings="{}",
            sources=feeds.sources(ADDRESSES, on.network.open_stream),
        )
    )
    return Life(task, store, bot)


def _nobody_watches(_context: StrategyContext) -> None:
    pass


async def until(holds: Any, what: str, s_max: float = 240.0) -> None:
    with trio.move_on_after(s_max):
        while not holds():  # noqa: ASYNC110 (whatever it is, it has no event)
            await trio.sleep(0.1)
    assert holds(), f"not within {s_max} s: {what}"


@pytest.mark.slow
async def test_bots_trade_on_shared_feeds_and_no_old_book_outlives_its_connection(autojump_clock: Any) -> None:
    """Two bots trade; all connections are lost: neither has a book, both see a fault; both trade again, to the digit.

    One then ends, and the other's feeds do not notice.
    """
    tasks = fleet_tasks(2, 1)
    async with world(tasks) as (on, feeds), trio.open_nursery() as nursery:
        lives = [await life(on, feeds, task) for task in tasks]
        for one in lives:
            nursery.start_soon(one.run)
        await until(lambda: all(one.trades >= 3 for one in lives), "both trade")
        assert {len(shared.streams) for shared in feeds.venues.values()} == {1}
        faults = [one.bot.context.counters.faults for one in lives]
        on.network.cut("*")
        await until(lambda: not any(one.bot.context.market.books for one in lives), "no bot has a book", 5)
        await until(lambda: all(len(one.bot.context.market.books) == 3 for one in lives), "books are back", 60)
        assert all(one.bot.context.counters.faults > before for one, before in zip(lives, faults, strict=True))
        trades = [one.trades for one in lives]
        await until(lambda: all(one.trades > before for one, before in zip(lives, trades, strict=True)), "trades again")

        first, second = lives
        resyncs = {venue: feed.resyncs for venue, feed in second.bot.feeds.items()}
        first.bot.stop("the test is over")
        await until(lambda: first.code is not None, "the first has ended", 60)
        await trio.sleep(10)
        assert {venue: feed.resyncs for venue, feed in second.bot.feeds.items()} == resyncs
        assert len(second.bot.context.market.books) == 3
        second.bot.stop("the test is over")
        await until(lambda: second.code is not None, "the second has ended", 60)
        for one in lives:
            assert one.code == 0
            verdict = await check_audit(on.world.audit(one.task.uid), one.store, one.bot.context)
            left = [value for assets in verdict["ledger_residual"].values() for value in assets.values()]
            assert set(left) == {"0"}, verdict
            assert verdict["open_orders_final"] == 0
        await trio.sleep(1)
        assert not any(shared.streams for shared in feeds.venues.values()), "nobody listens any more"
