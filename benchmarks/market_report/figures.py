"""Everything that the report shows, as plain numbers: what docs/market-model.json holds."""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from typing import Any

from measures import autocorrelation, deviation, histogram, kurtosis, quantiles, tidy
from samples import (
    DEPTH_BPS,
    PERP,
    SAMPLE_S,
    SPOT_VENUES,
    Series,
    distance_bps,
    recorded,
    recorded_bars,
    returns_bps,
    synthetic,
    synthetic_bars,
)  # fmt: skip

LAGS = [1, 2, 5, 10, 20, 50, 100, 200, 300]
ACF_LAGS = [1, 2, 3, 5, 8, 13, 20, 30]
DISTANCE_LAGS = [1, 2, 3, 5, 10, 20, 30, 50, 100, 200]
RETURN_BINS = (-8.0, 8.0, 40)
DISTANCE_BINS = (-5.0, 5.0, 50)
SECONDS, SEED = 1800.0, 1
PATH_S = 300
BARS = 1642


def captures(folder: Path) -> dict[str, Any]:
    """Of the raw captures: spot and perpetual of BTC and ETH."""
    found: dict[str, Any] = {}
    for asset in ("btc", "eth"):
        spot, perp = (recorded(tuple(sorted((folder / kind).glob(f"{asset}usdt_*")))) for kind in ("spot", "usdm"))
        name = asset.upper()
        found[f"{name} spot"], found[f"{name} perpetual"] = _book(spot), _book(perp)
        found[f"{name} perpetual over spot"] = _distance(distance_bps(perp, spot), 1)
    return found


def models() -> dict[str, Any]:
    """The same of every invented market."""
    found: dict[str, Any] = {}
    for market in ("realistic", "calibrated", "lively"):
        series = synthetic(market, SECONDS, ("BTC/USDT",), SEED)["BTC/USDT"]
        gate, mexc, perp = (series[venue] for venue in (*SPOT_VENUES, PERP))
        found[f"{market} spot"], found[f"{market} perpetual"] = _book(gate), _book(perp)
        found[f"{market} perpetual over spot"] = _distance(distance_bps(perp, gate), 1)
        found[f"{market} Gate over MEXC"] = _distance(distance_bps(gate, mexc), 1)
    return found


def bars(path: Path) -> dict[str, Any]:
    """Of eight-hour bars: two spot venues beside each other, the basis, the rate, and what the model makes of them."""
    found: dict[str, Any] = {}
    for pair in ("BTC/USDT", "ETH/USDT"):
        rows = recorded_bars(path, pair)
        name = pair.partition("/")[0]
        venues = zip(rows["bybit"]["price"], rows["okx"]["price"], strict=True)
        found[f"{name} Bybit over OKX"] = _distance([(a / b - 1) * 1e4 for a, b in venues], None)
        found[f"{name} bars"] = _carry(rows["binance"]) | _prices(rows["binance"]["price"])
    runs = synthetic_bars(range(1, 4), BARS)
    whole = {key: [value for run in runs for value in run[key]] for key in ("basis_bps", "rate_bps")}
    found["realistic bars"] = _carry(runs[0]) | {"three seeds": _carry_moments(whole["basis_bps"], whole["rate_bps"])}
    return found


def _book(series: Series) -> dict[str, Any]:
    prices = [series.middles[number] for number in sorted(series.middles)]
    second, ten = returns_bps(prices, 10), returns_bps(prices, 100)
    size = [abs(value) for value in second]
    path = [(price / prices[0] - 1) * 1e4 for price in prices[: int(PATH_S / SAMPLE_S) : 10]]
    spread = deviation(second)
    return {
        "seconds": round(len(prices) * SAMPLE_S),
        "volatility": [[lag * SAMPLE_S, tidy(_per_root_s(prices, lag))] for lag in LAGS],
        "deviation_1s_bps": tidy(spread),
        "kurtosis_1s": tidy(kurtosis(second)),
        "kurtosis_10s": tidy(kurtosis(ten)),
        "returns": _curve(histogram([value / spread for value in second], *RETURN_BINS), *RETURN_BINS),
        "autocorrelation": _pairs(ACF_LAGS, autocorrelation(second, ACF_LAGS)),
        "autocorrelation_of_size": _pairs(ACF_LAGS, autocorrelation(size, ACF_LAGS)),
        "spread_bps": tidy(statistics.fmean(series.spreads_bps)),
        "trades_per_s": tidy(series.trades / (len(prices) * SAMPLE_S)),
        "depth_quote": [[bps, round(statistics.median(series.depth_quote[bps]))] for bps in DEPTH_BPS],
        "path_bps": _pairs(list(range(len(path))), path),
    }


def _per_root_s(prices: list[float], lag: int) -> float:
    return deviation(returns_bps(prices, lag)) / math.sqrt(lag * SAMPLE_S)


def _distance(values: list[float], lag: int | None) -> dict[str, Any]:
    """Of the distance of two books; around its mean, because a basis has one."""
    mean = statistics.fmean(values)
    found = {
        "mean_bps": tidy(mean),
        "deviation_bps": tidy(deviation(values)),
        "quantiles_bps": [tidy(value) for value in quantiles(values, (0.01, 0.25, 0.5, 0.75, 0.99))],
        "density": _curve(histogram([value - mean for value in values], *DISTANCE_BINS), *DISTANCE_BINS),
    }
    if lag is not None:
        lags = [number * SAMPLE_S for number in DISTANCE_LAGS]
        found["autocorrelation"] = _pairs(lags, autocorrelation(values, DISTANCE_LAGS))
    return found


def _carry(rows: dict[str, list[float]]) -> dict[str, Any]:
    shown = list(range(270))
    return _carry_moments(rows["basis_bps"], rows["rate_bps"]) | {
        "rates_bps": _pairs([number / 3 for number in shown], rows["rate_bps"][:270]),
        "basis_bps": _pairs([number / 3 for number in shown], rows["basis_bps"][:270]),
    }


def _prices(closes: list[float]) -> dict[str, Any]:
    change = returns_bps(closes, 1)
    return {
        "deviation_8h_bps": tidy(deviation(change)),
        "per_root_s_bps": tidy(deviation(change) / math.sqrt(28800)),
        "kurtosis_8h": tidy(kurtosis(change)),
    }


def _carry_moments(basis: list[float], rate: list[float]) -> dict[str, Any]:
    return {
        "basis_mean_bps": tidy(statistics.fmean(basis)),
        "basis_deviation_bps": tidy(deviation(basis)),
        "basis_autocorrelation": tidy(autocorrelation(basis, [1])[0]),
        "rate_mean_bps": tidy(statistics.fmean(rate)),
        "rate_deviation_bps": tidy(deviation(rate)),
        "rate_autocorrelation": tidy(autocorrelation(rate, [1])[0]),
        "rate_with_basis": tidy(statistics.correlation(basis, rate)),
    }


def _curve(heights: list[float], low: float, high: float, bins: int) -> list[list[float]]:
    width = (high - low) / bins
    return [[tidy(low + (number + 0.5) * width), tidy(height)] for number, height in enumerate(heights)]


def _pairs(xs: list[Any], ys: list[float]) -> list[list[float]]:
    return [[tidy(x), tidy(y)] for x, y in zip(xs, ys, strict=True)]
