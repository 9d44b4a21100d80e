"""Clocks with skew, identifiers in the venues' formats, and worlds of several symbols."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
import trio
from trio.testing import MockClock

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.ids import MEXC_EPOCH_MS, Ids
from dnbot.fakes.instruments import SYMBOLS
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, VENUES, OrderRequest, OrderState
from dnbot.fakes.world import SIMULATION_EPOCH_NS, build_core


async def test_venue_clocks_follow_the_loop_with_their_own_skew(autojump_clock: MockClock) -> None:
    """A venue that is 0.9 s ahead stays so; the world's own time is the loop's."""
    clock = FakeClock(SIMULATION_EPOCH_NS, trio.current_time())
    world = build_core(FakesConfig(skew_ms={MEXC_SPOT: 900, GATE_SPOT: -250}), clock)
    await trio.sleep(12.5)
    assert clock.wall_ns() == SIMULATION_EPOCH_NS + 12_500_000_000
    assert clock.ms(MEXC_SPOT) - clock.ms() == 900
    assert world.exchange.depth(GATE_SPOT, "BTC/USDT", 1).time_ms - clock.ms() == -250
    assert clock.seconds() == SIMULATION_EPOCH_NS // 1_000_000_000 + 12


def test_ids_have_the_venues_formats() -> None:
    """Gate ids are digits, futures ids above what a float can hold; a MEXC id carries its time."""
    ids, now_ms = Ids(), 1_800_000_000_123
    assert ids.order_id(GATE_SPOT, now_ms).isdigit()
    assert int(ids.order_id(GATE_FUTURES, now_ms)) > 2**53
    first, second = ids.order_id(MEXC_SPOT, now_ms), ids.order_id(MEXC_SPOT, now_ms)
    assert first != second
    found = re.fullmatch(r"C02__(\d{18})036", first)
    assert found is not None
    assert (int(found[1]) >> 22) + MEXC_EPOCH_MS == now_ms


@pytest.mark.parametrize("symbol", list(SYMBOLS))
def test_every_symbol_has_a_market_one_can_trade(symbol: str) -> None:
    """Each listed symbol opens with sane books on all venues, and its smallest sensible order fills."""
    clock = FakeClock(SIMULATION_EPOCH_NS, monotonic_s=lambda: 0.0)
    world = build_core(FakesConfig(symbols=("BTC/USDT", symbol) if symbol != "BTC/USDT" else (symbol,)), clock)
    for _ in range(100):
        world.step_market(symbol)
    for venue in VENUES:
        book, instrument = world.exchange.depth(venue, symbol, 100), world.exchange.instrument(venue, symbol)
        assert instrument is not None
        assert len(book.bids) >= 15
        assert len(book.asks) >= 15
        assert (book.asks[0][0] / book.bids[0][0] - 1) * 10_000 < 5
        price = book.asks[0][0]
        lots = (Decimal(10) / (price * instrument.multiplier) / instrument.lot).to_integral_value() + 1
        request = OrderRequest(symbol, "buy", tif="ioc", quantity=lots * instrument.lot, price=price)
        order = world.exchange.place_order(venue, "10001", request)
        assert isinstance(order, OrderState)
        assert order.filled > 0


def test_a_malformed_symbol_is_named() -> None:
    """A config that cannot be built says what it could be."""
    with pytest.raises(ValueError, match=r"btc_usdt.*BASE/USDT"):
        build_core(FakesConfig(symbols=("btc_usdt",)), FakeClock(SIMULATION_EPOCH_NS, monotonic_s=lambda: 0.0))
