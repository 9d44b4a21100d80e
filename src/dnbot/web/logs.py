"""The newest end of the log for the page: a bounded piece of one file at a time, read a few lines a turn."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import trio

from dnbot.operate.logs import Wanted
from dnbot.ports.log_sinks import RANK

PIECE_BYTES = 256 * 1024
LINES_SHOWN = 300
LINES_A_TURN = 32
"""Lines that are read before others have their turn: a whole piece at one go would hold up the bot."""


class LogPage(msgspec.Struct, frozen=True):
    """Some lines, the oldest first, and where the next piece begins."""

    lines: tuple[msgspec.Raw, ...]
    after: str
    skipped: bool
    """More was written, or was there before, than one piece holds."""


async def log_page(path: Path, *, level: str, text: str, after: str) -> LogPage:
    """Lines of a level and up that contain a text: those behind `after`, or the newest ones.

    Raises:
        ValueError: the level or the place is none.
    """
    if level not in RANK:
        raise ValueError(f"level: one of {', '.join(RANK)}")
    wanted: Any = level
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return LogPage((), "", skipped=False)
    try:
        found = os.fstat(descriptor)
        begin = _begin(after, found.st_ino, found.st_size)
        first = max(begin, found.st_size - PIECE_BYTES)
        piece = os.pread(descriptor, found.st_size - first, first)
    finally:
        os.close(descriptor)
    whole = piece[: piece.rfind(b"\n") + 1]
    end = found.st_size - (len(piece) - len(whole))
    lines = await _matching(whole, Wanted(level=wanted, as_json=True), text.lower())
    shown = tuple(msgspec.Raw(line.encode()) for line in lines[-LINES_SHOWN:])
    return LogPage(shown, f"{found.st_ino}-{end}", skipped=first > begin or len(lines) > LINES_SHOWN)


def _begin(after: str, inode: int, size: int) -> int:
    """Where reading goes on; from the start in a file that is not the one that was read before."""
    if not after:
        return 0
    file, _, place = after.partition("-")
    if not (after.isascii() and file.isdecimal() and place.isdecimal()):
        raise ValueError("after: as the last answer gave it")
    return int(place) if int(file) == inode and int(place) <= size else 0


async def _matching(piece: bytes, wanted: Wanted, text: str) -> list[str]:
    found = []
    for number, raw in enumerate(piece.splitlines(), 1):
        if number % LINES_A_TURN == 0:
            await trio.lowlevel.checkpoint()
        try:
            line = wanted.shown(raw)
        except ValueError:
            continue  # the piece began inside it, or a crash cut it
        if line is not None and text in line.lower():
            found.append(line)
    return found
