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
    """The machine's clocks."""

    def now_ns(self) -> int:
        return time.time_ns()

    def monotonic_s(self) -> float:
        return trio.current_time()


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
    """One reading of a venue's clock, bracketed by ours; all in nanoseconds since the epoch."""

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
    """The offset of one venue's clock, from the sample with the shortest round trip among the newest few.

    The reading lies somewhere inside the round trip, so the estimate is wrong by at most half of it plus the
    resolution of the venue's timestamp. A step of our own wall clock discards every older sample, and so does a sample
    that no round trip explains: then the venue's clock has stepped, and the shortest of the older ones misleads.
    """

    clock: Clock
    resolution_ns: int = NS_PER_MS
    samples_kept: int = SAMPLES_KEPT
    _samples: deque[ClockSample] = attrs.field(init=False)
    _wall_minus_monotonic_ns: int | None = attrs.field(init=False, default=None)
    _observed_at_s: float | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self._samples = deque(maxlen=self.samples_kept)

    def observe(self, sent_at_ns: int, venue_time_ns: int, received_at_ns: int) -> bool:
        """Takes a sample; False when it was refused because our clock ran backwards inside it."""
        self._forget_after_step()
        if received_at_ns < sent_at_ns:
            return False
        # A timestamp cut to its resolution is early by half of it on average.
        middle_ns = venue_time_ns + self.resolution_ns // 2
        sample = ClockSample(sent_at_ns, middle_ns, received_at_ns)
        if self._samples and _are_apart(sample, self._samples[-1]):
            self._samples.clear()
        self._samples.append(sample)
        self._observed_at_s = self.clock.monotonic_s()
        return True

    @property
    def best(self) -> ClockSample | None:
        """The newest of the samples with the shortest round trip; None before the first sample or after a step."""
        self._forget_after_step()
        return min(reversed(self._samples), key=lambda sample: sample.round_trip_ns, default=None)

    @property
    def offset_ns(self) -> int | None:
        """Venue time minus our wall time; None while unknown."""
        return None if (best := self.best) is None else best.offset_ns

    @property
    def uncertainty_ns(self) -> int | None:
        """The estimate is wrong by at most this much; None while unknown."""
        return None if (best := self.best) is None else (best.round_trip_ns + 1) // 2 + self.resolution_ns

    @property
    def bound_ns(self) -> int | None:
        """The absolute offset is certainly at most this; None while unknown."""
        offset, uncertainty = self.offset_ns, self.uncertainty_ns
        return None if offset is None or uncertainty is None else abs(offset) + uncertainty

    @property
    def age_s(self) -> float | None:
        """Seconds since the newest sample; None before the first."""
        return None if self._observed_at_s is None else self.clock.monotonic_s() - self._observed_at_s

    def _forget_after_step(self) -> None:
        base_ns = self.clock.now_ns() - round(self.clock.monotonic_s() * NS_PER_S)
        known = self._wall_minus_monotonic_ns
        if known is None or abs(base_ns - known) > STEP_NS_MIN:
            self._samples.clear()
            self._wall_minus_monotonic_ns = base_ns


def _are_apart(one: ClockSample, other: ClockSample) -> bool:
    """Whether no single offset can have given both readings, by more than a clock drifts between two samples."""
    explained_ns = (one.round_trip_ns + other.round_trip_ns) // 2
    return abs(one.offset_ns - other.offset_ns) > explained_ns + STEP_NS_MIN


@attrs.define
class VenueClock:
    """Our wall clock corrected for each venue by its measured offset."""

    clock: Clock
    _offsets: dict[str, ClockOffset] = attrs.field(init=False, factory=dict)
    _doubts: dict[str, trio.Event] = attrs.field(init=False, factory=dict)

    def offset(self, venue: str) -> ClockOffset:
        """The estimator of one venue, created at first use."""
        if venue not in self._offsets:
            self._offsets[venue] = ClockOffset(self.clock)
        return self._offsets[venue]

    def observe(self, venue: str, sent_at_ns: int, venue_time_ms: int, received_at_ns: int) -> bool:
        """Takes one answer of a venue's time endpoint; times of ours in nanoseconds, the venue's in milliseconds."""
        return self.offset(venue).observe(sent_at_ns, venue_time_ms * NS_PER_MS, received_at_ns)

    def now_ms(self, venue: str) -> int | None:
        """The venue's time now, milliseconds since the epoch; None while the offset is unknown."""
        offset_ns = self.offset(venue).offset_ns
        return None if offset_ns is None else (self.clock.now_ns() + offset_ns) // NS_PER_MS

    def doubt(self, venue: str) -> None:
        """That venue refused a request for its time: whoever measures its clock does so now."""
        self._doubts.setdefault(venue, trio.Event()).set()

    async def doubted(self, venue: str) -> None:
        """Returns when that venue's clock is in doubt, once for each time."""
        await self._doubts.setdefault(venue, trio.Event()).wait()
        self._doubts[venue] = trio.Event()

    def error_ms(self, venue: str) -> float | None:
        """The estimate of that venue's offset is wrong by at most this; None while unknown."""
        uncertainty_ns = self.offset(venue).uncertainty_ns
        return None if uncertainty_ns is None else uncertainty_ns / NS_PER_MS

    def bound_ms(self, venue: str) -> float | None:
        """The absolute offset from that venue is certainly at most this; None while unknown."""
        bound_ns = self.offset(venue).bound_ns
        return None if bound_ns is None else bound_ns / NS_PER_MS
