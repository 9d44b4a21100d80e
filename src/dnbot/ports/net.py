"""The seam: one way to open a byte stream to a host, under REST and WebSocket alike.

Everything above takes a `StreamOpener`, so tests hand in memory streams where production hands in TCP with TLS.
An opener owns TLS: what it returns carries plain application bytes.
"""

from __future__ import annotations

import ipaddress
import select
import ssl
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import trio

from dnbot.domain.errors import ConfigError, VenueUnreachable

StreamOpener = Callable[[str, int], Awaitable[trio.abc.Stream]]

CONNECT_TIMEOUT_S = 5.0
_TLS_BY_SCHEME = {"https": True, "wss": True, "http": False, "ws": False}


@attrs.frozen
class Endpoint:
    """A host and port one may connect to, and whether the stream must be TLS."""

    host: str
    port: int
    tls: bool = True

    @classmethod
    def from_url(cls, url: str) -> Endpoint:
        """Takes scheme, host and port from an https, wss, http or ws URL; the path is not part of an endpoint.

        Raises ConfigError for any other scheme, a missing host or a URL that carries a user name or password.
        """
        parts = urlsplit(url)
        if parts.scheme not in _TLS_BY_SCHEME or not parts.hostname:
            raise ConfigError("endpoint", "url", parts.scheme, "https://, wss://, or http:// and ws:// on loopback")
        if parts.username is not None or parts.password is not None:
            raise ConfigError("endpoint", "url", "***", "a URL without user name and password")
        tls = _TLS_BY_SCHEME[parts.scheme]
        try:
            port = parts.port or (443 if tls else 80)
        except ValueError as error:
            raise ConfigError("endpoint", "port", str(error), "1 to 65535") from error
        return cls(host=parts.hostname, port=port, tls=tls)

    @property
    def authority(self) -> str:
        """`host`, or `host:port` where the port is not the scheme's own: the text of a Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


def is_loopback(host: str) -> bool:
    """True for `localhost` and literal loopback addresses; a name that only resolves to loopback does not count."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class TcpTlsOpener:
    """Opens TCP streams, with TLS >= 1.2 and the certificate and host name verified, to listed endpoints only.

    An endpoint without TLS, and a private certificate authority, are accepted for loopback alone: both exist for
    the fakes, and a mistake in a file must not send a key in the clear. Nagle's algorithm is off (trio's default).
    """

    def __init__(
        self,
        allowed: Iterable[Endpoint],
        *,
        ca_file: Path | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
    ) -> None:
        """Raises ConfigError for plain text or a private authority outside loopback, or an unreadable ca_file."""
        self._allowed = {(endpoint.host, endpoint.port): endpoint for endpoint in allowed}
        for endpoint in self._allowed.values():
            if not endpoint.tls and not is_loopback(endpoint.host):
                raise ConfigError("endpoint", endpoint.host, "no TLS", "TLS everywhere except loopback")
            if ca_file is not None and not is_loopback(endpoint.host):
                raise ConfigError("endpoint", "ca_file", endpoint.host, "a certificate authority for loopback only")
        self.ca_file = ca_file
        self._context = _client_context(ca_file)
        self._connect_timeout_s = connect_timeout_s
        self.opened = 0

    async def __call__(self, host: str, port: int) -> trio.abc.Stream:
        """A connected stream.

        Raises VenueUnreachable when there is none (so nothing was sent), and ConfigError for a host not listed.
        """
        endpoint = self._allowed.get((host, port))
        if endpoint is None:
            listed = ", ".join(f"{h}:{p}" for h, p in self._allowed)
            raise ConfigError("endpoint", "host", f"{host}:{port}", listed or "no host at all")
        failure: str
        try:
            with trio.fail_after(self._connect_timeout_s):
                stream = await self._open(endpoint)
        except trio.TooSlowError:
            failure = f"not connected within {self._connect_timeout_s} s"
        except (OSError, trio.BrokenResourceError) as error:
            failure = connect_failure(error)
        else:
            self.opened += 1
            return stream
        raise VenueUnreachable(f"{host}:{port}", failure)

    async def _open(self, endpoint: Endpoint) -> trio.abc.Stream:
        tcp = await trio.open_tcp_stream(endpoint.host, endpoint.port)
        if not endpoint.tls:
            return tcp
        tls = trio.SSLStream(tcp, self._context, server_hostname=endpoint.host, https_compatible=True)
        try:
            await tls.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(tls)
            raise
        return tls


def _client_context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError("endpoint", "ca_file", str(ca_file), f"a readable PEM file ({error})") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def connect_failure(error: BaseException) -> str:
    """One line that says why a connection was not made: certificate trouble is told apart from the network's."""
    cause = error.__cause__ if isinstance(error, trio.BrokenResourceError) and error.__cause__ else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"certificate refused: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return f"TLS handshake failed: {cause.reason}"
    return f"not connected: {type(cause).__name__}: {cause}"


def has_ended_or_spoken(stream: trio.abc.Stream) -> bool:
    """True when an idle stream has bytes or an end to read, without reading: an idle connection should have neither.

    Works on sockets, TLS over sockets, and any stream that offers `is_readable()`; other streams answer False.
    """
    inner = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
    if isinstance(inner, trio.SocketStream):
        descriptor = inner.socket.fileno()
        return descriptor < 0 or _is_readable(descriptor)
    probe: Callable[[], bool] | None = getattr(inner, "is_readable", None)
    return bool(probe()) if probe is not None else False


def _is_readable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
