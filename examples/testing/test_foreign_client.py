"""Somebody's client of MEXC, on asyncio, pointed at the fake exchanges over sockets: only its address was changed."""

import asyncio
import hashlib
import hmac
import time
from urllib.parse import urlencode

import httpx

from dnbot.testing import FakeExchangeServers, ScriptedMarket


class Client:
    """Signs and sends, as any client does."""

    def __init__(self, http: httpx.AsyncClient, key: str, secret: str) -> None:
        self.http, self.key, self.secret = http, key, secret

    async def call(self, method: str, path: str, **parameters: str) -> httpx.Response:
        query = urlencode({**parameters, "timestamp": int(time.time() * 1000)})
        sign = hmac.new(self.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        url = f"{path}?{query}&signature={sign}"
        return await self.http.request(method, url, headers={"X-MEXC-APIKEY": self.key})


def test_it_is_filled_as_maker_and_refused_with_a_wrong_secret(
    fake_exchange_servers: FakeExchangeServers, market_script: ScriptedMarket
) -> None:
    fakes = fake_exchange_servers
    wanted = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.001", "price": "59990"}

    async def talk() -> tuple[str, str, int]:
        async with httpx.AsyncClient(base_url=fakes.mexc_rest) as http:
            mine = Client(http, fakes.key, fakes.secret)
            market_script.spread("mexc", bps=10)  # 59970 to 60030: nobody is met yet
            order_id = (await mine.call("POST", "/api/v3/order", **wanted)).json()["orderId"]
            before = (await mine.call("GET", "/api/v3/order", symbol="BTCUSDT", orderId=order_id)).json()["status"]
            market_script.trade("mexc", "sell", "0.0004", price="59990")
            after = (await mine.call("GET", "/api/v3/order", symbol="BTCUSDT", orderId=order_id)).json()["status"]
            refused = await Client(http, fakes.key, "not the secret").call("POST", "/api/v3/order", **wanted)
            return before, after, refused.status_code

    assert asyncio.run(talk()) == ("NEW", "PARTIALLY_FILLED", 400)
    (fill,) = fakes.fills_of(venue="mexc")
    assert (str(fill.quantity), str(fill.price), fill.role) == ("0.0004", "59990", "maker")
    assert [request.status for request in fakes.requests_of()] == [200, 200, 200, 400]
