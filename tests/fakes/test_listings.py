"""Markets that begin and end while the world runs: orders, books, positions, and what the wire shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig, Listing
from dnbot.fakes.faults_text import parse_fault
from dnbot.fakes.instruments import Phase
from dnbot.fakes.records import (
    GATE_FUTURES,
    GATE_SPOT,
    MEXC_SPOT,
    VENUES,
    OrderRequest,
    OrderState,
    Refusal,
    RefusalKind,
    Venue,
)  # fmt: skip
from dnbot.fakes.running import World
from dnbot.fakes.web import HttpRequest
from dnbot.fakes.world import SIMULATION_EPOCH_NS, build_core, build_world

D = Decimal
ETH, UID = "ETH/USDT", "10001"
START_S = SIMULATION_EPOCH_NS // 1_000_000_000


class Time:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def world(self, *listings: Listing, build: Callable[..., World] = build_core, **changes: Any) -> World:
        """A world with that script."""
        config = FakesConfig(symbols=("BTC/USDT", ETH), listings=listings, **changes)
        return build(config, FakeClock(SIMULATION_EPOCH_NS, monotonic_s=lambda: self.now_s))

    def reach(self, world: World, at_s: float) -> None:
        """Go to that second: everybody acts a few times, then what is due by the clock happens."""
        self.now_s = at_s
        world.tick()
        for _ in range(6):
            world.step_market(ETH)


def phases(world: World) -> dict[Venue, Phase]:
    """The phase of ETH on every venue."""
    return {venue: world.exchange.state.instruments[venue, ETH].phase for venue in VENUES}


def buy(world: World, venue: Venue, *, reduce_only: bool = False, far: bool = False) -> OrderState | Refusal:
    """A small order for ETH, to be filled, or far below the market."""
    book = world.exchange.depth(venue, ETH, 1)
    price = (book.bids[0][0] - 50) if far else (book.asks[0][0] + 2 if book.asks else D(3000))
    quantity = D(2) if venue == GATE_FUTURES else D("0.01")
    return world.exchange.place_order(
        venue, UID, OrderRequest(ETH, "buy", quantity=quantity, price=price, reduce_only=reduce_only)
    )


def is_closed(answer: OrderState | Refusal) -> bool:
    """Whether an order was refused because its market is closed."""
    return isinstance(answer, Refusal) and answer.kind == RefusalKind.SYMBOL_CLOSED


def test_a_market_begins_at_its_time() -> None:
    """Before: an empty book and refused orders. From then on: full books, orders, and the price that it has by then."""
    time = Time()
    world = time.world(Listing(ETH, "list", 30.0))
    for at_s in (0.0, 29.0):
        time.reach(world, at_s)
        assert set(phases(world).values()) == {"prelaunch"}
        assert all(not world.exchange.depth(venue, ETH).bids for venue in VENUES)
        assert all(is_closed(buy(world, venue)) for venue in VENUES)
    time.reach(world, 30.0)
    assert set(phases(world).values()) == {"trading"}
    for venue in VENUES:
        assert len(world.exchange.depth(venue, ETH).bids) == len(world.exchange.depth(venue, ETH).asks) == 20
        order = buy(world, venue)
        assert isinstance(order, OrderState)
        assert order.filled == order.quantity
        assert world.exchange.state.instruments[venue, ETH].listed_s == START_S + 30


def test_a_market_ends_at_its_time() -> None:
    """Open orders are cancelled and what they held is free again, the book is empty for good, new orders are refused,
    and the other symbol is not touched."""
    time = Time()
    world = time.world(Listing(ETH, "delist", 60.0, notice_s=0.0))
    waiting = [buy(world, venue, far=True) for venue in VENUES]
    time.reach(world, 59.0)
    assert all(isinstance(order, OrderState) and order.is_open for order in waiting)
    time.reach(world, 60.0)
    assert set(phases(world).values()) == {"delisted"}
    assert all(isinstance(order, OrderState) and order.status == "cancelled" for order in waiting)
    for venue in VENUES:
        assert world.exchange.balances(venue, UID)["USDT"].locked == 0
        assert world.exchange.depth(venue, ETH).bids == world.exchange.depth(venue, ETH).asks == ()
        assert is_closed(buy(world, venue))
        assert world.exchange.depth(venue, "BTC/USDT").bids
    assert world.exchange.margin(UID).available == 10000


def test_positions_end_at_the_mark_and_nothing_is_lost() -> None:
    """The holder gets the profit at the mark, less one fill's fee, and all accounts together have what they had."""
    time = Time()
    world = time.world(Listing(ETH, "delist", 120.0))

    def everything() -> Decimal:
        return sum((account.balance(GATE_FUTURES, "USDT").total for account in accounts.values()), D(0))

    accounts = world.exchange.state.accounts.by_uid
    before = everything()
    order = buy(world, GATE_FUTURES)
    assert isinstance(order, OrderState)
    time.reach(world, 119.0)
    wallet = world.exchange.balances(GATE_FUTURES, UID)["USDT"].total
    time.reach(world, 120.0)
    position, fill = world.exchange.position(UID, ETH), world.exchange.trades(GATE_FUTURES, UID)[-1]
    assert position.contracts == 0
    assert accounts["external"].positions[ETH].contracts == 0
    assert (fill.side, fill.quantity, fill.client_id) == ("sell", order.quantity, "delisting")
    profit = (fill.price - order.average_price) * order.quantity * D("0.01")
    assert world.exchange.balances(GATE_FUTURES, UID)["USDT"].total == wallet + profit - fill.fee
    assert everything() == before


def test_a_suspension_that_is_over_opens_nothing_that_has_ended() -> None:
    """Every market is again what it was before, at once: the one that still trades, and the one that does not."""
    time = Time()
    world = time.world(Listing(ETH, "delist", 30.0), build=build_world)
    time.reach(world, 31.0)
    key = world.faults.switch_on(parse_fault("symbol_suspended"))
    world.faults.switch_off(key)
    assert set(phases(world).values()) == {"delisted"}
    assert {world.exchange.state.instruments[venue, "BTC/USDT"].phase for venue in VENUES} == {"trading"}


def test_a_suspension_outlasts_every_tick_of_a_script() -> None:
    """A market that will end one day is suspended as long as another; it opens with quotes, or has ended meanwhile."""
    time = Time()
    world = time.world(Listing(ETH, "delist", 90.0, notice_s=0.0), build=build_world)
    key = world.faults.switch_on(parse_fault("symbol_suspended"))
    time.reach(world, 5.0)
    assert all(is_closed(buy(world, venue)) for venue in VENUES)
    world.faults.switch_off(key)
    assert set(phases(world).values()) == {"trading"}
    assert all(isinstance(buy(world, venue), OrderState) for venue in VENUES)
    key = world.faults.switch_on(parse_fault("symbol_suspended"))
    time.reach(world, 91.0)
    assert set(phases(world).values()) == {"delisted"}
    world.faults.switch_off(key)
    assert set(phases(world).values()) == {"delisted"}


def test_before_its_end_a_contract_only_reduces() -> None:
    """In the time of notice a position can be closed and not opened; spot trades to the end."""
    time = Time()
    world = time.world(Listing(ETH, "delist", 120.0, notice_s=60.0))
    assert isinstance(buy(world, GATE_FUTURES), OrderState)
    time.reach(world, 60.0)
    assert phases(world) == {GATE_SPOT: "trading", GATE_FUTURES: "delisting", MEXC_SPOT: "trading"}
    assert is_closed(buy(world, GATE_FUTURES))
    closing = OrderRequest(ETH, "sell", "market", "ioc", quantity=D(2), reduce_only=True)
    order = world.exchange.place_order(GATE_FUTURES, UID, closing)
    assert isinstance(order, OrderState)
    assert order.filled == 2
    assert isinstance(buy(world, GATE_SPOT), OrderState)


def test_one_venue_may_list_alone() -> None:
    """A script for one venue leaves the others as they are."""
    time = Time()
    world = time.world(Listing(ETH, "delist", 10.0, venues=(MEXC_SPOT,)))
    time.reach(world, 11.0)
    assert phases(world) == {GATE_SPOT: "trading", GATE_FUTURES: "trading", MEXC_SPOT: "delisted"}


@pytest.mark.parametrize(
    ("listings", "why"),
    [
        ((Listing("XRP/USDT", "list", 5.0),), "cannot list XRP/USDT at 5 s: no such symbol there"),
        ((Listing(ETH, "delist", -1.0),), "before the start"),
        ((Listing(ETH, "list", 9.0), Listing(ETH, "delist", 9.0)), "cannot be delisted before it is listed"),
    ],
)
def test_an_impossible_script_is_refused(listings: tuple[Listing, ...], why: str) -> None:
    """At the start, with the reason."""
    with pytest.raises(ValueError, match=why):
        Time().world(*listings)


def test_times_count_from_the_first_start(tmp_path: Path) -> None:
    """A restart neither delays a listing nor brings a market back that has ended."""
    time = Time()
    script = (Listing(ETH, "delist", 60.0), Listing("BTC/USDT", "list", 90.0, venues=(MEXC_SPOT,)))
    world = time.world(*script, state_dir=tmp_path)
    time.reach(world, 50.0)
    world.close()
    time.now_s = 70.0
    again = time.world(*script, state_dir=tmp_path)
    assert set(phases(again).values()) == {"delisted"}
    assert not again.exchange.depth(GATE_SPOT, ETH).bids
    assert again.exchange.state.instruments[MEXC_SPOT, "BTC/USDT"].phase == "prelaunch"
    time.reach(again, 90.0)
    assert again.exchange.state.instruments[MEXC_SPOT, "BTC/USDT"].phase == "trading"
    again.close()


async def shown(world: World, path: str, query: str = "") -> Any:
    """What a public REST path answers."""
    app = world.mexc_app if path.startswith("/api/v3") else world.gate_app
    return json.loads((await app.handle_http(HttpRequest("GET", path, query, (), b"", "127.0.0.1"))).body)


async def test_the_wire_shows_the_life_of_a_market() -> None:
    """Gate spot: trade_status and the three times; contracts: status, in_delisting, launch_time; MEXC: status 2, 1, 3
    and the list of what is offline. (Gate currency_pairs and contracts; MEXC exchangeInfo, symbol/offline.)"""
    time = Time()
    world = time.world(Listing(ETH, "list", 30.0), Listing(ETH, "delist", 120.0, notice_s=60.0), build=build_world)
    expected: list[tuple[float, str, str, bool, str]] = [
        (0.0, "untradable", "prelaunch", False, "2"),
        (30.0, "tradable", "trading", False, "1"),
        (60.0, "tradable", "delisting", True, "1"),
        (120.0, "untradable", "delisted", False, "3"),
    ]
    for at_s, pair_status, contract_status, in_delisting, mexc_status in expected:
        time.reach(world, at_s)
        pair = await shown(world, "/api/v4/spot/currency_pairs/ETH_USDT")
        times = (START_S + 30, START_S + 30, START_S + 120)
        assert (pair["trade_status"], pair["buy_start"], pair["sell_start"], pair["delisting_time"]) == (
            pair_status, *times,
        )  # fmt: skip
        contract = await shown(world, "/api/v4/futures/usdt/contracts/ETH_USDT")
        assert (contract["status"], contract["in_delisting"], contract["launch_time"]) == (
            contract_status, in_delisting, START_S + 30,
        )  # fmt: skip
        symbol = (await shown(world, "/api/v3/exchangeInfo", "symbol=ETHUSDT"))["symbols"][0]
        offline = [row["symbol"] for row in (await shown(world, "/api/v3/symbol/offline"))["data"]]
        assert (symbol["status"], offline) == (mexc_status, ["ETHUSDT"] if mexc_status != "1" else [])
        assert ("ETHUSDT" in (await shown(world, "/api/v3/defaultSymbols"))["data"]) == (mexc_status == "1")


async def test_every_list_of_many_symbols_is_answered() -> None:
    """With symbols that some venues lack, each venue lists its own, and nothing else."""
    world = build_world(FakesConfig(symbols=60), FakeClock(SIMULATION_EPOCH_NS))
    names = {venue: {market.name for market in world.exchange.instruments(venue)} for venue in VENUES}
    assert {row["id"] for row in await shown(world, "/api/v4/spot/currency_pairs")} == names[GATE_SPOT]
    assert {row["currency_pair"] for row in await shown(world, "/api/v4/spot/tickers")} == names[GATE_SPOT]
    assert {row["name"] for row in await shown(world, "/api/v4/futures/usdt/contracts")} == names[GATE_FUTURES]
    assert {row["contract"] for row in await shown(world, "/api/v4/futures/usdt/tickers")} == names[GATE_FUTURES]
    for path in ("exchangeInfo", "ticker/24hr", "ticker/bookTicker"):
        found = await shown(world, f"/api/v3/{path}")
        rows = found["symbols"] if path == "exchangeInfo" else found
        assert {row["symbol"] for row in rows} == names[MEXC_SPOT]
    assert len(set(map(len, names.values()))) > 1
