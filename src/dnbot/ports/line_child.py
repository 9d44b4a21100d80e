"""A child process that is spoken to in lines: each line that it gets, it answers with one.

For libraries that block, use threads or take long to import: in our process they would take the interpreter from the
loop. Secrets go to it over its standard input: never in arguments, environment or files.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Sequence

import attrs
import trio

ANSWER_BYTES_MAX = 4096
_PASSED_ON = ("PATH", "HOME", "LANG", "PYTHONPATH", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


@attrs.define
class LineChild:
    """Started with the first line, and again after it was closed. One line at a time.

    Resource handling: `aclose` ends the child; whoever does not get an answer closes it.
    """

    command: Sequence[str]
    first_line: Callable[[], bytes]
    """What it is told first, without an answer; made anew for each child."""
    answer_bytes_max: int = ANSWER_BYTES_MAX
    process: trio.Process | None = attrs.field(default=None, init=False)

    async def ask(self, line: bytes) -> bytes:
        """The answer to this line.

        Raises:
            OSError, trio.BrokenResourceError, trio.ClosedResourceError: the child cannot be started, ended without an
                answer, or answered too much.
        """
        if self.process is None:
            await self._start()
        assert self.process is not None
        assert self.process.stdin is not None
        await self.process.stdin.send_all(line + b"\n")
        return await self._answer(self.process)

    async def aclose(self) -> None:
        """End the child at once, and whatever it started itself."""
        child, self.process = self.process, None
        if child is None:
            return
        if child.returncode is None:
            os.killpg(child.pid, signal.SIGKILL)  # it leads a session, and until it is waited for its number is its own
        with trio.CancelScope(shield=True):  # who is cancelled meanwhile leaves no pipe open
            with trio.move_on_after(2.0):
                await child.wait()
            for pipe in (child.stdin, child.stdout):
                assert pipe is not None
                await trio.aclose_forcefully(pipe)

    async def _start(self) -> None:
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        self.process = await trio.lowlevel.open_process(
            list(self.command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=environment, start_new_session=True,  # Ctrl-C is the bot's: its last words are still to be sent
        )
        assert self.process.stdin is not None
        await self.process.stdin.send_all(self.first_line() + b"\n")

    async def _answer(self, child: trio.Process) -> bytes:
        assert child.stdout is not None
        line = b""
        while not line.endswith(b"\n"):
            chunk = await child.stdout.receive_some(self.answer_bytes_max)
            line += chunk
            if not chunk or len(line) > self.answer_bytes_max:
                raise trio.BrokenResourceError("no answer from the child")
        return line
