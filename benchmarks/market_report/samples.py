"""Series to be measured: middles, spreads and depth of recorded books and of books that the market models fill."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.instruments import Character
from dnbot.fakes.market import MarketModel
from dnbot.fakes.market_params import Commotion, market_params
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, VENUES
from dnbot.fakes.replay_book import RecordedBook
from dnbot.fakes.replay_files import Trade, events
from dnbot.fakes.world import SIMULATION_EPOCH_NS, build_core

SAMPLE_S = 0.1
DEPTH_BPS = (0.5, 1.0, 2.0)
BAR_S = 28800


class Series:
    """Samples of one book every 100 ms, by their number since 1970 or since the start."""

    def __init__(self) -> None:
        self.middles: dict[int, float] = {}
        self.spreads_bps: list[float] = []
        self.depth_quote: dict[float, list[float]] = {bps: [] for bps in DEPTH_BPS}
        self.trades = 0

    def add(self, number: int, bids: list[tuple[float, float]], asks: list[tuple[float, float]]) -> None:
        """One look at a book: (price, base quantity), best first."""
        middle = (bids[0][0] + asks[0][0]) / 2
        self.middles[number] = middle
        self.spreads_bps.append((asks[0][0] / bids[0][0] - 1) * 1e4)
        if number % 10 == 0:
            for bps, sums in self.depth_quote.items():
                near = [p * q for p, q in (*bids, *asks) if abs(p / middle - 1) * 1e4 <= bps]
                sums.append(sum(near) / 2)


def recorded(paths: tuple[Path, ...]) -> Series:
    """A capture, from the second second on."""
    found, book, due = Series(), RecordedBook(), 0
    for at_ns, event in events(paths):
        number = int(at_ns / 1e9 / SAMPLE_S)
        due = due or number + 20
        while book.usable and number > due:
            found.add(due, list(_levels(book, bids=True)), list(_levels(book, bids=False)))
            due += 1
        if isinstance(event, Trade):
            found.trades += 1
        else:
            book.apply(event)
    return found


def _levels(book: RecordedBook, *, bids: bool) -> Iterator[tuple[float, float]]:
    side = book.bids if bids else book.asks
    best = float(side.prices[-1 if bids else 0])
    for price in reversed(side.prices) if bids else side.prices:
        if abs(float(price) / best - 1) * 1e4 > 2 * max(DEPTH_BPS):
            return
        yield float(price), float(side.levels[price])


def synthetic(market: str, seconds: float, symbols: tuple[str, ...], seed: int) -> dict[str, dict[str, Series]]:
    """Books of one invented market: symbol -> venue -> samples."""
    clock = FakeClock(SIMULATION_EPOCH_NS, monotonic_s=lambda: 0.0)
    world = build_core(FakesConfig(market=market, symbols=symbols, seed=seed), clock)
    found = {symbol: {venue: Series() for venue in VENUES} for symbol in symbols}
    for symbol in symbols:
        for venue in VENUES:
            world.exchange.subscribe_trades(venue, symbol, _counter(found[symbol][venue]))
    for number in range(int(seconds / SAMPLE_S)):
        for symbol in symbols:
            while world.models[symbol].elapsed_s <= number * SAMPLE_S:
                world.step_market(symbol)
            for venue in VENUES:
                instrument = world.exchange.state.instruments[venue, symbol]
                book = world.exchange.depth(venue, symbol, 100)
                scale = float(instrument.multiplier)
                sides = ([(float(p), float(q) * scale) for p, q in side] for side in (book.bids, book.asks))
                found[symbol][venue].add(number, *sides)
    return found


def _counter(series: Series) -> Any:
    def count(_trade: Any) -> None:
        series.trades += 1

    return count


def synthetic_bars(seeds: range, bars: int) -> list[dict[str, list[float]]]:
    """Ends of 8-hour bars of the realistic market: basis in bps and rate, a run per seed.

    Sampled coarsely and in an even mood, of which neither depends: years would take days otherwise.
    """
    runs = []
    for seed in seeds:
        params = attrs.evolve(market_params("realistic"), commotion=Commotion())
        instruments = build_core(
            FakesConfig(), FakeClock(SIMULATION_EPOCH_NS, monotonic_s=lambda: 0.0)
        ).exchange.state.instruments
        model = MarketModel(
            seed, params, tuple(instruments.values()), 60000.0, character=Character(steps_per_s=1 / 160)
        )
        run: dict[str, list[float]] = {"basis_bps": [], "rate_bps": []}
        for number in range(1, bars + 1):
            while model.elapsed_s < number * BAR_S:
                model.step()
            index = model.position.fundamental
            run["basis_bps"].append((model.fair(GATE_FUTURES) / index - 1) * 1e4)
            run["rate_bps"].append(float(model.funding_rate()) * 1e4)
        runs.append(run)
    return runs


def recorded_bars(path: Path, pair: str) -> dict[str, dict[str, list[float]]]:
    """exchange -> price, basis and rate at the ends of the bars, where all exchanges have one."""
    perp = pair.replace("/", "")
    rows: dict[str, dict[tuple[str, str], dict[str, str]]] = {}
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["pair"] in (pair, perp) and row["close"]:
                rows.setdefault(row["time"], {})[row["exchange"], row["contract"]] = row
    exchanges = sorted({exchange for here in rows.values() for exchange, _ in here})
    whole = [rows[time] for time in sorted(rows) if len(rows[time]) == 2 * len(exchanges)]
    return {
        exchange: {
            "price": [float(here[exchange, "spot"]["close"]) for here in whole],
            "basis_bps": [
                (float(here[exchange, "perpetual"]["close"]) / float(here[exchange, "spot"]["close"]) - 1) * 1e4
                for here in whole
            ],
            "rate_bps": [float(here[exchange, "perpetual"]["funding rate"] or 0) * 1e4 for here in whole],
        }
        for exchange in exchanges
    }


def distance_bps(first: Series, second: Series) -> list[float]:
    """The first middle over the second, where both have one."""
    both = sorted(set(first.middles) & set(second.middles))
    return [(first.middles[number] / second.middles[number] - 1) * 1e4 for number in both]


def returns_bps(prices: list[float], lag: int) -> list[float]:
    """Log returns over ``lag`` samples that do not overlap."""
    return [math.log(prices[at + lag] / prices[at]) * 1e4 for at in range(0, len(prices) - lag, lag)]


SPOT_VENUES = (GATE_SPOT, MEXC_SPOT)
PERP = GATE_FUTURES
