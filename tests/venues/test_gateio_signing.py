"""Gate signatures against documented vectors, and the requests that carry them."""

from __future__ import annotations

import hmac

import pytest

from dnbot.venues.gateio.rest import SIZE_DECIMAL, PublicRest, SignedRest
from dnbot.venues.gateio.signing import api_signature, channel_auth, rest_headers, rest_signature, timestamp
from dnbot.venues.wire import RequestClass

AT_S = 1541993715
EMPTY_HASH_GET = (
    "55f84ea195d6fe57ce62464daaa7c3c02fa9d1dde954e4c898289c9a2407a3d6"
    "fb3faf24deff16790d726b66ac9f74526668b13bd01029199cc4fcc522418b8a"
)
POST_BODY = b'{"contract":"BTC_USD","type":"limit","size":100,"price":6800,"time_in_force":"gtc"}'
POST_SIGN = (
    "eae42da914a590ddf727473aff25fc87d50b64783941061f47a3fdb92742541f"
    "c4c2c14017581b4199a1418d54471c269c03a38d788d802e2c306c37636389f0"
)
SPOT_ORDERS = (
    "e9c13b956612d4af11a7fd2025729fe28979b16153cf00e3aff2e4c7dd0155f4"
    "13dce9fdff2297d9f62bda58c0463792dab6163597b9095f9600ed0d61990a34"
)
FUTURES_ORDERS = (
    "4cdab02f21aba635fce8684a050806325cb4aa74a93d00c39f2084da73614d2e"
    "1d25878ca7c9ebcbde9541cddfc5ae36b1ccde10982eb82fd09f7a30a6d43d84"
)
SPOT_LOGIN = (
    "b1acb13f269de69da0e7bfa0445d67c9515640e6c91bd716a75a441757088b95"
    "bfa1ea3a049b0946e41409aac4a38110a28693d9ea6a83e113e00fb1287593ca"
)
FUTURES_LOGIN = (
    "2085a2b6f0343904fb273d0dd6fbe5c4724286a72284822976925ec2496b8f74"
    "4d33aab0f5edfb886c4661951a407fb02e9238cb18dee6743b1ff409b0ab783f"
)
FUTURES_LOGIN_BRACES = (
    "2fcced9afcd7de717ec5a0ce74c6f69357c06c6bbbbb5f6604c6904f7f287c6f"
    "b452f97c50c2a3612665c7d52255e0ea581855075302ed8762853c6333ca3529"
)


class KnownKey:
    """The documentation's own key and secret."""

    key_id = "key"

    def hmac_hex(self, algorithm: str, message: bytes) -> str:
        return hmac.new(b"secret", message, algorithm).hexdigest()


def test_rest_signatures_equal_the_documented_ones() -> None:
    """A GET with a query and a POST with a body sign to the documentation's values."""
    query = "contract=BTC_USD&status=finished&limit=50"
    signed = rest_signature(KnownKey(), "GET", "/api/v4/futures/orders", query, b"", str(AT_S))
    assert signed == EMPTY_HASH_GET
    signed = rest_signature(KnownKey(), "POST", "/api/v4/futures/orders", "", POST_BODY, str(AT_S))
    assert signed == POST_SIGN


@pytest.mark.parametrize(("channel", "sign"), [("spot.orders", SPOT_ORDERS), ("futures.orders", FUTURES_ORDERS)])
def test_channel_signatures_equal_the_vectors(channel: str, sign: str) -> None:
    """A private subscription signs channel, event and the frame's own time."""
    auth = channel_auth(KnownKey(), channel, "subscribe", AT_S)
    assert auth == {"method": "api_key", "KEY": "key", "SIGN": sign}


@pytest.mark.parametrize(
    ("channel", "parameters", "sign"),
    [
        ("spot.login", "", SPOT_LOGIN),
        ("futures.login", "", FUTURES_LOGIN),
        ("futures.login", "{}", FUTURES_LOGIN_BRACES),
    ],
)
def test_socket_signatures_equal_the_vectors(channel: str, parameters: str, sign: str) -> None:
    """A call over the order socket signs `api`, channel, raw parameters and time, line by line."""
    assert api_signature(KnownKey(), channel, parameters, AT_S) == sign


def test_the_timestamp_header_is_seconds_with_milliseconds() -> None:
    """The header is what is signed, and keeps three decimals also where they are zeros."""
    assert timestamp(1_700_000_000_007) == "1700000000.007"
    assert timestamp(1_700_000_000_000) == "1700000000.000"
    headers = dict(rest_headers(KnownKey(), "GET", "/api/v4/x", "", b"", 1_700_000_000_007))
    assert headers["Timestamp"] == "1700000000.007"
    assert headers["SIGN"] == rest_signature(KnownKey(), "GET", "/api/v4/x", "", b"", "1700000000.007")


def test_a_signed_target_is_what_was_signed() -> None:
    """Path with prefix and the raw query are sent in the order in which they were signed."""
    request = SignedRest(KnownKey()).get("/spot/orders", 1_700_000_000_000, (("status", "open"), ("limit", 5)))
    assert request.target == "/api/v4/spot/orders?status=open&limit=5"
    expected = rest_signature(
        KnownKey(), "GET", "/api/v4/spot/orders", "status=open&limit=5", b"", "1700000000.000"
    )
    assert dict(request.headers)["SIGN"] == expected
    assert "Content-Type" not in dict(request.headers)


def test_creates_and_cancels_carry_their_expiry() -> None:
    """A create expires when it is told to, a cancel a minute later; a read never does."""
    rest = SignedRest(KnownKey(), headers=SIZE_DECIMAL)
    create = rest.create("/futures/usdt/orders", 1_000_000, {"size": 1}, 1_000_800)
    cancel = rest.cancel("/futures/usdt/orders/7", 1_000_000)
    read = rest.get("/futures/usdt/orders/7", 1_000_000)
    assert dict(create.headers)["x-gate-exptime"] == "1000800"
    assert dict(create.headers)["Content-Type"] == "application/json"
    assert create.budget is RequestClass.CREATE
    assert dict(cancel.headers)["x-gate-exptime"] == "1060000"
    assert (cancel.method, cancel.body, cancel.budget) == ("DELETE", b"", RequestClass.CANCEL)
    assert "x-gate-exptime" not in dict(read.headers)
    assert all(dict(request.headers)["X-Gate-Size-Decimal"] == "1" for request in (create, cancel, read))


def test_public_requests_carry_no_key() -> None:
    """A public request has neither KEY nor SIGN."""
    request = PublicRest().get("/spot/time")
    assert request.target == "/api/v4/spot/time"
    assert not {"KEY", "SIGN", "Timestamp"} & set(dict(request.headers))
