"""From settings to monitors: who is told, where the heart beats, and the secrets that both need."""

from __future__ import annotations

import os
from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

import attrs

from dnbot.bot import Bot
from dnbot.config import Settings
from dnbot.domain.errors import ConfigError
from dnbot.monitor.book import AlertBook, AlertRules
from dnbot.operate.courier import Courier
from dnbot.operate.heartbeat import Heartbeat
from dnbot.operate.monitoring import Monitors
from dnbot.operate.plugin_channels import with_channels
from dnbot.operate.plugin_host import PluginHost
from dnbot.operate.sampling import Sampler, machine_figures
from dnbot.operate.watch import Watch
from dnbot.ports.credentials import SECRET_CHARACTERS_MIN, Secret, SecretRegistry, load_secret
from dnbot.ports.http import HttpClient
from dnbot.ports.log import EventLog
from dnbot.ports.net import Endpoint, StreamOpener, TcpTlsOpener
from dnbot.ports.notifier import AppriseProcess, Notifier
from dnbot.ports.redaction import Redactor

TOKEN_CHARACTERS_MIN = 8
CONNECTIONS = 1


@attrs.frozen
class AlertSecrets:
    """The URLs, which let anybody write in our name."""

    services: tuple[Secret, ...] = ()
    heartbeat: Secret | None = None


def load_if_there(settings: Settings, registry: SecretRegistry, log: EventLog) -> AlertSecrets:
    """As `load_alert_secrets`, for a run that must not fail for want of somebody to tell: then nobody is told."""
    try:
        return load_alert_secrets(settings, registry)
    except ConfigError as error:
        log.warning("nobody_is_told", what=str(error))
        return AlertSecrets()


def load_alert_secrets(
    settings: Settings, registry: SecretRegistry, environment: MutableMapping[str, str] = os.environ
) -> AlertSecrets:
    """From the variables that the settings name; whole and in their parts they are redacted from then on.

    Raises:
        ConfigError: a variable that is named is empty, or the heartbeat's URL is none.
    """
    told, services, heartbeat = settings.alerts, tuple[Secret, ...](), None
    if told.urls:
        found = load_secret(told.urls, environment)
        services = tuple(Secret(url) for url in found.reveal().split())
    if told.heartbeat:
        heartbeat = load_secret(told.heartbeat, environment)
        address_of(heartbeat, told.heartbeat)
    for secret in (*services, *([heartbeat] if heartbeat is not None else [])):
        if len(secret.reveal()) < SECRET_CHARACTERS_MIN:
            raise ConfigError("environment", told.urls, "a value that is not shown", "URLs, blanks between")
        for part in _parts(secret.reveal()):
            registry.add(Secret(part))
    return AlertSecrets(services, heartbeat)


def _parts(url: str) -> list[str]:
    """The URL, and each token in it, which a service's own error may show alone."""
    try:
        split = urlsplit(url)
    except ValueError:
        return [url]
    login, _, host = split.netloc.rpartition("@")
    logins = [piece for piece in login.split(":") if len(piece) >= SECRET_CHARACTERS_MIN]
    pieces = [*host.split(":"), *split.path.split("/"), *(one.partition("=")[2] for one in split.query.split("&"))]
    tokens = [piece for piece in pieces if _is_token(piece)]
    return list(dict.fromkeys([url, *logins, *tokens, *map(unquote, (*logins, *tokens))]))


def _is_token(piece: str) -> bool:
    """Whether part of a URL looks like a secret: words of an address and host names are in logs for other reasons."""
    if "." in piece or len(piece) < TOKEN_CHARACTERS_MIN:
        return False
    return len(piece) >= 2 * TOKEN_CHARACTERS_MIN or any(character.isdigit() for character in piece)


def address_of(secret: Secret, name: str) -> tuple[Endpoint, str]:
    """Where the heartbeat goes, and its path with the query.

    Raises:
        ConfigError: the URL cannot be used; it is not shown.
    """
    try:
        text = secret.reveal()
        split = urlsplit(text)
        if split.scheme not in {"http", "https"} or not split.hostname or not text.isascii() or not text.isprintable():
            raise ValueError
        endpoint = Endpoint.from_url(f"{split.scheme}://{split.netloc}")
    except (ValueError, ConfigError):
        raise ConfigError("environment", name, "a value that is not shown", "an https URL") from None
    return endpoint, (split.path or "/") + (f"?{split.query}" if split.query else "")


def monitors_of(
    settings: Settings, secrets: AlertSecrets, watch: Watch, redactor: Redactor, log: EventLog,
    notifier: Notifier | None = None, *, channels: Sequence[PluginHost] = (),
) -> Monitors:
    """Monitors that watch nothing yet; `notifier` replaces the configured services, `channels` come behind them."""
    told = settings.alerts
    rules = AlertRules(
        level_min=told.level_min, group_s=told.group_ms / 1000, per_hour_max=told.per_hour_max,
        repeat_s=told.repeat_minutes * 60.0,
    )
    book = AlertBook(rules, f"dnbot {settings.strategy.symbol} {settings.mode}")
    told_by = with_channels(notifier if notifier is not None else AppriseProcess(secrets.services), channels)
    courier = Courier(told_by, redactor, log, book.untold)
    return Monitors(watch, settings.monitors, book, courier, log)


def sampler_of(bot: Bot, settings: Settings, home: Path, log: EventLog) -> Sampler:
    """What looks at this bot; `home` is the state folder."""
    return Sampler(bot, log, lambda: machine_figures(home), settings.monitors, settings.monitors.window_minutes * 60.0)


def heartbeat_of(
    settings: Settings, secrets: AlertSecrets, is_well: Callable[[], bool], bot: Bot, log: EventLog,
    opener: StreamOpener | None = None,
) -> Heartbeat | None:
    """None where no URL is configured; `opener` replaces TCP and TLS."""
    if secrets.heartbeat is None:
        return None
    endpoint, target = address_of(secrets.heartbeat, settings.alerts.heartbeat)
    client = HttpClient(
        opener or TcpTlsOpener([endpoint]), endpoint, clock=bot.parts.clock, venue="heartbeat",
        connections_max=CONNECTIONS,
    )
    return Heartbeat(client, target, float(settings.alerts.heartbeat_s), is_well, log)
