"""Pictures and the table of the report, from the figures in docs/market-model.json alone."""

from __future__ import annotations

import math
from typing import Any

DEPTH_BPS = 2.0
REAL, MADE = ("BTC spot", "ETH spot"), ("realistic spot", "calibrated spot")
PRESETS = ("realistic", "calibrated", "lively")
BOOKS = ("BTC spot", "ETH spot", "BTC perpetual", *(f"{m} {kind}" for m in PRESETS for kind in ("spot", "perpetual")))
PAIRS = (
    "BTC perpetual over spot", "ETH perpetual over spot", "BTC Bybit over OKX", "ETH Bybit over OKX",
    *(f"{m} {pair}" for m in PRESETS for pair in ("Gate over MEXC", "perpetual over spot")),
)  # fmt: skip
BOOK_KEYS = ("deviation_1s_bps", "kurtosis_1s", "kurtosis_10s", "spread_bps", "trades_per_s")
CARRY_KEYS = (
    "basis_mean_bps", "basis_deviation_bps", "basis_autocorrelation", "rate_mean_bps", "rate_deviation_bps",
    "rate_autocorrelation", "rate_with_basis",
)  # fmt: skip


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
                f"Depth of one side, up to {DEPTH_BPS:g} bps away", "bps from the middle", "quote, median",
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
    return {f"{_whence(name)}: {name}": found[name][what] for name in names}


def _bars(found: dict[str, Any], what: str) -> dict[str, Any]:
    return {"recorded: BTC, 2023": found["BTC bars"][what], "invented: realistic": found["realistic bars"][what]}


def _panel(title: str, x: str, y: str, curves: dict[str, Any], **scales: bool) -> dict[str, Any]:
    return {"title": title, "x": x, "y": y, "curves": curves, **scales}


def with_tables(page: str, found: dict[str, Any], costs: list[dict[str, Any]]) -> str:
    """The page with its tables made anew."""
    return _between(_between(page, "costs", _costs(costs)), "figures", _figures(found))


def _between(page: str, mark: str, rows: list[str]) -> str:
    begin, end = f"<!-- {mark}: begin -->\n", f"<!-- {mark}: end -->"
    before, _, rest = page.partition(begin)
    return f"{before}{begin}{chr(10).join(rows)}\n{end}{rest.partition(end)[2]}"


def _costs(costs: list[dict[str, Any]]) -> list[str]:
    rows = ["| symbols | alone | one client that listens to everything | frames a second to it |", "| --- " * 4 + "|"]
    for row in costs:
        shares = f"{row['cpu_share_alone']:.0%} | {row['cpu_share_with_client']:.0%}"
        rows.append(f"| {row['symbols']} | {shares} | {row['frames_per_s']:,} |")
    return rows


def _figures(found: dict[str, Any]) -> list[str]:
    head = "| book | sd of 1 s, bps | kurtosis of 1 s | of 10 s | spread, bps | trades a second | quote in 1 bps |"
    rows = [head, "| --- " * 7 + "|"]
    for name in BOOKS:
        depth = dict(found[name]["depth_quote"])[1.0]
        rows.append(f"| {_whence(name)}: {name} | {_cells([found[name][key] for key in BOOK_KEYS])} | {depth:,} |")
    rows += ["", "| two books | mean, bps | sd, bps | 1 % | 99 % |", "| --- " * 5 + "|"]
    for name in PAIRS:
        row = found[name]
        values = [row["mean_bps"], row["deviation_bps"], row["quantiles_bps"][0], row["quantiles_bps"][-1]]
        rows.append(f"| {_whence(name)}: {name} | {_cells(values)} |")
    head = "| carry | basis, bps: mean | sd | autocorrelation | rate, bps: mean | sd | autocorrelation | together |"
    rows += ["", head, "| --- " * 8 + "|"]
    carries = {"BTC bars": found["BTC bars"], "ETH bars": found["ETH bars"]}
    for name, row in (carries | {"realistic": found["realistic bars"]["three seeds"]}).items():
        rows.append(f"| {_whence(name)}: {name} | {_cells([row[key] for key in CARRY_KEYS])} |")
    return rows


def _cells(values: list[float]) -> str:
    return " | ".join(f"{value:.3g}" for value in values)


def _whence(name: str) -> str:
    return "invented" if name.startswith(PRESETS) else "recorded"
