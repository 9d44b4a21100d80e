"""The invented markets beside recorded ones: measures both and draws docs/market-model/*.svg.

    python benchmarks/market_report --captures FOLDER --bars FILE   # measures anew, writes docs/market-model.json too
    python benchmarks/market_report                                 # draws from docs/market-model.json alone

FOLDER holds spot/ and usdm/ with the raw captures of the examples of nkaz001/hftbacktest (btcusdt, ethusdt, August
2024). FILE is all_exchanges.csv of AHA-HH/optimising-funding-rate-arbitrage. Measuring takes two or three minutes of
one core.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import figures
from charts import picture
from samples import DEPTH_BPS

DOCS = Path(__file__).resolve().parents[2] / "docs"
JSON, FOLDER = DOCS / "market-model.json", DOCS / "market-model"
REAL, MADE = ("BTC spot", "ETH spot"), ("realistic spot", "calibrated spot")
PRESETS = ("realistic", "calibrated", "lively")


def main() -> None:
    """Measure when there is something to measure, then draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captures", type=Path)
    parser.add_argument("--bars", type=Path)
    options = parser.parse_args()
    if (options.captures is None) != (options.bars is None):
        parser.error("--captures and --bars go together")
    if options.captures is not None:
        found = figures.captures(options.captures) | figures.models() | figures.bars(options.bars)
        JSON.write_text(json.dumps(found, separators=(",", ":")).replace('},"', '},\n"') + "\n", encoding="utf-8")
    FOLDER.mkdir(exist_ok=True)
    for name, panels in pictures(json.loads(JSON.read_text(encoding="utf-8"))).items():
        (FOLDER / f"{name}.svg").write_text(picture(panels), encoding="utf-8")
        print(FOLDER / f"{name}.svg")


def pictures(found: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The panels of each picture."""
    books = (*REAL, *MADE)
    normal = [[x / 5, math.exp(-((x / 5) ** 2) / 2) / math.sqrt(2 * math.pi)] for x in range(-20, 21)]
    distances = {
        "recorded: BTC perpetual over spot": found["BTC perpetual over spot"],
        "recorded: Bybit over OKX, bar closes": found["BTC Bybit over OKX"],
        "invented: realistic, Gate over MEXC": found["realistic Gate over MEXC"],
        "invented: realistic, perpetual over spot": found["realistic perpetual over spot"],
    }
    return {
        "paths": [
            _panel(
                "Five minutes, recorded", "seconds", "bps from the start", _of(found, REAL, "path_bps"), same_y=True
            ),
            _panel(
                "Five minutes, invented", "seconds", "bps from the start", _of(found, MADE, "path_bps"), same_y=True
            ),
        ],
        "volatility": [
            _panel(
                "How far the price goes", "over how many seconds", "bps per square root of a second",
                _of(found, books, "volatility"), log_x=True,
            ),
            _panel(
                "Returns of a second", "standard deviations", "density",
                _of(found, ("BTC spot", "realistic spot"), "returns") | {"normal": normal}, log_y=True,
            ),
        ],
        "autocorrelation": [
            _panel("Autocorrelation of returns", "lag, seconds", "", _of(found, books, "autocorrelation")),
            _panel("Autocorrelation of their size", "lag, seconds", "", _of(found, books, "autocorrelation_of_size")),
        ],
        "spreads": [
            _panel(
                "Distance of two books", "bps from the mean distance", "density",
                {name: rows["density"] for name, rows in distances.items()},
            ),
            _panel(
                "How long a distance lasts", "lag, seconds", "autocorrelation",
                {name: rows["autocorrelation"] for name, rows in distances.items() if "autocorrelation" in rows},
                log_x=True,
            ),
        ],
        "depth": [
            _panel(
                f"Depth of one side, up to {max(DEPTH_BPS):g} bps away", "bps from the middle", "quote, median",
                _of(found, (*REAL, "BTC perpetual", "realistic spot", "realistic perpetual", "calibrated spot"),
                    "depth_quote"),
                log_y=True,
            ),
        ],
        "funding": [
            _panel("Basis, recorded and realistic", "days", "bps", _bars(found, "basis_bps")),
            _panel("Funding, recorded and realistic", "days", "bps per 8 hours", _bars(found, "rates_bps")),
        ],
    }  # fmt: skip


def _of(found: dict[str, Any], names: tuple[str, ...], what: str) -> dict[str, Any]:
    """Curves, each named with where it comes from."""
    made = {name: "invented" if name.startswith(PRESETS) else "recorded" for name in names}
    return {f"{made[name]}: {name}": found[name][what] for name in names}


def _bars(found: dict[str, Any], what: str) -> dict[str, Any]:
    return {"recorded: BTC, 2023": found["BTC bars"][what], "invented: realistic": found["realistic bars"][what]}


def _panel(title: str, x: str, y: str, curves: dict[str, Any], **scales: bool) -> dict[str, Any]:
    return {"title": title, "x": x, "y": y, "curves": curves, **scales}


main()
