"""Orders over Gate's socket: login, create and cancel frames, and what the two answers of a create mean."""

from __future__ import annotations

import hmac
from decimal import Decimal

import msgspec
import pytest

from dnbot.domain.errors import FrameUnreadable
from dnbot.domain.instrument import Instrument, Symbol, Venue
from dnbot.domain.order import OrderIntent, OrderStatus, Purpose, Side
from dnbot.domain.units import Price, Quantity
from dnbot.venues.gateio.futures_private import GateFuturesPrivate
from dnbot.venues.gateio.spot_private import GateSpotPrivate
from dnbot.venues.wire import AskedTooOften, Refused, SocketReply, Trouble, Unclear

BTC = Symbol("BTC", "USDT")
D = Decimal
AT_S = 1541993715
PLACED = (
    '{"left":"0.0003","update_time":"1722393719","amount":"0.0003","create_time":"1722393719","price":"20000",'
    '"finish_as":"open","time_in_force":"gtc","currency_pair":"BTC_USDT","type":"limit","account":"spot",'
    '"side":"buy","amend_text":"-","text":"t-dnb-1-2","status":"open","iceberg":"0","filled_total":"0",'
    '"id":"644865690097","fill_price":"0","update_time_ms":1722393719507,"create_time_ms":1722393719507}'
)
CANCELLED = (
    '{"text":"t-dnb-1-2","price":"100","biz_info":"-","tif":"gtc","amend_text":"-","status":"finished",'
    '"contract":"BTC_USDT","finish_as":"cancelled","fill_price":"0","id":533621167472,"create_time":1727228909.079,'
    '"size":3,"finish_time":1727228915.694,"update_time":1727228915.694,"left":1,"user":15560000}'
)


class KnownKey:
    """The documentation's own key and secret."""

    key_id = "key"

    def hmac_hex(self, algorithm: str, message: bytes) -> str:
        return hmac.new(b"secret", message, algorithm).hexdigest()


@pytest.fixture
def spot() -> GateSpotPrivate:
    """A spot codec of BTC/USDT."""
    return GateSpotPrivate(BTC, KnownKey())


@pytest.fixture
def futures() -> GateFuturesPrivate:
    """A perpetual codec of BTC/USDT with a multiplier of 0.01."""
    codec = GateFuturesPrivate(BTC, KnownKey())
    codec.learn_instrument(
        Instrument(
            venue=Venue.GATE_FUTURES, symbol=BTC, tick_size=D("0.1"), lot_size=D("0.01"), multiplier=D("0.01")
        )
    )
    return codec


def intent(venue: Venue, side: Side = Side.BUY) -> OrderIntent:
    """0.5 BTC at 84000.1."""
    return OrderIntent(
        client_order_id="dnb-1-2", epoch=1, venue=venue, symbol=BTC, side=side, quantity=Quantity(D("0.5")),
        price=Price(D("84000.1")), purpose=Purpose.ENTRY, created_at_ns=0, expires_at_ns=0,
    )


def answer(channel: str, data: str, status: str = "200", more: str = "", header: str = "") -> str:
    """An answer of the order socket to request r1."""
    return (
        f'{{"header":{{"response_time":"1722393719511","status":"{status}","channel":"{channel}","event":"api",'
        f'"client_id":"203.0.113.9-0xc2"{header}}},"data":{data},"request_id":"r1"{more}}}'
    )


def test_login_frames_sign_the_empty_parameters(spot: GateSpotPrivate, futures: GateFuturesPrivate) -> None:
    """The login carries key, time and the signature of the documented vector."""
    told = msgspec.json.decode(spot.socket_login_frame(AT_S, "login-1"))
    assert told["channel"] == "spot.login"
    assert told["event"] == "api"
    assert told["time"] == AT_S
    assert told["payload"] == {
        "req_id": "login-1", "timestamp": str(AT_S), "api_key": "key",
        "signature": (
            "b1acb13f269de69da0e7bfa0445d67c9515640e6c91bd716a75a441757088b95"
            "bfa1ea3a049b0946e41409aac4a38110a28693d9ea6a83e113e00fb1287593ca"
        ),
    }
    signature = msgspec.json.decode(futures.socket_login_frame(AT_S, "l"))["payload"]["signature"]
    assert signature.startswith("2085a2b6f0343904fb273d0dd6fbe5c4")


def test_create_frames_carry_order_id_and_expiry(spot: GateSpotPrivate, futures: GateFuturesPrivate) -> None:
    """The same order objects as over REST, in req_param, with the expiry in req_header."""
    told = msgspec.json.decode(spot.socket_place_frame(intent(Venue.GATE_SPOT), AT_S, "r1", 1541993715800))
    assert told["channel"] == "spot.order_place"
    assert told["payload"]["req_id"] == "r1"
    assert told["payload"]["req_header"] == {"x-gate-exptime": "1541993715800"}
    assert told["payload"]["req_param"] == {
        "text": "t-dnb-1-2", "currency_pair": "BTC_USDT", "type": "limit", "account": "spot", "side": "buy",
        "amount": "0.5", "price": "84000.1", "time_in_force": "ioc",
    }
    sell = intent(Venue.GATE_FUTURES, Side.SELL)
    told = msgspec.json.decode(futures.socket_place_frame(sell, AT_S, "r2", 5))
    assert told["channel"] == "futures.order_place"
    assert told["payload"]["req_param"] == {
        "text": "t-dnb-1-2", "contract": "BTC_USDT", "size": -50, "price": "84000.1", "tif": "ioc",
        "reduce_only": False,
    }


def test_cancel_frames_live_for_a_minute(spot: GateSpotPrivate, futures: GateFuturesPrivate) -> None:
    """A cancel names the order, on spot with its pair, and may arrive late."""
    told = msgspec.json.decode(spot.socket_cancel_frame("77", AT_S, "c1"))
    assert told["channel"] == "spot.order_cancel"
    assert told["payload"]["req_param"] == {"order_id": "77", "currency_pair": "BTC_USDT"}
    assert told["payload"]["req_header"] == {"x-gate-exptime": str((AT_S + 60) * 1000)}
    told = msgspec.json.decode(futures.socket_cancel_frame("77", AT_S, "c1"))
    assert told["channel"] == "futures.order_cancel"
    assert told["payload"]["req_param"] == {"order_id": "77"}


def test_a_login_is_answered_without_a_report(futures: GateFuturesPrivate) -> None:
    """Success has neither report nor trouble."""
    frame = answer("futures.login", '{"result":{"uid":"16790001","api_key":"K"}}')
    assert futures.decode(frame) == (SocketReply("r1", False, None, None),)


def test_an_acknowledgement_says_nothing_about_acceptance(spot: GateSpotPrivate) -> None:
    """It echoes the request before any check, so no report is read from it."""
    echo = (
        '{"result":{"req_id":"r1","api_key":"","timestamp":"","signature":"","req_header":null,'
        '"req_param":{"text":"t-dnb-1-2","currency_pair":"BTC_USDT","side":"BUY","amount":"-1","price":"20000"}}}'
    )
    assert spot.decode(answer("spot.order_place", echo, more=',"ack":true')) == (SocketReply("r1", True, None, None),)


@pytest.mark.parametrize("more", ["", ',"ack":false'])
def test_a_result_carries_the_order(spot: GateSpotPrivate, more: str) -> None:
    """With `ack` missing or false the answer is final; spot results have no fee fields."""
    (told,) = spot.decode(answer("spot.order_place", f'{{"result":{PLACED}}}', more=more))
    assert isinstance(told, SocketReply)
    assert told.report is not None
    assert (told.acknowledged, told.trouble) == (False, None)
    assert (told.report.venue_order_id, told.report.client_order_id) == ("644865690097", "dnb-1-2")
    assert (told.report.status, told.report.quantity) == (OrderStatus.OPEN, D("0.0003"))


def test_a_perpetual_cancel_carries_what_was_filled(futures: GateFuturesPrivate) -> None:
    """Default-valued keys are left out; the order ended with two of three contracts."""
    (told,) = futures.decode(answer("futures.order_cancel", f'{{"result":{CANCELLED}}}'))
    assert isinstance(told, SocketReply)
    assert told.report is not None
    assert (told.report.status, told.report.filled) == (OrderStatus.CANCELLED, D("0.02"))
    assert (told.report.quantity, told.report.side) == (D("0.03"), Side.BUY)


@pytest.mark.parametrize(
    ("status", "errs", "trouble"),
    [
        (
            "400",
            '{"label":"INVALID_PARAM_VALUE","message":"label: INVALID_PARAM_VALUE, message: too small"}',
            Refused("INVALID_PARAM_VALUE", "too small"),
        ),
        (
            "400",
            '{"label":"ORDER_NOT_FOUND","message":"label: ORDER_NOT_FOUND, message: "}',
            Refused("ORDER_NOT_FOUND", "", unknown_order=True),
        ),
        (
            "404",
            '{"message":"label: ORDER_NOT_FOUND, message: ","label":"ORDER_NOT_FOUND"}',
            Refused("ORDER_NOT_FOUND", "", unknown_order=True),
        ),
        (
            "400",
            '{"label":"AUTHENTICATION_FAILED","message":"Not login"}',
            Refused("AUTHENTICATION_FAILED", "Not login", authentication=True),
        ),
        (
            "401",
            '{"label":"INVALID_KEY","message":"Invalid key provided"}',
            Refused("INVALID_KEY", "Invalid key provided", authentication=True),
        ),
        (
            "429",
            '{"label":"TOO_MANY_REQUESTS","message":"Request Rate limit Exceeded (311)"}',
            AskedTooOften(1.0, "Request Rate limit Exceeded (311)"),
        ),
        ("500", '{"label":"INTERNAL","message":"x"}', Unclear("status 500 INTERNAL x")),
        ("400", '{"label":"SOMETHING_NEW"}', Unclear("status 400 SOMETHING_NEW")),
        ("200", '{"label":"BALANCE_NOT_ENOUGH"}', Unclear("status 200 BALANCE_NOT_ENOUGH")),
    ],
)
def test_refusals_are_classified_as_over_rest(
    futures: GateFuturesPrivate, status: str, errs: str, trouble: Trouble
) -> None:
    """Messages are unwrapped, labels decide, and what is not listed stays open."""
    frame = answer("futures.order_place", f'{{"errs":{errs}}}', status)
    assert futures.decode(frame) == (SocketReply("r1", False, None, trouble),)


@pytest.mark.parametrize("name", ["x_gate_ratelimit_reset_timestamp", "x_gat_ratelimit_reset_timestamp"])
def test_a_rate_limit_tells_how_long_to_wait(futures: GateFuturesPrivate, name: str) -> None:
    """The header's reset minus its own time, under both documented spellings."""
    errs = '{"errs":{"label":"TOO_MANY_REQUESTS","message":"x"}}'
    frame = answer("futures.order_place", errs, "429", header=f',"{name}":1722393721511')
    assert futures.decode(frame) == (SocketReply("r1", False, None, AskedTooOften(2.0, "x")),)


def test_a_failure_without_a_reason_is_unclear(futures: GateFuturesPrivate) -> None:
    """A status that is not 2xx and no errors leave the outcome open."""
    assert futures.decode(answer("futures.order_place", "{}", "503")) == (
        SocketReply("r1", False, None, Unclear("status 503")),
    )


@pytest.mark.parametrize(
    "frame",
    [
        answer("spot.order_place", f'{{"result":{PLACED}}}').replace('"request_id":"r1"', '"request_id":""'),
        answer("spot.order_place", '{"result":{}}'),
        answer("spot.order_place", "{}"),
        answer("spot.order_place", f'{{"result":{PLACED.replace("BTC_USDT", "ETH_USDT")}}}'),
        answer("spot.order_place", f'{{"result":{PLACED}}}', status=""),
        '{"header":{"status":"200"},"data":{},"request_id":"r1"}',
    ],
)
def test_an_answer_that_does_not_decide_is_unreadable(spot: GateSpotPrivate, frame: str) -> None:
    """Nobody's answer, no order, another pair or no status are never taken for acceptance."""
    with pytest.raises(FrameUnreadable):
        spot.decode(frame)
