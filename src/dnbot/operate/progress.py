"""How far a long piece of work is: one line that is written over, on a terminal and nowhere else."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import TextIO

import attrs

from dnbot.operate.report_format import duration

Tell = Callable[[str], None]
"""Shows how far the work is; an empty text takes the line away."""


def nothing(_text: str) -> None:
    """For whoever shows no progress."""


@attrs.define
class ProgressLine:
    """The last line of a terminal, beside sentences that stay; on anything else sentences alone."""

    stream: TextIO = attrs.field(factory=lambda: sys.stderr)
    _shown: str = attrs.field(default="", init=False)

    @property
    def is_shown(self) -> bool:
        """Whether anybody can see a line being written over."""
        return self.stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    def tell(self, text: str) -> None:
        """Write over the line before; cut to the width of the terminal."""
        if not self.is_shown:
            return
        text = text[: shutil.get_terminal_size().columns - 1]
        self.stream.write("\r" + text.ljust(len(self._shown)) + ("\r" if not text else ""))
        self.stream.flush()
        self._shown = text

    def beside(self, say: Callable[[str], None]) -> Callable[[str], None]:
        """Sentences that take the line away before they come, and bring it back."""

        def said(text: str) -> None:
            before = self._shown
            self.tell("")
            say(text)
            self.tell(before)

        return said


def share_text(done: int, total: int, things: str, elapsed_s: float) -> str:
    """Such as `12 of 600 seeds, about 3 h 5 min left`; how long is told once something is done."""
    text = f"{done:,} of {total:,} {things}"
    if not done or done >= total:
        return text
    return f"{text}, about {duration(timedelta(seconds=elapsed_s / done * (total - done)))} left"
