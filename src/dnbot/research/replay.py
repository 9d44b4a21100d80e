"""A run's machine, run again: the same `step` on the events of a journal, and what it answers against what it did.

Whatever is not the same is told at its first event: another state, mode or command, other records, another failure, or
a context that is not the one that was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import attrs

from dnbot.domain.messages import Command, InboxEvent, Record
from dnbot.record.step_codec import as_it_is, as_read, context_as_read, failure_text, records_crc, same_commands
from dnbot.record.step_words import ContextRead, KeptStep, StepRead, Why
from dnbot.research.replay_difference import Difference, differences
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.machine import Step, step

Rule = Callable[[StrategyContext, InboxEvent], Step]
"""What decides; `machine.step` but in tests of this."""


@attrs.frozen
class Ran:
    """One event, and what came of it now and then. `differs` names what is not the same; empty: nothing."""

    number: int
    event: InboxEvent
    before: StrategyContext
    after: StrategyContext
    """`before` when the step failed."""
    recorded: KeptStep
    commands: tuple[Command, ...]
    records: tuple[Record, ...]
    failure: str
    differs: tuple[str, ...]

    @property
    def changed(self) -> Iterator[Difference]:
        """What the event changed in the context."""
        return differences(self.before, self.after)


@attrs.frozen
class Compared:
    """A context that was written, held against ours. `unlike`: where ours is another."""

    number: int
    why: Why
    unlike: tuple[Difference, ...]


def replayed(found: Iterable[ContextRead | StepRead], rule: Rule = step) -> Iterator[Ran | Compared]:
    """Run each step again. It goes on from its own context; after lost steps, from the one that was written."""
    context: StrategyContext | None = None
    for one in found:
        if isinstance(one, StepRead):
            assert context is not None  # a reader begins with a context
            ran = _run(context, one, rule)
            context = ran.after
            yield ran
        elif context is None or one.why in {Why.LOST, Why.REPLACED}:
            context = one.context
        else:
            yield Compared(one.number, one.why, tuple(differences(one.context, context_as_read(context))))


def _run(before: StrategyContext, read: StepRead, rule: Rule) -> Ran:
    kept = read.kept
    try:
        result = rule(before, read.event)
    except Exception as error:  # noqa: BLE001 (bugs of the machine are what a journal is replayed for)
        failure = failure_text(error)
        unlike: tuple[str, ...] = () if failure == kept.failure else ("failure",)
        return Ran(read.number, read.event, before, before, kept, (), (), failure, unlike)
    commands = as_read(result.commands) if result.commands else ()
    differs = tuple(_differs(read, result))
    return Ran(read.number, read.event, before, result.context, kept, commands, result.records, "", differs)


def _differs(read: StepRead, result: Step) -> Iterator[str]:
    kept, context = read.kept, result.context
    if kept.failure:
        yield "failure"
        return
    if context.events != read.number:
        yield "number"
    if context.current_state.name != kept.state:
        yield "state"
    if context.mode.name != kept.mode:
        yield "mode"
    if not _same(kept.commands, result.commands):
        yield "commands"
    if records_crc(result.records, as_it_is) != kept.records_crc:
        yield "records"


def _same(recorded: Sequence[Command], now: Sequence[Command]) -> bool:
    return same_commands(recorded, now) if recorded or now else True
