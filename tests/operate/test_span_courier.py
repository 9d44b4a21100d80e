"""Who makes a trace never waits: the queue is bounded, and what a collector does not take is lost and counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import trio

from dnbot.operate.span_courier import FAILED_PAUSE_S, GATHER_S, QUEUE_MAX, TOGETHER_MAX, SpanCourier
from dnbot.ports.clock import SystemClock
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.ports.spans import Span, Trace


@attrs.define
class Post:
    """An exporter that keeps what it is given."""

    takes: bool = True
    breaks: bool = False
    stuck: bool = False
    closed: bool = False
    given: list[list[str]] = attrs.field(factory=list)

    async def send(self, traces: Sequence[Trace]) -> bool:
        """Keep their names."""
        self.given.append([one.execution_id for one in traces])
        if self.breaks:
            raise ValueError("a bug")
        if self.stuck:
            await trio.sleep_forever()
        return self.takes

    async def aclose(self) -> None:
        """Remember that."""
        self.closed = True


def trace(name: str) -> Trace:
    """One of this name."""
    return Trace(execution_id=name, spans=(Span(name="execution", begin_ns=1, end_ns=2),))


def courier(post: Post) -> tuple[SpanCourier, MemorySink]:
    """One that brings everything there."""
    sink = MemorySink()
    return SpanCourier(post, EventLog(SystemClock(), [sink])), sink


async def test_what_is_closed_together_is_sent_together(autojump_clock: Any, nursery: trio.Nursery) -> None:
    """Within a second, in its order, so many at once at most; the exporter is closed at the end."""
    post = Post()
    here, _ = courier(post)
    nursery.start_soon(here.run)
    for number in range(TOGETHER_MAX + 1):
        here.put(trace(str(number)))
    await trio.sleep(GATHER_S / 2)
    assert post.given == []
    await trio.sleep(GATHER_S * 2)
    assert [len(names) for names in post.given] == [TOGETHER_MAX, 1]
    assert post.given[1] == [str(TOGETHER_MAX)]
    assert (here.exported, here.lost) == (TOGETHER_MAX + 1, 0)
    nursery.cancel_scope.cancel()
    await trio.lowlevel.cancel_shielded_checkpoint()
    with trio.CancelScope(shield=True):
        await trio.sleep(0.1)
    assert post.closed


async def test_a_collector_that_takes_nothing_is_told_once_and_waited_for(
    autojump_clock: Any, nursery: trio.Nursery
) -> None:
    """What it did not take is lost, never sent again; the next is sent after a pause, and one line says so."""
    post = Post(takes=False)
    here, sink = courier(post)
    nursery.start_soon(here.run)
    here.put(trace("a"))
    await trio.sleep(GATHER_S + 0.1)
    here.put(trace("b"))
    await trio.sleep(FAILED_PAUSE_S - 1.0)
    assert post.given == [["a"]]
    await trio.sleep(2 * GATHER_S + 0.1)
    assert post.given == [["a"], ["b"]]
    post.takes = True
    here.put(trace("c"))
    await trio.sleep(FAILED_PAUSE_S + GATHER_S)
    assert (post.given[2:], here.exported, here.lost) == ([["c"]], 1, 2)
    here.log.flush_now()
    assert [line["event"] for line in sink.lines] == ["traces_not_taken"]


async def test_a_stuck_collector_holds_nobody(autojump_clock: Any, nursery: trio.Nursery) -> None:
    """`put` returns at once, the oldest goes when there is no room, and the end waits no longer than it is told to."""
    post = Post(stuck=True)
    here, _ = courier(post)
    nursery.start_soon(here.run)
    here.put(trace("first"))
    await trio.sleep(GATHER_S + 0.1)
    began_s = trio.current_time()
    for number in range(QUEUE_MAX + 3):
        here.put(trace(str(number)))
    assert trio.current_time() == began_s
    assert (here.lost, here._queue[0].execution_id, len(here._queue)) == (3, "3", QUEUE_MAX)
    await here.finish(2.0)
    assert trio.current_time() == began_s + 2.0


async def test_a_bug_of_the_exporter_ends_nothing(autojump_clock: Any, nursery: trio.Nursery) -> None:
    """It is told by its name, and what it was given is lost."""
    post = Post(breaks=True)
    here, sink = courier(post)
    nursery.start_soon(here.run)
    here.put(trace("a"))
    await trio.sleep(GATHER_S + 0.1)
    post.breaks = False
    here.put(trace("b"))
    await here.finish(FAILED_PAUSE_S + 2 * GATHER_S)
    assert (here.exported, here.lost) == (1, 1)
    here.log.flush_now()
    assert sink.lines[0]["event"] == "span_courier_failed"
    assert b"ValueError" in sink.encoded
