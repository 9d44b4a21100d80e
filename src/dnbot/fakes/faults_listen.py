"""Listening on real sockets as faults allow: doors that shut, and certificates that no client should accept."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Awaitable, Callable

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


def tls_context(host: str, showing: Callable[[], str], clock: FakeClock) -> tuple[ssl.SSLContext, trustme.Blob]:
    """A context with a good certificate, that shows the wrong one which ``showing`` names; and the good authority."""
    authority = trustme.CA()
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
    return good, authority.cert_pem


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context
