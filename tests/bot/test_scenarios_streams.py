"""Streams that lie, fall silent or say everything twice: each a bug that users of other systems met."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio

from dnbot.domain.instrument import Venue
from dnbot.domain.messages import ReadAccount
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.gateio_hub import StreamFault
from dnbot.fakes.records import Venue as VenueName
from dnbot.strategy.muteness import MUTE_S
from dnbot.tasks import session

pytestmark = pytest.mark.slow

FOR_EVER = 10**9
PRIVATE = (
    "spot.orders", "spot.usertrades", "spot.balances", "futures.orders", "futures.usertrades", "futures.balances",
    "futures.positions",
)
SPOT, PERP = ("gate_spot", "BTC/USDT"), ("gate_futures", "BTC/USDT")


def mute_private(on: Any) -> None:
    """No venue pushes anything private any more; sockets live and answer pings."""
    for channel in PRIVATE:
        on.world.gate_app.stream_fault(StreamFault(channel, copies=0, count=FOR_EVER))
    on.world.mexc_app.faults.frames_lost = FOR_EVER


async def test_fill_never_pushed(autojump_clock: Any, lab: Any) -> None:
    """Every private push is lost: fills are found over REST, each booked once, and residuals are zero."""
    async with lab.stage(FakesConfig(seed=1)) as on:
        mute_private(on)
        async with lab.on(on) as trial:
            await trial.until_trades(1, s_max=90)
            assert await trial.end() == 0
            await trial.assert_clean()


async def test_order_created_twice_in_stream(autojump_clock: Any, lab: Any) -> None:
    """Every private push comes twice: everything is booked once."""
    async with lab.stage(FakesConfig(seed=1)) as on:
        for channel in PRIVATE:
            on.world.gate_app.stream_fault(StreamFault(channel, copies=2, count=FOR_EVER))
        on.world.mexc_app.faults.frames_repeated = FOR_EVER
        async with lab.on(on) as trial:
            await trial.until_trades(2)
            assert await trial.end() == 0
            await trial.assert_clean()
            fills = await trial.store.fills_of(lab.symbol)
            assert len(fills) == len(trial.stage.audit()["fills"])


async def test_a_fill_overtakes_the_news_of_its_order(autojump_clock: Any, lab: Any) -> None:
    """Deals before orders, and all private frames 200 ms late: nothing is lost or counted twice."""
    async with lab.stage(FakesConfig(seed=1)) as on:
        on.world.mexc_app.faults.first_frame = "deal"
        on.world.mexc_app.faults.private_delay_ms = 200
        async with lab.on(on) as trial:
            await trial.until_trades(2)
            assert await trial.end() == 0
            await trial.assert_clean()


async def test_listenkey_expired(autojump_clock: Any, lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The listen key dies without a word: the renewal fails, a new key is taken, and all is read before an order."""
    monkeypatch.setattr(session, "LISTEN_KEY_RENEW_S", 6.0)
    async with lab.trading() as trial:
        mexc = trial.bot.sessions[Venue.MEXC_SPOT]
        before, faults = mexc.connects, len(trial.fault_moments)
        trial.stage.world.mexc_app.venue.keys.silence("10001")
        await trial.until(lambda: mexc.connects > before, "a new stream is opened")
        await trial.until_trades(1)
        assert len(trial.fault_moments) == faults + 1
        lab.assert_reads_before_creates(trial)
        assert await trial.end() == 0
        await trial.assert_clean()


async def test_a_dead_listen_key_is_found_out_by_a_trade(autojump_clock: Any, lab: Any) -> None:
    """Long before its renewal: the stream told nothing of a trade, so a new key is taken, and trading goes on."""
    async with lab.trading() as trial:
        mexc = trial.bot.sessions[Venue.MEXC_SPOT]
        before = mexc.connects
        trial.stage.world.mexc_app.venue.keys.silence("10001")
        began_s = trio.current_time()
        await trial.until(lambda: mexc.connects > before, "a new stream is opened")
        assert trio.current_time() - began_s <= MUTE_S + 15
        opened_s = trio.current_time()
        await trial.until(lambda: trial.bot.context.accounts[Venue.MEXC_SPOT].told_s > opened_s, "the new one tells")
        assert await trial.end() == 0
        await trial.assert_clean()


async def test_the_account_is_read_no_oftener_than_mexc_allows(autojump_clock: Any, lab: Any) -> None:
    """A stream that is opened anew, and readings right after it: MEXC, which allows two a second, refuses none."""
    async with lab.trading() as trial:
        mexc, desk = trial.bot.sessions[Venue.MEXC_SPOT], trial.bot.desks[Venue.MEXC_SPOT]
        before, since = mexc.connects, len(trial.notes())
        mexc.reopen("the test wants another")
        await trial.until(lambda: mexc.connects > before, "a new stream is opened")
        for _ in range(3):
            await desk.perform(ReadAccount(Venue.MEXC_SPOT, "the test asks"))
        reads = [note for note in trial.notes(since) if note.path == "/api/v3/account"]
        assert len(reads) >= 4
        assert {note.status for note in reads} == {200}
        assert await trial.end() == 0
        await trial.assert_clean()


async def test_ws_mute_but_pinging(autojump_clock: Any, lab: Any) -> None:
    """MEXC answers pings and sends no market data: no trade on an old book, a fault by data age, then trades again."""
    async with lab.trading() as trial:
        faults = trial.stage.world.mexc_app.faults
        faults.public_mute = True
        began_s = trio.current_time()
        await trial.until(lambda: Venue.MEXC_SPOT not in fresh(trial), "its book is stale")
        assert trio.current_time() - began_s <= 1.2
        trades = trial.trades()
        await trial.until(lambda: trial.fault_moments, "the feed fails")
        assert 14 <= trio.current_time() - began_s <= 32
        assert trial.trades() == trades
        faults.public_mute = False
        await trial.until_trades(1)
        assert await trial.end() == 0
        await trial.assert_clean()


def fresh(trial: Any) -> list[Venue]:
    """Venues whose book may be acted on."""
    return [venue for venue in Venue if trial.bot.context.book(venue) is not None]


async def test_rest_book_older_than_ws(autojump_clock: Any, lab: Any) -> None:
    """An increment is lost and REST answers with old books: they are fetched again, and no book ever goes back."""
    async with lab.trading() as trial:
        world = trial.stage.world
        old = {name: world.exchange.depth(name, "BTC/USDT", 100) for name in ("gate_spot", "gate_futures", "mexc_spot")}
        await trio.sleep(1.0)
        for key in (SPOT, PERP):
            world.gate_app.stale_books[key] = [old[key[0]]] * 2
        world.mexc_app.faults.stale_books["BTC/USDT"] = [old["mexc_spot"]] * 2
        before = {venue: feed.resyncs for venue, feed in trial.bot.feeds.items()}
        ids: dict[Venue, list[int]] = {venue: [] for venue in Venue}
        world.gate_app.stream_fault(StreamFault("spot.order_book_update", copies=0))
        world.gate_app.stream_fault(StreamFault("futures.order_book_update", copies=0))
        world.mexc_app.faults.depth_frames_lost = 1

        def all_back() -> bool:
            for venue, book in trial.bot.context.market.books.items():
                ids[venue].append(book.update_id)
            return all(feed.resyncs > before[venue] and feed._book.synced for venue, feed in trial.bot.feeds.items())

        await trial.until(all_back, "every book was lost and came back", poll_s=0.005)
        assert not world.gate_app.stale_books[SPOT]
        assert not world.gate_app.stale_books[PERP]
        assert not world.mexc_app.faults.stale_books["BTC/USDT"]
        await trial.until_trades(1)
        assert all(seen == sorted(seen) for seen in ids.values())
        assert trial.bot.context.counters.faults == 0, "it needed no reconnect"
        assert await trial.end() == 0
        await trial.assert_clean()


@pytest.mark.parametrize(("local_ms", "gate_ms", "mexc_ms"), [(1_100, 0, 0), (0, 900, -900), (0, -900, 900)])
async def test_clock_fast_1s(autojump_clock: Any, lab: Any, local_ms: int, gate_ms: int, mexc_ms: int) -> None:
    """Our clock over a second ahead, or a venue's 0.9 s off: offsets are measured, and every request is accepted."""
    skew: dict[VenueName, int] = {"gate_spot": gate_ms, "gate_futures": gate_ms, "mexc_spot": mexc_ms}
    config = attrs.evolve(FakesConfig(seed=1), skew_ms=skew)
    async with lab.stage(config) as on:
        on.clock.skew_ns = local_ms * 1_000_000
        async with lab.on(on) as trial:
            await trial.until_trades(2)
            refused = [note for note in trial.notes() if note.status >= 400]
            assert not refused
            assert await trial.end() == 0
            await trial.assert_clean()


async def test_base_fee_drift(autojump_clock: Any, lab: Any) -> None:
    """Both spot venues take the fee of a buy in base: what was received is hedged, and delta stays in its tolerance."""
    config = attrs.evolve(FakesConfig(seed=1), mexc_fee_asset="base")
    async with lab.stage(config) as on, lab.on(on) as trial:
        await trial.until_trades(6)
        in_base = [fill for fill in trial.stage.audit()["fills"] if fill["fee_asset"] == "BTC"]
        assert {fill["venue"] for fill in in_base} == {"gate_spot", "mexc_spot"}
        assert "REBALANCING_DELTA" not in trial.bot.context.counters.states
        assert await trial.end() == 0
        await trial.assert_clean()
