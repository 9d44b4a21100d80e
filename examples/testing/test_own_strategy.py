"""A strategy of one's own, tested on the fake exchanges. Nothing in it knows that they are fake."""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from trio_websocket import WebSocketConnection

from dnbot.testing import FakeExchanges, ScriptedMarket


@dataclass
class DipBuyer:
    """Buys 0.01 BTC on Gate as soon as somebody offers it below `limit`, and is done."""

    http: httpx.AsyncClient
    ws: WebSocketConnection
    key: str
    secret: str
    wall_s: Callable[[], float]
    limit: float

    async def run(self) -> Any:
        topic = {"channel": "spot.book_ticker", "event": "subscribe", "payload": ["BTC_USDT"]}
        await self.ws.send_message(json.dumps({"time": int(self.wall_s()), **topic}))
        while True:
            news = json.loads(await self.ws.get_message())
            if news["event"] == "update" and float(news["result"]["a"]) < self.limit:
                return await self.buy(news["result"]["a"])

    async def buy(self, price: str) -> Any:
        order = {"currency_pair": "BTC_USDT", "side": "buy", "amount": "0.01", "price": price, "time_in_force": "ioc"}
        body, now_s = json.dumps(order), str(int(self.wall_s()))
        text = f"POST\n/api/v4/spot/orders\n\n{hashlib.sha512(body.encode()).hexdigest()}\n{now_s}"
        sign = hmac.new(self.secret.encode(), text.encode(), hashlib.sha512).hexdigest()
        headers = {"KEY": self.key, "SIGN": sign, "Timestamp": now_s, "Content-Type": "application/json"}
        return (await self.http.post("/spot/orders", content=body, headers=headers)).json()


async def test_it_buys_the_dip_and_nothing_before(fake_exchanges: FakeExchanges, market_script: ScriptedMarket) -> None:
    fakes = fake_exchanges
    market_script.after(5.0).set_mid(59500)  # not low enough
    market_script.after(9.0).set_mid(58990)
    async with fakes.http(fakes.gate_rest) as http, fakes.websocket(fakes.gate_ws_spot) as ws:
        answer = await DipBuyer(http, ws, fakes.key, fakes.secret, fakes.wall_s, limit=59000).run()
    (order,) = fakes.orders_of(venue="gate")
    assert (answer["id"], order.status, order.filled) == (order.order_id, "closed", order.quantity)
    assert fakes.balance_of("gate", "BTC").total == order.filled - sum(fill.fee for fill in fakes.fills_of())
    assert 9_000 <= order.create_ms - fakes.began_ms < 9_100
