"""Gate's refusals: definitive only where the label says so; everything else stays open."""

from __future__ import annotations

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from dnbot.venues.gateio.errors import REFUSALS, classify, trouble_of, unwrapped
from dnbot.venues.wire import AskedTooOften, Refused, Reply, Unclear


def reply(status: int, body: str | bytes, **headers: str) -> Reply:
    """A reply; header names are given with underscores."""
    raw = body.encode() if isinstance(body, str) else body
    return Reply(status=status, headers={key.replace("_", "-"): value for key, value in headers.items()}, body=raw)


@pytest.mark.parametrize("status", [200, 201, 204])
def test_any_2xx_is_no_trouble(status: int) -> None:
    """Creates answer 201, everything else 200."""
    assert trouble_of(reply(status, "{}")) is None


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (
            400,
            '{"message":"Missing required header: Timestamp","label":"MISSING_REQUIRED_HEADER"}',
            Refused("MISSING_REQUIRED_HEADER", "Missing required header: Timestamp"),
        ),
        (
            401,
            '{"message":"Invalid key provided","label":"INVALID_KEY"}',
            Refused("INVALID_KEY", "Invalid key provided", authentication=True),
        ),
        (
            401,
            '{"label":"INVALID_SIGNATURE","message":"Signature mismatch"}',
            Refused("INVALID_SIGNATURE", "Signature mismatch", authentication=True),
        ),
        (
            403,
            '{"message":"Request IP not in whitelist: 203.0.113.9","label":"FORBIDDEN"}',
            Refused("FORBIDDEN", "Request IP not in whitelist: 203.0.113.9", authentication=True),
        ),
        (403, '{"label":"REQUEST_EXPIRED","message":"gap"}', Refused("REQUEST_EXPIRED", "gap", clock=True)),
        (401, '{"label":"REQUEST_EXPIRED","message":"gap"}', Refused("REQUEST_EXPIRED", "gap", clock=True)),
        (400, '{"label":"CONTRACT_NOT_FOUND"}', Refused("CONTRACT_NOT_FOUND", "", symbol_closed=True)),
        (
            400,
            '{"label":"ORDER_POC_IMMEDIATE","detail":"order price 1700 while counter price 1793.55"}',
            Refused("ORDER_POC_IMMEDIATE", "order price 1700 while counter price 1793.55"),
        ),
        (
            404,
            '{"label":"ORDER_NOT_FOUND","message":"Order with ID 999999999999 not found"}',
            Refused("ORDER_NOT_FOUND", "Order with ID 999999999999 not found", unknown_order=True),
        ),
        (
            400,
            '{"label":"ORDER_BOOK_NOT_FOUND","message":"Order book not found"}',
            Refused("ORDER_BOOK_NOT_FOUND", "Order book not found"),  # empty at this moment, not closed
        ),
        (400, '{"label":"ORDER_FINISHED"}', Refused("ORDER_FINISHED", "", unknown_order=True)),
        (400, '{"label":"CANCEL_FAIL","message":"x"}', Refused("CANCEL_FAIL", "x")),
        (400, '{"label":"RISK_LIMIT_TOO_lOW","message":"x"}', Refused("RISK_LIMIT_TOO_lOW", "x")),
        (400, '{"label":"BALANCE_NOT_ENOUGH","message":null}', Refused("BALANCE_NOT_ENOUGH", "")),
    ],
)
def test_listed_labels_are_a_definitive_no(status: int, body: str, expected: Refused) -> None:
    """Label and text are found in either order, as message, as detail or absent, with the right flags."""
    assert trouble_of(reply(status, body)) == expected


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, '{"label":"SERVER_ERROR","message":"Internal server error"}'),
        (500, '{"label":"BALANCE_NOT_ENOUGH","message":"x"}'),
        (502, "<html><body>Bad Gateway</body></html>"),
        (503, '{"label":"TOO_BUSY"}'),
        (404, "<html>not found</html>"),
        (400, '{"label":"SOMETHING_NEW","message":"x"}'),
        (400, '{"label":"REPEATED_CREATION","message":"x"}'),
        (400, '{"message":"no label"}'),
        (400, '{"label":7}'),
        (400, "[]"),
        (400, ""),
        (400, b"\xff\xfe"),
        (302, ""),
        (200 + 100, '{"label":"INVALID_KEY"}'),
    ],
)
def test_everything_else_is_unclear(status: int, body: str | bytes) -> None:
    """5xx, foreign pages, unlisted labels and a duplicate text leave the outcome of a write open."""
    assert isinstance(trouble_of(reply(status, body)), Unclear)


def test_rate_limits_tell_how_long_to_wait() -> None:
    """The wait is the venue's reset minus the venue's own clock, bounded; a second where it does not say."""
    body = '{"label":"TOO_MANY_REQUESTS","message":"Request Rate limit Exceeded (211)"}'
    told = trouble_of(
        reply(429, body, x_gate_ratelimit_reset_timestamp="1700000003", x_out_time="1700000000500000")
    )
    assert told == AskedTooOften(2.5, "Request Rate limit Exceeded (211)")
    assert trouble_of(reply(429, "<html>")) == AskedTooOften(1.0, "<html>")
    assert trouble_of(reply(429, body, retry_after="7")) == AskedTooOften(7.0, "Request Rate limit Exceeded (211)")
    far = trouble_of(reply(429, body, x_gate_ratelimit_reset_timestamp="9900000003", x_out_time="1700000000500000"))
    assert isinstance(far, AskedTooOften)
    assert far.retry_after_s == 60.0
    odd = trouble_of(reply(429, body, x_gate_ratelimit_reset_timestamp="soon", x_out_time="1700000000500000"))
    assert isinstance(odd, AskedTooOften)
    assert odd.retry_after_s == 1.0


@examples(st.integers(min_value=300, max_value=599), st.text(max_size=40), st.text(max_size=40))
def test_no_text_ever_makes_a_refusal_of_an_unlisted_label(status: int, label: str, text: str) -> None:
    """Whatever an unlisted label says, it is either a rate limit or unclear."""
    if label.upper() not in REFUSALS:
        assert isinstance(classify(status, label, text), AskedTooOften | Unclear)


@pytest.mark.parametrize(
    ("wrapped", "plain"),
    [
        (
            "label: INVALID_PARAM_VALUE, message: Your order size 0.200000 USDT is too small. The minimum is 3 USDT",
            "Your order size 0.200000 USDT is too small. The minimum is 3 USDT",
        ),
        ("label: ORDER_NOT_FOUND, message: ", ""),
        ('{"label":"INVALID_KEY","message":"Invalid key provided"}\n', "INVALID_KEY: Invalid key provided"),
        ("Not login", "Not login"),
        ("{not json", "{not json"),
        ("", ""),
    ],
)
def test_wrapped_messages_are_unwrapped(wrapped: str, plain: str) -> None:
    """Socket answers wrap label and message; subscription errors carry JSON with a line end."""
    assert unwrapped(wrapped) == plain
