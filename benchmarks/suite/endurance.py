"""Half an hour of full feeds: the bot's own way of a tick at a steady load, minute by minute.

A market that the machine judged is stale when one of its books is older than allowed by the server's schedule: frame n
is due n / rate after the first, so what waits in a socket counts as well as what was read. The process does nothing
else and holds nothing that grows by itself: waits are counted in classes of a microsecond.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import attrs
import trio

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.market import MarketView
from suite import frames, tick_ours
from suite.children import lines
from suite.kept import Kept
from suite.machine import held_s
from suite.measuring import Effort
from suite.target import Target
from suite.tick_path import listening, urls_of
from suite.tick_words import Decided

RATE = 15_000
SECONDS, SECONDS_OF_TRIAL = 1_800, 10
MINUTE_S = 60.0
PARTS_OF_TRIAL = 5
AGE_MS_MAX = 1_000
"""As the strategy allows by default (`market_age_ms_max`)."""
LONGER_MAX, GROWTH_MAX_PCT, MEMORY_MAX_MB = 1.1, 2.0, 200.0
CLASSES = 100_000
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6

Minute = dict[str, float]


def measure(effort: Effort) -> list[Target]:
    """What is left of the time is run in one stretch; minutes that were kept count."""
    seconds = effort.size("seconds", full=SECONDS, trial=SECONDS_OF_TRIAL)
    every_s = MINUTE_S if seconds >= MINUTE_S else seconds / PARTS_OF_TRIAL
    return targets(run(seconds, every_s, effort.kept))


def run(seconds: float, every_s: float, kept: Kept) -> list[Minute]:
    """Minute by minute, each kept as it ends. A new stretch is a new process."""
    done: list[Minute] = kept.of("endurance").get("minutes", [])
    left_s = seconds - every_s * len(done)
    if left_s < every_s:
        return done
    stretch = done[-1]["stretch"] + 1 if done else 1
    with listening() as (ports, ca_file):
        urls = {venue.value: url for venue, url in urls_of(ports, RATE, left_s + every_s, "plain").items()}
        for minute in lines("endurance:endure", urls, str(ca_file), RATE, every_s, round(left_s / every_s)):
            done.append({"stretch": stretch, **minute})
            kept.keep("endurance", {"rate": RATE, "every_s": every_s, "minutes": done})
            print(f"endurance: {len(done)} x {every_s:.0f} s, {minute['rss_mb']:.1f} MB", file=sys.stderr, flush=True)
    return done


def targets(minutes: Sequence[Minute]) -> list[Target]:
    """Age, wait and memory over all minutes; growth within a stretch, because a process begins small."""
    stretches = [[m for m in minutes if m["stretch"] == n] for n in sorted({m["stretch"] for m in minutes})]
    frames_seen, judged = (sum(minute[what] for minute in minutes) for what in ("frames", "judged"))
    memory = [minute["rss_mb"] for minute in minutes]
    p99 = [minute["p99_us"] for minute in minutes]
    growth = max(growth_pct([minute["rss_mb"] for minute in stretch]) for stretch in stretches)
    return [
        Target(
            "endurance, markets judged on stale books", "markets", sum(minute["stale"] for minute in minutes), limit=0,
            detail=f"{RATE:,} frames/s, {frames_seen:,.0f} frames, {judged:,.0f} markets judged; a book may be "
            f"{AGE_MS_MAX} ms old, the oldest was {max(minute['oldest_ms'] for minute in minutes):.0f} ms",
        ),
        Target(
            "endurance, frame -> decision, p99 in the last half", "us", statistics.median(p99[len(p99) // 2 :]),
            factor=1 / LONGER_MAX, beside="the first half",
            comparison=statistics.median(p99[: len(p99) // 2] or p99),
            detail=f"minutes {min(p99):.0f}..{max(p99):.0f}; others had our core for up to "
            f"{max(minute['held_s'] for minute in minutes):.1f} s of one",
        ),
        Target(
            "endurance, memory growth in the last half", "%", growth, limit=GROWTH_MAX_PCT,
            detail=f"{len(stretches)} stretches; MB after each minute: {', '.join(f'{mb:.1f}' for mb in memory)}",
        ),
        Target("endurance, memory at most", "MB", max(memory), limit=MEMORY_MAX_MB),
    ]


def growth_pct(memory: Sequence[float]) -> float:
    """From the middle to the end, percent of the middle; 0 for a stretch without a middle."""
    if len(memory) < 2:
        return 0.0
    middle = memory[(len(memory) - 1) // 2]
    return max(0.0, (memory[-1] - middle) / middle * 100)


# --- the process that endures


@attrs.define
class Counted(Decided):
    """Waits in classes of a microsecond, and the age of every judged book; emptied each minute."""

    rate: float = RATE / len(VENUES)
    """Frames a second of one venue."""
    classes: list[int] = attrs.field(factory=lambda: [0] * CLASSES)
    judged_count: int = 0
    stale: int = 0
    oldest_ns: float = 0.0
    _held_s: float = attrs.field(factory=held_s)
    _due: dict[Venue, float] = attrs.field(factory=dict)
    """The earliest that frame 0 can have been sent, as frames told so far: no frame comes before it is due."""

    def note(self, now_ns: int, read_ns: list[int]) -> None:
        """See `Decided`."""
        classes = self.classes
        for at_ns in read_ns:
            classes[min((now_ns - at_ns) // 1000, CLASSES - 1)] += 1

    def judged(self, market: MarketView) -> None:
        """See `Decided`."""
        now_ns, oldest_ns = time.perf_counter_ns(), 0.0
        for venue, book in market.books.items():
            if book.update_id > frames.FIRST_ID:
                zero_ns = now_ns - (book.update_id - frames.FIRST_ID) / self.rate * 1e9
                self._due[venue] = min(zero_ns, self._due.get(venue, zero_ns))
                oldest_ns = max(oldest_ns, zero_ns - self._due[venue])
        self.judged_count += 1
        self.stale += oldest_ns > AGE_MS_MAX * 1e6
        self.oldest_ns = max(self.oldest_ns, oldest_ns)

    def minute(self) -> Minute:
        """What the last minute was like; the next begins."""
        count = sum(self.classes)
        told = {
            "frames": count, "judged": self.judged_count, "stale": self.stale, "oldest_ms": self.oldest_ns / 1e6,
            "p50_us": self._quantile(count, 0.5), "p99_us": self._quantile(count, 0.99),
            "p99.9_us": self._quantile(count, 0.999), "rss_mb": rss_mb(),
            "held_s": held_s() - self._held_s,
        }
        self._held_s = held_s()
        self.judged_count, self.stale, self.oldest_ns = 0, 0, 0.0
        for place in range(CLASSES):
            self.classes[place] = 0
        return told

    def _quantile(self, count: int, share: float) -> float:
        reached = 0
        for us, times in enumerate(self.classes):
            reached += times
            if times and reached >= share * count:
                return us + 1.0
        return 0.0


def endure(urls: Mapping[str, str], ca_file: str, rate: float, every_s: float, count: int) -> None:
    """Print a line of JSON for each of so many minutes; the server goes on a little longer."""
    trio.run(_endure, {Venue(name): url for name, url in urls.items()}, Path(ca_file), rate, every_s, count)


async def _endure(urls: dict[Venue, str], ca_file: Path, rate: float, every_s: float, count: int) -> None:
    found = Counted(rate=rate / len(urls))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(tick_ours.decided, urls, ca_file, found))
        began_s = trio.current_time()
        for number in range(1, count + 1):
            await trio.sleep_until(began_s + number * every_s)
            print(json.dumps(found.minute()), flush=True)
        nursery.cancel_scope.cancel()


def rss_mb() -> float:
    """Of this process."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE_MB
