"""The peer of target 10: a loop over ccxt.pro that watches the same books and places the same order, without a commit.

It compares best prices in floats, knows no state, no risk and no record, and keeps both REST connections warm. It runs
on asyncio's own loop, as ccxt does.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs

from suite.figures import Figures
from suite.strokes import QUANTITY, Market, Stroke
from suite.wire_log import WireLog, asyncio_wire, tick_to_wire_ns
from suite.wire_words import PAUSE_S, STROKE_S_MAX, WARM_UP, Struck, seconds_max

KIT = Path(__file__).resolve().parents[2] / "tests" / "conformance"
SPOT, SWAP = "BTC/USDT", "BTC/USDT:USDT"
FEES = {"gate": 0.002, "mexc": 0.0005}
EDGE_MIN = 0.0004
"""As a fraction of the price, after fees: what the bot asks for too, threshold and slippage reserve."""
SLIP = 0.001
"""How much worse than what was seen an order may be filled."""

Quoted = tuple[str, float]
"""A side, and a price that was seen."""


def trade(address: Mapping[str, Any], strokes: int) -> Figures:
    """So many strokes after those that warm up."""
    market = Market.at(dict(address))
    struck = asyncio.run(asyncio.wait_for(_trade(address, market, strokes), seconds_max(strokes)))
    return struck.figures(market.taken())


async def _trade(address: Mapping[str, Any], market: Market, strokes: int) -> Struck:
    log, struck = WireLog(), Struck()
    market.keep_talking()
    market.clear()
    with asyncio_wire(log):
        loop = await Loop.opened(address)
        watching = [asyncio.create_task(loop.watch(*book)) for book in loop.books]
        try:
            await loop.ready(watching)
            for number in range(WARM_UP + strokes):
                stroke = Stroke.of(number)
                struck.note(number, stroke, await _strike(loop, market, log, stroke))
            struck.orders = loop.orders
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            await asyncio.gather(loop.gate.close(), loop.mexc.close())
    return struck


async def _strike(loop: Loop, market: Market, log: WireLog, stroke: Stroke) -> int | None:
    await asyncio.sleep(PAUSE_S)
    market.clear()
    await loop.calm()
    market.strike(stroke)
    placed = asyncio.Event()
    log.begin(placed.set)
    loop.armed = True
    try:
        await asyncio.wait_for(placed.wait(), STROKE_S_MAX)
    except TimeoutError:
        loop.armed = False
    await loop.settled()
    return tick_to_wire_ns(log, stroke.text)


@attrs.define
class Loop:
    """Both exchanges, and the best prices of three books."""

    gate: Any
    mexc: Any
    orders: int = 0
    armed: bool = False
    """Whether the next edge is traded: each stroke once, although its level is seen until the venue tells otherwise."""
    tops: dict[tuple[str, str], tuple[float, float]] = attrs.field(factory=dict)
    """Best bid and ask of a symbol at an exchange."""
    _trading: asyncio.Task[None] | None = None

    @classmethod
    async def opened(cls, address: Mapping[str, Any]) -> Loop:
        """Pointed at the fakes as the conformance tests point them, markets loaded."""
        pro = import_module("ccxt.pro")
        sys.path.insert(0, str(KIT))
        try:
            kit, server = import_module("ccxt_client"), import_module("fakes_server")
        finally:
            sys.path.remove(str(KIT))
        fakes = server.Fakes(address)
        made = cls(*(kit.pointed(kind(kit.options(fakes)), fakes) for kind in (pro.gate, pro.mexc)))
        await asyncio.gather(made.gate.load_markets(), made.mexc.load_markets())
        return made

    @property
    def books(self) -> list[tuple[str, Any, str]]:
        """What is watched."""
        return [("gate", self.gate, SPOT), ("gate", self.gate, SWAP), ("mexc", self.mexc, SPOT)]

    async def ready(self, watching: list[asyncio.Task[None]]) -> None:
        """Return when all books are known; raises what ended a watcher."""
        while len(self.tops) < len(self.books):
            for task in watching:
                if task.done():
                    task.result()
            await asyncio.sleep(0.02)

    async def watch(self, name: str, exchange: Any, symbol: str) -> None:
        """Keep one book's best prices, and decide after each change."""
        while True:
            book = await exchange.watch_order_book(symbol)
            self.tops[(name, symbol)] = book["bids"][0][0], book["asks"][0][0]
            if self.armed:
                self._decide()

    async def calm(self) -> None:
        """Return when no edge is in sight."""
        while self._edge() is not None:  # noqa: ASYNC110 (the library sets no event)
            await asyncio.sleep(0.005)

    async def settled(self) -> None:
        """Return when both answers are there; raises what went wrong."""
        if self._trading is not None:
            await self._trading

    def _decide(self) -> None:
        edge = self._edge()
        if edge is not None:
            self.armed = False
            self._trading = asyncio.create_task(self._trade(*edge))

    def _edge(self) -> tuple[Quoted, Quoted] | None:
        """What to do at Gate and at MEXC, and at which price; None when nothing pays."""
        (gate_bid, gate_ask), (mexc_bid, mexc_ask) = self.tops[("gate", SPOT)], self.tops[("mexc", SPOT)]
        gate_fee, mexc_fee = FEES["gate"], FEES["mexc"]
        if gate_bid * (1 - gate_fee) > mexc_ask * (1 + mexc_fee) * (1 + EDGE_MIN):
            return ("sell", gate_bid), ("buy", mexc_ask)
        if mexc_bid * (1 - mexc_fee) > gate_ask * (1 + gate_fee) * (1 + EDGE_MIN):
            return ("buy", gate_ask), ("sell", mexc_bid)
        return None

    async def _trade(self, at_gate: Quoted, at_mexc: Quoted) -> None:
        await asyncio.gather(_order(self.gate, *at_gate), _order(self.mexc, *at_mexc))
        self.orders += 2


async def _order(exchange: Any, side: str, price: float) -> None:
    worst = price * (1 + SLIP) if side == "buy" else price * (1 - SLIP)
    await exchange.create_order(SPOT, "limit", side, float(QUANTITY), worst, {"timeInForce": "IOC"})
