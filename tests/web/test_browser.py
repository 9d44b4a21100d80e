"""The dashboard of a real run in a real browser: what people see and do, at both ends of the sizes of screens."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import httpx
import pytest
import trio
from browser import CHROMIUM, Page, browser
from plugin_packages import EXAMPLES, install

from dnbot.ports.latch import FileLatch

pytestmark = [
    pytest.mark.slow, pytest.mark.e2e,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium: apt-get install --no-install-recommends chromium"),
]  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]
VIEW = "looks-on-" + "v" * 32
PAGES = ("now", "profit", "trades", "orders", "risk", "logs", "alerts", "control")
READY_S_MAX = 90.0
ENTER = "document.getElementById('name').value = 'ann'; document.querySelector('#login button').click()"
IS_LIVE = "document.getElementById('link') && document.getElementById('link').textContent === 'live'"


@attrs.define
class Run:
    """`dnbot run` on a port of its own; it can end and begin again on the same state folder."""

    home: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where its dashboard is."""
        return f"http://127.0.0.1:{self.port}"

    def variables(self) -> dict[str, str]:
        """Those of the test, without any that would change what is run."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GATE_", "MEXC_", "DNBOT_"))}
        return {
            **kept, "PYTHONPATH": f"{ROOT / 'src'}:{self.home / 'site'}", "DNBOT_HOME": str(self.home / "state"),
            "DNBOT_WEB_VIEW_TOKEN": VIEW,
        }

    def begin(self) -> None:
        """Start it."""
        command = [sys.executable, "-m", "dnbot", "run", "--plain", "--web", f"127.0.0.1:{self.port}"]
        command += ["--config", str(self.home / "plugin.toml")]
        with (self.home / "said").open("ab") as said:
            self.process = subprocess.Popen(command, env=self.variables(), cwd=self.home, stdout=said, stderr=said)

    def end(self) -> int:
        """Stop it cleanly; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def link(self) -> str:
        """What `dnbot dashboard` prints."""
        command = [sys.executable, "-m", "dnbot", "dashboard"]
        done = subprocess.run(command, env=self.variables(), capture_output=True, text=True, check=True)
        return done.stdout.strip()

    async def ready(self) -> None:
        """Wait until it may trade."""
        async with httpx.AsyncClient(timeout=5) as client:
            with trio.fail_after(READY_S_MAX):
                while True:
                    try:
                        if (await client.get(f"{self.url}/readyz")).status_code == 200:
                            return
                    except httpx.TransportError:
                        pass
                    await trio.sleep(0.3)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A run that has begun, and has ended after the test."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    one = Run(tmp_path, port)
    install(EXAMPLES / "analytics-capture", tmp_path / "site")
    plugin = '[[plugins.load]]\nkind = "analytics"\nname = "capture"\n'
    (tmp_path / "plugin.toml").write_text((ROOT / "config" / "demo.toml").read_text() + plugin)
    one.begin()
    yield one
    if one.process is not None and one.process.poll() is None:
        one.process.kill()
        one.process.wait(10)


async def log_in(page: Page, run_: Run, token: str) -> None:
    """As a person does."""
    await page.open(f"{run_.url}/login")
    await page.evaluate(f"document.getElementById('token').value = '{token}'")
    await page.evaluate(ENTER)
    await page.until(IS_LIVE)


def form_of(action: str) -> str:
    """The script that finds the form of an action."""
    return f"[...document.querySelectorAll('form.order')].find(f => f.querySelector('h2').textContent === '{action}')"


async def order(page: Page, action: str, *, confirm: str = "", force: bool = False) -> str:
    """Fill in the form of an action and send it; the words of the answer."""
    form = form_of(action)
    await page.until(form)
    await page.evaluate(f"""(() => {{
        const form = {form}, fields = form.querySelectorAll('input:not([type=checkbox])');
        if ({str(force).lower()}) form.querySelector('[type=checkbox]').checked = true;
        fields[0].value = 'a test in a browser';
        fields[1].value = '{confirm}';
        form.dispatchEvent(new Event('input', {{ bubbles: true }}));
        form.querySelector('button').click();
    }})()""")
    said: str = await page.until(
        f"(t => t && !t.startsWith('Asked') && t)({form}.querySelector('.answer').textContent)", 30
    )
    return said


async def every_page_fits_and_is_filled(page: Page, run_: Run) -> None:
    """On a desk and on a phone, light and dark: its heading, something in it, and nothing wider than the screen."""
    for width, scheme in itertools.product((1440, 390), ("light", "dark")):
        await page.view(width, 900, scheme)
        await page.open(f"{run_.url}/control")
        await page.until(IS_LIVE)
        for name in PAGES:
            await page.evaluate(f"document.querySelector('nav [data-page={name}]').click()")
            await page.until(f"document.querySelector('nav [aria-current]').dataset.page === '{name}'")
            await page.until("document.querySelector('h1')?.textContent.toLowerCase() === location.pathname.slice(1)")
            await page.until("document.querySelector('main').innerText.length > 60")
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, width)
            assert await page.evaluate("document.querySelector('main [role=alert]')?.textContent ?? ''") == "", name
            await page.keep(f"{name}-{width}-{scheme}")


async def values_move_and_say_utc(page: Page, run_: Run) -> None:
    """Figures change by themselves in nodes that stay; charts are drawn, with units; the clock is UTC."""
    await page.open(f"{run_.url}/now")
    await page.until(IS_LIVE)
    await page.until("document.querySelectorAll('.edges canvas').length === 6")
    await page.evaluate("window.kept = document.querySelector('.edges figcaption p'); window.before = kept.textContent")
    await page.until("kept.isConnected && kept.textContent !== before")
    text = await page.evaluate("document.body.innerText")
    for word in ("UTC", "bps", "tolerance", "USDT", "NOT A REAL MARKET", "Gate perp"):
        assert word in text
    assert await page.evaluate("document.querySelectorAll('.u-wrap canvas').length") >= 7


async def a_trade_opens(page: Page, run_: Run) -> None:
    """By the keyboard alone: its evidence, orders, fills and timings, and a link to it."""
    await page.open(f"{run_.url}/trades")
    await page.until("document.querySelector('.opener')")
    await page.evaluate("document.querySelector('.opener').focus()")
    for kind, text in (("keyDown", "\r"), ("keyUp", "")):
        pressed = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": text}
        await page.call("Input.dispatchKeyEvent", type=kind, **pressed)
    await page.until("document.querySelector('.inside h3')")
    text = await page.evaluate("document.querySelector('.inside').innerText")
    for word in ("Timings", "sent", "Orders", "Fills", "taker"):
        assert word in text
    await page.evaluate("document.querySelector('.inside a').click()")
    await page.until("location.pathname.startsWith('/trades/x') && document.querySelector('.inside h3')")


async def a_plugins_columns_are_there(page: Page, run_: Run) -> None:
    """Their titles behind ours, a cell under each, and the plugin's state among the alerts."""
    await page.open(f"{run_.url}/trades")
    await page.until("[...document.querySelectorAll('.trades th')].at(-1)?.textContent === 'missed, bps'")
    lines = "[...document.querySelectorAll('.trades .line')]"
    await page.until(f"{lines}.some(r => /^[+-]/.test(r.cells[14]?.textContent))")
    row = "[...document.querySelectorAll('.trades tr')].map(r => r.cells.length)"
    assert set(await page.evaluate(row)) == {15}
    await page.open(f"{run_.url}/alerts")
    await page.until("document.querySelector('main').innerText.includes('dnbot-analytics-capture 1.0.0')")
    await page.until("document.querySelector('main').innerText.includes('ready')")


async def who_may_look_sees_what_may_not_be_done(page: Page, run_: Run) -> None:
    """Every button is off and says why; a request that goes round the page is refused by the bot."""
    await log_in(page, run_, VIEW)
    await page.open(f"{run_.url}/control")
    await page.until("document.querySelector('.notice')")
    await page.until("document.getElementById('head-mode').textContent === 'ACTIVE'")
    assert await page.evaluate("[...document.querySelectorAll('form.order button')].every(b => b.disabled)")
    status = await page.evaluate("""fetch('/api/me').then(a => a.json()).then(me => fetch('/api/control/pause', {
        method: 'POST', body: '{"why":"round the page"}',
        headers: { 'content-type': 'application/json', 'x-csrf-token': me.csrf },
    })).then(a => a.status)""")
    assert status == 403
    assert await page.evaluate("document.getElementById('head-mode').textContent") == "ACTIVE"
    page.complaints = [one for one in page.complaints if "403" not in one]


async def who_may_operate_does(page: Page, run_: Run) -> None:
    """Pause, resume and kill have their effect, are told, and are in the record with the name."""
    await page.open(f"{run_.url}/control")
    await page.until(IS_LIVE)
    assert "REDUCING" in await order(page, "Pause")
    await page.until("document.getElementById('head-mode').textContent === 'REDUCING'")
    assert "ACTIVE" in await order(page, "Resume")
    await page.until("document.querySelector('main').innerText.includes('web:ann')")
    assert await page.evaluate(f"{form_of('Kill')}.querySelector('button').disabled")
    assert "Halted" in await order(page, "Kill", confirm="KILL BTC/USDT")
    await page.until("document.getElementById('head-mode').textContent === 'HALTED'")
    halt = FileLatch.of(run_.home / "state").newest()
    assert halt is not None
    assert (halt.who, halt.reason) == ("web:ann", "a test in a browser")
    assert "ACTIVE" in await order(page, "Resume")


async def a_bot_that_is_gone_is_noticed_and_found_again(page: Page, run_: Run) -> None:
    """What is old says so and looks so; after the restart the same page goes on, with the same session."""
    await page.open(f"{run_.url}/now")
    await page.until(IS_LIVE)
    await page.evaluate("window.same = true")
    assert run_.end() == 0
    await page.until("document.body.classList.contains('stale')")
    await page.until("document.getElementById('link').textContent.includes('NO DATA')")
    run_.begin()
    await page.until(f"window.same && {IS_LIVE}", READY_S_MAX)
    await page.until("!document.body.classList.contains('stale')")
    page.complaints = [one for one in page.complaints if "ERR_" not in one]


@asynccontextmanager
async def opened(run_: Run) -> AsyncIterator[Page]:
    """A browser in which somebody who may operate has logged in by the link."""
    async with browser(run_.home) as page:
        await run_.ready()
        await page.open(run_.link())
        await page.until("document.getElementById('token').value && !location.hash")
        await page.evaluate(ENTER)
        await page.until(IS_LIVE)
        yield page


async def test_people_can_see_and_operate_a_run(run: Run) -> None:
    """All of the above on one run: a browser and a bot take long to begin. Nothing is complained of in the console."""
    async with opened(run) as page:
        await every_page_fits_and_is_filled(page, run)
        await values_move_and_say_utc(page, run)
        await a_trade_opens(page, run)
        await a_plugins_columns_are_there(page, run)
        await who_may_operate_does(page, run)
        await a_bot_that_is_gone_is_noticed_and_found_again(page, run)
        await who_may_look_sees_what_may_not_be_done(page, run)
        assert page.complaints == []
    assert run.end() == 0
