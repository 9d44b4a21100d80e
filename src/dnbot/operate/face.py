"""What a run shows where it was started: plain lines, or on a terminal a picture that redraws itself.

Neither may ever stop the bot: a terminal that was halted by Ctrl-S, or a pager that nobody scrolls, loses output.
"""

from __future__ import annotations

import os
import select
from typing import Protocol, TextIO

import trio

from dnbot.operate.status import Reporter
from dnbot.ports.redaction import escape_text
from dnbot.strategy.view import status_line

LINE_EVERY_S = 1.0
CHUNK_BYTES = 4096
"""PIPE_BUF: a pipe that polls as writable takes this much without blocking."""


class Face(Protocol):
    """One way to show a run."""

    def say(self, text: str) -> None:
        """A sentence for the person, at once; never waits."""
        ...

    async def run(self, look: Reporter) -> None:
        """Show the bot until cancelled."""
        ...


class PlainFace:
    """One status line a second: for pipes, files and `--plain`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        try:
            self._descriptor: int | None = stream.fileno()
        except OSError:  # io.UnsupportedOperation: a stream in memory, which never blocks
            self._descriptor = None
        self.lost = 0
        self.gone = False
        """Nobody reads any more."""

    def say(self, text: str) -> None:
        """A line; lost when it cannot be taken at once."""
        if self.gone:
            return
        try:
            self._write("\n".join(escape_text(line) for line in text.split("\n")) + "\n")
        except OSError:  # EPIPE: nobody reads; EIO: the terminal hung up
            self.gone = True

    def _write(self, text: str) -> None:
        if self._descriptor is None:
            self._stream.write(text)
        elif not write_without_blocking(self._descriptor, text.encode("utf-8", "backslashreplace")):
            self.lost += 1

    async def run(self, look: Reporter) -> None:
        """A line each second."""
        while True:
            await trio.sleep(LINE_EVERY_S)
            self.say(status_line(look().view))


def write_without_blocking(descriptor: int, data: bytes) -> bool:
    """Write as far as it is taken at once; false when a part was not."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    view = memoryview(data)
    while view:
        if not any(event & (select.POLLOUT | select.POLLERR) for _, event in poll.poll(0)):
            return False
        view = view[os.write(descriptor, view[:CHUNK_BYTES]) :]
    return True
