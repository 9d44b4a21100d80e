"""What the judge takes for a probe of a socket: an order that was dead when it was committed, and cannot trade now."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.order import OrderIntent, Purpose, Side
from dnbot.domain.units import Price, Quantity
from dnbot.lab.oracle_create import Create
from dnbot.lab.oracle_orders import OrderJudge

NOW_MS, BID = 1_000_000, Decimal(60_000)


@pytest.mark.parametrize(("born_dead", "expires_ms", "price", "is_probe"), [
    (True, NOW_MS - 10_000, BID, True),
    (False, NOW_MS - 10_000, BID, False),  # a hedge that a process held while it stood still
    (True, NOW_MS + 10_000, BID / 2, True),  # the venue lied about its time
    (True, NOW_MS + 10_000, BID, False),
])
def test_a_probe_is_known_by_its_birth_and_by_what_it_can_do(
    born_dead: bool, expires_ms: int, price: Decimal, is_probe: bool
) -> None:
    """Neither alone: whoever calls an order that could trade a probe is judged as for an order."""
    exchange = SimpleNamespace(depth=lambda *_: SimpleNamespace(bids=[(BID, Decimal(1))]))
    world = SimpleNamespace(clock=SimpleNamespace(ms=lambda *_: NOW_MS))
    judge = OrderJudge(cast("Any", SimpleNamespace(world=world, exchange=exchange, symbol="BTC/USDT")))
    intent = OrderIntent(
        client_order_id="dnb-1-1-pf", epoch=1, venue=Venue.GATE_FUTURES, symbol=Symbol("BTC", "USDT"), side=Side.BUY,
        quantity=Quantity(Decimal("0.0001")), price=Price(price), purpose=Purpose.HEDGE, created_at_ns=1_000,
        expires_at_ns=999 if born_dead else 2_000,
    )
    create = Create(
        venue=intent.venue, client_id="t-dnb-1-1-pf", symbol_name="BTC_USDT", side="buy", quantity=Decimal(1),
        price=price, tif="ioc", reduce_only=False, numbers=(), expires_ms=expires_ms,
    )
    assert judge._is_probe(create, intent) is is_probe
