"""A WebSocket server that sends book updates as fast as they are taken: `/16/20000` asks for 20,000, 16 to a write.

Who asks for none is read until the end, and not answered.
"""

from __future__ import annotations

import base64
import hashlib

from suite import loopback

MESSAGE = (
    b'{"time":1800000000,"channel":"spot.order_book_update","event":"update","result":{"t":1800000000123,'
    b'"u":48733182,"b":[["60001.2","0.0123"],["60001.1","0.4"]],"a":[["60002.3","1.25"],["60002.4","0"]]}}'
)
FRAME = bytes([0x81, 126]) + len(MESSAGE).to_bytes(2, "big") + MESSAGE
_KEY = b"sec-websocket-key:"
_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def serve(ca_file: str) -> None:
    """See `loopback.serve`."""
    loopback.serve(ca_file, _feed)


def _feed(client: loopback.Connection) -> None:
    request = loopback.read_head(client)
    if request is None:
        return
    lines = request[0].split(b"\r\n")
    burst, messages = (int(number) for number in lines[0].split()[1].decode().split("/")[1:])
    key = next(line[len(_KEY) :].strip() for line in lines if line.lower().startswith(_KEY))
    accept = base64.b64encode(hashlib.sha1(key + _SUFFIX).digest())  # noqa: S324 (RFC 6455, 4.2.2)
    client.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %s\r\n\r\n" % accept
    )
    chunk = FRAME * burst
    for _ in range(messages // burst):
        client.sendall(chunk)
    while client.recv(loopback.RECEIVE_BYTES) and not messages:
        pass  # after messages a close frame says as much as the end: it has enough
