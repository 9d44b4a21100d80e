"""Stretches of a recording: what is tried on one is judged on the next, as it would have been in its time.

Walk-forward: each split has a train window and, right behind it, a test window. The test windows of all splits are
equally long and follow each other to the end of the recording; a train window is some times as long and moves with
them, or (`anchored`) always begins with the recording. Nothing of a test window is in its own split's train window, and
no test window overlaps another one.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import msgspec

from dnbot.domain.errors import ConfigError
from dnbot.research.backtest import LEAVE_S
from dnbot.research.source import Source, Span

WINDOW_S_MIN = LEAVE_S + 1.0
"""In a shorter one the bot would be asked to leave before it has come."""
NS_PER_S = 1_000_000_000


class Window(msgspec.Struct, frozen=True, order=True):
    """From `begin_ns` until before `end_ns`, ns since 1970 in the time of the source's span."""

    begin_ns: int
    end_ns: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end_ns - self.begin_ns) / NS_PER_S


class Split(msgspec.Struct, frozen=True):
    """Where settings are chosen, and where that choice is judged; without a `test` nothing judges it."""

    train: Window
    test: Window | None

    @property
    def windows(self) -> tuple[Window, ...]:
        """Those that there are."""
        return (self.train,) if self.test is None else (self.train, self.test)


@runtime_checkable
class Cuttable(Protocol):
    """What a source has, besides what `Source` asks for, of which a part can be played."""

    def within(self, begin_ns: int, end_ns: int) -> Source:
        """The same recording from one moment of its span to another, ns in the time of the span."""
        ...


def walk_forward(span: Span, splits: int, train_tests: int, *, anchored: bool = False) -> tuple[Split, ...]:
    """So many splits over the whole span, whose (first) train window is as long as `train_tests` test windows.

    With `splits` 0, one window: the whole span, and nothing to judge by.

    Raises:
        ConfigError: a window would be too short to run anything in.
    """
    if not splits:
        whole = Split(Window(span.begin_ns, span.end_ns), None)
        _need_length(whole.train, splits, train_tests)
        return (whole,)
    test_ns = (span.end_ns - span.begin_ns) // (train_tests + splits)
    found = []
    for number in range(splits):
        begin_ns = span.begin_ns if anchored else span.begin_ns + number * test_ns
        middle_ns = span.begin_ns + (train_tests + number) * test_ns
        found.append(Split(Window(begin_ns, middle_ns), Window(middle_ns, middle_ns + test_ns)))
    _need_length(Window(0, test_ns), splits, train_tests)
    return tuple(found)


def _need_length(window: Window, splits: int, train_tests: int) -> None:
    if window.seconds < WINDOW_S_MIN:
        asked = f"windows of {window.seconds:.1f} s ({splits} splits, train as long as {train_tests} tests)"
        raise ConfigError("--splits", "window", asked, f"at least {WINDOW_S_MIN:g} s each, of virtual time")


def cut(source: Source, window: Window) -> Source:
    """That stretch of a recording.

    Raises:
        ConfigError: recordings of this kind are played from their beginning alone.
    """
    span = source.span
    if (span.begin_ns, span.end_ns) == (window.begin_ns, window.end_ns):
        return source
    if not isinstance(source, Cuttable):
        raise ConfigError("--data", "windows", "a recording that is played whole", "captures or bars")
    return source.within(window.begin_ns, window.end_ns)
