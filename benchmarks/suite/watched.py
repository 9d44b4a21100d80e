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
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import trio

from dnbot.cli import commands
from dnbot.metrics.histogram import Histogram
from dnbot.metrics.loop_lag import watch_loop
from dnbot.metrics.stages import Stages
from dnbot.operate import metrics as metrics_room
from suite import children
from suite.bootstrap import CONFIDENCE, Pair, ratio_interval
from suite.figures import quantile
from suite.measuring import Effort
from suite.target import Target
from suite.watchers import Seen, is_ready, watch

DASHBOARDS = 20
SECONDS, SECONDS_OF_TRIAL = 900, 20
PHASE_S, PHASE_S_OF_TRIAL = 15.0, 3.0
SETTLE_S = 1.0
"""Between two phases, of neither: those who looked leave."""
WARM_UP_S = 20.0
START_S_MAX = 60.0
COST_MAX = 1.1
TOKEN = "watched-" + 40 * "0"
"""Of a bot on loopback whose exchanges are fakes."""
CONFIG = """
mode = "sim"

[strategy]
symbol = "BTC/USDT"
base_position_size = "0.06"
max_order_notional_quote = "100"
arbitrage_entry_threshold_bps = "3"
arbitrage_exit_threshold_bps = "-2"
round_trips_per_minute_max = 100_000
identical_orders_per_minute_max = 100_000
hedge_quantity_per_minute_max = "100"
consecutive_loss_limit = 100_000
api_error_limit_per_minute = 100_000
max_daily_loss_quote = "100000"

[fakes]
market = "lively"
seed = 7
"""
"""The demo with smaller orders, of which its inventory holds more, so that it trades more often. No rate stops it."""

Observation = tuple[float, float]
"""When it was made, monotonic seconds, and the seconds observed."""
Window = tuple[float, float]
"""Monotonic seconds."""
KEPT = ("sent", "burst", "lag", "cpu")
"""Tick to order, bursts, how late the loop was, and (`cpu`) what the bot's process had used by then."""


@attrs.define
class Phases:
    """When nobody looked, and when all did: the same number of each, those of equal number next to each other."""

    alone: list[Window] = attrs.field(factory=list)
    watched: list[Window] = attrs.field(factory=list)
    seen: Seen = attrs.field(factory=Seen)
    looking_s: float = 0.0
    """CPU time that the watchers themselves took."""


def measure(effort: Effort) -> list[Target]:
    """Phases of a quarter of a minute, in turn."""
    seconds = effort.size("seconds", full=SECONDS, trial=SECONDS_OF_TRIAL)
    phase_s = PHASE_S if seconds >= 4 * PHASE_S else PHASE_S_OF_TRIAL
    with tempfile.TemporaryDirectory(prefix="dnbot-watched-") as folder:
        return targets(*watched_run(Path(folder), seconds, phase_s))


def targets(phases: Phases, observed: dict[str, list[Observation]], lost: int) -> list[Target]:
    """p99 of both kinds of phase, and what was lost."""
    names = {"sent": "tick to order", "burst": "burst of frames to its decisions"}
    seen, more = phases.seen, load_text(phases, observed)
    found = []
    for key, name in names.items():
        pairs = paired(observed[key], phases)
        watched, alone = ([seconds for pair in pairs for seconds in pair[side]] for side in (0, 1))
        found.append(Target(
            f"watched, {name}, p99", "us", quantile(watched, 0.99) * 1e6, factor=1 / COST_MAX,
            beside="nobody looks", comparison=quantile(alone, 0.99) * 1e6,
            detail=f"{interval_text(pairs)}; {len(watched)} observations beside {len(alone)}; "
            f"p50 {quantile(watched, 0.5) * 1e6:.0f} beside {quantile(alone, 0.5) * 1e6:.0f} us; "
            f"{DASHBOARDS} dashboards ({seen.opened} opened), which got {seen.pictures} pictures, and "
            f"{seen.scrapes} scrapes; {more}",
        ))  # fmt: skip
    found.append(Target("watched, records and log lines lost", "records", lost, limit=0))
    return found


def paired(observed: list[Observation], phases: Phases) -> list[Pair]:
    """The seconds observed in each phase in which all looked, and in its neighbour in which nobody did."""
    return [(within(observed, [watched]), within(observed, [alone]))
            for watched, alone in zip(phases.watched, phases.alone, strict=True)]


def interval_text(pairs: list[Pair]) -> str:
    """How sure the ratio of the two p99 is."""
    whole = [pair for pair in pairs if all(pair)]
    if len(whole) < 2:
        return "too few phases to say how sure the ratio is"
    low, high = ratio_interval(whole, 0.99)
    drawn = f"{CONFIDENCE:.0%}, {len(whole)} pairs of phases drawn"
    return f"the ratio of p99 lies within {low:.3f} and {high:.3f} ({drawn})"


def load_text(phases: Phases, observed: dict[str, list[Observation]]) -> str:
    """What bot and watchers used of a core, and how late the bot's loop was at most."""
    parts = []
    for name, windows in (("watched", phases.watched), ("alone", phases.alone)):
        lags = within(observed["lag"], windows)
        late = f", loop late p99 {quantile(lags, 0.99) * 1e3:.1f} ms, at most {max(lags) * 1e3:.1f}" if lags else ""
        parts.append(f"{name}: {used_share(observed['cpu'], windows):.0%} of a core{late}")
    length_s = sum(last - first for first, last in phases.watched)
    return f"{'; '.join(parts)}; the watchers themselves {phases.looking_s / length_s:.0%}"


def used_share(cpu: list[Observation], windows: list[Window]) -> float:
    """CPU time over real time, from the first to the last reading in each of these windows."""
    used, length = 0.0, 0.0
    for first, last in windows:
        inside = [(at_s, used_s) for at_s, used_s in cpu if first <= at_s < last]
        if inside:
            used += inside[-1][1] - inside[0][1]
            length += inside[-1][0] - inside[0][0]
    return used / length if length else 0.0


def within(observed: list[Observation], windows: list[Window]) -> list[float]:
    """The seconds observed in these windows of the clock."""
    return [seconds for at_s, seconds in observed if any(first <= at_s < last for first, last in windows)]


def watched_run(folder: Path, seconds: float, phase_s: float) -> tuple[Phases, dict[str, list[Observation]], int]:
    """Start a bot, watch it in turns, end it, and read what it kept."""
    web, metrics = free_ports(2)
    kept, summary, config = folder / "observed.json", folder / "summary.json", folder / "bot.toml"
    config.write_text(CONFIG, encoding="utf-8")
    environment = {**os.environ, "DNBOT_HOME": str(folder / "home"), "DNBOT_WEB_OPERATE_TOKEN": TOKEN}
    command = children.command("watched:trade", web, metrics, str(summary), str(kept), str(config))
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
            children.command("watched:written", str(report), str(config)), stdout=subprocess.DEVNULL, env=environment,
            check=True, timeout=START_S_MAX,
        )  # fmt: skip
    written = json.loads(report.read_text(encoding="utf-8"))
    lost = int(phases.seen.lost_lines) + missing(told, written)
    return phases, json.loads(kept.read_text(encoding="utf-8")), lost


def missing(summary: dict[str, Any], report: dict[str, Any]) -> int:
    """Executions and fills that the run's summary counts and `dnbot report` does not find in the database."""
    executions = summary["executions"] - report["executions_total"]["count"]
    return max(0, executions) + max(0, summary["fills"] - report["fills"])


async def look(web: int, metrics: int, seconds: float, phase_s: float) -> Phases:
    """Wait until it trades; then nobody looks, and all look, in turn: each pair begins with the other kind."""
    phases = Phases()
    with trio.fail_after(START_S_MAX):
        while not await is_ready(web):  # noqa: ASYNC110 (another process's word)
            await trio.sleep(0.2)
    await trio.sleep(min(WARM_UP_S, seconds))
    for number in range(round(seconds / phase_s / 2)):
        for is_watched in (False, True) if number % 2 == 0 else (True, False):
            if is_watched:
                await _watched(web, metrics, phase_s, phases)
            else:
                phases.alone.append(await _phase(phase_s))
            await trio.sleep(SETTLE_S)
    return phases


async def _watched(web: int, metrics: int, phase_s: float, phases: Phases) -> None:
    used_s = time.process_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch, web, metrics, TOKEN, DASHBOARDS, phases.seen)
        phases.watched.append(await _phase(phase_s))
        nursery.cancel_scope.cancel()
    phases.looking_s += time.process_time() - used_s


async def _phase(phase_s: float) -> Window:
    began_s = time.monotonic()
    await trio.sleep(phase_s)
    return began_s, time.monotonic()


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody has, a moment ago."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]


# --- the bot's process


def trade(web: int, metrics: int, summary: str, kept: str, config: str) -> None:
    """`dnbot run` until it is interrupted, of which observations are kept one by one."""
    observed: dict[str, list[Observation]] = {name: [] for name in KEPT}
    with keeping(observed), contextlib.suppress(SystemExit):
        commands.main(
            ["run", "--plain", "--config", config, "--web", f"127.0.0.1:{web}", "--metrics", f"127.0.0.1:{metrics}",
             "--summary", summary],
            standalone_mode=False,
        )
    Path(kept).write_text(json.dumps(observed), encoding="utf-8")


@contextlib.contextmanager
def keeping(observed: dict[str, list[Observation]]) -> Iterator[None]:
    """`Stages` that are made meanwhile keep what they observe, and so does who watches the loop."""
    plain = Stages.__init__

    def init(made: Stages, *arguments: Any, **more: Any) -> None:
        plain(made, *arguments, **more)
        made.until["sent"] = kept_by(made.until["sent"], observed["sent"])
        made.bursts = {venue: kept_by(each, observed["burst"]) for venue, each in made.bursts.items()}

    async def watched_loop(observe: Callable[[float], None]) -> None:
        def noted(late_s: float) -> None:
            now_s = time.monotonic()
            observed["lag"].append((now_s, late_s))
            observed["cpu"].append((now_s, time.process_time()))
            observe(late_s)

        await watch_loop(noted)

    Stages.__init__ = init  # type: ignore[method-assign]
    metrics_room.watch_loop = watched_loop  # type: ignore[attr-defined]  # an import of that module
    try:
        yield
    finally:
        Stages.__init__ = plain  # type: ignore[method-assign]
        metrics_room.watch_loop = watch_loop  # type: ignore[attr-defined]


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


def written(report: str, config: str) -> None:
    """What the database of this state folder holds, as `dnbot report` counts it."""
    commands.main(["report", "--config", config, "--since", "all", "--json", report], standalone_mode=False)
