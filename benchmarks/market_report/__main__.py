"""The invented markets beside recorded ones: measures both, draws docs/market-model/*.svg, renews the tables.

    python benchmarks/market_report --captures FOLDER --bars FILE   # measures anew, writes docs/market-model.json too
    python benchmarks/market_report                                 # draws from docs/market-model.json alone

FOLDER holds spot/ and usdm/ with the raw captures of the examples of nkaz001/hftbacktest (btcusdt, ethusdt, August
2024). FILE is all_exchanges.csv of AHA-HH/optimising-funding-rate-arbitrage. Measuring takes two or three minutes of
one core.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import figures
from charts import picture
from draw import pictures, with_tables

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE, JSON, FOLDER = DOCS / "market-model.md", DOCS / "market-model.json", DOCS / "market-model"
COSTS = DOCS / "market-model-costs.json"  # of bench_symbols.py


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
    found = json.loads(JSON.read_text(encoding="utf-8"))
    costs = json.loads(COSTS.read_text(encoding="utf-8"))
    for name, panels in pictures(found).items():
        (FOLDER / f"{name}.svg").write_text(picture(panels), encoding="utf-8")
        print(FOLDER / f"{name}.svg")
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), found, costs), encoding="utf-8")


main()
