"""A scripted market: it shows what the script says, to the last level, and clients meet it as they meet others."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import hypothesis.strategies as st
import pytest
import trio
from hypothesis import given
from trio.testing import MockClock

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.market_script import MarketScript
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, VENUES, OrderRequest, OrderState, PublicTrade, Venue
from dnbot.fakes.script_words import (
    Command,
    Refill,
    ScriptRefused,
    SetBook,
    SetDepth,
    SetFunding,
    SetLevels,
    SetMark,
    SetMid,
    SetOffset,
    SetPulse,
    SetSpread,
    SettleFunding,
    Trade,
)
from dnbot.fakes.universe import invented_name, symbol_params
from dnbot.fakes.world import SIMULATION_EPOCH_NS, World, build_core

pytestmark = pytest.mark.slow

D = Decimal
BTC = "BTC/USDT"
UID = "10001"


def still_world(**changes: Any) -> World:
    """A scripted world without fronts whose clock stands still."""
    config = FakesConfig(market="scripted", **changes)
    return build_core(config, FakeClock(SIMULATION_EPOCH_NS, monotonic_s=lambda: 0.0))


def script_of(world: World) -> MarketScript:
    """Its script."""
    assert world.script is not None
    return world.script


def shown(world: World, venue: Venue, symbol: str = BTC) -> dict[str, dict[Decimal, Decimal]]:
    """A whole book as price -> quantity, per side."""
    book = world.exchange.depth(venue, symbol, 10_000)
    return {"buy": dict(book.bids), "sell": dict(book.asks)}


def ask(world: World, venue: Venue) -> Decimal:
    """The best ask."""
    return world.exchange.depth(venue, BTC, 1).asks[0][0]


def place(world: World, venue: Venue, side: Any, quantity: str, price: str, tif: Any = "gtc") -> OrderState:
    """An order of the client that is accepted."""
    request = OrderRequest(BTC, side, tif=tif, quantity=D(quantity), price=D(price))
    order = world.exchange.place_order(venue, UID, request)
    assert isinstance(order, OrderState), order
    return order


# --- the flow is the script -------------------------------------------------------------------------------------------


class Reference:
    """The same books, folded from the same commands by the plainest means: no orders, no owners, only levels."""

    def __init__(self) -> None:
        ladder = {"mid": D(60000), "offset": D(0), "spread": D(2), "step": D(1), "levels": 20, "base": D("0.05")}
        self.common = D(60000)
        self.ladders = {venue: dict(ladder) for venue in VENUES}
        self.wanted = {venue: self.ladder(venue) for venue in VENUES}
        self.books = {venue: {side: dict(rows) for side, rows in self.wanted[venue].items()} for venue in VENUES}

    def ladder(self, venue: Venue) -> dict[str, dict[Decimal, Decimal]]:
        tick = D("0.01") if venue == MEXC_SPOT else D("0.1")
        here = self.ladders[venue]
        bid = (here["mid"] * (1 - here["spread"] / 20000)) // tick * tick
        ask = -((-here["mid"] * (1 + here["spread"] / 20000)).quantize(tick, "ROUND_FLOOR"))
        ask = max(ask, bid + tick)
        step = max(tick, here["mid"] * here["step"] / 10000 // tick * tick)
        size = here["base"] / D("0.0001") // 1 if venue == GATE_FUTURES else here["base"] // D("1e-6") * D("1e-6")
        size = max(size, D(1) if venue == GATE_FUTURES else D("0.00001") if venue == GATE_SPOT else D("0.000001"))
        count = range(here["levels"])
        return {"buy": {bid - k * step: size for k in count}, "sell": {ask + k * step: size for k in count}}

    def show(self, venue: Venue) -> None:
        self.wanted[venue] = self.ladder(venue)
        self.refill(venue)

    def refill(self, venue: Venue) -> None:
        self.books[venue] = {side: dict(rows) for side, rows in self.wanted[venue].items()}

    def fold(self, command: Command) -> None:
        match command:
            case SetMid(price=price, venue=None):
                self.common = price
                for venue in VENUES:
                    self.ladders[venue]["mid"] = price * (10000 + self.ladders[venue]["offset"]) / 10000
                    self.show(venue)
            case SetMid(price=price, venue=str() as venue):
                self.ladders[venue]["mid"] = price
                self.show(venue)
            case SetOffset(venue=venue, bps=bps):
                self.ladders[venue] |= {"offset": bps, "mid": self.common * (10000 + bps) / 10000}
                self.show(venue)
            case SetSpread(venue=venue, bps=bps):
                self.ladders[venue]["spread"] = bps
                self.show(venue)
            case SetDepth(venue=venue, levels=levels, base_per_level=base, step_bps=step):
                wanted = {"levels": levels, "base": base, "step": step}
                for one in VENUES if venue is None else (venue,):
                    self.ladders[one] |= {name: value for name, value in wanted.items() if value is not None}
                    self.show(one)
            case Refill(venue=venue):
                for one in VENUES if venue is None else (venue,):
                    self.refill(one)
            case SetBook(venue=venue, bids=bids, asks=asks):
                self.wanted[venue] = {"buy": dict(bids), "sell": dict(asks)}
                self.refill(venue)
            case SetLevels(venue=venue, bids=bids, asks=asks):
                for book in (self.wanted[venue], self.books[venue]):
                    self.update(book, "buy", dict(bids))
                    self.update(book, "sell", dict(asks))
            case Trade():
                self.trade(command)
            case _:
                raise AssertionError(command)

    def update(self, book: dict[str, dict[Decimal, Decimal]], side: str, levels: dict[Decimal, Decimal]) -> None:
        for price, quantity in levels.items():
            book[side].pop(price, None)
            if quantity:
                book[side][price] = quantity
                other = "sell" if side == "buy" else "buy"
                for stale in [p for p in book[other] if (price >= p if side == "buy" else price <= p)]:
                    del book[other][stale]

    def trade(self, command: Trade) -> None:
        side = "sell" if command.side == "buy" else "buy"
        book, left = self.books[command.venue][side], command.quantity
        for price in sorted(book, reverse=side == "buy"):
            beyond = command.price is not None and (
                price > command.price if command.side == "buy" else price < command.price
            )
            if not left or beyond:
                break
            taken = min(left, book[price])
            left -= taken
            book[price] -= taken
            if not book[price]:
                del book[price]


venues = st.sampled_from(VENUES)
mids = st.integers(599000, 601000).map(lambda n: D(n) / 10)
quantities = st.integers(1, 30)


def sized(venue: Venue, number: int) -> Decimal:
    """So many contracts, or hundredths of a coin."""
    return D(number) if venue == GATE_FUTURES else D(number) / 100


@st.composite
def levels(draw: st.DrawFn, *, least: int) -> Command:
    """A book or an L2 update around 60000 that is not crossed in itself."""
    venue, cut = draw(venues), draw(st.integers(-40, 40))
    rows = {"bids": st.integers(cut - 60, cut - 1), "asks": st.integers(cut, cut + 60)}
    made = {
        side: tuple(
            (D(60000) + D(n), sized(venue, draw(st.integers(least, 30))))
            for n in draw(st.lists(prices, max_size=6, unique=True))
        )
        for side, prices in rows.items()
    }
    return (SetLevels if least == 0 else SetBook)(venue=venue, **made)


@st.composite
def trades(draw: st.DrawFn) -> Command:
    """A taker, with or without a limit."""
    venue = draw(venues)
    side, price = draw(st.sampled_from(["buy", "sell"])), draw(st.none() | st.integers(59900, 60100).map(D))
    return Trade(venue=venue, side=side, quantity=sized(venue, draw(quantities)), price=price)


commands = st.one_of(
    st.builds(SetMid, price=mids, venue=st.none() | venues),
    st.builds(SetOffset, venue=venues, bps=st.integers(-60, 60).map(D)),
    st.builds(SetSpread, venue=venues, bps=st.integers(0, 300).map(lambda n: D(n) / 10)),
    st.builds(
        SetDepth,
        venue=st.none() | venues,
        levels=st.none() | st.integers(0, 30),
        base_per_level=st.none() | quantities.map(lambda n: D(n) / 50),
        step_bps=st.none() | st.integers(1, 50).map(lambda n: D(n) / 10),
    ),
    st.builds(Refill, venue=st.none() | venues),
    levels(least=1),
    levels(least=0),
    trades(),
)


@given(script=st.lists(commands, max_size=25))
def test_without_clients_the_books_are_what_the_script_says(script: list[Command]) -> None:
    """After every command each book holds exactly the levels that a plain fold of the commands gives, and no others."""
    world, reference = still_world(), Reference()
    for command in script:
        script_of(world).apply(command)
        reference.fold(command)
        for venue in VENUES:
            assert shown(world, venue) == reference.books[venue]


def recorded(script: Sequence[Command]) -> list[Any]:
    """Everything that a world says in public while it carries a script out."""
    world, told = still_world(), list[Any]()
    for venue in VENUES:
        world.exchange.subscribe_levels(venue, BTC, told.append)
        world.exchange.subscribe_trades(venue, BTC, told.append)
    world.exchange.subscribe_marks(told.append)
    for command in script:
        script_of(world).apply(command)
    return told


@given(script=st.lists(commands, max_size=15))
def test_two_runs_of_a_script_are_identical(script: list[Command]) -> None:
    """Every level change, trade and mark comes in the same order with the same numbers."""
    assert recorded(script) == recorded(script)


@given(script=st.lists(commands, max_size=15))
def test_trades_happen_only_where_the_script_trades(script: list[Command]) -> None:
    """Outsiders never meet each other by moving: a public trade without clients is one of the script's."""
    sides = [command.side for command in script if isinstance(command, Trade)]
    traded = [told for told in recorded(script) if isinstance(told, PublicTrade)]
    assert len({told.trade_id for told in traded}) == len(traded)
    assert not traded or sides
    assert {told.side for told in traded} <= set(sides)


async def test_nothing_moves_between_commands(autojump_clock: MockClock) -> None:
    """Ten minutes pass, and no level of any book has changed."""
    world, told = build_core(FakesConfig(market="scripted"), FakeClock(SIMULATION_EPOCH_NS)), list[Any]()
    for venue in VENUES:
        world.exchange.subscribe_levels(venue, BTC, told.append)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.run)
        await trio.sleep(600)
        assert told == []
        script_of(world).apply(SetMid(price=D(60001)))
        assert told
        nursery.cancel_scope.cancel()


# --- clients meet it --------------------------------------------------------------------------------------------------


def test_what_clients_take_stays_taken_until_the_script_speaks_of_it() -> None:
    """A level that was eaten comes back by refill, by its own update, or by a command to the ladder; not by itself."""
    world = still_world()
    best = ask(world, MEXC_SPOT)
    for again in (
        Refill(),
        Refill(venue=MEXC_SPOT),
        SetLevels(venue=MEXC_SPOT, asks=((best, D("0.05")),)),
        SetMid(price=D(60000)),
    ):
        place(world, MEXC_SPOT, "buy", "0.05", str(best), "ioc")
        assert ask(world, MEXC_SPOT) > best
        script_of(world).apply(Refill(venue=GATE_SPOT), SetLevels(venue=MEXC_SPOT, asks=((best + 60, D(1)),)))
        assert ask(world, MEXC_SPOT) > best, again
        script_of(world).apply(again)
        assert ask(world, MEXC_SPOT) == best, again


def test_a_market_that_moves_through_an_order_fills_it_as_maker() -> None:
    """A resting bid is filled at its own price by the asks that come down to it."""
    world = still_world()
    order = place(world, GATE_SPOT, "buy", "0.01", "59995")
    script_of(world).apply(SetMid(price=D(59900)))
    (fill,) = world.exchange.trades(GATE_SPOT, UID)
    assert (fill.role, fill.price, order.status) == ("maker", D(59995), "closed")


def test_a_scripted_trade_reaches_the_clients_order_at_its_turn() -> None:
    """At one price the outsiders' order, which was there first, is taken before the client's."""
    world = still_world()
    best = world.exchange.depth(MEXC_SPOT, BTC, 1).bids[0][0]
    order = place(world, MEXC_SPOT, "buy", "0.02", str(best))
    script_of(world).apply(Trade(venue=MEXC_SPOT, side="sell", quantity=D("0.05")))
    assert order.filled == 0
    script_of(world).apply(Trade(venue=MEXC_SPOT, side="sell", quantity=D("0.005"), price=best))
    assert order.filled == D("0.005")


def test_a_level_that_does_not_change_keeps_its_place() -> None:
    """Moving the spread of a ladder leaves the queue of the levels that stay as it was."""
    world = still_world()
    price = world.exchange.depth(GATE_SPOT, BTC, 3).bids[2][0]
    order = place(world, GATE_SPOT, "buy", "0.01", str(price))
    script_of(world).apply(SetDepth(venue=GATE_SPOT, levels=10))
    script_of(world).apply(Trade(venue=GATE_SPOT, side="sell", quantity=D("0.15")))
    assert order.filled == 0, "three levels of outsiders came first"
    script_of(world).apply(Trade(venue=GATE_SPOT, side="sell", quantity=D("0.01")))
    assert order.filled == D("0.01")


# --- the perpetual ----------------------------------------------------------------------------------------------------


def test_mark_and_index_follow_the_books_until_they_are_held() -> None:
    """The mark is the middle of the perp's book, the index that of Gate's; both can be held and let go."""
    world = still_world()
    script = script_of(world)
    script.apply(SetMid(price=D(61000)), SetOffset(venue=GATE_FUTURES, bps=D(10)))
    assert (world.exchange.mark(BTC).mark, world.exchange.mark(BTC).index) == (D(61061), D(61000))
    script.apply(SetMark(mark=D(70000), index=D(69000)), SetMid(price=D(60000)))
    assert (world.exchange.mark(BTC).mark, world.exchange.mark(BTC).index) == (D(70000), D(69000))
    script.apply(SetMark())
    assert (world.exchange.mark(BTC).mark, world.exchange.mark(BTC).index) == (D(60060), D(60000))


def test_funding_is_charged_when_the_script_says_so() -> None:
    """A short is paid the set rate of its value at the mark, at once; the next settlement is on the usual grid."""
    world = still_world()
    place(world, GATE_FUTURES, "sell", "100", "59900", "ioc")
    script_of(world).apply(SetFunding(rate=D("0.001"), next_after_s=50), SetMark(mark=D(60000)))
    assert world.exchange.mark(BTC).funding_next_s == world.clock.seconds() + 50
    assert not [row for row in world.exchange.account(UID).ledger if row.kind == "fund"]
    script_of(world).apply(SettleFunding())
    (row,) = [row for row in world.exchange.account(UID).ledger if row.kind == "fund"]
    assert row.change == D(60000) * 100 * D("0.0001") * D("0.001")
    assert world.exchange.mark(BTC).funding_next_s % 28800 == 0


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        SetMid(price=D(0)),
        SetMid(price=D("nan"), venue=MEXC_SPOT),
        SetMid(price=D(1), symbol="ETH/USDT"),
        SetSpread(venue=MEXC_SPOT, bps=D(-1)),
        SetSpread(venue=MEXC_SPOT, bps=D("inf")),
        SetOffset(venue=MEXC_SPOT, bps=D(-10000)),
        SetDepth(levels=-1),
        SetDepth(levels=10**6),
        SetDepth(base_per_level=D(0)),
        SetDepth(step_bps=D(-1)),
        SetBook(venue=GATE_SPOT, bids=((D("59999.95"), D(1)),)),
        SetBook(venue=GATE_SPOT, bids=((D(59999), D(0)),)),
        SetBook(venue=GATE_SPOT, bids=((D(59999), D(1)), (D("59999.0"), D(2)))),
        SetBook(venue=GATE_SPOT, bids=((D(60000), D(1)),), asks=((D(60000), D(1)),)),
        SetLevels(venue=GATE_FUTURES, asks=((D(60000), D("0.5")),)),
        SetLevels(venue=GATE_FUTURES, asks=((D(60000), D(-1)),)),
        Trade(venue=MEXC_SPOT, side="buy", quantity=D(0)),
        Trade(venue=MEXC_SPOT, side="buy", quantity=D(1), price=D("60000.001")),
        SetFunding(rate=D(1)),
        SetFunding(rate=D(0), next_after_s=-1),
        SetMark(mark=D(-1)),
        SetMark(index=D(0)),
        SetPulse(every_s=-1.0),
        SetPulse(every_s=float("nan")),
        Refill(at_s=-1.0),
        Refill(at_s=float("nan")),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused_and_changes_nothing(command: Command) -> None:
    """Now or later, alone or behind commands that are sound: none of them is carried out."""
    world = still_world()
    before = [shown(world, venue) for venue in VENUES], world.exchange.mark(BTC)
    with pytest.raises(ScriptRefused):
        script_of(world).apply(SetMid(price=D(61000)), command)
    with pytest.raises(ScriptRefused):
        script_of(world).schedule([SetMid(price=D(61000)), command])
    assert ([shown(world, venue) for venue in VENUES], world.exchange.mark(BTC)) == before
    assert script_of(world).waiting == 0


def test_a_huge_step_leaves_out_what_would_cost_nothing() -> None:
    """Bids below zero do not exist; the asks are all there."""
    world = still_world()
    script_of(world).apply(SetDepth(venue=MEXC_SPOT, step_bps=D(1000)))
    assert len(shown(world, MEXC_SPOT)["buy"]) == 10
    assert len(shown(world, MEXC_SPOT)["sell"]) == 20


# --- time -------------------------------------------------------------------------------------------------------------


async def test_scheduled_commands_come_at_their_times(autojump_clock: MockClock) -> None:
    """Also those that are given out of order, or count from a time that has passed; equal times keep their order."""
    world = build_core(FakesConfig(market="scripted"), FakeClock(SIMULATION_EPOCH_NS))
    script, seen = script_of(world), list[tuple[float, Decimal]]()
    world.exchange.subscribe_marks(lambda mark: seen.append((trio.current_time(), mark.index)))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(script.run)
        await trio.sleep(1)
        since_ns = world.clock.wall_ns()
        await trio.sleep(1)
        script.schedule([SetMid(price=D(1003), at_s=3), SetMid(price=D(1001), at_s=1), SetMid(price=D(1002), at_s=1)])
        script.schedule([SetMid(price=D(1004), at_s=1.25), SetMid(price=D(1005), at_s=0.5)], since_ns)
        await trio.sleep(10)
        nursery.cancel_scope.cancel()
    assert [(round(when, 6), float(index)) for when, index in seen] == [
        (2, 1005), (2.25, 1004), (3, 1001), (3, 1002), (5, 1003)
    ]  # fmt: skip
    assert script.waiting == 0


async def test_a_pulse_says_something_and_changes_nothing(autojump_clock: MockClock) -> None:
    """Every book gets two changes a side and beat, and shows the same as before; clients' orders are not touched."""
    world = build_core(FakesConfig(market="scripted"), FakeClock(SIMULATION_EPOCH_NS))
    script, told = script_of(world), list[Any]()
    order = place(world, GATE_SPOT, "buy", "0.01", "59994")
    script.apply(SetDepth(venue=GATE_FUTURES, levels=0))
    before = [shown(world, venue) for venue in VENUES]
    for venue in VENUES:
        world.exchange.subscribe_levels(venue, BTC, lambda change, venue=venue: told.append(venue))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(script.run)
        script.apply(SetPulse(every_s=0.1))
        await trio.sleep(1.05)
        assert {venue: told.count(venue) for venue in VENUES} == {GATE_SPOT: 40, GATE_FUTURES: 0, MEXC_SPOT: 40}
        assert [shown(world, venue) for venue in VENUES] == before
        script.apply(SetPulse(every_s=0.0))
        await trio.sleep(10)
        assert len(told) == 80
        nursery.cancel_scope.cancel()
    assert order.filled == 0


def test_symbols_move_apart() -> None:
    """A command is about its symbol alone; without one, about the first."""
    world = still_world(symbols=("BTC/USDT", "ETH/USDT"))
    before = shown(world, MEXC_SPOT, "BTC/USDT"), shown(world, MEXC_SPOT, "ETH/USDT")
    script_of(world).apply(SetMid(price=D(3100), symbol="ETH/USDT"))
    assert shown(world, MEXC_SPOT, "BTC/USDT") == before[0]
    assert shown(world, MEXC_SPOT, "ETH/USDT") != before[1]
    script_of(world).apply(SetMid(price=D(61000)))
    assert shown(world, MEXC_SPOT, "BTC/USDT") != before[0]
    assert world.exchange.mark("ETH/USDT").mark == 3100


def test_a_symbol_without_a_contract_is_scripted_too() -> None:
    """Its books are full and move; nothing is said of a contract that is not there."""
    name = next(n for n in map(invented_name, range(100)) if GATE_FUTURES not in symbol_params(n, 1).venues)
    venue = symbol_params(name, 1).venues[0]
    world = still_world(symbols=(BTC, name))
    before = shown(world, venue, name)
    assert before["buy"]
    script_of(world).apply(SetSpread(venue=venue, bps=D(100), symbol=name))
    assert shown(world, venue, name) != before
    of_a_contract: tuple[Command, ...] = (
        SetFunding(rate=D(0), symbol=name), SettleFunding(symbol=name), SetMark(symbol=name)
    )  # fmt: skip
    for command in of_a_contract:
        with pytest.raises(ScriptRefused, match="is not listed at gate_futures"):
            script_of(world).apply(command)
    assert name not in world.exchange.state.marks


def test_a_scripted_market_is_called_what_it_is() -> None:
    """Its description says that it is not real; an unscripted world has no script."""
    world = still_world()
    assert world.params.describe()["name"] == "scripted"
    assert world.params.describe()["real"] is False
    assert build_core(FakesConfig(), FakeClock(SIMULATION_EPOCH_NS, monotonic_s=lambda: 0.0)).script is None
