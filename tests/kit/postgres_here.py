"""Whether a PostgreSQL of our own can run on this machine."""

from __future__ import annotations

from dnbot.domain.errors import ConfigError
from dnbot.ports.postgres_binaries import find_binaries, run_as_allowed_user


def why_not() -> str:
    """Why the database cannot run here, or nothing."""
    try:
        find_binaries()
        run_as_allowed_user()
    except ConfigError as error:
        return str(error)
    return ""
