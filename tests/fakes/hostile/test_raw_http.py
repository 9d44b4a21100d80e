"""Malformed HTTP on either exchange's port: refused in HTTP's own words, and never seen by a venue.

Where RFC 9110 and 9112 leave the choice, the status here is the one that is fixed: 400 for what cannot be read, 408 for
what takes too long, 413 and 431 for what is too large.
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio

from dnbot.fakes.running import GATE_HOST, MEXC_HOST
from dnbot.fakes.server import HEAD_BYTES_MAX, IDLE_S_MAX, REQUEST_S_MAX

HOST = b"Host: h\r\n"
TIME = b"GET /api/v4/spot/time HTTP/1.1\r\n"
POST = b"POST /api/v4/spot/orders HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@attrs.frozen
class Case:
    """Bytes, and the status of the answer."""

    name: str
    data: bytes
    status: int


UNREADABLE = [
    Case("tls-hello-on-a-plain-port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n", 400),
    Case("ssh-banner", b"SSH-2.0-OpenSSH_9.0\r\n\r\n", 400),
    Case("smtp", b"EHLO example.org\r\n\r\n", 400),
    Case("http2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    Case("zeros", bytes(64) + b"\r\n\r\n", 400),
    Case("high-bytes", b"\xff" * 64 + b"\r\n\r\n", 400),
    Case("json-without-http", b'{"channel":"spot.ping"}\r\n\r\n', 400),
    Case("websocket-frame-first", b"\x81\x85\0\0\0\0hello\r\n\r\n", 400),
    Case("no-host", TIME + b"\r\n", 400),
    Case("two-hosts", TIME + HOST + b"Host: other\r\n\r\n", 400),
    Case("no-version", b"GET /api/v4/spot/time\r\n\r\n", 400),
    Case("version-9", b"GET /api/v4/spot/time HTTP/9.9\r\n" + HOST + b"\r\n", 505),
    Case("version-of-letters", b"GET / HTTP/x.y\r\n" + HOST + b"\r\n", 400),
    Case("lower-case-http", b"GET / http/1.1\r\n" + HOST + b"\r\n", 400),
    Case("space-in-target", b"GET /api v4 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    Case("empty-target", b"GET  HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    Case("control-in-target", b"GET /\x01 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    Case("high-bytes-in-target", b"GET /api/v4/\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    Case("method-with-a-comma", b"GE,T / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    Case("no-method", b" / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    Case("header-without-colon", TIME + HOST + b"Bad Header\r\n\r\n", 400),
    Case("header-name-empty", TIME + HOST + b": x\r\n\r\n", 400),
    Case("space-before-colon", TIME + HOST + b"KEY : x\r\n\r\n", 400),
    Case("nul-in-header", TIME + HOST + b"KEY: a\x00b\r\n\r\n", 400),
    Case("cr-in-header", TIME + HOST + b"KEY: a\rb\r\n\r\n", 400),
    Case("first-header-folded", b"GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400),
    Case("length-negative", POST + b"Content-Length: -1\r\n\r\n", 400),
    Case("length-of-letters", POST + b"Content-Length: ten\r\n\r\n", 400),
    Case("length-in-hex", POST + b"Content-Length: 0x10\r\n\r\n", 400),
    Case("length-with-plus", POST + b"Content-Length: +5\r\n\r\nhello", 400),
    Case("length-fraction", POST + b"Content-Length: 1.5\r\n\r\nhello", 400),
    Case("length-endless", POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
    Case("lengths-differ", POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400),
    Case("encoding-unknown", POST + b"Transfer-Encoding: gzip\r\n\r\n", 501),
    Case("chunked-twice", POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n", 501),
    Case("chunk-size-of-letters", CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n", 400),
    Case("chunk-size-negative", CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n", 400),
    Case("chunk-size-huge", CHUNKED + b"f" * 40 + b"\r\n", 400),
    Case("chunk-longer-than-said", CHUNKED + b"3\r\nhello\r\n0\r\n\r\n", 400),
    Case("chunk-trailer-bad", CHUNKED + b"0\r\nno colon here\r\n\r\n", 400),
    Case("head-too-large", TIME + HOST + b"X: " + b"y" * HEAD_BYTES_MAX, 431),
    Case("line-too-large", b"GET /" + b"y" * HEAD_BYTES_MAX, 431),
    Case("too-many-headers", TIME + HOST + b"A: b\r\n" * 20_000, 431),
    Case("body-too-large", POST + b"Content-Length: 2000000\r\n\r\n" + b"x" * 2_000_000, 413),
    Case("chunks-too-large", CHUNKED + (b"10000\r\n" + b"x" * 65_536 + b"\r\n") * 20, 413),
]


@pytest.mark.parametrize("case", UNREADABLE, ids=lambda case: case.name)
async def test_what_is_no_request_is_refused(case: Case, autojump_clock: Any, arena: Any) -> None:
    """The answer says why, the connection is closed, and the venue never hears of it."""
    for host in (GATE_HOST, MEXC_HOST):
        wire = await arena.wire(host)
        await wire.send(case.data)
        answer = await wire.answer()
        assert answer is not None
        assert (answer.status, answer.headers["connection"]) == (case.status, "close")
        assert await wire.ended(5)
    assert arena.world.requests.count == 0


ODD = [
    Case("trace", b"TRACE /api/v4/spot/time HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    Case("connect", b"CONNECT example.org:443 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    Case("options-asterisk", b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    Case("made-up-method", b"FROBNICATE /api/v4/spot/time HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    Case("lower-case-method", b"get /api/v4/spot/time HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    Case("absolute-target", b"GET http://evil.example/api/v4/spot/time HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    Case("target-of-another-host", b"GET //evil.example/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    Case("dots-in-path", b"GET /api/v4/spot/../../etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    Case("percent-nonsense", b"GET /api/v4/%zz%% HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    Case("slashes", b"GET /api/v4//spot//time HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    Case("path-of-a-stream-without-upgrade", b"GET /ws/v4/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    Case("upgrade-to-h2c", TIME + HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 200),
    Case("expect-100-of-a-get", TIME + HOST + b"Expect: 100-continue\r\n\r\n", 200),
    Case("http-1.0", b"GET /api/v4/spot/time HTTP/1.0\r\n\r\n", 200),
    Case("body-of-a-get", TIME + HOST + b"Content-Length: 5\r\n\r\nhello", 200),
    Case("same-length-twice", TIME + HOST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 200),
    Case("compressed-body", POST + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00", 400),
    Case("length-and-chunked", POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
]


@pytest.mark.parametrize("case", ODD, ids=lambda case: case.name)
async def test_odd_requests_are_answered_by_the_venue(case: Case, autojump_clock: Any, arena: Any) -> None:
    """What HTTP allows reaches Gate's gateway: an unsigned unknown path is MISSING_REQUIRED_HEADER (gateio.md 2.1)."""
    answer = await arena.ask(GATE_HOST, case.data)
    assert answer is not None
    assert answer.status == case.status
    if case.status == 400:
        assert answer.value["label"] == "MISSING_REQUIRED_HEADER"


async def test_head_is_answered_without_a_body(autojump_clock: Any, arena: Any) -> None:
    """HEAD is no route of Gate: its refusal has the length of a body and no body, and the connection goes on."""
    wire = await arena.wire(GATE_HOST)
    await wire.send(b"HEAD /api/v4/spot/time HTTP/1.1\r\n" + HOST + b"\r\n")
    assert await wire.more()
    head, _, rest = wire.received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert rest == b""
    wire.received = b""
    await wire.send(TIME + HOST + b"\r\n")
    assert (await wire.answer()).status == 200


@pytest.mark.parametrize("cut", [1, 10, 40, len(POST) + 20])
async def test_a_request_that_ends_early_is_refused(cut: int, autojump_clock: Any, arena: Any) -> None:
    """A client that half-closes in the middle of a request is told 400; it can still read."""
    whole = POST + b"Content-Length: 500\r\n\r\n" + b"x" * 100
    for host in (GATE_HOST, MEXC_HOST):
        wire = await arena.wire(host)
        await wire.send(whole[:cut])
        await wire.stream.send_eof()
        answer = await wire.answer()
        assert answer is not None
        assert answer.status == 400
        assert await wire.ended(5)


async def test_a_whole_request_before_a_half_close_is_answered(autojump_clock: Any, arena: Any) -> None:
    """Closing one's sending half after a request is no reason not to be answered."""
    wire = await arena.wire(GATE_HOST)
    await wire.send(TIME + HOST + b"\r\n")
    await wire.stream.send_eof()
    assert (await wire.answer()).status == 200
    assert await wire.ended(5)


@pytest.mark.parametrize("start", [b"G", TIME, POST + b"Content-Length: 100\r\n\r\n", CHUNKED + b"5\r\n"])
async def test_slowloris_is_told_408(start: bytes, autojump_clock: Any, arena: Any) -> None:
    """A request that drips has `REQUEST_S_MAX` from its first byte, however steadily it drips."""
    wire = await arena.wire(GATE_HOST)
    await wire.send(start)
    started_s = trio.current_time()
    while not await wire.more(5):
        assert await wire.send(b"x")
    answer = await wire.answer()
    assert answer is not None
    assert answer.status == 408
    assert trio.current_time() - started_s == pytest.approx(REQUEST_S_MAX, abs=2)
    assert await wire.ended(5)


async def test_silence_ends(autojump_clock: Any, arena: Any) -> None:
    """Connections that say nothing are closed after `IDLE_S_MAX`, without a word."""
    wires = [await arena.wire(host) for host in (GATE_HOST, MEXC_HOST) for _ in range(50)]
    await trio.sleep(IDLE_S_MAX + 1)
    for wire in wires:
        assert await wire.ended(1)
        assert wire.received == b""


async def test_pipelined_requests_are_answered_in_turn_and_garbage_ends_them(autojump_clock: Any, arena: Any) -> None:
    """Hundred requests in one breath get hundred answers; what comes after is refused by itself."""
    wire = await arena.wire(GATE_HOST)
    await wire.send((TIME + HOST + b"\r\n") * 100 + b"\xff\xfe\r\n\r\n")
    answers = [await wire.answer() for _ in range(101)]
    assert [answer.status for answer in answers if answer is not None] == [200] * 100 + [400]
    assert await wire.ended(5)
