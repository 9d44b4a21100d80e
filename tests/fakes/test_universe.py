"""Worlds of many symbols: what is invented is valid and varied, and follows from seed and name alone."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.instruments import SYMBOLS, Instrument, instruments_for
from dnbot.fakes.records import GATE_FUTURES, VENUES, OrderRequest, OrderState
from dnbot.fakes.universe import invented_name, symbol_names, symbol_params
from dnbot.fakes.world import SIMULATION_EPOCH_NS, World, build_core

pytestmark = pytest.mark.slow

MANY = symbol_names(200)
INVENTED = invented_name(7)


def world(**changes: Any) -> World:
    """A world without fronts whose clock stands still."""
    return build_core(FakesConfig(**changes), FakeClock(SIMULATION_EPOCH_NS, monotonic_s=lambda: 0.0))


def listed(seed: int) -> list[Instrument]:
    """The markets of two hundred symbols."""
    found = []
    for name in MANY:
        params = symbol_params(name, seed)
        found += [market for market in instruments_for(params) if market.venue in params.venues]
    return found


def test_names_are_told_apart() -> None:
    """A thousand symbols have a thousand names, the typed-in ones first."""
    names = symbol_names(1000)
    assert len(set(names)) == 1000
    assert names[: len(SYMBOLS)] == tuple(SYMBOLS)
    assert symbol_names(2) == tuple(SYMBOLS)[:2]


@pytest.mark.parametrize(
    ("wanted", "why"),
    [(0, "1 to 1000"), (1001, "1 to 1000"), ((), "none given"), (("BTC/USDT", "BTC/USDT"), "BTC/USDT given twice")],
)
def test_what_cannot_be_a_world_is_refused(wanted: Any, why: str) -> None:
    """The error says what is allowed or what is wrong."""
    with pytest.raises(ValueError, match=why):
        symbol_names(wanted)


@pytest.mark.parametrize("name", ["BTC", "btc/usdt", "BTC/USD", "/USDT", "B-C/USDT", "BTC/USDT "])
def test_malformed_names_are_refused(name: str) -> None:
    """Only BASE/USDT is a symbol here."""
    with pytest.raises(ValueError, match="BASE/USDT"):
        symbol_params(name, 1)


@given(seed=st.integers(0, 2**32), number=st.integers(0, 5000))
def test_every_invented_market_can_be_traded(seed: int, number: int) -> None:
    """Steps are powers of ten (a contract's tick may be five of one), minima are whole lots, and the least order that
    the venue's value limit allows is between the least and the largest quantity."""
    params = symbol_params(invented_name(number), seed)
    assert params.venues
    for market in instruments_for(params):
        price = params.price
        assert set(market.price_tick.normalize().as_tuple().digits) <= {1, 5}
        assert market.lot.normalize().as_tuple().digits == (1,)
        assert market.price_tick * 500 <= price
        assert market.quantity_min % market.lot == 0
        assert market.quantity_max % market.lot == 0
        least = max(market.quantity_min, market.notional_min / price / market.multiplier)
        assert least + market.lot < market.quantity_max
        assert market.lot <= 1
        assert Decimal("0.0000000001") <= market.price_tick or market.is_perp


def test_the_universe_is_varied() -> None:
    """Two hundred symbols have multipliers from 0.0001 to beyond 100, many ticks and lots, several leverages, and some
    are missing on some venue."""
    markets = listed(1)
    contracts = [market for market in markets if market.is_perp]
    multipliers = {market.multiplier for market in contracts}
    assert min(multipliers) == Decimal("0.0001")
    assert max(multipliers) > 100
    assert len(multipliers) >= 8
    assert len({market.price_tick for market in markets}) >= 8
    assert len({market.notional_min for market in markets if not market.is_perp}) >= 3
    assert {market.leverage_max for market in contracts} >= {Decimal(20), Decimal(50), Decimal(100)}
    assert 3 <= sum(market.decimal_sizes for market in contracts) <= 40
    counts = Counter(market.venue for market in markets)
    assert all(100 < counts[venue] < 200 for venue in VENUES)


def test_a_symbol_is_the_same_whatever_else_is_traded() -> None:
    """Terms and outside flow of one symbol are those of a world in which there is nothing else, trading included."""
    alone, among = world(symbols=(INVENTED,), seed=3), world(symbols=("BTC/USDT", INVENTED, "ETH/USDT"), seed=3)
    mine = {key: market for key, market in among.exchange.state.instruments.items() if key[1] == INVENTED}
    assert mine == alone.exchange.state.instruments
    for number in range(300):
        among.step_market("BTC/USDT")
        if number % 10 == 0:
            request = OrderRequest("BTC/USDT", "sell", "market", "ioc", quantity=Decimal(5))
            assert isinstance(among.exchange.place_order(GATE_FUTURES, "10001", request), OrderState)
        assert among.step_market(INVENTED) == alone.step_market(INVENTED)


def test_another_seed_invents_another_symbol() -> None:
    """The name alone does not decide."""
    assert symbol_params(INVENTED, 1) != symbol_params(INVENTED, 2)
    assert symbol_params(INVENTED, 1) == symbol_params(INVENTED, 1)


@pytest.mark.parametrize("market", ["realistic", "lively"])
def test_all_books_of_many_symbols_are_full_and_uncrossed(market: str) -> None:
    """Every listed market has both sides, whole ticks and lots, and the best bid below the best ask."""
    made = world(symbols=40, market=market)
    for symbol in made.models:
        for _ in range(9):
            made.step_market(symbol)
    for (venue, symbol), instrument in made.exchange.state.instruments.items():
        book = made.exchange.depth(venue, symbol)
        assert book.bids[0][0] < book.asks[0][0]
        for price, quantity in book.bids + book.asks:
            assert price % instrument.price_tick == 0 < price
            assert quantity % instrument.lot == 0 < quantity


async def test_only_symbols_that_are_due_are_stepped(autojump_clock: trio.testing.MockClock) -> None:
    """In ten seconds each symbol takes as many steps as its own pace says, on one time line."""
    made = build_core(FakesConfig(symbols=30, market="realistic"), FakeClock(SIMULATION_EPOCH_NS))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.run)
        await trio.sleep(10)
        nursery.cancel_scope.cancel()
    paces = {model.character.steps_per_s for model in made.models.values()}
    assert len(paces) >= 4
    for model in made.models.values():
        assert abs(model.position.step - 3 - 10 * model.character.steps_per_s) <= 1
        assert 10 <= model.elapsed_s < 10 + 1 / model.character.steps_per_s + 1e-6


async def test_markets_that_fell_behind_skip_ahead(autojump_clock: trio.testing.MockClock) -> None:
    """After a machine slept an hour the markets go on from there, all on one time line still, instead of racing."""
    made = build_core(FakesConfig(symbols=("BTC/USDT", "ETH/USDT")), FakeClock(SIMULATION_EPOCH_NS))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.run)
        await trio.sleep(5)
        autojump_clock.jump(3600)
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    first, second = (model.position.step for model in made.models.values())
    assert abs(first - second) <= 1
    assert first <= 3 + 11 * 36
