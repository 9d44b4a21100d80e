"""The study's plain position computed again from the raw rows, by a module that imports nothing from dnbot.

Only the times, the order of bar and settlement, fees, spreads and the sign of funding are in it; no decision is.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "../shared/data/market"
EVIDENCE = Path(__file__).resolve().parents[2] / "docs/evidence/study.json"
HALF_SPREAD = 0.5 / 10_000
GATE, PERP, MEXC = 0.0020, 0.0005, 0.0005
STEP_S = 28_800
YEAR_S = 365.25 * 86_400


def last_sunday(year: int, month: int) -> datetime:
    """At one o'clock UTC, when London's clocks change."""
    day = datetime(year, month, 31, 1, tzinfo=UTC)
    return day - timedelta(days=(day.weekday() + 1) % 7)


def london(text: str) -> int:
    """UTC seconds of a time in London."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    summer = moment - timedelta(hours=1)
    is_summer = last_sunday(moment.year, 3) <= summer < last_sunday(moment.year, 10)
    return int((summer if is_summer else moment).timestamp())


def percent_a_year(
    times_s: Sequence[int], closes: tuple[Sequence[float], Sequence[float]],
    opens: tuple[Sequence[float], Sequence[float], Sequence[float]], rates: Sequence[float],
) -> float:
    """One base, hedged at the first opens and closed at the last ones; of inventory and margin at leverage 2.

    Args:
        closes: of Gate spot and of the perpetual; opens: of Gate spot, the perpetual and MEXC.
    """
    gate, perp, mexc = opens
    up, down = 1 + HALF_SPREAD, 1 - HALF_SPREAD
    gained = perp[0] * down * (1 - PERP) - (gate[0] * up * (1 + GATE) + mexc[0] * up * (1 + MEXC)) / 2
    gained += sum(price * rate for price, rate in list(zip(closes[1], rates, strict=True))[1:])
    gained += (gate[-1] * down * (1 - GATE) + mexc[-1] * down * (1 - MEXC)) / 2 - perp[-1] * up * (1 + PERP)
    span_s = times_s[-1] - times_s[0]
    spans = [after - before for before, after in pairwise(times_s)]
    weighed = sum(price * length for price, length in zip(closes[0], spans, strict=False))
    return gained / (1.5 * weighed / span_s) / (span_s / YEAR_S) * 100


def told(part: str, series: str) -> float:
    """The committed figure."""
    kept = json.loads(EVIDENCE.read_text(encoding="utf-8"))
    return next(
        one["profit_pct_year"] for one in kept[part]["judged"]
        if (one["series"], one["case"]) == (series, "hedged, no trades")
    )


@pytest.mark.skipif(not SHARED.is_dir(), reason="shared data absent")
def test_two_exchanges_again() -> None:
    """OKX as Gate and Bybit as MEXC; a bar and the settlement inside it have one label."""
    with (SHARED / "bars_8h" / "all_exchanges.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["crypto"] == "bitcoin"]

    def market(exchange: str, pair: str) -> dict[int, dict[str, str]]:
        return {london(row["time"]): row for row in rows if (row["exchange"], row["pair"]) == (exchange, pair)}

    gate, perp, mexc = market("okx", "BTC/USDT"), market("okx", "BTCUSDT"), market("bybit", "BTC/USDT")
    at = sorted(gate)
    assert {after - before for before, after in pairwise(at)} == {STEP_S}
    before, after = at[:-1], at[1:]
    again = percent_a_year(
        before, ([float(gate[t]["close"]) for t in before], [float(perp[t]["close"]) for t in before]),
        ([float(gate[t]["open"]) for t in after], [float(perp[t]["open"]) for t in after],
         [float(mexc[t]["open"]) for t in after]),
        [float(perp[t]["funding rate"]) for t in before],
    )
    assert again == pytest.approx(told("bars", "BTC okx+bybit"), abs=1e-5)


@pytest.mark.skipif(not SHARED.is_dir(), reason="shared data absent")
@pytest.mark.parametrize("base", ["BTC", "XRP"])
def test_gates_perpetuals_again(base: str) -> None:
    """The mark for both spot venues; the perpetual's price at a settlement is the close of the two hours before it."""
    def market(name: str) -> dict[int, dict[str, str]]:
        path = SHARED / "gate_futures_bars" / f"{base}_USDT_USDT-{name}.csv.gz"
        with gzip.open(path, "rt", encoding="utf-8") as file:
            return {int(datetime.fromisoformat(row["date"]).timestamp()): row for row in csv.DictReader(file)}

    mark, perp, rates = market("8h-mark"), market("2h-futures"), market("8h-funding_rate")
    at = [t for t in sorted(mark) if t - STEP_S in mark and t in perp]
    spot = [float(mark[t]["open"]) for t in at]
    again = percent_a_year(
        at, ([float(mark[t - STEP_S]["close"]) for t in at], [float(perp[t - 7200]["close"]) for t in at]),
        (spot, [float(perp[t]["open"]) for t in at], spot), [float(rates[t]["open"]) for t in at],
    )
    assert again == pytest.approx(told("gate", f"{base} gate"), abs=1e-5)
