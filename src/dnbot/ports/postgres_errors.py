"""What an error code of the server means for the bot (PostgreSQL manual, appendix A: error codes)."""

from __future__ import annotations

from dnbot.domain.errors import InvariantBroken, StoreUnreachable, Superseded
from dnbot.fleet.words import LeaseLost

_BUGS = ("21", "22", "23", "42", "P0", "DN")
"""Classes that the same call would meet again: our statement or our data is wrong. `DN` is our own: db/0004."""
_NO_PERMISSION = "42501"
_NEWER_HAS_BEGUN = "DN001"
_SEQUENCE_MOVED = "DN002"
_LEASE_LOST = "DN005"
_UNDONE = "40"
"""Deadlocks and serialisation failures."""


class TryAgain(StoreUnreachable):
    """The server undid the transaction because of another one."""


class SequenceMoved(InvariantBroken):
    """An earlier append whose answer was lost has been done after all."""


def error_of(sqlstate: str | None, text: str) -> StoreUnreachable | InvariantBroken | LeaseLost:
    """Our error for the server's: `InvariantBroken` for bugs, `StoreUnreachable` for everything that may pass."""
    state = sqlstate or ""
    told = f"{state} {text}"
    if state == _NEWER_HAS_BEGUN:
        return Superseded(told)
    if state == _SEQUENCE_MOVED:
        return SequenceMoved(told)
    if state == _LEASE_LOST:
        return LeaseLost(text)
    if state[:2] in _BUGS and state != _NO_PERMISSION:
        return InvariantBroken(told)
    return TryAgain(told) if state[:2] == _UNDONE else StoreUnreachable(told)
