"""From the tick to both legs: what counts as read and as sent, what the peer decides; each verdict can fail."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suite import strokes, wire_log, wire_path
from suite.figures import Rounds
from suite.strokes import Stroke
from suite.wire_ccxt import Loop
from suite.wire_log import WireLog, both_left_ns, tick_to_wire_ns
from suite.wire_ours import median_ms
from suite.wire_words import STROKE_S_MAX, WARM_UP, Struck

from dnbot.metrics.histogram import Histogram

PRICE = b"59700.01"
FRAME = b"\x82~spot@public.aggre.depth.v3.api.pb@100ms@BTCUSDT " + PRICE
GATE = b'POST /api/v4/spot/orders HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"a":"b"}'
MEXC = b"POST /api/v3/order?symbol=BTCUSDT HTTP/1.1\r\nHost: b\r\n\r\n"
OTHER = b"GET /api/v4/spot/accounts HTTP/1.1\r\n\r\n"


@given(st.lists(st.integers(1, len(GATE) - 1), max_size=4, unique=True))
def test_a_leg_has_left_with_its_last_byte_however_it_was_cut(cuts: list[int]) -> None:
    """Head and body may be written apart, and others write between."""
    places = [0, *sorted(cut for cut in cuts if cut >= 25), len(GATE)]
    writes = [(1, 7, OTHER), (2, 8, MEXC)]
    for first, last in pairwise(places):
        writes += [(10 + len(writes), 9, GATE[first:last]), (10 + len(writes), 7, OTHER)]
    last_ns = max(at_ns for at_ns, stream, _ in writes if stream == 9)
    assert both_left_ns(writes) == last_ns
    assert both_left_ns([write for write in writes if write[0] < last_ns or write[1] != 9]) is None


def test_the_time_is_from_the_frame_with_the_price_to_the_later_leg() -> None:
    """Another channel's frame with that price, and orders from before it, do not count."""
    log = WireLog()
    log.reads += [(5, 1, b"spot@private.orders " + PRICE), (20, 1, FRAME.replace(PRICE, b"1")), (30, 1, FRAME)]
    log.writes += [(10, 8, MEXC), (40, 8, MEXC), (70, 9, GATE)]
    assert tick_to_wire_ns(log, PRICE) == 40
    assert tick_to_wire_ns(log, b"59700.03") is None
    del log.writes[-1]
    assert tick_to_wire_ns(log, PRICE) is None


def test_whoever_waits_is_told_once_when_both_legs_have_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a new beginning forgets the last stroke."""
    now_ns, told = iter(range(1_000)), []
    monkeypatch.setattr(time, "perf_counter_ns", lambda: next(now_ns))
    log, stream = WireLog(), object()
    for number in range(2):
        log.begin(lambda number=number: told.append(number))  # type: ignore[misc]
        log.read(stream, FRAME)
        log.write(stream, MEXC)
        assert told == list(range(number))
        log.write(stream, GATE)
        log.write(stream, GATE)
        assert tick_to_wire_ns(log, PRICE) == 2
    assert told == [0, 1]


def test_strokes_take_turns_and_have_prices_of_their_own() -> None:
    """Each is inside MEXC's wide book and pays against Gate's; the first is for a buyer."""
    made = [Stroke.of(number) for number in range(strokes.PRICES)]
    assert {stroke.side for stroke in made[::2]} == {"buy"}
    assert {stroke.side for stroke in made[1::2]} == {"sell"}
    assert len({stroke.price for stroke in made}) == strokes.PRICES
    half = strokes.MID * strokes.WIDE_BPS / 20_000
    assert all(abs(stroke.price - strokes.MID) < half for stroke in made)
    assert Stroke.of(0).text == PRICE
    assert Stroke.of(0).command(1.0).asks == ((made[0].price, strokes.QUANTITY),)
    assert Stroke.of(1).command(1.0).asks == ()


def test_a_market_that_is_stirred_has_a_new_size_each_time() -> None:
    """Within the time, in order, and large enough for what trades against it."""
    told: list[bytes] = []

    class Asked:
        """Fakes that take everything."""

        def ask(self, control: str, body: bytes = b"", **wanted: object) -> dict[str, int]:
            told.append(body)
            return {"time_ns": 5}

    door: Any = Asked()
    strokes.Market(door).stir(10, 0.5)
    rows = [json.loads(line) for line in told[-1].splitlines()]
    assert [row.get("at_s", 0.0) for row in rows] == pytest.approx([0.05 * number for number in range(10)])
    assert [Decimal(row["bids"][0][1]) for row in rows[:2]] == [strokes.STIRRED, strokes.STIRRED + strokes.QUANTITY]
    assert all(earlier["bids"] != later["bids"] for earlier, later in pairwise(rows))


def test_a_stroke_that_nobody_took_counts_as_long_as_it_was_waited_for() -> None:
    """So a miss cannot make a contender look quicker; what warms up does not count."""
    struck = Struck()
    struck.note(0, Stroke.of(0), None)
    for number, taken_ns in ((WARM_UP, 1_000_000), (WARM_UP + 1, None)):
        struck.note(number, Stroke.of(number), taken_ns)
    figures = struck.figures({Stroke.of(WARM_UP).price, Decimal(1)})
    assert (figures["p50"], figures["p99"]) == (1.0, STROKE_S_MAX * 1000)
    assert (figures["missed"], figures["filled"]) == (1, 1)


def rounds(ours: dict[str, float], theirs: dict[str, float]) -> Rounds:
    """One round in which everything is well but for what is given."""
    well: dict[str, float] = {"p50": 1.0, "p99": 2.0, "missed": 0, "filled": 10, "fsync": 0.1}
    stages = dict.fromkeys(wire_path.STAGES, 0.1)
    return Rounds({"ours": [well | stages | ours], "ccxt": [well | {"p50": 3.0, "p99": 9.0} | theirs]})


@pytest.mark.parametrize(("ours", "theirs", "met"), [
    ({}, {}, [True, True]), ({"p50": 1.6}, {}, [False, True]), ({"p99": 5.1}, {}, [True, False]),
    ({}, {"p50": 0.9}, [False, True]), ({}, {"p99": 1.9}, [True, False]),
])
def test_each_verdict_can_fail(ours: dict[str, float], theirs: dict[str, float], met: list[bool]) -> None:
    """By its limit, and by a peer that is quicker."""
    assert [target.met for target in wire_path.targets(rounds(ours, theirs), 10)] == met


@pytest.mark.parametrize("who", ["ours", "theirs"])
def test_orders_that_were_not_filled_are_no_result(who: str) -> None:
    """Neither side may be quick with something else than was asked."""
    figures: dict[str, dict[str, float]] = {"ours": {}, "theirs": {}, who: {"filled": 9}}
    with pytest.raises(AssertionError, match="9 of 10 strokes were filled"):
        wire_path.targets(rounds(**figures), 10)


def test_the_peer_trades_what_the_bot_trades() -> None:
    """Both strokes, no quiet book, and the perpetual, which pays nobody, is watched alone."""
    gate: dict[tuple[str, str], Any] = {("gate", "BTC/USDT"): (59_994.0, 60_006.0)}
    cases = {
        (59_610.0, 59_700.01): (("sell", 59_994.0), ("buy", 59_700.01)),
        (60_300.01, 60_390.0): (("buy", 60_006.0), ("sell", 60_300.01)), (59_610.0, 60_390.0): None,
    }
    for mexc, expected in cases.items():
        assert Loop(None, None, tops=gate | {("mexc", "BTC/USDT"): mexc})._edge() == expected


def test_a_median_of_buckets_is_its_bound() -> None:
    """ms; what is beyond all bounds is told by the last."""
    observed = Histogram((0.001, 0.002))
    for seconds in (0.0005, 0.0015, 0.0015, 9.0):
        observed.observe(seconds)
    assert median_ms(observed) == 2.0
    for _ in range(9):
        observed.observe(9.0)
    assert median_ms(observed) == 2.0


def test_streams_are_as_they_were_afterwards() -> None:
    """What is written down is not written down for ever."""
    import trio

    before = trio.SSLStream.send_all, trio.SSLStream.receive_some
    with wire_log.trio_wire(WireLog()):
        assert trio.SSLStream.send_all is not before[0]
    assert (trio.SSLStream.send_all, trio.SSLStream.receive_some) == before
