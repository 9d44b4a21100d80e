"""Series of moments and files of bars that tests of the study make by hand."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from dnbot.domain.instrument import Venue
from dnbot.research.study_words import Charge, Moment, Series, Tier

STEP_S = 28_800
BEGIN_S = 1_700_006_400
"""2023-11-15 00:00 UTC: a settlement."""
NEW = Tier(
    name="new", gate_spot_taker_bps=Decimal(20), gate_futures_taker_bps=Decimal(5), mexc_taker_bps=Decimal(5)
)
Three = tuple[str, str, str]
"""Gate spot, perpetual, MEXC spot."""


def prices(three: Three) -> dict[Venue, Decimal]:
    """By venue."""
    venues = (Venue.GATE_SPOT, Venue.GATE_FUTURES, Venue.MEXC_SPOT)
    return {venue: Decimal(text) for venue, text in zip(venues, three, strict=True)}


def series(closes: Sequence[Three], rates: Sequence[str], opens: Sequence[Three] | None = None) -> Series:
    """A moment per close with the rate that was charged at it; the next bars open where the last ones closed, or at
    `opens`."""
    firsts = closes if opens is None else opens
    moments = [
        Moment(
            at_s=BEGIN_S + number * STEP_S, seen=prices(close), next_open=prices(first),
            high=max(prices(close).values()), charges=(Charge(BEGIN_S + number * STEP_S, Decimal(rate)),),
            next_rate=Decimal(rates[number + 1]) if number + 1 < len(rates) else None,
        )
        for number, (close, first, rate) in enumerate(zip(closes, firsts, rates, strict=True))
    ]
    return Series(name="made", source="by hand", base="BTC", moments=tuple(moments), step_s=STEP_S, one_spot=False)


def flat(count: int, rate: str) -> Series:
    """Every price is 100, always, and every rate the same."""
    return series([("100", "100", "100")] * count, [rate] * count)


def lively(count: int, seed: int) -> Series:
    """Prices that wander, part and meet, and rates that pay for carries at times and cost at others."""
    rng = random.Random(seed)
    closes, opens, rates, middle = [], [], [], 100.0

    def three() -> Three:
        first, second, third = (f"{middle * (1 + rng.gauss(0, 0.0008)):.4f}" for _ in range(3))
        return first, second, third

    for number in range(count):
        middle *= 1 + rng.gauss(0, 0.004)
        closes.append(three())
        opens.append(three())
        rates.append(f"{rng.gauss(0.002 if number % 40 > 20 else -0.001, 0.001):.6f}")
    return series(closes, rates, opens)


def labelled(at_s: int, ahead_s: int = 0) -> str:
    """A time as the files of several exchanges write it."""
    return f"{datetime.fromtimestamp(at_s + ahead_s, tz=UTC):%Y-%m-%d %H:%M:%S}"


def written_bars(path: Path, count: int = 60, *, okx_late_s: int = 0, summer_s: int = 0) -> Path:
    """A file of three exchanges with BTC, as the set has it: Binance's bars begin at their label, the others' four
    hours before it.

    Args:
        okx_late_s: how much later than the set's the rows of OKX are.
        summer_s: how far all labels are ahead of UTC.
    """
    rng = random.Random(5)
    hourly = [20_000.0]
    while len(hourly) < count * 8 + 64:
        hourly.append(hourly[-1] * (1 + rng.gauss(0, 0.004)))
    lines = ["time,exchange,crypto,pair,contract,open,high,low,close,volume,funding rate"]
    for number in range(count):
        for exchange, late_s in (("binance", 0), ("okx", okx_late_s - 14_400), ("bybit", -14_400)):
            first = 16 + number * 8 + late_s // 3600
            part = hourly[first : first + 9]
            shown = ",".join(f"{price:.2f}" for price in (part[0], max(part), min(part), part[-1]))
            label = labelled(BEGIN_S + number * STEP_S, summer_s)
            lines.append(f"{label},{exchange},bitcoin,BTC/USDT,spot,{shown},1,")
            lines.append(f"{label},{exchange},bitcoin,BTCUSDT,perpetual,{shown},1,0.0001")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
