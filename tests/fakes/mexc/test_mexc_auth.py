"""Signatures, the time rule and content types of the MEXC fake."""

from __future__ import annotations

import pytest

from dnbot.fakes.mexc_auth import (
    MexcRequest,
    Signed,
    check_content_type,
    check_signed,
    parse_parameters,
    signature_of,
    signed_text,
)
from dnbot.fakes.mexc_errors import MexcRefusal, refusals

SECRET = "45d0b3c26f2644f19bfb98b07741b2f5"
ACCOUNT = Signed("mx0aBYs33eIilxBWC5", SECRET)
ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=11&recvWindow=5000&timestamp=1644489390087"
ORDER_HEX = "fd3e4e8543c5188531eb7279d68ae7d26a573d0fc5ab0d18eb692451654d837a"
MIXED_HEX = "d1a676610ceb39174c8039b3f548357994b2a34139a8addd33baadba65684592"
STAMP_MS = 1_644_489_390_087


def check(raw_query: str, raw_body: str = "", now_ms: int = STAMP_MS) -> None:
    """Run the signed check over the raw texts."""
    request = MexcRequest("POST", "/api/v3/order", raw_query, raw_body)
    check_signed(request, parse_parameters(raw_query, raw_body), ACCOUNT, now_ms)


def stamped(timestamp_ms: int, more: str = "") -> str:
    """A signed query with this stamp."""
    text = f"symbol=BTCUSDT{more}&timestamp={timestamp_ms}"
    return f"{text}&signature={signature_of(SECRET, text)}"


def test_documented_vectors() -> None:
    """Both correct vectors of the venue's documentation are reproduced."""
    assert signature_of(SECRET, ORDER) == ORDER_HEX
    assert signature_of(SECRET, ORDER.replace("LIMIT&quantity", "LIMITquantity")) == MIXED_HEX


def test_query_body_and_mixed_requests_pass() -> None:
    """The raw query and the raw body are joined without an ampersand, wherever the parameters are."""
    check(f"{ORDER}&signature={ORDER_HEX}")
    check("", f"{ORDER}&signature={ORDER_HEX}")
    query, body = "symbol=BTCUSDT&side=BUY&type=LIMIT", "quantity=1&price=11&recvWindow=5000&timestamp=1644489390087"
    check(query, f"{body}&signature={MIXED_HEX}")
    check(f"{query}&signature={MIXED_HEX}", body)


def test_percent_encoded_text_is_signed_as_sent() -> None:
    """The signed text is the raw text, the value is decoded."""
    text = "batchOrders=%5B%7B%22a%22%3A1%7D%5D&timestamp=1644489390087"
    check(f"{text}&signature={signature_of(SECRET, text)}")
    assert parse_parameters(text, "")["batchOrders"] == '[{"a":1}]'
    assert signed_text(text, "") == text


@pytest.mark.parametrize("wrong", [ORDER_HEX.upper(), ORDER_HEX[:-1] + "b", "x", "ü"])
def test_wrong_signature_is_700002(wrong: str) -> None:
    """Upper case, altered and nonsense signatures are refused."""
    with pytest.raises(MexcRefusal) as refused:
        check(f"{ORDER}&signature={wrong}")
    assert refused.value.body() == b'{"code":700002,"msg":"Signature for this request is not valid."}'


@pytest.mark.parametrize(
    ("offset_ms", "accepted"), [(999, True), (1000, False), (0, True), (-5000, True), (-5001, False)]
)
def test_time_rule(offset_ms: int, accepted: bool) -> None:
    """A stamp is accepted below 1000 ms ahead and up to recvWindow behind."""
    query = stamped(STAMP_MS + offset_ms)
    if accepted:
        check(query)
        return
    with pytest.raises(MexcRefusal) as refused:
        check(query)
    assert refused.value.code == 700003


def test_receive_window_widens_and_is_bounded() -> None:
    """recvWindow replaces the default and may not pass 60000."""
    check(stamped(STAMP_MS - 60_000, "&recvWindow=60000"))
    with pytest.raises(MexcRefusal) as refused:
        check(stamped(STAMP_MS, "&recvWindow=60001"))
    assert refused.value.code == 700005


@pytest.mark.parametrize(
    ("query", "code"),
    [("signature=ab", 700004), ("timestamp=1644489390087", 700004), ("timestamp=1e3&signature=ab", 700008)],
)
def test_missing_and_malformed(query: str, code: int) -> None:
    """A missing stamp or signature is 700004, a stamp that is no number 700008."""
    with pytest.raises(MexcRefusal) as refused:
        check(query)
    assert refused.value.code == code


def test_query_wins_over_body() -> None:
    """Of a name in both places the query's value counts."""
    assert parse_parameters("a=1&b=2", "a=3&c=4") == {"a": "1", "b": "2", "c": "4"}


@pytest.mark.parametrize(
    ("sent", "strict", "accepted"),
    [
        ("application/json", True, True),
        ("application/x-www-form-urlencoded; charset=utf-8", True, True),
        ("text/plain", False, False),
        ("", False, True),
        ("", True, False),
    ],
)
def test_content_types(sent: str, strict: bool, accepted: bool) -> None:
    """JSON and form pass, another type is 700013, a missing one is refused behind the switch."""
    headers = {"content-type": sent} if sent else {}
    request = MexcRequest("POST", "/api/v3/order", headers=headers)
    check_content_type(MexcRequest("GET", "/api/v3/account", headers={"content-type": "text/plain"}), strict=True)
    if accepted:
        check_content_type(request, strict=strict)
        return
    with pytest.raises(MexcRefusal) as refused:
        check_content_type(request, strict=strict)
    assert refused.value.code == 700013


def test_key_order_of_order_not_found() -> None:
    """The body of -2013 carries msg first and a null _extend; 7307xx codes are strings."""
    assert refusals.no_such_order().body() == b'{"msg":"Order does not exist.","code":-2013,"_extend":null}'
    assert refusals.cancel_unknown().body() == b'{"code":-2011,"msg":"Unknown order sent."}'
    assert refusals.listen_key().body() == b'{"code":"730708","msg":"listen key information error"}'
