"""What a value of `[plugins]` may not be. Whether a plugin is installed is asked when it is loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dnbot.config.rules_monitors import ONLY_A_NAME, VARIABLE
from dnbot.config.settings import PluginUse, Settings

KINDS = ("alerts", "analytics", "execution", "strategies")
TIMEOUT_MS_LEAST, TIMEOUT_MS_MOST = 50, 60_000
FAULTS_MOST = 1_000
PLUGINS_MOST = 16
"""Each is a process."""
NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}\Z")
OPTION_CHARACTERS_MAX = 2_000

Found = tuple[str, object, str]


def plugins(settings: Settings) -> Iterator[Found]:
    """Each row by itself, and none twice: a name is what alerts, status and columns call it."""
    load = settings.plugins.load
    if len(load) > PLUGINS_MOST:
        yield "plugins.load", f"{len(load)} plugins", f"at most {PLUGINS_MOST}, each is a process"
    seen: set[str] = set()
    for number, use in enumerate(load):
        for key, found, allowed in (*_row(use), *_again(use, seen)):
            yield f"plugins.load.{number}.{key}", found, allowed


def _row(use: PluginUse) -> Iterator[Found]:
    if use.kind not in KINDS:
        yield "kind", use.kind, " | ".join(KINDS)
    if not NAME.match(use.name):
        yield "name", use.name, "small letters, digits, - and _, a letter first, at most 40: that of an entry point"
    if use.secret and not VARIABLE.match(use.secret):
        yield "secret", "a value that is not shown", ONLY_A_NAME.format("a secret")
    if not TIMEOUT_MS_LEAST <= use.timeout_ms <= TIMEOUT_MS_MOST:
        allowed = f"milliseconds, {TIMEOUT_MS_LEAST} to {TIMEOUT_MS_MOST}: 3 seconds are 3000"
        yield "timeout_ms", use.timeout_ms, allowed
    if not 1 <= use.faults_max <= FAULTS_MOST:
        yield "faults_max", use.faults_max, f"1 to {FAULTS_MOST}"
    for name, value in use.options.items():
        if len(str(value)) > OPTION_CHARACTERS_MAX:
            yield f"options.{name}", f"{len(str(value))} characters", f"at most {OPTION_CHARACTERS_MAX}"


def _again(use: PluginUse, seen: set[str]) -> Iterator[Found]:
    if use.name in seen:
        yield "name", use.name, "each name once, whatever its kind"
    seen.add(use.name)
