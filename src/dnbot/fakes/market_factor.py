"""What all symbols of one market have in common: a random path, its jumps, and how loud the market is.

Everything here is a function of seed and time: two symbols that look at the same second see the same, without knowing
of each other, and after a restart nothing has to be read back.
"""

from __future__ import annotations

import math
import random

import attrs

SLOTS_PER_S = 36
KNOT_S = 300.0  # the loudness is drawn anew this often, and goes over from one value to the next
SECONDS_KEPT = 4


@attrs.define(eq=False)
class MarketFactor:
    """The common path, in its own unit: its variance is one a second when the loudness is 1 and nothing jumps.

    ``swing``: standard deviation of the logarithm of the loudness. ``jumps_per_h``, ``jump``: how often everything
    jumps at once, and the standard deviation of a jump in the path's unit.
    """

    seed: int
    swing: float = 0.0
    jumps_per_h: float = 0.0
    jump: float = 0.0
    _seconds: dict[int, list[float]] = attrs.field(factory=dict)
    _knots: dict[int, float] = attrs.field(factory=dict)

    def change(self, from_s: float, to_s: float) -> float:
        """What the path gained between two times (later minus earlier)."""
        first, last = _slot(from_s), _slot(to_s)
        (first_second, first_slot), (last_second, last_slot) = divmod(first, SLOTS_PER_S), divmod(last, SLOTS_PER_S)
        whole = sum(self._second(second)[-1] for second in range(first_second, last_second))
        return whole + self._second(last_second)[last_slot] - self._second(first_second)[first_slot]

    def loudness(self, at_s: float) -> float:
        """By how much everything moves more than usual."""
        knot, part = divmod(at_s / KNOT_S, 1.0)
        low, high = self._knot(int(knot)), self._knot(int(knot) + 1)
        return math.exp(self.swing * (low * (1 - part) + high * part) - self.swing**2 / 2)

    def _second(self, second: int) -> list[float]:
        """The path inside one second, beginning at 0, a value per slot and one for the end."""
        found = self._seconds.get(second)
        if found is None:
            rng = random.Random(f"{self.seed}:factor:{second}")
            scale, at = self.loudness(second) / math.sqrt(SLOTS_PER_S), 0.0
            found = [at]
            for _ in range(SLOTS_PER_S):
                at += rng.gauss(0, 1) * scale
                found.append(at)
            if rng.random() < self.jumps_per_h / 3600:
                slot, jump = rng.randrange(1, SLOTS_PER_S + 1), rng.gauss(0, 1) * self.jump
                found[slot:] = [value + jump for value in found[slot:]]
            while len(self._seconds) >= SECONDS_KEPT:
                del self._seconds[next(iter(self._seconds))]
            self._seconds[second] = found
        return found

    def _knot(self, number: int) -> float:
        found = self._knots.get(number)
        if found is None:
            if len(self._knots) >= SECONDS_KEPT:
                self._knots.clear()
            found = self._knots[number] = random.Random(f"{self.seed}:loudness:{number}").gauss(0, 1)
        return found


def _slot(at_s: float) -> int:
    """The slot that a time is in. Times that are meant to be equal differ by rounding, and must not fall apart here."""
    return math.floor(at_s * SLOTS_PER_S + 1e-6)
