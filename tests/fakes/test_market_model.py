"""What the realistic market does that the older ones do not: common moves, moods, jumps, carry, thinning depth."""

from __future__ import annotations

import math
import statistics
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.instruments import Character
from dnbot.fakes.market import MarketModel, common_factor
from dnbot.fakes.market_factor import MarketFactor
from dnbot.fakes.market_params import Carry, Commotion, MarketParams, Regime, market_params
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT
from dnbot.fakes.world import SIMULATION_EPOCH_NS, World, build_core

BTC = "BTC/USDT"


def world(**changes: Any) -> World:
    """A world without fronts whose clock stands still."""
    return build_core(FakesConfig(**changes), FakeClock(SIMULATION_EPOCH_NS, monotonic_s=lambda: 0.0))


def model(params: MarketParams, symbol: str = BTC, *, seed: int = 1, **character: float) -> MarketModel:
    """One symbol's market, without a world."""
    made = world(symbols=(symbol,))
    return MarketModel(
        seed, params, tuple(made.exchange.state.instruments.values()), 60000.0, character=Character(**character)
    )


def changes_bps(made: MarketModel, steps: int) -> list[float]:
    """Returns of the fundamental, step by step."""
    found, before = [], made.position.fundamental
    for _ in range(steps):
        made.step()
        found.append((made.position.fundamental / before - 1) * 1e4)
        before = made.position.fundamental
    return found


def calm(**changes: Any) -> MarketParams:
    """The realistic market without its commotion, but for what is given, and with two levels a side: less to do."""
    params = market_params("realistic")
    venues = {venue: attrs.evolve(quotes, levels=2) for venue, quotes in params.venues.items()}
    return attrs.evolve(params, venues=venues, commotion=Commotion(**changes))


@given(start=st.integers(-400, 4000), first=st.integers(0, 400), second=st.integers(0, 400))
def test_changes_of_the_common_path_add_up(start: int, first: int, second: int) -> None:
    """The change over a while is the sum over its parts, wherever they are cut and whoever asks first."""
    factor, other = MarketFactor(1, 0.4, 100.0, 5.0), MarketFactor(1, 0.4, 100.0, 5.0)
    a, b, c = (slot / 36 for slot in (start, start + first, start + first + second))
    whole = other.change(a, c)
    assert factor.change(a, b) + factor.change(b, c) == pytest.approx(whole, abs=1e-9)


def test_the_common_path_has_its_variance() -> None:
    """One a second while nothing jumps and the loudness is 1; steps of any pace see all of it once."""
    factor = MarketFactor(3)
    for pace in (36.0, 3.0, 0.75):
        changes = [factor.change(step / pace, (step + 1) / pace) for step in range(round(900 * pace))]
        assert statistics.pvariance(changes) * pace == pytest.approx(1, rel=0.15)


def test_symbols_move_together_as_much_as_is_said() -> None:
    """Two symbols whose pace differs have the correlation of their common share, though neither knows the other."""
    params = calm(common=0.75)
    quick, slow = model(params, BTC, steps_per_s=6.0), model(params, "ETH/USDT", steps_per_s=1.5)
    quick.start_s, slow.start_s = 1 / 6, 1 / 1.5  # so that both first steps begin at 0
    one = [sum(changes_bps(quick, 24)) for _ in range(400)]
    two = [sum(changes_bps(slow, 6)) for _ in range(400)]
    assert statistics.correlation(one, two) == pytest.approx(0.75, abs=0.06)
    apart = [sum(changes_bps(model(calm(), symbol, steps_per_s=6.0), 24)) for symbol in (BTC, "ETH/USDT")]
    assert apart[0] != apart[1]


def test_a_shared_factor_is_the_one_each_would_make() -> None:
    """What a world hands to its models changes nothing but the work."""
    params = market_params("realistic")
    alone, shared = model(params), model(params)
    shared.factor = common_factor(1, params)
    shared.factor.change(100.0, 101.0)
    assert changes_bps(alone, 400) == changes_bps(shared, 400)


def test_jumps_make_heavy_tails() -> None:
    """With jumps the largest second is far beyond what the usual spread would allow; without, it is not."""

    def largest(params: MarketParams) -> float:
        changes = changes_bps(model(params, steps_per_s=3.0), 4000)
        return max(map(abs, changes)) / statistics.pstdev(changes)

    assert largest(calm()) < 5
    assert largest(calm(jumps_per_s=0.02, jump_bps=10.0)) > 8


def test_moods_follow_each_other_and_are_seen() -> None:
    """Every mood is visited, for about its share of the time, and a volatile one is as much wilder as it says."""
    moods = (Regime("calm", dwell_s=30.0), Regime("wild", volatility=3.0, spread=2.0, dwell_s=30.0))
    made = model(calm(regimes=moods), steps_per_s=3.0)
    seen: dict[str, list[float]] = {"calm": [], "wild": []}
    for _ in range(6000):
        name = made.regime.name
        seen[name] += changes_bps(made, 1)
    assert 0.3 < len(seen["wild"]) / 6000 < 0.7
    assert statistics.pstdev(seen["wild"]) / statistics.pstdev(seen["calm"]) == pytest.approx(3, rel=0.1)


def test_spreads_widen_with_the_mood() -> None:
    """Quotes stand as much further apart as the mood says."""

    def spread_bps(factor: float) -> float:
        made = world(market="realistic")
        made.models[BTC].params = calm(regimes=(Regime("given", spread=factor),))
        found = []
        for _ in range(60):
            made.step_market(BTC)
            book = made.exchange.depth(MEXC_SPOT, BTC, 1)
            found.append(float(book.asks[0][0] / book.bids[0][0] - 1) * 1e4)
        return statistics.fmean(found[20:])

    assert spread_bps(20.0) > 8 * spread_bps(1.0)


def test_depth_thins_when_the_price_moves_more_than_usual() -> None:
    """After a storm of ten times the usual volatility new levels hold well under half of what they do in calm."""

    def held(volatility: float) -> float:
        made = model(calm(thinning=0.4, regimes=(Regime("given", volatility=volatility),)), steps_per_s=6.0)
        placed: list[float] = []
        for step in range(1200):
            quotes = made.step()
            if step > 600:
                placed += [float(c.quantity) for c in quotes.commands if c.op == "place" and quotes.venue == GATE_SPOT]
        return statistics.fmean(placed)

    assert held(10.0) < 0.45 * held(1.0)


def test_venues_part_and_meet_again() -> None:
    """The two spot venues' distance has mean zero, the spread of its parameters, and forgets itself in seconds."""
    made, distances = model(calm(), steps_per_s=6.0), []
    for _ in range(6000):
        made.step()
        distances.append((made.fair(GATE_SPOT) / made.fair(MEXC_SPOT) - 1) * 1e4)
    spread = math.hypot(0.7, 0.9)
    assert abs(statistics.fmean(distances)) < 0.2
    assert 0.6 * spread < statistics.pstdev(distances) < 1.1 * spread
    assert statistics.correlation(distances[6:], distances[:-6]) > 0.4
    assert statistics.correlation(distances[120:], distances[:-120]) < 0.15


@pytest.mark.parametrize(
    ("premium", "low", "high"), [(0.0, "0.0001", "0.0001"), (5.0, "0.0008", "0.0012"), (-5.0, "-0.0012", "-0.0008")]
)
def test_funding_follows_the_basis(premium: float, low: str, high: str) -> None:
    """Near a basis of nothing the rate is the interest; far from it the premium, less what interest pulls it back."""
    made = model(attrs.evolve(calm(), carry=Carry(spread_bps=3.0, memory_s=1e9, follows=True)))
    made.position.premium = premium
    for _ in range(36):
        made.step()
    assert Decimal(low) <= made.funding_rate() <= Decimal(high)
    basis_bps = (made.fair(GATE_FUTURES) / made.position.fundamental - 1) * 1e4
    assert basis_bps == pytest.approx(made.params.basis_bps + 3 * premium, abs=2)


def test_the_model_goes_on_where_it_was() -> None:
    """A position holds all there is: mood, heat, basis and prices of a model made from it are those it had."""
    params = market_params("realistic")
    made = model(params)
    for _ in range(300):
        made.step()
    again = MarketModel(1, params, made.instruments, 60000.0, attrs.evolve(made.position))
    assert (again.regime, again.funding_rate(), again.fair(GATE_FUTURES), again.elapsed_s) == (
        made.regime, made.funding_rate(), made.fair(GATE_FUTURES), made.elapsed_s,
    )  # fmt: skip
