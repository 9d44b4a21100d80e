"""The public codec of MEXC: instrument, snapshot, clock, subscriptions."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.book import BookSnapshot
from dnbot.domain.errors import FrameUnreadable, VenueRefused
from dnbot.domain.instrument import Instrument, Symbol, Venue
from dnbot.venues.mexc.spot_public import MexcSpotPublic
from dnbot.venues.wire import Pong, PublicCodec, Reply, Subscribed, SubscriptionRefused, UnknownFrame

METAL = Symbol("METAL", "USDT")
DEPTH_CHANNEL = "spot@public.aggre.depth.v3.api.pb@100ms@METALUSDT"
INFO: dict[str, Any] = json.loads(
    """{"symbol":"METALUSDT","status":"1","baseAsset":"METAL","baseAssetPrecision":2,"quoteAsset":"USDT",
    "quotePrecision":5,"quoteAssetPrecision":5,"baseCommissionPrecision":2,"quoteCommissionPrecision":5,
    "orderTypes":["LIMIT","MARKET","LIMIT_MAKER"],"isSpotTradingAllowed":true,"isMarginTradingAllowed":false,
    "quoteAmountPrecision":"1","baseSizePrecision":"0.1","permissions":["SPOT"],
    "filters":[{"filterType":"PERCENT_PRICE_BY_SIDE","bidMultiplierUp":"0.2","askMultiplierDown":"0.2"}],
    "maxQuoteAmount":"2000000","makerCommission":"0","takerCommission":"0.0005","quoteAmountPrecisionMarket":"1",
    "maxQuoteAmountMarket":"100000","fullName":"Metal Blockchain","tradeSideType":1,"contractAddress":"xtokens",
    "st":false,"conceptPlateIds":[51]}"""
)


def reply(body: object) -> Reply:
    """A good answer."""
    return Reply(status=200, headers={}, body=body if isinstance(body, bytes) else json.dumps(body).encode())


def codec() -> PublicCodec:
    """The codec, as what the rooms above know of it."""
    return MexcSpotPublic(METAL)


def instrument(listed: tuple[str, ...] = ("METALUSDT",), **changed: object) -> Instrument:
    """The instrument after changes of its exchangeInfo; a value of None leaves the key out."""
    info = {name: value for name, value in {**INFO, **changed}.items() if value is not None}
    rules = {"timezone": "CST", "serverTime": 1, "rateLimits": [], "exchangeFilters": [], "symbols": [info]}
    symbols = {"data": ["SNTUSDT", *listed], "code": 0, "msg": "success", "timestamp": 1767}
    return codec().instrument((reply(rules), reply(symbols)))


def test_a_recorded_symbol_is_an_instrument() -> None:
    """Precisions are counts of decimals; baseSizePrecision and quoteAmountPrecision are minima."""
    assert instrument() == Instrument(
        venue=Venue.MEXC_SPOT,
        symbol=METAL,
        tick_size=Decimal("0.00001"),
        lot_size=Decimal("0.01"),
        min_quantity=Decimal("0.1"),
        min_notional=Decimal(1),
        max_notional=Decimal(2000000),
        price_deviation_max=Decimal("0.2"),
    )


def test_whole_lots_and_no_minimum() -> None:
    """A precision of 0 is a step of 1; a base size of "0" is no minimum; no filter is no band."""
    found = instrument(baseAssetPrecision=0, baseSizePrecision="0", filters=[], maxQuoteAmount=None)
    assert (found.lot_size, found.min_quantity, found.price_deviation_max) == (Decimal(1), Decimal(0), None)
    assert found.max_notional is None


def test_the_narrower_band_counts() -> None:
    """One number has to hold for both sides."""
    filters = [
        {"filterType": "OTHER"},
        {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "0.2", "askMultiplierDown": "0.005"},
    ]
    assert instrument(filters=filters).price_deviation_max == Decimal("0.005")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"status": "2"}, "status 2 is not 1"),
        ({"status": "ENABLED"}, "status ENABLED is not 1"),
        ({"isSpotTradingAllowed": False}, "isSpotTradingAllowed is false"),
        ({"tradeSideType": 2}, "tradeSideType 2 is not 1"),
        ({"tradeSideType": "4"}, "tradeSideType 4 is not 1"),
        ({"listed": ("METAL_USDT",)}, "not in defaultSymbols"),
    ],
)
def test_every_closed_gate_is_named(changed: dict[str, Any], reason: str) -> None:
    """Market data still flows for such a symbol, so it is an instrument all the same."""
    found = instrument(**changed)
    assert not found.tradable
    assert reason in found.not_tradable_because


def test_all_closed_gates_are_named_together() -> None:
    """As BTCUSDT was at the end of 2025, and more."""
    found = instrument((), status="3", isSpotTradingAllowed=False)
    assert found.not_tradable_because.count(";") == 2


@pytest.mark.parametrize(
    "missing",
    [
        "status", "baseAsset", "quoteAsset", "baseAssetPrecision", "quotePrecision", "baseSizePrecision",
        "quoteAmountPrecision", "isSpotTradingAllowed", "tradeSideType",
    ],
)  # fmt: skip
def test_a_symbol_without_a_deciding_field_is_unreadable(missing: str) -> None:
    """Nothing is defaulted."""
    changed: dict[str, Any] = {missing: None}
    with pytest.raises(FrameUnreadable):
        instrument(**changed)


@pytest.mark.parametrize(
    "changed",
    [{"baseAsset": "MET"}, {"quoteAsset": "USDC"}, {"baseAssetPrecision": -1}, {"quotePrecision": 99},
     {"baseSizePrecision": "-1"}, {"maxQuoteAmount": "many"}],
)  # fmt: skip
def test_a_symbol_that_makes_no_sense_is_unreadable(changed: dict[str, Any]) -> None:
    """Other coins under the same name, and numbers that are none."""
    with pytest.raises(FrameUnreadable):
        instrument(**changed)


def test_a_symbol_that_is_not_listed_is_refused() -> None:
    """The venue answers with an empty list."""
    with pytest.raises(VenueRefused, match="METALUSDT"):
        codec().instrument((reply({"symbols": []}), reply({"data": []})))


def test_the_snapshot_keeps_its_version_and_every_digit() -> None:
    """As recorded: bids descending, asks ascending, padded."""
    body = (
        b'{"lastUpdateId":56217769552,"bids":[["87900.00","0.05661525"],["87899.76","2.48076800"]],'
        b'"asks":[["87903.98","5.12181600"]],"timestamp":1767205854814}'
    )
    assert codec().snapshot(reply(body)) == BookSnapshot(
        venue=Venue.MEXC_SPOT,
        update_id=56217769552,
        bids=((Decimal("87900.00"), Decimal("0.05661525")), (Decimal("87899.76"), Decimal("2.480768"))),
        asks=((Decimal("87903.98"), Decimal("5.121816")),),
        at_ms=1767205854814,
    )


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"[]", b'{"bids":[],"asks":[]}', b'{"lastUpdateId":null,"bids":[],"asks":[]}',
        b'{"lastUpdateId":1,"bids":[]}', b'{"lastUpdateId":1,"bids":[["1"]],"asks":[]}',
        b'{"lastUpdateId":1,"bids":[["1","NaN"]],"asks":[]}', b'{"lastUpdateId":1,"bids":[[1,2]],"asks":[]}',
        b'{"lastUpdateId":1,"bids":[["-1","1"]],"asks":[]}', b'{"lastUpdateId":1.5,"bids":[],"asks":[]}',
        b'{"lastUpdateId":1,"bids":[],"asks":[["\xff","1"]]}',
    ],
)  # fmt: skip
def test_a_snapshot_without_a_deciding_field_is_unreadable(body: bytes) -> None:
    """And the error shows what came."""
    with pytest.raises(FrameUnreadable) as raised:
        codec().snapshot(reply(body))
    assert raised.value.raw == body.decode("utf-8", "replace")


def test_requests_and_their_weights() -> None:
    """The newest documented weights; nothing is signed."""
    public = codec()
    requests = [*public.instrument_requests(), public.server_time_request(), public.snapshot_request()]
    assert [(request.method, request.target, request.weight) for request in requests] == [
        ("GET", "/api/v3/exchangeInfo?symbol=METALUSDT", 25),
        ("GET", "/api/v3/defaultSymbols", 1),
        ("GET", "/api/v3/time", 1),
        ("GET", "/api/v3/depth?symbol=METALUSDT&limit=5000", 3),
    ]
    assert all(request.headers == () and request.body == b"" for request in requests)
    assert public.server_time_ms(reply(b'{"serverTime":1767211150479}')) == 1767211150479
    assert (public.stream_target(), public.stream_headers()) == ("/ws", ())


def test_one_channel_per_frame_with_a_number() -> None:
    """Four channels, four frames, numbered from 1 because 0 is the venue's own."""
    frames = [json.loads(frame) for frame in codec().subscribe_frames(0)]
    assert frames == [
        {"method": "SUBSCRIPTION", "params": [channel], "id": number}
        for number, channel in enumerate(
            (
                DEPTH_CHANNEL,
                "spot@public.aggre.bookTicker.v3.api.pb@100ms@METALUSDT",
                "spot@public.aggre.deals.v3.api.pb@100ms@METALUSDT",
                "spot@public.miniTicker.v3.api.pb@METALUSDT@UTC+0",
            ),
            start=1,
        )
    ]


def control(number: int, msg: str, code: object = 0) -> str:
    """A text frame of the venue."""
    return json.dumps({"id": number, "code": code, "msg": msg}, ensure_ascii=False)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (control(0, "PONG"), (Pong(),)),
        (control(1, "PONG"), (Pong(),)),
        (control(1, DEPTH_CHANNEL), (Subscribed(DEPTH_CHANNEL),)),
        (control(0, DEPTH_CHANNEL), (Subscribed(DEPTH_CHANNEL),)),
    ],
)
def test_good_answers(frame: str, expected: object) -> None:
    """A channel name and nothing else is a success."""
    assert codec().decode(frame) == expected


@pytest.mark.parametrize("tail", ["].  Reason： Blocked! ", "]. Reason：Blocked!", "]"])
@pytest.mark.parametrize("number", [0, 1])
def test_a_refusal_comes_with_code_zero(tail: str, number: int) -> None:
    """Only its prefix is certain."""
    text = f"Not Subscribed successfully! [{DEPTH_CHANNEL}{tail}"
    assert codec().decode(control(number, text)) == (SubscriptionRefused(DEPTH_CHANNEL, text),)


def test_a_refusal_names_every_channel() -> None:
    """Even those that we did not ask for."""
    text = "Not Subscribed successfully! [a,b].  Reason： Blocked! "
    assert codec().decode(control(3, text)) == (SubscriptionRefused("a", text), SubscriptionRefused("b", text))


@pytest.mark.parametrize(
    ("msg", "code"), [("something else", 0), (DEPTH_CHANNEL, 1), (DEPTH_CHANNEL + "x", 0), ("", 0)]
)
def test_any_other_answer_to_a_subscription_is_a_refusal(msg: str, code: int) -> None:
    """Success only when the message equals the channel."""
    frame = control(1, msg, code)
    assert codec().decode(frame) == (SubscriptionRefused(DEPTH_CHANNEL, frame),)


@pytest.mark.parametrize("frame", [control(0, "hello"), control(9, "other@channel"), "{}"])
def test_texts_that_we_do_not_know_are_counted(frame: str) -> None:
    """They are readable, and nothing more."""
    assert codec().decode(frame) == (UnknownFrame(frame),)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(frame: str) -> None:
    """No text can raise anything but FrameUnreadable."""
    with contextlib.suppress(FrameUnreadable):
        assert codec().decode(frame)


def test_the_ping_is_a_json_text() -> None:
    """Often enough for the venue's 60 s."""
    assert json.loads(codec().ping_frame(0)) == {"method": "PING"}
    assert 0 < codec().ping_interval_s < 30
