"""A page by which nobody stops or delays what trades: every client has its deadline, and few are served at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest
import trio
from trio.testing import lockstep_stream_pair, memory_stream_pair

from dnbot.metrics.exposition import CONTENT_TYPE
from dnbot.metrics.page import CLIENT_S_MAX, CLIENTS_MAX, HEAD_BYTES_MAX, PageServer
from dnbot.ports.clock import VirtualClock
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink

GET = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9464\r\n\r\n"


@attrs.define
class Bench:
    """A server with one page."""

    make: Callable[[], Awaitable[bytes]]
    sink: MemorySink = attrs.field(factory=MemorySink)
    server: PageServer = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.server = PageServer({"/metrics": self.make}, EventLog(VirtualClock(0), [self.sink]))

    async def ask(self, *sent: bytes) -> bytes:
        """Everything that the server says to these bytes, until it lets go."""
        ours, theirs = memory_stream_pair()
        heard = b""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.server.welcome, theirs)
            for part in sent:
                await ours.send_all(part)
            async for part in ours:
                heard += part
        return heard


async def figures() -> bytes:
    """The page."""
    return b"x 1\n"


@pytest.fixture
def bench() -> Callable[..., Bench]:
    """Made inside the test, which runs on virtual time."""
    return lambda make=figures: Bench(make)


async def test_a_page_is_answered_once_and_let_go_of(autojump_clock: Any, bench: Any) -> None:
    """Status, type and length as Prometheus wants them; the head alone for HEAD; in pieces as well."""
    it = bench()
    head, _, body = (await it.ask(GET)).partition(b"\r\n\r\n")
    assert body == b"x 1\n"
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 200 OK", b"content-type: " + CONTENT_TYPE.encode(), b"content-length: 4", b"cache-control: no-store",
        b"connection: close",
    ]
    assert await it.ask(GET.replace(b"GET", b"HEAD")) == head + b"\r\n\r\n"
    assert await it.ask(GET[:7], GET[7:40], GET[40:]) == head + b"\r\n\r\nx 1\n"
    assert await it.ask(GET.replace(b"/metrics", b"/metrics?a=b")) == head + b"\r\n\r\nx 1\n"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:9464", "[::1]:9464", "127.9.9.9"])
async def test_loopback_has_many_names(autojump_clock: Any, bench: Any, host: str) -> None:
    """With and without a port."""
    assert (await bench().ask(GET.replace(b"127.0.0.1:9464", host.encode()))).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (GET.replace(b"GET", b"POST"), 405),
        (GET.replace(b"/metrics", b"/"), 404),
        (GET.replace(b"/metrics", b"http://[/"), 400),
        (GET.replace(b"127.0.0.1:9464", b"[::1"), 400),
        (GET.replace(b"127.0.0.1:9464", b"evil.example"), 421),
        (GET.replace(b"127.0.0.1:9464", b"10.0.0.1"), 421),
        (GET.replace(b"Host: 127.0.0.1:9464\r\n", b"").replace(b"1.1", b"1.0"), 421),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * (HEAD_BYTES_MAX + 1), 400),
    ],
    ids=["post", "path", "target", "bracket", "rebinding", "elsewhere", "no host", "tls", "long"],
)
async def test_what_is_no_question_for_this_page_is_refused(
    autojump_clock: Any, bench: Any, sent: bytes, status: int
) -> None:
    """With a status, and without the figures."""
    it = bench()
    answer = await it.ask(sent)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"x 1" not in answer
    assert it.server.clients == 0


async def test_a_client_that_dawdles_is_cut_off(autojump_clock: Any, bench: Any) -> None:
    """One that sends no whole request, and one that does not read the answer."""
    it = bench()
    began_s = trio.current_time()
    assert await it.ask(GET[:-2]) == b""
    assert trio.current_time() - began_s == pytest.approx(CLIENT_S_MAX)
    ours, theirs = lockstep_stream_pair()
    began_s = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.server.welcome, theirs)
        await ours.send_all(GET)
    assert trio.current_time() - began_s == pytest.approx(CLIENT_S_MAX)
    assert it.server.clients == 0


async def test_a_client_that_leaves_early_is_nobody(autojump_clock: Any, bench: Any) -> None:
    """Without a word, in the middle of one, and before the answer."""
    it = bench()
    for sent in (b"", GET[:9], GET):
        ours, theirs = memory_stream_pair()
        if sent:
            await ours.send_all(sent)
        await ours.aclose()
        await it.server.welcome(theirs)
    assert (it.server.clients, it.server.failed) == (0, 0)


async def test_few_are_served_at_once(autojump_clock: Any, bench: Any) -> None:
    """Who comes when the places are taken is let go of at once; when they are free again, others are served."""
    it = bench()
    async with trio.open_nursery() as nursery:
        ends = [memory_stream_pair() for _ in range(CLIENTS_MAX)]
        for _, theirs in ends:
            nursery.start_soon(it.server.welcome, theirs)
        await trio.testing.wait_all_tasks_blocked()
        assert await it.ask(GET) == b""
        assert it.server.turned_away == 1
        nursery.cancel_scope.cancel()
    assert (await it.ask(GET)).startswith(b"HTTP/1.1 200 ")


async def test_a_page_that_cannot_be_made_ends_nothing(autojump_clock: Any, bench: Any) -> None:
    """An answer 500 and a line in the log; the next one may be."""
    failures = [ZeroDivisionError("oh")]

    async def make() -> bytes:
        await trio.lowlevel.checkpoint()
        if failures:
            raise failures.pop()
        return b"x 1\n"

    it = bench(make)
    assert (await it.ask(GET)).startswith(b"HTTP/1.1 500 ")
    assert (await it.ask(GET)).endswith(b"x 1\n")
    it.server.log.flush_now()
    assert [(line["event"], line["data"]["what"]) for line in it.sink.lines] == [("page_failed", "oh")]


async def test_a_deadline_of_a_page_is_no_failure_of_it(autojump_clock: Any, bench: Any) -> None:
    """One that takes too long to make is given up, like its client."""
    it = bench(trio.sleep_forever)
    assert await it.ask(GET) == b""
    assert (it.server.failed, it.server.clients) == (0, 0)


async def test_a_socket_that_breaks_ends_the_page_alone(autojump_clock: Any, bench: Any) -> None:
    """Whoever serves it goes on."""

    class Broken(trio.abc.Listener[trio.abc.Stream]):
        async def accept(self) -> trio.abc.Stream:
            await trio.lowlevel.checkpoint()
            raise OSError("gone")

        async def aclose(self) -> None:
            await trio.lowlevel.checkpoint()

    it = bench()
    await it.server.serve([Broken()])
    it.server.log.flush_now()
    assert [line["event"] for line in it.sink.lines] == ["page_lost"]
