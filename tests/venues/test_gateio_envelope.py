"""Gate's WebSocket envelope: acknowledgements, refusals, pongs, maintenance, and what is no frame at all."""

from __future__ import annotations

import pytest

from dnbot.domain.errors import FrameUnreadable
from dnbot.domain.instrument import Symbol
from dnbot.venues.gateio.futures_public import GateFuturesPublic
from dnbot.venues.gateio.spot_public import GateSpotPublic
from dnbot.venues.wire import Pong, Subscribed, SubscriptionRefused, UnknownFrame, UpgradeAhead

BTC = Symbol("BTC", "USDT")
ACCEPTED = (
    '{"time":1,"time_ms":1791009973158,"conn_id":"d","trace_id":"6","channel":"spot.trades","event":"subscribe",'
    '"payload":["BTC_USDT"],"result":{"status":"success"},"requestId":"6"}'
)
ACCEPTED_LONG_AGO = '{"result":{"status":"success"},"error":null,"event":"subscribe","channel":"spot.trades","time":1}'
UNKNOWN_PAIR = (
    '{"time":1,"channel":"spot.trades","event":"subscribe","error":{"code":2,"message":"unknown currency pair: X"},'
    '"result":{"status":"fail"}}'
)
BAD_KEY = (
    '{"time":1,"channel":"spot.orders","event":"subscribe","error":{"code":4,"message":'
    r'"{\"label\":\"INVALID_KEY\",\"message\":\"Invalid key provided\"}\n"},'
    '"result":{"status":"fail"}}'
)


def frame(channel: str, result: str, event: str = "update") -> str:
    """A stream frame."""
    return f'{{"time":1790000001,"time_ms":1790000001234,"channel":"{channel}","event":"{event}","result":{result}}}'


@pytest.fixture
def spot() -> GateSpotPublic:
    """A spot codec of BTC/USDT."""
    return GateSpotPublic(BTC)


@pytest.fixture
def futures() -> GateFuturesPublic:
    """A perpetual codec of BTC/USDT."""
    return GateFuturesPublic(BTC)


def test_acknowledgements(spot: GateSpotPublic) -> None:
    """A success needs no error and the status `success`; a null error is none; keys come in any order."""
    for text in (ACCEPTED, ACCEPTED_LONG_AGO):
        assert spot.decode(text) == (Subscribed("spot.trades"),)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (UNKNOWN_PAIR, SubscriptionRefused("spot.trades", "2: unknown currency pair: X")),
        (BAD_KEY, SubscriptionRefused("spot.orders", "4: INVALID_KEY: Invalid key provided")),
        (
            '{"time":1,"channel":"spot.trades","event":"subscribe","result":{"status":"fail"}}',
            SubscriptionRefused("spot.trades", '{"status":"fail"}'),
        ),
        ('{"channel":"spot.trades","event":"subscribe"}', SubscriptionRefused("spot.trades", "")),
        ('{"error":{"code":1,"message":"no json"}}', SubscriptionRefused("", "1: no json")),
    ],
)
def test_refused_subscriptions(spot: GateSpotPublic, text: str, told: SubscriptionRefused) -> None:
    """A failure says which channel and why, with messages unwrapped."""
    assert spot.decode(text) == (told,)


def test_pongs_maintenance_and_the_unknown(spot: GateSpotPublic, futures: GateFuturesPublic) -> None:
    """A pong with or without a null error, an announced upgrade, and frames that nobody documented."""
    pong = (
        '{"time":1789456354,"time_ms":1789456354999,"conn_id":"c","channel":"futures.pong","event":"","result":null}'
    )
    assert futures.decode(pong) == (Pong(),)
    assert spot.decode('{"time":1,"channel":"spot.pong","event":"","error":null,"result":null}') == (Pong(),)
    upgrade = frame("futures.system", '{"type":"upgrade","msg":"in 10 s"}')
    assert futures.decode(upgrade) == (UpgradeAhead("in 10 s"),)
    assert futures.decode('{"channel":"futures.system","event":"upgrade"}') == (UpgradeAhead(""),)
    assert futures.decode(frame("futures.system", '{"type":"news"}')) == (UnknownFrame("futures.system update"),)
    assert spot.decode(frame("spot.new", "{}")) == (UnknownFrame("spot.new update"),)
    assert spot.decode(frame("spot.trades", '{"status":"success"}', "unsubscribe")) == (
        UnknownFrame("spot.trades unsubscribe"),
    )
    assert spot.decode("{}") == (UnknownFrame(" "),)


@pytest.mark.parametrize("raw", [b"", b"not json", b"[1]", b"\xff", b'{"channel":7}', b"[" * 100_000])
def test_what_is_no_frame_is_unreadable(spot: GateSpotPublic, raw: bytes) -> None:
    """Foreign, broken and deeply nested content raises with at most 500 characters of it."""
    with pytest.raises(FrameUnreadable) as caught:
        spot.decode(raw)
    assert len(caught.value.raw) <= 500
