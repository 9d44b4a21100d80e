"""Channels that tell once a second how the running interval looks: candles of both products and contract statistics.

Source: Gate API v4 spot WS docs, spot.candlesticks; futures WS docs, futures.candlesticks and futures.contract_stats;
key sets as recorded 2026-09 (`w` says that a candle is complete). A row that did not change is not told again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import trio

from .gateio_bars import Bar, BarSeries, end_of, start_of
from .gateio_context import GateContext
from .gateio_contract_stats import contract_stats
from .gateio_http import contracts
from .gateio_hub import Hub, Topic
from .gateio_json import plain
from .instruments import Instrument
from .records import Venue

BEAT_S = 1.0
Rows = Callable[[int, int, bool], list[tuple[int, Any]]]
CandleShape = Callable[[Bar, str, bool, bool], Any]


@attrs.define(eq=False)
class Feed:
    """One topic: `rows(from_s, to_s, decimal_sizes)` gives (start of interval, result) pairs, oldest first."""

    topic: Topic
    interval: str
    rows: Rows
    next_s: int
    told: Any = None


@attrs.define(eq=False)
class PeriodicStreams:
    """Feeds of one venue; a feed lives while its topic has a listener."""

    context: GateContext
    venue: Venue
    hub: Hub
    _feeds: dict[Topic, Feed] = attrs.field(factory=dict)

    def open_candles(self, topic: Topic, interval: str, name: str, series: BarSeries, shape: CandleShape) -> None:
        """Begin to tell candles of a series under the name `interval_name`, unless that is done already."""

        def rows(from_s: int, to_s: int, form: bool) -> list[tuple[int, Any]]:
            bars = series.candles(interval, from_s, to_s)
            return [
                (b.start_s, shape(b, f"{interval}_{name}", end_of(interval, b.start_s) <= to_s, form)) for b in bars
            ]

        self._open(topic, interval, rows)

    def open_stats(self, topic: Topic, interval: str, market: Instrument) -> None:
        """Begin to tell statistics of a contract, unless that is done already."""

        def rows(from_s: int, to_s: int, form: bool) -> list[tuple[int, Any]]:
            found = contract_stats(self.context, market, interval, from_s, to_s, form)
            return [(row["time"], [{"contract": market.name} | row]) for row in found]

        self._open(topic, interval, rows)

    def _open(self, topic: Topic, interval: str, rows: Rows) -> None:
        if topic not in self._feeds:
            self._feeds[topic] = Feed(topic, interval, rows, start_of(interval, self._now_s()))

    def _now_s(self) -> int:
        return self.context.now_ms(self.venue) // 1000

    async def run(self) -> None:
        """Push once a second until cancelled."""
        while True:
            await trio.sleep_until((trio.current_time() // BEAT_S + 1) * BEAT_S)
            now_s = self._now_s()
            for feed in list(self._feeds.values()):
                if self.hub.listens(feed.topic):
                    self._tell(feed, now_s)
                else:
                    del self._feeds[feed.topic]

    def _tell(self, feed: Feed, now_s: int) -> None:
        forms = {form: dict(feed.rows(feed.next_s, now_s, form)) for form in (False, True)}
        for start_s, row in forms[True].items():
            if row != feed.told:
                feed.told = row
                by_form = {False: forms[False][start_s], True: row}
                self.hub.publish((feed.topic,), by_form.__getitem__)
            if end_of(feed.interval, start_s) <= now_s:
                feed.next_s = end_of(feed.interval, start_s)


def _prices(bar: Bar) -> dict[str, str]:
    return {"c": plain(bar.close), "h": plain(bar.high), "l": plain(bar.low), "o": plain(bar.open)}


def spot_candle(bar: Bar, name: str, closed: bool, _: bool) -> dict[str, Any]:
    """spot.candlesticks: `v` quote and `a` base volume, all text but `w`."""
    head = {"t": str(bar.start_s), "v": plain(bar.quote), **_prices(bar)}
    return {**head, "n": name, "a": plain(bar.volume), "w": closed}


def futures_candle(bar: Bar, name: str, closed: bool, decimal_sizes: bool) -> list[dict[str, Any]]:
    """futures.candlesticks: `t` and `v` (contracts) integers, `a` quote."""
    head: dict[str, Any] = {"t": bar.start_s, **_prices(bar), "a": plain(bar.quote)}
    return [{**head, "n": name, "w": closed, "v": contracts(bar.volume, decimal_sizes)}]


def price_candle(bar: Bar, name: str, closed: bool, _: bool) -> list[dict[str, Any]]:
    """futures.candlesticks of a mark or an index, which has no volume."""
    return [{"t": bar.start_s, **_prices(bar), "n": name, "w": closed}]
