"""The official gate-ws SDK pointed at the fakes: a connection whose answers wait in queues, one for each channel."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fakes_server import Fakes
from gate_ws import Configuration, Connection
from gate_ws.client import WebSocketResponse

WAIT_S = 60


class Heard:
    """What came in, by channel."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.queues: dict[str, asyncio.Queue[WebSocketResponse]] = defaultdict(asyncio.Queue)

    async def put(self, _: Connection, response: WebSocketResponse) -> None:
        """The SDK's callback."""
        self.queues[response.channel].put_nowait(response)

    async def until(self, channel: str, wanted: Callable[[Any], bool]) -> WebSocketResponse:
        """The next answer of a channel that is wanted."""
        async with asyncio.timeout(WAIT_S):
            while True:
                response = await self.queues[channel].get()
                if wanted(response):
                    return response

    async def acknowledged(self, channel: str, event: str = "subscribe") -> WebSocketResponse:
        """The answer to a subscription."""
        return await self.until(channel, lambda response: response.event == event)

    async def updates(self, channel: str, count: int) -> list[Any]:
        """The results of the next so many pushes."""
        found = [await self.until(channel, lambda response: response.event == "update") for _ in range(count)]
        return [response.result for response in found]


@asynccontextmanager
async def connected(fakes: Fakes, app: str, key: str | None = None, secret: str | None = None) -> AsyncIterator[Heard]:
    """A running connection to the spot or the futures socket."""
    host = fakes.gate_ws_spot if app == "spot" else fakes.gate_ws_futures
    configuration = Configuration(
        app=app, host=host, api_key=key or fakes.key, api_secret=secret or fakes.secret, max_retry=1,
        event_loop=asyncio.get_running_loop(),
    )  # fmt: skip
    connection = Connection(configuration)
    heard = Heard(connection)
    configuration.default_callback = heard.put
    running = asyncio.create_task(connection.run())
    try:
        yield heard
    finally:
        connection.close()
        await asyncio.wait([running], timeout=WAIT_S)
