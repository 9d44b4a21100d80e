"""What can happen to a request on its way, and to its answer on the way back: network faults and outages of REST."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from . import faults_words as words
from .faults_kinds import FaultKind, FrameStrike, RequestStrike, Sent, Strike
from .web import DropConnection, HttpResponse

OUTAGE_S_MAX = 3_600.0


def drop_on_connect(strike: Strike) -> None:
    """Accept, and close before a byte was read."""
    strike.struck()
    raise DropConnection("closed as soon as it was accepted")


async def lose_request(strike: RequestStrike) -> HttpResponse:
    """Cut the connection instead of handling the request: it has no effect, ever."""
    strike.struck()
    raise DropConnection("request lost")


async def lose_reply(strike: RequestStrike) -> HttpResponse:
    """Handle the request, then cut the connection."""
    strike.struck()
    await strike.proceed()
    raise DropConnection("reply lost")


async def delay_request(strike: RequestStrike) -> HttpResponse:
    """Handle it only after a while, whether or not anybody waits any more."""
    strike.struck()
    await trio.sleep(strike.number("delay_s"))
    return await strike.proceed()


async def delay_reply(strike: RequestStrike) -> HttpResponse:
    """Handle it at once, answer after a while."""
    strike.struck()
    answer = await strike.proceed()
    await trio.sleep(strike.number("delay_s"))
    return answer


async def repeat_request(strike: RequestStrike) -> HttpResponse:
    """Handle it twice, as if a proxy had sent it again; the first answer is the one that is told."""
    strike.struck()
    answer = await strike.proceed()
    await trio.sleep(strike.number("gap_s"))
    await strike.proceed()
    return answer


async def trickle_reply(strike: RequestStrike) -> HttpResponse:
    """The whole answer leaves, a byte at a time."""
    strike.struck()
    answer = await strike.proceed()
    strike.link.slow_down(strike.number("bytes_per_s"))
    return answer


async def be_down(strike: RequestStrike) -> HttpResponse:
    """Nothing is handled: the connection is cut at once, or hangs until the outage is over, or an error is answered."""
    strike.struck()
    manner, ends_s = strike.text("manner"), strike.armed.ends_s
    if manner.isdecimal():
        return words.server_error(strike.venue, int(manner))
    if manner == "silent":
        await trio.sleep(max(0.0, min(ends_s - strike.engine.now_s, OUTAGE_S_MAX)))  # it may be over by now
    raise DropConnection("this venue's REST is down")


async def fail(strike: RequestStrike) -> HttpResponse:
    """A status of the 5xx family, after the request was handled or without handling it."""
    strike.struck()
    if strike.flag("handled"):
        await strike.proceed()
    return words.server_error(strike.venue, int(strike.number("status")))


async def answer_html(strike: RequestStrike) -> HttpResponse:
    """A page of somebody between us: a proxy, a captive portal, a firewall."""
    strike.struck()
    if strike.flag("handled"):
        await strike.proceed()
    page = b"<html><head><title>Attention required</title></head><body>Please log in.</body></html>"
    return HttpResponse(int(strike.number("status")), page, (("content-type", "text/html; charset=utf-8"),))


async def redirect(strike: RequestStrike) -> HttpResponse:
    """Sent elsewhere, where a signed request has no business."""
    strike.struck()
    headers = (("content-type", "text/html"), ("location", strike.text("location")))
    return HttpResponse(int(strike.number("status")), b"", headers)


async def limit_rate(strike: RequestStrike) -> HttpResponse:
    """Refused for asking too often, whatever the true counters say."""
    strike.struck()
    return words.too_many(strike.venue, int(strike.number("status")), int(strike.number("retry_after_s")))


def swallow_frame(strike: FrameStrike) -> Sequence[Sent]:
    """A frame of the client never arrives."""
    strike.struck()
    return []


def hear_late(strike: FrameStrike) -> Sequence[Sent]:
    """A frame of the client arrives late, and all that follow on that socket behind it."""
    strike.struck()
    return [(strike.number("delay_s"), strike.payload)]


def hear_twice(strike: FrameStrike) -> Sequence[Sent]:
    """A frame of the client arrives twice."""
    strike.struck()
    return [(0.0, strike.payload), (strike.number("gap_s"), strike.payload)]


KINDS = (
    FaultKind(
        "closed_on_accept", "N01", "new connections are closed before a byte is read, as when a TLS handshake fails",
        "host", on_connect=drop_on_connect,
    ),
    FaultKind(
        "request_lost", "N02", "a request, or an order call on a socket, arrives nowhere; a connection of REST is cut",
        "rest", on_request=lose_request, on_heard=swallow_frame, targets="requests",
    ),
    FaultKind(
        "reply_lost", "N03",
        "a request takes effect and its connection is cut instead of being answered; "
        "an order call on a socket is never answered",
        "rest", on_request=lose_reply, on_call=lose_reply, targets="requests",
    ),
    FaultKind(
        "request_delayed", "N04", "a request, or an order call on a socket, is held back before it takes effect",
        "rest", options={"delay_s": 3.0}, on_request=delay_request, on_heard=hear_late, targets="requests",
    ),
    FaultKind(
        "request_duplicated", "N05", "a request, or an order call on a socket, is handled twice",
        "rest", options={"gap_s": 0.0}, on_request=repeat_request, on_heard=hear_twice, targets="requests",
    ),
    FaultKind(
        "slow_reply", "N08", "the reply, and all that follows on its connection, arrives a few bytes a second",
        "rest", options={"bytes_per_s": 1.0}, on_request=trickle_reply, targets="requests",
    ),
    FaultKind(
        "rest_down", "N10", "REST of a venue is down while its sockets live: `manner` refuse, silent, or a status",
        "rest", options={"manner": "refuse"}, on_request=be_down, targets="requests",
    ),
    FaultKind(
        "html_reply", "N17", "a page in HTML instead of an answer: a proxy, a portal (200) or a firewall (403)",
        "rest", options={"status": 200, "handled": False}, on_request=answer_html, targets="requests",
    ),
    FaultKind(
        "reply_delayed", "P06", "a request takes effect at once and is answered late: its private frames come first",
        "rest", options={"delay_s": 1.0}, on_request=delay_reply, targets="requests",
    ),
    FaultKind(
        "rate_limited", "P16",
        "requests, or order calls on a socket, are refused for being too many: 429, or MEXC's 418",
        "rest", options={"status": 429, "retry_after_s": 10}, on_request=limit_rate, on_call=limit_rate,
        targets="requests",
    ),
    FaultKind(
        "server_error", "P17",
        "a 5xx, after the request, or an order call on a socket, took effect (`handled`) or without",
        "rest", options={"status": 500, "handled": False}, on_request=fail, on_call=fail, targets="requests",
    ),
    FaultKind(
        "redirected", "A11", "a redirect to another host",
        "rest", options={"status": 302, "location": "https://elsewhere.invalid/"}, on_request=redirect,
        targets="requests",
    ),
)  # fmt: skip
