"""What commands share: the option for JSON, and how times are written."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

from dnbot.ports.clock import SystemClock

JSON = click.option("--json", "as_json", is_flag=True, help="The same, as JSON.")
WHY = click.option("--why", "--reason", "why", required=True, help="The reason; it is recorded with your name.")
STRETCH_DAYS_MAX = 36_500
"""So long before now there still is a date, and no ledger."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_STRETCH = re.compile(r"([0-9]{1,10})([smhd])")  # more digits than that are too long in any unit


def stretch_of(text: str) -> timedelta:
    """Read `90s`, `30m`, `24h` or `7d`; raises ValueError for anything else, and for more than `STRETCH_DAYS_MAX`."""
    found = _STRETCH.fullmatch(text)
    seconds = int(found[1]) * _UNITS[found[2]] if found is not None else 0
    if not 0 < seconds <= STRETCH_DAYS_MAX * _UNITS["d"]:
        raise ValueError(f"{text!r} is not a stretch of time such as 90s, 30m, 24h, 7d, at most {STRETCH_DAYS_MAX}d")
    return timedelta(seconds=seconds)


def moment_of(text: str, now: datetime) -> datetime:
    """Read a moment in UTC (`2026-11-29`, `2026-11-29T14:00`, with or without `Z`), or a stretch of time before `now`.

    Raises:
        ValueError: it is neither, or it is of another time zone.
    """
    try:
        return now - stretch_of(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.utcoffset() not in {None, timedelta(0)}:
        raise ValueError(
            f"{text!r} is neither a moment in UTC such as 2026-11-29T14:00 nor a stretch of time up to now such as "
            f"24h, at most {STRETCH_DAYS_MAX}d"
        )
    return found.replace(tzinfo=UTC)


def moment_option(_context: click.Context, _parameter: click.Parameter, text: str | None) -> datetime | None:
    """A callback: what `moment_of` reads, now being the system's clock; None where the option is not given."""
    if text is None:
        return None
    try:
        return moment_of(text, datetime.fromtimestamp(SystemClock().now_ns() / 1e9, UTC))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
