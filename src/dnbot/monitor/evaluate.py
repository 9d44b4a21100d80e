"""From figures to alerts: what is bad for its hold time is raised once, what is clear for long enough is resolved once.

Between threshold and clearance nothing changes, a break of the hold begins it anew, and a figure that is not known
neither raises nor resolves. A level only rises while an alert is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from dnbot.domain.records import Alert
from dnbot.monitor.health import health, performance, system
from dnbot.monitor.readings import Reading
from dnbot.monitor.snapshot import Snapshot
from dnbot.monitor.thresholds import MonitorSettings
from dnbot.monitor.trading import trading

RANK = {"info": 0, "warning": 1, "critical": 2}


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that is over."""

    level: str
    """Of the alert."""
    key: str
    text: str
    """What it said when it was raised."""
    lasted_s: float
    at_ns: int


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of one condition."""

    bad_since_s: float | None = None
    clear_since_s: float | None = None
    level: str = ""
    """Of the open alert; empty while none is open."""
    text: str = ""
    since_s: float = 0.0
    """When the open alert was raised."""


State = Mapping[str, Standing]


class Evaluated(msgspec.Struct, frozen=True, kw_only=True):
    """What one look changed."""

    raised: tuple[Alert, ...]
    """New ones, and open ones whose level rose."""
    resolved: tuple[Resolved, ...]
    state: State


def readings(now: Snapshot, limits: MonitorSettings) -> Iterator[Reading]:
    """Every condition that can be judged now."""
    for monitor in (health, performance, trading, system):
        for reading in monitor(now, limits):
            if reading is not None:
                yield reading


def evaluate(now: Snapshot, limits: MonitorSettings, state: State) -> Evaluated:
    """All four monitors on one snapshot."""
    return judge(readings(now, limits), state, now_s=now.now_s, at_ns=now.at_ns, clear_s=limits.clear_ms / 1000)


def judge(found: Iterable[Reading], state: State, *, now_s: float, at_ns: int, clear_s: float) -> Evaluated:
    """Readings against what is remembered; conditions that are not among them stay as they are."""
    after, raised, resolved = dict(state), list[Alert](), list[Resolved]()
    for reading in found:
        before = state.get(reading.key, Standing())
        standing = _timed(before, reading, now_s)
        if _is_due(standing, reading, now_s):
            raised.append(Alert(level=reading.level, key=reading.key, text=reading.text, at_ns=at_ns))
            since_s = before.since_s if before.level else now_s
            standing = msgspec.structs.replace(standing, level=reading.level, text=reading.text, since_s=since_s)
        elif standing.level and _is_over(standing, now_s, clear_s):
            lasted_s = now_s - standing.since_s
            resolved.append(
                Resolved(level=standing.level, key=reading.key, text=standing.text, lasted_s=lasted_s, at_ns=at_ns)
            )
            standing = Standing(clear_since_s=standing.clear_since_s)
        after[reading.key] = standing
    return Evaluated(raised=tuple(raised), resolved=tuple(resolved), state=after)


def _timed(before: Standing, reading: Reading, now_s: float) -> Standing:
    bad_since_s = before.bad_since_s if before.bad_since_s is not None else now_s
    clear_since_s = before.clear_since_s if before.clear_since_s is not None else now_s
    return msgspec.structs.replace(
        before, bad_since_s=bad_since_s if reading.bad else None, clear_since_s=clear_since_s if reading.clear else None
    )


def _is_due(standing: Standing, reading: Reading, now_s: float) -> bool:
    if standing.bad_since_s is None or now_s - standing.bad_since_s < reading.hold_s:
        return False
    return not standing.level or RANK[reading.level] > RANK[standing.level]


def _is_over(standing: Standing, now_s: float, clear_s: float) -> bool:
    return standing.clear_since_s is not None and now_s - standing.clear_since_s >= clear_s
