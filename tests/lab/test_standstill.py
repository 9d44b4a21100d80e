"""A process that stands still in one Trio run: nothing of it happens, everything else does, and then it is late."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from dnbot.lab.standstill import Standstill

STOPPED_S = (2.05, 9.05)


async def test_its_timers_are_late_and_its_inbox_is_full(autojump_clock: Any) -> None:
    """What came in lies there in its order; a sleep ends when the process goes on; others lived on meanwhile."""
    heard: list[tuple[float, int]] = []
    ticks: list[float] = []
    woken: list[float] = []
    send, receive = trio.open_memory_channel[int](100)

    async def listen() -> None:
        while True:
            number = await receive.receive()
            heard.append((trio.current_time(), number))

    async def sleep() -> None:
        await trio.sleep(5)
        woken.append(trio.current_time())

    async def process(*, task_status: trio.TaskStatus[trio.lowlevel.Task]) -> None:
        task_status.started(trio.lowlevel.current_task())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            nursery.start_soon(sleep)

    async with trio.open_nursery() as nursery:
        standstill = Standstill(await nursery.start(process))
        for number in range(12):
            await trio.sleep_until(number)
            ticks.append(trio.current_time())
            send.send_nowait(number)
            if number == 2:
                await trio.sleep_until(STOPPED_S[0])
                standstill.begin()
            if number == 9:
                await trio.sleep_until(STOPPED_S[1])
                standstill.end()
                standstill.end()
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert ticks == list(range(12))
    late = [STOPPED_S[1]] * 7
    assert heard == list(zip([0, 1, 2, *late, 10, 11], range(12), strict=True))
    assert woken == [STOPPED_S[1]]


@pytest.mark.parametrize("answered_s", [4.0, 7.0])
async def test_a_deadline_that_passed_meanwhile_has_passed(autojump_clock: Any, answered_s: float) -> None:
    """What came before its deadline is taken, however late it is looked at; what came after it is late."""
    came = trio.Event()
    seen: list[tuple[bool, float]] = []

    async def process(*, task_status: trio.TaskStatus[trio.lowlevel.Task]) -> None:
        task_status.started(trio.lowlevel.current_task())
        with trio.move_on_after(5) as waited:
            await came.wait()
        seen.append((waited.cancelled_caught, trio.current_time()))

    async with trio.open_nursery() as nursery:
        standstill = Standstill(await nursery.start(process))
        await trio.sleep(1)
        standstill.begin()
        await trio.sleep_until(answered_s)
        came.set()
        await trio.sleep_until(10)
        assert seen == []
        standstill.end()
    assert seen == [(answered_s > 5, 10.0)]


async def test_it_can_be_ended_while_it_stands(autojump_clock: Any) -> None:
    """A cancellation reaches it when it goes on."""
    scope = trio.CancelScope()
    ended: list[float] = []

    async def process(*, task_status: trio.TaskStatus[trio.lowlevel.Task]) -> None:
        with scope:
            task_status.started(trio.lowlevel.current_task())
            await trio.sleep_forever()
        ended.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        standstill = Standstill(await nursery.start(process))
        standstill.begin()
        await trio.sleep(1)
        scope.cancel()
        await trio.sleep(1)
        assert ended == []
        standstill.end()
    assert ended == [2.0]
