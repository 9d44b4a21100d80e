"""Journals of machines on the bench: made in a moment, with trades, a fault, an order in doubt and a clean way out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dnbot.domain.messages import InboxEvent
from dnbot.record.folder import Limits
from dnbot.record.step_codec import Masked, as_it_is
from dnbot.record.step_reading import runs_of
from dnbot.record.step_words import ContextRead, Head, StepRead
from dnbot.record.step_writing import InlineJournal, StepFolder, StepPages
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.machine import Step, step

CHUNK = 40
BEGAN_NS = 1_700_000_000 * 10**9
Steps = Sequence[tuple[StrategyContext, InboxEvent, Step | Exception]]


def steps_of(start: StrategyContext, events: Sequence[InboxEvent]) -> Steps:
    """The steps that these events are."""
    context, found = start, list[tuple[StrategyContext, InboxEvent, Step | Exception]]()
    for event in events:
        result = step(context, event)
        found.append((context, event, result))
        context = result.context
    return found


def head(number: int = 1, **changes: Any) -> Head:
    """Of the so-manyth run."""
    told = {"version": "1", "source": "abc", "mode": "sim", "symbol": "BTC/USDT", "settings": "{}"}
    return Head(**(told | changes), began_ns=BEGAN_NS + number)


def journal_at(
    folder: Path, number: int = 1, limits: Limits | None = None, masked: Masked = as_it_is
) -> InlineJournal:
    """A run that is being written."""
    return InlineJournal(
        StepFolder(folder, by="test", at_ns=BEGAN_NS, limits=limits), StepPages(head(number), masked)
    )


def written(
    folder: Path, steps: Steps, *, number: int = 1, limits: Limits | None = None, masked: Masked = as_it_is,
    end: Callable[[InlineJournal], None] = InlineJournal.close,
) -> Path:
    """A journal of these steps, a chunk for each CHUNK of them, closed unless `end` does otherwise."""
    journal = journal_at(folder, number, limits, masked)
    for at in range(0, len(steps), CHUNK):
        for one in steps[at : at + CHUNK]:
            journal.pages.note(*one)
        journal.write()
    end(journal)
    return folder


def read_all(folder: Path, run: int = 1) -> list[ContextRead | StepRead]:
    """Everything of one run."""
    return list(runs_of(folder)[run - 1].read())
