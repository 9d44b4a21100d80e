"""A client's signed requests to Gate and MEXC, written from their documents, for fakes in memory and on sockets."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from dnbot.testing import Account, FakeExchange

Send = Callable[[httpx.Request], Awaitable[httpx.Response]]


class SignedRequests:
    """Requests of one account to one set of fakes."""

    def __init__(self, fakes: FakeExchange, send: Send, wall_s: Callable[[], float], account: Account) -> None:
        self.fakes, self.send, self.wall_s, self.account = fakes, send, wall_s, account

    async def gate(self, method: str, path: str, **body: Any) -> Any:
        """Answer to a request below /api/v4 (Gate API v4, authentication)."""
        content, now_s = json.dumps(body) if body else "", str(int(self.wall_s()))
        text = f"{method}\n/api/v4{path}\n\n{hashlib.sha512(content.encode()).hexdigest()}\n{now_s}"
        sign = hmac.new(self.account.secret.encode(), text.encode(), hashlib.sha512).hexdigest()
        headers = {"KEY": self.account.key, "SIGN": sign, "Timestamp": now_s, "Content-Type": "application/json"}
        request = httpx.Request(method, self.fakes.gate_rest + path, headers=headers, content=content)
        return (await self.send(request)).json()

    async def mexc(self, method: str, path: str, **parameters: Any) -> Any:
        """Answer to a signed request (MEXC spot v3, SIGNED endpoints)."""
        query = urlencode({**parameters, "timestamp": int(self.wall_s() * 1000)})
        sign = hmac.new(self.account.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        url = f"{self.fakes.mexc_rest}{path}?{query}&signature={sign}"
        return (await self.send(httpx.Request(method, url, headers={"X-MEXC-APIKEY": self.account.key}))).json()


@pytest.fixture
def signed_requests() -> type[SignedRequests]:
    """How to make them."""
    return SignedRequests
