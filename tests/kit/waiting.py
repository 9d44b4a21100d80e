"""Waiting for another process, which lives in real time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

WAIT_S_MAX = 120.0


def until(what: str, ask: Callable[[], Any], is_there: Callable[[Any], bool]) -> Any:
    """What is answered as soon as it is so."""
    end = time.monotonic() + WAIT_S_MAX  # noqa: TID251 (another process lives in real time)
    while time.monotonic() < end:  # noqa: TID251 (the same)
        try:
            found = ask()
        except OSError:
            found = None
        if found is not None and is_there(found):
            return found
        time.sleep(0.2)  # noqa: TID251 (the same)
    raise AssertionError(f"{what} within {WAIT_S_MAX} s")
