"""One line of the result: a figure, what it had to reach, and whether it did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from suite.figures import shown

UNITS_MORE_IS_BETTER = frozenset({"1/s", "symbols", "% reused"})


@attrs.frozen
class Target:
    """`limit` binds the figure, `factor` how many times better than the comparison it is; at least one is given.

    The unit says which way is better: more per second or more symbols, or less of anything else. A comparison that
    could not be measured leaves `comparison` None, and a target that needs it is missed: `detail` says why.
    """

    name: str
    """Number of the target and what it measures, e.g. `1 log call, declared event, p50`."""
    unit: str
    measured: float
    limit: float | None = None
    factor: float | None = None
    beside: str = ""
    """Who the comparison is."""
    comparison: float | None = None
    floor: float | None = None
    """What nothing that does this here can be better than, measured in the same rounds."""
    floor_of: str = ""
    """What that is: the bare work of the machine, the interpreter or the disk."""
    detail: str = ""
    again: Callable[[], object] | None = None
    """Does once more what was measured of ours, in this process, to be profiled when the target is missed."""
    profile: tuple[str, ...] = ()
    """Where the time went, for a missed target."""

    def __attrs_post_init__(self) -> None:
        if self.limit is None and self.factor is None:
            raise ValueError(f"{self.name}: nothing to reach")
        if (self.factor is not None or self.comparison is not None) and not self.beside:
            raise ValueError(f"{self.name}: a comparison with nobody")
        if (self.floor is None) != (not self.floor_of):
            raise ValueError(f"{self.name}: a floor and what it is of belong together")

    @property
    def more_is_better(self) -> bool:
        """Whether a larger figure is the better one."""
        return self.unit in UNITS_MORE_IS_BETTER

    @property
    def ratio(self) -> float | None:
        """How many times better than the comparison; below 1: worse. None without one."""
        if self.comparison is None:
            return None
        if self.more_is_better:
            return self.measured / self.comparison
        return self.comparison / self.measured

    @property
    def met(self) -> bool:
        """Whether limit and factor, as far as given, are both reached."""
        if self.limit is not None:
            within = self.measured >= self.limit if self.more_is_better else self.measured <= self.limit
            if not within:
                return False
        return self.factor is None or (self.ratio is not None and self.ratio >= self.factor)

    @property
    def target(self) -> str:
        """What had to be reached, as text."""
        parts = []
        if self.limit is not None:
            parts.append(f"{'>=' if self.more_is_better else '<='} {shown(self.limit)} {self.unit}")
        if self.factor is not None:
            parts.append(self._factor_text(self.factor))
        return ", ".join(parts)

    def _factor_text(self, factor: float) -> str:
        if factor < 1 and not self.more_is_better:
            return f"<= {1 / factor:.3g} x what {self.beside} takes"
        return f">= {factor:.3g} x better than {self.beside}" if factor > 1 else f">= {factor:.3g} x {self.beside}"

    def record(self) -> dict[str, Any]:
        """The same for `--json`."""
        return {
            "name": self.name, "measured": self.measured, "target": self.target, "comparison": self.comparison,
            "beside": self.beside, "ratio": self.ratio, "floor": self.floor, "floor_of": self.floor_of,
            "met": self.met, "unit": self.unit, "detail": self.detail, "profile": list(self.profile),
        }
