"""Gate's signatures against the vectors of its documentation, and the order of its refusals."""

from __future__ import annotations

import pytest

from dnbot.fakes import gateio_auth as auth
from dnbot.fakes.gateio_errors import GateError

TIMESTAMP = "1541993715"
NOW_NS = 1541993715 * 10**9
KEYS = {"key": auth.Credential("key", "secret", "10001")}

GET_SIGN = (
    "55f84ea195d6fe57ce62464daaa7c3c02fa9d1dde954e4c898289c9a2407a3d6"
    "fb3faf24deff16790d726b66ac9f74526668b13bd01029199cc4fcc522418b8a"
)
POST_BODY = b'{"contract":"BTC_USD","type":"limit","size":100,"price":6800,"time_in_force":"gtc"}'
POST_SIGN = (
    "eae42da914a590ddf727473aff25fc87d50b64783941061f47a3fdb92742541f"
    "c4c2c14017581b4199a1418d54471c269c03a38d788d802e2c306c37636389f0"
)


def rest_sign(method: str, path: str, query: str, body: bytes, timestamp: str = TIMESTAMP) -> str:
    return auth.hmac_sha512("secret", auth.rest_signing_text(method, path, query, body, timestamp))


def authenticate(headers: dict[str, str], now_ns: int = NOW_NS, query: str = "") -> auth.Credential:
    return auth.authenticate_rest("GET", "/api/v4/spot/accounts", query, headers, b"", credentials=KEYS, now_ns=now_ns)


def refusal(headers: dict[str, str], now_ns: int = NOW_NS) -> tuple[int, str, bytes]:
    with pytest.raises(GateError) as caught:
        authenticate(headers, now_ns)
    return caught.value.status, caught.value.label, caught.value.body()


def test_rest_vector_without_body() -> None:
    """A GET with a query signs as documented."""
    assert rest_sign("GET", "/api/v4/futures/orders", "contract=BTC_USD&status=finished&limit=50", b"") == GET_SIGN


def test_rest_vector_with_body() -> None:
    """A POST signs the hash of its raw body as documented."""
    assert rest_sign("POST", "/api/v4/futures/orders", "", POST_BODY) == POST_SIGN


@pytest.mark.parametrize(
    ("channel", "begins"), [("spot.orders", "e9c13b956612d4af"), ("futures.orders", "4cdab02f21aba635")]
)
def test_channel_vectors(channel: str, begins: str) -> None:
    """A private subscription signs channel, event and time."""
    text = auth.channel_signing_text(channel, "subscribe", 1541993715)
    assert auth.hmac_sha512("secret", text).startswith(begins)


@pytest.mark.parametrize(
    ("channel", "req_param", "begins"),
    [
        ("spot.login", b"", "b1acb13f269de69d"),
        ("futures.login", b"", "2085a2b6f0343904"),
        ("futures.login", b"{}", "2fcced9afcd7de71"),
    ],
)
def test_login_vectors(channel: str, req_param: bytes, begins: str) -> None:
    """A login signs whatever bytes stand in req_param."""
    assert auth.hmac_sha512("secret", auth.api_signing_text(channel, req_param, TIMESTAMP)).startswith(begins)


def test_refusals_come_in_the_documented_order() -> None:
    """Missing header is seen before the clock, the clock before the key, the key before the signature."""
    assert refusal({"key": "nobody", "sign": "0"}) == (
        400,
        "MISSING_REQUIRED_HEADER",
        b'{"message":"Missing required header: Timestamp","label":"MISSING_REQUIRED_HEADER"}',
    )
    wrong = {"key": "nobody", "sign": "0", "timestamp": TIMESTAMP}
    assert refusal(wrong, NOW_NS + 61 * 10**9)[:2] == (403, "REQUEST_EXPIRED")
    assert refusal(wrong) == (401, "INVALID_KEY", b'{"message":"Invalid key provided","label":"INVALID_KEY"}')
    assert refusal(wrong | {"key": "key"}) == (
        401,
        "INVALID_SIGNATURE",
        b'{"label":"INVALID_SIGNATURE","message":"Signature mismatch"}',
    )


@pytest.mark.parametrize("stamp", ["1541993655", "1541993775", "1541993715.123456"])
def test_sixty_seconds_and_fractions_are_accepted(stamp: str) -> None:
    """A timestamp exactly 60 s off, or with a fraction, passes."""
    sign = rest_sign("GET", "/api/v4/spot/accounts", "", b"", stamp)
    assert authenticate({"key": "key", "sign": sign, "timestamp": stamp}).account_id == "10001"


@pytest.mark.parametrize("stamp", ["nan", "inf", "soon", "1541993654.9"])
def test_unreadable_and_late_timestamps_are_expired(stamp: str) -> None:
    """What is not a time within 60 s is refused, not crashed upon."""
    assert refusal({"key": "key", "sign": "0", "timestamp": stamp})[1] == "REQUEST_EXPIRED"


def test_escaped_query_is_signed_unescaped() -> None:
    """A list escaped in the URL verifies against a signature over the literal comma."""
    sign = rest_sign("GET", "/api/v4/spot/accounts", "currency_pairs=BTC_USDT,ETH_USDT", b"")
    headers = {"key": "key", "sign": sign, "timestamp": TIMESTAMP}
    assert authenticate(headers, query="currency_pairs=BTC_USDT%2CETH_USDT").key == "key"


def test_upper_case_signature_is_refused() -> None:
    """Hex is compared in lower case only."""
    sign = rest_sign("GET", "/api/v4/spot/accounts", "", b"").upper()
    assert refusal({"key": "key", "sign": sign, "timestamp": TIMESTAMP})[1] == "INVALID_SIGNATURE"
