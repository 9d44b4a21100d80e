"""How lively a venue is: decayed counts, the aggressor's share, and how far the mid moves."""

from __future__ import annotations

import math
from decimal import Decimal

import hypothesis
import hypothesis.strategies as st
import pytest
from machine_kit import GS

from dnbot.domain.market import PublicTrade
from dnbot.strategy.flow import DECAY_S, FlowMeter


def trade(quantity: str = "1", *, bought: bool = True) -> PublicTrade:
    """One trade of the market's own."""
    return PublicTrade(GS, Decimal(60_000), Decimal(quantity), bought, 0)


def test_silence() -> None:
    """Nothing seen: no trades, an even share, no move."""
    flow = FlowMeter(GS).flow(10.0)
    assert (flow.trades_per_s, flow.buy_share, flow.move_bps_per_s, flow.volume_24h_quote) == (0, 0.5, 0, None)


def test_a_steady_stream_is_told_at_its_rate() -> None:
    """Two trades a second for ten decay times: two a second, within a few percent."""
    meter = FlowMeter(GS)
    for number in range(1200):
        meter.observe_trade(trade(), number / 2)
    assert meter.flow(600.0).trades_per_s == pytest.approx(2, rel=0.03)


def test_an_observation_fades() -> None:
    """After one decay time it counts for 1/e; time that goes back changes nothing."""
    meter = FlowMeter(GS)
    meter.observe_trade(trade(), 0.0)
    assert meter.flow(0.0).trades_per_s == pytest.approx(1 / DECAY_S)
    assert meter.flow(DECAY_S).trades_per_s == pytest.approx(1 / DECAY_S / math.e)
    assert meter.flow(0.0).trades_per_s == pytest.approx(1 / DECAY_S / math.e)


def test_the_aggressor() -> None:
    """Three bought, one sold: three quarters."""
    meter = FlowMeter(GS)
    meter.observe_trade(trade("3"), 0.0)
    meter.observe_trade(trade("1", bought=False), 0.0)
    assert meter.flow(0.0).buy_share == pytest.approx(0.75)


def test_the_size_of_moves() -> None:
    """A mid that moves 1 bp up and down each second: 1 bp per square-root second."""
    meter = FlowMeter(GS)
    for number in range(60):
        meter.observe_mid(60_000 * math.exp(1e-4 * (number % 2)), float(number))
    assert meter.flow(60.0).move_bps_per_s == pytest.approx(1, rel=1e-6)


def test_two_mids_at_one_moment_are_no_move_in_time() -> None:
    """A move in no time has no rate; the newer mid is what the next move is measured from."""
    meter = FlowMeter(GS)
    meter.observe_mid(60_000.0, 1.0)
    meter.observe_mid(66_000.0, 1.0)
    assert meter.flow(1.0).move_bps_per_s == 0
    meter.observe_mid(66_000.0, 2.0)
    assert meter.flow(2.0).move_bps_per_s == 0


def test_the_venues_own_turnover_is_passed_on() -> None:
    """As the ticker said it."""
    meter = FlowMeter(GS)
    meter.observe_volume(Decimal(5))
    assert meter.flow(0.0).volume_24h_quote == 5


@hypothesis.given(steps=st.lists(st.tuples(st.floats(0, 30), st.floats(1, 1e5), st.booleans()), max_size=30))
def test_figures_stay_in_their_ranges(steps: list[tuple[float, float, bool]]) -> None:
    """Whatever is observed: rates and moves are not negative, the share is between 0 and 1, all are finite."""
    meter, now_s = FlowMeter(GS), 0.0
    for wait_s, price, bought in steps:
        now_s += wait_s
        meter.observe_trade(trade(bought=bought), now_s)
        meter.observe_mid(price, now_s)
        flow = meter.flow(now_s)
        assert flow.trades_per_s >= 0
        assert 0 <= flow.buy_share <= 1
        assert 0 <= flow.move_bps_per_s < math.inf
