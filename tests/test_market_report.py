"""The report on the market models says what its figures say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


@pytest.fixture
def found() -> dict[str, Any]:
    """The figures of the report."""
    figures: dict[str, Any] = json.loads((DOCS / "market-model.json").read_text(encoding="utf-8"))
    return figures


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The modules that draw it."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks" / "market_report")
    import charts  # type: ignore[import-not-found]  # a folder of scripts
    import draw  # type: ignore[import-not-found]  # the same

    return lambda figures: {name: charts.picture(panels) for name, panels in draw.pictures(figures).items()}, draw


def test_pictures_and_tables_are_those_of_the_figures(found: dict[str, Any], drawing: Any) -> None:
    """Nothing in them is typed by hand: making them anew changes nothing, and every picture is on the page."""
    pictures, draw = drawing
    page = (DOCS / "market-model.md").read_text(encoding="utf-8")
    made = pictures(found)
    assert {path.stem for path in (DOCS / "market-model").glob("*.svg")} == set(made)
    for name, svg in made.items():
        assert (DOCS / "market-model" / f"{name}.svg").read_text(encoding="utf-8") == svg
        assert f"(market-model/{name}.svg)" in page
    costs = json.loads((DOCS / "market-model-costs.json").read_text(encoding="utf-8"))
    assert draw.with_tables(page, found, costs) == page


def test_the_realistic_market_is_near_what_was_recorded(found: dict[str, Any]) -> None:
    """As near as the page says: volatility, heavy tails, distance of two books, depth and funding."""
    made, seen = found["realistic spot"], found["BTC spot"]
    assert 0.6 < made["deviation_1s_bps"] < seen["deviation_1s_bps"] * 1.2
    assert made["kurtosis_1s"] > 6
    assert 0.6 < made["depth_quote"][1][1] / seen["depth_quote"][1][1] < 1.6
    distance = found["realistic Gate over MEXC"]["deviation_bps"] / found["BTC Bybit over OKX"]["deviation_bps"]
    assert 0.7 < distance < 1.4
    carry, bars = found["realistic bars"]["three seeds"], found["BTC bars"]
    assert abs(carry["rate_mean_bps"] - bars["rate_mean_bps"]) < 0.6
    assert 0.5 < carry["rate_deviation_bps"] / bars["rate_deviation_bps"] < 2
    assert carry["rate_with_basis"] > 0.5
