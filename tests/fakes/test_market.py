"""The flow of outside orders: what it may know, how it moves, and what it leaves in the books."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest
import trio

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.market import STEPS_PER_S, MarketModel
from dnbot.fakes.market_params import market_params
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, VENUES, OrderRequest, Venue
from dnbot.fakes.world import SIMULATION_EPOCH_NS, World, build_core

pytestmark = pytest.mark.slow

D = Decimal
BTC = "BTC/USDT"


def world(**changes: Any) -> World:
    """A world without fronts whose clock stands still."""
    return build_core(FakesConfig(**changes), FakeClock(SIMULATION_EPOCH_NS, monotonic_s=lambda: 0.0))


def middle(made: World, venue: Venue) -> float:
    """The middle of one book."""
    book = made.exchange.depth(venue, BTC, 1)
    return float(book.bids[0][0] + book.asks[0][0]) / 2


def test_books_are_full_before_anybody_can_look() -> None:
    """Every venue shows 20 levels a side, a spread of 1 to 3 bps at most, and whole ticks and lots."""
    made = world()
    for venue in VENUES:
        instrument = made.exchange.instrument(venue, BTC)
        assert instrument is not None
        book = made.exchange.depth(venue, BTC, 100)
        assert len(book.bids) == len(book.asks) == 20
        spread_bps = (book.asks[0][0] / book.bids[0][0] - 1) * 10_000
        assert 0 < spread_bps < 3
        assert all(p % instrument.price_tick == 0 and q % instrument.lot == 0 for p, q in book.bids + book.asks)


def test_outside_flow_is_the_same_with_and_without_a_bot() -> None:
    """The model never reads the books: a client that takes, rests and cancels changes nothing of what outsiders do."""
    alone, visited, rng = world(seed=7), world(seed=7), random.Random(3)
    for _ in range(20 * STEPS_PER_S):
        first, second = alone.step_market(BTC), visited.step_market(BTC)
        assert first == second
        venue = rng.choice(VENUES)
        quantity = D(rng.randint(1, 100)) if venue == GATE_FUTURES else D(rng.randint(10, 900)) * D("0.00001")
        price = D(round(middle(visited, venue))) + rng.randint(-20, 20)
        request = OrderRequest(BTC, rng.choice(["buy", "sell"]), quantity=quantity, price=price)
        visited.exchange.place_order(venue, "10001", request)
        if rng.random() < 0.2:
            visited.exchange.cancel_all(venue, "10001")
    assert visited.exchange.trades(GATE_SPOT, "10001")
    assert alone.exchange.depth(GATE_SPOT, BTC) != visited.exchange.depth(GATE_SPOT, BTC)


def test_taken_liquidity_comes_back() -> None:
    """Once what was taken is requoted, the book is 20 levels deep again."""
    made = world()
    made.exchange.external_take(GATE_SPOT, BTC, "buy", D("0.02"))
    assert len(made.exchange.depth(GATE_SPOT, BTC).asks) < 20
    for _ in range(3):
        made.step_market(BTC)
    assert len(made.exchange.depth(GATE_SPOT, BTC).asks) >= 20 - 3


def test_outside_takers_fill_resting_orders() -> None:
    """A client's order inside the spread is met by somebody within a minute, at its own price."""
    made = world()
    price = D(round(middle(made, MEXC_SPOT)))
    order = made.exchange.place_order(MEXC_SPOT, "10001", OrderRequest(BTC, "buy", quantity=D("0.0005"), price=price))
    for _ in range(60 * STEPS_PER_S):
        made.step_market(BTC)
    fills = made.exchange.trades(MEXC_SPOT, "10001")
    assert fills, order
    assert all((fill.role, fill.price) == ("maker", price) for fill in fills)


def test_lively_market_offers_both_directions_many_times_a_minute() -> None:
    """The gross spread between the spot venues passes 29 bps in both directions several times in every minute."""
    made = world()
    for _ in range(3):
        episodes, state = {"gate cheap": 0, "mexc cheap": 0}, ""
        for _ in range(60 * STEPS_PER_S):
            made.step_market(BTC)
            gate, mexc = made.exchange.depth(GATE_SPOT, BTC, 1), made.exchange.depth(MEXC_SPOT, BTC, 1)
            up_bps = float(mexc.bids[0][0] / gate.asks[0][0] - 1) * 1e4
            down_bps = float(gate.bids[0][0] / mexc.asks[0][0] - 1) * 1e4
            seen = "gate cheap" if up_bps > 29 else "mexc cheap" if down_bps > 29 else ""
            if seen and seen != state:
                episodes[seen] += 1
            state = seen or state if max(up_bps, down_bps) > 10 else ""
        assert min(episodes.values()) >= 2
        assert sum(episodes.values()) >= 5


def test_calibrated_market_rarely_pays() -> None:
    """There the gross spread stays below entry level fees almost always."""
    made, hits = world(market="calibrated"), 0
    for _ in range(120 * STEPS_PER_S):
        made.step_market(BTC)
        hits += abs(middle(made, GATE_SPOT) / middle(made, MEXC_SPOT) - 1) * 1e4 > 29
    assert hits == 0


def test_perp_stays_near_mark_and_index() -> None:
    """The perp's middle is within a few bps of mark and index, so hedges are cheap."""
    made = world()
    for _ in range(60 * STEPS_PER_S):
        made.step_market(BTC)
        mark = made.exchange.mark(BTC)
        assert abs(middle(made, GATE_FUTURES) / float(mark.mark) - 1) * 1e4 < 6
        assert abs(float(mark.index / mark.mark) - 1) * 1e4 < 6


def test_equal_seeds_give_equal_markets_and_others_do_not() -> None:
    """The seed decides everything."""

    def prices(seed: int) -> list[float]:
        params = market_params("lively")
        instruments = tuple(i for i in world().exchange.state.instruments.values())
        model = MarketModel(seed, params, instruments, 60000.0)
        return [model.step().fair for _ in range(100)]

    assert prices(1) == prices(1)
    assert prices(1) != prices(2)


def test_overrides_replace_the_preset_and_are_described() -> None:
    """Deviation and half-life can be set, and describe() says what was set and that the market is not real."""
    described = market_params("lively", deviation_bps=10.0, half_life_s=5.0).describe()
    assert described["deviation_bps"] == 10.0
    assert described["half_life_s"] == 5.0
    assert described["real"] is False
    with pytest.raises(ValueError, match="known: calibrated, lively"):
        market_params("real")


async def test_world_runs_on_the_loops_clock(autojump_clock: trio.testing.MockClock) -> None:
    """Under a mock clock a minute of market passes at once; funding falls due in it and is charged once."""
    made = build_core(FakesConfig(funding_first_after_s=30.0), FakeClock(SIMULATION_EPOCH_NS))
    made.exchange.place_order(GATE_FUTURES, "10001", OrderRequest(BTC, "sell", "market", "ioc", quantity=D(100)))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.run)
        await trio.sleep(60)
        nursery.cancel_scope.cancel()
    assert 60 * STEPS_PER_S <= made.models[BTC].position.step <= 60 * STEPS_PER_S + 5
    rows = [row for row in made.exchange.account("10001").ledger if row.kind == "fund"]
    (settled,) = made.exchange.fundings(BTC)
    assert [row.change for row in rows] == [settled.mark * 100 * D("0.0001") * settled.rate]
    assert settled.time_s * 1_000_000_000 - SIMULATION_EPOCH_NS in (30_000_000_000, 31_000_000_000)
    shown = made.exchange.mark(BTC)
    assert shown.funding_rate_shown == settled.rate
    assert shown.funding_next_s > settled.time_s
