"""Pairs as the machine decides them, and everything that it records of one, under names of their own."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import msgspec

from dnbot.domain.messages import ExecutePair, ExecutionClosed, Record
from dnbot.domain.order import OrderIntent
from dnbot.domain.pair import Opportunity
from suite.step import monitoring

NUMBERS_EACH = 100
"""Orders, trades and edges are numbered in each execution from a hundred times its own number."""


@attrs.frozen
class Done:
    """One execution: what is committed before it, and what is recorded of it afterwards."""

    execution_id: str
    intents: Sequence[OrderIntent]
    opportunity: Opportunity | None
    records: Sequence[Record]


def executions(epoch: int, count: int) -> list[Done]:
    """So many round trips, each from the same start: a pair is committed, sent, filled and closed."""
    return list(_executions(epoch, count))


def _executions(epoch: int, count: int) -> Iterator[Done]:
    start = monitoring()
    for number in range(1, count + 1):
        bench = copy.deepcopy(start)
        first = number * NUMBERS_EACH
        bench.context = msgspec.structs.replace(
            bench.context, epoch=epoch, order_sequence=first, execution_sequence=number, transitions=first
        )
        bench.trades = epoch * NUMBERS_EACH * NUMBERS_EACH + first
        yield _executed(bench)


def _executed(bench: Any) -> Done:
    bench.opportunity()
    pair: ExecutePair = bench.last(ExecutePair)
    before = len(bench.records)
    bench.committed()
    for intent in pair.intents:
        bench.filled(intent)
    records = bench.records[before:]
    assert any(isinstance(record, ExecutionClosed) for record in records), "the execution did not close"
    return Done(pair.execution_id, pair.intents, pair.opportunity, records)
