"""Recorded bars and funding rates: formats, the path that is made through bars, and a world that follows them."""

from __future__ import annotations

import gzip
import itertools
import math
import random
import statistics
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig, ReplayConfig
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, VENUES, Venue
from dnbot.fakes.replay_bars import Bar, BarPath, Rates, read_bars, read_exchange_bars, read_rates
from dnbot.fakes.replay_files import ReplayError
from dnbot.fakes.running import World
from dnbot.fakes.world import SIMULATION_EPOCH_NS, build_core

pytestmark = pytest.mark.slow

D = Decimal
BTC = "BTC/USDT"
SHARED = Path(__file__).resolve().parents[2] / "../shared/data/market"
HEAD = "date,open,high,low,close,volume"
ONE = [
    "2025-06-01T00:00:00+00:00,60000,60600,59700,60300,1",
    "2025-06-01T02:00:00+00:00,60300,60400,58800,59000,1",
    "2025-06-01T04:00:00+00:00,59000,59500,58900,59400,1",
]
RATES = ["2025-06-01T00:00:00+00:00,0.0001,0,0,0,0", "2025-06-01T02:00:00+00:00,-0.0002,0,0,0,0"]
START_S = datetime(2025, 6, 1, tzinfo=UTC).timestamp()
MANY_HEAD = "time,exchange,crypto,pair,contract,open,high,low,close,volume,funding rate"


def many(exchange: str, basis: float, *, price: float = 60000.0) -> list[str]:
    """Four bars of spot and perpetual of one exchange."""
    rows = []
    for number in range(4):
        time = f"2023-01-0{number + 1} 00:00:00"
        for contract, pair, scale, rate in (("spot", BTC, 1.0, ""), ("perpetual", "BTCUSDT", 1 + basis, "0.0003")):
            opened = (price + 100 * number) * scale
            prices = ",".join(f"{value:.2f}" for value in (opened, opened * 1.01, opened * 0.99, opened + 100))
            rows.append(f"{time},{exchange},bitcoin,{pair},{contract},{prices},5,{rate}")
    return rows


def write(folder: Path, name: str, *rows: str) -> Path:
    """One file."""
    text = "".join(f"{row}\n" for row in rows).encode()
    path = folder / name
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return path


def world(path: Path, symbols: tuple[str, ...] = (BTC,), seed: int = 1, **replay: Any) -> World:
    """A world that plays it, without fronts, whose clock stands still."""
    config = FakesConfig(symbols=symbols, market=f"replay:{path}", seed=seed, replay=ReplayConfig(**replay))
    return build_core(config, FakeClock(SIMULATION_EPOCH_NS, monotonic_s=lambda: 0.0))


def middle(made: World, venue: Venue, symbol: str = BTC) -> float:
    """The middle of one book."""
    book = made.exchange.depth(venue, symbol, 1)
    return float(book.bids[0][0] + book.asks[0][0]) / 2


def play(made: World, until_s: float, symbol: str = BTC) -> None:
    """Go on to that second."""
    while made.models[symbol].elapsed_s <= until_s:
        made.step_market(symbol)


# --- the path


@given(
    values=st.lists(st.floats(50, 200), min_size=4, max_size=4),
    seed=st.integers(0, 999),
    step_s=st.sampled_from([1.0, 7.0, 60.0, 500.0]),
)
def test_a_path_keeps_to_its_bars(values: list[float], seed: int, step_s: float) -> None:
    """It opens and closes as the bar says, never leaves its range, and comes close to its high and its low."""
    low, *inside, high = sorted(values)
    random.Random(seed).shuffle(inside)
    bars = [Bar(0.0, inside[0], high, low, inside[1]), Bar(3600.0, 100.0, 100.0, 100.0, 100.0)]
    path = BarPath(bars, random.Random(seed))
    seen = [path.price(number * step_s) for number in range(math.ceil(3600 / step_s))]
    assert seen[0] == pytest.approx(inside[0])
    assert all(low <= price <= high for price in seen)
    width = high - low
    if step_s <= 60:
        assert abs(seen[-1] - inside[1]) <= 0.35 * width
        assert max(seen) >= high - 0.35 * width
        assert min(seen) <= low + 0.35 * width


def test_a_path_moves_like_its_bar() -> None:
    """In ten thousand steps the volatility is that which Parkinson's estimate gives of the range, about."""
    bar = Bar(0.0, 100.0, 101.0, 99.0, 100.0)
    path = BarPath([bar, Bar(36000.0, 100.0, 101.0, 99.0, 100.0)], random.Random(1))
    prices = [path.price(number * 3.6) for number in range(10_000)]
    moved = [math.log(b / a) for a, b in itertools.pairwise(prices)]
    expected = math.log(101 / 99) / math.sqrt(4 * math.log(2)) / math.sqrt(10_000)
    assert statistics.pstdev(moved) == pytest.approx(expected, rel=0.1)


def test_a_path_may_be_asked_again_from_the_beginning() -> None:
    """When a recording begins again the path does too, from the bar's opening."""
    path = BarPath([Bar(0.0, 100.0, 110.0, 90.0, 105.0), Bar(100.0, 105.0, 106.0, 104.0, 104.5)], random.Random(1))
    for at_s in (0.0, 50.0, 150.0):
        path.price(at_s)
    assert path.price(0.0) == 100.0
    assert path.last == 100.0


def test_the_rate_is_the_one_that_is_charged_next() -> None:
    """Before, between and after what is known."""
    rates = Rates([10.0, 20.0], [D("0.1"), D("0.2")])
    assert [rates.next_after(at_s) for at_s in (0.0, 10.0, 19.9, 20.0, 99.0)] == [
        D("0.1"), D("0.2"), D("0.2"), D("0.2"), D("0.2"),
    ]  # fmt: skip
    assert Rates().next_after(0.0) is None


# --- files


def test_bars_of_one_market_are_read(tmp_path: Path) -> None:
    """With their times, in order, whatever the order in the file."""
    bars = read_bars(write(tmp_path, "a.csv.gz", HEAD, ONE[2], ONE[0], ONE[1]))
    assert bars[0] == Bar(START_S, 60000.0, 60600.0, 59700.0, 60300.0)
    assert [bar.start_s - START_S for bar in bars] == [0, 7200, 14400]


def test_bars_of_many_markets_are_read(tmp_path: Path) -> None:
    """Each by exchange, pair and contract, rates with their perpetual; a row without prices says nothing."""
    empty = "2023-01-09 00:00:00,a,bitcoin,BTC/USDT,spot,,,,,,"
    rows = read_exchange_bars(write(tmp_path, "all.csv", MANY_HEAD, *many("a", 0.001), *many("b", 0.002), empty))
    assert set(rows) == {(e, *c) for e in "ab" for c in ((BTC, "spot"), ("BTCUSDT", "perpetual"))}
    bars, rates = rows["b", "BTCUSDT", "perpetual"]
    assert bars[1].opened == pytest.approx(60100 * 1.002)
    assert rates.rates == [D("0.0003")] * 4
    assert len(rows["a", BTC, "spot"][0]) == 4


def test_rates_of_both_kinds_are_read(tmp_path: Path) -> None:
    """A time without a zone is UTC."""
    exported = read_rates(write(tmp_path, "x.csv", HEAD, *RATES))
    history = read_rates(write(tmp_path, "y.csv", "Symbol,Date,Funding Rate", "BTC-USDT,2025-06-01 00:00:00,0.0001"))
    assert exported.rates == [D("0.0001"), D("-0.0002")]
    assert (history.times_s, history.rates) == ([START_S], [D("0.0001")])


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (("date,open", "1,2"), "no column close, high, low"),
        ((HEAD, ONE[0]), "fewer than two"),
        ((HEAD, ONE[0], ONE[0]), "two of the same time"),
        ((HEAD, ONE[0], "2025-06-01T02:00:00+00:00,1,2,3,2,1"), "line 3: .*not those of a bar"),
        ((HEAD, ONE[0], "2025-06-01T02:00:00+00:00,1,x,1,1,1"), "line 3: 'x' is not a number"),
        ((HEAD, ONE[0], "yesterday,1,1,1,1,1"), "line 3: 'yesterday' is not a time"),
    ],
)
def test_bars_that_are_none_are_named(tmp_path: Path, rows: tuple[str, ...], why: str) -> None:
    """With file, line and reason."""
    with pytest.raises(ReplayError, match=rf"a\.csv.*{why}"):
        read_bars(write(tmp_path, "a.csv", *rows))


# --- worlds


def test_a_world_follows_the_bars_of_the_perpetual(tmp_path: Path) -> None:
    """All three venues are where the bars are, an hour of them in a second, with the rate of the file."""
    write(tmp_path, "BTC_USDT_USDT-2h-futures.csv", HEAD, *ONE)
    write(tmp_path, "BTC_USDT_USDT-2h-funding_rate.csv.gz", HEAD, *RATES)
    write(tmp_path, "BTC_USDT_USDT-8h-mark.csv", HEAD, *ONE)
    made = world(tmp_path, speed=3600.0)
    assert made.exchange.mark(BTC).funding_rate == D("-0.0002")
    for until_s, low, high in ((0.0, 59900, 60100), (1.9, 59700, 60600), (3.9, 58800, 60400)):
        play(made, until_s)
        for venue in VENUES:
            assert low - 20 < middle(made, venue) < high + 20
        assert abs(float(made.exchange.mark(BTC).mark) / middle(made, GATE_FUTURES) - 1) < 0.01  # half an hour apart
    play(made, 4.1)  # the stretch that is played ends where the last bar begins: from the beginning again
    assert middle(made, GATE_SPOT) == pytest.approx(60000, rel=3e-3)


def test_the_perpetual_keeps_its_recorded_distance_from_spot(tmp_path: Path) -> None:
    """Of the exchange that was chosen, by default the first."""
    path = write(tmp_path, "all.csv", MANY_HEAD, *many("a", 0.001), *many("b", 0.004, price=50000.0))
    for changes, basis, price in (({}, 0.001, 60000), ({"exchange": "b"}, 0.004, 50000)):
        made = world(path, **changes)
        play(made, 5.0)
        mark = made.exchange.mark(BTC)
        assert float(mark.index) == pytest.approx(price, rel=0.01)
        assert float(mark.mark / mark.index) - 1 == pytest.approx(basis, abs=2e-4)
        assert mark.funding_rate == D("0.0003")
    with pytest.raises(ReplayError, match="nothing of exchange 'c'; there is a, b"):
        world(path, exchange="c")


def test_a_folder_may_hold_spot_bars_too(tmp_path: Path) -> None:
    """Then they make the price, and the perpetual is beside them."""
    write(tmp_path, "BTC_USDT-2h.csv", HEAD, *ONE)
    shifted = [row.replace(",6", ",7").replace(",5", ",6") for row in ONE]
    write(tmp_path, "BTC_USDT_USDT-2h-futures.csv", HEAD, *shifted)
    made = world(tmp_path)
    play(made, 2.0)
    assert middle(made, MEXC_SPOT) == pytest.approx(60000, rel=0.002)
    assert middle(made, GATE_FUTURES) == pytest.approx(70000, rel=0.002)


def test_rates_may_come_from_elsewhere(tmp_path: Path) -> None:
    """A file or folder of its own, by the name of the symbol; one without the symbol is refused."""
    write(tmp_path, "BTC_USDT_USDT-2h-futures.csv", HEAD, *ONE)
    folder = tmp_path / "rates"
    folder.mkdir()
    history = "BTC-USDT,2025-06-01 00:00:00,0.0001", "BTC-USDT,2025-06-01 08:00:00,0.0007"
    write(folder, "BTC-USDT_gate_funding_history.csv", "Symbol,Date,Funding Rate", *history)
    assert world(tmp_path, funding=folder).exchange.mark(BTC).funding_rate == D("0.0007")
    with pytest.raises(ReplayError, match="begins with BTC-USDT"):
        world(tmp_path, funding=write(tmp_path, "ETH-USDT.csv", "Symbol,Date,Funding Rate"))


def test_equal_seeds_make_equal_paths_and_what_else_is_played_does_not_matter(tmp_path: Path) -> None:
    """The path between the bars is chance, of seed and symbol alone."""
    for base in ("BTC", "ETH"):
        write(tmp_path, f"{base}_USDT_USDT-2h-futures.csv", HEAD, *ONE)
    first, both, other = world(tmp_path), world(tmp_path, ("ETH/USDT", BTC)), world(tmp_path, seed=2)
    flows = [[made.step_market(BTC) for _ in range(200)] for made in (first, both, other)]
    assert flows[0] == flows[1]
    assert flows[0] != flows[2]


def test_a_symbol_that_is_not_typed_in_gets_steps_for_its_price(tmp_path: Path) -> None:
    """A tick is between a thousandth and a millionth of the recorded price."""
    rows = [row.replace(",6", ",0.6").replace(",5", ",0.5") for row in ONE]
    write(tmp_path, "KOKO_USDT_USDT-2h-futures.csv", HEAD, *rows)
    made = world(tmp_path, ("KOKO/USDT",))
    for instrument in made.exchange.state.instruments.values():
        assert 1e-6 < float(instrument.price_tick) / float(rows[0].split(",")[1]) < 6e-3


@pytest.mark.skipif(not SHARED.is_dir(), reason="shared data absent")
@pytest.mark.parametrize(
    ("path", "symbols", "replay"),
    [
        ("gate_futures_bars", (BTC, "ETH/USDT", "SOL/USDT", "XRP/USDT"), {}),
        ("bars_8h", (BTC, "ETH/USDT"), {"exchange": "okx"}),
        ("bars_8h/all_exchanges.csv", (BTC,), {}),
        ("gate_futures_bars", (BTC,), {"funding": "funding", "begin": datetime(2025, 10, 10, 20, tzinfo=UTC)}),
    ],
)
def test_real_bars_are_played(path: str, symbols: tuple[str, ...], replay: dict[str, Any]) -> None:
    """A day in five seconds: every venue's book is whole and near the recorded price."""
    if "funding" in replay:
        replay = replay | {"funding": SHARED / "funding"}
    made = world(SHARED / path, symbols, speed=17280.0, **replay)
    for symbol in symbols:
        play(made, 5.0, symbol)
        mark = made.exchange.mark(symbol)
        assert abs(mark.funding_rate) < D("0.001")
        for venue in VENUES:
            assert len(made.exchange.depth(venue, symbol).bids) >= 40
            assert middle(made, venue, symbol) == pytest.approx(float(mark.index), rel=0.003)
    assert middle(made, GATE_SPOT) > 10_000
