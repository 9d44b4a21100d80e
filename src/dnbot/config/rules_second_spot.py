"""What a value of `[second_spot]` may not be. Whether the plugin is installed is asked when it is loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from dnbot.config.rules_monitors import ONLY_A_NAME, VARIABLE
from dnbot.config.settings import SecondSpotSettings, Settings
from dnbot.domain.venue_names import TAKEN
from dnbot.ports.net import is_loopback

NAME = re.compile(r"[a-z][a-z0-9]{1,19}\Z")
MODES = ("sim", "live")
STALL_MS_LEAST, STALL_MS_MOST = 5, 10_000
FAULTS_MOST = 1_000
OPTION_CHARACTERS_MAX = 2_000

Found = tuple[str, object, str]


def second_spot(settings: Settings) -> Iterator[Found]:
    """Nothing without a plugin; with one, where its venue is and how much it may do wrong."""
    given = settings.second_spot
    for key, found, allowed in _with(settings, given) if given.venue else _without(given):
        yield f"second_spot.{key}", found, allowed


def _without(given: SecondSpotSettings) -> Iterator[Found]:
    default = SecondSpotSettings()
    for name in given.__struct_fields__:
        if getattr(given, name) != getattr(default, name):
            yield name, "a value", "nothing while second_spot.venue names no plugin: it would not be read"


def _with(settings: Settings, given: SecondSpotSettings) -> Iterator[Found]:
    if not NAME.match(given.venue) or given.venue.upper() in TAKEN:
        allowed = "an entry point's name: 2 to 20 small letters and digits, a letter first; no exchange built in"
        yield "venue", given.venue, allowed
    if settings.mode not in MODES:
        allowed = f"nothing in mode {settings.mode}; a plugin speaks for a venue in {' and '.join(MODES)}"
        yield "venue", given.venue, allowed
    for name in ("key", "secret"):
        if not VARIABLE.match(getattr(given, name)):
            yield name, "a value that is not shown", ONLY_A_NAME.format("a key")
    if settings.mode == "live":
        yield from _addresses(given)
    elif given.rest_url or given.ws_url or given.ca_file:
        yield "rest_url", "an address", "nothing in mode sim, whose fakes say where they are"
    if not STALL_MS_LEAST <= given.stall_ms <= STALL_MS_MOST:
        yield "stall_ms", given.stall_ms, f"milliseconds, {STALL_MS_LEAST} to {STALL_MS_MOST}"
    if not 1 <= given.faults_max <= FAULTS_MOST:
        yield "faults_max", given.faults_max, f"1 to {FAULTS_MOST}"
    for name, value in given.options.items():
        if len(str(value)) > OPTION_CHARACTERS_MAX:
            yield f"options.{name}", f"{len(str(value))} characters", f"at most {OPTION_CHARACTERS_MAX}"


def _addresses(given: SecondSpotSettings) -> Iterator[Found]:
    for name, scheme in (("rest_url", "https"), ("ws_url", "wss")):
        if problem := _address_problem(getattr(given, name), scheme):
            allowed = f"{scheme}:// and a host, with a port if need be, and nothing behind it: the plugin has the paths"
            yield name, problem, allowed
    hosts = [urlsplit(url).hostname or "" for url in (given.rest_url, given.ws_url)]
    if given.ca_file and not all(map(is_loopback, hosts)):
        allowed = "only beside loopback addresses: real venues are verified by the system's authorities"
        yield "ca_file", given.ca_file, allowed


def _address_problem(url: str, scheme: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "no address"
    if parts.username is not None or parts.password is not None:
        return "an address with a user name or password"
    is_one = parts.scheme == scheme and parts.hostname and port != 0
    bare = parts.path in ("", "/") and not parts.query and not parts.fragment
    return "" if is_one and bare else url or "nothing"
