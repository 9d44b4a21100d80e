"""Debian's Chromium, driven over its DevTools protocol with the WebSocket library that is here already."""

from __future__ import annotations

import base64
import json
import math
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio
import trio_websocket

_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in _NAMES if (path := shutil.which(name))), "")
START_S_MAX = 30.0
ANSWER_S_MAX = 20.0
PICTURE_HEIGHT_MAX = 4000
PICTURES = os.environ.get("DNBOT_PICTURES", "")
"""A folder for what the pages look like, for a person."""
MESSAGE_BYTES_MAX = 64 * 1024 * 1024


@attrs.define
class Page:
    """One tab. Everything that its console or the network complained of is in `complaints`."""

    socket: trio_websocket.WebSocketConnection
    session: str
    complaints: list[str] = attrs.field(factory=list)
    _answers: dict[int, trio.Event] = attrs.field(factory=dict, init=False)
    _results: dict[int, dict[str, Any]] = attrs.field(factory=dict, init=False)
    _number: int = attrs.field(default=100, init=False)

    async def listen(self) -> None:
        """Take what the browser sends; runs beside everything else."""
        while True:
            message = json.loads(await self.socket.get_message())
            if "id" in message:
                self._results[message["id"]] = message
                if (event := self._answers.get(message["id"])) is not None:
                    event.set()
                continue
            told, method = message.get("params", {}), message.get("method", "")
            if method == "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(told["exceptionDetails"])[:600])
            elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
                self.complaints.append(json.dumps(told["args"])[:600])
            elif method == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
                self.complaints.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol and its result."""
        self._number += 1
        number, event = self._number, trio.Event()
        self._answers[number] = event
        asked: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self.session:
            asked["sessionId"] = self.session
        await self.socket.send_message(json.dumps(asked))
        with trio.fail_after(ANSWER_S_MAX):
            await event.wait()
        answer = self._results.pop(number)
        assert "error" not in answer, (method, answer["error"])
        result: dict[str, Any] = answer["result"]
        return result

    async def evaluate(self, script: str) -> Any:
        """What an expression gives; promises are waited for."""
        found = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    async def until(self, script: str, s_max: float = 15.0) -> Any:
        """Wait until an expression gives something true, and return it."""
        found = None
        with trio.move_on_after(s_max):
            # An element has no value to return: that it is there is the answer.
            while not (  # noqa: ASYNC110 (a page sets no event)
                found := await self.evaluate(f"(found => found instanceof Node || found)({script})")
            ):
                await trio.sleep(0.05)
            return found
        text = await self.evaluate("(document.querySelector('main') ?? document.body).innerText")
        raise AssertionError(
            f"not within {s_max} s: {script}; complaints {self.complaints}; the page says {text[:1500]}"
        )

    async def open(self, url: str) -> None:
        """Go to an address and wait until the page is there."""
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")

    async def view(self, width: int, height: int = 900, scheme: str = "light") -> None:
        """A window of this size, light or dark."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        await self.call("Emulation.setDeviceMetricsOverride", **screen)
        await self.call("Emulation.setScrollbarsHidden", hidden=True)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        await self.call("Emulation.setEmulatedMedia", features=[feature])

    async def keep(self, name: str) -> None:
        """A picture of the page, where somebody wants to look at it."""
        if PICTURES:
            await self.picture(Path(PICTURES) / f"{name}.png")

    async def picture(self, path: Path, *, whole: bool = True) -> None:
        """A PNG of the page."""
        clip = {}
        if whole:
            size = (await self.call("Page.getLayoutMetrics"))["cssContentSize"]
            height = min(PICTURE_HEIGHT_MAX, math.ceil(size["height"]))
            clip = {"clip": {"x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1}}
        taken = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole, **clip)
        path.write_bytes(base64.b64decode(taken["data"]))  # noqa: ASYNC240 (a small file, and nobody waits)


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Page]:
    """A page of a browser that was started for this block, with a profile of its own."""
    command = [
        CHROMIUM, "--headless=new", "--remote-debugging-port=0", f"--user-data-dir={folder / 'chromium'}",
        "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "about:blank",
    ]
    if os.geteuid() == 0:
        command.insert(1, "--no-sandbox")
    process = subprocess.Popen(  # noqa: ASYNC220 (it must not depend on how long a thread lives)
        command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        url = await _devtools(folder / "chromium" / "DevToolsActivePort")
        connecting = trio_websocket.open_websocket_url(url, max_message_size=MESSAGE_BYTES_MAX)
        async with connecting as socket, trio.open_nursery() as nursery:
            root = Page(socket, "")
            nursery.start_soon(root.listen)
            target = (await root.call("Target.createTarget", url="about:blank"))["targetId"]
            root.session = (await root.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
            for domain in ("Page", "Runtime", "Log"):
                await root.call(f"{domain}.enable")
            await root.call("Emulation.setFocusEmulationEnabled", enabled=True)
            yield root
            nursery.cancel_scope.cancel()
    finally:
        process.terminate()
        with trio.CancelScope(shield=True):
            while process.poll() is None:  # noqa: ASYNC110 (a process sets no event)
                await trio.sleep(0.02)


async def _devtools(told: Path) -> str:
    with trio.fail_after(START_S_MAX):
        while len(lines := _lines(told)) != 2:  # noqa: ASYNC110 (a file sets no event)
            await trio.sleep(0.05)
    return f"ws://127.0.0.1:{lines[0]}{lines[1]}"


def _lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []
