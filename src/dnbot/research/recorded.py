"""Files of a raw capture before they are played: whole, in order of time, and of the symbol that is wanted.

A backtest of hours should not end at a broken line in its last minute, so every line is looked at first; what is in it
is read when its time has come (`dnbot.fakes.replay_files`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from dnbot.fakes.replay_files import ReplayError, opened

TIME_DIGITS = 19
"""Nanoseconds since 1970, between 2001 and 2286."""
SHOWN = 80


class DataFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file as it was found; times are those of its first and last line, ns since 1970 on the recorder's clock."""

    name: str
    bytes: int
    sha256: str
    lines: int
    first_ns: int
    last_ns: int


def looked_at(paths: tuple[Path, ...], symbol: str, root: Path) -> tuple[DataFile, ...]:
    """The files of one recorded book, in order. `symbol` is such as BTC/USDT; names are told from `root` on.

    Raises:
        ReplayError: naming file, line and what was found: no recording, a broken line, another symbol, a time that is
            before the line before it.
        OSError: a file that cannot be read.
    """
    found: list[DataFile] = []
    for path in paths:
        one = _looked_at(path, symbol.replace("/", "").lower(), root)
        if found and one.first_ns < found[-1].last_ns:
            before = f"{found[-1].last_ns} at the end of {found[-1].name}"
            raise ReplayError(f"{path} line 1: its time {one.first_ns} is before {before}")
        found.append(one)
    return tuple(found)


def _looked_at(path: Path, coin: str, root: Path) -> DataFile:
    number, first, last = 0, 0, 0
    other = f'{{"stream":"{coin}@'
    for number, line in enumerate(_lines(path), 1):
        head, _, text = line.partition(" ")
        if len(head) != TIME_DIGITS or not (head.isascii() and head.isdecimal()) or not _is_object(text):
            raise ReplayError(f"{path} line {number}: found {line[:SHOWN].rstrip()!r}; a line is <time in ns> <JSON>")
        if text.startswith('{"stream":') and not text.startswith(other):
            raise ReplayError(f"{path} line {number}: found {text[:SHOWN]!r}; wanted is a stream of {coin}")
        at_ns = int(head)
        if at_ns < last:
            raise ReplayError(f"{path} line {number}: its time {at_ns} is before {last} in the line before")
        first, last = first or at_ns, at_ns
    if not number:
        raise ReplayError(f"{path}: found an empty file; a recording has lines <time in ns> <JSON>")
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    name = path.relative_to(root).as_posix() if path != root else path.name
    return DataFile(name=name, bytes=len(content), sha256=digest, lines=number, first_ns=first, last_ns=last)


def _lines(path: Path) -> Iterator[str]:
    with opened(path) as file:
        try:
            yield from file
        except (EOFError, OSError, UnicodeDecodeError) as problem:
            raise ReplayError(f"{path}: {problem}; a recording is text, or gzip of text") from None


def _is_object(text: str) -> bool:
    return text.startswith("{") and text.rstrip().endswith("}")
