"""Bars and funding rates of the known sets as series of moments.

Every set has its own idea of time, and each is checked here, because a price that is hours old beside one that is not
looks like the best spread that anybody ever saw:

- `bars_8h` writes London time. Bars are eight hours long and begin, in UTC, at multiples of eight hours, so a label is
  on the hour of the grid or one hour late. The rows of OKX and Bybit hold bars that begin four hours before their
  label: `hours_apart` measures it against those of Binance, and refuses to pair series that are not of the same time.
- `gate_futures_bars` is UTC. Its funding rates are in the column `open` and stand at the time of their charge.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from dnbot.domain.instrument import Venue
from dnbot.fakes.replay_bars import Bar, Rates, read_bars, read_exchange_bars, read_rates
from dnbot.fakes.replay_files import ReplayError
from dnbot.research.study_words import FUNDING_S, Charge, Moment, Series, StudyDataError

BARS_8H = Path("bars_8h") / "all_exchanges.csv"
GATE_BARS = Path("gate_futures_bars")
STEP_S = 28_800
SUMMER_S = 3600
LABELLED_LATE_S = {"binance": 0, "okx": 14_400, "bybit": 14_400}
"""How long before its label a bar of that exchange begins."""
APART_HOURS_MAX = 0.25
TWINS = (("okx", "bybit"), ("bybit", "okx"))
"""(stands for Gate, stands for MEXC), of those whose bars are of the same time."""
SPOT, PERP = "spot", "perpetual"
ROLES = (Venue.GATE_SPOT, Venue.GATE_FUTURES, Venue.MEXC_SPOT)


def three_exchanges(path: Path, bases: Sequence[str]) -> tuple[Series, ...]:
    """Series of the file of three exchanges.

    Raises:
        StudyDataError: no such rows, times that are not London's, or exchanges that are not of the same time.
    """
    known = read_exchanges(path)

    def market(exchange: str, pair: str, contract: str) -> tuple[dict[int, Bar], Rates]:
        if (exchange, pair, contract) not in known:
            raise StudyDataError(f"{path}: no rows of {exchange}, {pair}, {contract}")
        bars, rates = known[exchange, pair, contract]
        return by_start(bars, exchange, path), rates

    series: list[Series] = []
    for base in bases:
        for gate, mexc in TWINS:
            perp, rates = market(gate, f"{base}USDT", PERP)
            bars = [market(gate, f"{base}/USDT", SPOT)[0], perp, market(mexc, f"{base}/USDT", SPOT)[0]]
            refuse_if_apart(bars[0], bars[2], f"{path}: {base} of {gate} and {mexc}")
            refuse_if_apart(bars[0], bars[1], f"{path}: {base} of {gate}, spot and perpetual")
            source = f"{gate} as Gate, {mexc} as MEXC"
            series.append(series_of(f"{base} {gate}+{mexc}", source, base, bars, charges_of(rates, path)))
        spot, (perp, rates) = market("binance", f"{base}/USDT", SPOT)[0], market("binance", f"{base}USDT", PERP)
        refuse_if_apart(spot, perp, f"{path}: {base} of binance, spot and perpetual")
        source = "binance as Gate; its spot price stands for MEXC too"
        series.append(series_of(f"{base} binance", source, base, [spot, perp, spot], charges_of(rates, path)))
    return tuple(series)


def gate_perpetuals(folder: Path, bases: Sequence[str]) -> tuple[Series, ...]:
    """Gate's perpetual with its mark as the price of both spot venues. Raises StudyDataError."""
    return tuple(_gate_perpetual(folder, base) for base in bases)


def _gate_perpetual(folder: Path, base: str) -> Series:
    stem = f"{base}_USDT_USDT"
    try:
        mark = read_bars(folder / f"{stem}-8h-mark.csv.gz")
        traded = read_bars(folder / f"{stem}-2h-futures.csv.gz")
        rates = read_rates(folder / f"{stem}-8h-funding_rate.csv.gz")
    except (ReplayError, OSError) as problem:
        raise StudyDataError(str(problem)) from None
    spot = {round(bar.start_s): bar for bar in mark}
    perp = {bar.start_s: bar for bar in longer(traded, STEP_S)}
    whole = {round(start_s): bar for start_s, bar in perp.items()}
    source = "Gate's perpetual; its mark price stands for both spot venues"
    return series_of(f"{base} gate", source, base, [spot, whole, spot], charges_of(rates, folder))


def read_exchanges(path: Path) -> dict[tuple[str, str, str], tuple[list[Bar], Rates]]:
    """(exchange, pair, contract) -> bars and rates, by the labels of the file. Raises StudyDataError."""
    try:
        return read_exchange_bars(path)
    except (ReplayError, OSError) as problem:
        raise StudyDataError(str(problem)) from None


def by_start(bars: Iterable[Bar], exchange: str, path: Path) -> dict[int, Bar]:
    """Bars by the UTC second at which they begin, of labels in London time."""
    if exchange not in LABELLED_LATE_S:
        known = ", ".join(LABELLED_LATE_S)
        raise StudyDataError(f"{path}: when bars of {exchange!r} begin is not known; known: {known}")
    return {utc_of(bar.start_s, path) - LABELLED_LATE_S[exchange]: bar for bar in bars}


def utc_of(label_s: float, path: Path) -> int:
    """The multiple of eight hours that a label in London time means."""
    number, late_s = divmod(round(label_s), FUNDING_S)
    if late_s not in {0, SUMMER_S}:
        raise StudyDataError(
            f"{path}: a time {late_s} s past a multiple of eight hours; London time is 0 s, or 3600 s in summer"
        )
    return number * FUNDING_S


def charges_of(rates: Rates, path: Path) -> tuple[Charge, ...]:
    """Settlements by the UTC second at which each was charged."""
    return tuple(
        Charge(utc_of(at_s, path), rate) for at_s, rate in zip(rates.times_s, rates.rates, strict=True)
    )


def longer(bars: Sequence[Bar], step_s: int, early_s: int = 0) -> list[Bar]:
    """Bars of `step_s` seconds made of shorter ones; those of which a part is missing are left out.

    Args:
        early_s: how long before a multiple of `step_s` each begins.
    """
    width_s = bars[1].start_s - bars[0].start_s
    parts: dict[float, list[Bar]] = {}
    for bar in bars:
        parts.setdefault((bar.start_s + early_s) // step_s * step_s - early_s, []).append(bar)
    return [
        Bar(start_s, found[0].opened, max(bar.high for bar in found), min(bar.low for bar in found), found[-1].closed)
        for start_s, found in parts.items() if len(found) * width_s == step_s
    ]


def series_of(
    name: str, source: str, base: str, bars: Sequence[Mapping[int, Bar]], charges: Sequence[Charge]
) -> Series:
    """Moments at which all three venues have a bar that ends and one that begins.

    Args:
        bars: by their beginning, in the order of `ROLES`.
        charges: in order of time.
    """
    ends = {start_s + STEP_S for start_s in bars[1]}
    at = sorted(ends.intersection(*(kind.keys() for kind in bars), *({s + STEP_S for s in kind} for kind in bars)))
    if len(at) < 2:
        raise StudyDataError(f"{name}: the venues have no two bars in common")
    moments: list[Moment] = []
    waiting = [charge for charge in charges if charge.at_s > at[0] - STEP_S]
    for at_s in at:
        due = tuple(charge for charge in waiting if charge.at_s <= at_s)
        waiting = waiting[len(due):]
        moments.append(
            Moment(
                at_s=at_s,
                seen={venue: price(kind[at_s - STEP_S].closed) for venue, kind in zip(ROLES, bars, strict=True)},
                next_open={venue: price(kind[at_s].opened) for venue, kind in zip(ROLES, bars, strict=True)},
                high=price(bars[1][at_s - STEP_S].high),
                charges=due,
                next_rate=waiting[0].rate if waiting else None,
            )
        )
    return Series(
        name=name, source=source, base=base, moments=tuple(moments), step_s=STEP_S, one_spot=bars[0] is bars[2]
    )


def price(value: float) -> Decimal:
    """The number that was written in the file."""
    return Decimal(repr(value))


def refuse_if_apart(first: Mapping[int, Bar], second: Mapping[int, Bar], what: str) -> None:
    """Raises StudyDataError when two markets of one coin are not of the same time."""
    apart = hours_apart(first, second)
    if apart > APART_HOURS_MAX:
        raise StudyDataError(f"{what}: their prices lie {apart:.1f} hours apart; their spreads would be none")


def hours_apart(first: Mapping[int, Bar], second: Mapping[int, Bar]) -> float:
    """About how many hours lie between the closes of two markets of one coin that have the same label.

    The squared differences of two prices grow with the time between them, as those of one price do with its steps.
    """
    common = [start_s for start_s in first if start_s in second and start_s + STEP_S in second]
    if len(common) < 2:
        raise StudyDataError("two markets without bars in common")
    between = sum(math.log(first[at].closed / second[at].closed) ** 2 for at in common)
    step = sum(math.log(second[at + STEP_S].closed / second[at].closed) ** 2 for at in common)
    return STEP_S / 3600 * between / step if step else 0.0


def range_by_slot(bars: Mapping[int, Bar]) -> tuple[float, float, float]:
    """Mean range (bps) of the bars that begin in each third of the UTC day: when a market is lively tells its time."""
    slots: dict[int, list[float]] = {0: [], 1: [], 2: []}
    for start_s, bar in bars.items():
        slots[start_s // STEP_S % 3].append(math.log(bar.high / bar.low) * 10_000)
    first, second, third = (sum(one) / len(one) if one else 0.0 for one in slots.values())
    return first, second, third
