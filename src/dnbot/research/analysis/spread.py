"""Spread: what each directed pair showed between the best prices of its two venues, sampled once a second.

    gross = (bid where it sells - ask where it buys) / mid      net = the same with each price times its fee factor

mid is the mean of the two legs' mids, and the factors are the strategy's (`strategy/spread.py`), so net is the edge of
a quantity that fits into the best levels. Basis points throughout. What funding and the way out of a carry are worth
is not in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

import attrs
import msgspec

from dnbot.domain.instrument import Symbol
from dnbot.domain.pair import Pair
from dnbot.domain.units import ONE, ZERO, divide
from dnbot.operate.progress import Tell, nothing
from dnbot.operate.report_reader import Read, Row
from dnbot.research.analysis import queries
from dnbot.research.analysis.taker_fees import TakerFee, read_taker_fees
from dnbot.research.analysis.words import HOUR, PLACES, Asked, Period, asked_of, clipped, hour_of, share_pct
from dnbot.strategy.statistics import Moments, RollingStatistics, Summary

SHARES = (Decimal("0.05"), Decimal("0.25"), Decimal("0.5"), Decimal("0.75"), Decimal("0.95"), Decimal("0.99"))
STEPS_MIN = 300
"""Fewer steps between samples give no half-life."""


class SpreadFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Of one pair over some time: an hour, an hour of the day, or all of it."""

    samples: int
    observed_s: Decimal
    """A sample stands until the next one, at most two seconds."""
    mean_bps: Decimal
    gross_mean_bps: Decimal
    low_bps: Decimal
    high_bps: Decimal
    above_s: Decimal | None
    """How long it was at or above the threshold; None without a threshold, or where fees are unknown."""

    @property
    def above_pct(self) -> Decimal | None:
        """Of the time that was observed."""
        return None if self.above_s is None else share_pct(self.above_s, self.observed_s)


class SpreadHour(msgspec.Struct, frozen=True):
    """One hour of the clock that was sampled; one that is absent was not."""

    at: datetime
    figures: SpreadFigures


class Bin(msgspec.Struct, frozen=True):
    """How long a pair was within `low_bps` (included) and `high_bps`; None: that end is open."""

    low_bps: Decimal | None
    high_bps: Decimal | None
    observed_s: Decimal


class PairSpread(msgspec.Struct, frozen=True, kw_only=True):
    """One directed pair over the period."""

    pair_name: str
    is_net: bool
    """Whether its figures are net of both fees; else a fee is unknown and they are gross."""
    figures: SpreadFigures
    percentiles_bps: dict[str, Decimal]
    """By share (`0.5`): the sample at or below which that share of all samples lies, rounded to 0.1 bps, but not beyond
    the lowest or the highest sample."""
    sd_bps: float
    half_life_s: float | None
    """How soon a departure from the mean halves, by the strategy's estimator; None: no reversion that chance cannot
    explain, or too few samples."""
    bins: tuple[Bin, ...] = ()
    hours: tuple[SpreadHour, ...] = ()
    by_hour_of_day: dict[int, SpreadFigures] = {}
    """By hour in UTC; one that is absent was never sampled."""


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """`dnbot analyze spread`: one symbol over one period."""

    symbol: str
    period: Period
    first: datetime | None = None
    last: datetime | None = None
    """Of the samples in the period."""
    threshold_bps: Decimal | None = None
    threshold_source: str = ""
    fees: dict[str, TakerFee] = {}
    pairs: tuple[PairSpread, ...] = ()


@attrs.define
class _Sums:
    """Samples of one pair added up, so that hours can be added to days."""

    samples: int = 0
    observed_s: Decimal = ZERO
    above_s: Decimal = ZERO
    edges_bps: Decimal = ZERO
    grosses_bps: Decimal = ZERO
    low_bps: Decimal | None = None
    high_bps: Decimal | None = None
    moments: Moments = attrs.field(factory=Moments)
    steps_s: float = 0.0
    counts: dict[Decimal, tuple[int, Decimal]] = attrs.field(factory=dict)
    """By value rounded to 0.1 bps: samples and seconds."""

    def add(self, row: Row) -> None:
        """One row of `EDGES`."""
        self.samples += row["samples"]
        self.observed_s += row["observed_s"]
        self.above_s += row["above_s"]
        self.edges_bps += row["edges_bps"]
        self.grosses_bps += row["grosses_bps"]
        self.low_bps = row["low_bps"] if self.low_bps is None else min(self.low_bps, row["low_bps"])
        self.high_bps = row["high_bps"] if self.high_bps is None else max(self.high_bps, row["high_bps"])
        self.steps_s += row["steps_s"]
        samples, observed_s = self.counts.get(row["rounded_bps"], (0, ZERO))
        self.counts[row["rounded_bps"]] = (samples + row["samples"], observed_s + row["observed_s"])
        moments = self.moments
        moments.samples += row["samples"]
        moments.now += float(row["edges_bps"])
        moments.now_squared += row["now_squared"]
        for name in ("steps", "step_before", "step_now", "step_before_squared", "step_now_squared", "step_product"):
            setattr(moments, name, getattr(moments, name) + row[name])

    def figures(self, *, judged: bool) -> SpreadFigures:
        """Of at least one sample; `judged`: whether the threshold means anything here."""
        return SpreadFigures(
            samples=self.samples, observed_s=self.observed_s,
            mean_bps=round(divide(self.edges_bps, Decimal(self.samples)), PLACES),
            gross_mean_bps=round(divide(self.grosses_bps, Decimal(self.samples)), PLACES),
            low_bps=self.low_bps or ZERO, high_bps=self.high_bps or ZERO, above_s=self.above_s if judged else None,
        )

    def summary(self) -> Summary:
        """The strategy's own estimator over these sums, as if its window held all samples."""
        step_s = self.steps_s / self.moments.steps if self.moments.steps else 1.0
        window: deque[tuple[float, float | None]] = deque([(0.0, None)])  # not empty: there are samples
        return RollingStatistics(
            step_s=step_s, samples_min=STEPS_MIN, points=window, moments=self.moments
        ).summary()


async def analyze_spread(
    read: Read,
    symbol: Symbol,
    period: Period,
    *,
    threshold_bps: Decimal | None = None,
    fees: Mapping[str, Decimal] | None = None,
    tell: Tell = nothing,
) -> Spread:
    """What each pair showed over the period.

    Args:
        read: `PostgresStore.read`.
        threshold_bps: net edge from which time counts as above; None: what an entry of the newest run needed, which is
            its `arbitrage_entry_threshold_bps` and `slippage_reserve_bps`.
        fees: taker fees as fractions by venue, such as {"MEXC_SPOT": Decimal("0.0005")}; of the others those of the
            newest fills.

    Raises:
        ConfigError: the period is none, or the database has never heard of the symbol.
        StoreUnreachable: it did not answer.
    """
    asked = await asked_of(read, symbol, period, tell)
    known = await read_taker_fees(asked, fees or {})
    threshold, source = await _threshold(asked, threshold_bps)
    found = Spread(
        symbol=str(symbol), period=asked.period, threshold_bps=threshold, threshold_source=source, fees=known
    )
    within = await clipped(asked, queries.BOOKS_EXTENT)
    if within is None:
        return found
    pairs, first, last = await _pairs(asked, within, known, threshold)
    return msgspec.structs.replace(found, first=first, last=last, pairs=pairs)


async def _threshold(asked: Asked, given: Decimal | None) -> tuple[Decimal | None, str]:
    if given is not None:
        return given, "given"
    parameters = (await asked.settings()).get("strategy", {})
    parts = [parameters.get(name) for name in ("arbitrage_entry_threshold_bps", "slippage_reserve_bps")]
    if None in parts:
        return None, ""
    return sum((Decimal(str(part)) for part in parts), ZERO), "entry threshold and slippage reserve of the newest run"


async def _pairs(
    asked: Asked, within: Period, fees: Mapping[str, TakerFee], threshold: Decimal | None
) -> tuple[tuple[PairSpread, ...], datetime | None, datetime | None]:
    pairs = tuple(Pair)
    net = {pair.name: {pair.buy_venue.value, pair.sell_venue.value} <= fees.keys() for pair in pairs}
    arguments = (
        [pair.name for pair in pairs], [pair.buy_venue.value for pair in pairs],
        [pair.sell_venue.value for pair in pairs],
        [fees[pair.buy_venue.value].schedule().buy_factor if net[pair.name] else ONE for pair in pairs],
        [fees[pair.sell_venue.value].schedule().sell_factor if net[pair.name] else ONE for pair in pairs],
        threshold,
    )
    everything = {pair.name: _Gathered() for pair in pairs}
    moments: list[datetime] = []
    end = min(within.until, asked.period.until)
    for hour in Period(within.since, end).pieces(HOUR):
        for row in await asked.ask(queries.EDGES, hour, *arguments):
            moments += [row["first"], row["last"]]
            everything[row["pair_name"]].add(hour.since.replace(minute=0, second=0, microsecond=0), row)
        moments = [min(moments), max(moments)] if moments else []
    found = tuple(
        everything[pair.name].result(pair.name, is_net=net[pair.name], judged=net[pair.name] and threshold is not None)
        for pair in pairs if everything[pair.name].whole.samples
    )
    return found, (moments[0] if moments else None), (moments[-1] if moments else None)


@attrs.define
class _Gathered:
    """One pair's sums: over all, per hour, per hour of the day."""

    whole: _Sums = attrs.field(factory=_Sums)
    hours: dict[datetime, _Sums] = attrs.field(factory=dict)
    of_day: dict[int, _Sums] = attrs.field(factory=dict)

    def add(self, hour: datetime, row: Row) -> None:
        """Into all three."""
        for sums in (self.whole, self.hours.setdefault(hour, _Sums()), self.of_day.setdefault(hour_of(hour), _Sums())):
            sums.add(row)

    def result(self, pair_name: str, *, is_net: bool, judged: bool) -> PairSpread:
        """Of at least one sample."""
        summary, figures = self.whole.summary(), self.whole.figures(judged=judged)
        return PairSpread(
            pair_name=pair_name, is_net=is_net, figures=figures,
            percentiles_bps={
                share: min(max(value, figures.low_bps), figures.high_bps)
                for share, value in percentiles(self.whole.counts).items()
            },
            sd_bps=round(summary.sd, PLACES),
            half_life_s=None if summary.half_life_s is None else round(summary.half_life_s, 2),
            bins=bins_of(self.whole.counts),
            hours=tuple(SpreadHour(at, self.hours[at].figures(judged=judged)) for at in sorted(self.hours)),
            by_hour_of_day={hour: self.of_day[hour].figures(judged=judged) for hour in sorted(self.of_day)},
        )


# --- distributions
Counts = Mapping[Decimal, tuple[int, Decimal]]
BINS_MAX = 16
"""About; and an open one at each end."""


def percentiles(counts: Counts, shares: Iterable[Decimal] = SHARES) -> dict[str, Decimal]:
    """Each is a value that was seen: the smallest at or below which that share of the samples lies."""
    total = sum(samples for samples, _ in counts.values())
    found, passed, values = dict[str, Decimal](), 0, iter(sorted(counts))
    value = ZERO
    for share in sorted(shares):
        while passed < share * total:
            value = next(values)
            passed += counts[value][0]
        found[str(share)] = value
    return found


def bins_of(counts: Counts) -> tuple[Bin, ...]:
    """Between the first and the last percentile in steps of a round width, and what lies beyond as two open bins."""
    if not counts:
        return ()
    low, high = percentiles(counts, (Decimal("0.01"), Decimal("0.99"))).values()
    width = _width((high - low) / BINS_MAX)
    first = low // width - (low % width < 0)  # // of Decimal goes towards zero
    last = high // width - (high % width < 0)
    seconds: dict[int, Decimal] = {}
    for value, (_, observed_s) in counts.items():
        place = value // width - (value % width < 0)
        index = int(min(max(place, first - 1), last + 1))
        seconds[index] = seconds.get(index, ZERO) + observed_s
    return tuple(
        Bin(
            None if index < first else index * width, None if index > last else (index + 1) * width,
            seconds.get(index, ZERO),
        )
        for index in range(int(first) - 1, int(last) + 2) if first <= index <= last or index in seconds
    )


def _width(raw: Decimal) -> Decimal:
    """The smallest of 1, 2 and 5 times a power of ten, from 0.1 up, that is not below."""
    power = Decimal("0.1")
    while True:
        for factor in (1, 2, 5):
            if factor * power >= raw:
                return factor * power
        power *= 10
