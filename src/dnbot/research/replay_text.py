"""What a replay found, for a person: a line per event, one event in full, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from dnbot.domain.messages import Command, Signal
from dnbot.research.replay import Ran
from dnbot.research.replay_books import BooksOfVenue, UnlikeBook
from dnbot.research.replay_difference import Difference, cut, shown
from dnbot.research.replay_run import Answer, ReplayResult, Shown

CHANGED_MAX = 40
"""Places of a context that are printed; --json has all."""
COLUMN = 24


def trace_line(ran: Ran) -> str:
    """Number, time, state, event, and what it led to."""
    state = ran.after.current_state.name
    if ran.after.current_state is not ran.before.current_state:
        state = f"{ran.before.current_state.name} -> {state}"
    led = [_command_text(command) for command in ran.commands] + ([ran.failure] if ran.failure else [])
    differs = f"  DIFFERS: {', '.join(ran.differs)}" if ran.differs else ""
    told = f"  => {'; '.join(led)}" if led else ""
    return f"{ran.number:>8}  {moment_text(ran.after.now_ns)}  {state}  {_event_text(ran)}{told}{differs}"


def _event_text(ran: Ran) -> str:
    if not isinstance(ran.event, Signal):
        return shown(ran.event)
    books = (f"{venue.value} {book.bids[0][0]}/{book.asks[0][0]}" for venue, book in ran.event.market.books.items())
    return f"Signal({', '.join(books)})"


def _command_text(command: Command) -> str:
    return cut(shown(command))


def moment_text(at_ns: int) -> str:
    """UTC, to the microsecond."""
    seconds, rest = divmod(at_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"


def result_text(result: ReplayResult) -> str:
    """The verdict, and before it the event at which the replay stopped."""
    return "\n".join([*_head(result), *_shown(result), *_found(result)])


def _head(result: ReplayResult) -> Iterator[str]:
    more = f" of {result.runs}" if result.runs > 1 else ""
    yield f"{result.journal}: run {result.run}{more}, {result.mode} {result.symbol}, {moment_text(result.began_ns)}"
    if result.version != result.our_version:
        yield f"  written by dnbot {result.version}; this is {result.our_version}"
    if result.source and result.source != result.our_source:
        yield (
            f"  what decides has changed since: source {result.source}, and this is {result.our_source}; a divergence "
            "may be that change"
        )


def _shown(result: ReplayResult) -> Iterator[str]:
    for one, why in ((result.stopped, "stopped at"), (result.divergence, "DIVERGES at")):
        if one is not None:
            yield from shown_lines(one, why)


def shown_lines(one: Shown, why: str) -> Iterator[str]:
    """One event, what was answered, and what it changed."""
    if one.event == "context":
        yield f"{why} the context after event {one.number}, as it was written and as it is now:"
    else:
        differs = f": {', '.join(one.differs)}" if one.differs else ""
        yield f"{why} event {one.number}, {moment_text(one.at_ns)}{differs}"
        yield f"  {one.event}"
        yield from (f"    {name:<{COLUMN}} {cut(str(value))}" for name, value in one.fields.items() if name != "type")
        assert one.recorded is not None
        assert one.replayed is not None
        if one.differs:
            yield from _answer("recorded", one.recorded)
            yield from _answer("replayed", one.replayed)
        else:
            yield from _answer("answered", one.replayed)
        yield "  context, before -> after:"
    yield from _changed(one.changed)


def _answer(name: str, answer: Answer) -> Iterator[str]:
    yield f"  {name}: {answer.failure or f'{answer.state}, {answer.mode}'}"
    yield from (f"    {_command_text(command)}" for command in answer.commands)
    if not answer.commands:
        yield "    no command"


def _changed(changed: tuple[Difference, ...]) -> Iterator[str]:
    last = sorted(changed, key=lambda one: one.path.startswith("market."))  # books are long, and known from the event
    for one in last[:CHANGED_MAX]:
        yield f"    {one.path:<{COLUMN}} {one.before} -> {one.after}"
    if len(changed) > CHANGED_MAX:
        yield f"    and {len(changed) - CHANGED_MAX} more; --json has all"


def _found(result: ReplayResult) -> Iterator[str]:
    if result.skipped:
        yield f"{result.skipped} events before the first context that is left were not replayed"
    if result.lost:
        yield f"{result.lost} events were LOST when the journal was written; the replay went on from the next context"
    if result.torn:
        yield f"the journal has no end, as of a run that was killed or still goes on: {result.torn}"
    if result.damage:
        yield f"the journal is DAMAGED: {result.damage}; what came before it was replayed"
    span = f"{moment_text(result.first_ns)} to {moment_text(result.last_ns)}" if result.events else "none"
    yield (
        f"{result.events} events ({span}), {result.commands} commands, {result.contexts} contexts compared; last state "
        f"{result.last_state or 'none'}"
    )
    for venue, of in (result.books or {}).items():
        yield from _books(venue, of)
    yield "identical" if result.identical else "NOT identical"


def _books(venue: str, of: BooksOfVenue) -> Iterator[str]:
    yield f"books of {venue}: {of.seen} in the journal, {of.compared} of them in the recording, {of.unlike} unlike"
    if of.first is not None:
        yield from _unlike_book(of.first)


def _unlike_book(first: UnlikeBook) -> Iterator[str]:
    yield f"  the first: {first.update_id}, seen at event {first.number}, {moment_text(first.at_ns)}"
    sides = (("bids", first.bids, first.recorded_bids), ("asks", first.asks, first.recorded_asks))
    for name, ours, theirs in sides:
        for at, (one, other) in enumerate(zip(ours, theirs, strict=False)):
            if one != other:
                yield f"    {name}[{at}]  journal {' x '.join(one)}  recording {' x '.join(other)}"
        if len(ours) != len(theirs):
            yield f"    {name}: {len(ours)} levels in the journal, {len(theirs)} in the recording"
