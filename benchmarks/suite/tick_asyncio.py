"""A strong asyncio peer: picows on uvloop, msgspec into floats, sorted float books, all in the frame's own callback."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left, insort
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.pair import Pair
from dnbot.venues.mexc.protobuf import decode_push
from suite.authority import client_context
from suite.tick_ours import FEE, snapshot
from suite.tick_words import ENDS_WITH, Decided

QUANTITY = 0.05
THRESHOLD_BPS = 4.0
RUN_S_MAX = 600.0
_RATE = float(FEE)


class _Row(msgspec.Struct):
    p: float
    s: float


class _SpotResult(msgspec.Struct):
    u: int
    b: list[tuple[float, float]]
    a: list[tuple[float, float]]


class _SwapResult(msgspec.Struct):
    u: int
    b: list[_Row]
    a: list[_Row]


class _Spot(msgspec.Struct):
    result: _SpotResult


class _Swap(msgspec.Struct):
    result: _SwapResult


_spot = msgspec.json.Decoder(_Spot, strict=False).decode
_swap = msgspec.json.Decoder(_Swap, strict=False).decode


class Book:
    """One side after the other, prices ascending."""

    def __init__(self, venue: Venue) -> None:
        start = snapshot(venue)
        self.sides = tuple({float(price): float(size) for price, size in rows} for rows in (start.bids, start.asks))
        self.prices = tuple(sorted(side) for side in self.sides)

    def apply(self, number: int, changed: list[tuple[float, float]]) -> None:
        """Changes of one side: 0 bids, 1 asks."""
        side, prices = self.sides[number], self.prices[number]
        for price, size in changed:
            if size:
                if price not in side:
                    insort(prices, price)
                side[price] = size
            elif price in side:
                del side[price]
                del prices[bisect_left(prices, price)]

    def cost(self) -> float:
        """What `QUANTITY` costs per unit."""
        return _walk(self.sides[1], self.prices[1]) * (1 + _RATE)

    def proceeds(self) -> float:
        """What it brings per unit."""
        return _walk(self.sides[0], reversed(self.prices[0])) * (1 - _RATE)


def _walk(side: dict[float, float], prices: Any) -> float:
    left, value = QUANTITY, 0.0
    for price in prices:
        taken = min(left, side[price])
        value += taken * price
        left -= taken
        if left <= 0:
            break
    return value / QUANTITY


def run(urls: dict[Venue, str], ca_file: Path) -> Decided:
    """All frames of a server, and how long each waited for its decision."""
    found: Decided = import_module("uvloop").run(_main(urls, ca_file))
    return found


async def _main(urls: dict[Venue, str], ca_file: Path) -> Decided:
    picows = import_module("picows")
    found, books = Decided(), {venue: Book(venue) for venue in VENUES}
    prices: dict[Venue, tuple[float, float]] = {}
    done = {venue: asyncio.get_running_loop().create_future() for venue in urls}

    class Listener(picows.WSListener):  # type: ignore[name-defined, misc]  # picows brings no types
        """Decides in the callback of the frame."""

        def __init__(self, venue: Venue) -> None:
            self.venue, self.book = venue, books[venue]

        def on_ws_frame(self, _: Any, frame: Any) -> None:
            """One message."""
            read_ns = time.perf_counter_ns()
            payload = frame.get_payload_as_bytes()
            if payload.startswith(ENDS_WITH.encode()):
                found.server = msgspec.json.decode(payload)
                done[self.venue].set_result(None)
                return
            for number, changed in enumerate(_changes(self.venue, payload)):
                self.book.apply(number, changed)
            prices[self.venue] = self.book.cost(), self.book.proceeds()
            if len(prices) == len(VENUES):
                mid = self.book.prices[1][0]
                for pair in Pair:
                    edge = (prices[pair.sell_venue][1] - prices[pair.buy_venue][0]) / mid * 10_000
                    assert edge < THRESHOLD_BPS
            found.waited_ns.append(time.perf_counter_ns() - read_ns)

    began_s = time.process_time()
    transports = []
    for venue, url in urls.items():
        context = client_context(ca_file) if url.startswith("wss") else None
        transport, _ = await picows.ws_connect(lambda venue=venue: Listener(venue), url, ssl_context=context)
        transports.append(transport)
    await asyncio.wait_for(asyncio.gather(*done.values()), RUN_S_MAX)
    found.cpu_s = time.process_time() - began_s
    for transport in transports:
        transport.disconnect()
    return found


def _changes(venue: Venue, payload: bytes) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    if venue is Venue.MEXC_SPOT:
        body: Any = decode_push(payload).body
        bids, asks = ([(float(price), float(size)) for price, size in rows] for rows in (body.bids, body.asks))
        return bids, asks
    if venue is Venue.GATE_SPOT:
        result = _spot(payload).result
        return result.b, result.a
    rows = _swap(payload).result
    return [(row.p, row.s) for row in rows.b], [(row.p, row.s) for row in rows.a]
