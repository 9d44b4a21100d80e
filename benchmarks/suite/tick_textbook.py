"""The textbook's way from a frame to a decision: trio-websocket's queue, json, Decimal in dicts, a channel per hop.

What a careful first version looks like: right, and exact to the last digit. MEXC's frames are decoded by protobuf.
"""

from __future__ import annotations

import json
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import trio
import trio_websocket

from dnbot.domain.instrument import VENUES, FeeSchedule, Venue
from dnbot.domain.market import BookView
from dnbot.domain.pair import Pair
from dnbot.strategy.spread import edge_of
from dnbot.venues.mexc.protobuf import decode_push
from suite.authority import client_context
from suite.tick_ours import FEE, snapshot
from suite.tick_words import ENDS_WITH, Decided

LEVELS = 20
THRESHOLD_BPS = Decimal(4)
QUANTITY = Decimal("0.05")
FEES = {venue: FeeSchedule(venue=venue, maker=FEE, taker=FEE) for venue in VENUES}
Stamp = tuple[int, Venue, Any, Any]
"""ns of the read, whose, and what changed on both sides."""


def changes(venue: Venue, frame: str | bytes) -> tuple[list[Any], list[Any]]:
    """Bids and asks of an increment, as (price, size) in text."""
    if isinstance(frame, bytes):
        body: Any = decode_push(frame).body
        return body.bids, body.asks
    result = json.loads(frame)["result"]
    if venue is Venue.GATE_FUTURES:
        return tuple([(row["p"], row["s"]) for row in result[side]] for side in "ba")  # type: ignore[return-value]
    return result["b"], result["a"]


async def decided(urls: dict[Venue, str], ca_file: Path) -> Decided:
    """All frames of a server, and how long each waited for its decision."""
    found = Decided()
    to_books, frames_in = trio.open_memory_channel[Stamp](10_000)
    to_judge, views_in = trio.open_memory_channel[tuple[int, dict[Venue, BookView]]](10_000)
    began_s = time.process_time()
    async with trio.open_nursery() as root:
        root.start_soon(_keep_books, frames_in, to_judge)
        root.start_soon(_judge, views_in, found)
        async with trio.open_nursery() as nursery:
            for venue, url in urls.items():
                nursery.start_soon(_listen, venue, url, ca_file, to_books, found)
        while _waiting(to_books) or _waiting(to_judge):  # noqa: ASYNC110 (what is measured has no event for this)
            await trio.sleep(0.001)
        found.cpu_s = time.process_time() - began_s
        root.cancel_scope.cancel()
    return found


def _waiting(channel: trio.MemorySendChannel[Any]) -> int:
    return channel.statistics().current_buffer_used


async def _listen(
    venue: Venue, url: str, ca_file: Path, out: trio.MemorySendChannel[Stamp], found: Decided
) -> None:
    context = client_context(ca_file) if url.startswith("wss") else None
    async with trio_websocket.open_websocket_url(url, context) as socket:
        while True:
            frame = await socket.get_message()
            read_ns = time.perf_counter_ns()
            if isinstance(frame, str) and frame.startswith(ENDS_WITH):
                found.server = json.loads(frame)
                return
            await out.send((read_ns, venue, *changes(venue, frame)))


async def _keep_books(
    frames_in: trio.MemoryReceiveChannel[Stamp], out: trio.MemorySendChannel[tuple[int, dict[Venue, BookView]]]
) -> None:
    books = {venue: (dict(snapshot(venue).bids), dict(snapshot(venue).asks)) for venue in VENUES}
    views: dict[Venue, BookView] = {}
    async for read_ns, venue, bids, asks in frames_in:
        for side, changed in zip(books[venue], (bids, asks), strict=True):
            for price, size in changed:
                if Decimal(size) == 0:
                    side.pop(Decimal(price), None)
                else:
                    side[Decimal(price)] = Decimal(size)
        kept_bids, kept_asks = books[venue]
        views[venue] = BookView(
            venue=venue, update_id=0, venue_ms=0, received_s=0.0,
            bids=tuple(sorted(kept_bids.items(), reverse=True)[:LEVELS]),
            asks=tuple(sorted(kept_asks.items())[:LEVELS]),
        )
        await out.send((read_ns, dict(views)))


async def _judge(views_in: trio.MemoryReceiveChannel[tuple[int, dict[Venue, BookView]]], found: Decided) -> None:
    async for read_ns, views in views_in:
        edges = [edge_of(pair, QUANTITY, views, FEES) for pair in Pair]
        assert not [edge for edge in edges if edge is not None and edge.edge_bps > THRESHOLD_BPS]
        found.waited_ns.append(time.perf_counter_ns() - read_ns)
