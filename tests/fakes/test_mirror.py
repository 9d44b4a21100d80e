"""A market that is kept elsewhere: levels, what was taken of them, queues, age, funding, and the way there."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest
import trio

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.control import PREFIX, ControlledApp, Controls
from dnbot.fakes.faults import Fault, FaultRefused
from dnbot.fakes.faults_worlds import OF_OUTSIDERS
from dnbot.fakes.mirror import Mirror
from dnbot.fakes.mirror_edge import Distance
from dnbot.fakes.mirror_terms import mirrored
from dnbot.fakes.mirror_words import (
    AccountTerms,
    BookLost,
    BookTold,
    InstrumentTerms,
    MirrorRefused,
    RatesTold,
    Terms,
    TradeTold,
    read_terms,
)
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, VENUES, OrderRequest, OrderState
from dnbot.fakes.running import World
from dnbot.fakes.web import HttpRequest, HttpResponse
from dnbot.fakes.world import SIMULATION_EPOCH_NS, build_world

D = Decimal
BTC = "BTC/USDT"
UID = "10001"
NOW_S = SIMULATION_EPOCH_NS // 1_000_000_000
INTERVAL_S = 28_800
RATES = RatesTold(mark=D(60000), index=D(60000), rate=D("0.0001"), interval_s=INTERVAL_S, next_s=NOW_S + 100)
TERMS = Terms(
    symbol=BTC,
    price=D(60000),
    instruments=(
        InstrumentTerms(venue=GATE_SPOT, price_tick=D("0.1"), lot=D("0.001"), quantity_min=D("0.002")),
        InstrumentTerms(
            venue=GATE_FUTURES, price_tick=D("0.5"), lot=D("0.01"), quantity_min=D("0.01"), multiplier=D("0.01"),
            quantity_max=D(500), price_band=D("0.3"), leverage_max=D(20), maintenance_rate=D("0.01"),
        ),
        InstrumentTerms(
            venue=MEXC_SPOT, price_tick=D("0.01"), lot=D("0.0001"), quantity_min=D("0.0001"), notional_min=D(5)
        ),
    ),
    accounts=tuple(
        AccountTerms(
            venue=venue, maker=D("0.001"), taker=D("0.003"), latency_ms=100 if venue != MEXC_SPOT else 60,
            balances={"USDT": D(500_000), "BTC": D(1)} if venue != GATE_FUTURES else {"USDT": D(500_000)},
        )
        for venue in VENUES
    ),
    rates=RATES,
    book_age_ms_max=3_000,
)


@attrs.define
class Stand:
    """A mirrored world whose time is moved by hand."""

    world: World
    now: list[float]

    @property
    def mirror(self) -> Mirror:
        assert self.world.mirror is not None
        return self.world.mirror

    def show(self, bids: dict[str, str], asks: dict[str, str], *, venue: Any = GATE_SPOT, age_ms: int = 0) -> None:
        rows = [tuple((D(price), D(size)) for price, size in side.items()) for side in (bids, asks)]
        self.mirror.take([BookTold(venue=venue, bids=rows[0], asks=rows[1], age_ms=age_ms)])

    def buy(self, price: str, quantity: str, tif: Any = "ioc", venue: Any = GATE_SPOT) -> OrderState:
        return self.order("buy", price, quantity, tif, venue)

    def order(self, side: Any, price: str, quantity: str, tif: Any = "ioc", venue: Any = GATE_SPOT) -> OrderState:
        placed = self.world.exchange.place_order(
            venue, UID, OrderRequest(BTC, side, tif=tif, quantity=D(quantity), price=D(price))
        )
        assert isinstance(placed, OrderState), placed
        return placed

    def trade(self, side: Any, price: str, quantity: str) -> None:
        self.mirror.take([TradeTold(venue=GATE_SPOT, side=side, price=D(price), quantity=D(quantity))])

    def asks(self, venue: Any = GATE_SPOT) -> dict[str, str]:
        depth = self.world.exchange.state.markets[venue, BTC].depth("sell", 100)
        return {f"{price:f}": f"{size.normalize():f}" for price, size in depth}

    def pass_time(self, seconds: float) -> None:
        self.now[0] += seconds
        self.mirror.drop_stale()
        self.world.tick()

    def rates(self, **changed: Any) -> None:
        self.mirror.take([msgspec.structs.replace(RATES, **changed)])

    def paid(self) -> list[Decimal]:
        rows = self.world.exchange.account(UID).ledger
        return [row.change for row in rows if row.kind == "fund"]


def stood(state_dir: Path | None = None, *, at_s: float = 0.0, terms: Terms = TERMS) -> Stand:
    now = [at_s]
    clock = FakeClock(SIMULATION_EPOCH_NS, monotonic_s=lambda: now[0])
    return Stand(build_world(mirrored(FakesConfig(state_dir=state_dir), terms), clock), now)


@pytest.fixture
def stand() -> Stand:
    return stood()


def test_terms_are_the_venues_own(stand: Stand) -> None:
    """Steps and limits in the market's own quantities, fees and balances as they were told."""
    state = stand.world.exchange.state
    perp, spot = state.instruments[GATE_FUTURES, BTC], state.instruments[GATE_SPOT, BTC]
    assert (perp.price_tick, perp.lot, perp.quantity_max, perp.multiplier) == (D("0.5"), D(1), D(50_000), D("0.01"))
    assert (perp.leverage_max, perp.maintenance_rate, perp.price_band) == (D(20), D("0.01"), D("0.3"))
    assert (spot.lot, spot.quantity_min) == (D("0.001"), D("0.002"))
    assert state.instruments[MEXC_SPOT, BTC].notional_min == 5
    assert {state.fee_rates(venue, UID).taker for venue in VENUES} == {D("0.003")}
    assert state.accounts.available(UID, MEXC_SPOT, "BTC") == 1


def test_nothing_trades_before_a_book_is_told(stand: Stand) -> None:
    """There is no invented price to begin with."""
    assert stand.buy("60000", "0.01").filled == 0
    markets = stand.world.exchange.state.markets.values()
    assert {market.best("buy") for market in markets} | {market.best("sell") for market in markets} == {None}


def test_faults_of_invented_outsiders_are_refused(stand: Stand) -> None:
    """There are none: the books are the venue's, whatever a fault would make of them."""
    for name in sorted(OF_OUTSIDERS):
        with pytest.raises(FaultRefused, match="mirrored market"):
            stand.world.faults.switch_on(Fault(name))
    assert stand.world.faults.activations() == []


def test_what_was_taken_stays_taken_until_the_venue_shows_another_quantity(stand: Stand) -> None:
    """The same book told again gives nothing back; another quantity of that level replaces it."""
    levels = {"60000.1": "2", "60000.2": "3"}
    stand.show({"60000": "1"}, levels)
    assert stand.buy("60000.1", "0.5").filled == D("0.5")
    assert stand.asks() == {"60000.1": "1.5", "60000.2": "3"}
    stand.show({"60000": "1"}, levels)
    assert stand.asks() == {"60000.1": "1.5", "60000.2": "3"}
    stand.show({"60000": "1"}, levels | {"60000.2": "1"})
    assert stand.asks() == {"60000.1": "1.5", "60000.2": "1"}
    stand.show({"60000": "1"}, levels | {"60000.1": "1.9"})
    assert stand.asks() == {"60000.1": "1.9", "60000.2": "3"}


def test_a_level_taken_whole_comes_back_when_it_changes(stand: Stand) -> None:
    """And not before."""
    stand.show({"60000": "1"}, {"60000.1": "0.4", "60000.2": "3"})
    assert stand.buy("60000.1", "1").filled == D("0.4")
    stand.show({"60000": "1"}, {"60000.1": "0.4", "60000.2": "3"})
    assert stand.buy("60000.1", "1").filled == 0
    stand.show({"60000": "1"}, {"60000.1": "0.3", "60000.2": "3"})
    assert stand.buy("60000.1", "1").filled == D("0.3")


def test_a_moved_book_leaves_nothing_behind(stand: Stand) -> None:
    """Old levels are gone on both sides, also where the new book lies across the old one."""
    stand.show({"60000": "1"}, {"60000.1": "2"})
    stand.show({"60050": "1"}, {"60050.1": "0.7"})
    assert stand.asks() == {"60050.1": "0.7"}
    assert stand.buy("60040", "1").filled == 0
    assert stand.order("sell", "60000", "1").filled == 1
    assert stand.world.exchange.account(UID).trades[-1].price == 60050


def test_contracts_are_whole(stand: Stand) -> None:
    """Base units become contracts, rounded down; less than one is nothing."""
    stand.show({"60000": "0.05"}, {"60000.5": "0.0599", "60001": "0.009"}, venue=GATE_FUTURES)
    assert stand.asks(GATE_FUTURES) == {"60000.5": "5"}


def test_who_waits_stands_behind_what_was_there(stand: Stand) -> None:
    """Trades serve the level that stood there first; what joined later stands behind, and gives up first."""
    stand.show({"60000": "1"}, {"60000.1": "5"})
    mine = stand.buy("60000", "0.3", "gtc")
    stand.show({"60000": "4"}, {"60000.1": "5"})
    stand.trade("sell", "60000", "0.6")
    assert mine.filled == 0
    stand.show({"60000": "0.7"}, {"60000.1": "5"})  # the newcomers gave up: 0.4 are ahead still, 0.3 behind
    stand.trade("sell", "60000", "0.5")
    assert mine.filled == D("0.1")
    stand.trade("sell", "59999.9", "0.5")
    assert mine.filled == D("0.3")


def test_a_trade_matters_to_nobody_who_does_not_wait(stand: Stand) -> None:
    """The next book tells it: taken twice, the level would be smaller than at the venue."""
    stand.show({"60000": "1"}, {"60000.1": "5"})
    stand.trade("buy", "60000.1", "2")
    assert stand.asks() == {"60000.1": "5"}


def test_a_book_that_crosses_who_waits_serves_him(stand: Stand) -> None:
    """At his own price, as he was there first."""
    stand.show({"60000": "1"}, {"60000.1": "5"})
    mine = stand.buy("60000", "0.3", "gtc")
    stand.show({"59990": "1"}, {"59990.1": "0.2", "59990.2": "0.2"})
    assert mine.filled == D("0.3")
    assert {fill.price for fill in stand.world.exchange.account(UID).trades} == {D(60000)}
    assert stand.asks() == {"59990.2": "0.1"}


def test_an_old_book_fills_nothing(stand: Stand) -> None:
    """Its age counts from when the venue's update came, not from when it was told; who waits goes on waiting."""
    stand.show({"60000": "1"}, {"60000.1": "5"}, age_ms=1_000)
    mine = stand.buy("60000", "0.3", "gtc")
    stand.pass_time(1.9)
    assert stand.buy("60000.1", "0.1").filled == D("0.1")
    stand.pass_time(0.2)
    assert stand.buy("60000.1", "0.1").filled == 0
    stand.trade("sell", "60000", "9")
    assert mine.is_open
    assert mine.filled == 0
    stand.show({"60000": "1"}, {"60000.1": "5"}, age_ms=3_000)
    assert stand.buy("60000.1", "0.1").filled == 0
    stand.show({"60000": "1"}, {"60000.1": "5"})
    assert stand.buy("60000.1", "0.1").filled == D("0.1")


def test_a_lost_book_fills_nothing(stand: Stand) -> None:
    """At once, and at that venue alone."""
    for venue in (GATE_SPOT, MEXC_SPOT):
        stand.show({"60000": "1"}, {"60000.1": "5"}, venue=venue)
    stand.mirror.take([BookLost(venue=GATE_SPOT)])
    assert stand.buy("60000.1", "0.1").filled == 0
    assert stand.buy("60000.1", "0.1", venue=MEXC_SPOT).filled == D("0.1")


@pytest.mark.parametrize(
    ("bids", "asks", "why"),
    [
        ({"60000.1": "1"}, {"60000.1": "1"}, "crossed"),
        ({"60000.05": "1"}, {"60000.1": "1"}, "not on its tick"),
        ({"60000": "0"}, {"60000.1": "1"}, "with 0"),
        ({"60000": "1"}, {"NaN": "1"}, "NaN"),
        ({"60000": "1"}, {"sNaN": "1"}, "not a number"),
        ({"-1": "1"}, {"60000.1": "1"}, "at -1"),
        ({str(price): "1" for price in range(201)}, {}, "201 levels"),
    ],
)
def test_a_book_that_cannot_be_is_refused_whole(stand: Stand, bids: Any, asks: Any, why: str) -> None:
    """Nothing of what came with it is taken in either."""
    stand.show({"60000": "1"}, {"60000.1": "5"})
    rows = [tuple((D(price), D(size)) for price, size in side.items()) for side in (bids, asks)]
    with pytest.raises(MirrorRefused, match=why):
        stand.mirror.take([BookLost(venue=GATE_SPOT), BookTold(venue=GATE_SPOT, bids=rows[0], asks=rows[1])])
    assert stand.asks() == {"60000.1": "5"}


# --- funding ----------------------------------------------------------------------------------------------------------
def short(stand: Stand) -> None:
    """One BTC short, which receives at a positive rate: 60000 x rate."""
    stand.show({"60000": "1"}, {"60000.5": "1"}, venue=GATE_FUTURES)
    assert stand.order("sell", "60000", "100", venue=GATE_FUTURES).filled == 100


def test_funding_is_charged_at_the_told_rate_and_time(stand: Stand) -> None:
    """Once, at the last rate and mark that were told before."""
    short(stand)
    stand.rates()
    stand.pass_time(60)
    stand.rates(rate=D("0.0002"), mark=D(50000))
    stand.pass_time(39)
    assert stand.paid() == []
    stand.pass_time(1.5)
    assert stand.paid() == [D(10)]
    stand.pass_time(30)
    assert stand.paid() == [D(10)]


def test_a_venue_whose_clock_is_ahead_is_charged_once_at_the_old_rate(stand: Stand) -> None:
    """It names the next settlement, and the next rate, before our clock comes to this one."""
    short(stand)
    stand.rates()
    stand.pass_time(99)
    stand.rates(rate=D("0.0009"), next_s=RATES.next_s + INTERVAL_S)
    assert stand.paid() == [D(6)]
    stand.pass_time(5)
    assert stand.paid() == [D(6)]
    stand.pass_time(INTERVAL_S)
    assert stand.paid() == [D(6), D(54)]


def test_a_venue_whose_clock_is_behind_is_charged_once(stand: Stand) -> None:
    """It still names the settlement that our clock has passed."""
    short(stand)
    stand.rates()
    stand.pass_time(101)
    stand.rates()
    stand.pass_time(1)
    stand.rates(next_s=RATES.next_s + INTERVAL_S)
    stand.pass_time(1)
    assert stand.paid() == [D(6)]


def test_a_settlement_that_is_moved_is_not_charged(stand: Stand) -> None:
    """Another interval: the time that was named first passes without a payment."""
    short(stand)
    stand.rates(next_s=NOW_S + 10_000)
    stand.rates(next_s=NOW_S + 20_000, interval_s=14_400)
    stand.pass_time(10_001)
    assert stand.paid() == []
    stand.pass_time(10_000)
    assert stand.paid() == [D(6)]


def test_a_settlement_that_fell_into_a_stop_is_charged_once(tmp_path: Path) -> None:
    """As soon as a rate is told, and not before; and a start right after one charges nothing twice."""
    before = stood(tmp_path)
    short(before)
    before.rates()
    before.world.close()
    again = stood(tmp_path, at_s=5_000, terms=msgspec.structs.replace(TERMS, rates=msgspec.structs.replace(
        RATES, next_s=RATES.next_s + INTERVAL_S)))
    again.pass_time(1)
    assert again.paid() == []
    again.rates(rate=D("0.0003"), next_s=RATES.next_s + INTERVAL_S)
    again.pass_time(1)
    assert again.paid() == [D(18)]
    again.world.close()
    third = stood(tmp_path, at_s=5_010)
    third.rates()
    third.pass_time(1)
    assert third.paid() == [D(18)]
    third.world.close()


def test_a_position_is_not_read_in_another_unit(tmp_path: Path) -> None:
    """Contracts of another size than those that were sold: the account is refused, and nothing is settled wrongly."""
    before = stood(tmp_path)
    short(before)
    before.world.close()
    instruments = tuple(
        msgspec.structs.replace(one, multiplier=D("0.1"), lot=D("0.1")) if one.venue == GATE_FUTURES else one
        for one in TERMS.instruments
    )
    with pytest.raises(ValueError, match=r"contracts of 0\.01, and the venue's are now of 0\.1"):
        stood(tmp_path, terms=msgspec.structs.replace(TERMS, instruments=instruments))


def test_any_coin_of_the_venues_can_be_kept() -> None:
    """One that the fakes do not know by name, and whose price is far below a cent."""
    instruments = tuple(
        InstrumentTerms(venue=venue, price_tick=D("0.000000001"), lot=D(1000), quantity_min=D(1000),
                        multiplier=D(1000) if venue == GATE_FUTURES else D(1))
        for venue in VENUES
    )  # fmt: skip
    rates = msgspec.structs.replace(RATES, mark=D("0.00001"), index=D("0.00001"))
    terms = msgspec.structs.replace(
        TERMS, symbol="NOBODY/USDT", price=D("0.00001"), instruments=instruments, rates=rates
    )
    world = stood(terms=terms).world
    assert world.mirror is not None
    level = (D("0.000010001"), D(50_000))
    world.mirror.take([BookTold(venue=GATE_FUTURES, bids=(), asks=(level,))])
    assert world.exchange.depth(GATE_FUTURES, "NOBODY/USDT", 5).asks == ((level[0], D(50)),)
    assert world.exchange.mark("NOBODY/USDT").mark == D("0.00001")


# --- the way there ----------------------------------------------------------------------------------------------------
async def post(world: World, body: bytes, remote: str = "127.0.0.1") -> HttpResponse:
    app = ControlledApp(Controls(world), world.gate_app)
    return await app.handle_http(HttpRequest("POST", PREFIX + "mirror", "", (), body, remote))


async def test_books_are_told_over_a_control_path(autojump_clock: Any) -> None:
    """At once, by callers on loopback alone; the venue's own paths are as far away as the venue."""
    world = build_world(mirrored(FakesConfig(), TERMS), FakeClock(SIMULATION_EPOCH_NS))
    told = json.dumps([{"told": "book", "venue": "gate_spot", "bids": [["60000", "1"]], "asks": [["60000.1", "2"]]}])
    assert (await post(world, told.encode())).body == b'{"taken": 1}'
    assert trio.current_time() == 0
    assert world.exchange.depth(GATE_SPOT, BTC, 5).asks == ((D("60000.1"), D(2)),)
    assert b"MISSING_REQUIRED_HEADER" in (await post(world, b"[]", "10.0.0.1")).body  # what the venue says of that path
    for body in (b"", b"{}", b'[{"told": "nothing"}]', told.replace("60000.1", "59000").encode()):
        assert (await post(world, body)).status == 400
    assert world.exchange.depth(GATE_SPOT, BTC, 5).asks == ((D("60000.1"), D(2)),)
    invented = build_world(FakesConfig(), FakeClock(SIMULATION_EPOCH_NS))
    assert (await post(invented, b"[]")).status == 400


async def test_a_request_meets_the_book_at_the_end_of_its_way(autojump_clock: Any) -> None:
    """A book that grew too old on the way is gone when it is over; the venue's clock is half of the way behind."""
    world = build_world(mirrored(FakesConfig(), TERMS), FakeClock(SIMULATION_EPOCH_NS))
    gate, mexc = (ControlledApp(Controls(world), app) for app in (world.gate_app, world.mexc_app))
    assert world.mirror is not None
    old = BookTold(venue=GATE_SPOT, bids=((D(60000), D(1)),), asks=((D("60000.1"), D(2)),), age_ms=2_950)
    world.mirror.take([old])
    began_ns = SIMULATION_EPOCH_NS + round(trio.current_time() * 1e9)
    answer = await gate.handle_http(HttpRequest("GET", "/api/v4/spot/time", "", ()))
    assert trio.current_time() == pytest.approx(0.1)
    assert world.exchange.depth(GATE_SPOT, BTC, 5).asks == ()
    assert json.loads(answer.body)["server_time"] == pytest.approx(began_ns / 1e6 + 50, abs=1)
    await mexc.handle_http(HttpRequest("GET", "/api/v3/time", "", ()))
    assert trio.current_time() == pytest.approx(0.16)


@attrs.define
class Near:
    """A conversation with a client who has sent everything already."""

    messages: list[str]
    heard_s: list[float] = attrs.field(factory=list)

    async def get_message(self) -> str:
        await trio.lowlevel.checkpoint()
        return self.messages.pop(0)

    async def send_message(self, message: str) -> None:
        self.heard_s.append(trio.current_time())


async def test_a_socket_is_as_far_away(autojump_clock: Any, stand: Stand) -> None:
    """What the client says takes the way there and back; what it hears, no time more."""
    near: Any = Near(["login", "order"])
    far = Distance(stand.mirror).socket(GATE_SPOT, near)
    assert await far.get_message() == "login"
    assert trio.current_time() == pytest.approx(0.1)
    await far.send_message("ack")
    assert near.heard_s == [trio.current_time()]
    assert Distance(None).socket(GATE_SPOT, near) is near


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda text: b"", "truncated"),
        (lambda text: text.replace(b'"symbol"', b'"sumbol"'), "sumbol"),
        (lambda text: text.replace(b"mexc_spot", b"gate_spot"), "each venue once"),
    ],
)
def test_terms_that_are_none_are_refused(tmp_path: Path, change: Any, why: str) -> None:
    """With the file's name."""
    path = tmp_path / "terms.json"
    path.write_bytes(msgspec.json.encode(TERMS))
    assert read_terms(path) == TERMS
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(MirrorRefused, match=why) as refused:
        read_terms(path)
    assert str(path) in str(refused.value)
