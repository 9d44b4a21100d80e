"""A WebSocket server that sends book updates as fast as they are taken: `/16/20000` asks for 20,000, 16 to a write."""

from __future__ import annotations

import base64
import hashlib
import json
import selectors
import socket
import ssl
import sys
from pathlib import Path

from suite.authority import HOST, server_context

MESSAGE = (
    b'{"time":1800000000,"channel":"spot.order_book_update","event":"update","result":{"t":1800000000123,'
    b'"u":48733182,"b":[["60001.2","0.0123"],["60001.1","0.4"]],"a":[["60002.3","1.25"],["60002.4","0"]]}}'
)
FRAME = bytes([0x81, 126]) + len(MESSAGE).to_bytes(2, "big") + MESSAGE
_KEY = b"sec-websocket-key:"
_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def serve(ca_file: str) -> None:
    """Print `{"plain": port, "tls": port}` and serve one client at a time until the process is ended."""
    context = server_context(Path(ca_file))
    waiting = selectors.DefaultSelector()
    ports = {}
    for kind in ("plain", "tls"):
        listener = socket.create_server((HOST, 0))
        ports[kind] = listener.getsockname()[1]
        waiting.register(listener, selectors.EVENT_READ, context if kind == "tls" else None)
    print(json.dumps(ports), flush=True)
    waiting.register(sys.stdin, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is sys.stdin:
                return
            assert isinstance(key.fileobj, socket.socket)
            client, _ = key.fileobj.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                _feed(key.data.wrap_socket(client, server_side=True) if key.data is not None else client)
            except OSError:  # a client that has enough closes in the middle of a write
                client.close()


def _feed(client: socket.socket | ssl.SSLSocket) -> None:
    with client:
        request = b""
        while b"\r\n\r\n" not in request:
            request += client.recv(65_536)
        lines = request.split(b"\r\n")
        _, burst, messages = lines[0].split()[1].decode().split("/")
        key = next(line[len(_KEY) :].strip() for line in lines if line.lower().startswith(_KEY))
        accept = base64.b64encode(hashlib.sha1(key + _SUFFIX).digest())  # noqa: S324 (RFC 6455, 4.2.2)
        client.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %s\r\n\r\n" % accept
        )
        chunk = FRAME * int(burst)
        for _ in range(int(messages) // int(burst)):
            client.sendall(chunk)
        client.recv(65_536)  # a close frame or the end: either way it has enough
