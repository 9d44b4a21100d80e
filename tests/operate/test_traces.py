"""From settings to traces: off unless a collector is named, and refused where it could not work."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dnbot.config.settings import Settings, TraceSettings
from dnbot.domain.errors import ConfigError
from dnbot.lab.drills_alerts_stage import PARAMS
from dnbot.metrics.stages import Stages
from dnbot.operate import traces
from dnbot.operate.tracing import TracedStages
from dnbot.ports.clock import SystemClock
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.log import EventLog
from dnbot.ports.redaction import Redactor
from dnbot.ports.spans import OtlpProcess

CANARY = "canary-of-a-collector"
URL = "http://127.0.0.1:4318/v1/traces"


def asked(told: TraceSettings, registry: SecretRegistry | None = None, **environment: str) -> Any:
    """What comes of these settings."""
    settings = Settings(strategy=PARAMS, traces=told)
    log = EventLog(SystemClock(), [])
    registry = SecretRegistry() if registry is None else registry  # an empty one is false
    return traces.traces_of(settings, registry, log, dict(environment))


def test_nothing_is_made_where_no_collector_is_named() -> None:
    """The stages are those of ever."""
    assert asked(TraceSettings()) is None
    assert type(traces.measures_of(None, SystemClock()).stages) is Stages


def test_a_collector_is_told_who_we_are() -> None:
    """Service, version, mode and symbol; the headers are a secret, and so is each value of theirs."""
    registry = SecretRegistry()
    courier = asked(TraceSettings(endpoint=URL, headers="OTLP"), registry, OTLP=f"api-key={CANARY},team=x")
    assert isinstance(courier.exporter, OtlpProcess)
    first = msgspec.json.decode(courier.exporter._first_line())
    assert first["endpoint"] == URL
    assert first["headers"] == {"api-key": CANARY, "team": "x"}
    assert {"service.name", "service.version", "dnbot.mode", "dnbot.symbol"} == set(first["resource"])
    assert CANARY not in Redactor(registry).redact(f"refused {CANARY}".encode()).decode()
    assert CANARY not in repr(courier)
    stages = traces.measures_of(courier, SystemClock()).stages
    assert isinstance(stages, TracedStages)
    assert stages.take == courier.put


def test_headers_that_are_none_are_refused_and_not_shown() -> None:
    """The variable is named."""
    with pytest.raises(ConfigError, match="OTLP") as caught:
        asked(TraceSettings(endpoint=URL, headers="OTLP"), OTLP=CANARY)
    assert CANARY not in str(caught.value)


def test_without_the_extra_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the words to install it."""
    monkeypatch.setattr(traces, "sdk_is_there", lambda: False)
    with pytest.raises(ConfigError, match=r"dnbot\[otel\]"):
        asked(TraceSettings(endpoint=URL))


async def test_the_end_of_a_run_sends_what_is_left(autojump_clock: Any) -> None:
    """And without a collector there is nothing to end."""
    async with traces.exporting(None):
        pass
    courier = asked(TraceSettings(endpoint=URL))
    sent: list[int] = []

    class Post:
        async def send(self, given: list[Any]) -> bool:
            sent.append(len(given))
            return True

        async def aclose(self) -> None:
            sent.append(0)

    courier.exporter = Post()
    async with traces.exporting(courier):
        courier.put(object())
    assert sent == [1, 0]
