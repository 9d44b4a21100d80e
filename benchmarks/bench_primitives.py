"""What the pieces cost that a hot path is made of: a call, a quotient, a struct, a turn of the loop.

    .venv/bin/python benchmarks/bench_primitives.py

CPU, the least of nine rounds, the call around each piece subtracted: with these docs/performance.md counts
what a target cannot do without.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
import timeit
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import trio
import trio_asyncio
from suite import frames
from suite.step import monitoring

from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.pair import PairEdge
from dnbot.domain.units import divide
from dnbot.venues.factory import public_codec
from dnbot.venues.mexc import protobuf

ROUNDS, CALLS, TURNS = 9, 20_000, 5_000
PRICE, SIZE = Decimal("60000.1"), Decimal("1.234")
PRECISE = divide(PRICE, SIZE)
BOOK = {PRICE: SIZE}
EDGE: dict[str, Any] = {
    "pair_name": "OPEN_GATE", "edge_bps": 1.0, "gross_bps": 1.0, "mean_bps": 1.0, "sd_bps": 1.0, "z_score": 1.0,
    "half_life_s": None, "samples": 1,
}
GATE, MEXC = frames.gate_frames(3)[2], frames.mexc_frames(3)[2]
SIDE = b'[["60000.1","1.234"],["60000.2","1.234"],["60000.3","1.234"]]'


def main() -> None:
    """A line per piece, ns."""
    context = monitoring().context
    gate, mexc = (public_codec(venue, Symbol("BTC", "USDT")) for venue in (Venue.GATE_SPOT, Venue.MEXC_SPOT))
    exact = msgspec.json.Decoder(tuple[tuple[Decimal, Decimal], ...]).decode
    rough = msgspec.json.Decoder(tuple[tuple[float, float], ...], strict=False).decode
    pieces: dict[str, Callable[[], object]] = {
        "Decimal: sum": lambda: PRICE + SIZE,
        "Decimal: product": lambda: PRICE * SIZE,
        "Decimal: quotient, 60 digits": lambda: divide(PRICE, SIZE),
        "Decimal: product with a quotient": lambda: PRECISE * SIZE,
        "Decimal: comparison": lambda: PRICE > SIZE,
        "Decimal: to float": lambda: float(PRICE),
        "Decimal: from text": lambda: Decimal("60000.1"),
        "dict: look-up by Decimal": lambda: BOOK[PRICE],
        "msgspec: a pair's edge, eight fields": lambda: PairEdge(**EDGE),
        "msgspec: a copy of the machine's context": lambda: msgspec.structs.replace(context, events=1),
        "msgspec: three levels of texts to Decimals": lambda: exact(SIDE),
        "msgspec: three levels of texts to floats": lambda: rough(SIDE),
        "upb: MEXC's frame, no field read": lambda: protobuf._PUSH.FromString(MEXC),
        "codec: Gate's frame of six levels": lambda: gate.decode(GATE),
        "codec: MEXC's frame of six levels": lambda: mexc.decode(MEXC),
        "HMAC-SHA256 of 200 bytes": lambda: hmac.digest(b"s" * 64, b"q" * 200, hashlib.sha256),
    }
    empty_ns = least_ns(lambda: None)
    print(f"{empty_ns:8,.0f}  a call that does nothing")
    for name, piece in pieces.items():
        print(f"{least_ns(piece) - empty_ns:8,.0f}  {name}")
    print(f"{trio.run(turns_ns):8,.0f}  trio: a turn of the loop")
    print(f"{trio.run(crossings_ns):8,.0f}  trio-asyncio: into its loop and back")


def least_ns(piece: Callable[[], object]) -> float:
    """Of one call."""
    return min(timeit.repeat(piece, timer=time.process_time, number=CALLS, repeat=ROUNDS)) / CALLS * 1e9


async def turns_ns() -> float:
    """A task that gives way, and nobody else is there."""
    found = []
    for _ in range(ROUNDS):
        began_s = time.process_time()
        for _ in range(TURNS):
            await trio.lowlevel.checkpoint()
        found.append(time.process_time() - began_s)
    return min(found) / TURNS * 1e9


async def crossings_ns() -> float:
    """A coroutine of asyncio that does nothing, awaited from trio."""
    found = []
    async with trio_asyncio.open_loop() as loop:
        call = trio_asyncio.aio_as_trio(nothing, loop=loop)
        for _ in range(ROUNDS):
            began_s = time.process_time()
            for _ in range(TURNS // 10):
                await call()
            found.append(time.process_time() - began_s)
    return min(found) / (TURNS // 10) * 1e9


async def nothing() -> None:
    """It takes a turn of asyncio's."""
    await asyncio.sleep(0)


if __name__ == "__main__":
    main()
