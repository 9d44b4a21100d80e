"""`supervise`: the only place where an `OperatingError` ends. It becomes a `Fault`; the child starts again.

Anything else passes through and cancels the root: a bug is never retried.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs
import trio

from dnbot.domain.errors import ChildKilled, InvariantBroken, OperatingError
from dnbot.domain.messages import Fault, InboxEvent
from dnbot.ports.log import EventLog

BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 15.0
HEALTHY_S = 30.0
"""A child that lived this long starts again without the backoff of earlier failures."""


@attrs.define
class Child:
    """One supervised child: its state, and a way to end it on purpose."""

    name: str
    restarts: int = 0
    running: bool = False
    last_error: str = ""
    _scope: trio.CancelScope | None = None
    _killed: bool = False

    def kill(self) -> None:
        """End the child as if it had failed; it is restarted like after any failure."""
        self._killed = True
        if self._scope is not None:
            self._scope.cancel()


@attrs.define
class Supervisor:
    """Knows every child by name; `dnbot status` and drills read and end them here."""

    inbox: trio.MemorySendChannel[InboxEvent]
    log: EventLog
    children: dict[str, Child] = attrs.field(factory=dict)

    async def supervise(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run a child for ever; each operating failure is told to the machine and retried with backoff.

        Error handling: a group of operating errors is one fault, named by its first error; whatever else is in a group
        is raised.

        Raises:
            InvariantBroken: the child returned, which a healthy one never does.
        """
        child = self.children.setdefault(name, Child(name))
        backoff_s = BACKOFF_FIRST_S
        fault: Fault | None = None
        while True:
            began_s = trio.current_time()
            async with trio.open_nursery() as nursery:
                if fault is not None:  # the inbox was full: perhaps only this child can empty it
                    nursery.start_soon(self.inbox.send, fault, name=f"fault:{name}")
                error = await self._run_once(child, run)
                nursery.cancel_scope.cancel()
            if trio.current_time() - began_s > HEALTHY_S:
                backoff_s = BACKOFF_FIRST_S
            child.restarts += 1
            child.last_error = str(error)
            self.log.warning("child_failed", child=name, error=type(error).__name__, what=str(error))
            fault = self._tell(Fault(child=name, what=str(error), error=type(error).__name__))
            await trio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)

    def _tell(self, fault: Fault) -> Fault | None:
        """Tell the machine at once; what its full inbox does not take comes back."""
        try:
            self.inbox.send_nowait(fault)
        except trio.WouldBlock:
            return fault
        return None

    async def _run_once(self, child: Child, run: Callable[[], Awaitable[None]]) -> OperatingError:
        failures: list[OperatingError] = []
        child._killed = False
        child.running = True
        try:
            with trio.CancelScope() as scope:
                child._scope = scope
                await run()
        except* OperatingError as group:
            failures.extend(_leaves(group))
        finally:
            child.running = False
            child._scope = None
        if failures:
            return failures[0]
        if not child._killed:
            raise InvariantBroken(f"{child.name} returned")
        return ChildKilled(f"{child.name} was ended on purpose")


def is_cancellation(error: BaseException) -> bool:
    """Whether it only says that somebody outside ended us."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(trio.Cancelled)[1] is None
    return isinstance(error, trio.Cancelled)


def _leaves(group: BaseExceptionGroup[OperatingError]) -> list[OperatingError]:
    found: list[OperatingError] = []
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            found.extend(_leaves(error))
        else:
            found.append(error)
    return found
