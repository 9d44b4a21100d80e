"""The list of trades in a real browser, over a journal that is made up: every execution is in it, once and in order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from browser import CHROMIUM, Page, browser
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from dnbot.ports.clock import SystemClock
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.web.pages import Pages
from dnbot.web.server import WebServer

pytestmark = [
    pytest.mark.slow, pytest.mark.e2e,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium: apt-get install --no-install-recommends chromium"),
]  # fmt: skip
PAGE_ROWS = 50
JOURNAL = """(async () => {
    window.ended = [];     // executions that the bot has closed, in the order of their ends
    window.stored = 0;     // so many of them are in the journal
    window.committed = 0;
    window.asked = 0;
    window.nowMs = 10_000;
    performance.now = () => nowMs;
    window.end = (count, status = 'complete') => {
        for (let i = 0; i < count; i++) {
            const ended_at = new Date(1_790_000_000_000 + ended.length * 1000).toISOString();
            ended.push({ execution_id: `x${ended.length}`, status, ended_at, started_at: ended_at, net_quote: '1',
                bought: '1', sold: '1', gross_quote: '1', fees_quote: '0', purpose: 'enter', pair_name: 'A_TO_B' });
        }
    };
    const place = (row) => `${row.ended_at}~${row.execution_id}`;
    const ask = async (path) => {
        const words = new URL(path, location).searchParams;
        if (!path.startsWith('/api/trades?')) return { body: [] };
        asked += 1;
        const status = words.get('status');
        const found = ended.slice(0, stored).filter((row) => !status || row.status === status);
        const below = words.get('below');
        const last = below ? found.findIndex((row) => place(row) === below) : found.length;
        return { body: found.slice(0, last).reverse().slice(0, 50) };
    };
    window.rows = () => [...document.querySelectorAll('.trades tbody')].map((body) => body.dataset.id);
    window.soon = () => new Promise((done) => setTimeout(done));
    window.picture = async () => {   // as the stream tells it, some time later
        nowMs += 5_000;
        page.show({ status: { view: { executions: committed }, executions: ended.slice(-8) } });
        await soon();
    };
    window.older = async () => {
        [...document.querySelectorAll('button')].find((one) => one.textContent === 'Older').click();
        await soon();
    };
    window.page = (await import('/static/trades.js')).open(document.body, { ask, detail: '' });
    await soon();
    await picture();
})()"""


async def _empty(_request: Request) -> HTMLResponse:
    return HTMLResponse("<!doctype html><link rel=icon href='data:,'><title>trades</title><body></body>")


@asynccontextmanager
async def _trades(folder: Path, before: int) -> AsyncIterator[Page]:
    """The page, opened when so many executions were stored."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    app = Starlette(routes=[Route("/", _empty), Route("/static/{name}", Pages().static)])
    server = WebServer(app, EventLog(SystemClock(), [MemorySink()]))
    async with trio.open_nursery() as nursery, browser(folder) as page:
        nursery.start_soon(server.serve, listeners)
        await page.open(f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/")
        await page.evaluate(JOURNAL.replace("window.page =", f"end({before}); stored = {before}; window.page ="))
        yield page
        assert page.complaints == []
        nursery.cancel_scope.cancel()


def _names(newest: int, count: int) -> list[str]:
    return [f"x{number}" for number in range(newest, newest - count, -1)]


async def test_a_trade_that_is_stored_after_its_picture_is_shown(tmp_path: Path) -> None:
    """It is committed first, closed later, and in the journal later still; nothing else happens after it."""
    async with _trades(tmp_path, 0) as page:
        await page.evaluate("(async () => { committed = 1; await picture(); })()")
        assert await page.evaluate("rows()") == []
        await page.evaluate("(async () => { end(1); await picture(); })()")
        await page.evaluate("(async () => { stored = 1; await picture(); })()")
        assert await page.evaluate("rows()") == ["x0"]
        asked = await page.evaluate("asked")
        await page.evaluate("picture()")
        assert await page.evaluate("asked") == asked  # nothing is missing any more


async def test_no_trade_is_left_out_while_a_row_is_read(tmp_path: Path) -> None:
    """More than a page of them is closed meanwhile; afterwards, with Older, every one is there."""
    async with _trades(tmp_path, 2 * PAGE_ROWS) as page:
        await page.evaluate("document.querySelector('.opener').click()")
        await page.evaluate("(async () => { end(60); stored = ended.length; committed = 60; await picture(); })()")
        assert await page.evaluate("rows()") == _names(99, PAGE_ROWS)  # what somebody reads stays where it is
        await page.evaluate("(async () => { document.querySelector('.opener').click(); await soon(); })()")
        await page.evaluate("picture()")
        assert await page.evaluate("rows()") == _names(159, PAGE_ROWS)
        await page.evaluate("(async () => { for (let i = 0; i < 4; i++) await older(); })()")
        assert await page.evaluate("rows()") == _names(159, 160)


async def test_older_goes_on_where_a_long_list_was_cut(tmp_path: Path) -> None:
    """The list keeps a thousand rows; what fell off its end comes back with Older."""
    async with _trades(tmp_path, 1020) as page:
        await page.evaluate("(async () => { for (let i = 0; i < 19; i++) await older(); })()")
        assert await page.evaluate("rows()") == _names(1019, 1000)
        await page.evaluate("(async () => { end(10); stored = ended.length; committed = 10; await picture(); })()")
        await page.evaluate("picture()")
        assert await page.evaluate("rows()") == _names(1029, 1000)
        await page.evaluate("older()")
        assert await page.evaluate("rows()") == _names(1029, 1030)


async def test_a_choice_of_status_asks_only_for_its_own(tmp_path: Path) -> None:
    """A trade of another status is no reason to ask; one of this status is."""
    async with _trades(tmp_path, 3) as page:
        await page.evaluate("""(async () => {
            const choice = document.querySelector('select');
            choice.value = 'failed';
            choice.dispatchEvent(new Event('change'));
            await soon();
        })()""")
        asked = await page.evaluate("asked")
        await page.evaluate("(async () => { end(1); stored = 4; await picture(); await picture(); })()")
        assert await page.evaluate("[asked, rows()]") == [asked, []]
        await page.evaluate("(async () => { end(1, 'failed'); stored = 5; await picture(); })()")
        assert await page.evaluate("rows()") == ["x4"]
