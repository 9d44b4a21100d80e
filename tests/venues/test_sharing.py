"""Whose frame it is, told without reading it: the same market that the codec of that market finds in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.errors import FrameUnreadable, VenueRefused
from dnbot.domain.instrument import VENUES, Symbol, Venue
from dnbot.venues.factory import SHARING, public_codec
from dnbot.venues.mexc.protobuf import decode_push, symbol_of
from dnbot.venues.wire import Reply, Subscribed, SubscriptionRefused, UnknownFrame

BTC, ETH = Symbol("BTC", "USDT"), Symbol("ETH", "USDT")
SPOT, PERP, MEXC = (SHARING[venue] for venue in (Venue.GATE_SPOT, Venue.GATE_FUTURES, Venue.MEXC_SPOT))


def gate(channel: str, event: str, **fields: Any) -> str:
    return json.dumps({"time": 1, "time_ms": 1000, "channel": channel, "event": event, **fields})


@pytest.mark.parametrize(
    ("channel", "result"),
    [
        ("spot.order_book_update", {"s": "BTC_USDT", "U": 1, "u": 2, "b": [["1", "2"]], "a": [], "t": 1}),
        ("spot.book_ticker", {"s": "BTC_USDT", "b": "1", "a": "2", "t": 1}),
        ("spot.trades", {"currency_pair": "BTC_USDT", "side": "buy", "amount": "1", "price": "2"}),
        ("spot.tickers", {"currency_pair": "BTC_USDT", "last": "1", "quote_volume": "2"}),
        ("futures.trades", [{"contract": "BTC_USDT", "size": "1"}, {"contract": "BTC_USDT", "size": "2"}]),
    ],
)
def test_gate_updates_name_their_market(channel: str, result: Any) -> None:
    """Each channel has its own word for it."""
    assert SPOT.markets(gate(channel, "update", result=result)) == ("BTC_USDT",)


def test_gate_answers_go_to_who_asked() -> None:
    """A subscription's answer repeats its payload, also when it is refused; that one has ended is nobody's news."""
    for codec in (public_codec(Venue.GATE_SPOT, BTC), public_codec(Venue.GATE_FUTURES, BTC)):
        for frame in codec.subscribe_frames(1):
            asked = json.loads(frame)
            yes = {**asked, "result": {"status": "success"}}
            no = {**asked, "error": {"code": 2, "message": "unknown"}, "result": {"status": "fail"}}
            for answer, kind in ((yes, Subscribed), (no, SubscriptionRefused)):
                assert SHARING[codec.venue].markets(json.dumps(answer)) == ("BTC_USDT",)
                assert isinstance(codec.decode(json.dumps(answer))[0], kind)
        for frame in SHARING[codec.venue].farewell(codec.symbol, 1):
            ended = {**json.loads(frame), "result": {"status": "success"}}
            assert SHARING[codec.venue].markets(json.dumps(ended)) == ()
        pairs = zip(codec.subscribe_frames(7), SHARING[codec.venue].farewell(codec.symbol, 7), strict=True)
        assert all(json.loads(no) == json.loads(yes) | {"event": "unsubscribe"} for yes, no in pairs)


@pytest.mark.parametrize(
    "frame",
    [
        gate("spot.pong", "", result=None),
        gate("futures.system", "update", result={"type": "upgrade", "msg": "soon"}),
        gate("spot.trades", "subscribe", error={"code": 2, "message": "no payload here"}, result={"status": "fail"}),
        gate("futures.trades", "update", result=[{"contract": "BTC_USDT"}, {"size": 1}]),
        "no json", "[1]", "",
    ],
)
def test_what_gate_tells_of_no_market_is_told_to_all(frame: str) -> None:
    """Pongs, maintenance, and what cannot be read or attributed."""
    assert SPOT.markets(frame) is None


def test_a_gate_frame_about_several_contracts_is_taken_apart() -> None:
    """Each codec gets the rows of its own contract alone, with every digit, and finds nothing unknown in them."""
    rows = [
        {"contract": name, "last": "1.10", "mark_price": "1.000000000000000000001", "index_price": "3",
         "volume_24h_quote": volume, "funding_rate": "0.0001"}
        for name, volume in (("BTC_USDT", "1"), ("ETH_USDT", "2"), ("BTC_USDT", "3"))
    ]
    frame = gate("futures.tickers", "update", result=rows)
    assert set(PERP.markets(frame) or ()) == {"BTC_USDT", "ETH_USDT"}
    for symbol, count in ((BTC, 4), (ETH, 2)):
        codec = public_codec(Venue.GATE_FUTURES, symbol)
        found = codec.decode(PERP.part(frame, PERP.name_of(symbol)))
        assert len(found) == count
        assert not any(isinstance(word, UnknownFrame) for word in found)
    whole = public_codec(Venue.GATE_FUTURES, BTC).decode(frame)
    parts = public_codec(Venue.GATE_FUTURES, BTC).decode(PERP.part(frame, "BTC_USDT"))
    assert tuple(word for word in whole if not isinstance(word, UnknownFrame)) == parts


def varint(number: int) -> bytes:
    out = b""
    while number >= 0x80:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def push(channel: str, symbol: str, *, order: Sequence[int] = (0, 1, 2)) -> bytes:
    parts = [field(1, channel.encode()), field(3, symbol.encode()), field(315, field(1, b"1.5") + field(3, b"1.6"))]
    return b"".join(parts[place] for place in order)


@given(
    st.text(min_size=1, max_size=150), st.text(max_size=150), st.permutations([0, 1, 2]), st.integers(0, 400),
)
def test_a_mexc_push_is_whose_the_whole_reading_says(channel: str, symbol: str, order: list[int], cut: int) -> None:
    """The short look and the whole reading agree on every push, in any order of fields, and wherever it is cut off."""
    frame = push(channel, symbol, order=order)
    assert symbol_of(frame) == decode_push(frame).symbol == symbol
    try:
        told = decode_push(frame[: len(frame) - cut]).symbol
    except FrameUnreadable:
        return  # the short look may still know whose it was: that market's codec then says that it cannot be read
    assert symbol_of(frame[: len(frame) - cut]) == told


def test_mexc_answers_go_to_who_asked() -> None:
    """An answer names its channels, as a refusal does; pongs and what is no answer go to all."""
    codec = public_codec(Venue.MEXC_SPOT, BTC)
    for number, frame in enumerate(codec.subscribe_frames(0), start=1):
        (channel,) = json.loads(frame)["params"]
        for text in (channel, f"Not Subscribed successfully! [{channel}].  Reason： Blocked! "):
            assert MEXC.markets(json.dumps({"id": number, "code": 0, "msg": text})) == ("BTCUSDT",)
    (ending,) = MEXC.farewell(BTC, 0)
    channels = json.loads(ending)["params"]
    assert channels == [json.loads(frame)["params"][0] for frame in codec.subscribe_frames(0)]
    ended = json.dumps({"id": 5, "code": 0, "msg": ",".join(channels)})
    assert MEXC.markets(ended) == ("BTCUSDT",)
    assert all(isinstance(word, Subscribed) for word in codec.decode(ended)), "a late one disturbs nobody"
    for frame in ('{"id":0,"code":0,"msg":"PONG"}', '{"id":1,"code":0,"msg":"invalid request"}', "no json", b"\xff"):
        assert MEXC.markets(frame) is None


def test_connections_stay_within_what_the_venue_allows() -> None:
    """MEXC takes thirty subscriptions a connection (spot v3 docs, Websocket Market Streams), and a market has four."""
    assert MEXC.markets_max * len(public_codec(Venue.MEXC_SPOT, BTC).subscribe_frames(0)) <= 30
    assert MEXC.markets_max == 7
    assert all(SHARING[venue].markets_max > 1 for venue in VENUES)


CONTRACT = {
    "name": "BTC_USDT", "type": "direct", "status": "trading", "in_delisting": False, "quanto_multiplier": "0.0001",
    "order_price_round": "0.1", "order_size_min": 1, "order_size_max": 1_000_000, "order_price_deviate": "0.5",
    "maintenance_rate": "0.005",
}
PAIR = {"id": "BTC_USDT", "amount_precision": 4, "precision": 1, "trade_status": "tradable"}
RULES = {
    "symbol": "BTCUSDT", "status": "1", "baseAsset": "BTC", "baseAssetPrecision": 5, "quoteAsset": "USDT",
    "quotePrecision": 2, "isSpotTradingAllowed": True, "baseSizePrecision": "0.0001", "quoteAmountPrecision": "1",
    "tradeSideType": 1, "filters": [],
}


def replied(body: Any) -> Reply:
    return Reply(status=200, headers={}, body=json.dumps(body).encode())


@pytest.mark.parametrize(
    ("venue", "one", "other"),
    [
        (Venue.GATE_SPOT, PAIR, {**PAIR, "id": "ETH_USDT", "precision": 2}),
        (Venue.GATE_FUTURES, CONTRACT, {**CONTRACT, "name": "ETH_USDT", "quanto_multiplier": "0.01"}),
    ],
)
def test_gates_list_tells_each_market_what_its_own_read_would(venue: Venue, one: Any, other: Any) -> None:
    """The instrument out of the list of all is the one out of its own description; unlisted ones are missing."""
    names, sharing = ("BTC_USDT", "ETH_USDT", "XYZ_USDT"), SHARING[venue]
    (request,) = sharing.terms_requests(names)
    assert request.method == "GET"
    found = sharing.terms(names, [replied([other, {**other, "id": "AAA_USDT", "name": "AAA_USDT"}, one])])
    assert set(found) == {"BTC_USDT", "ETH_USDT"}
    for symbol, row in ((BTC, one), (ETH, other)):
        name = f"{symbol.base}_USDT"
        alone = public_codec(venue, symbol).instrument([replied(row)])
        assert public_codec(venue, symbol).instrument(found[name]) == alone
    with pytest.raises(FrameUnreadable):
        sharing.terms(names, [replied({"label": "no list"})])


def test_mexcs_rules_of_several_symbols_tell_each_its_own() -> None:
    """One request names all; each codec finds its own rules, and one that is missing says so itself."""
    names = ("BTCUSDT", "ETHUSDT", "XYZUSDT")
    rules, listed = MEXC.terms_requests(names)
    assert rules.target == "/api/v3/exchangeInfo?symbols=BTCUSDT,ETHUSDT,XYZUSDT"
    assert (rules.weight, listed.weight) == (25, 1)
    other = {**RULES, "symbol": "ETHUSDT", "baseAsset": "ETH"}
    replies = [replied({"symbols": [other, RULES]}), replied({"data": ["BTCUSDT", "ETHUSDT"]})]
    found = MEXC.terms(names, replies)
    alone = [replied({"symbols": [RULES]}), replies[1]]
    codec = public_codec(Venue.MEXC_SPOT, BTC)
    assert codec.instrument(found["BTCUSDT"]) == public_codec(Venue.MEXC_SPOT, BTC).instrument(alone)
    with pytest.raises(VenueRefused, match="does not list"):
        public_codec(Venue.MEXC_SPOT, Symbol("XYZ", "USDT")).instrument(found["XYZUSDT"])
