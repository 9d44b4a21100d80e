"""An HTTP server that answers every request with the same order, on connections that are kept."""

from __future__ import annotations

import json

from suite import loopback

BODY = json.dumps({
    "symbol": "BTCUSDT", "orderId": "C02__583905164440776704043", "orderListId": -1, "price": "60000.1",
    "origQty": "0.01", "type": "LIMIT", "side": "BUY", "transactTime": 1_800_000_000_123,
}).encode()
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=utf-8\r\nContent-Length: %d\r\n"
    b"Connection: keep-alive\r\nCache-Control: no-store\r\n\r\n%s" % (len(BODY), BODY)
)
_LENGTH = b"content-length:"


def serve(ca_file: str) -> None:
    """See `loopback.serve`."""
    loopback.serve(ca_file, _answer)


def _answer(client: loopback.Connection) -> None:
    rest = b""
    while (request := loopback.read_head(client, rest)) is not None:
        head, rest = request
        lengths = [line[len(_LENGTH) :] for line in head.split(b"\r\n") if line.lower().startswith(_LENGTH)]
        length = int(lengths[0]) if lengths else 0
        while len(rest) < length:
            rest += client.recv(loopback.RECEIVE_BYTES)
        rest = rest[length:]
        client.sendall(_ANSWER)
