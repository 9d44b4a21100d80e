"""One figure against its threshold: bad, clear, or between the two, where nothing changes."""

from __future__ import annotations

from decimal import Decimal

import msgspec

Figure = float | Decimal
BACK_OVER, BACK_UNDER = Decimal("0.8"), Decimal("1.25")
"""How far back inside its threshold a figure must be before its alert may be resolved."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What one condition looks like now."""

    level: str
    """info, warning or critical."""
    key: str
    text: str
    bad: bool
    clear: bool
    hold_s: float = 0.0
    """How long it must be bad without a break before it is told."""


def when(level: str, key: str, bad: bool, text: str, *, hold_s: float = 0.0) -> Reading:
    """A condition without a middle."""
    return Reading(level=level, key=key, text=text, bad=bad, clear=not bad, hold_s=hold_s)


def over(
    level: str, key: str, value: Figure | None, most: Figure, what: str, *, hold_s: float = 0.0,
    back: Decimal = BACK_OVER,
) -> Reading | None:
    """A figure that may not be above `most`; None: it is not known. `what` has the words before the figure. It is clear
    at `back` times `most`.
    """
    if value is None:
        return None
    text = f"{what} {_shown(value)}; the limit is {_shown(most)}"
    return Reading(
        level=level, key=key, text=text, bad=value > most, clear=float(value) <= float(most) * float(back),
        hold_s=hold_s,
    )


def under(
    level: str, key: str, value: Figure | None, least: Figure, what: str, *, hold_s: float = 0.0
) -> Reading | None:
    """A figure that may not be below `least`; None: it is not known. `what` has the words before the figure."""
    if value is None:
        return None
    text = f"{what} {_shown(value)}; the least is {_shown(least)}"
    return Reading(
        level=level, key=key, text=text, bad=value < least, clear=float(value) >= float(least) * float(BACK_UNDER),
        hold_s=hold_s,
    )


def _shown(value: Figure) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")
