"""The variant by itself, and as dnbot finds it."""

from __future__ import annotations

from decimal import Decimal
from importlib import metadata

import pytest
from dnbot_strategy_calm import Calm

from dnbot.operate.plugins import MarketPicture, PairPicture, PluginContext


def calm(**options: str | int | bool) -> Calm:
    """With these options."""
    return Calm(PluginContext(options=options, secret="", symbol="BTC/USDT", mode="sim"))


def picture(samples: int, sd_bps: float) -> MarketPicture:
    """A market of one pair."""
    pair = PairPicture(
        pair="OPEN_MEXC", edge_bps=20.0, mean_bps=3.0, sd_bps=sd_bps, z_score=2.0, half_life_s=None, samples=samples
    )
    return MarketPicture(
        at_ns=0, mode="ACTIVE", state="MONITORING_SPREADS", delta_base=Decimal(0), inventory_base={},
        perp_base=Decimal(0), mids={}, funding_bps=None, pairs=(pair,),
    )


def test_what_moves_more_must_earn_more() -> None:
    """A quarter of the deviation by default, or another share."""
    (rule,) = calm().advise(picture(60, 8.0))
    assert (rule.pair, rule.extra_bps, rule.refuse) == ("OPEN_MEXC", Decimal(2), False)
    assert calm(share_pct=100).advise(picture(60, 8.0))[0].extra_bps == Decimal(8)


def test_without_a_history_nothing_is_entered() -> None:
    """It says how much of it there is."""
    (rule,) = calm(samples_min=10).advise(picture(9, 1.0))
    assert (rule.refuse, rule.why) == (True, "9 of 10 samples")


@pytest.mark.parametrize("options", [{"share_pct": -1}, {"share_pct": "5"}, {"share": 5}])
def test_options_that_are_none_are_refused(options: dict[str, str | int]) -> None:
    """With what is allowed."""
    with pytest.raises(ValueError, match="samples_min and share_pct"):
        calm(**options)


def test_dnbot_finds_it() -> None:
    """By the entry point of the installed package."""
    (found,) = metadata.entry_points(group="dnbot.strategies", name="calm")
    assert found.load() is Calm
