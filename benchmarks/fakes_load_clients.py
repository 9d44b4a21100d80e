"""The load generator, a process of its own: creates orders, reads books, prints one JSON line of figures a second.

    python benchmarks/fakes_load_clients.py < settings.json

Settings come as one JSON line on standard input; it ends by itself after their `seconds`, or when its input closes.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from typing import Any

import trio
from fakes_load_orders import Lane, Tally, Venues, lanes, stock_up, sweep
from fakes_load_wire import Frames, WsClient

PING_S = 10.0


def quantiles(values: list[float]) -> dict[str, float]:
    """Count, median, 99 % and maximum, in the unit of the values."""
    if not values:
        return {"count": 0}
    ordered = sorted(values)
    return {
        "count": len(ordered),
        "p50": round(statistics.median(ordered), 2),
        "p99": round(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)], 2),
        "max": round(ordered[-1], 2),
    }


async def read_gate(url: str, product: str, names: list[str], frames: Frames) -> None:
    """One Gate socket on every book channel of every market."""
    ws = await WsClient.open(url)
    for number, name in enumerate(names):
        level = ("50", "400")[number % 2]  # one order book v2 of a market is all that a connection may have
        wanted: list[tuple[str, list[str]]] = [("order_book_update", [name, "100ms"]), ("obu", [f"ob.{name}.{level}"])]
        wanted += [("order_book_update", [name, "20ms"]), ("book_ticker", [name])]
        if product == "futures":
            wanted[0] = ("order_book_update", [name, "100ms", "100"])
        for channel, payload in wanted:
            frame = {"channel": f"{product}.{channel}", "event": "subscribe", "payload": payload}
            await ws.send({"time": int(time.time()), **frame})
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_alive, ws, {"time": 0, "channel": f"{product}.ping"})
        await ws.read(frames.gate)


async def read_mexc(url: str, names: list[str], frames: Frames) -> None:
    """One MEXC socket on the book channels of the first markets: at most 30 subscriptions fit."""
    ws = await WsClient.open(url)
    for name in names[:6]:
        kinds = ("aggre.depth", "10ms"), ("aggre.depth", "100ms"), ("aggre.bookTicker", "10ms")
        params = [f"spot@public.{kind}.v3.api.pb@{speed}@{name}" for kind, speed in kinds]
        params.append(f"spot@public.limit.depth.v3.api.pb@{name}@20")
        await ws.send({"method": "SUBSCRIPTION", "params": params})
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_alive, ws, {"method": "PING"})
        await ws.read(frames.mexc)


async def keep_alive(ws: WsClient, ping: dict[str, Any]) -> None:
    """The venue's own ping, for ever."""
    while True:
        await trio.sleep(PING_S)
        await ws.send(ping)


async def report(tally: Tally, frames: Frames) -> None:
    """One line a second, of that second alone."""
    second = 0
    started_s = trio.current_time()
    while True:
        second += 1
        await trio.sleep_until(started_s + second)
        line = {
            "second": second,
            "created": tally.created,
            "refused": tally.refused,
            "latency_ms": quantiles(tally.latencies_ms),
            "frames": dict(frames.counts),
            "frame_bytes": frames.size,
            "lag_ms": quantiles(frames.lags_ms),
        }
        tally.created, tally.refused, tally.latencies_ms = 0, {}, []
        frames.counts, frames.size, frames.lags_ms = type(frames.counts)(), 0, []
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


async def until_stdin_eof(scope: trio.CancelScope) -> None:
    """End with the parent."""
    while True:
        await trio.lowlevel.wait_readable(0)
        if not os.read(0, 4096):
            scope.cancel()
            return


async def run(settings: dict[str, Any]) -> None:
    """Load the fakes for the seconds asked."""
    venues, tally, frames = Venues(settings["line"]), Tally(), Frames()
    await venues.learn()
    await stock_up(venues)
    with trio.move_on_after(settings["seconds"] + 0.5) as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(until_stdin_eof, scope)
            line = settings["line"]
            for _ in range(settings["readers"]):
                names = [market.name for market in venues.spot]
                nursery.start_soon(read_gate, line["gate_ws_spot"], "spot", names, frames)
                nursery.start_soon(read_gate, line["gate_ws_futures"], "futures", names, frames)
                nursery.start_soon(read_mexc, line["mexc_ws"], [market.name for market in venues.mexc], frames)
            nursery.start_soon(venues.keep_looking)
            nursery.start_soon(sweep, venues)
            created: list[Lane] = lanes(venues, tally, settings["creates_per_s"], nursery)
            for lane in created:
                nursery.start_soon(lane.run)
            nursery.start_soon(report, tally, frames)


if __name__ == "__main__":
    trio.run(run, json.loads(sys.stdin.readline()))
