"""What the configuration of a task may say, and which accounts it means."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from dnbot.config import Settings, parse_settings
from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Venue
from dnbot.fleet.leases import LeaseTerms
from dnbot.venues.wire import Signer

_EXCHANGES = {Venue.GATE_SPOT: "gate", Venue.GATE_FUTURES: "gate", Venue.MEXC_SPOT: "mexc"}


def task_settings(where: str, text: str, dsn_env: str, terms: LeaseTerms) -> Settings:
    """The settings of a task, fit to be run by any worker.

    Raises:
        ConfigError: they are no settings, or only one machine could use them, or a successor would not wait long
            enough for their orders.
    """
    settings = parse_settings(where, text)
    if settings.state_dir:
        raise ConfigError(where, "state_dir", settings.state_dir, "nothing: each worker has a folder of its own")
    if settings.database.dsn_env not in {"", dsn_env}:
        raise ConfigError(
            where, "database.dsn_env", settings.database.dsn_env, f"{dsn_env}, the database of the fleet, or nothing"
        )
    if settings.mode == "sim" and not settings.fakes.address_file:
        raise ConfigError(where, "fakes.address_file", "nothing", "a file with the line of running `dnbot fakes`")
    if settings.mode not in {"sim", "live"}:
        raise ConfigError(where, "mode", settings.mode, "sim | live")
    if settings.plugins.load:
        raise ConfigError(where, "plugins.load", settings.plugins.load[0].name, "nothing: `dnbot run` alone loads them")
    if settings.journal.folder:
        raise ConfigError(where, "journal.folder", settings.journal.folder, "nothing: `dnbot run` alone writes one")
    if settings.second_spot.venue:
        raise ConfigError(where, "second_spot.venue", settings.second_spot.venue, "nothing: `dnbot run` alone loads it")
    life_ms = round(terms.order_life_s * 1000)
    if settings.strategy.order_expiry_ms > life_ms:
        raise ConfigError(
            where, "strategy.order_expiry_ms", settings.strategy.order_expiry_ms,
            f"at most {life_ms}: a worker that takes a task over waits no longer for the orders of the one before",
        )
    return settings


def keys_of(signers: Mapping[Venue, Signer]) -> tuple[str, ...]:
    """What tells one key of an exchange from another, whatever it is called, and does not give it away."""
    return tuple(dict.fromkeys(key_of(venue, signer) for venue, signer in signers.items()))


def key_of(venue: Venue, signer: Signer) -> str:
    """The same of one key."""
    return f"{_EXCHANGES[venue]}:key:{hashlib.sha256(signer.key_id.encode()).hexdigest()[:16]}"


def accounts_of(settings: Settings) -> tuple[str, ...]:
    """Names of the accounts that these settings trade: by where their keys are, never the keys."""
    if settings.mode == "sim":
        return (f"fakes:{settings.fakes.address_file}",)
    return (f"gate:{settings.gate.key}", f"mexc:{settings.mexc.key}")
