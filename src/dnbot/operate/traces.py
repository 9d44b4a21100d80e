"""From `[traces]` to whoever makes and brings traces: None where no collector is named, and then nothing is made."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager

import trio

from dnbot import __version__
from dnbot.config import Settings
from dnbot.domain.errors import ConfigError
from dnbot.metrics.measures import Measures
from dnbot.operate.second_spot import names_of
from dnbot.operate.span_courier import SpanCourier
from dnbot.operate.tracing import TracedStages
from dnbot.ports.clock import Clock
from dnbot.ports.credentials import SECRET_CHARACTERS_MIN, Secret, SecretRegistry, load_secret
from dnbot.ports.log import EventLog
from dnbot.ports.spans import OtlpProcess, headers_of, sdk_is_there

FINISH_S_MAX = 3.0
"""The last traces of a run; a collector that is away must not hold its end."""


def traces_of(
    settings: Settings, registry: SecretRegistry, log: EventLog, environment: MutableMapping[str, str] = os.environ
) -> SpanCourier | None:
    """Who brings traces to the configured collector.

    Raises:
        ConfigError: OpenTelemetry is not installed, or the variable of the headers holds none.
    """
    told = settings.traces
    if not told.endpoint:
        return None
    if not sdk_is_there():
        raise ConfigError(
            "configuration", "traces.endpoint", "no OpenTelemetry", 'the extra otel: pip install "dnbot[otel]"'
        )
    resource = {
        "service.name": "dnbot", "service.version": __version__, "dnbot.mode": settings.mode,
        "dnbot.symbol": str(settings.strategy.symbol),
    }
    headers = _headers(told.headers, registry, environment) if told.headers else None
    return SpanCourier(OtlpProcess(told.endpoint, headers, resource, names=names_of(settings)), log)


def _headers(name: str, registry: SecretRegistry, environment: MutableMapping[str, str]) -> Secret:
    found = load_secret(name, environment)
    try:
        values = headers_of(found.reveal()).values()
    except ValueError as error:
        raise ConfigError("environment", name, "a value that is not shown", str(error)) from None
    for value in values:
        if len(value) >= SECRET_CHARACTERS_MIN:
            registry.add(Secret(value))
    return found


def measures_of(courier: SpanCourier | None, clock: Clock) -> Measures:
    """What a bot measures with: as ever, or making a trace of each execution, too."""
    if courier is None:
        return Measures()
    return Measures(stages=TracedStages(take=courier.put, now_ns=clock.now_ns))


@asynccontextmanager
async def exporting(courier: SpanCourier | None) -> AsyncIterator[None]:
    """Inside it traces are brought to the collector; at the end those that are left, as far as it takes them soon."""
    if courier is None:
        yield
        return
    async with trio.open_nursery() as nursery:
        nursery.start_soon(courier.run, name="traces")
        yield
        await courier.finish(FINISH_S_MAX)
        nursery.cancel_scope.cancel()
