"""The study: what the strategy would have earned and risked on recorded markets, in parts that need different data.

`study` reads what it finds below a folder, computes each part, and returns one value with every figure, the files that
they come from, and what was assumed. Equal files and an equal seed give equal figures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import msgspec

from dnbot import __version__
from dnbot.domain.instrument import Symbol
from dnbot.fakes.replay_bars import read_bars
from dnbot.operate.progress import Tell
from dnbot.research.study_bars import (
    BARS_8H,
    GATE_BARS,
    PERP,
    SPOT,
    STEP_S,
    by_start,
    charges_of,
    gate_perpetuals,
    hours_apart,
    longer,
    range_by_slot,
    read_exchanges,
    series_of,
    three_exchanges,
)
from dnbot.research.study_books import BOOKS, BookFigures, study_books
from dnbot.research.study_cases import NEW, TAKERS, main_cases, other_cases
from dnbot.research.study_funding import FUNDING, FundingFigures, agreement, figures_of, history
from dnbot.research.study_judged import (
    Climb,
    Compared,
    Judged,
    Sighted,
    Summed,
    climb_of,
    compared,
    judged,
    sighted,
    summed,
)
from dnbot.research.study_run import run_case
from dnbot.research.study_words import Charge, Series, StudiedFile, StudyDataError
from dnbot.strategy.costs import break_even_table
from dnbot.strategy.parameters import StrategyParameters

COINS_8H = ("BTC", "ETH")
COINS_GATE = ("BTC", "ETH", "SOL", "XRP")
COINS_FUNDING = ("BTC", "ETH")
HALF_STEP_S = STEP_S // 2
SIGHTED_BPS = (29.0, 14.0, 5.0)
"""Before fees: a new account's need for SPOT_SPOT and, rounded, for a carry from MEXC (`Study.break_even_bps` has them
exactly); and less than anybody's fees."""

class SetFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What was found on one set of bars."""

    series: dict[str, str]
    """By name, what stands for what."""
    begin_s: int
    end_s: int
    judged: tuple[Judged, ...]
    summed: tuple[Summed, ...]
    compared: tuple[Compared, ...]
    climbs: tuple[Climb, ...]
    sighted: tuple[Sighted, ...]
    """Of the series with two spot prices."""
    funding: tuple[FundingFigures, ...]


class Clocks(msgspec.Struct, frozen=True, kw_only=True):
    """How the times of a set were judged."""

    hours_apart: dict[str, float]
    """Between the labels of two exchanges' spot bars, as they are written."""
    ranges_bps: dict[str, tuple[float, float, float]]
    """Mean range of BTC's bars by label (00, 08, 16 UTC)."""
    mispaired_pct_year: float
    """What `takers` would seem to earn on Binance and OKX, were their rows taken by their labels: an error's worth."""


class Study(msgspec.Struct, frozen=True, kw_only=True):
    """Everything; a part whose data were not there is None or empty."""

    version: str
    seed: int
    files: tuple[StudiedFile, ...]
    groups: dict[str, tuple[str, ...]]
    """Names of the cases, by what they ask."""
    break_even_bps: dict[str, float]
    """By pair: what a new account needs between two prices, before fees, to enter."""
    bars: SetFigures | None = None
    gate: SetFigures | None = None
    clocks: Clocks | None = None
    funding: tuple[FundingFigures, ...] = ()
    agreement: dict[str, float | None] = {}
    """Correlation of Gate's and MEXC's funding with Binance's, whose times are known, by how far they are moved."""
    books: tuple[BookFigures, ...] = ()


def study(folder: Path, parts: Iterable[str], seed: int, tell: Tell) -> Study:
    """The parts that were asked for.

    Args:
        folder: holds a folder per set of data, named as the sets are.
        tell: is told what is being done.

    Raises:
        StudyDataError: data that cannot be studied, or none at all.
    """
    wanted = set(parts)
    found = Study(
        version=__version__, seed=seed, files=studied_files(folder, wanted), groups=groups(),
        break_even_bps=break_even(),
    )
    changes: dict[str, object] = {}
    if "bars" in wanted:
        changes |= {
            "bars": on_bars(three_exchanges(folder / BARS_8H, COINS_8H), seed, tell),
            "clocks": clocks(folder, seed),
        }
    if "gate" in wanted:
        changes["gate"] = on_bars(gate_perpetuals(folder / GATE_BARS, COINS_GATE), seed, tell)
    if "funding" in wanted:
        tell("funding histories")
        changes |= dict(zip(("funding", "agreement"), on_funding(folder), strict=True))
    if "books" in wanted:
        tell("raw books")
        changes["books"] = tuple(study_books(folder / BOOKS, base) for base in COINS_8H)
    return msgspec.structs.replace(found, **changes)


def groups() -> dict[str, tuple[str, ...]]:
    """Names of the cases."""
    named = {"main": main_cases(), **other_cases()}
    return {group: tuple(case.name for case in cases) for group, cases in named.items()}


def break_even() -> dict[str, float]:
    """What `dnbot check` prints as the gross entry, with the default thresholds and a new account's fees."""
    defaults = StrategyParameters(
        symbol=Symbol("BTC", "USDT"), base_position_size=Decimal(1), max_order_notional_quote=Decimal(1)
    )
    return {row.pair_name: float(row.entry_gross_bps) for row in break_even_table(NEW.schedules(), defaults)}


def studied_files(folder: Path, parts: set[str]) -> tuple[StudiedFile, ...]:
    """The files that the parts read."""
    places = {"bars": BARS_8H.parent, "gate": GATE_BARS, "funding": FUNDING, "books": BOOKS}
    paths = [path for part in places if part in parts for path in sorted((folder / places[part]).rglob("*"))]
    found = tuple(
        StudiedFile(str(path.relative_to(folder)), path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in paths if path.is_file() and path.suffix in {".csv", ".gz"}
    )
    if not found:
        raise StudyDataError(f"{folder}: none of the sets {', '.join(map(str, places.values()))} is there")
    return found


def on_bars(series: Iterable[Series], seed: int, tell: Tell) -> SetFigures:
    """Every case on every series."""
    series = tuple(series)
    drawn = main_cases()
    cases = [*drawn, *(case for group in other_cases().values() for case in group)]
    verdicts: list[Judged] = []
    comparisons: list[Compared] = []
    for one in series:
        tell(f"{one.name}: {len(cases)} cases")
        outcomes = [run_case(one, case, seed) for case in cases]
        verdicts += [
            judged(outcome, seed, with_curve=case in drawn) for case, outcome in zip(cases, outcomes, strict=True)
        ]
        takers, resting, hedged = outcomes[: len(drawn)]
        comparisons += [compared(traded, hedged, seed) for traded in (takers, resting)]
    years = [one.years for one in series]
    return SetFigures(
        series={one.name: one.source for one in series},
        begin_s=min(one.moments[0].at_s for one in series), end_s=max(one.moments[-1].at_s for one in series),
        judged=tuple(verdicts),
        summed=tuple(
            summed(case.name, [found for found in verdicts if found.case == case.name], years) for case in cases
        ),
        compared=tuple(comparisons), climbs=tuple(climb_of(one) for one in series),
        sighted=tuple(sighted(one, SIGHTED_BPS) for one in series if not one.one_spot),
        funding=tuple(figures_of(name, charges, NEW.round_trip_bps) for name, charges in distinct(series).items()),
    )


def distinct(series: Iterable[Series]) -> dict[str, tuple[Charge, ...]]:
    """Histories of funding by the first series that has each."""
    found: dict[str, tuple[Charge, ...]] = {}
    for one in series:
        charges = tuple(charge for moment in one.moments for charge in moment.charges)
        if charges not in found.values():
            found[one.name] = charges
    return found


def on_funding(folder: Path) -> tuple[tuple[FundingFigures, ...], dict[str, float | None]]:
    """The histories of Gate and MEXC; and how well they agree with Binance's, where that is there."""
    figures: list[FundingFigures] = []
    agreed: dict[str, float | None] = {}
    known = read_exchanges(folder / BARS_8H) if (folder / BARS_8H).is_file() else {}
    for base in COINS_FUNDING:
        for venue in ("gate", "mexc"):
            paths = sorted((folder / FUNDING).glob(f"{base}-USDT_{venue}_*.csv"))
            if len(paths) != 1:
                raise StudyDataError(f"{folder / FUNDING}: {len(paths)} files of {base} on {venue}; one is needed")
            found = history(paths[0], venue)
            figures.append(figures_of(f"{base} {venue}", found, NEW.round_trip_bps))
            of_known_time = known.get(("binance", f"{base}USDT", PERP))
            if of_known_time is not None:
                other = charges_of(of_known_time[1], folder / BARS_8H)
                for hours in (-8, 0, 8):
                    agreed[f"{base} {venue} {hours:+d} h"] = agreement(other, found, hours * 3600)
    return tuple(figures), agreed


def clocks(folder: Path, seed: int) -> Clocks:
    """What says of which hours the rows of each exchange are: their distances, and when the market was lively."""
    bars = read_exchanges(folder / BARS_8H)
    labelled = {
        exchange: by_start(bars[exchange, "BTC/USDT", SPOT][0], "binance", folder / BARS_8H)
        for exchange in ("binance", "okx", "bybit")
    }
    ranges = {f"{exchange}, as labelled": range_by_slot(one) for exchange, one in labelled.items()}
    gate = folder / GATE_BARS / "BTC_USDT_USDT-2h-futures.csv.gz"
    if gate.is_file():
        short = read_bars(gate)
        for early_s, told in ((0, "from 00, 08, 16"), (HALF_STEP_S, "from 20, 04, 12")):
            made = {round(bar.start_s) + early_s: bar for bar in longer(short, STEP_S, early_s)}
            ranges[f"gate, {told}"] = range_by_slot(made)
    pairs = (("binance", "okx"), ("binance", "bybit"), ("okx", "bybit"))
    perp, rates = bars["binance", "BTCUSDT", PERP]
    wrong = series_of(
        "BTC mispaired", "rows taken by their labels", "BTC",
        [labelled["binance"], by_start(perp, "binance", folder / BARS_8H), labelled["okx"]],
        charges_of(rates, folder / BARS_8H),
    )
    mispaired = judged(run_case(wrong, TAKERS, seed), seed, with_curve=False)
    return Clocks(
        hours_apart={f"{a}, {b}": hours_apart(labelled[a], labelled[b]) for a, b in pairs}, ranges_bps=ranges,
        mispaired_pct_year=mispaired.profit_pct_year,
    )
