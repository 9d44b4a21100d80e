"""A fork of this process that goes on with the parent's `trio.run`: what must be given to it alone.

A fork shares the selector and the wakeup sockets with its parent, so each would take the other's wakings; trio-asyncio
makes it forget that it runs. Nothing else is shared in a world of memory streams and virtual time: no descriptor is
waited for. Private parts of trio: `tests/lab/sweep` compares copies with runs that were never copied.
"""

from __future__ import annotations

import os
import select
import socket
import sys
from collections.abc import Callable

from trio._core._run import GLOBAL_RUN_CONTEXT


def may_be_copied() -> bool:
    """Whether trio's selector is the one that is known here."""
    return sys.platform == "linux"


def go_on_as_a_copy() -> Callable[[], None]:
    """Call it before the fork, in a step of a run; in the copy, call what it returns."""
    running = dict(GLOBAL_RUN_CONTEXT.__dict__)

    def go_on() -> None:
        GLOBAL_RUN_CONTEXT.__dict__.update(running)
        _own_selector()

    return go_on


def _own_selector() -> None:
    """Put a fresh selector and fresh sockets in the place of those that are shared, under the same numbers."""
    assert sys.platform == "linux"
    runner = GLOBAL_RUN_CONTEXT.runner
    manager = runner.io_manager
    for shared in (manager._force_wakeup, runner.entry_queue.wakeup):
        reading, writing = socket.socketpair()
        for fresh, old in ((reading, shared.wakeup_sock), (writing, shared.write_sock)):
            fresh.setblocking(False)
            os.dup2(fresh.fileno(), old.fileno(), inheritable=False)
            fresh.close()
    with select.epoll() as selector:
        os.dup2(selector.fileno(), manager._epoll.fileno(), inheritable=False)
    manager._epoll.register(manager._force_wakeup.wakeup_sock, select.EPOLLIN)
    for descriptor, waiters in list(manager._registered.items()):
        waiters.current_flags = 0
        manager._update_registrations(descriptor)
