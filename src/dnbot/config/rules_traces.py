"""What a value of `[traces]` may not be."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from dnbot.config.rules_monitors import ONLY_A_NAME, VARIABLE, Found
from dnbot.config.settings import Settings
from dnbot.ports.net import is_loopback

ENDPOINT = (
    "an https URL without a name or password in it, such as https://collector.example.org/v1/traces; http on loopback "
    "alone"
)


def traces(settings: Settings) -> Iterator[Found]:
    """A collector that only we and it can listen to, and a name instead of headers."""
    told = settings.traces
    if told.headers and not VARIABLE.match(told.headers):
        yield "traces.headers", "a value that is not shown", ONLY_A_NAME.format("a header")
    if told.headers and not told.endpoint:
        yield "traces.headers", told.headers, "nothing where traces.endpoint is empty"
    if told.endpoint and not _is_endpoint(told.endpoint):
        yield "traces.endpoint", "a value that is not shown", ENDPOINT


def _is_endpoint(url: str) -> bool:
    try:
        split = urlsplit(url)
        host, _port = split.hostname, split.port
    except ValueError:
        return False
    if not host or "@" in split.netloc or not url.isascii() or not url.isprintable() or " " in url:
        return False
    return split.scheme == "https" or (split.scheme == "http" and is_loopback(host))
