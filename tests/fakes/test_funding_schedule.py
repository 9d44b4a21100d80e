"""When rates are estimated, charged and shown."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.running import World
from dnbot.fakes.world import SIMULATION_EPOCH_NS, build_core

BTC = "BTC/USDT"


class Walking:
    """A model's funding rate that is another one at every look."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self) -> Decimal:
        self.looks += 1
        return Decimal(self.looks) / 1_000_000


@pytest.fixture
def now_s() -> list[float]:
    """Seconds since the start of the world, moved by the test."""
    return [0.0]


@pytest.fixture
def world(now_s: list[float], monkeypatch: pytest.MonkeyPatch) -> World:
    """A world that settles 90 s after its start and every 8 h."""
    config = FakesConfig(symbols=(BTC,), funding_first_after_s=90)
    made = build_core(config, FakeClock(SIMULATION_EPOCH_NS, monotonic_s=lambda: now_s[0]))
    walking = Walking()
    monkeypatch.setattr("dnbot.fakes.market.MarketModel.funding_rate", lambda model: walking())
    return made


def test_estimate_is_made_anew_once_a_minute(world: World, now_s: list[float]) -> None:
    """Within a minute the rate stands still, however often the mark moves."""
    world.funding.estimates.clear()
    seen = []
    for second in range(85):
        now_s[0] = second
        world.funding.update_mark(BTC)
        seen.append(world.exchange.mark(BTC).funding_rate)
    assert len(set(seen)) == 2
    assert seen.index(seen[-1]) == 60


def test_rate_of_the_settlement_is_charged_and_shown_for_a_minute(world: World, now_s: list[float]) -> None:
    """The charge uses a rate made at that instant; it stays on show for 60 s while the next time jumps at once."""
    now_s[0] = 89
    world.funding.update_mark(BTC)
    before = world.exchange.mark(BTC)
    now_s[0] = 90
    world.funding.settle_due()
    charged, mark = world.exchange.fundings(BTC)[-1], world.exchange.mark(BTC)
    assert charged.rate > before.funding_rate
    assert mark.funding_next_s > before.funding_next_s
    now_s[0] = 149
    world.funding.update_mark(BTC)
    assert world.exchange.mark(BTC).funding_rate_shown == charged.rate
    now_s[0] = 150
    world.funding.update_mark(BTC)
    assert world.exchange.mark(BTC).funding_rate_shown == world.exchange.mark(BTC).funding_rate
