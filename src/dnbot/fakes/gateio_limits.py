"""Gate's documented request limits: every call counts one, in a bucket per endpoint group and caller.

Source: Gate API v4 docs, "Frequency limit rule". Public buckets are per IP, private ones per UID; the windows here
are fixed windows that start with their first request, the simplest reading of "r / s" and "r / 10 s".
"""

from __future__ import annotations

import attrs

NS_PER_SECOND = 1_000_000_000
WINDOWS_MAX = 10_000


@attrs.frozen
class Limit:
    """At most `requests` calls in any window of `window_s` seconds."""

    name: str
    requests: int
    window_s: int


PUBLIC = Limit("public", 200, 10)
SPOT_PLACE = Limit("spot.place", 10, 1)
SPOT_CANCEL = Limit("spot.cancel", 200, 1)
PRIVATE = Limit("private", 200, 10)
FUTURES_PLACE = Limit("futures.place", 100, 1)
FUTURES_CANCEL = Limit("futures.cancel", 200, 1)
WALLET_TRANSFER = Limit("wallet.transfer", 80, 10)
WS_SPOT_PLACE = Limit("ws.spot.place", 10, 1)
WS_FUTURES_TRADE = Limit("ws.futures.trade", 100, 1)


@attrs.frozen
class Quota:
    """What the rate headers say about one call: `reset_s` is "now" when the caller is not limited."""

    allowed: bool
    limit: int
    remain: int
    reset_s: int

    def headers(self) -> list[tuple[str, str]]:
        return [
            ("X-Gate-RateLimit-Requests-Remain", str(self.remain)),
            ("X-Gate-RateLimit-Limit", str(self.limit)),
            ("X-Gate-RateLimit-Reset-Timestamp", str(self.reset_s)),
        ]


@attrs.define
class _Window:
    ends_ns: int
    used: int


@attrs.define
class RateLimiter:
    """Counts calls per (limit, caller); `enforce=False` counts without refusing."""

    enforce: bool = True
    _windows: dict[tuple[str, str], _Window] = attrs.field(factory=dict)

    def take(self, limit: Limit, caller: str, now_ns: int, count: int = 1) -> Quota:
        """Count `count` calls and say whether they are within the limit; refused calls are not counted."""
        window = self._windows.get((limit.name, caller))
        if window is None or now_ns >= window.ends_ns:
            if len(self._windows) >= WINDOWS_MAX:  # a client may name any number of markets
                self._windows = {key: open_ for key, open_ in self._windows.items() if now_ns < open_.ends_ns}
            window = _Window(now_ns + limit.window_s * NS_PER_SECOND, 0)
            self._windows[limit.name, caller] = window
        allowed = window.used + count <= limit.requests
        if allowed or not self.enforce:
            window.used += count
        remain = max(0, limit.requests - window.used)
        reset_s = now_ns // NS_PER_SECOND if allowed else -(-window.ends_ns // NS_PER_SECOND)
        return Quota(allowed or not self.enforce, limit.requests, remain, reset_s)
