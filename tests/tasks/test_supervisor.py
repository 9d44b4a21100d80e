"""Supervision: operating errors end here, bugs pass."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from dnbot.domain.errors import ChildKilled, InvariantBroken, StoreUnreachable, VenueUnreachable
from dnbot.domain.messages import Fault
from dnbot.tasks.supervisor import BACKOFF_MAX_S, HEALTHY_S, Supervisor


class Failing:
    """Raises what it is told to, one thing per run, then stays."""

    def __init__(self, *errors: BaseException, after_s: float = 0.0) -> None:
        self.errors, self.after_s, self.began_s = list(errors), after_s, []  # type: ignore[var-annotated]

    async def run(self) -> None:
        self.began_s.append(trio.current_time())
        await trio.sleep(self.after_s)
        if self.errors:
            raise self.errors.pop(0)
        await trio.sleep_forever()


async def supervise(kit: Any, run: Callable[[], Awaitable[None]], for_s: float, limit: int = 100) -> tuple[Any, Any]:
    """Supervise one child for a while; the supervisor and what the machine was told."""
    send, receive = kit.pipe(limit)
    supervisor = Supervisor(send, kit.log)
    with trio.move_on_after(for_s):
        await supervisor.supervise("child", run)
    return supervisor, kit.drain(receive)


async def test_an_operating_error_is_one_fault(autojump_clock: Any, kit: Any) -> None:
    """The machine is told child, class and text; the child starts again and is counted."""
    child = Failing(StoreUnreachable("gone"))
    supervisor, told = await supervise(kit, child.run, 10)
    assert told == [Fault("child", "gone", "StoreUnreachable")]
    assert supervisor.children["child"].restarts == 1
    assert supervisor.children["child"].last_error == "gone"
    assert child.began_s == [0.0, 0.1]


async def test_a_group_of_operating_errors_is_one_fault(autojump_clock: Any, kit: Any) -> None:
    """Nested groups too: named by their first error."""
    inner = ExceptionGroup("inner", [VenueUnreachable("A", "first"), StoreUnreachable("second")])
    _, told = await supervise(kit, Failing(ExceptionGroup("outer", [inner])).run, 10)
    assert told == [Fault("child", "A: first", "VenueUnreachable")]


async def test_backoff_doubles_to_its_limit(autojump_clock: Any, kit: Any) -> None:
    """0.1, 0.2, 0.4 ... seconds, at most the limit."""
    child = Failing(*(StoreUnreachable("gone") for _ in range(10)))
    await supervise(kit, child.run, 100)
    gaps = [round(b - a, 6) for a, b in zip(child.began_s, child.began_s[1:], strict=False)]
    assert gaps == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, BACKOFF_MAX_S, BACKOFF_MAX_S]


async def test_a_healthy_life_resets_the_backoff(autojump_clock: Any, kit: Any) -> None:
    """A child that lived long starts again at once, whatever happened before."""
    child = Failing(*(StoreUnreachable("gone") for _ in range(3)), after_s=HEALTHY_S + 1)
    await supervise(kit, child.run, 150)
    gaps = [round(b - a - HEALTHY_S - 1, 6) for a, b in zip(child.began_s, child.began_s[1:], strict=False)]
    assert gaps == [0.1, 0.1, 0.1]


async def test_a_bug_passes_through(autojump_clock: Any, kit: Any) -> None:
    """Anything but an operating error ends the supervision, also out of a group with operating errors."""
    send, _ = kit.pipe()
    group = ExceptionGroup("both", [StoreUnreachable("gone"), ZeroDivisionError("bug")])
    with pytest.raises(ExceptionGroup) as caught:
        await Supervisor(send, kit.log).supervise("child", Failing(group).run)
    assert caught.value.split(ZeroDivisionError)[1] is None or "bug" in repr(caught.value)
    assert caught.group_contains(ZeroDivisionError)


async def test_a_child_that_returns_is_a_bug(autojump_clock: Any, kit: Any) -> None:
    """A healthy child never returns: silently losing one would be worse than ending."""
    send, _ = kit.pipe()
    with pytest.raises(ExceptionGroup) as caught:
        await Supervisor(send, kit.log).supervise("child", trio.lowlevel.checkpoint)
    assert caught.group_contains(InvariantBroken)


async def test_a_killed_child_is_a_fault_and_comes_back(autojump_clock: Any, kit: Any) -> None:
    """`kill` ends the child as a failure would."""
    send, receive = kit.pipe()
    supervisor, child = Supervisor(send, kit.log), Failing()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.supervise, "child", child.run)
        await trio.sleep(1)
        assert supervisor.children["child"].running
        supervisor.children["child"].kill()
        await trio.sleep(1)
        assert supervisor.children["child"].running
        nursery.cancel_scope.cancel()
    assert [fault.error for fault in kit.drain(receive)] == [ChildKilled.__name__]
    assert len(child.began_s) == 2


async def test_a_full_inbox_does_not_stop_the_restart(autojump_clock: Any, kit: Any) -> None:
    """The child that empties the inbox must come back before its own fault fits into it."""
    send, receive = kit.pipe(1)
    send.send_nowait("old")
    supervisor, taken = Supervisor(send, kit.log), []

    async def machine() -> None:
        if not supervisor.children["machine"].restarts:
            raise StoreUnreachable("gone")
        while True:
            taken.append(await receive.receive())

    with trio.move_on_after(5):
        await supervisor.supervise("machine", machine)
    assert taken == ["old", Fault("machine", "gone", "StoreUnreachable")]
