"""Listening on real sockets as faults allow: doors that shut, and certificates that no client should accept."""

from __future__ import annotations

import datetime
import os
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio
import trustme

from .clock import FakeClock
from .faults_conditions import Doors

Listener = trio.SocketListener | trio.SSLListener[trio.SocketStream]
Handler = Callable[[trio.abc.Stream], Awaitable[None]]
ELSEWHERE = "elsewhere.invalid"


async def serve_behind_door(
    doors: Doors,
    host: str,
    listeners: list[Listener],
    listen_again: Callable[[], Awaitable[list[Listener]]],
    handler: Handler,
) -> None:
    """Serve for ever; while the door is shut the sockets do not listen, and connections that are open live on.

    Raises OSError when the port was taken meanwhile.
    """
    async with trio.open_nursery() as connections:
        while True:
            with trio.CancelScope() as open_scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_until, doors, host, open_scope)
                    await trio.serve_listeners(handler, listeners, handler_nursery=connections)
            while doors.is_shut(host):
                await doors.changed.wait()
            listeners = await listen_again()


async def _until(doors: Doors, host: str, scope: trio.CancelScope) -> None:
    while not doors.is_shut(host):
        await doors.changed.wait()
    scope.cancel()


def kept_authority(path: Path) -> trustme.CA:
    """The authority of this state directory, made at the first start: a client that runs trusts the next start, too.

    Raises ValueError when the file is damaged, OSError when it cannot be read or written.
    """
    if path.exists():
        pem = path.read_bytes()
        return trustme.CA.from_pem(pem, pem)
    authority = trustme.CA()
    temporary = path.with_name(path.name + ".tmp")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(authority.cert_pem.bytes() + authority.private_key_pem.bytes())
    temporary.replace(path)
    return authority


def tls_context(host: str, showing: Callable[[], str], clock: FakeClock, authority: trustme.CA) -> ssl.SSLContext:
    """A context with a good certificate of the authority, that shows the wrong one which ``showing`` names."""
    names = ("127.0.0.1", "localhost", "::1", host)
    yesterday = datetime.datetime.fromtimestamp(clock.seconds(), datetime.UTC) - datetime.timedelta(days=1)
    good = _context(authority.issue_cert(*names))
    wrong = {
        "expired": _context(authority.issue_cert(*names, not_after=yesterday)),
        "wrong_host": _context(authority.issue_cert(ELSEWHERE)),
        "unknown_authority": _context(trustme.CA().issue_cert(*names)),
    }

    def choose(stream: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        stream.context = wrong.get(showing(), good)

    good.sni_callback = choose
    return good


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context
