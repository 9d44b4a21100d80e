"""What it costs to be watched: a whole bot on its fake exchanges, with twenty dashboards and a scraper, and alone.

One run, in which phases with and without watchers take turns. What the bot counts in its own histograms is kept here
observation by observation, with its time; what was lost is asked of its metrics and of its database.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import httpx
import trio

from dnbot.cli import commands
from dnbot.metrics.histogram import Histogram
from dnbot.metrics.stages import Stages
from suite import children
from suite.figures import quantile
from suite.measuring import Effort
from suite.target import Target

DASHBOARDS = 20
SECONDS, SECONDS_OF_TRIAL = 900, 20
PHASE_S, PHASE_S_OF_TRIAL = 15.0, 3.0
WARM_UP_S = 20.0
START_S_MAX = 60.0
SCRAPE_S = 1.0
COST_MAX = 1.1
PAGES = ("/", "/static/app.js", "/static/now.js", "/static/app.css", "/api/me", "/api/history", "/api/trades")
"""What a browser asks for before the stream of pictures."""
TOKEN = "watched-" + 40 * "0"
"""Of a bot on loopback whose exchanges are fakes."""
LOST_LINES = "dnbot_log_lines_lost_total"

Observation = tuple[float, float]
"""When it was made, monotonic seconds, and the seconds observed."""


@attrs.define
class Phases:
    """When nobody looked, and when all did."""

    alone: list[tuple[float, float]] = attrs.field(factory=list)
    watched: list[tuple[float, float]] = attrs.field(factory=list)
    pictures: int = 0
    scrapes: int = 0
    lost_lines: float = 0.0


def measure(effort: Effort) -> list[Target]:
    """Phases of a quarter of a minute, in turn."""
    seconds = effort.size("seconds", full=SECONDS, trial=SECONDS_OF_TRIAL)
    phase_s = PHASE_S if seconds >= 4 * PHASE_S else PHASE_S_OF_TRIAL
    with tempfile.TemporaryDirectory(prefix="dnbot-watched-") as folder:
        return targets(*watched_run(Path(folder), seconds, phase_s))


def targets(phases: Phases, observed: dict[str, list[Observation]], lost: int) -> list[Target]:
    """p99 of both kinds of phase, and what was lost."""
    names = {"sent": "tick to order", "burst": "burst of frames to its decisions"}
    found = []
    for key, name in names.items():
        alone, watched = (within(observed[key], windows) for windows in (phases.alone, phases.watched))
        medians = f"p50 {quantile(watched, 0.5) * 1e6:.0f} beside {quantile(alone, 0.5) * 1e6:.0f} us"
        found.append(Target(
            f"watched, {name}, p99", "us", quantile(watched, 0.99) * 1e6, factor=1 / COST_MAX,
            beside="nobody looks", comparison=quantile(alone, 0.99) * 1e6,
            detail=f"{len(watched)} observations beside {len(alone)}; {medians}; {DASHBOARDS} dashboards, which got "
            f"{phases.pictures} pictures, and {phases.scrapes} scrapes",
        ))  # fmt: skip
    found.append(Target("watched, records and log lines lost", "records", lost, limit=0))
    return found


def within(observed: list[Observation], windows: list[tuple[float, float]]) -> list[float]:
    """The seconds observed in these windows of the clock."""
    return [seconds for at_s, seconds in observed if any(first <= at_s < last for first, last in windows)]


def watched_run(folder: Path, seconds: float, phase_s: float) -> tuple[Phases, dict[str, list[Observation]], int]:
    """Start a bot, watch it in turns, end it, and read what it kept."""
    web, metrics = free_ports(2)
    kept, summary = folder / "observed.json", folder / "summary.json"
    environment = {**os.environ, "DNBOT_HOME": str(folder / "home"), "DNBOT_WEB_OPERATE_TOKEN": TOKEN}
    command = children.command("watched:trade", web, metrics, str(summary), str(kept))
    with (folder / "said.txt").open("wb") as said, subprocess.Popen(  # noqa: S603 (this suite's own)
        command, stdout=said, stderr=said, env=environment
    ) as bot:
        try:
            phases = trio.run(partial(look, web, metrics, seconds, phase_s))
            bot.send_signal(signal.SIGINT)
            bot.wait(START_S_MAX)
        finally:
            bot.kill()
        told = json.loads(summary.read_text(encoding="utf-8"))
        report = folder / "report.json"
        subprocess.run(  # noqa: S603 (the same)
            children.command("watched:written", str(report)), stdout=subprocess.DEVNULL, env=environment, check=True,
            timeout=START_S_MAX,
        )  # fmt: skip
    written = json.loads(report.read_text(encoding="utf-8"))
    return phases, json.loads(kept.read_text(encoding="utf-8")), int(phases.lost_lines) + missing(told, written)


def missing(summary: dict[str, Any], report: dict[str, Any]) -> int:
    """Executions and fills that the run's summary counts and `dnbot report` does not find in the database."""
    executions = summary["executions"] - report["executions_total"]["count"]
    return max(0, executions) + max(0, summary["fills"] - report["fills"])


async def look(web: int, metrics: int, seconds: float, phase_s: float) -> Phases:
    """Wait until it trades; then nobody looks, and all look, in turn."""
    phases = Phases()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{web}", headers={"Authorization": f"Bearer {TOKEN}"}, limits=limits, timeout=10.0,
        trust_env=False,
    ) as browser:  # fmt: skip
        with trio.fail_after(START_S_MAX):
            while not await _ready(browser):  # noqa: ASYNC110 (another process's word)
                await trio.sleep(0.2)
        await trio.sleep(min(WARM_UP_S, seconds))
        for _ in range(round(seconds / phase_s / 2)):
            phases.alone.append(await _phase(phase_s))
            async with trio.open_nursery() as nursery:
                for _ in range(DASHBOARDS):
                    nursery.start_soon(_dashboard, browser, phases)
                nursery.start_soon(_scrape, metrics, phases)
                phases.watched.append(await _phase(phase_s))
                nursery.cancel_scope.cancel()
    return phases


async def _phase(phase_s: float) -> tuple[float, float]:
    began_s = time.monotonic()
    await trio.sleep(phase_s)
    return began_s, time.monotonic()


async def _ready(browser: httpx.AsyncClient) -> bool:
    try:
        return (await browser.get("/readyz")).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


async def _dashboard(browser: httpx.AsyncClient, phases: Phases) -> None:
    for page in PAGES:
        (await browser.get(page)).raise_for_status()
    async with browser.stream("GET", "/api/live") as live:
        live.raise_for_status()
        async for line in live.aiter_lines():
            phases.pictures += line.startswith("data:")


async def _scrape(port: int, phases: Phases) -> None:
    async with httpx.AsyncClient(trust_env=False) as prometheus:
        while True:
            text = (await prometheus.get(f"http://127.0.0.1:{port}/metrics")).raise_for_status().text
            phases.scrapes += 1
            phases.lost_lines = max(
                float(line.split()[-1]) for line in text.splitlines() if line.startswith(LOST_LINES)
            )
            await trio.sleep(SCRAPE_S)


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody has, a moment ago."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]


# --- the bot's process


def trade(web: int, metrics: int, summary: str, kept: str) -> None:
    """`dnbot run` until it is interrupted, whose observations of two histograms are kept one by one."""
    observed: dict[str, list[Observation]] = {"sent": [], "burst": []}
    with keeping(observed), contextlib.suppress(SystemExit):
        commands.main(
            ["run", "--plain", "--web", f"127.0.0.1:{web}", "--metrics", f"127.0.0.1:{metrics}", "--summary", summary],
            standalone_mode=False,
        )
    Path(kept).write_text(json.dumps(observed), encoding="utf-8")


@contextlib.contextmanager
def keeping(observed: dict[str, list[Observation]]) -> Iterator[None]:
    """`Stages` that are made meanwhile keep what they observe."""
    plain = Stages.__init__

    def init(made: Stages, *arguments: Any, **more: Any) -> None:
        plain(made, *arguments, **more)
        made.until["sent"] = kept_by(made.until["sent"], observed["sent"])
        made.bursts = {venue: kept_by(each, observed["burst"]) for venue, each in made.bursts.items()}

    Stages.__init__ = init  # type: ignore[method-assign]
    try:
        yield
    finally:
        Stages.__init__ = plain  # type: ignore[method-assign]


class Kept(Histogram):
    """One that keeps each observation."""

    def __init__(self, bounds: tuple[float, ...], observed: list[Observation]) -> None:
        super().__init__(bounds)
        self._observed = observed

    def observe(self, seconds: float) -> None:
        """See `Histogram`."""
        self._observed.append((time.monotonic(), seconds))
        super().observe(seconds)


def kept_by(histogram: Histogram, observed: list[Observation]) -> Kept:
    """One with the same bounds, whose observations are kept there."""
    return Kept(histogram.bounds, observed)


def written(report: str) -> None:
    """What the database of this state folder holds, as `dnbot report` counts it."""
    commands.main(["report", "--since", "all", "--json", report], standalone_mode=False)
