"""`/metrics` tells everything that is known of a bot, in words that Prometheus' own parsers accept."""

from __future__ import annotations

import subprocess
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families
from promtool_here import PROMTOOL, needs_promtool

from dnbot.cli import commands
from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import VENUES
from dnbot.metrics.stages import STAGES
from dnbot.operate.metrics import (
    FAMILIES,
    FRESH_S,
    SECTIONS,
    Metrics,
    address_of,
    listen_address,
    metrics_listeners,
    metrics_page,
)
from dnbot.strategy.view import View

ROOT = Path(__file__).resolve().parents[2]
LINES_MAX = 1500
"""Of the whole text: what a scrape costs, and what Prometheus keeps of each."""
NO_FIGURES = {
    "at_ns": "Prometheus stamps what it reads itself",
    "mode_why": "a sentence; the alerts and the log have it",
    "busy": "a sentence",
    "shipments": "what a person declared; delta and equity count it, status and report name it",
    "exit_code": "told when the process is over",
    "edges_bps": "the edges of `pairs`",
    "feeds_fresh": "dnbot_book_fresh, of `venues`",
    "sessions_ready": "dnbot_account_ready, of `venues`",
}
"""Fields of a view that are no figure of their own, and why."""


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every series with its value; a series that is there twice is an error."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found
            found[key] = sample.value
    return found


def value(text: str, name: str, **labels: str) -> float:
    """One series."""
    return samples(text)[name, frozenset(labels.items())]


@pytest.mark.slow
@pytest.mark.parametrize("which", ["told", "told_of_nothing"])
def test_what_is_told_is_what_is_listed(which: str, request: pytest.FixtureRequest) -> None:
    """Each family once, with its type and its labels; also of a bot that knows nothing yet."""
    text = request.getfixturevalue(which).text
    read = {family.name: family for family in text_string_to_metric_families(text)}
    assert list(read) == [family.name.removesuffix("_total") for family in FAMILIES]
    for family in FAMILIES:
        parsed = read[family.name.removesuffix("_total")]
        assert parsed.type == family.kind
        assert {frozenset(sample.labels) - {"le"} for sample in parsed.samples} <= {frozenset(family.labels)}
    assert len(samples(text)) < LINES_MAX


def test_names_say_kind_and_unit() -> None:
    """Counters end in _total and nothing else does; ours begin with dnbot_, those of any process with process_; times
    are seconds, memory bytes, rates and shares ratios."""
    for family in FAMILIES:
        assert family.name.endswith("_total") == (family.kind == "counter"), family.name
        assert family.name.startswith(("dnbot_", "process_")), family.name
        assert not family.name.endswith(("_ms", "_us", "_ns", "_bps", "_pct", "_percent")), family.name
        assert family.text.endswith("."), family.name
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


@pytest.mark.slow
@needs_promtool
@pytest.mark.parametrize("which", ["told", "told_of_nothing"])
def test_promtool_finds_nothing_to_say(which: str, request: pytest.FixtureRequest) -> None:
    """Parsed by Prometheus itself, and checked against its conventions."""
    text = request.getfixturevalue(which).text
    done = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def changed(told: Any) -> Any:
    """Another value of the same kind; None becomes a number."""
    match told:
        case bool():
            return not told
        case int() | float() | Decimal():
            return told + 1
        case str():
            return {"ACTIVE": "HALTED", "MONITORING_SPREADS": "SHUTDOWN"}.get(told, "ETH/USDT")
        case dict():
            return {key: changed(one) for key, one in told.items()} or {"X": 1}
        case tuple():
            return ()
        case None:
            return 1
        case _:
            raise AssertionError(told)


@pytest.mark.slow
@pytest.mark.parametrize("field", [name for name in View.__struct_fields__ if name not in NO_FIGURES])
def test_each_figure_of_the_view_is_told(told: Any, field: str) -> None:
    """A view that differs in one field gives another text."""
    view = told.status.view
    if field == "state":
        view = msgspec.structs.replace(view, state="MONITORING_SPREADS")
    assert told.again(msgspec.structs.replace(view, **{field: changed(getattr(view, field))})) != told.again(view)


@pytest.mark.slow
def test_the_figures_are_those_of_the_status(told: Any) -> None:
    """Units are Prometheus' own: seconds, ratios; what is a sum there is a sum here."""
    text, view, status = told.text, told.status.view, told.status
    assert value(text, "dnbot_delta_base") == float(view.delta_base)
    assert value(text, "dnbot_equity_quote") == float(view.equity_quote)
    assert value(text, "dnbot_naked_worst_seconds", kind="definite") == view.naked_worst_ms / 1000
    assert value(text, "dnbot_state", state=view.state) == 1
    assert sum(v for (name, _), v in samples(text).items() if name == "dnbot_state") == 1
    assert value(text, "dnbot_trading_mode", mode="ACTIVE") == 1
    assert value(text, "dnbot_build_info", version="test", python=_python()) == 1
    assert value(text, "dnbot_pair_edge_ratio", pair="OPEN_MEXC") == view.pairs[3].edge_bps / 10_000
    for line in status.traffic:
        assert value(text, "dnbot_requests_total", venue=line.venue) == line.requests > 0
    for queue in status.statistics.queues:
        assert value(text, "dnbot_queue_limit", queue=queue.name) == queue.limit
    parts = {part: value(text, "dnbot_profit_part_quote", part=part) for part in ("spread", "fees", "funding")}
    realised = value(text, "dnbot_profit_realised_quote")
    assert realised == pytest.approx(parts["spread"] - parts["fees"] + parts["funding"])
    assert 0 < value(text, "dnbot_margin_free_ratio") < 1
    assert value(text, "dnbot_margin_floor_ratio") == 0.3
    assert value(text, "dnbot_event_loop_lag_seconds_count") >= 20
    assert value(text, "dnbot_gc_pause_seconds_count", generation="2") >= 1
    assert value(text, "process_resident_memory_bytes") > 10_000_000


def _python() -> str:
    import platform

    return platform.python_version()


@pytest.mark.slow
def test_each_arbitrage_is_measured_at_each_stage(told: Any) -> None:
    """As many observations as pairs that were decided on; both legs of each are sent, answered and filled."""
    stages, executions = told.measures.stages, told.measures.tallies.executions
    decided = stages.stages["evaluated_to_decided"].count
    assert decided > 5
    assert [stages.stages[name].count for name in STAGES] == [decided] * 5
    assert stages.until["sent"].count == decided
    assert decided - 2 <= stages.until["filled"].count <= decided
    # Time is virtual: venues and lines alone take any, so a stamp that is not of this very arbitrage would show.
    assert [stages.stages[name].total for name in STAGES] == [0.0] * 5
    assert stages.until["sent"].total == 0
    assert 0 < stages.until["filled"].total < decided * 0.1
    assert sum(executions.values()) >= stages.until["filled"].count
    sent = told.counters.orders_sent
    assert sent - 2 <= sum(one.count for one in stages.answers.values()) <= sent
    assert sum(number for (_, outcome), number in told.measures.tallies.answers.items()) == sum(
        one.count for one in stages.answers.values()
    )
    assert all(stages.bursts[venue].count > 100 for venue in VENUES)
    assert told.measures.appends.count > 30


def test_the_page_of_the_metrics_is_true() -> None:
    """docs/metrics.md is what the code says."""
    assert (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8") == metrics_page()


async def test_a_page_is_made_once_a_second(autojump_clock: trio.testing.MockClock, manned: Any) -> None:
    """However often it is asked for; others have their turn while it is made."""
    async with manned(runs=False) as bot:
        asked: list[float] = []
        look = bot.report.unmasked

        def report() -> Any:
            asked.append(trio.current_time())
            return look()

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await trio.lowlevel.checkpoint()

        turns = 0
        bot.report.unmasked = report
        metrics = Metrics(bot.bot, bot.report)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(others)
            first = await metrics.page()
            nursery.cancel_scope.cancel()
        assert turns >= len(SECTIONS)  # one before the first text, too: what is known is asked in a turn of its own
        await trio.sleep(FRESH_S * 0.9)
        assert await metrics.page() is first
        await trio.sleep(FRESH_S * 0.2)
        assert await metrics.page() is not first
        assert len(asked) == 2
        assert metrics.exposition().splitlines()[0] == first.splitlines()[0]


async def test_the_page_is_served_on_a_socket(manned: Any) -> None:
    """Over TCP on a free port of loopback, in real time; when the block ends nobody listens there any more."""
    async with manned(runs=False) as bot, AsyncExitStack() as stack:
        listeners = await metrics_listeners(("127.0.0.1", 0), stack)
        port = int(address_of(listeners).removeprefix("http://127.0.0.1:").removesuffix("/metrics"))
        with trio.fail_after(10):
            async with Metrics(bot.bot, bot.report).served(listeners):
                stream = await trio.open_tcp_stream("127.0.0.1", port)
                async with stream:
                    await stream.send_all(f"GET /metrics HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
                    answer = b"".join([part async for part in stream])
            with pytest.raises(OSError, match="all attempts to connect"):
                await trio.open_tcp_stream("127.0.0.1", port)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert "dnbot_state" in samples_of(answer)


def samples_of(answer: bytes) -> set[str]:
    """Names of the series in an answer."""
    return {name for name, _ in samples(answer.partition(b"\r\n\r\n")[2].decode())}


async def test_a_taken_port_is_told_in_a_sentence() -> None:
    """Before anything else of a run exists."""
    async with AsyncExitStack() as stack:
        (listener,) = await metrics_listeners(("127.0.0.1", 0), stack)
        port = listener.socket.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port}.*a free port"):
            await metrics_listeners(("127.0.0.1", port), stack)
        assert await metrics_listeners(None, stack) == []


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:9464", ("127.0.0.1", 9464)), ("localhost:0", ("localhost", 0)), ("[::1]:9464", ("::1", 9464))],
)
def test_loopback_is_listened_on(text: str, address: tuple[str, int]) -> None:
    """By number or name."""
    assert listen_address(text) == address


@pytest.mark.parametrize("text", ["0.0.0.0:9464", "10.0.0.1:9464", "127.0.0.1", ":9464", "127.0.0.1:65536", "x:y", ""])
def test_nothing_but_loopback_is_listened_on(text: str) -> None:
    """The page has no password."""
    with pytest.raises(ConfigError, match=r"loopback address such as 127\.0\.0\.1:9464"):
        listen_address(text)


def test_a_run_that_would_listen_elsewhere_does_not_begin(tmp_path: Path) -> None:
    """A sentence and exit code 2."""
    home = tmp_path / "home"
    ended = CliRunner(env={"DNBOT_HOME": str(home)}).invoke(commands, ["run", "--metrics", "0.0.0.0:9464"])
    assert ended.exit_code == 2
    assert ended.stderr.startswith("dnbot: ")
    assert "127.0.0.1:9464" in ended.stderr
    assert [path.name for path in home.rglob("*")] == []
