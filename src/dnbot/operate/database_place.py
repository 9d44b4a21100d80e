"""The connection string of a database that is not ours to start: a secret, and to another machine a verified one.

PostgreSQL's own programs are told what it leaves open, so that they go where the bot goes, and as safely.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from dnbot.domain.errors import ConfigError
from dnbot.ports.credentials import SECRET_CHARACTERS_MIN, Secret, SecretRegistry, load_secret
from dnbot.ports.net import is_loopback
from dnbot.ports.postgres_binaries import clean_environment

PASSWORD_CHARACTERS_MIN = 8
PORT_MAX = 65_535
VERIFIED = ("verify-full", "verify-ca")
SAID = "disable"
"""Written out it says that a person knows that nothing is encrypted; nothing written must not mean the same."""

_UNHEEDED = frozenset({"PGSERVICE", "PGHOSTADDR"})
"""Of these the bot's own connection takes no notice, and PostgreSQL's programs would go to another database."""


def external_dsn(name: str, registry: SecretRegistry, environment: MutableMapping[str, str] = os.environ) -> str:
    """The connection string from variable `name`, or the file that `name`_FILE names; masked wherever text leaves.

    Raises:
        ConfigError: nothing is there, it cannot be read, or it goes to another machine without a word on TLS.
    """
    dsn = load_secret(name, environment).reveal()
    try:
        parts = urlsplit(dsn)
        _refuse_unreadable(parts)
        hosts = _hosts(parts, environment)
    except ValueError:
        raise ConfigError("environment", name, "a value that is not shown", _ALLOWED) from None
    registry.add(Secret(dsn))
    for password in _passwords(parts):
        registry.add(Secret(password))
    mode = parse_qs(parts.query).get("sslmode", [environment.get("PGSSLMODE", "")])[-1]
    if mode not in (*VERIFIED, SAID) and not all(map(_is_here, hosts)):
        raise ConfigError("environment", name, f"another machine with sslmode {mode or 'left open'}", _SSLMODE)
    return dsn


def programs_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What PostgreSQL's programs inherit where the database is external: also the user's PG* settings, by which the
    connection string was judged, and HOME, below which passwords and certificates may be."""
    chosen = {
        name: value for name, value in environment.items()
        if name == "HOME" or (name.startswith("PG") and name not in _UNHEEDED)
    }
    return clean_environment() | chosen


_ALLOWED = (
    "postgresql://user:password@host:port/database, where signs such as / @ ? # in user, password or database are "
    "percent-encoded (%2F %40 %3F %23) and a port is a number up to 65535"
)
_SSLMODE = (
    "sslmode=verify-full (with sslrootcert=FILE), so that nobody can stand between; or sslmode=disable written out, "
    "where only a network of this machine's own containers is between"
)


def _refuse_unreadable(parts: SplitResult) -> None:
    """ValueError for what asyncpg could not read. Its own complaint would show what stands in the place of a port: the
    begin of a password, when a sign in it is not percent-encoded."""
    asked = parse_qs(parts.query, strict_parsing=bool(parts.query))
    behind = any("@" in text for text in (parts.path, *asked))
    if parts.fragment or parts.netloc.count("@") > 1 or (behind and "@" not in parts.netloc):
        raise ValueError("a sign that is not percent-encoded")
    ports = [one for text in asked.get("port", []) for one in text.split(",")]
    for text in (_place(parts), *asked.get("host", [])):
        listed = text.split(",")
        if len(listed) > 1 and not all(listed):
            raise ValueError("a place without a name")
        ports += filter(None, map(_port_of, listed))
    if not all(map(_is_port, ports)):
        raise ValueError("a port that is no number")


def _hosts(parts: SplitResult, environment: Mapping[str, str]) -> list[str]:
    """Wherever asyncpg might go with this address."""
    asked = parse_qs(parts.query)
    listed = [one for text in (unquote(_place(parts)), *asked.get("host", [])) for one in text.split(",")]
    named = asked.get("service", [])  # in a file, whose host is not looked up here
    return list(filter(None, [*map(_host_of, listed), *named])) or [environment.get("PGHOST", "")]


def _place(parts: SplitResult) -> str:
    """Hosts and ports, as they are written."""
    return parts.netloc.partition("@")[2] if "@" in parts.netloc else parts.netloc


def _port_of(place: str) -> str:
    """What stands there for one; empty: nothing."""
    if place.startswith("/"):
        return ""
    return unquote(place.rpartition("]")[2].partition(":")[2])


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= len(str(PORT_MAX)) and 0 < int(text) <= PORT_MAX


def _host_of(place: str) -> str:
    if place.startswith("["):
        return place[1:].partition("]")[0]
    return place if place.startswith("/") else place.partition(":")[0]


def _is_here(host: str) -> bool:
    return not host or host.startswith(("/", "@")) or is_loopback(host)


def _passwords(parts: SplitResult) -> list[str]:
    """As it stands in the address and decoded; short ones, and the name of the user again, are ordinary words."""
    found = [parts.password or "", *parse_qs(parts.query).get("password", [])]
    texts = dict.fromkeys(text for one in found for text in (one, unquote(one)))
    least = max(PASSWORD_CHARACTERS_MIN, SECRET_CHARACTERS_MIN)
    return [text for text in texts if len(text) >= least and text not in (parts.username, "postgres")]
