"""typed-mexc pointed at the fakes, and the few things that its tests do again and again."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from fakes_server import Fakes
from typed_mexc import MEXC
from typed_mexc.core.exc import BadRequest

D = Decimal
SYMBOL = "BTCUSDT"
TICK = D("0.01")


def client_of(fakes: Fakes, key: str, secret: str) -> MEXC:
    """An unmodified client; all that it is told is where the venue is."""
    return MEXC.new(key, secret, spot_base_url=fakes.mexc_rest, spot_ws_url=fakes.mexc_ws)


async def place(mexc: MEXC, side: str, kind: str, **fields: object) -> Any:
    """One order."""
    texts = {name: str(value) for name, value in fields.items()}
    return await mexc.spot.http.trade.place_order({"symbol": SYMBOL, "side": side, "type": kind, **texts})


async def best(mexc: MEXC) -> tuple[Decimal, Decimal]:
    """Best bid and best ask."""
    row = await mexc.spot.http.market.book_ticker(symbol=SYMBOL)
    return row["bidPrice"], row["askPrice"]


async def passive(mexc: MEXC) -> Decimal:
    """A price to buy at that nobody will sell at soon."""
    return ((await best(mexc))[0] * D("0.9")).quantize(TICK)


async def balances(mexc: MEXC) -> dict[str, tuple[Decimal, Decimal]]:
    """Free and locked of every coin."""
    rows = (await mexc.spot.http.account.info())["balances"]
    return {row["asset"]: (row["free"], row["locked"]) for row in rows}


async def read(mexc: MEXC, order: Any) -> Any:
    """One order, read back. Open ones have `updateTime` null, as recorded, which this client does not expect there."""
    return await mexc.spot.http.account.order(symbol=SYMBOL, order_id=order["orderId"], validate=False)


async def refused(call: Any) -> dict[str, Any]:
    """The body of the refusal that a call must meet; its status must be 400 unless the client says `AuthError`."""
    with pytest.raises(BadRequest) as caught:
        await call
    status, body = caught.value.args
    assert status == 400
    return body
