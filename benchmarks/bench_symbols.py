"""What a world of many symbols costs: CPU of `dnbot fakes`, alone and with a client that listens to everything.

    python benchmarks/bench_symbols.py [--market realistic] [--symbols 1 5 50 200] [--seconds 20] [--json FILE]

Per number of symbols, the served fakes run in a process of their own; its CPU time over `--seconds` is read from the
operating system first without any client, then with one that subscribes, for every market: on Gate spot and futures
`tickers`, `trades`, `book_ticker` and `order_book_update` (100 ms), on MEXC `aggre.depth`, `aggre.deals` and
`aggre.bookTicker` (100 ms), thirty channels a connection. The client's own work is not counted. Late frames would show
as a share near 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import trio
from trio_websocket import WebSocketConnection, open_websocket_url

SETTLE_S = 4.0
MEXC_CHANNELS_MAX = 30
GATE_PAYLOAD_MAX = 50


@contextmanager
def served(symbols: int, market: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The fakes in a process of their own: its pid, and the line it printed."""
    command = [sys.executable, "-m", "dnbot", "fakes", "--symbols", str(symbols), "--market", market]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:  # noqa: S603 (our own module)
        assert child.stdout is not None
        try:
            yield child.pid, json.loads(child.stdout.readline())
        finally:
            child.terminate()


def cpu_s(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def share(pid: int, seconds: float) -> float:
    """CPU time per second over a while."""
    before, start = cpu_s(pid), trio.current_time()
    await trio.sleep(seconds)
    return (cpu_s(pid) - before) / (trio.current_time() - start)


class Client:
    """Everything that can be subscribed, read and counted."""

    def __init__(self, address: dict[str, Any]) -> None:
        self.address, self.frames = address, 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Subscribe; read until the block ends."""
        async with trio.open_nursery() as nursery:
            for url, messages in self._connections():
                nursery.start_soon(self._read, url, messages)
            yield
            nursery.cancel_scope.cancel()

    def _connections(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        rest = self.address["gate_rest"]
        pairs = [row["id"] for row in httpx.get(f"{rest}/spot/currency_pairs").json()]
        contracts = [row["name"] for row in httpx.get(f"{rest}/futures/usdt/contracts").json()]
        yield self.address["gate_ws_spot"], list(_gate("spot", pairs))
        yield self.address["gate_ws_futures"], list(_gate("futures", contracts))
        markets = httpx.get(f"{self.address['mexc_rest']}/api/v3/exchangeInfo").json()["symbols"]
        kinds = ("aggre.depth", "aggre.deals", "aggre.bookTicker")
        names = [f"spot@public.{k}.v3.api.pb@100ms@{m['symbol']}" for m in markets for k in kinds]
        for first in range(0, len(names), MEXC_CHANNELS_MAX):
            params = names[first : first + MEXC_CHANNELS_MAX]
            yield self.address["mexc_ws"], [{"method": "SUBSCRIPTION", "params": params}]

    async def _read(self, url: str, messages: list[dict[str, Any]]) -> None:
        async with open_websocket_url(url, max_message_size=2**24) as ws:
            for message in messages:
                await ws.send_message(json.dumps(message))
            await self._count(ws)

    async def _count(self, ws: WebSocketConnection) -> None:
        while True:
            await ws.get_message()
            self.frames += 1


def _gate(product: str, names: list[str]) -> Iterator[dict[str, Any]]:
    for channel in ("tickers", "trades", "book_ticker"):
        for first in range(0, len(names), GATE_PAYLOAD_MAX):
            yield _subscription(f"{product}.{channel}", names[first : first + GATE_PAYLOAD_MAX])
    for name in names:
        yield _subscription(f"{product}.order_book_update", [name, "100ms"])


def _subscription(channel: str, payload: list[str]) -> dict[str, Any]:
    return {"time": 1, "channel": channel, "event": "subscribe", "payload": payload}


async def measure(symbols: int, market: str, seconds: float) -> dict[str, Any]:
    """One row of the result."""
    with served(symbols, market) as (pid, address):
        await trio.sleep(SETTLE_S)
        idle = await share(pid, seconds)
        client = Client(address)
        async with client.listening():
            await trio.sleep(SETTLE_S)
            before = client.frames
            busy = await share(pid, seconds)
            frames = client.frames - before
    return {
        "symbols": symbols,
        "market": market,
        "cpu_share_alone": round(idle, 3),
        "cpu_share_with_client": round(busy, 3),
        "frames_per_s": round(frames / seconds),
    }


def main() -> None:
    """Print a row per number of symbols."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--market", default="realistic")
    parser.add_argument("--symbols", type=int, nargs="+", default=[1, 5, 50, 200])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for symbols in options.symbols:
        rows.append(trio.run(measure, symbols, options.market, options.seconds))
        print(json.dumps(rows[-1]), flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


main()
