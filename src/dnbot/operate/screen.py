"""The picture of a run on its terminal, redrawn in place.

Drawn panel by panel with a checkpoint between two, into memory; written without blocking through a description of the
terminal that is ours alone. A terminal that does not take a frame gets the next one later: the bot never waits for it.
"""

from __future__ import annotations

import io
import os
from typing import TextIO

import attrs
import trio
from rich.console import Console
from rich.live import Live
from rich.text import Text

from dnbot.operate.face import PlainFace
from dnbot.operate.status import Reporter
from dnbot.operate.terminal import Picture, draw, whole
from dnbot.operate.terminal_blocks import Palette, Row
from dnbot.ports.redaction import escape_text

FRAME_S = 0.5
"""Two frames a second: a person reads no faster, and each costs the event loop milliseconds."""
FAREWELL_S_MAX = 1.0
SAID_MAX = 50
"""Sentences kept for the next frame."""


class Tube(io.StringIO):
    """What rich writes to: memory that says it is a terminal."""

    def take(self) -> bytes:
        """Everything written since the last call."""
        text = self.getvalue()
        self.seek(0)
        self.truncate()
        return text.encode("utf-8", "backslashreplace")


@attrs.define
class Screen:
    """A `Face` on a terminal. `run` owns the terminal's lower lines; sentences appear above them."""

    descriptor: int
    """A terminal, open for writing without blocking, of nobody else; closed by `run`."""
    frames: int = 0
    _said: list[str] = attrs.field(factory=list, init=False)
    _pending: bytes = attrs.field(default=b"", init=False)
    """What the terminal has not taken yet: a frame is finished before the next one is begun."""
    _palette: Palette = attrs.field(factory=Palette, init=False)

    def say(self, text: str) -> None:
        """A sentence, with the next frame."""
        self._said = [*self._said, *text.split("\n")][-SAID_MAX:]

    async def run(self, look: Reporter) -> None:
        """Redraw until cancelled; then once more, and give the terminal back. Ends when the terminal is gone."""
        tube = Tube()
        console = Console(file=tube, force_terminal=True, width=80, height=24)
        live = Live(
            console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False, vertical_overflow="crop"
        )
        live.start()
        try:
            while True:
                rows: list[Row] = []
                for rows_so_far in draw(look(), *self._measure(console)):
                    rows = rows_so_far
                    await trio.lowlevel.checkpoint()
                self._show(live, rows)
                if not await self._send(tube.take()):
                    return
                self.frames += 1
                await trio.sleep(FRAME_S)
        finally:
            with trio.move_on_after(FAREWELL_S_MAX, shield=True):
                self._show(live, whole(look(), *self._measure(console)))
                live.stop()
                await self._send(tube.take())
            os.close(self.descriptor)

    def _show(self, live: Live, rows: list[Row]) -> None:
        for text in self._said:
            live.console.print(Text(escape_text(text)), soft_wrap=True)
        self._said = []
        live.update(Picture(rows, self._palette), refresh=True)

    async def _send(self, data: bytes) -> bool:
        """Write all of it, waiting for the terminal as long as it takes; false when the terminal is gone.

        What is left when this is cancelled goes first the next time.
        """
        self._pending += data
        while self._pending:
            try:
                self._pending = self._pending[os.write(self.descriptor, self._pending) :]
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self.descriptor)
            except OSError:  # EIO: hung up
                return False
        return True

    def _measure(self, console: Console) -> tuple[int, int]:
        try:
            width, height = os.get_terminal_size(self.descriptor)
        except OSError:
            width, height = 80, 24
        console.size = console.size._replace(width=max(1, width), height=max(2, height))
        return console.width, console.height - 1


def is_picture(stream: TextIO, *, plain: bool) -> bool:
    """Whether a run that writes to `stream` draws its picture there."""
    return not plain and stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def face_for(stream: TextIO, *, plain: bool) -> PlainFace | Screen:
    """The redrawn picture where the stream is a terminal that can do it; otherwise plain lines."""
    if not is_picture(stream, plain=plain):
        return PlainFace(stream)
    try:
        # Opened anew: making the shared description non-blocking would change the shell's as well.
        return Screen(os.open(os.ttyname(stream.fileno()), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return PlainFace(stream)
