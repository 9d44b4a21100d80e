"""Makes a schedule that fails smaller: drops what is not needed for the same invariant to break (delta debugging)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def shrunk(schedule: Any, failed: Any, play: Callable[[Any], Any]) -> tuple[str, ...]:
    """The keys of a smallest part of the schedule that still breaks one of the same invariants."""
    wanted = {v["invariant"] for v in failed.violations}

    def fails(keys: Sequence[str]) -> bool:
        run = play(schedule.only(keys))
        if not wanted:
            return bool(run.idle)
        return any(v["invariant"] in wanted for v in run.violations)

    return minimal(schedule.keys, fails)


def minimal(keys: Sequence[str], fails: Callable[[Sequence[str]], bool]) -> tuple[str, ...]:
    """Keys none of whose parts of equal size can be left out (Zeller, Hildebrandt, "Simplifying and Isolating
    Failure-Inducing Input", IEEE TSE 28(2), 2002: ddmin, with complements alone).
    """
    kept, parts = list(keys), 2
    while kept:
        size = max(1, len(kept) // parts)
        chunks = [kept[at : at + size] for at in range(0, len(kept), size)]
        for chunk in chunks:
            rest = [key for key in kept if key not in chunk]
            if fails(rest):
                kept, parts = rest, max(2, parts - 1)
                break
        else:
            if size == 1:
                break
            parts = min(len(kept), 2 * parts)
    return tuple(kept)
