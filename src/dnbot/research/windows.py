"""Stretches of a recording: what is tried on one is judged on the next, as it would have been in its time.

Walk-forward: each split has a train window and, right behind it, a test window. The test windows of all splits are
equally long and follow each other to the end of the recording; a train window is some times as long and moves with
them, or (`anchored`) always begins with the recording. Nothing of a test window is in its own split's train window, and
no test window overlaps another one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

import msgspec

from dnbot.domain.errors import ConfigError
from dnbot.fakes.replay_files import ReplayError
from dnbot.research.backtest import LEAVE_S
from dnbot.research.source import Source, Span

WINDOW_S_MIN = LEAVE_S + 1.0
"""In a shorter one the bot would be asked to leave before it has come."""
NS_PER_S = 1_000_000_000
ALLOWED = f"windows in which all books are known for at least {WINDOW_S_MIN:g} s: other --splits, or another --from"


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
        """The same recording from one moment of its span to another, ns in the time of the span.

        It may begin later, when not everything is known at the first. Raises ReplayError when it never is.
        """
        ...


def walk_forward(
    span: Span, splits: int, train_tests: int, data: str, *, anchored: bool = False
) -> tuple[Split, ...]:
    """So many splits over the whole span, whose (first) train window is as long as `train_tests` test windows.

    With `splits` 0, one window: the whole span, and nothing to judge by. `data` is where the recording is.

    Raises:
        ConfigError: a window would be too short to run anything in; names the data and their span.
    """
    if not splits:
        whole = Split(Window(span.begin_ns, span.end_ns), None)
        _need_length(whole.train, "one window", span, data)
        return (whole,)
    test_ns = (span.end_ns - span.begin_ns) // (train_tests + splits)
    found = []
    for number in range(splits):
        begin_ns = span.begin_ns if anchored else span.begin_ns + number * test_ns
        middle_ns = span.begin_ns + (train_tests + number) * test_ns
        found.append(Split(Window(begin_ns, middle_ns), Window(middle_ns, middle_ns + test_ns)))
    _need_length(Window(0, test_ns), f"--splits {splits} --train-tests {train_tests}", span, data)
    return tuple(found)


def _need_length(shortest: Window, asked: str, span: Span, data: str) -> None:
    if shortest.seconds < WINDOW_S_MIN:
        most = int(span.seconds // WINDOW_S_MIN)
        fits = f"these data have room for {most} in all, train and test" if most else "these data have room for none"
        found = f"{span_text(span)}, cut by {asked} into windows of {shortest.seconds:.1f} s"
        raise ConfigError(f"--data {data}", "span", found, f"at least {WINDOW_S_MIN:g} s each, of virtual time: {fits}")


def span_text(span: Span | Window) -> str:
    """Such as `2026-11-29T14:00:00 to 14:20:00 UTC (1200.0 s)`."""
    first, last = (datetime.fromtimestamp(at_ns / NS_PER_S, UTC) for at_ns in (span.begin_ns, span.end_ns))
    until = last.strftime("%H:%M:%S" if first.date() == last.date() else "%Y-%m-%dT%H:%M:%S")
    return f"{first:%Y-%m-%dT%H:%M:%S} to {until} UTC ({span.seconds:.1f} s)"


def cut(source: Source, window: Window, data: str) -> Source:
    """That stretch of a recording, which is at `data`.

    Raises:
        ConfigError: recordings of this kind are played from their beginning alone; or too little of the window can be
            played; names the data and the window.
    """
    span = source.span
    if (span.begin_ns, span.end_ns) == (window.begin_ns, window.end_ns):
        return source
    if not isinstance(source, Cuttable):
        raise ConfigError(
            f"--data {data}", "windows", "data that are played whole", "a recording of `dnbot record`, captures or bars"
        )
    try:
        part = source.within(window.begin_ns, window.end_ns)
    except ReplayError as error:
        raise ConfigError(f"--data {data}", "window", f"{span_text(window)}: {error}", ALLOWED) from None
    known_s = part.span.seconds
    if known_s < WINDOW_S_MIN:
        raise ConfigError(f"--data {data}", "window", f"{span_text(window)}, known for {known_s:.1f} s", ALLOWED)
    return part
