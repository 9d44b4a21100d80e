"""What follows a failure: the next start after a while, or quarantine."""

from __future__ import annotations

from collections.abc import Sequence

import attrs


@attrs.frozen
class RestartPolicy:
    """Seconds, and how many failures within the window are too many."""

    first_s: float = 1.0
    most_s: float = 60.0
    limit: int = 5
    window_s: float = 600.0

    def after_failure(self, ages_s: Sequence[float]) -> float | None:
        """Seconds until the next start, doubled with each failure in the window; None: quarantine.

        Args:
            ages_s: how long ago each failure was, that of now (0) included.
        """
        recent = sum(age < self.window_s for age in ages_s)
        if recent >= self.limit:
            return None
        return float(min(self.most_s, self.first_s * 2 ** max(0, recent - 1)))
