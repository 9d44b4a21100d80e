"""Book increments in one pass: whatever a frame looks like, it says what the strict way reads in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.errors import DnbotError
from dnbot.domain.instrument import Symbol
from dnbot.venues.gateio.futures_public import GateFuturesPublic
from dnbot.venues.gateio.spot_public import GateSpotPublic
from dnbot.venues.gateio.stream import read_frame
from dnbot.venues.wire import Delta, Reply

SYMBOL = Symbol("BTC", "USDT")
CONTRACT = {
    "name": "BTC_USDT", "type": "direct", "status": "trading", "in_delisting": False, "quanto_multiplier": "0.0001",
    "order_price_round": "0.1", "order_size_min": 1, "order_size_max": 1_000_000, "order_price_deviate": "0.5",
    "maintenance_rate": "0.005",
}
LEFT_OUT, USUALLY = object(), object()
NUMBERS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=0, max_value=10**6).map(str),
    st.sampled_from(["1e3", "1E-7", "-1", "+1", "NaN", "Infinity", "", "1_0", "0", "1" * 61, "1..2", " 1"]),
)
IDS = st.one_of(
    st.integers(0, 2**63 - 1), st.sampled_from([-1, 2**63, 2**64, 10**59, 10**60, "17", "x", 1.5, 2.0, None, LEFT_OUT])
)
TIMES = st.one_of(
    st.integers(10**12, 10**13 - 1),
    st.sampled_from([0, 999_999_999_999, 10**13, "1800000000123", 1800000000123.5, None, LEFT_OUT, "x"]),
)


def spot_side(levels: list[tuple[str, str]]) -> list[list[str]]:
    """As Gate writes a side of a spot book."""
    return [list(level) for level in levels]


def futures_side(levels: list[tuple[str, str]]) -> list[dict[str, str]]:
    """As Gate writes a side of a perpetual's book."""
    return [{"p": price, "s": size} for price, size in levels]


def codecs() -> list[tuple[Any, str, Any]]:
    """Each public codec with its channel and how its sides are written."""
    futures = GateFuturesPublic(SYMBOL)
    futures.instrument([Reply(status=200, headers={}, body=json.dumps(CONTRACT).encode())])
    return [
        (GateSpotPublic(SYMBOL), "spot.order_book_update", spot_side),
        (futures, "futures.order_book_update", futures_side),
    ]


def outcome(read: Any, *arguments: Any) -> object:
    """What was read, or the kind of error and its text."""
    try:
        return read(*arguments)
    except DnbotError as error:
        return type(error), str(error)


LEVELS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=3)
PLAIN = st.lists(st.tuples(*[st.decimals(0, 10**6, places=3).map(str)] * 2), max_size=3)
USUAL: dict[str, Any] = {
    "t": 1_800_000_000_123, "s": "BTC_USDT", "U": 7, "u": 9, "full": LEFT_OUT, "time_ms": 1_800_000_000_456,
    "channel": "", "event": "update", "error": LEFT_OUT, "result": USUALLY,
}
UNUSUAL: dict[str, st.SearchStrategy[Any]] = {
    "t": TIMES, "s": st.just("ETH_USDT"), "U": IDS, "u": IDS, "full": st.sampled_from([True, False, None]),
    "time_ms": TIMES, "channel": st.just("x"), "event": st.sampled_from(["subscribe", "all", None]),
    "error": st.sampled_from([None, {"code": 2, "message": "no"}]), "result": st.sampled_from([None, LEFT_OUT]),
    **dict.fromkeys("ba", st.one_of(LEVELS, st.sampled_from([LEFT_OUT, None]))),
}
"""What may stand there instead: allowed or not, and of another kind."""


@st.composite
def frames(draw: st.DrawFn) -> dict[str, Any]:
    """Increments as they usually are but for two fields at most, one level deep."""
    form = USUAL | {"b": draw(PLAIN), "a": draw(PLAIN)}
    for name in draw(st.lists(st.sampled_from(sorted(UNUSUAL)), max_size=2, unique=True)):
        form[name] = draw(UNUSUAL[name])
    return form


def written_out(form: dict[str, Any], channel: str, written: Any) -> dict[str, Any]:
    """The frame, with sides as the channel has them."""
    sides = {name: form[name] if form[name] in (None, LEFT_OUT) else written(form[name]) for name in "ba"}
    result = {name: form[name] for name in ("t", "s", "U", "u", "full")} | sides
    frame = {name: form[name] for name in ("time_ms", "event", "error")} | {
        "time": 1_800_000_000, "channel": channel + form["channel"],
        "result": _kept(result) if form["result"] is USUALLY else form["result"],
    }
    return _kept(frame)


def _kept(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not LEFT_OUT}


@given(frames(), st.booleans(), st.booleans())
def test_an_increment_says_what_the_strict_way_reads(form: dict[str, Any], compact: bool, as_bytes: bool) -> None:
    """Or both refuse it with the same words."""
    for codec, channel, written in codecs():
        frame = written_out(form, channel, written)
        text = json.dumps(frame, separators=(",", ":") if compact else None)
        read = text.encode() if as_bytes else text
        assert outcome(codec.decode, read) == outcome(read_frame, codec.venue, read, codec._readers)


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize(("name", "value"), [
    ("t", 0), ("t", 10**13), ("t", "1800000000123"), ("U", 10**60), ("u", "17"), ("u", -1), ("u", LEFT_OUT),
    ("U", LEFT_OUT), ("s", "ETH_USDT"), ("event", "all"), ("error", {"code": 2, "message": "no"}), ("error", None),
    ("channel", "x"), ("full", True), ("b", [("1e3", "1")]), ("b", [("NaN", "1")]), ("a", [("-1", "1")]), ("a", None),
])
def test_what_is_not_usual_is_read_as_strictly(number: int, name: str, value: Any) -> None:
    """Each by itself, in a frame that is usual otherwise."""
    codec, channel, written = codecs()[number]
    form = USUAL | {"b": [("60000.1", "2")], "a": [("60000.2", "0")], name: value}
    text = json.dumps(written_out(form, channel, written), separators=(",", ":"))
    assert outcome(codec.decode, text) == outcome(read_frame, codec.venue, text, codec._readers)


@pytest.mark.parametrize("number", [0, 1])
def test_a_usual_increment_is_read_in_one_pass(number: int) -> None:
    """With the fields that Gate sends today, in the order in which it does."""
    codec, channel, written = codecs()[number]
    frame = json.dumps({
        "time": 1_800_000_000, "time_ms": 1_800_000_000_123, "channel": channel, "event": "update",
        "result": {"t": 1_800_000_000_120, "e": "depthUpdate", "E": 1_800_000_000, "s": "BTC_USDT", "U": 7, "u": 9,
                   "b": written([("60000.1", "2")]), "a": written([("60000.2", "0")])},
    }, separators=(",", ":"))
    (read,) = codec._increments.read(frame)
    assert isinstance(read, Delta)
    assert (read.delta.first_id, read.delta.last_id, read.delta.at_ms) == (7, 9, 1_800_000_000_120)
    assert codec._increments.read(frame.replace(channel, channel + "x")) is None
