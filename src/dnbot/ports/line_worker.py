"""The other end of `line_child`: a process that answers lines, and whose libraries cannot disturb that."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import BinaryIO

from dnbot.ports.hardening import keep_to_itself

NICENESS = 10
"""Trading goes first."""


def answer_lines(serve: Callable[[BinaryIO, BinaryIO], None]) -> None:
    """Serve standard input until it ends. What a library prints must not come between the answers: they alone have the
    real standard output.
    """
    keep_to_itself()
    os.nice(NICENESS)
    with os.fdopen(os.dup(1), "wb") as answers, open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        serve(sys.stdin.buffer, answers)
