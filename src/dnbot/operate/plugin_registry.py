"""Where plugins are found: entry points of installed packages, and what a program registered itself.

Finding reads what packages say of themselves, and imports nothing of theirs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import metadata
from typing import Any

import attrs
import msgspec

from dnbot.domain.errors import ConfigError
from dnbot.operate.plugins import PROTOCOLS, group_of

REGISTERED = "registered by this program"
ONE_OF_THEM = {"alert": "alerts", "strategy": "strategies", "venue": "venues"}
"""Whoever registers one plugin may name its kind in the singular."""


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that there is."""

    kind: str
    name: str
    reference: str
    """`module:name`."""
    package: str
    """Name and version of its distribution."""


@attrs.define
class PluginRegistry:
    """Every plugin that a configuration may name."""

    registered: dict[tuple[str, str], Installed] = attrs.field(factory=dict, init=False)

    def register_plugin(self, plugin_type: str, plugin: Any, name: str = "") -> None:
        """Let configurations name a plugin of this program, as if a package had an entry point of this name.

        `plugin` is a class or function at the top of a module: it is loaded in a process of its own, by its name.
        Without `name` it is called as it is, in small letters. `"strategy"` is the kind `strategies`, and so on.

        Raises:
            ConfigError: there is no such type, the plugin cannot be found by its name, or the name is taken.
        """
        where, kind = "register_plugin", ONE_OF_THEM.get(plugin_type, plugin_type)
        if kind not in PROTOCOLS:
            raise ConfigError(where, "plugin_type", plugin_type, " | ".join(PROTOCOLS))
        module, own = getattr(plugin, "__module__", None), getattr(plugin, "__qualname__", "")
        found = sys.modules.get(module) if isinstance(module, str) else None
        if module == "__main__" or found is None or getattr(found, own, None) is not plugin:
            allowed = "a class or function at the top of a module that can be imported, not of the script itself"
            raise ConfigError(where, "plugin", f"{module}:{own}", allowed)
        key = (kind, name or own.lower())
        if key in self.registered:
            raise ConfigError(where, "name", key[1], "a name that is not taken yet")
        self.registered[key] = Installed(kind=key[0], name=key[1], reference=f"{module}:{own}", package=REGISTERED)

    def installed(self, kinds: Iterable[str] = PROTOCOLS) -> list[Installed]:
        """All there are of these kinds, by kind and name."""
        found = [_installed(kind, point) for kind in kinds for point in metadata.entry_points(group=group_of(kind))]
        registered = [one for one in self.registered.values() if one.kind in kinds]
        return sorted([*found, *registered], key=lambda one: (one.kind, one.name, one.package))

    def find(self, where: str, kind: str, name: str) -> Installed:
        """The one of this kind and name.

        Raises:
            ConfigError: there is none, or more than one; those that there are are named.
        """
        there = self.installed([kind])
        found = [one for one in there if one.name == name]
        if not found:
            names = ", ".join(dict.fromkeys(one.name for one in there))
            raise ConfigError(where, f"{kind} plugin", name, names or f"none: no package has one ({group_of(kind)})")
        if len(found) > 1:
            packages = " and ".join(one.package for one in found)
            raise ConfigError(where, f"{kind} plugin", name, f"one package with this name; there are {packages}")
        return found[0]


def _installed(kind: str, point: metadata.EntryPoint) -> Installed:
    package = f"{point.dist.name} {point.dist.version}" if point.dist is not None else "an unnamed package"
    return Installed(kind=kind, name=point.name, reference=point.value, package=package)
