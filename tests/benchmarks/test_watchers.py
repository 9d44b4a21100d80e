"""Watchers of a bot: they ask what a browser asks, count what comes, and do not take a refusal for an answer."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from suite import watchers as subject
from suite.watchers import PICTURE, Connection, Count, NotServed, Seen, dashboard, scrapes
from trio.testing import memory_stream_pair, wait_all_tasks_blocked

OK = b"HTTP/1.1 200 \r\ncontent-type: x\r\nContent-Length: %d\r\n\r\n%s"


@pytest.mark.parametrize("size", [1, 2, 7, 19, 1_000])
def test_pictures_are_counted_wherever_the_bytes_are_cut(size: int) -> None:
    """Each once."""
    text = b"retry: 1000\n\n" + b"".join(PICTURE + b"{}" * number + b"\n\n" for number in range(9)) + PICTURE[:-1]
    count = Count(PICTURE)
    assert sum(count.more(text[at : at + size]) for at in range(0, len(text), size)) == 9


async def test_answers_follow_each_other_on_a_connection(autojump_clock: Any) -> None:
    """Head and body, in any pieces; the request names host and token."""
    ours, theirs = memory_stream_pair()
    browser = Connection(ours, 80, "secret")  # type: ignore[arg-type]  # any stream will do
    await theirs.send_all(OK % (3, b"abc") + OK % (0, b"") + OK[:20])
    assert await browser.get("/one") == b"abc"
    assert await browser.get("/two") == b""
    await theirs.send_all(OK[20:] % (2, b"xyz"))
    assert await browser.get("/three") == b"xy"
    asked = bytes(await theirs.receive_some(10_000))
    assert asked.startswith(b"GET /one HTTP/1.1\r\nHost: 127.0.0.1:80\r\nAuthorization: Bearer secret\r\n\r\nGET /two ")


@pytest.mark.parametrize("answer", [b"HTTP/1.1 503 \r\ncontent-length: 0\r\n\r\n", b"HTTP/1.1 401 200 OK\r\n\r\n", b""])
async def test_a_refusal_ends_the_measurement(autojump_clock: Any, answer: bytes) -> None:
    """A bot that does not answer costs nothing, and says nothing."""
    ours, theirs = memory_stream_pair()
    await theirs.send_all(answer)
    await theirs.send_eof()
    with pytest.raises(NotServed):
        await Connection(ours, 80, "").get("/")  # type: ignore[arg-type]  # any stream will do


async def test_a_dashboard_and_a_scraper_count(autojump_clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is opened, its pictures, a scrape, and the most lines that were lost."""
    metrics = b"# dnbot_log_lines_lost_total 9\nx 1\ndnbot_log_lines_lost_total 2\n"
    answers = [
        b"".join(OK % (2, b"{}") for _ in subject.PAGES) + b"HTTP/1.1 200 \r\n\r\n" + 3 * (PICTURE + b"{}\n\n"),
        OK % (len(metrics), metrics), OK % (4, b"x 1\n"),
    ]

    async def connect(_host: str, _port: int) -> Any:
        ours, theirs = memory_stream_pair()
        if not answers:
            await theirs.aclose()
        else:
            await theirs.send_all(answers.pop(0))
            await theirs.send_eof()
        return ours

    monkeypatch.setattr(subject.trio, "open_tcp_stream", connect)
    seen = Seen()
    with pytest.raises(NotServed):
        await dashboard(1, "t", seen)
    with pytest.raises(NotServed, match="no dnbot_log_lines_lost_total in the metrics"):
        await scrapes(1, seen)
    assert (seen.opened, seen.pictures, seen.scrapes, seen.lost_lines) == (1, 3, 1, 2.0)


async def test_several_dashboards_count_together(autojump_clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits for its own pictures, and takes nothing from what the others counted meanwhile."""
    servers: list[Any] = []

    async def connect(_host: str, _port: int) -> Any:
        ours, theirs = memory_stream_pair()
        await theirs.send_all(b"".join(OK % (2, b"{}") for _ in subject.PAGES) + b"HTTP/1.1 200 \r\n\r\n")
        servers.append(theirs)
        return ours

    monkeypatch.setattr(subject.trio, "open_tcp_stream", connect)
    seen = Seen()
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(dashboard, 1, "t", seen)
        await wait_all_tasks_blocked()
        for _ in range(4):
            for server in servers:
                await server.send_all(PICTURE + b"{}\n\n")
            await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert (seen.opened, seen.pictures) == (3, 12)
