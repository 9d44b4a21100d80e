"""Notices on their way: nobody waits, failures are tried again, the least is dropped first, no secret is in them."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio

from dnbot.monitor.book import Notice
from dnbot.operate.courier import FAILING_S, NOTICES_MAX, Courier
from dnbot.ports.clock import VirtualClock
from dnbot.ports.credentials import Secret, SecretRegistry
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.ports.notifier import Message
from dnbot.ports.redaction import Redactor

CANARY = "bot123456:canary-token-value"


@attrs.define
class Post:
    """A notifier of three services, of which some are down."""

    services: int = 3
    down: list[int] = attrs.field(factory=list)
    stuck: bool = False
    breaks: bool = False
    taken: list[tuple[int, str]] = attrs.field(factory=list)
    """Service and title."""
    messages: list[Message] = attrs.field(factory=list)
    closed: bool = False

    async def send(self, message: Message) -> list[int]:
        """To each of `message.to` that is up."""
        if self.breaks:
            raise RuntimeError("a bug")
        if self.stuck:
            await trio.sleep_forever()
        if message.to:
            self.messages.append(message)
        self.taken += [(number, message.title) for number in message.to if number not in self.down]
        return [number for number in message.to if number in self.down]

    async def aclose(self) -> None:
        """Note it."""
        self.closed = True


def notice(title: str, level: str = "warning", line: str = "words") -> Notice:
    """One notice."""
    return Notice(level=level, title=title, lines=(line,), at_ns=0)


def courier(post: Post, lost: list[str] | None = None) -> tuple[Courier, MemorySink, EventLog]:
    """A courier that knows the canary as a secret; `lost` gets the titles of what it gives back."""
    registry, sink = SecretRegistry(), MemorySink()
    registry.add(Secret(CANARY))
    redactor = Redactor(registry)
    log = EventLog(VirtualClock(0), [sink], redactor)
    untold = (lambda notice, _: lost.append(notice.title)) if lost is not None else None
    return Courier(post, redactor, log, untold), sink, log


async def test_only_what_failed_is_tried_again(autojump_clock: Any, nursery: trio.Nursery) -> None:
    """A service that took a notice does not get it twice; one that is down gets it when it is up again."""
    post = Post(down=[1])
    here, _, _ = courier(post)
    nursery.start_soon(here.run)
    here.put(notice("a"))
    await trio.sleep(1.0)
    assert post.taken == [(0, "a"), (2, "a")]
    post.down = []
    await trio.sleep(30.0)
    assert post.taken == [(0, "a"), (2, "a"), (1, "a")]
    assert (here.sent, here.failed, here.waiting) == (1, 0, 0)


async def test_what_nobody_takes_is_counted_and_told_to_the_log(autojump_clock: Any, nursery: trio.Nursery) -> None:
    """After three tries the next has its turn; services are named by number; failing for long is known, and its end."""
    post = Post(down=[0, 1, 2])
    here, sink, log = courier(post)
    nursery.start_soon(here.run)
    here.put(notice("a"))
    await trio.sleep(15.0)
    assert (here.sent, here.failed, len(post.messages)) == (0, 1, 3)
    assert not here.is_failing(trio.current_time())
    log.flush_now()
    assert [(line["event"], line["data"]) for line in sink.lines] == [
        ("notice_not_told", {"title": "a", "services": [1, 2, 3]})
    ]
    await trio.sleep(FAILING_S)
    assert here.is_failing(trio.current_time())
    post.down = []
    here.put(notice("b"))
    await trio.sleep(1.0)
    assert not here.is_failing(trio.current_time())


async def test_what_nobody_takes_is_given_back(autojump_clock: Any, nursery: trio.Nursery) -> None:
    """After its tries, after a bug, and out of a queue that is full; not what one service of three took."""
    post, lost = Post(down=[0, 1]), list[str]()
    here, _, _ = courier(post, lost)
    nursery.start_soon(here.run)
    here.put(notice("taken by one"))
    await trio.sleep(20.0)
    post.down = [0, 1, 2]
    here.put(notice("taken by nobody"))
    await trio.sleep(20.0)
    post.breaks = True
    here.put(notice("a bug"))
    await trio.sleep(20.0)
    assert lost == ["taken by nobody", "a bug"]
    post.breaks, post.stuck = False, True
    here.put(notice("stuck"))
    await trio.testing.wait_all_tasks_blocked()
    for number in range(NOTICES_MAX + 1):
        here.put(notice(f"c{number}", "critical"))
    here.put(notice("too late"))
    assert lost[2:] == ["c0", "too late"]


async def test_a_service_that_is_down_holds_up_nobody(autojump_clock: Any, nursery: trio.Nursery) -> None:
    """One that failed in every try gets each further notice once, until it takes one."""
    post = Post(down=[1])
    here, _, _ = courier(post)
    nursery.start_soon(here.run)
    here.put(notice("a"))
    await trio.sleep(20.0)
    for title in "bc":
        here.put(notice(title))
        await trio.sleep(0.1)
        assert here.waiting == 0
    assert [message.to for message in post.messages] == [[0, 1, 2], [1], [1], [0, 1, 2], [0, 1, 2]]
    post.down = []
    here.put(notice("d"))
    await trio.sleep(0.1)
    post.down = [1]
    here.put(notice("e"))
    await trio.sleep(20.0)
    assert [message.to for message in post.messages[5:]] == [[0, 1, 2], [0, 1, 2], [1], [1]]


async def test_a_full_queue_drops_the_least(autojump_clock: Any, nursery: trio.Nursery) -> None:
    """The oldest that is not critical goes first; among critical ones the oldest; every loss is counted."""
    post = Post()
    here, _, _ = courier(post)
    nursery.start_soon(here.run)
    await trio.testing.wait_all_tasks_blocked()
    post.stuck = True
    here.put(notice("on its way"))
    await trio.testing.wait_all_tasks_blocked()
    for number in range(NOTICES_MAX - 1):
        here.put(notice(f"w{number}"))
    here.put(notice("c0", "critical"))
    here.put(notice("c1", "critical"))
    assert here.dropped == 1
    titles = [one.title for one in here._queue]
    assert titles[0] == "w1"
    assert titles[-2:] == ["c0", "c1"]
    for number in range(2, NOTICES_MAX + 1):
        here.put(notice(f"c{number}", "critical"))
    assert [one.title for one in here._queue] == [f"c{number}" for number in range(1, NOTICES_MAX + 1)]
    before = here.dropped
    here.put(notice("late warning"))
    assert here.dropped == before + 1
    assert here._queue[-1].title == f"c{NOTICES_MAX}"


async def test_a_stuck_service_holds_nobody(autojump_clock: Any, nursery: trio.Nursery) -> None:
    """`put` returns at once, and the end of a run waits no longer than it is told to; the notifier is then closed."""
    post = Post(stuck=True)
    here, _, _ = courier(post)
    async with trio.open_nursery() as inner:
        inner.start_soon(here.run)
        for number in range(5):
            here.put(notice(f"{number}"))
        began_s = trio.current_time()
        await here.finish(3.0)
        assert trio.current_time() - began_s == 3.0
        inner.cancel_scope.cancel()
    assert post.closed


async def test_a_bug_of_the_notifier_ends_nothing(autojump_clock: Any, nursery: trio.Nursery) -> None:
    """It is counted, told to the log by its name alone, and the next notice is told."""
    post = Post(breaks=True)
    here, sink, log = courier(post)
    nursery.start_soon(here.run)
    here.put(notice("a"))
    await trio.sleep(1.0)
    post.breaks = False
    here.put(notice("b"))
    await trio.sleep(1.0)
    assert (here.sent, here.failed) == (1, 2)  # its start failed too
    log.flush_now()
    assert sink.lines[0]["event"] == "courier_failed"


@pytest.mark.parametrize("where", ["title", "line"])
async def test_no_secret_leaves_in_a_notice(autojump_clock: Any, nursery: trio.Nursery, where: str) -> None:
    """A secret in the words of an alert is masked before it leaves."""
    post = Post()
    here, _, _ = courier(post)
    nursery.start_soon(here.run)
    here.put(notice(f"t {CANARY}") if where == "title" else notice("t", line=f"refused: {CANARY}"))
    await trio.sleep(1.0)
    (message,) = post.messages
    assert CANARY not in message.title + message.body
    assert "***" in message.title + message.body
