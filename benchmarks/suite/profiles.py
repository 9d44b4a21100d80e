"""Where the time of a missed target goes: the functions that cost most by themselves."""

from __future__ import annotations

import cProfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import CodeType

import attrs

FUNCTIONS_SHOWN = 6


@attrs.define
class _Running:
    """A profile that can be stopped for a while."""

    profile: cProfile.Profile
    on: bool = False

    def switch(self, on: bool) -> bool:
        """On or off from now; returns how it was."""
        was, self.on = self.on, on
        if on:
            self.profile.enable()
        else:
            self.profile.disable()
        return was


_RUNNING: ContextVar[_Running | None] = ContextVar("_RUNNING", default=None)


def top_lines(work: Callable[[], object]) -> tuple[str, ...]:
    """`share calls name (file:line)` of what took most CPU. The profiler makes many small calls look dearer."""
    running = _Running(cProfile.Profile(time.process_time))
    mark = _RUNNING.set(running)
    try:
        with profiled():
            work()
    finally:
        _RUNNING.reset(mark)
    found = running.profile.getstats()
    total_s = sum(entry.inlinetime for entry in found) or 1.0
    dearest = sorted(found, key=lambda entry: entry.inlinetime, reverse=True)[:FUNCTIONS_SHOWN]
    return tuple(
        f"{entry.inlinetime / total_s:4.0%} {entry.callcount:>8} {_name(entry.code)}" for entry in dearest
    )


@contextmanager
def profiled() -> Iterator[None]:
    """What is done in this block is measured work: a profile that runs counts it."""
    with _switched(True):
        yield


@contextmanager
def unprofiled() -> Iterator[None]:
    """What is done in this block is preparation that no figure counts, and no profile either."""
    with _switched(False):
        yield


@contextmanager
def _switched(on: bool) -> Iterator[None]:
    running = _RUNNING.get()
    if running is None:
        yield
        return
    was = running.switch(on)
    try:
        yield
    finally:
        running.switch(was)


def _name(code: CodeType | str) -> str:
    if isinstance(code, str):  # not written in Python
        return code
    return f"{code.co_qualname} ({Path(code.co_filename).name}:{code.co_firstlineno})"
