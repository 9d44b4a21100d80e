"""What `dnbot status` and `dnbot alerts` tell of the open alerts."""

from __future__ import annotations

import msgspec

from dnbot.monitor.book import OpenAlert


class AlertsStanding(msgspec.Struct, frozen=True, kw_only=True):
    """What is open, and how telling it goes."""

    open: tuple[OpenAlert, ...] = ()
    services: int = 0
    sent: int = 0
    failed: int = 0
    dropped: int = 0
    waiting: int = 0
    heartbeats: int | None = None
    """Heartbeats that were heard; None: none are configured."""
    monitor_errors: int = 0
