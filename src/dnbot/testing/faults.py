"""What can go wrong with the fake exchanges, by name: the same in memory and on sockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from dnbot.fakes.records import VENUES, Venue

from .doors import Door, HarnessError
from .records import VenueName, venue_of

Option = str | int | float
FOR_S_MAX = 3600.0


def _rest_down(door: Door, venue: Venue, for_s: float | None, *, manner: Option = "refuse") -> Any:
    door.ask("rest", venue=venue, down_s=FOR_S_MAX if for_s is None else for_s, manner=manner)
    return lambda: door.ask("rest", venue=venue, down_s=0)


def _sockets_cut(door: Door, venue: Venue, for_s: float | None, *, domain: Option = "") -> Any:
    del for_s  # it happens once
    for one in ("public", "private") if not domain else (domain,):
        door.ask("cut", venue=venue, domain=one)
    return lambda: None


def _clock_skewed(door: Door, venue: Venue, for_s: float | None, *, ahead_ms: Option = 900) -> Any:
    if for_s is not None:
        raise HarnessError("clock_skewed lasts until it is switched off")
    door.ask("clock", venue=venue, ahead_ms=ahead_ms)
    return lambda: door.ask("clock", venue=venue, ahead_ms=0)


_KINDS: dict[str, Callable[..., Any]] = {
    "rest_down": _rest_down, "sockets_cut": _sockets_cut, "clock_skewed": _clock_skewed,
}  # fmt: skip


@attrs.define
class Faults:
    """Switches faults on and off, by these names and options:

    ``rest_down``: REST answers nobody, for at most an hour, and what is asked meanwhile never takes effect; sockets
    stay up. ``manner``: refuse (cut at once) or silent (hang, then cut).
    ``sockets_cut``: WebSockets are cut once, those of one ``domain`` (public, private) or all.
    ``clock_skewed``: the venue's clock is ``ahead_ms`` before the world's.
    """

    _door: Door
    _on: dict[str, list[Callable[[], Any]]] = attrs.field(factory=dict)
    _count: int = 0

    def on(self, name: str, *, venue: VenueName | None = None, for_s: float | None = None, **options: Option) -> str:
        """Switch one on, at one venue or at all, for so many seconds or until it is switched off; returns its key.

        Raises HarnessError for a name, option or value that does not exist.
        """
        kind = _KINDS.get(name)
        if kind is None:
            raise HarnessError(f"fault {name!r} is unknown; known: {', '.join(_KINDS)}")
        venues = VENUES if venue is None else (venue_of(venue),)
        try:
            ends = [kind(self._door, one, for_s, **options) for one in venues]
        except TypeError:
            raise HarnessError(f"{name} has no such option: {', '.join(options)}") from None
        self._count += 1
        key = f"{name}#{self._count}"
        self._on[key] = ends
        return key

    def off(self, key: str | None = None) -> None:
        """End one, or all of them, and undo what it changed. Raises HarnessError for an unknown key."""
        keys = list(self._on) if key is None else [key]
        for one in keys:
            if one not in self._on:
                raise HarnessError(f"no such fault is switched on: {one!r}; there are {', '.join(self._on) or 'none'}")
            for end in self._on.pop(one):
                end()
