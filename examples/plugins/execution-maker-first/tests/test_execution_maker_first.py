"""The plugin by itself, and as dnbot finds it."""

from __future__ import annotations

from decimal import Decimal
from importlib import metadata

import pytest
from dnbot_execution_maker_first import MakerFirst

from dnbot.operate.plugins import ExecutionPicture, MarketPicture, PairPicture, PluginContext, RestRule, TopPicture

PAIRS = ("GATE_TO_MEXC", "MEXC_TO_GATE", "OPEN_GATE", "OPEN_MEXC", "CLOSE_GATE", "CLOSE_MEXC")


def maker_first(**options: str | int | bool) -> MakerFirst:
    """With these options."""
    return MakerFirst(PluginContext(options=options, secret="", symbol="BTC/USDT", mode="sim"))


def picture(ask: str, *, taker_bps: int = 0, sd_bps: float = 3.0) -> ExecutionPicture:
    """MEXC bids 100 and asks this, in steps of a hundredth; all six pairs move by as much."""
    pairs = tuple(
        PairPicture(pair=name, edge_bps=0.0, mean_bps=0.0, sd_bps=sd_bps, z_score=0.0, half_life_s=None, samples=60)
        for name in PAIRS
    )
    market = MarketPicture(
        at_ns=0, mode="ACTIVE", state="MONITORING_SPREADS", delta_base=Decimal(0), inventory_base={},
        perp_base=Decimal(0), mids={}, funding_bps=None, pairs=pairs,
    )
    top = TopPicture(
        bid=Decimal(100), ask=Decimal(ask), tick=Decimal("0.01"), maker_bps=Decimal(0), taker_bps=Decimal(taker_bps)
    )
    return ExecutionPicture(market=market, tops={"MEXC_SPOT": top}, rest_ms_max=4000)


def test_a_wide_spread_is_waited_in() -> None:
    """By a share of what is inside of it, for as long as may be, and only by pairs that have a leg there."""
    rules = maker_first().choose(picture("100.41"))
    assert rules == [
        RestRule(pair=name, ticks_inside=10, rest_ms=4000)
        for name in ("GATE_TO_MEXC", "MEXC_TO_GATE", "OPEN_MEXC", "CLOSE_MEXC")
    ]


def test_waiting_must_save_something() -> None:
    """A narrow spread is nothing by itself; with the fee it is enough, and then the best price is joined."""
    assert maker_first().choose(picture("100.01")) == []
    (rule, *_) = maker_first().choose(picture("100.01", taker_bps=5))
    assert rule.ticks_inside == 0


def test_what_moves_much_does_not_wait() -> None:
    """And without a book there, nothing does."""
    assert maker_first(sd_bps_max=2).choose(picture("100.41")) == []
    here = picture("100.41")
    assert maker_first().choose(ExecutionPicture(market=here.market, tops={}, rest_ms_max=4000)) == []


@pytest.mark.parametrize("options", [{"share_pct": -1}, {"share_pct": "5"}, {"ticks": 5}])
def test_options_that_are_none_are_refused(options: dict[str, str | int]) -> None:
    """With what is allowed."""
    with pytest.raises(ValueError, match="saved_bps_min, share_pct, sd_bps_max"):
        maker_first(**options)


def test_dnbot_finds_it() -> None:
    """By the entry point of the installed package."""
    (found,) = metadata.entry_points(group="dnbot.execution", name="maker-first")
    assert found.load() is MakerFirst
