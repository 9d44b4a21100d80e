"""Order creates for the load generator: what a lane asks, over which wire, and how often within the documented limits.

A lane is one way of creating orders (Gate spot REST, Gate perpetual REST, both WebSocket APIs, MEXC REST) at a steady
rate. Its orders take turns: one buys, one sells as much, one rests far from the market, one is an IOC that fills
nothing. What rests is cancelled every second or two, all at once.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import count, cycle
from typing import Any, Literal

import attrs
import trio
from fakes_load_wire import HttpClient, WsClient, gate_headers, mexc_query

D = Decimal
Turn = Literal["buy", "sell", "rest", "miss"]
TURNS: tuple[Turn, ...] = ("buy", "sell", "rest", "miss")
SPEND = D(6)  # quote per spot order: twice Gate's minimum
STOCK = D(400)  # quote spent on each coin before the run, so that sells have something to sell
ANSWER_S_MAX = 20.0


@attrs.define
class Market:
    """One market of one venue: its wire name, steps, and the newest best prices."""

    name: str
    tick: Decimal
    lot: Decimal
    bid: Decimal = D(0)
    ask: Decimal = D(0)

    def price(self, turn: Turn) -> Decimal:
        """A limit: through the book for a taker, 0.3 % off it for what rests or misses (MEXC's band is 0.5 %)."""
        factor = {"buy": D("1.002"), "sell": D("0.998"), "rest": D("0.997"), "miss": D("0.996")}[turn]
        best = self.ask if turn == "buy" else self.bid
        rounding = ROUND_CEILING if turn == "buy" else ROUND_FLOOR
        return (best * factor / self.tick).to_integral_value(rounding) * self.tick

    def amount(self, turn: Turn) -> Decimal:
        """Base for about `SPEND`; a sell leaves what a fee may have taken of the bought coin."""
        base = SPEND / self.bid * (D("0.995") if turn == "sell" else D(1))
        return (base / self.lot).to_integral_value(ROUND_FLOOR) * self.lot


@attrs.define
class Tally:
    """What became of the creates since the last look; latencies run from when a create was due, not from its send."""

    created: int = 0
    refused: dict[str, int] = attrs.field(factory=dict)
    latencies_ms: list[float] = attrs.field(factory=list)

    def note(self, lane: str, *, ok: bool, why: str, due_s: float) -> None:
        """Count one answer."""
        self.latencies_ms.append((trio.current_time() - due_s) * 1000)
        if ok:
            self.created += 1
        else:
            key = f"{lane}: {why}"
            self.refused[key] = self.refused.get(key, 0) + 1


@attrs.define
class Venues:
    """Addresses and credentials as `dnbot fakes` prints them, and the markets of each venue."""

    line: dict[str, Any]
    spot: list[Market] = attrs.field(factory=list)
    perp: list[Market] = attrs.field(factory=list)
    mexc: list[Market] = attrs.field(factory=list)

    async def learn(self) -> None:
        """Read steps and prices of every market."""
        gate, mexc = await HttpClient.open(self.line["gate_rest"]), await HttpClient.open(self.line["mexc_rest"])
        pairs = (await gate.ask("GET", "/api/v4/spot/currency_pairs", {})).value
        self.spot = [Market(p["id"], D(1).scaleb(-p["precision"]), D(1).scaleb(-p["amount_precision"])) for p in pairs]
        contracts = (await gate.ask("GET", "/api/v4/futures/usdt/contracts", {})).value
        self.perp = [Market(c["name"], D(c["order_price_round"]), D(1)) for c in contracts]
        symbols = (await mexc.ask("GET", "/api/v3/exchangeInfo", {})).value["symbols"]
        steps = [(s["symbol"], s["quotePrecision"], s["baseAssetPrecision"]) for s in symbols]
        self.mexc = [Market(name, D(1).scaleb(-tick), D(1).scaleb(-lot)) for name, tick, lot in steps]
        await self.look(gate, mexc)

    async def look(self, gate: HttpClient, mexc: HttpClient) -> None:
        """Refresh the best prices, one request per venue."""
        for markets, client, target, names in (
            (self.spot, gate, "/api/v4/spot/tickers", ("currency_pair", "highest_bid", "lowest_ask")),
            (self.perp, gate, "/api/v4/futures/usdt/tickers", ("contract", "highest_bid", "lowest_ask")),
            (self.mexc, mexc, "/api/v3/ticker/bookTicker", ("symbol", "bidPrice", "askPrice")),
        ):
            rows = {row[names[0]]: row for row in (await client.ask("GET", target, {})).value}
            for market in markets:
                row = rows[market.name]
                market.bid, market.ask = D(row[names[1]]), D(row[names[2]])

    async def keep_looking(self) -> None:
        """Refresh the prices every second, for ever."""
        gate, mexc = await HttpClient.open(self.line["gate_rest"]), await HttpClient.open(self.line["mexc_rest"])
        while True:
            await trio.sleep(1)
            await self.look(gate, mexc)


@attrs.define
class GateRest:
    """Signed Gate calls over one connection."""

    venues: Venues
    client: HttpClient

    @classmethod
    async def open(cls, venues: Venues) -> GateRest:
        """Connect."""
        return cls(venues, await HttpClient.open(venues.line["gate_rest"]))

    async def ask(self, method: str, path: str, query: str = "", body: Any = None) -> tuple[bool, str]:
        """Whether it was accepted, and the label when not."""
        raw = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        line, full = self.venues.line, f"/api/v4{path}"
        headers = gate_headers(line["secret"], line["key"], method, full, query, raw)
        reply = await self.client.ask(method, f"{full}?{query}" if query else full, headers, raw)
        return reply.status < 300, "" if reply.status < 300 else f"{reply.status} {reply.value.get('label')}"


def spot_order(market: Market, turn: Turn, text: str) -> dict[str, str]:
    """The body of a Gate spot create."""
    side = "sell" if turn == "sell" else "buy"
    tif = "gtc" if turn == "rest" else "ioc"
    value = {"currency_pair": market.name, "side": side, "time_in_force": tif, "text": text}
    return value | {"price": f"{market.price(turn):f}", "amount": f"{market.amount(turn):f}"}


def perp_order(market: Market, turn: Turn, text: str) -> dict[str, Any]:
    """The body of a Gate perpetual create, one contract."""
    value = {"contract": market.name, "size": -1 if turn == "sell" else 1, "text": text}
    return value | {"price": f"{market.price(turn):f}", "tif": "gtc" if turn == "rest" else "ioc"}


def mexc_order(market: Market, turn: Turn, text: str) -> str:
    """The query of a MEXC create."""
    side, kind = "SELL" if turn == "sell" else "BUY", "LIMIT" if turn == "rest" else "IMMEDIATE_OR_CANCEL"
    head = f"symbol={market.name}&side={side}&type={kind}&newClientOrderId={text}"
    return f"{head}&quantity={market.amount(turn):f}&price={market.price(turn):f}"


@attrs.define
class Lane:
    """Creates at `per_s`, from `workers` connections; `create(market, turn, text)` answers ok and why not."""

    name: str
    per_s: float
    workers: int
    markets: Callable[[], list[Market]]
    connect: Callable[[], Awaitable[Callable[[Market, Turn, str], Awaitable[tuple[bool, str]]]]]
    tally: Tally
    _numbers: Iterator[int] = attrs.field(factory=count)
    _due_s: float = 0.0

    async def run(self) -> None:
        """Create until cancelled."""
        self._due_s = trio.current_time()
        work = cycle((market, turn) for turn in TURNS for market in self.markets())
        async with trio.open_nursery() as nursery:
            for _ in range(self.workers):
                nursery.start_soon(self._work, work)

    async def _work(self, work: Iterator[tuple[Market, Turn]]) -> None:
        create = await self.connect()
        while True:
            due_s, self._due_s = self._due_s, self._due_s + 1 / self.per_s
            await trio.sleep_until(due_s)
            market, turn = next(work)
            with trio.fail_after(ANSWER_S_MAX):
                ok, why = await create(market, turn, f"t-{self.name}-{next(self._numbers)}")
            self.tally.note(self.name, ok=ok, why=why, due_s=due_s)


@attrs.define
class GateWs:
    """One logged in WebSocket API connection, one call at a time."""

    venues: Venues
    product: str
    client: WsClient
    _answers: tuple[trio.MemorySendChannel[Any], trio.MemoryReceiveChannel[Any]] = attrs.field(
        factory=lambda: trio.open_memory_channel[Any](100)
    )

    @classmethod
    async def open(cls, venues: Venues, product: str, nursery: trio.Nursery) -> GateWs:
        """Connect, log in, keep reading."""
        ws = cls(venues, product, await WsClient.open(venues.line[f"gate_ws_{product}"]))
        nursery.start_soon(ws.client.read, ws._take)
        stamp, line = str(int(time.time())), venues.line
        text = f"api\n{product}.login\n\n{stamp}"
        sign = hmac.new(line["secret"].encode(), text.encode(), hashlib.sha512).hexdigest()
        payload = {"req_id": "login", "api_key": line["key"], "signature": sign, "timestamp": stamp}
        ok, why = await ws.ask("login", payload)
        if not ok:
            raise RuntimeError(f"login: {why}")
        return ws

    def _take(self, payload: bytes) -> None:
        if b'"ack":true' not in payload:
            self._answers[0].send_nowait(json.loads(payload))

    async def ask(self, call: str, payload: dict[str, Any]) -> tuple[bool, str]:
        """Whether the call was accepted, and the label when not."""
        frame = {"time": int(time.time()), "channel": f"{self.product}.{call}", "event": "api", "payload": payload}
        await self.client.send(frame)
        answer = await self._answers[1].receive()
        status = answer["header"]["status"]
        return status == "200", "" if status == "200" else f"{status} {answer['data']['errs']['label']}"


async def stock_up(venues: Venues) -> None:
    """Buy coins on both spot venues, so that sells can be filled."""
    gate, mexc = await GateRest.open(venues), await HttpClient.open(venues.line["mexc_rest"])
    for market in venues.spot:
        order = {"currency_pair": market.name, "side": "buy", "type": "market", "time_in_force": "ioc"}
        await gate.ask("POST", "/spot/orders", body=order | {"amount": str(STOCK), "text": "t-stock"})
    for market in venues.mexc:
        query = mexc_query(venues.line["secret"], f"symbol={market.name}&side=BUY&type=MARKET&quoteOrderQty={STOCK}")
        await mexc.ask("POST", f"/api/v3/order?{query}", {"X-MEXC-APIKEY": venues.line["key"]})


async def sweep(venues: Venues) -> None:
    """Cancel what rests, for ever: Gate every second, MEXC every two (its cancels share the orders' budget)."""
    gate, mexc = await GateRest.open(venues), await HttpClient.open(venues.line["mexc_rest"])
    for number in count():
        await trio.sleep(1)
        await gate.ask("DELETE", "/spot/orders")
        for market in venues.perp:
            await gate.ask("DELETE", "/futures/usdt/orders", f"contract={market.name}")
        if number % 2:
            names = "%2C".join(market.name for market in venues.mexc[:5])
            query = mexc_query(venues.line["secret"], f"symbol={names}")
            await mexc.ask("DELETE", f"/api/v3/openOrders?{query}", {"X-MEXC-APIKEY": venues.line["key"]})


def lanes(venues: Venues, tally: Tally, per_s: float, nursery: trio.Nursery) -> list[Lane]:
    """All lanes; together they create `per_s`, shared out by what the documented limits leave room for."""

    async def gate_rest(path: str, body: Callable[[Market, Turn, str], Any]) -> Any:
        rest = await GateRest.open(venues)
        return lambda market, turn, text: rest.ask("POST", path, body=body(market, turn, text))

    async def gate_ws(product: str, body: Callable[[Market, Turn, str], Any]) -> Any:
        ws = await GateWs.open(venues, product, nursery)
        return lambda market, turn, text: ws.ask(
            "order_place", {"req_id": text, "req_param": body(market, turn, text)}
        )

    async def mexc_rest() -> Any:
        client, line = await HttpClient.open(venues.line["mexc_rest"]), venues.line

        async def create(market: Market, turn: Turn, text: str) -> tuple[bool, str]:
            query = mexc_query(line["secret"], mexc_order(market, turn, text))
            headers = {"X-MEXC-APIKEY": line["key"], "Content-Type": "application/json"}
            reply = await client.ask("POST", f"/api/v3/order?{query}", headers)
            return reply.status == 200, "" if reply.status == 200 else f"{reply.status} {reply.value.get('code')}"

        return create

    shares: list[tuple[str, float, int, Callable[[], list[Market]], Any]] = [
        ("spot-rest", 9.0 * len(venues.spot), 4, lambda: venues.spot, lambda: gate_rest("/spot/orders", spot_order)),
        ("spot-ws", 9.0, 1, lambda: venues.spot, lambda: gate_ws("spot", spot_order)),
        ("mexc-rest", 10.5, 2, lambda: venues.mexc, mexc_rest),
        ("perp-rest", 90.0, 4, lambda: venues.perp, lambda: gate_rest("/futures/usdt/orders", perp_order)),
        ("perp-ws", 90.0, 2, lambda: venues.perp, lambda: gate_ws("futures", perp_order)),
    ]
    share = per_s / sum(most for _, most, *_ in shares)
    if share > 1:
        raise ValueError(f"the documented limits allow {per_s / share:.0f} creates/s to one account, not {per_s:.0f}")
    return [Lane(name, most * share, *rest, tally) for name, most, *rest in shares]
