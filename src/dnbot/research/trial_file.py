"""Trials in a file, a line of JSON each, so that a study goes on where it was stopped or killed.

The first line says what all trials of the file have in common: code, data, delays, fees, the configuration that is
varied. A trial is on the disk before the next one is begun to be waited for; a last line that a kill tore apart is cut
off. Which settings and windows are tried may change from one run to the next: what is there is not made again, and
counts as tried.
"""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import attrs
import msgspec

from dnbot.domain.errors import ConfigError
from dnbot.research.latency import LatencyModel
from dnbot.research.recorded import DataFile
from dnbot.research.trial import Trial
from dnbot.research.windows import Window

FORMAT = 1


class Identity(msgspec.Struct, frozen=True, kw_only=True, tag="study", tag_field="kind"):
    """What decides a trial's figures, its settings and its window aside."""

    format: int = FORMAT
    version: str
    python: str
    source: str
    """The first digits of the digest of all code that decides a trial."""
    symbol: str
    data: tuple[DataFile, ...]
    funding_sha256: str
    shown: Mapping[str, str]
    latency: LatencyModel
    fees: Mapping[str, tuple[Decimal, Decimal]]
    """Maker and taker of each venue, fractions."""
    seed: int
    order_path: str
    speed: float
    """Recorded seconds per virtual one."""
    settings: dict[str, Any]
    """The configuration's `[strategy]`, of which cells are variations."""


Line = Identity | Trial


@attrs.define(eq=False)
class TrialFile:
    """An open file; `found` has the newest trial of each setting and window. Nobody else writes it meanwhile."""

    path: Path
    file: BinaryIO
    found: dict[tuple[str, Window], Trial]

    def add(self, trial: Trial) -> None:
        """Write a trial down; it is on the disk when this returns, and no Ctrl-C comes in between."""
        with _undisturbed():
            self.found[trial.key] = trial
            self.write(trial)

    @property
    def cells_tried(self) -> set[str]:
        """Digests of all settings that ever had a trial with figures here."""
        return {trial.digest for trial in self.found.values() if trial.figures is not None}

    def write(self, line: Line) -> None:
        """A line at the end, on the disk."""
        self.file.write(msgspec.json.encode(line) + b"\n")
        self.file.flush()
        os.fsync(self.file.fileno())


@contextmanager
def trial_file(path: Path, identity: Identity, *, resume: bool) -> Iterator[TrialFile]:
    """Open a new file, or with `resume` go on with one, if its trials are of the same.

    Raises:
        ConfigError: a file that is there without `resume`, one of another study, one that is none, or one that somebody
            else is writing.
    """
    if path.exists() and path.stat().st_size and not resume:
        raise ConfigError(str(path), "--evidence", "trials of an earlier run", "--resume to go on, or another file")
    try:
        file = path.open("a+b")
    except OSError as error:
        raise ConfigError(str(path), "--evidence", error.strerror, "a file that can be written") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(str(path), "--evidence", "another run that is writing it", "a file of its own") from None
        opened = TrialFile(path, file, {})
        lines = _whole_lines(path, file)
        if not lines:
            opened.write(identity)
        else:
            _need_same(path, lines[0], identity)
            opened.found.update((trial.key, trial) for trial in _trials(path, lines))
        yield opened


def _whole_lines(path: Path, file: BinaryIO) -> list[Line]:
    """What can be read; the rest of a torn last line is cut off."""
    file.seek(0)
    content = file.read()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        file.truncate(whole)
    found = []
    for number, line in enumerate(content[:whole].splitlines(), 1):
        try:
            found.append(msgspec.json.decode(line, type=Line))
        except msgspec.MsgspecError as error:
            raise ConfigError(str(path), f"line {number}", f"{error}", "evidence of dnbot sweep-params") from None
    return found


def _need_same(path: Path, first: Line, wanted: Identity) -> None:
    if not isinstance(first, Identity):
        raise ConfigError(str(path), "line 1", "a trial", "what the trials of the file have in common")
    for name in wanted.__struct_fields__:
        for key, found, allowed in _differences(name, getattr(first, name), getattr(wanted, name)):
            raise ConfigError(str(path), key, found, f"{allowed}, to go on; or another file for other trials")


def _differences(name: str, found: object, wanted: object) -> Iterator[tuple[str, str, str]]:
    """(key, what is there, what is wanted), of a table key by key."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted({*found, *wanted}):
            yield from _differences(f"{name}.{key}", found.get(key, "nothing"), wanted.get(key, "nothing"))
    elif found != wanted:
        yield name, _told(found), _told(wanted)


def _told(value: object) -> str:
    if isinstance(value, tuple) and all(isinstance(one, DataFile) for one in value):
        return ", ".join(f"{one.name} {one.sha256[:8]}" for one in value)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _trials(path: Path, lines: list[Line]) -> Iterator[Trial]:
    for number, line in enumerate(lines[1:], 2):
        if isinstance(line, Identity):
            raise ConfigError(str(path), f"line {number}", "the beginning of another study", "trials of one study")
        yield line


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C waits until it is over."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
