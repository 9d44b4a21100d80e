"""A few trades on every venue through signed REST, and every row that REST then has of them."""

from __future__ import annotations

import hashlib
import hmac
import json
from decimal import Decimal
from typing import Any

import attrs
import trio
import trio.testing
import wire_checks as checks

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.mexc_auth import signature_of
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, Venue
from dnbot.fakes.running import World
from dnbot.fakes.web import HttpRequest
from dnbot.fakes.world import SIMULATION_EPOCH_NS, build_world

BTC = "BTC/USDT"
QUERIES = {
    "/spot/orders": "currency_pair=BTC_USDT&status=finished",
    "/spot/my_trades": "currency_pair=BTC_USDT",
    "/spot/order_book": "currency_pair=BTC_USDT",
    "/futures/usdt/orders": "status=finished",
    "/futures/usdt/my_trades": "",
    "/futures/usdt/account_book": "",
    "/futures/usdt/order_book": "contract=BTC_USDT",
    "/futures/usdt/positions": "",
    "/futures/usdt/contracts": "",
    "/api/v3/time": "",
    "/api/v3/allOrders": "symbol=BTCUSDT",
    "/api/v3/myTrades": "symbol=BTCUSDT",
}


@attrs.define
class WireSession:
    """What REST says about the first configured account."""

    world: World
    rows: dict[str, list[Any]] = attrs.field(factory=dict)

    async def run(self) -> None:
        """Buy and sell everywhere, then read everything."""
        for side, sign, amount in (("buy", 1, "0.001"), ("sell", -1, "0.0009")):  # less: the fee came out of it
            spot = {"currency_pair": "BTC_USDT", "side": side, "amount": amount, "price": self.price(GATE_SPOT, side)}
            await self.gate("POST", "/spot/orders", body=spot | {"time_in_force": "ioc"})
            perp = {"contract": "BTC_USDT", "size": sign * 3 + (sign - 1), "price": "0", "tif": "ioc"}
            await self.gate("POST", "/futures/usdt/orders", body=perp)
            await self.mexc(
                "POST",
                "/api/v3/order",
                f"symbol=BTCUSDT&side={side.upper()}&type=IMMEDIATE_OR_CANCEL&quantity={amount}"
                f"&price={self.price(MEXC_SPOT, side)}",
            )
        for path, query in QUERIES.items():
            read = self.mexc if path.startswith("/api/v3") else self.gate
            told = await read("GET", path, query)
            self.rows[path] = told if isinstance(told, list) else [told]

    def check(self) -> None:
        """Every row, by every check that knows its endpoint."""
        exchange, uid = self.world.exchange, self.world.config.accounts[0].uid
        for path, rows in self.rows.items():
            assert rows, f"nothing at {path}"
            checks.times_are_in_their_units(path, rows, self.world.clock.seconds())
            if path.startswith("/futures"):
                checks.futures_sizes_have_the_sign_of_their_side(path, rows, exchange, uid)
            elif path.endswith(("/my_trades", "/myTrades")):
                checks.amounts_are_of_their_coin(path, rows, exchange, uid)

    def price(self, venue: Venue, side: str) -> str:
        """A price that is met at once."""
        best = self.world.exchange.state.markets[venue, BTC].best("sell" if side == "buy" else "buy")
        assert best is not None
        return f"{best[0]:f}"

    async def gate(self, method: str, path: str, query: str = "", body: Any = None) -> Any:
        """A signed call."""
        raw, full, now = (
            b"" if body is None else json.dumps(body).encode(),
            f"/api/v4{path}",
            self.world.clock.seconds(),
        )
        account = self.world.config.accounts[0]
        text = "\n".join((method, full, query, hashlib.sha512(raw).hexdigest(), str(now)))
        signature = hmac.new(account.secret.encode(), text.encode(), hashlib.sha512).hexdigest()
        headers = (("key", account.key), ("timestamp", str(now)), ("sign", signature))
        response = await self.world.gate_app.handle_http(HttpRequest(method, full, query, headers, raw))
        assert response.status < 300, (path, response.body)
        return json.loads(response.body, parse_float=Decimal)

    async def mexc(self, method: str, path: str, query: str = "") -> Any:
        """A signed call."""
        account = self.world.config.accounts[0]
        text = f"{query}&timestamp={self.world.clock.ms(MEXC_SPOT)}".lstrip("&")
        query = f"{text}&signature={signature_of(account.secret, text)}" if path != "/api/v3/time" else ""
        headers = (("x-mexc-apikey", account.key), ("content-type", "application/json"))
        response = await self.world.mexc_app.handle_http(HttpRequest(method, path, query, headers, b""))
        assert response.status == 200, (path, response.body)
        return json.loads(response.body, parse_float=Decimal)


def run_wire_session() -> None:
    """Trade, read, check; on virtual time."""

    async def main() -> None:
        session = WireSession(build_world(FakesConfig(), FakeClock(SIMULATION_EPOCH_NS)))
        await session.run()
        session.check()
        position = session.world.exchange.position(session.world.config.accounts[0].uid, BTC)
        assert position.contracts < 0
        assert session.world.exchange.open_orders(GATE_FUTURES, position.uid) == []

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
