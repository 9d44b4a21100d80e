"""OpenTelemetry in its own process: what a collector gets, and that nothing it does reaches the bot."""

from __future__ import annotations

import re
import resource
import sys
from functools import partial
from io import BytesIO
from pathlib import Path

import attrs
import msgspec
import pytest
import trio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from dnbot.domain.venue_names import VenueNames
from dnbot.ports import spans_worker
from dnbot.ports.credentials import Secret
from dnbot.ports.spans import Collector, OtlpProcess, Span, Trace, headers_of, sdk_is_there

CANARY = "canary-of-a-collector"
TRACE = Trace(
    execution_id="x1-2",
    spans=(
        Span(name="execution GATE_TO_MEXC", begin_ns=1_000, end_ns=9_000, attributes={"dnbot.net_quote": "1.5"}),
        Span(name="order MEXC_SPOT", begin_ns=2_000, end_ns=8_000, parent=0),
        Span(name="ack", begin_ns=3_000, end_ns=4_000, parent=1, failed=True, attributes={"dnbot.ambiguous": True}),
    ),
)
RESOURCE = {"service.name": "dnbot", "dnbot.symbol": "BTC/USDT"}


# --- what the child makes ---------------------------------------------------------------------------------------------
def test_a_trace_becomes_spans_of_one_trace() -> None:
    """Names, times, parents, attributes and failures as they were given, under ids that follow from the execution."""
    exporter = InMemorySpanExporter()
    teller = spans_worker.Teller(RESOURCE, exporter)
    assert teller.tell([TRACE, msgspec.structs.replace(TRACE, execution_id="x1-3")]) == 2
    made = exporter.get_finished_spans()
    assert [one.name for one in made] == 2 * ["execution GATE_TO_MEXC", "order MEXC_SPOT", "ack"]
    whole, leg, ack = made[:3]
    assert whole.parent is None
    assert leg.parent is not None
    assert ack.parent is not None
    assert (leg.parent.span_id, ack.parent.span_id) == (whole.context.span_id, leg.context.span_id)
    assert {one.context.trace_id for one in made[:3]} == {whole.context.trace_id}
    assert made[3].context.trace_id != whole.context.trace_id
    assert len({one.context.span_id for one in made}) == 6
    assert [(one.start_time, one.end_time) for one in made[:3]] == [(1_000, 9_000), (2_000, 8_000), (3_000, 4_000)]
    assert [one.status.status_code for one in made[:3]] == [StatusCode.UNSET, StatusCode.UNSET, StatusCode.ERROR]
    assert whole.attributes == {"dnbot.net_quote": "1.5"}
    assert ack.attributes == {"dnbot.ambiguous": True}
    assert whole.resource.attributes["dnbot.symbol"] == "BTC/USDT"
    again = InMemorySpanExporter()
    spans_worker.Teller(RESOURCE, again).tell([TRACE])
    assert [one.context for one in again.get_finished_spans()] == [one.context for one in made[:3]]


def test_what_is_not_taken_is_not_told_again() -> None:
    """All or none: a collector that refuses gets the next traces without these."""
    class Refusing(InMemorySpanExporter):
        def export(self, spans: object) -> SpanExportResult:
            self.seen = list(spans)  # type: ignore[call-overload]
            return SpanExportResult.FAILURE

    exporter = Refusing()
    teller = spans_worker.Teller(RESOURCE, exporter)
    assert teller.tell([TRACE]) == 0
    assert teller.tell([TRACE, TRACE]) == 0
    assert len(exporter.seen) == 6


def test_the_child_answers_each_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first line names the collector and the headers; each further one is answered by what was taken."""
    asked: list[object] = []
    exporter = InMemorySpanExporter()
    monkeypatch.setattr(
        spans_worker, "OTLPSpanExporter", lambda endpoint, **more: asked.append((endpoint, more)) or exporter
    )
    first = msgspec.json.encode(Collector("http://127.0.0.1:1/v1/traces", {"api-key": CANARY}, RESOURCE))
    answers = BytesIO()
    spans_worker.serve(BytesIO(b"\n".join([first, *2 * [msgspec.json.encode([TRACE])]])), answers)
    assert answers.getvalue() == b'{"traces":1}\n{"traces":1}\n'
    assert asked == [("http://127.0.0.1:1/v1/traces", {"headers": {"api-key": CANARY}, "timeout": 10.0})]


@pytest.mark.parametrize("text", ["", "a", "=b", "a=b,c", "a=b\nc=d"])
def test_headers_that_are_none(text: str) -> None:
    """Refused, and not repeated."""
    with pytest.raises(ValueError, match="headers are NAME=VALUE") as caught:
        headers_of(text)
    assert str(caught.value) == "headers are NAME=VALUE, with commas between"


def test_headers_and_the_sdk() -> None:
    """Several, with = in their values; and OpenTelemetry is here, or this test would not be."""
    assert headers_of("Authorization=Basic a==, x-team = desk") == {"Authorization": "Basic a==", "x-team": "desk"}
    assert sdk_is_there()


# --- the process ------------------------------------------------------------------------------------------------------
@attrs.define
class Collecting:
    """Takes OTLP on loopback."""

    port: int = 0
    status: int = 200
    requests: list[tuple[bytes, ExportTraceServiceRequest]] = attrs.field(factory=list)
    """Head and body of each."""

    @property
    def url(self) -> str:
        """Where it takes traces."""
        return f"http://127.0.0.1:{self.port}/v1/traces"

    async def serve(self, stream: trio.SocketStream) -> None:
        """Requests of one connection."""
        received = b""
        while chunk := await stream.receive_some():
            received += chunk
            head, separator, body = received.partition(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            if separator and length is not None and len(body) == int(length[1]):
                received = b""
                self.requests.append((head, ExportTraceServiceRequest.FromString(body)))
                await stream.send_all(b"HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n" % self.status)


@pytest.mark.slow
@pytest.mark.e2e
async def test_a_collector_gets_what_was_made(nursery: trio.Nursery) -> None:
    """Over HTTP, from the real child, with the header; a refusal is told, and the same child goes on."""
    collector = Collecting()
    listeners: list[trio.SocketListener] = await nursery.start(
        partial(trio.serve_tcp, collector.serve, 0, host="127.0.0.1")
    )
    collector.port = listeners[0].socket.getsockname()[1]
    process = OtlpProcess(collector.url, Secret(f"api-key={CANARY}"), RESOURCE, send_s_max=100.0)
    with trio.fail_after(120):
        assert await process.send([TRACE])
        child = process._child.process
        collector.status = 400
        assert not await process.send([TRACE])
        collector.status = 200
        assert await process.send([TRACE, TRACE])
    assert child is not None
    assert process._child.process is child
    told = [await trio.Path(f"/proc/{child.pid}/{name}").read_bytes() for name in ("cmdline", "environ")]
    assert CANARY.encode() not in b"".join(told)
    assert resource.prlimit(child.pid, resource.RLIMIT_CORE) == (0, 0)  # it has the headers in its memory
    await process.aclose()
    assert child.poll() is not None
    (head, first), _, (_, last) = collector.requests
    assert head.startswith(b"POST /v1/traces HTTP/1.1\r\n")
    assert f"api-key: {CANARY}".encode() in head
    (found,) = first.resource_spans
    assert ("dnbot.symbol", "BTC/USDT") in [(one.key, one.value.string_value) for one in found.resource.attributes]
    assert [one.name for one in found.scope_spans[0].spans] == [one.name for one in TRACE.spans]
    assert len(last.resource_spans[0].scope_spans[0].spans) == 6
    nursery.cancel_scope.cancel()


@pytest.mark.slow
@pytest.mark.e2e
async def test_the_venue_of_a_plugin_has_its_own_name(tmp_path: Path) -> None:
    """As wherever people look: in the name of the execution and in that of the order."""
    told = tmp_path / "told"
    text = (
        f"import sys; sys.stdin.readline(); open({str(told)!r}, 'w').write(sys.stdin.readline()); "
        "print('{\"traces\":1}', flush=True)"
    )
    command = (sys.executable, "-c", text)
    process = OtlpProcess("http://127.0.0.1:1/", None, RESOURCE, command, 60.0, VenueNames("EXAMPLE"))
    assert await process.send([TRACE])
    await process.aclose()
    found = msgspec.json.decode(told.read_bytes(), type=list[Trace])[0]
    assert [span.name for span in found.spans] == ["execution GATE_TO_EXAMPLE", "order EXAMPLE_SPOT", "ack"]


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.parametrize(
    "text", ["sys.exit(3)", "print('no JSON', flush=True); sys.stdin.read()", "sys.stdin.read()"],
    ids=["dies", "no JSON", "hangs"],
)
async def test_a_child_that_fails_took_nothing(text: str) -> None:
    """It is ended, and the next traces get a new one."""
    process = OtlpProcess("http://127.0.0.1:1/", None, RESOURCE, (sys.executable, "-c", f"import sys; {text}"), 1.0)
    assert not await process.send([TRACE])
    assert process._child.process is None
