"""What can go wrong with the fake exchanges, by name: the same in memory and on sockets."""

from __future__ import annotations

import attrs

from .doors import Door
from .records import VenueName, venue_of

Option = str | int | float | bool


@attrs.define
class Faults:
    """Switches faults on and off: every fault of docs/faults.md, by its name, filters and options."""

    _door: Door
    _on: dict[str, None] = attrs.field(factory=dict)

    def on(
        self,
        name: str,
        *,
        venue: VenueName | None = None,
        at_s: float = 0.0,
        for_s: float | None = None,
        **options: Option,
    ) -> str:
        """Switch one on, at one venue or at all, so many seconds from now, for so many or until it is switched off.

        ``options`` are its filters (``path``, ``method``, ``client_id``, ``domain``), its script (``on_nth``,
        ``count``, ``probability``) and whatever else it knows. Returns its key. Raises HarnessError for a name, an
        option or a value that does not exist.
        """
        words: dict[str, Option] = {"at": at_s} if at_s else {}
        words |= {} if venue is None else {"venue": venue_of(venue)}
        words |= {} if for_s is None else {"for": for_s}
        text = ",".join(f"{word}={value}" for word, value in (words | options).items())
        key = str(self._door.ask("fault", on=f"{name}:{text}" if text else name)["key"])
        self._on[key] = None
        return key

    def off(self, key: str | None = None) -> None:
        """End one, or all that were switched on here, and undo it. Raises HarnessError for an unknown key."""
        for one in list(self._on) if key is None else [key]:
            self._door.ask("fault", off=one)
            self._on.pop(one, None)

    def strikes(self, name: str = "") -> list[dict[str, object]]:
        """What struck so far, of one fault or of all: fault, code, time, venue, method, path and client order id."""
        found: list[dict[str, object]] = self._door.ask("faults")["activations"]
        return [strike for strike in found if name in ("", strike["name"])]
