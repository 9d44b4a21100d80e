"""Which no is which."""

from __future__ import annotations

import pytest

from dnbot.venues.mexc.errors import (
    AUTHENTICATION_CODES,
    CLOCK_CODES,
    REFUSED_CODES,
    UNKNOWN_ORDER_CODES,
    trouble,
)
from dnbot.venues.wire import AskedTooOften, Refused, Reply, Unclear


def reply(status: int, body: bytes | str = b"", **headers: str) -> Reply:
    """An answer."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, headers=names, body=body.encode() if isinstance(body, str) else body)


def refused(status: int, body: str) -> Refused:
    """The refusal in an answer that must be one."""
    told = trouble(reply(status, body))
    assert isinstance(told, Refused), told
    return told


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "[]",
        ' [{"code":1}]',
        '{"serverTime":1}',
        '{"data":[],"code":0,"msg":"success"}',
        '{"data":[],"code":200,"msg":null}',
        '{"code":"200"}',
    ],
)
def test_success_is_no_trouble(body: str) -> None:
    """Successes with no code, 0 or 200."""
    assert trouble(reply(200, body)) is None


@pytest.mark.parametrize("code", sorted(AUTHENTICATION_CODES))
def test_key_errors_are_flagged(code: str) -> None:
    """Authentication and nothing else."""
    told = refused(400, f'{{"code":{code},"msg":"no"}}')
    assert (told.code, told.authentication, told.clock, told.unknown_order) == (code, True, False, False)


@pytest.mark.parametrize("code", sorted(CLOCK_CODES))
def test_clock_errors_are_flagged(code: str) -> None:
    """The clock and nothing else."""
    told = refused(400, f'{{"code":{code},"msg":"no"}}')
    assert (told.authentication, told.clock, told.unknown_order) == (False, True, False)


@pytest.mark.parametrize("code", sorted(UNKNOWN_ORDER_CODES))
def test_unknown_orders_are_flagged(code: str) -> None:
    """The order and nothing else."""
    told = refused(400, f'{{"msg":"no","code":{code},"_extend":null}}')
    assert (told.code, told.authentication, told.clock, told.unknown_order) == (code, False, False, True)


def test_a_cancel_that_came_too_late_is_an_unknown_order() -> None:
    """-2011 "Order filled." must lead to a read, whatever its words."""
    told = refused(400, '{"code":-2011,"msg":"Order filled."}')
    assert told.unknown_order
    assert "Order filled." in told.text


@pytest.mark.parametrize("code", sorted(REFUSED_CODES))
def test_business_refusals_carry_no_flag(code: str) -> None:
    """Nothing was done, and neither key, clock nor order is to blame."""
    assert refused(400, f'{{"code":{code},"msg":"no"}}') == Refused(code, f'HTTP 400: {{"code":{code},"msg":"no"}}')


def test_no_code_stands_for_two_kinds() -> None:
    """The four tables are disjoint."""
    tables = (AUTHENTICATION_CODES, CLOCK_CODES, UNKNOWN_ORDER_CODES, REFUSED_CODES)
    assert len(frozenset().union(*tables)) == sum(map(len, tables))


def test_a_code_may_be_a_string() -> None:
    """As recorded for listen keys."""
    assert refused(400, '{"code":"730708","msg":"listen key information error"}').code == "730708"


def test_a_refusal_may_come_with_a_good_status() -> None:
    """The code counts where the status says nothing."""
    assert refused(200, '{"code":30004,"msg":"Insufficient position"}').code == "30004"


@pytest.mark.parametrize(
    ("told", "wait_s"),
    [
        (reply(429, "{}", retry_after="7"), 7.0),
        (reply(429), 10.0),
        (reply(429, retry_after="Wed, 21 Oct 2026 07:28:00 GMT"), 10.0),
        (reply(418, "<html>", retry_after="600"), 600.0),
        (reply(418), 120.0),
        (reply(400, '{"code":429,"msg":"Too Many Requests"}'), 10.0),
    ],
)
def test_rate_limits_say_how_long(told: Reply, wait_s: float) -> None:
    """By Retry-After, or by what the documents say of the window and of the shortest ban."""
    found = trouble(told)
    assert isinstance(found, AskedTooOften)
    assert found.retry_after_s == wait_s


@pytest.mark.parametrize(
    "told",
    [
        reply(500, '{"code":30004,"msg":"no"}'),  # even a listed code: the status says that nobody knows
        reply(503, "Unknown error, please check your request or try again later."),
        reply(504),
        reply(403, "<html>WAF</html>"),
        reply(403),
        reply(403, '{"code":403,"msg":"Access Denied"}'),
        reply(400),
        reply(400, "<html>"),
        reply(400, '{"code":987654,"msg":"new"}'),
        reply(400, '{"code":0,"msg":"success"}'),
        reply(400, '{"code":20001,"msg":"subsystem"}'),
        reply(400, '{"code":500,"msg":"internal"}'),
        reply(400, '{"code":730000,"msg":"request failed"}'),
        reply(404, "{}"),
        reply(302),
        reply(200),
        reply(200, "<html>"),
        reply(200, "null"),
        reply(200, b"\xff\xfe"),
        reply(200, '{"code":500,"msg":"internal"}'),
        reply(200, '{"code":12345678,"msg":"new"}'),
        reply(400, b'{"msg":' + b"[" * 100_000),
        reply(200, b'{"data":' + b"[" * 100_000),
    ],
)
def test_whatever_is_not_definitive_is_unclear(told: Reply) -> None:
    """Server errors, firewalls, pages, empty or bottomless bodies and codes that nobody documented."""
    assert isinstance(trouble(told), Unclear)


@pytest.mark.parametrize("body", ["", "<html>", "{}", '{"code":987654,"msg":"new"}'])
def test_a_401_needs_no_body(body: str) -> None:
    """The gateway's answer to a wrong key may carry no JSON."""
    assert refused(401, body).authentication


def test_a_401_with_a_known_code_is_what_the_code_says() -> None:
    """A refused clock stays a refused clock."""
    told = refused(401, '{"code":700003,"msg":"Timestamp"}')
    assert (told.clock, told.authentication) == (True, False)


def test_a_403_with_a_known_code_is_what_the_code_says() -> None:
    """A missing permission is no firewall."""
    assert refused(403, '{"code":700007,"msg":"No permission"}').authentication
