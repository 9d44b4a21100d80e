"""Each fault of the catalogue, at each venue that it names: it strikes, says so, and leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from typing import Any

import pytest
import trio

from dnbot.fakes.faults_catalogue import KINDS

OPTIONS = {
    "public_replayed": "back=1", "huge_frame": "size=1000", "rest_down": "for=2", "maintenance": "for=2",
    "lists_lag": "lag_s=60", "position_liquidated": "fraction=0.1", "position_deleveraged": "fraction=0.1",
    "price_jumps": "bps=1", "liquidity_gone": "bps=2", "request_delayed": "delay_s=0.5",
    "slow_reply": "bytes_per_s=500",
    "swizzle_clog": "step_s=0.1", "traded_by_hand gate_futures": "quantity=10", "instruments_change": "price_band=0.3",
    "edge_spoofed": "bps=2", "leverage_changes": "leverage=0", "book_gap": "count=9",
}
CASES = [(name, venue) for name, kind in KINDS.items() for venue in kind.venues]


class Tour:
    """What a client does in a round at one venue; failures are kept, and the round goes on."""

    def __init__(self, on: Any, venue: str) -> None:
        self.on, self.venue, self.client = on, venue, on.client
        self.failures: list[str] = []
        self.mark = on.world.clock.ms()
        """What makes the ids of this round its own."""

    async def run(self) -> list[str]:
        """Read, subscribe, trade, cancel and read again; returns what went wrong."""
        venue, client = self.venue, self.client
        self.on.step_market(40)
        await self.step("balances", self.ok(self.account()))
        quantity = "10" if venue == "gate_futures" else "0.001"
        await self.step("time", client.time(venue))
        await self.step("clock", client.time("gate_spot" if venue == "gate_futures" else venue))
        await self.step("book", client.top(venue))
        public = await self.step("public socket", client.public(venue))
        private = await self.step("private socket", client.private(venue))
        for number in range(2):
            self.on.hit(venue, "buy", "80" if venue == "gate_futures" else "0.008")
            self.on.step_market()
            await trio.sleep(0.15)
            good = self.on.good(venue)
            name = f"t-{number}-{self.mark}"
            await self.step("taker", self.ok(client.create(venue, "buy", quantity, good, name, "ioc")))
        far = self.on.far(venue)
        resting = await self.step("maker", self.ok(client.create(venue, "buy", quantity, far, f"m-{self.mark}")))
        await self.step("batch", self.ok(self.batch(quantity)))
        await self.step("open orders", client.open_ids(venue))
        if resting is not None:
            await self.step("cancel", self.ok(client.cancel(venue, resting)))
        await self.step("fills", client.fills(venue))
        await self.step("balances", self.ok(self.account()))
        for socket in (public, private):
            await self.step("listening", self.hear(socket))
        await self.step("private socket again", client.private(venue))
        return self.failures

    async def step(self, what: str, doing: Awaitable[Any]) -> Any:
        """One thing, with five seconds for it."""
        with trio.move_on_after(5):
            try:
                return await doing
            except Exception as error:  # noqa: BLE001 (whatever a client stumbles over is what the test asks about)
                self.failures.append(f"{what}: {error!r}")
                return None
        self.failures.append(f"{what}: no end")
        return None

    async def ok(self, answer: Awaitable[Any]) -> Any:
        """An answer whose status is good and whose body can be read."""
        given = await answer
        assert given.status in (200, 201), given
        assert isinstance(given.value, dict | list), given
        return given

    async def hear(self, socket: Any) -> None:
        """The socket has told something."""
        assert await socket.listen(0.5)

    async def batch(self, quantity: str) -> Any:
        """Two resting orders in one call."""
        far, venue = self.on.far(self.venue), self.venue
        if venue == "mexc_spot":
            one = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": quantity, "price": far}
            return await self.client.mexc("POST", "/batchOrders", batchOrders=json.dumps([one, one]))
        if venue == "gate_spot":
            order = {"currency_pair": "BTC_USDT", "side": "buy", "amount": quantity, "price": far, "account": "spot"}
            pair = [order | {"text": f"t-{name}-{self.mark}"} for name in ("b1", "b2")]
            return await self.client.gate("POST", "/spot/batch_orders", body=pair)
        order = {"contract": "BTC_USDT", "size": int(quantity), "price": far, "tif": "gtc"}
        return await self.client.gate("POST", "/futures/usdt/batch_orders", body=[order, order])

    async def account(self) -> Any:
        """Balances; of the perpetual, positions and the account; of MEXC, the listen key renewed as well."""
        if self.venue == "mexc_spot":
            await self.client.mexc("PUT", "/userDataStream", listenKey="0" * 64)
            return await self.client.mexc("GET", "/account")
        if self.venue == "gate_spot":
            return await self.client.gate("GET", "/spot/accounts")
        await self.client.gate("GET", "/futures/usdt/positions")
        return await self.client.gate("GET", "/futures/usdt/accounts")


@pytest.mark.slow  # a world for each of some two hundred
@pytest.mark.parametrize(("name", "venue"), CASES, ids=[f"{name}-{venue}" for name, venue in CASES])
async def test_it_strikes_is_recorded_and_can_be_ended(autojump_clock: Any, stand: Any, name: str, venue: str) -> None:
    """Switched on in a running world it is recorded with its code; switched off, the venue is as good as before."""
    async with stand() as on:
        quantity = "10" if venue == "gate_futures" else "0.001"
        await on.client.create(venue, "buy", quantity, on.good(venue), "before", "ioc")
        options = OPTIONS.get(f"{name} {venue}") or OPTIONS.get(name)
        wanted = f"{name}:venue={venue}" + (f",{options}" if options else "")
        key = on.switch_on(wanted)
        await Tour(on, venue).run()
        struck = on.strikes(name)
        assert struck
        assert {(a.key, a.code, a.venue) for a in struck} == {(key, KINDS[name].code, venue)}
        on.world.faults.switch_off(key)
        await trio.sleep(5)
        count = len(on.strikes(name))
        assert await Tour(on, venue).run() == []
        assert len(on.strikes(name)) == count, "it strikes no more"
        assert on.world.audit()["faults"]["activations"][0]["name"] == name
