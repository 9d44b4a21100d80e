"""Signed queries of MEXC."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.venues.mexc.signing import encode_query, receive_window_ms, signature, signed_request
from dnbot.venues.words import RequestClass

KEY, SECRET = "mx0aBYs33eIilxBWC5", "45d0b3c26f2644f19bfb98b07741b2f5"


class DocumentedSigner:
    """Signs with the key of the venue's documents."""

    key_id = KEY

    def hmac_hex(self, algorithm: str, message: bytes) -> str:
        return hmac.new(SECRET.encode(), message, algorithm).hexdigest()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=11&recvWindow=5000&timestamp=1644489390087",
            "fd3e4e8543c5188531eb7279d68ae7d26a573d0fc5ab0d18eb692451654d837a",
        ),
        (
            "symbol=BTCUSDT&side=BUY&type=LIMITquantity=1&price=11&recvWindow=5000&timestamp=1644489390087",
            "d1a676610ceb39174c8039b3f548357994b2a34139a8addd33baadba65684592",
        ),
    ],
)
def test_the_documented_vectors_hold(text: str, expected: str) -> None:
    """The signature of the documents' examples 2 and 3."""
    assert signature(DocumentedSigner(), text) == expected


def test_a_request_is_signed_as_it_is_sent() -> None:
    """The documented order as a whole request: all in the query, an empty body, the signature last."""
    order = (("symbol", "BTCUSDT"), ("side", "BUY"), ("type", "LIMIT"), ("quantity", "1"), ("price", "11"))
    request = signed_request(DocumentedSigner(), "POST", "/api/v3/order", order, now_ms=1644489390087)
    assert request.target == (
        "/api/v3/order?symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=11&recvWindow=5000&timestamp=1644489390087"
        "&signature=fd3e4e8543c5188531eb7279d68ae7d26a573d0fc5ab0d18eb692451654d837a"
    )
    assert request.body == b""
    assert request.headers == (("X-MEXC-APIKEY", KEY), ("Content-Type", "application/json"))


def test_what_reads_can_be_signed_again_and_what_acts_cannot() -> None:
    """A read that waited for its budget gets a new time and nothing else; an order must not leave so late."""
    signer, query = DocumentedSigner(), (("symbol", "BTCUSDT"),)
    read = signed_request(signer, "GET", "/api/v3/account", query, now_ms=1, weight=10, reads_account=True)
    assert read.signed_at is not None
    again, later = read.signed_at(9), signed_request(signer, "GET", "/api/v3/account", query, now_ms=9, weight=10)
    assert (again.target, again.weight, again.budget) == (later.target, 10, RequestClass.READ)
    assert again.reads_account
    order = signed_request(signer, "POST", "/api/v3/order", query, now_ms=1, budget=RequestClass.CREATE)
    assert order.signed_at is None


def test_special_characters_are_signed_in_their_encoded_form() -> None:
    """A blank is %20 and hex digits are upper case, in what is signed and in what is sent."""
    assert encode_query((("a", "x y"), ("b", "(é/~"))) == "a=x%20y&b=%28%C3%A9%2F~"


@given(st.lists(st.tuples(st.text(min_size=1, max_size=5), st.text(max_size=8)), max_size=5))
def test_any_parameters_survive_the_query_and_match_their_signature(parameters: list[tuple[str, str]]) -> None:
    """What a server reads is what was given, and the signature covers exactly the text before it."""
    request = signed_request(DocumentedSigner(), "GET", "/p", tuple(parameters), now_ms=7)
    path, _, query = request.target.partition("?")
    signed, _, told = query.rpartition("&signature=")
    assert path == "/p"
    assert parse_qsl(signed, keep_blank_values=True) == [*parameters, ("recvWindow", "5000"), ("timestamp", "7")]
    assert told == hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("now_ms", "expires_at_ms", "window_ms"),
    [(1000, 1800, 800), (1000, 1000, 1), (1000, 500, 1), (1000, 61_000, 60_000), (1000, 61_001, 60_000)],
)
def test_an_order_expires_by_its_receive_window(now_ms: int, expires_at_ms: int, window_ms: int) -> None:
    """The window ends at the expiry, is never empty, and never above what the venue allows."""
    assert receive_window_ms(now_ms, expires_at_ms) == window_ms
