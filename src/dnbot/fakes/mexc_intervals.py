"""Windows of time of the MEXC fake: candle widths under their REST and stream names, and the days of time zones.

Weeks begin on Monday and months on the first, both in UTC; the documents name the widths and not where they begin.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import attrs

__all__ = ["DAY_S", "REST_INTERVALS", "STREAM_INTERVALS", "ZONES", "Interval", "day_start_s"]

DAY_S: Final = 86_400
_MONDAY_S: Final = 4 * DAY_S  # 1970-01-05, the first Monday


@attrs.frozen
class Interval:
    """A candle width: `width_s` seconds from `origin_s` on, or a calendar month when the width is 0."""

    width_s: int
    origin_s: int = 0

    def start_s(self, at_s: int) -> int:
        """When the window that holds this second opened."""
        if self.width_s:
            return (at_s - self.origin_s) // self.width_s * self.width_s + self.origin_s
        at = datetime.fromtimestamp(at_s, UTC)
        return int(datetime(at.year, at.month, 1, tzinfo=UTC).timestamp())

    def end_s(self, start_s: int) -> int:
        """When the window that opened then ends, which is when the next one opens."""
        if self.width_s:
            return start_s + self.width_s
        return self.start_s(start_s + 32 * DAY_S)


_WEEK, _MONTH = Interval(7 * DAY_S, _MONDAY_S), Interval(0)

# MEXC spot v3 docs, enum definitions, kline interval.
REST_INTERVALS: Final[dict[str, Interval]] = {
    "1m": Interval(60),
    "5m": Interval(300),
    "15m": Interval(900),
    "30m": Interval(1_800),
    "60m": Interval(3_600),
    "4h": Interval(14_400),
    "1d": Interval(DAY_S),
    "1W": _WEEK,
    "1M": _MONTH,
}
# MEXC spot v3 docs, websocket market streams, K-line streams.
STREAM_INTERVALS: Final[dict[str, Interval]] = {
    "Min1": Interval(60),
    "Min5": Interval(300),
    "Min15": Interval(900),
    "Min30": Interval(1_800),
    "Min60": Interval(3_600),
    "Hour4": Interval(14_400),
    "Hour8": Interval(28_800),
    "Day1": Interval(DAY_S),
    "Week1": _WEEK,
    "Month1": _MONTH,
}
# MEXC spot v3 docs, websocket market streams, MiniTicker: name -> seconds ahead of UTC; None is the last 24 hours.
ZONES: Final[dict[str, int | None]] = {
    "24H": None,
    "UTC-10": -36_000,
    "UTC-8": -28_800,
    "UTC-7": -25_200,
    "UTC-6": -21_600,
    "UTC-5": -18_000,
    "UTC-4": -14_400,
    "UTC-3": -10_800,
    "UTC+0": 0,
    "UTC+1": 3_600,
    "UTC+2": 7_200,
    "UTC+3": 10_800,
    "UTC+4": 14_400,
    "UTC+4:30": 16_200,
    "UTC+5": 18_000,
    "UTC+5:30": 19_800,
    "UTC+6": 21_600,
    "UTC+7": 25_200,
    "UTC+8": 28_800,
    "UTC+9": 32_400,
    "UTC+10": 36_000,
    "UTC+11": 39_600,
    "UTC+12": 43_200,
    "UTC+12:45": 45_900,
    "UTC+13": 46_800,
}


def day_start_s(zone: str, now_s: int) -> int:
    """When the day of that zone began; of `24H`, a day ago."""
    ahead_s = ZONES[zone]
    if ahead_s is None:
        return now_s - DAY_S
    return (now_s + ahead_s) // DAY_S * DAY_S - ahead_s
