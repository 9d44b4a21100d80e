"""What holds for whole links and hosts while a fault lasts: bytes held back, bandwidth, and doors that are shut."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio

from .records import Venue

EXCHANGES = {"gate_spot": "gate", "gate_futures": "gate", "mexc_spot": "mexc"}
"""Which host a venue lives at: Gate's two products share one."""


@attrs.frozen(eq=False)
class Condition:
    """What links of some venues and one domain (empty: all) suffer.

    `deaf`: the venue hears nothing. `mute`: nothing of it arrives. `bytes_per_s`: what arrives is slow. `down`: sockets
    of that kind are cut as soon as they are known to be.
    """

    venues: tuple[Venue, ...]
    domain: str = ""
    deaf: bool = False
    mute: bool = False
    bytes_per_s: float | None = None
    down: bool = False

    def holds_for(self, venue: str, domain: str) -> bool:
        """Whether a link is meant; one that is not known yet is meant by none."""
        return venue in self.venues and self.domain in ("", domain)


@attrs.define(eq=False)
class Links:
    """The conditions that hold now; ``changed`` is set, and replaced, whenever they change."""

    conditions: dict[Condition, None] = attrs.field(factory=dict)
    changed: trio.Event = attrs.field(factory=trio.Event)

    def add(self, condition: Condition) -> Callable[[], None]:
        """From now on it holds; the function that is returned ends it, and what was held back goes on."""
        self.conditions[condition] = None
        self.tell()

        def end() -> None:
            self.conditions.pop(condition, None)
            self.tell()

        return end

    def tell(self) -> None:
        """Wake everybody who waits for a change."""
        changed, self.changed = self.changed, trio.Event()
        changed.set()

    def of(self, venue: str, domain: str) -> list[Condition]:
        """What one link suffers now."""
        return [condition for condition in self.conditions if condition.holds_for(venue, domain)]


@attrs.define(eq=False)
class Doors:
    """Which hosts refuse to be dialled: ``gate`` and ``mexc``."""

    _shut: dict[str, int] = attrs.field(factory=dict)
    changed: trio.Event = attrs.field(factory=trio.Event)

    def is_shut(self, host: str) -> bool:
        """Whether a connection to that host is refused now."""
        return self._shut.get(host, 0) > 0

    def shut(self, hosts: set[str]) -> Callable[[], None]:
        """Refuse connections to these; the function that is returned lets them in again."""
        self._move(hosts, 1)
        return lambda: self._move(hosts, -1)

    def _move(self, hosts: set[str], step: int) -> None:
        for host in hosts:
            self._shut[host] = self._shut.get(host, 0) + step
        changed, self.changed = self.changed, trio.Event()
        changed.set()
