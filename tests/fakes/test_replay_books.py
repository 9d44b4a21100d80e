"""Recorded books played into the fake ones: what is read, what is shown, and what accounts may change of it."""

from __future__ import annotations

import gzip
import json
import random
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig, ReplayConfig
from dnbot.fakes.faults_market import _keeping_out
from dnbot.fakes.market_ladder import Command
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, VENUES, OrderRequest, OrderState, PublicTrade, Venue
from dnbot.fakes.replay_book import BookTape, RecordedBook
from dnbot.fakes.replay_files import Depth, ReplayError, Top, Trade, events, span_ns
from dnbot.fakes.running import World
from dnbot.fakes.world import SIMULATION_EPOCH_NS, build_core

D = Decimal
BTC, UID = "BTC/USDT", "10001"
BEGIN_NS = 1_723_161_253_000_000_000
SHARED = Path(__file__).resolve().parents[2] / "../shared/data/market/binance_l2"
Rows = list[tuple[str, str]]


def line(at_s: float, message: dict[str, Any]) -> str:
    """One line of a capture."""
    return f"{BEGIN_NS + round(at_s * 1e9)} {json.dumps(message)}"


def snapshot(at_s: float, bids: Rows, asks: Rows, last_id: int = 10) -> str:
    """A REST snapshot."""
    return line(at_s, {"lastUpdateId": last_id, "bids": bids, "asks": asks})


def depth(at_s: float, last_id: int, bids: Rows = [], asks: Rows = []) -> str:  # noqa: B006 (never changed)
    """A depth update."""
    data = {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": last_id, "u": last_id, "b": bids, "a": asks}
    return line(at_s, {"stream": "btcusdt@depth@100ms", "data": data})


def top(at_s: float, last_id: int, bid: tuple[str, str], ask: tuple[str, str]) -> str:
    """A book ticker."""
    data = {"u": last_id, "s": "BTCUSDT", "b": bid[0], "B": bid[1], "a": ask[0], "A": ask[1]}
    return line(at_s, {"stream": "btcusdt@bookTicker", "data": data})


def trade(at_s: float, price: str, quantity: str, *, sold: bool) -> str:
    """A trade; ``sold``: the taker sold."""
    data = {"e": "trade", "s": "BTCUSDT", "t": 1, "p": price, "q": quantity, "m": sold}
    return line(at_s, {"stream": "btcusdt@trade", "data": data})


BIDS: Rows = [(f"{61000 - n}.00", "1.0") for n in range(30)]
ASKS: Rows = [(f"{61001 + n}.00", "2.0") for n in range(30)]
START = snapshot(0.0, BIDS, ASKS)
END = line(9.0, {"stream": "btcusdt@aggTrade", "data": {}})  # of no interest, but it has a time


def capture(folder: Path, *lines: str, kind: str = "spot", name: str = "btcusdt_1.gz") -> Path:
    """A folder with one capture; returns the folder."""
    (folder / kind).mkdir(parents=True, exist_ok=True)
    path = folder / kind / name
    text = "".join(f"{row}\n" for row in lines)
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return folder


def world(folder: Path, symbols: tuple[str, ...] = (BTC,), seed: int = 1, **replay: Any) -> World:
    """A world that plays it, without fronts, whose clock stands still."""
    config = FakesConfig(symbols=symbols, market=f"replay:{folder}", seed=seed, replay=ReplayConfig(**replay))
    return build_core(config, FakeClock(SIMULATION_EPOCH_NS, monotonic_s=lambda: 0.0))


def play(made: World, until_s: float, symbol: str = BTC) -> list[PublicTrade]:
    """Go on to that second; the trades on Gate spot meanwhile."""
    trades: list[PublicTrade] = []
    stop = made.exchange.subscribe_trades(GATE_SPOT, symbol, trades.append)
    while made.models[symbol].elapsed_s <= until_s:
        made.step_market(symbol)
    stop()
    return trades


def best(made: World, venue: Venue = GATE_SPOT) -> tuple[Decimal, Decimal]:
    """Best bid and ask."""
    book = made.exchange.depth(venue, BTC, 1)
    return book.bids[0][0], book.asks[0][0]


# --- reading


def test_every_kind_of_line_is_read(tmp_path: Path) -> None:
    """Snapshots, updates, tickers and trades become events with their local times; other streams are passed over."""
    rows = (START, depth(0.1, 11, [("61000.00", "0")]), top(0.2, 12, ("1", "2"), ("3", "4")), END)
    path = capture(tmp_path, *rows, trade(9.5, "61000.5", "0.25", sold=True)) / "spot" / "btcusdt_1.gz"
    found = list(events((path,)))
    assert [at_ns - BEGIN_NS for at_ns, _ in found] == [0, 100_000_000, 200_000_000, 9_500_000_000]
    assert [type(event) for _, event in found] == [Depth, Depth, Top, Trade]
    assert found[1][1] == Depth(11, ((D("61000.00"), D(0)),), ())
    assert found[3][1] == Trade(D("61000.5"), D("0.25"), taker_sold=True)
    assert span_ns((path,)) == (BEGIN_NS, BEGIN_NS + 9_500_000_000)


@pytest.mark.parametrize(
    "bad",
    [
        "x {}",
        "123",
        "123 {}",
        "123 [1]",
        '123 {"stream": "btcusdt@trade", "data": {"p": "x", "q": "1"}}',
        '123 {"stream": "btcusdt@depth", "data": {"u": 1}}',
    ],
)
def test_a_line_that_is_none_is_named(tmp_path: Path, bad: str) -> None:
    """With its file and number."""
    path = capture(tmp_path, START, bad) / "spot" / "btcusdt_1.gz"
    with pytest.raises(ReplayError, match=r"btcusdt_1\.gz line 2: "):
        list(events((path,)))


def test_a_torn_file_is_named(tmp_path: Path) -> None:
    """A download that broke off is an error of that file, not the end of the data."""
    path = capture(tmp_path, *[START] * 50) / "spot" / "btcusdt_1.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ReplayError, match="btcusdt_1"):
        list(events((path,)))


# --- folding


def test_the_book_is_the_fold_of_its_events() -> None:
    """Absolute quantities, 0 removes, a whole one replaces, what is older than it is dropped."""
    book = RecordedBook()
    book.apply(Depth(5, ((D(7), D(1)),), ((D(9), D(1)),)))
    book.apply(Depth(10, ((D(5), D(1)), (D(4), D(1))), ((D(6), D(2)),), whole=True))
    book.apply(Depth(9, ((D(3), D(1)),), ()))
    book.apply(Depth(11, ((D(5), D(0)), (D(3), D(8))), ()))
    assert book.bids.levels == {D(4): D(1), D(3): D(8)}
    assert (book.best_bid, book.best_ask) == (4, 6)


def test_the_ticker_is_newer_than_an_older_update() -> None:
    """A ticker removes what is better than the best, and an update that began before it does not bring that back."""
    book = RecordedBook()
    book.apply(Depth(10, ((D(5), D(1)), (D(4), D(1))), ((D(6), D(2)),), whole=True))
    book.apply(Top(20, (D(4), D(3)), (D(6), D(2))))
    assert book.bids.levels == {D(4): D(3)}
    book.apply(Depth(15, ((D(5), D(1)),), ()))
    assert book.bids.levels == {D(4): D(3)}
    book.apply(Depth(25, ((D(5), D(1)),), ()))
    assert book.best_bid == 5


def test_a_lost_message_leaves_no_crossed_book() -> None:
    """The side that was mentioned is the present one."""
    book = RecordedBook()
    book.apply(Depth(10, ((D(5), D(1)),), ((D(6), D(1)), (D(7), D(1)), (D(8), D(1))), whole=True))
    book.apply(Depth(11, ((D(7), D(1)),), ()))
    assert (book.best_bid, book.best_ask) == (7, 8)


# --- showing


def test_the_book_is_the_recorded_one_on_the_venues_grid(tmp_path: Path) -> None:
    """Bids are rounded down and asks up to the tick, quantities of one tick are added, and cut to whole lots."""
    bids = [("61000.08", "0.3"), ("61000.02", "0.2000009"), ("60999.96", "1"), ("60998.00", "0.0000001")]
    made = world(capture(tmp_path, snapshot(0.0, bids, [("61000.11", "1"), ("61000.31", "2")]), END))
    book = made.exchange.depth(GATE_SPOT, BTC)
    assert book.bids == ((D("61000.0"), D("0.5")), (D("60999.9"), D("1")))
    assert book.asks == ((D("61000.2"), D("1")), (D("61000.4"), D("2")))
    assert float(made.exchange.mark(BTC).index) == pytest.approx(61000.095, abs=0.006)


def test_a_perpetual_is_shown_in_contracts(tmp_path: Path) -> None:
    """The recorded base quantity over the multiplier; the spot venues quote around it."""
    made = world(capture(tmp_path, START, END, kind="usdm"))
    assert made.exchange.depth(GATE_FUTURES, BTC, 1).bids == ((D(61000), D(10000)),)
    for venue in (GATE_SPOT, MEXC_SPOT):
        assert abs(float(best(made, venue)[0]) / 61000 - 1) < 1e-3


@pytest.mark.parametrize(("chosen", "other"), [(GATE_SPOT, MEXC_SPOT), (MEXC_SPOT, GATE_SPOT)])
def test_the_other_spot_venue_keeps_a_modelled_distance(tmp_path: Path, chosen: Venue, other: Venue) -> None:
    """The recorded book is on the venue that was chosen; the other follows its middle at a few bps, both ways."""
    moves = [depth(n / 2, 11 + n, [(f"{61000 - n}.00", "0")]) for n in range(1, 18)]
    made, distances = world(capture(tmp_path, START, *moves, END), spot_venue=chosen), []
    for second in range(1, 8):
        play(made, second)
        assert best(made, chosen)[0] in {D(price) for price, _ in BIDS}
        distances.append(float(sum(best(made, other)) / sum(best(made, chosen)) - 1) * 1e4)
    assert max(map(abs, distances)) < 8
    assert len({round(distance, 3) for distance in distances}) > 3


def test_recorded_trades_are_traded(tmp_path: Path) -> None:
    """At the recorded price when it was the best of the book before; sides and sizes are those of the file."""
    rows = (START, trade(2.0, "61000.00", "0.25", sold=True), trade(2.0, "61001.00", "0.5", sold=False), END)
    trades = play(world(capture(tmp_path, *rows)), 3.0)
    assert [(t.side, t.price, t.quantity) for t in trades] == [
        ("sell", D(61000), D("0.25")), ("buy", D(61001), D("0.5")),
    ]  # fmt: skip


def test_trades_of_a_beat_that_follow_each_other_at_a_price_are_one(tmp_path: Path) -> None:
    """As their maker is one; of another side or price, or after another, they stay apart. No quantity is lost."""
    sold = [trade(2.0, "61000.00", quantity, sold=True) for quantity in ("0.25", "0.000004", "0.1", "0.000007")]
    rows = (START, *sold, trade(2.0, "61001.00", "0.5", sold=False), trade(2.0, "61000.00", "0.2", sold=True), END)
    trades = play(world(capture(tmp_path, *rows)), 3.0)
    assert [(t.side, t.price, t.quantity) for t in trades] == [
        ("sell", D(61000), D("0.350011")), ("buy", D(61001), D("0.5")), ("sell", D(61000), D("0.2")),
    ]  # fmt: skip


def test_a_trade_at_a_price_that_only_just_came_is_not_lost(tmp_path: Path) -> None:
    """It takes from the book of its own beat when the one before could not have filled it."""
    rise = depth(2.0, 11, [("61004.00", "3")], [(f"{61001 + n}.00", "0") for n in range(4)])
    trades = play(world(capture(tmp_path, START, rise, trade(2.01, "61004.00", "1", sold=True), END)), 3.0)
    assert [(t.side, t.price, t.quantity) for t in trades] == [("sell", D(61004), D(1))]


# --- accounts and the recording


def test_what_accounts_took_comes_back_with_the_files_next_update_of_the_level(tmp_path: Path) -> None:
    """Not before: a level that the file does not mention stays as the account left it."""
    same, another = [("61001.00", "2.0")], [("61005.00", "2.0")]
    made = world(capture(tmp_path, START, depth(3.0, 11, [], another), depth(5.0, 12, [], same), END))
    play(made, 1.0)
    order = made.exchange.place_order(GATE_SPOT, UID, OrderRequest(BTC, "buy", quantity=D("0.25"), price=D(61001)))
    assert isinstance(order, OrderState)
    assert order.filled == D("0.25")
    for until_s, left in ((1.5, "1.75"), (3.7, "1.75"), (4.5, "2")):
        play(made, until_s)
        assert made.exchange.depth(GATE_SPOT, BTC, 1).asks == ((D(61001), D(left)),)


def test_an_accounts_order_is_filled_when_the_recorded_price_goes_through_it(tmp_path: Path) -> None:
    """A bid that waits is met by an ask that comes down to it, at its own price; and by a taker who sells there."""
    down = [depth(3.0, 11, [(price, "0") for price, _ in BIDS[:3]], [("60998.50", "1")])]
    made = world(capture(tmp_path, START, trade(2.5, "61000.00", "0.1", sold=True), *down, END))
    play(made, 1.0)
    orders = [
        made.exchange.place_order(GATE_SPOT, UID, OrderRequest(BTC, "buy", quantity=D("0.1"), price=D(price)))
        for price in ("61000.5", "60999.5")
    ]
    play(made, 1.8)
    fills = made.exchange.trades(GATE_SPOT, UID)
    assert [(fill.role, fill.price, fill.quantity) for fill in fills] == [("maker", D("61000.5"), D("0.1"))]
    play(made, 3.0)
    assert [fill.price for fill in made.exchange.trades(GATE_SPOT, UID)] == [D("61000.5"), D("60999.5")]
    assert all(isinstance(order, OrderState) and order.filled == D("0.1") for order in orders)


def busy(seed: int) -> list[str]:
    """A capture of eight seconds in which much happens."""
    rng, rows = random.Random(seed), [START]
    for number in range(160):
        at_s, side = number / 20, rng.random() < 0.5
        price = f"{(61000 if side else 61001) + (-1 if side else 1) * rng.randrange(6)}.00"
        level: Rows = [(price, rng.choice(["0", "0.5", "1.5", "3"]))]
        rows.append(depth(at_s, 11 + number, level if side else [], [] if side else level))
        if rng.random() < 0.3:
            rows.append(trade(at_s, price, "0.2", sold=side))
    return [*rows, END]


def test_outside_flow_depends_on_the_file_alone(tmp_path: Path) -> None:
    """With a client that takes, rests and cancels on every venue, the outside does what it does without one; and so it
    does beside another symbol."""
    capture(tmp_path, *busy(1))
    capture(tmp_path, *busy(2), name="ethusdt_1.gz")
    alone, visited = world(tmp_path), world(tmp_path, (BTC, "ETH/USDT"))
    rng = random.Random(3)
    for number in range(400):
        if number % 2:
            visited.step_market("ETH/USDT")
        assert alone.step_market(BTC) == visited.step_market(BTC)
        venue = rng.choice(VENUES)
        quantity = D(rng.randint(1, 100)) if venue == GATE_FUTURES else D(rng.randint(10, 900)) * D("0.00001")
        request = OrderRequest(BTC, rng.choice(["buy", "sell"]), quantity=quantity, price=D(61000 + rng.randint(-4, 4)))
        visited.exchange.place_order(venue, UID, request)
        if rng.random() < 0.2:
            visited.exchange.cancel_all(venue, UID)
    assert len(visited.exchange.trades(GATE_SPOT, UID)) > 3


def test_a_level_that_is_resized_is_as_one_that_was_removed_and_placed_again(tmp_path: Path) -> None:
    """The same trades and the same depth at every turn, while an account takes, rests at those levels and cancels."""
    capture(tmp_path, *busy(5))
    resized, replaced = world(tmp_path), world(tmp_path)
    rng, sizes = random.Random(7), 0
    for _ in range(600):
        turn = resized.models[BTC].step()
        parts: list[Command] = []
        for command in turn.commands:
            if command.op == "resize":
                sizes += 1
                parts.append(command._replace(op="cancel"))
            parts.append(command._replace(op="place") if command.op == "resize" else command)
        resized.exchange.external_turn(turn.venue, BTC, turn.commands)
        replaced.exchange.external_turn(turn.venue, BTC, parts)
        request = OrderRequest(
            BTC, rng.choice(["buy", "sell"]), quantity=D(rng.randint(10, 900)) * D("0.00001"),
            price=D(61000 + rng.randint(-3, 3)),
        )
        cancels = rng.random() < 0.1
        for made in (resized, replaced):
            made.exchange.place_order(GATE_SPOT, UID, request)
            if cancels:
                made.exchange.cancel_all(GATE_SPOT, UID)
            made.exchange.commit()
        depths = [made.exchange.depth(GATE_SPOT, BTC, 50) for made in (resized, replaced)]
        assert (depths[0].bids, depths[0].asks) == (depths[1].bids, depths[1].asks)
    trades = [made.exchange.trades(GATE_SPOT, UID) for made in (resized, replaced)]
    told = [[(one.role, one.side, one.price, one.quantity) for one in some] for some in trades]
    assert told[0] == told[1]
    assert {role for role, *_ in told[0]} == {"maker", "taker"}
    assert sizes > 100


def test_a_fault_that_keeps_outsiders_away_keeps_those_away_who_would_come_back(tmp_path: Path) -> None:
    """A level that the file mentions again stays empty as long as the fault lasts."""
    again = depth(3.0, 11, [("61000.00", "1.5")])
    made = world(capture(tmp_path, START, again, depth(7.0, 12, [("61000.00", "1.7")]), END))
    play(made, 1.0)
    made.exchange.external_cancel(GATE_SPOT, BTC, next(
        order.order_id for order in made.exchange.state.markets[GATE_SPOT, BTC].orders() if order.price == 61000
    ))
    made.faults.bends.append(_keeping_out({(GATE_SPOT, BTC, "buy"): D(61000)}))
    play(made, 4.0)
    assert best(made)[0] == 60999
    made.faults.bends.clear()
    play(made, 7.0)
    assert made.exchange.depth(GATE_SPOT, BTC, 1).bids == ((D(61000), D("1.7")),)


def test_the_book_is_never_crossed_and_whole_again_at_every_mention(tmp_path: Path) -> None:
    """Throughout a busy recording the fake book's best prices are those of the recording, as long as nobody trades."""
    made = world(capture(tmp_path, *busy(4)))
    tape = made.models[BTC].source.tapes[GATE_SPOT]  # type: ignore[union-attr]  # it has one
    assert isinstance(tape, BookTape)
    for _ in range(300):
        if made.step_market(BTC).venue != GATE_SPOT:
            continue
        bid, ask = best(made)
        assert bid < ask
        assert bid <= tape.book.best_bid
        assert ask >= tape.book.best_ask


# --- time


def test_a_recording_that_ends_begins_again(tmp_path: Path) -> None:
    """After its last second the first one comes, with the book of then; speed is how fast it goes by."""
    made = world(capture(tmp_path, START, depth(5.0, 11, [("61000.00", "0")]), END), speed=2.0)
    for until_s, bid in ((1.5, 61000), (2.5, 60999), (3.9, 60999), (4.5, 61000), (6.5, 60999)):
        play(made, until_s)
        assert best(made)[0] == bid


def test_where_to_begin_can_be_said(tmp_path: Path) -> None:
    """In UTC; what was before is folded into the book that is shown."""
    begin = datetime.fromtimestamp(BEGIN_NS / 1e9 + 6, UTC)
    made = world(capture(tmp_path, START, depth(5.0, 11, [("61000.00", "0")]), END), begin=begin)
    assert best(made)[0] == 60999


def test_a_restart_goes_on_in_the_recording(tmp_path: Path) -> None:
    """The state knows how far it was played."""
    folder = capture(tmp_path, START, depth(5.0, 11, [("61000.00", "0")]), END)
    config = FakesConfig(market=f"replay:{folder}", state_dir=tmp_path / "state")

    def start() -> World:
        return build_core(config, FakeClock(SIMULATION_EPOCH_NS, monotonic_s=lambda: 0.0))

    made = start()
    play(made, 4.5)
    assert best(made)[0] == 60999
    made.close()
    again = start()
    assert best(again)[0] == 60999
    again.close()


def test_captures_of_several_days_follow_each_other(tmp_path: Path) -> None:
    """In the order of their names."""
    capture(tmp_path, START, name="btcusdt_1.gz")
    made = world(capture(tmp_path, depth(5.0, 11, [("61000.00", "0")]), END, name="btcusdt_2.txt"))
    play(made, 4.5)
    assert best(made)[0] == 60999


@pytest.mark.parametrize(
    ("lines", "changes", "why"),
    [
        ((START, END), {"symbols": ("ETH/USDT",)}, r"nothing for ETH/USDT; there is BTC/USDT"),
        ((START,), {}, "no time in common"),
        ((START, END), {"begin": datetime(2030, 1, 1, tzinfo=UTC)}, "no time in common"),
        ((START, END), {"speed": 0.0}, "not above 0"),
        ((START, END), {"spot_venue": GATE_FUTURES}, "for gate_spot or mexc_spot"),
        ((depth(0.0, 1, [("5", "1")]), depth(9.0, 2, [("5", "2")])), {}, "no book in it"),
        ((), {}, "must begin with a time"),
    ],
)
def test_what_cannot_be_played_is_refused(tmp_path: Path, lines: Any, changes: dict[str, Any], why: str) -> None:
    """At the start, with the reason."""
    with pytest.raises(ReplayError, match=why):
        world(capture(tmp_path, *lines), **changes)


def test_a_path_without_a_recording_is_refused(tmp_path: Path) -> None:
    """A folder that is not there, and one that holds something else."""
    with pytest.raises(ReplayError, match="no such file"):
        world(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(ReplayError, match="neither captures"):
        world(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="shared data absent")
def test_real_books_are_played() -> None:
    """Twenty seconds of BTC and ETH as recorded: books never cross, follow the recording, and trade as often."""
    made = world(SHARED, (BTC, "ETH/USDT"))
    trades = {BTC: 0, "ETH/USDT": 0}
    for symbol in trades:
        trades[symbol] = len(play(made, 20.0, symbol))
        for venue in VENUES:
            book = made.exchange.depth(venue, symbol)
            assert book.bids[0][0] < book.asks[0][0]
            assert len(book.bids) >= 45
    assert trades[BTC] > 100
    bid, ask = best(made)
    assert 61_000 < bid < ask < bid + 1 < 62_500
    assert -10 < float(made.exchange.mark(BTC).mark / made.exchange.mark(BTC).index - 1) * 1e4 < 0
