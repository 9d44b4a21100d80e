"""The open alerts, and what of them is told to people: each once, in groups, not too often, and its end.

Two sources: monitors, which raise and resolve; and the strategy, which only raises, again each minute while it lasts.
An alert of the strategy is over when a monitor that has the same key says so, also one that never raised it itself; or,
without one, when it has not been repeated for `quiet_s`. What monitors judge better as a whole (`FOLDED`) is kept and
listed, and told to nobody.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import attrs
import msgspec

from dnbot.domain.records import Alert
from dnbot.monitor.evaluate import RANK, Resolved

FOLDED = ("fault:", "recovery")
"""One failure of a child is weather: feeds, streams, restarts and recoveries that last have alerts of their own."""
HOUR_S = 3600.0
LINES_MAX = 20
UNTOLD_S = 30.0
"""What nobody took is told again after so long: each time it is tried for seconds, and news go at once anyway."""


class AlertRules(msgspec.Struct, frozen=True, kw_only=True):
    """How people are told."""

    level_min: str = "warning"
    group_s: float = 2.0
    """What begins within this is told together."""
    per_hour_max: int = 30
    """Notices an hour; so many critical ones on top."""
    repeat_s: float = 3600.0
    """A critical alert that lasts is told again so often."""
    quiet_s: float = 150.0
    """An alert of the strategy that is not repeated for so long is over; it repeats one that lasts once a minute."""


class OpenAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that is not over."""

    level: str
    key: str
    text: str
    since_ns: int
    last_ns: int
    """When it was last raised."""
    times: int = 1
    watched: bool = False
    """Whether a monitor will say when it is over."""
    last_s: float = 0.0
    told: str = ""
    """The level at which people were told; empty: not yet."""
    told_s: float = 0.0


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What a notice was made of, for when nobody takes it."""

    made_s: float = 0.0
    keys: tuple[str, ...] = ()
    """Of open alerts."""
    brief: tuple[OpenAlert, ...] = ()
    over: tuple[Resolved, ...] = ()
    limited: int = 0


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One message to people."""

    level: str
    """Of the worst alert in it; info when it only tells what is over."""
    title: str
    lines: tuple[str, ...]
    at_ns: int
    contents: Contents = Contents()


@attrs.define
class AlertBook:
    """Nothing in it waits: who holds it asks for what is due."""

    rules: AlertRules
    name: str
    """Stands before every title."""
    open: dict[str, OpenAlert] = attrs.field(factory=dict)
    limited: int = 0
    """Alerts that were over before they were told: shorter than `group_s`, or more than may be told in an hour."""
    _over: list[Resolved] = attrs.field(factory=list, init=False)
    """Told alerts whose end is to be told."""
    _brief: list[OpenAlert] = attrs.field(factory=list, init=False)
    """Critical ones that were over before they could be told: they are told with their end."""
    _waiting_since_s: float | None = attrs.field(default=None, init=False)
    _sent_s: deque[float] = attrs.field(factory=deque, init=False)
    _untold: list[Contents] = attrs.field(factory=list, init=False)
    """Of notices that nobody took."""
    _untold_until_s: float = attrs.field(default=0.0, init=False)
    """Until then they go only with news."""

    def raise_(self, alert: Alert, now_s: float, *, watched: bool) -> bool:
        """Take an alert; False when it was open already at this level or above.

        `watched`: a monitor raised it, and will resolve it.
        """
        known = self.open.get(alert.key)
        if known is None:
            self.open[alert.key] = OpenAlert(
                level=alert.level, key=alert.key, text=alert.text, since_ns=alert.at_ns, last_ns=alert.at_ns,
                watched=watched, last_s=now_s,
            )
            return True
        rises = RANK[alert.level] > RANK[known.level]
        self.open[alert.key] = msgspec.structs.replace(
            known, level=alert.level if rises else known.level, text=alert.text if rises else known.text,
            last_ns=alert.at_ns, times=known.times + 1, watched=known.watched or watched, last_s=now_s,
        )
        return rises

    def resolve(self, resolved: Resolved) -> None:
        """An alert is over."""
        known = self.open.pop(resolved.key, None)
        if known is None:
            return
        if known.told:
            self._over.append(resolved)
        elif self._is_told(known) and known.level == "critical" and len(self._brief) < LINES_MAX:
            self._brief.append(known)
            self._over.append(resolved)
        elif self._is_told(known):
            self.limited += 1

    def expire(
        self, now_s: float, now_ns: int, clear_since_s: Mapping[str, float] | None = None, clear_s: float = 0.0
    ) -> list[Resolved]:
        """Alerts of the strategy that no monitor has raised, and that are over: a monitor of the same key finds its
        figure clear for `clear_s`, or, where there is none, the strategy has not raised it again for `quiet_s`.
        """
        clear, found = clear_since_s or {}, list[Resolved]()
        for known in self.open.values():
            if known.watched:
                continue
            text, wait_s, since_s = known.text, clear_s, max(clear.get(known.key, 0.0), known.last_s)
            if known.key not in clear:
                wait_s = self.rules.quiet_s
                text = f"not raised again for {wait_s:.0f} s; it said: {text}"
            if now_s - since_s >= wait_s:
                lasted_s = (known.last_ns - known.since_ns) / 1e9 + now_s - known.last_s
                found.append(Resolved(level=known.level, key=known.key, text=text, lasted_s=lasted_s, at_ns=now_ns))
        for resolved in found:
            self.resolve(resolved)
        return found

    def due(self, now_s: float, now_ns: int) -> Notice | None:
        """What is to be told now, in one notice; it counts as told, unless it comes back as `untold`."""
        fresh = [known for known in self.open.values() if self._is_told(known) and self._is_news(known, now_s)]
        rests = self._rests(fresh, now_s)
        if not rests:
            self._take_back()
        if rests or (not fresh and not self._over):  # what was brief is over, too
            self._waiting_since_s = None
            return None
        if self._waiting_since_s is None:
            self._waiting_since_s = now_s
        worst = max((known.level for known in (*fresh, *self._brief)), key=RANK.__getitem__, default="info")
        if now_s - self._waiting_since_s < self.rules.group_s or not self._may_send(worst, now_s):
            return None
        self._sent_s.append(now_s)
        self._waiting_since_s = None
        for known in fresh:
            self.open[known.key] = msgspec.structs.replace(known, told=known.level, told_s=now_s)
        contents = Contents(
            made_s=now_s, keys=tuple(known.key for known in fresh), brief=tuple(self._brief), over=tuple(self._over),
            limited=self.limited,
        )
        fresh.extend(self._brief)
        fresh.sort(key=lambda known: (-RANK[known.level], known.key))
        self._over, self._brief, self.limited = [], [], 0
        return self._notice(worst, fresh, contents, now_ns)

    def untold(self, notice: Notice, now_s: float) -> None:
        """Nobody took this notice: what it told is due again in a while, and it used up nothing of its hour."""
        made = notice.contents
        for key in made.keys:
            known = self.open.get(key)
            if known is not None and known.told_s == made.made_s:  # else a later notice has it as well
                self.open[key] = msgspec.structs.replace(known, told="")
        if made.made_s in self._sent_s:
            self._sent_s.remove(made.made_s)
        self._untold.append(made)
        self._untold_until_s = now_s + UNTOLD_S

    def _rests(self, fresh: list[OpenAlert], now_s: float) -> bool:
        """Whether all that could be told is what nobody took just now."""
        if now_s >= self._untold_until_s or self._over:
            return False
        keys = {key for made in self._untold for key in made.keys}
        return all(known.key in keys for known in fresh)

    def _take_back(self) -> None:
        """Tell with the next notice what the lost ones had. What is open anew is told as that; of very much, the newest
        is kept, as a notice has no more lines.
        """
        for made in self._untold:
            self._brief += [one for one in made.brief if one.key not in self.open]
            self._over += [one for one in made.over if one.key not in self.open]
            self.limited += made.limited
        if self._untold:
            self.limited += max(0, len(self._brief) - LINES_MAX)
            self._brief, self._over, self._untold = self._brief[-LINES_MAX:], self._over[-LINES_MAX:], []

    def _is_told(self, known: OpenAlert) -> bool:
        return RANK[known.level] >= RANK[self.rules.level_min] and not known.key.startswith(FOLDED)

    def _is_news(self, known: OpenAlert, now_s: float) -> bool:
        if not known.told or RANK[known.level] > RANK[known.told]:
            return True
        return known.level == "critical" and now_s - known.told_s >= self.rules.repeat_s

    def _may_send(self, worst: str, now_s: float) -> bool:
        while self._sent_s and now_s - self._sent_s[0] >= HOUR_S:
            self._sent_s.popleft()
        most = self.rules.per_hour_max * (2 if worst == "critical" else 1)
        return len(self._sent_s) < most

    def _notice(self, worst: str, fresh: list[OpenAlert], contents: Contents, now_ns: int) -> Notice:
        lines, over = [_line(known) for known in fresh], contents.over
        lines += [f"resolved {one.key} after {one.lasted_s:.0f} s: {one.text}" for one in over]
        if contents.limited:
            lines.append(f"{contents.limited} alerts came and went before they could be told")
        if len(lines) > LINES_MAX:
            lines = [*lines[: LINES_MAX - 1], f"and {len(lines) - LINES_MAX + 1} more: dnbot alerts"]
        what = f"{worst.upper()} {fresh[0].key}" if fresh else f"resolved {over[0].key}"
        more = len(fresh) + len(over) - 1
        return Notice(
            level=worst, title=f"{self.name}: {what}{f' and {more} more' if more else ''}", lines=tuple(lines),
            at_ns=now_ns, contents=contents,
        )


def _line(known: OpenAlert) -> str:
    again = f" (raised {known.times} times)" if known.told else ""
    return f"{known.level} {known.key}: {known.text}{again}"
