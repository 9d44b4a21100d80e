"""What the servers of the suite share: a plain and a TLS port on loopback, one client after the other."""

from __future__ import annotations

import json
import selectors
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from suite.authority import HOST, server_context

Connection = socket.socket | ssl.SSLSocket
RECEIVE_BYTES = 65_536


def serve(ca_file: str, speak: Callable[[Connection], None]) -> None:
    """Print `{"plain": port, "tls": port}`, then speak to one client at a time until stdin ends."""
    for client in clients(ca_file):
        try:
            with client:
                speak(client)
        except OSError:  # it has enough, and closed in the middle of something
            continue


def clients(ca_file: str) -> Iterator[Connection]:
    """Print `{"plain": port, "tls": port}`, then give each client as it comes, its TLS open, until stdin ends."""
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
            accepted, _ = key.fileobj.accept()
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield accepted if key.data is None else key.data.wrap_socket(accepted, server_side=True)


def read_head(client: Connection, begun: bytes = b"") -> tuple[bytes, bytes] | None:
    """The head of the next request, without its last empty line, and what came after it; None at the end."""
    received = begun
    while b"\r\n\r\n" not in received:
        chunk = client.recv(RECEIVE_BYTES)
        if not chunk:
            return None
        received += chunk
    head, _, rest = received.partition(b"\r\n\r\n")
    return head, rest
