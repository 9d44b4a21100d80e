"""`dnbot replay`: one run of a journal, again to its end, to a chosen event, or to the first that is not the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import attrs
import msgspec

from dnbot import __version__
from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Symbol
from dnbot.domain.messages import Command, InboxEvent
from dnbot.lab.source import machine_source
from dnbot.record.reading import Told, nothing
from dnbot.record.step_codec import context_words
from dnbot.record.step_reading import RunReader, runs_of
from dnbot.record.step_words import ContextRead, StepRead
from dnbot.record.words import RecordingDamaged
from dnbot.research.replay import Compared, Ran, Rule, replayed
from dnbot.research.replay_books import BooksOfVenue, BooksSeen, compared_books, with_own_levels
from dnbot.research.replay_difference import Difference
from dnbot.strategy.machine import step
from dnbot.strategy.states import StrategyState

NAMES = (
    *sorted(kind.__name__ for kind in get_args(InboxEvent)), *sorted(kind.__name__ for kind in get_args(Command)),
    *(state.name for state in StrategyState),
)
"""What `--at` may name: events, commands, states that are entered."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine answered to an event."""

    state: str
    mode: str
    commands: tuple[Command, ...]
    failure: str


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One event with all that belongs to it. `at_ns`: the machine's wall clock."""

    number: int
    at_ns: int
    event: str
    """The kind of the event; `context`: a context that was written, held against ours."""
    fields: Any
    differs: tuple[str, ...]
    recorded: Answer | None
    replayed: Answer | None
    changed: tuple[Difference, ...]
    """The context before and after the event; of a context that was written and ours."""
    before: Any
    after: Any


class ReplayResult(msgspec.Struct, kw_only=True):
    """What a replay found."""

    journal: str
    run: int
    runs: int
    version: str
    source: str
    mode: str
    symbol: str
    began_ns: int
    our_version: str
    our_source: str
    events: int = 0
    commands: int = 0
    contexts: int = 0
    """Contexts that were written and found to be ours; the first is begun with."""
    skipped: int = 0
    lost: int = 0
    torn: str = ""
    """Where and how the journal ends without an end: the run was killed, or goes on."""
    damage: str = ""
    """What is not as it was written, and where: the replay reached it and no further."""
    first_ns: int = 0
    last_ns: int = 0
    last_state: str = ""
    divergence: Shown | None = None
    stopped: Shown | None = None
    books: dict[str, BooksOfVenue] | None = None

    @property
    def identical(self) -> bool:
        """Whether everything that was compared is the same."""
        return self.divergence is None and not self.damage and not any(of.unlike for of in (self.books or {}).values())


@attrs.frozen
class ReplayOptions:
    """What to replay. `run` counts from 1; 0: the newest. At most one of the ends is set."""

    folder: Path
    run: int = 0
    until_number: int | None = None
    until_ns: int | None = None
    at: str = ""
    """A number, or one of NAMES: the first event of which that is true."""
    recording: Path | None = None
    rule: Rule = step


def replay(
    options: ReplayOptions, seen: Callable[[Ran], None] = lambda _ran: None, told: Told = nothing
) -> ReplayResult:
    """Run it again; `seen` hears of each event.

    Raises:
        ConfigError: there is no such run or event, or the recording has nothing to compare.
        RecordingDamaged: the journal has no head that can be read, or the recording is not as it was written.
    """
    reader, result = _opened(options, told)
    books = BooksSeen()
    try:
        _run(replayed(_noting(reader, books), options.rule), options, result, seen)
    except RecordingDamaged as damaged:  # up to there the replay says what it can
        result.damage = str(damaged)
    result.skipped, result.lost, result.torn = reader.skipped, reader.lost, reader.torn
    if options.at and result.stopped is None and not result.damage and result.divergence is None:
        raise ConfigError(str(options.folder), "--at", options.at, f"an event of run {reader.number}; it has none such")
    if options.recording is not None and not result.damage:
        found = compared_books(books, options.recording, Symbol.parse(reader.head.symbol), told)
        with_own_levels(found, reader.read())
        result.books = {venue.value: of for venue, of in found.items()}
    return result


def _run(
    steps: Iterator[Ran | Compared], options: ReplayOptions, result: ReplayResult, seen: Callable[[Ran], None]
) -> None:
    """To the end, to the chosen event, or to the first that is not the same."""
    newest: Ran | None = None
    for one in steps:
        if isinstance(one, Compared):
            result.contexts += 1
            if one.unlike:
                result.divergence = _unlike(one, result.last_ns)
                return
            continue
        if _is_past(one, options):
            result.stopped = None if newest is None else shown_event(newest)
            return
        newest = one
        _count(result, one)
        seen(one)
        if one.differs:
            result.divergence = shown_event(one)
            return
        if options.at and _is_at(one, options.at):
            result.stopped = shown_event(one)
            return


def _opened(options: ReplayOptions, told: Told) -> tuple[RunReader, ReplayResult]:
    runs = runs_of(options.folder, told)
    if not runs:
        raise ConfigError(str(options.folder), "journal", "no run", "a folder that dnbot run --journal wrote to")
    number = options.run or len(runs)
    if not 0 < number <= len(runs):
        raise ConfigError(str(options.folder), "--run", number, f"1 to {len(runs)}")
    reader = runs[number - 1]
    head = reader.head
    return reader, ReplayResult(
        journal=str(options.folder), run=number, runs=len(runs), version=head.version, source=head.source,
        mode=head.mode, symbol=head.symbol, began_ns=head.began_ns, our_version=__version__,
        our_source=machine_source(),
    )


def _noting(reader: RunReader, books: BooksSeen) -> Iterator[ContextRead | StepRead]:
    for read in reader.read():
        books.take(read)
        yield read


def _count(result: ReplayResult, ran: Ran) -> None:
    result.events += 1
    result.commands += len(ran.commands)
    result.last_ns, result.last_state = ran.after.now_ns, ran.after.current_state.name
    result.first_ns = result.first_ns or result.last_ns


def _is_past(ran: Ran, options: ReplayOptions) -> bool:
    if options.until_number is not None:
        return ran.number > options.until_number
    return options.until_ns is not None and ran.after.now_ns > options.until_ns


def _is_at(ran: Ran, wanted: str) -> bool:
    if wanted.isdecimal():
        return ran.number == int(wanted)
    enters = ran.after.current_state is not ran.before.current_state and ran.after.current_state.name == wanted
    commands = {type(command).__name__ for command in ran.commands}
    return enters or wanted == type(ran.event).__name__ or wanted in commands


# --- shown ------------------------------------------------------------------------------------------------------------
def shown_event(ran: Ran) -> Shown:
    """All of one event."""
    kept = ran.recorded
    after = ran.after
    replayed_state = ("", "") if ran.failure else (after.current_state.name, after.mode.name)
    return Shown(
        number=ran.number, at_ns=after.now_ns, event=type(ran.event).__name__, fields=_plain(ran.event),
        differs=ran.differs,
        recorded=Answer(state=kept.state, mode=kept.mode, commands=kept.commands, failure=kept.failure),
        replayed=Answer(
            state=replayed_state[0], mode=replayed_state[1], commands=ran.commands, failure=ran.failure
        ),
        changed=tuple(ran.changed), before=_plain(context_words(ran.before)), after=_plain(context_words(after)),
    )


def _unlike(one: Compared, at_ns: int) -> Shown:
    return Shown(
        number=one.number, at_ns=at_ns, event="context", fields=None, differs=("context",), recorded=None,
        replayed=None, changed=one.unlike, before=None, after=None,
    )


def _plain(value: object) -> Any:
    return msgspec.to_builtins(value, str_keys=True)
