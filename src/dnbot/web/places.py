"""Where the dashboard is: its address, the names that it answers to, and the tokens that open it."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path
from urllib.parse import urlsplit

import attrs

from dnbot.config import WebSettings
from dnbot.domain.errors import ConfigError
from dnbot.operate.control_socket import socket_path
from dnbot.ports.credentials import Secret, SecretRegistry, load_secret, secret_from_file
from dnbot.ports.net import is_loopback
from dnbot.web.access import Keyring, new_token

TOKEN_NAME = "web.token"  # noqa: S105 (the name of a file)
ADDRESS_NAME = "web.address"
HTTPS_PORT = 443


@attrs.frozen
class Place:
    """One address and everything that is said of it."""

    host: str
    port: int
    hosts: frozenset[str]
    """Values of the Host header that are answered."""
    origins: frozenset[str]
    """Pages that may send something which changes anything."""
    public_host: str = ""
    """That of the proxy that speaks TLS."""

    @property
    def url(self) -> str:
        """As a person opens it."""
        return f"https://{self.public_host}" if self.public_host else f"http://{_netloc(self.host, self.port)}"

    @property
    def cookie(self) -> str:
        """Browsers do not tell ports apart: each bot of a machine has a cookie of its own."""
        return f"dnbot_{self.port}"


def place_of(settings: WebSettings) -> Place | None:
    """Where these settings put it; None when they have it off. Raises ValueError for an address that is none."""
    address = settings.address()
    if address is None:
        return None
    host, port = address
    names = [_netloc(host, port)]
    if is_loopback(host):
        names += [_netloc(name, port) for name in ("127.0.0.1", "localhost", "::1")]
    else:
        names = []
    public = _public_host(settings.public_url)
    return Place(
        host=host, port=port, public_host=public,
        hosts=frozenset([*names, public] if public else names),
        origins=frozenset([*(f"http://{name}" for name in names), *([f"https://{public}"] if public else [])]),
    )


def _netloc(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _public_host(url: str) -> str:
    if not url:
        return ""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return host if parts.port in (None, HTTPS_PORT) else f"{host}:{parts.port}"


def keyring_of(
    settings: WebSettings, place: Place, home: Path, registry: SecretRegistry,
    environment: MutableMapping[str, str] = os.environ,
) -> Keyring:
    """The tokens of the environment, entered in the registry; on loopback the state folder's own where there is none.

    Raises:
        ConfigError: a token is missing, too short, or cannot be read.
    """
    view = _token(settings.view_token, environment)
    operate = _token(settings.operate_token, environment)
    if operate is None:
        if not is_loopback(place.host) or place.public_host:
            raise ConfigError(
                "environment", settings.operate_token, "nothing",
                f"a token of chance: the dashboard can be reached from elsewhere ({place.url})",
            )
        operate = own_token(home)
    else:
        token_path(home).unlink(missing_ok=True)  # it opens nothing any more
    for token in (operate, view):
        if token is not None:
            registry.add(token)
    return Keyring(operate, view)


def _token(name: str, environment: MutableMapping[str, str]) -> Secret | None:
    there = name in environment or f"{name}_FILE" in environment
    return load_secret(name, environment) if there else None


def token_path(home: Path) -> Path:
    """Beside the control socket, where only its own user can read."""
    return socket_path(home).parent / TOKEN_NAME


def own_token(home: Path) -> Secret:
    """The state folder's token; made at the first start, and kept, so that sessions survive the next one.

    Raises:
        ConfigError: the file there is not ours alone, or none can be made.
    """
    path = token_path(home)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return secret_from_file(path)
    except OSError as error:
        raise ConfigError(str(path), "file", error.strerror, "a file that can be made") from None
    try:
        token = new_token()
        os.write(descriptor, token.reveal().encode() + b"\n")
    finally:
        os.close(descriptor)
    return token


def tell_address(home: Path, place: Place) -> None:
    """Leave the address where `link_of` finds it."""
    folder = token_path(home).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / ADDRESS_NAME).write_text(place.url + "\n", encoding="utf-8")


def link_of(home: Path) -> str:
    """What to open in a browser. The token stands behind `#`, which a browser sends to nobody.

    Raises:
        ConfigError: no dashboard was served from this state folder, or its token cannot be read.
    """
    path = token_path(home)
    try:
        url = (path.parent / ADDRESS_NAME).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        allowed = "the state folder of a run with a dashboard (set DNBOT_HOME or --config)"
        raise ConfigError(str(home), "dashboard", "none", allowed) from None
    return f"{url}/login#{secret_from_file(path).reveal()}" if path.exists() else f"{url}/login"
