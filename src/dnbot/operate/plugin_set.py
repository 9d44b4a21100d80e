"""The plugins of one run, from its configuration: found at once, loaded beside the bot, ended with it."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

import attrs
import trio

from dnbot.config import Settings
from dnbot.operate.plugin_host import Alert, PluginHost
from dnbot.operate.plugin_registry import PluginRegistry
from dnbot.operate.plugin_words import PluginStatus
from dnbot.operate.second_spot import SecondSpot
from dnbot.ports.credentials import SecretRegistry, load_secret
from dnbot.ports.log import EventLog
from dnbot.ports.redaction import Redactor


@attrs.define
class PluginSet:
    """Every plugin that the configuration names.

    Resource handling: `run` ends every process when it is cancelled.
    """

    hosts: tuple[PluginHost, ...] = ()
    second_spot: SecondSpot = attrs.field(factory=SecondSpot)
    """The one kind that has no process of its own."""

    def of_kind(self, kind: str) -> tuple[PluginHost, ...]:
        """In the order of the configuration."""
        return tuple(host for host in self.hosts if host.use.kind == kind)

    def standing(self) -> tuple[PluginStatus, ...]:
        """As of now."""
        return (*self.second_spot.standing(), *(host.status for host in self.hosts))

    async def run(self, alert: Alert) -> None:
        """Load them all at once, and keep them until cancelled. `alert` hears of those that are switched off."""
        try:
            async with trio.open_nursery() as nursery:
                for host in self.hosts:
                    host.alert = alert
                    nursery.start_soon(host.run, name=f"plugin:{host.use.name}")
        finally:
            await self.aclose()

    async def start(self) -> None:
        """Load each once; what cannot be loaded is off or still starting then, and nothing is raised."""
        async with trio.open_nursery() as nursery:
            for host in self.hosts:
                nursery.start_soon(host.start)

    async def aclose(self) -> None:
        """End every process at once."""
        with trio.CancelScope(shield=True):
            for host in self.hosts:
                await host.aclose()


def plugins_of(
    settings: Settings, installed: PluginRegistry, secrets: SecretRegistry, log: EventLog,
    environment: MutableMapping[str, str] = os.environ,
) -> PluginSet:
    """Nothing of them runs yet.

    Raises:
        ConfigError: one is not installed, or its variable is empty.
    """
    hosts = []
    for number, use in enumerate(settings.plugins.load):
        found = installed.find(f"plugins.load.{number}", use.kind, use.name)
        secret = load_secret(use.secret, environment) if use.secret else None
        if secret is not None:
            secrets.add(secret)
        symbol, redactor = str(settings.strategy.symbol), Redactor(secrets)
        hosts.append(PluginHost(use, found, symbol, settings.mode, log, secret=secret, redactor=redactor))
    return PluginSet(tuple(hosts))
