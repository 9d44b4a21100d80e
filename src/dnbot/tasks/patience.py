"""How long to wait after a failure before the same is tried again."""

from __future__ import annotations

import attrs


@attrs.define
class Patience:
    """Short pauses while an answer is worth most, then longer ones: a venue that is down must not be dialled for ever.

    The first `quick` failures in a row are followed by `first_s`; each one after them by twice the last pause, up to
    `most_s`. Times in seconds.
    """

    first_s: float
    quick: int
    most_s: float
    _failures: int = attrs.field(default=0, init=False)

    def after_failure(self) -> float:
        """Seconds to wait now."""
        self._failures += 1
        doublings = max(0, self._failures - self.quick)
        return min(self.first_s * 2 ** min(doublings, 16), self.most_s)

    def after_success(self) -> None:
        """The next failure is a first one."""
        self._failures = 0
