"""Traces for OpenTelemetry, through its SDK in a process of its own: whatever a collector does, the bot never waits.

The SDK and its exporter use threads and blocking sockets. The child gets the collector's address and its headers, which
may be secrets, over its standard input, and answers in numbers.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from typing import Protocol

import attrs
import msgspec
import trio

from dnbot.domain.venue_names import AS_THEY_ARE, VenueNames
from dnbot.ports.credentials import Secret
from dnbot.ports.line_child import LineChild

SEND_S_MAX = 30.0
"""Above what the child gives the collector, its tries together."""
WORKER = (sys.executable, "-P", "-m", "dnbot.ports.spans_worker")
SDK = ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.exporter.otlp.proto.http")
Attribute = str | int | float | bool


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Something that took time, by our wall clock."""

    name: str
    begin_ns: int
    end_ns: int
    parent: int | None = None
    """Its place in the trace; None for the first span, which is the whole."""
    failed: bool = False
    attributes: dict[str, Attribute] = {}


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One execution: the whole first, and every span after its parent."""

    execution_id: str
    spans: tuple[Span, ...]


class Collector(msgspec.Struct, frozen=True):
    """The first line to the child: where traces go, and who we are."""

    endpoint: str
    headers: dict[str, str]
    resource: dict[str, str]


class Exported(msgspec.Struct, frozen=True):
    """The child's answer: how many traces the collector took; all or none of what it was given."""

    traces: int


class SpanExporter(Protocol):
    """Where traces go."""

    async def send(self, traces: Sequence[Trace]) -> bool:
        """Hand them over; whether they were taken. Never raises."""
        ...

    async def aclose(self) -> None:
        """Let go of everything."""
        ...


@attrs.define
class OtlpProcess:
    """OTLP over HTTP from a child process, started with the first traces and again after a failure.

    `headers` holds `NAME=VALUE,NAME=VALUE`, as OTEL_EXPORTER_OTLP_HEADERS does. Resource handling: `aclose` ends the
    child. One call at a time.
    """

    endpoint: str
    headers: Secret | None
    resource: dict[str, str]
    command: Sequence[str] = WORKER
    send_s_max: float = SEND_S_MAX
    names: VenueNames = AS_THEY_ARE
    _child: LineChild = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._child = LineChild(self.command, self._first_line)

    async def send(self, traces: Sequence[Trace]) -> bool:
        """Hand them over. A child that dies, hangs or talks nonsense is ended, and took none."""
        done: bool | None = None
        try:
            with trio.move_on_after(self.send_s_max):
                answer = await self._child.ask(self.names.data(msgspec.json.encode(traces)))
                done = msgspec.json.decode(answer, type=Exported).traces == len(traces)
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError, msgspec.MsgspecError):
            done = None
        finally:
            if done is None:
                await self._child.aclose()
        return bool(done)

    async def aclose(self) -> None:
        """End the child at once."""
        await self._child.aclose()

    def _first_line(self) -> bytes:
        headers = headers_of(self.headers.reveal()) if self.headers is not None else {}
        return msgspec.json.encode(Collector(self.endpoint, headers, self.resource))


def headers_of(text: str) -> dict[str, str]:
    """`NAME=VALUE,NAME=VALUE` as a mapping. Raises ValueError for anything else; the text is not shown."""
    found = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals or not name.strip() or not part.isprintable():
            raise ValueError("headers are NAME=VALUE, with commas between")
        found[name.strip()] = value.strip()
    return found


def sdk_is_there() -> bool:
    """Whether the extra `otel` is installed."""
    return all(importlib.util.find_spec(name) is not None for name in SDK)
