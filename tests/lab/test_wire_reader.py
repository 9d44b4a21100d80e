"""Which orders a message asks for, read from its bytes: one or a batch, with names and without."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from dnbot.lab.wire_reader import Said

SPOT, FUTURES = "/api/v4/spot/batch_orders", "/api/v4/futures/usdt/batch_orders"


def gate(path: str, orders: Any) -> Said:
    """A POST at Gate."""
    return Said("POST", path, json.dumps(orders).encode())


def socket(channel: str, asked: Any) -> Said:
    """A call on a socket of Gate."""
    return Said("WS", "", json.dumps({"channel": channel, "event": "api", "payload": {"req_param": asked}}).encode())


def mexc(*orders: dict[str, str], in_body: bool = False) -> Said:
    """A batch at MEXC."""
    text = urlencode({"batchOrders": json.dumps(orders), "timestamp": "1"})
    path = "/api/v3/batchOrders"
    return Said("POST", path, text.encode()) if in_body else Said("POST", f"{path}?{text}", b"")


@pytest.mark.parametrize(
    ("said", "names"),
    [
        (gate(SPOT, [{"text": "t-a"}, {"text": "t-b"}]), ("a", "b")),
        (gate(SPOT, [{"text": "t-a"}, {"amount": "1"}]), ("a", "")),
        (gate(FUTURES, [{"text": "t-a"}]), ("a",)),
        (gate(FUTURES, [{"size": 1}, {"text": None}]), ("", "")),
        (gate(FUTURES, {"text": "t-a"}), ()),
        (mexc({"newClientOrderId": "a"}, {"newClientOrderId": "b"}), ("a", "b")),
        (mexc({"newClientOrderId": "a"}, {"symbol": "BTCUSDT"}, in_body=True), ("a", "")),
        (Said("POST", "/api/v3/batchOrders", b""), ()),
        (socket("futures.order_batch_place", [{"text": "t-a"}, {"size": 1}]), ("a", "")),
        (socket("spot.order_place", [{"text": "t-a"}]), ("a",)),
        (socket("spot.order_place", {"text": "t-a"}), ("a",)),
        (gate("/api/v4/spot/orders", {"text": "t-a"}), ("a",)),
        (gate("/api/v4/spot/orders", {"amount": "1"}), ("",)),
        (Said("POST", "/api/v3/order?newClientOrderId=a", b""), ("a",)),
        (Said("DELETE", "/api/v3/order?newClientOrderId=a", b""), ()),
        (gate("/api/v4/spot/cancel_batch_orders", [{"id": "1"}]), ()),
    ],
)
def test_every_order_of_a_message_is_named(said: Said, names: tuple[str, ...]) -> None:
    """A batch that cannot be read has no names at all, and yet it asks for orders."""
    assert said.created_ids == names
    assert said.creates == (said.verb != "DELETE" and "cancel" not in said.target)
