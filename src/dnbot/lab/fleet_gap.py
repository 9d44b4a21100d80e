"""How long a task of a fleet is unhedged, by the venues' truth, and how long that may be."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from dnbot.domain.units import plain
from dnbot.fleet.leases import LeaseTerms
from dnbot.lab.oracle_scene import Scene
from dnbot.lab.oracle_words import NS_PER_S

AFTER_LEASE_S = 15.0
"""What a take-over may need beyond the lease: `docs/fleet.md`, "A hedge waits no longer than its owner"."""


@attrs.define(eq=False)
class GapJudge:
    """Asked at every fill and every mark price.

    The bound counts from the last mishap on: each may end the owner that was about to hedge.
    """

    scene: Scene
    terms: LeaseTerms
    newest_mishap_s: Callable[[float], float] = attrs.field(default=lambda _now_s: 0.0)
    """Given the time, when something last struck; now, while something does."""
    worst_s: float = 0.0
    longest_s: float = 0.0
    """The longest since the last mishap, which is what the bound is for."""
    _opened_ns: int | None = None
    _judged: bool = False

    def look(self, now_ns: int) -> None:
        """Whether delta is back, or outside for too long."""
        allowed = max(self.scene.tolerance(), self.scene.dust())
        if abs(self.scene.delta()) <= allowed:
            self.close(now_ns)
            return
        if self._opened_ns is None:
            self._opened_ns, self._judged = now_ns, False
        self._judge(now_ns)

    def close(self, now_ns: int) -> None:
        """Delta is back, or the run is over."""
        if self._opened_ns is not None:
            self._judge(now_ns)
            self.worst_s = max(self.worst_s, (now_ns - self._opened_ns) / NS_PER_S)
            self._opened_ns = None

    def _judge(self, now_ns: int) -> None:
        assert self._opened_ns is not None
        now_s = now_ns / NS_PER_S
        clear_s = now_s - max(self._opened_ns / NS_PER_S, self.newest_mishap_s(now_s))
        self.longest_s = max(self.longest_s, clear_s)
        if not self._judged:
            most_s = self.terms.ttl_s + AFTER_LEASE_S
            text = f"{self.scene.symbol}: delta {plain(self.scene.delta())} for {clear_s:.3f} s; bound {most_s:g} s"
            self._judged = not self.scene.findings.check("I6", clear_s <= most_s, text)
