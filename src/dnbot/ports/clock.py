"""Wall time, monotonic time, and what the venues' own clocks say.

Deadlines and ages use `monotonic_s`, which is trio's clock and therefore virtual in a simulation; wall time is for
signatures and records only.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Protocol

import attrs
import trio

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
SAMPLES_KEPT = 16
STEP_NS_MIN = 50 * NS_PER_MS  # wall against monotonic: slewing is 0.5 ms per second at most, so more is a step


class Clock(Protocol):
    """Where time comes from."""

    def now_ns(self) -> int:
        """Wall time, nanoseconds since the Unix epoch; may step."""
        ...

    def monotonic_s(self) -> float:
        """Seconds since an arbitrary start; never steps back. Callable inside trio only."""
        ...


class SystemClock:
    """The machine's clocks, themselves: each line of the log and each frame asks one."""

    now_ns = staticmethod(time.time_ns)
    monotonic_s = staticmethod(trio.current_time)


@attrs.define
class VirtualClock:
    """Wall time as `epoch_ns` plus trio's time plus `skew_ns`: exact, and virtual when trio's clock is.

    `skew_ns` may be changed while running, which is how a test steps the wall clock.
    """

    epoch_ns: int
    skew_ns: int = 0

    def now_ns(self) -> int:
        return self.epoch_ns + self.skew_ns + round(trio.current_time() * NS_PER_S)

    def monotonic_s(self) -> float:
        return trio.current_time()


@attrs.frozen
class ClockSample:
    """One reading of a venue's clock, bracketed by our monotonic one; all in nanoseconds."""

    sent_at_ns: int
    venue_time_ns: int
    received_at_ns: int

    @property
    def round_trip_ns(self) -> int:
        return self.received_at_ns - self.sent_at_ns

    @property
    def offset_ns(self) -> int:
        """Venue time minus ours, if the reading was taken half-way (Cristian's algorithm)."""
        return self.venue_time_ns - (self.sent_at_ns + self.received_at_ns) // 2


@attrs.define
class ClockOffset:
    """How far one venue's clock is ahead of our monotonic one, by the shortest round trip among the newest few.

    The reading lies somewhere inside the round trip, so the estimate is wrong by at most half of it plus the
    resolution of the venue's timestamp. A step of our own wall clock changes nothing here. A sample that no round trip
    explains discards every older one: then the venue's clock has stepped, and the shortest of the older ones misleads.
    """

    resolution_ns: int = NS_PER_MS
    samples_kept: int = SAMPLES_KEPT
    _samples: deque[ClockSample] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._samples = deque(maxlen=self.samples_kept)

    def observe(self, sent_at_ns: int, venue_time_ns: int, received_at_ns: int) -> None:
        """Takes a sample; times of ours are monotonic."""
        # A timestamp cut to its resolution is early by half of it on average.
        middle_ns = venue_time_ns + self.resolution_ns // 2
        sample = ClockSample(sent_at_ns, middle_ns, received_at_ns)
        if self._samples and _are_apart(sample, self._samples[-1]):
            self._samples.clear()
        self._samples.append(sample)

    @property
    def best(self) -> ClockSample | None:
        """The newest of the samples with the shortest round trip; None before the first sample."""
        return min(reversed(self._samples), key=lambda sample: sample.round_trip_ns, default=None)

    @property
    def offset_ns(self) -> int | None:
        """Venue time minus our monotonic time; None while unknown."""
        return None if (best := self.best) is None else best.offset_ns

    @property
    def uncertainty_ns(self) -> int | None:
        """The estimate is wrong by at most this much; None while unknown."""
        return None if (best := self.best) is None else (best.round_trip_ns + 1) // 2 + self.resolution_ns


def _are_apart(one: ClockSample, other: ClockSample) -> bool:
    """Whether no single offset can have given both readings, by more than a clock drifts between two samples."""
    explained_ns = (one.round_trip_ns + other.round_trip_ns) // 2
    return abs(one.offset_ns - other.offset_ns) > explained_ns + STEP_NS_MIN


@attrs.define
class VenueClock:
    """The venues' own time, from our monotonic clock and the measured offset of each.

    Our wall clock may step without a word of this being wrong. When it runs ahead of the monotonic one, the host may
    have slept, which stops the monotonic clock: every venue is then measured anew, and until that has happened our
    times are early, which venues refuse and which lets orders expire sooner, never later.
    """

    clock: Clock
    _offsets: dict[str, ClockOffset] = attrs.field(init=False, factory=dict)
    _doubts: dict[str, trio.Event] = attrs.field(init=False, factory=dict)
    _wall_ahead_ns: int | None = attrs.field(init=False, default=None)

    def offset(self, venue: str) -> ClockOffset:
        """The estimator of one venue, created at first use."""
        return self._offsets.setdefault(venue, ClockOffset())

    def observe(self, venue: str, sent_at_s: float, venue_time_ms: int, received_at_s: float) -> None:
        """Takes one answer of a venue's time endpoint; monotonic seconds of ours, the venue's milliseconds."""
        times_ns = round(sent_at_s * NS_PER_S), venue_time_ms * NS_PER_MS, round(received_at_s * NS_PER_S)
        self.offset(venue).observe(*times_ns)

    def now_ms(self, venue: str) -> int | None:
        """The venue's time now, milliseconds since the epoch; None while the offset is unknown."""
        self._watch_for_sleep()
        offset_ns = self.offset(venue).offset_ns
        return None if offset_ns is None else (self._monotonic_ns() + offset_ns) // NS_PER_MS

    def error_ms(self, venue: str) -> float | None:
        """The estimate of that venue's offset is wrong by at most this; None while unknown."""
        uncertainty_ns = self.offset(venue).uncertainty_ns
        return None if uncertainty_ns is None else uncertainty_ns / NS_PER_MS

    def doubt(self, venue: str) -> None:
        """That venue refused a request for its time: whoever measures its clock does so now."""
        self._doubts.setdefault(venue, trio.Event()).set()

    async def doubted(self, venue: str) -> None:
        """Returns when that venue's clock is in doubt, once for each time."""
        await self._doubts.setdefault(venue, trio.Event()).wait()
        self._doubts[venue] = trio.Event()

    def _monotonic_ns(self) -> int:
        return round(self.clock.monotonic_s() * NS_PER_S)

    def _watch_for_sleep(self) -> None:
        ahead_ns = self.clock.now_ns() - self._monotonic_ns()
        known_ns, self._wall_ahead_ns = self._wall_ahead_ns, ahead_ns
        if known_ns is not None and ahead_ns - known_ns > STEP_NS_MIN:
            for venue in self._offsets:
                self.doubt(venue)
