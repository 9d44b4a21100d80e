"""Whose turn it is among several owners that wait for one thing: never twice the same while another has had less."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio


class FairTurns:
    """A lock that is handed to the owner that has had least; among equals to the one that has waited longest.

    Within an owner it is first come, first served. Cancelling a wait gives the place up.
    """

    def __init__(self, had: Callable[[str], float]) -> None:
        """`had` tells how much an owner has had lately, in whatever unit."""
        self._had = had
        self._taken = False
        self._waiting: dict[str, deque[trio.Event]] = {}
        """By owner, in the order in which they began to wait."""

    @property
    def taken(self) -> bool:
        """Whether it is somebody's turn."""
        return self._taken

    def waiting(self, other_than: str) -> bool:
        """Whether somebody else waits."""
        return any(owner != other_than for owner in self._waiting)

    @asynccontextmanager
    async def turn(self, owner: str) -> AsyncIterator[None]:
        """The block runs while it is this owner's turn."""
        await self._acquire(owner)
        try:
            yield
        finally:
            self._pass_on()

    async def _acquire(self, owner: str) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        if not self._taken:
            self._taken = True
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        called = trio.Event()
        self._waiting.setdefault(owner, deque()).append(called)
        try:
            await called.wait()
        except trio.Cancelled:
            self._remove(owner, called)
            raise

    def _remove(self, owner: str, called: trio.Event) -> None:
        queue = self._waiting[owner]
        queue.remove(called)
        if not queue:
            del self._waiting[owner]

    def _pass_on(self) -> None:
        self._taken = bool(self._waiting)
        if self._waiting:
            owner = min(self._waiting, key=self._had)
            called = self._waiting[owner][0]
            self._remove(owner, called)
            called.set()
