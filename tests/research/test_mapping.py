"""Which book each venue shows, as it is asked for and told."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dnbot.domain.errors import ConfigError
from dnbot.research.mapping import DEFAULT, Shape, mapping_of

D = Decimal


def test_what_is_not_named_stays() -> None:
    """One venue is changed, the others are the default's."""
    found = mapping_of(["mexc_spot=spot,lag_ms=150,spread_bps=2,offset_bps=-1.5"])
    assert found == {**DEFAULT, "mexc_spot": Shape("spot", 150, D(2), D("-1.5"))}
    assert mapping_of(["mexc_spot=model"])["mexc_spot"] == Shape("model")


def test_a_spread_moves_bids_down_and_asks_up() -> None:
    """Half of it each, around the moved middle."""
    shape = Shape("spot", spread_bps=D(10), offset_bps=D(100))
    assert (shape.bid_factor, shape.ask_factor) == (D("1.01") * D("0.9995"), D("1.01") * D("1.0005"))
    assert (Shape("spot").bid_factor, Shape("spot").ask_factor) == (1, 1)


def test_a_result_says_what_was_done_to_a_book() -> None:
    """With every number and its unit."""
    text = Shape("spot", 150, D(2), D("-1.5")).describe()
    assert text == "the recorded book 'spot', 150 ms later, spread +2 bps, prices -1.5 bps"
    assert Shape("usdm").describe().endswith("as it is")
    assert "model" in Shape("model").describe()


@pytest.mark.parametrize("text", [
    "binance=spot", "gate_spot", "gate_spot=", "mexc_spot=spot,lag_ms=-1", "mexc_spot=spot,lag_ms=1.5",
    "mexc_spot=spot,lag=1", "mexc_spot=spot,lag_ms=1,lag_ms=2", "mexc_spot=spot,spread_bps=NaN",
    "mexc_spot=spot,offset_bps=501", "mexc_spot=model,lag_ms=1",
])  # fmt: skip
def test_what_cannot_be_is_refused_with_what_is_allowed(text: str) -> None:
    """And with the text itself."""
    with pytest.raises(ConfigError, match="allowed: ") as refused:
        mapping_of([text])
    assert refused.value.where == "--map"
