"""Who speaks for the second spot venue: MEXC's own codecs, or the plugin that `[second_spot]` names.

A plugin of this kind is loaded in this process, because its codecs have their turn between a frame and its decision;
the others have a process each (`plugin_worker.py`). Only what is named is imported, and everything that it does
afterwards goes through `venues/guarded.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import attrs

from dnbot.config import Settings
from dnbot.domain.errors import ConfigError, PluginFault
from dnbot.domain.venue_names import AS_THEY_ARE, VenueNames
from dnbot.operate.plugin_registry import Installed, PluginRegistry
from dnbot.operate.plugin_words import OFF, READY, PluginStatus
from dnbot.ports.clock import SystemClock
from dnbot.ports.log import EventLog
from dnbot.venues.factory import BUILT_IN, Codecs
from dnbot.venues.guarded import GuardedVenue, PluginGuard
from dnbot.venues.plugin import PROTOCOLS, VENUE, VenueContext, VenueLimits

KIND = "venues"
RATE_MOST = 1_000_000
NO_FAKE = "it has no fake exchange, so that mode sim cannot be had with it"
_ASKED = ("public", "private")

Alert = Callable[[str, str, str], None]
"""Level, key and text of an alert that people are to hear of."""


@attrs.define
class SecondSpot:
    """One run's second spot venue. Without a plugin its `guard` is None."""

    codecs: Codecs = BUILT_IN
    names: VenueNames = AS_THEY_ARE
    guard: PluginGuard | None = None
    installed: Installed | None = None
    log: EventLog | None = None
    """Hears of every fault of the plugin."""
    alert: Alert | None = None
    """Hears once that it is off."""

    def told(self, what: str, why: str, is_off: bool) -> None:
        """A fault of the plugin, which is raised where it was met, too."""
        assert self.installed is not None
        name = self.installed.name
        if self.log is not None:
            about: dict[str, object] = {"plugin": name, "kind": KIND, "call": what, "why": why}
            self.log.append("error" if is_off else "warning", "plugin_off" if is_off else "plugin_fault", about)
        if is_off and self.alert is not None:
            text = f"the {KIND} plugin {name} is off until the next start, and nothing is ordered there: {why}"
            self.alert("critical", f"plugin:{name}", text)

    def standing(self) -> tuple[PluginStatus, ...]:
        """The plugin as of now; nothing where there is none."""
        guard, found = self.guard, self.installed
        if guard is None or found is None:
            return ()
        return (
            PluginStatus(
                kind=KIND, name=found.name, package=found.package, state=OFF if guard.is_off else READY,
                calls=guard.calls, faults=guard.faults, last_fault=guard.last_fault,
            ),
        )


def second_spot_of(settings: Settings, registry: PluginRegistry | None = None) -> SecondSpot:
    """Load what the settings name.

    Raises:
        ConfigError: it is not installed, cannot be loaded, speaks another version, or lacks a part.
    """
    given = settings.second_spot
    if not given.venue:
        return SecondSpot()
    found = (registry or PluginRegistry()).find("second_spot", KIND, given.venue)
    context = VenueContext(symbol=settings.strategy.symbol, options=dict(given.options))
    plugin = _loaded(found, context)
    guard = PluginGuard(
        name=found.name, now_s=SystemClock().monotonic_s, stall_s=given.stall_ms / 1000, faults_max=given.faults_max
    )
    venue = GuardedVenue(plugin, guard, context.symbol, plugin.limits)
    try:
        venue.public_codec(context.symbol)
    except PluginFault as fault:
        raise _unfit(found, fault.what) from None
    if settings.mode == "sim" and not getattr(plugin, "fake", ""):
        raise _unfit(found, NO_FAKE)
    second = SecondSpot(
        codecs=Codecs(
            public={**BUILT_IN.public, VENUE: venue.public_codec},
            private={**BUILT_IN.private, VENUE: venue.private_codec},
            limits={VENUE: plugin.limits},
        ),
        names=names_of(settings),
        guard=guard,
        installed=found,
    )
    guard.tell = second.told
    return second


def names_of(settings: Settings) -> VenueNames:
    """What these settings call the second spot venue. Loads nothing."""
    return VenueNames(settings.second_spot.venue.upper())


def fake_of(name: str) -> Any:
    """The function that makes the plugin's front of the fakes.

    Raises:
        ConfigError: it is not installed, has no fake, or cannot be loaded.
    """
    found = PluginRegistry().find("--second-spot", KIND, name)
    factory = _resolved(found, found.reference)
    reference = getattr(factory, "fake", "")
    if not isinstance(reference, str) or not reference:
        raise _unfit(found, NO_FAKE)
    return _resolved(found, reference)


def _loaded(found: Installed, context: VenueContext) -> Any:
    factory = _resolved(found, found.reference)
    try:
        plugin = factory(context)
    except (Exception, SystemExit) as error:  # whatever its start does, ours ends and says why
        raise _unfit(found, f"{type(error).__name__}: {error}") from error
    protocol = getattr(plugin, "protocol", None)
    if protocol not in PROTOCOLS:
        raise _unfit(found, f"protocol {protocol!r}; this dnbot speaks {KIND} {', '.join(map(str, PROTOCOLS))}")
    missing = [name for name in _ASKED if not callable(getattr(plugin, name, None))]
    if missing:
        raise _unfit(found, f"it has no {' and no '.join(missing)}, which a plugin of kind {KIND} has")
    if problem := _limits_problem(getattr(plugin, "limits", None)):
        raise _unfit(found, problem)
    return plugin


def _resolved(found: Installed, reference: str) -> Any:
    module, _, name = reference.partition(":")
    try:
        thing: Any = import_module(module)
        for part in name.split("."):
            thing = getattr(thing, part)
    except (Exception, SystemExit) as error:  # whatever its import does, a start that ends says why
        raise _unfit(found, f"{type(error).__name__}: {error}") from error
    return thing


def _unfit(found: Installed, why: str) -> ConfigError:
    what = f"{found.name} of {found.package}: {why}"
    return ConfigError("second_spot", f"{KIND} plugin", what, "one that can be loaded")


def _limits_problem(limits: object) -> str:
    if type(limits) is not VenueLimits:
        return f"limits are a {type(limits).__name__}, not VenueLimits"
    rates = {name: rate for name, rate in attrs.asdict(limits).items() if not (name == "cancel" and rate is None)}
    odd = [f"limits.{name}: {rate!r}; requests per second and burst" for name, rate in rates.items() if _odd(rate)]
    return odd[0] if odd else ""


def _odd(rate: object) -> bool:
    if type(rate) is not tuple or len(rate) != 2:
        return True
    per_s, burst = rate
    return type(per_s) not in (int, float) or not 0 < per_s < RATE_MOST or type(burst) is not int or burst < 1
