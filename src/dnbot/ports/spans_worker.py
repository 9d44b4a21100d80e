"""The child of `spans.py`: the only module that imports OpenTelemetry. Traces in, numbers out.

It is a program of its own (`python -m`), is imported by nothing, and has neither keys of exchanges nor our database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import BinaryIO

import msgspec
from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator

from dnbot.ports.line_worker import answer_lines
from dnbot.ports.spans import Collector, Exported, Trace

EXPORT_S_MAX = 10.0


class NamedIds(IdGenerator):
    """Ids that follow from an execution's id: the same trace is the same trace whoever exports it."""

    def __init__(self) -> None:
        self.name, self._spans = "", 0

    def begin(self, name: str) -> None:
        """The next spans are of the execution of this name."""
        self.name, self._spans = name, 0

    def generate_trace_id(self) -> int:
        """128 bits."""
        return int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:16])

    def generate_span_id(self) -> int:
        """64 bits, by the span's place in its trace."""
        self._spans += 1
        return int.from_bytes(hashlib.sha256(f"{self.name}/{self._spans}".encode()).digest()[:8])


class Gathered(SpanProcessor):
    """Spans that ended and are to be exported together."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Keep it."""
        self.spans.append(span)


class Teller:
    """Makes spans of traces and exports them."""

    def __init__(self, resource: dict[str, str], exporter: SpanExporter) -> None:
        self._exporter, self._gathered, self._ids = exporter, Gathered(), NamedIds()
        provider = TracerProvider(
            resource=Resource.create(dict(resource)), id_generator=self._ids, shutdown_on_exit=False
        )
        provider.add_span_processor(self._gathered)
        self._tracer = provider.get_tracer("dnbot")

    def tell(self, traces: Sequence[Trace]) -> int:
        """Export them all in one request; returns how many the collector took: all or none."""
        for trace in traces:
            self._make(trace)
        spans, self._gathered.spans = self._gathered.spans, []
        return len(traces) if self._exporter.export(spans) is SpanExportResult.SUCCESS else 0

    def _make(self, trace: Trace) -> None:
        self._ids.begin(trace.execution_id)
        made: list[otel.Span] = []
        for span in trace.spans:
            parent = otel.set_span_in_context(made[span.parent]) if span.parent is not None else Context()
            one = self._tracer.start_span(span.name, parent, attributes=span.attributes, start_time=span.begin_ns)
            if span.failed:
                one.set_status(otel.StatusCode.ERROR)
            made.append(one)
        for one, span in zip(made, trace.spans, strict=True):
            one.end(span.end_ns)


def serve(lines: BinaryIO, answers: BinaryIO) -> None:
    """Until the input ends."""
    told = msgspec.json.decode(lines.readline(), type=Collector)
    teller = Teller(told.resource, OTLPSpanExporter(told.endpoint, headers=told.headers, timeout=EXPORT_S_MAX))
    for line in lines:
        taken = teller.tell(msgspec.json.decode(line, type=list[Trace]))
        answers.write(msgspec.json.encode(Exported(taken)) + b"\n")
        answers.flush()


if __name__ == "__main__":
    answer_lines(serve)
