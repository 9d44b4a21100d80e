"""Steps and contexts as bytes. msgpack, in which numbers keep every digit; unchanged books are not written again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_type_hints
from zlib import crc32

import msgspec

from dnbot.domain.market import MarketView
from dnbot.domain.messages import Command, InboxEvent, Record, Signal
from dnbot.domain.order import Order
from dnbot.domain.pair import PAIRS
from dnbot.record.step_words import ContextRead, KeptStep, KeptSteps, Moved, StepRead, Why
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.machine import Step
from dnbot.strategy.orders import Orders

Masked = Callable[[bytes], bytes]
"""A text without secrets; the same object when there is none in it."""


def as_it_is(data: bytes) -> bytes:
    """Where no secret can be, or none is known."""
    return data


_OTHERWISE: dict[str, Any] = {"orders": tuple[Order, ...], "refusals": dict[str, tuple[float, str, str]]}
"""Fields of a context that are written in another form."""
_Snapshot = msgspec.defstruct(
    "_Snapshot", list((get_type_hints(StrategyContext) | _OTHERWISE).items()), frozen=True, kw_only=True
)


class _ContextPage(msgspec.Struct, frozen=True, array_like=True):
    why: Why
    lost: int
    context: _Snapshot  # type: ignore[valid-type]  # made above, from the fields of a context


_encode = msgspec.msgpack.Encoder().encode
_json = msgspec.json.Encoder().encode
_steps = msgspec.msgpack.Decoder(KeptSteps).decode
_context = msgspec.msgpack.Decoder(_ContextPage).decode
_commands = msgspec.msgpack.Decoder(tuple[Command, ...]).decode


# --- steps ------------------------------------------------------------------------------------------------------------
def encode_step(event: InboxEvent, outcome: Step | Exception, market: MarketView | None, masked: Masked) -> bytes:
    """One step. `market`: of the newest signal before it in the same page."""
    told = moved(event, market) if isinstance(event, Signal) else event
    if isinstance(outcome, Exception):
        failure = failure_text(outcome)
        return _encode(KeptStep(told, "", "", (), 0, failure))
    context = outcome.context
    crc = records_crc(outcome.records, masked)
    return _encode(KeptStep(told, context.current_state.name, context.mode.name, outcome.commands, crc, ""))


def join_steps(first: int, steps: Sequence[bytes]) -> bytes:
    """The payload of a page: steps in a row, the first with this number."""
    return _encode((first, [msgspec.Raw(step) for step in steps]))


def read_steps(payload: bytes) -> list[StepRead]:
    """Steps with their events as the machine got them. Raises ValueError when it is no page of steps."""
    page = _steps(payload)
    market: MarketView | None = None
    found: list[StepRead] = []
    number = page.first
    for kept in page.steps:
        event = kept.event
        if isinstance(event, Moved):
            if market is None:
                raise ValueError(f"event {number} tells what changed of a market that is not there")
            event = _signal(event, market)
        if isinstance(event, Signal):
            market = event.market
        found.append(StepRead(number=number, event=event, kept=kept))
        number += not kept.failure  # a step that failed changed nothing
    return found


def moved(signal: Signal, before: MarketView | None) -> Signal | Moved:
    """What a signal changed, where that tells all of it; else the signal itself."""
    now = signal.market
    if before is None or now.instruments is not before.instruments or not _same_venues(now, before):
        return signal
    return Moved(
        books={venue: book for venue, book in now.books.items() if book is not before.books[venue]},
        flow={venue: flow for venue, flow in now.flow.items() if flow is not before.flow[venue]},
        mark=now.mark, mark_received_s=now.mark_received_s, funding=now.funding, edges=signal.edges, at_s=signal.at_s,
    )


def _same_venues(now: MarketView, before: MarketView) -> bool:
    """In the same order, too: somebody may go through them."""
    return list(now.books) == list(before.books) and list(now.flow) == list(before.flow)


def _signal(told: Moved, before: MarketView) -> Signal:
    market = MarketView(
        books={**before.books, **told.books}, instruments=before.instruments, mark=told.mark,
        mark_received_s=told.mark_received_s, funding=told.funding, flow={**before.flow, **told.flow},
    )
    return Signal(market=market, edges=told.edges, at_s=told.at_s)


# --- what is compared -------------------------------------------------------------------------------------------------
def records_crc(records: Sequence[Record], masked: Masked) -> int:
    """CRC-32 of records as JSON, in which secrets are masked; 0 for none. No record that is there has 0."""
    return crc32(masked(_json(records))) or 1 if records else 0


def failure_text(error: Exception) -> str:
    """Kind and text of what ended a step."""
    return f"{type(error).__name__}: {error}"


def same_commands(recorded: Sequence[Command], replayed: Sequence[Command]) -> bool:
    """Whether both are the same to the last digit."""
    return _encode(recorded) == _encode(as_read(replayed))


def as_read(commands: Sequence[Command]) -> tuple[Command, ...]:
    """Commands as they are when they come back from a journal: what is declared a float is one."""
    return _commands(_encode(commands))


# --- contexts ---------------------------------------------------------------------------------------------------------
def encode_context(context: StrategyContext, why: Why, lost: int) -> bytes:
    """All of a context."""
    return _encode((why, lost, context_words(context)))


def context_words(context: StrategyContext) -> dict[str, Any]:
    """All of a context by name, in values that can be encoded."""
    told = {name: getattr(context, name) for name in context.__struct_fields__}
    told["orders"] = tuple(context.orders.values())
    told["refusals"] = {pair.name: refused for pair, refused in context.refusals.items()}
    return told


def read_context(payload: bytes) -> ContextRead:
    """A context that was written. Raises ValueError when it is none."""
    page = _context(payload)
    told = {name: getattr(page.context, name) for name in StrategyContext.__struct_fields__}
    told["orders"] = Orders.of(told["orders"])
    told["refusals"] = {PAIRS[name]: refused for name, refused in told["refusals"].items()}
    context = StrategyContext(**told)
    return ContextRead(number=context.events, why=page.why, lost=page.lost, context=context)


def context_as_read(context: StrategyContext) -> StrategyContext:
    """A context as it is when it comes back from a journal."""
    return read_context(encode_context(context, Why.REGULAR, 0)).context


# --- secrets ----------------------------------------------------------------------------------------------------------
def without_secrets(payload: bytes, masked: Masked) -> bytes:
    """The payload itself, or a copy in whose texts secrets are masked: in msgpack a text stands with its length."""
    if masked(payload) == payload:
        return payload
    return _encode(_masked_in(msgspec.msgpack.decode(payload), masked))


def _masked_in(value: Any, masked: Masked) -> Any:
    match value:
        case str():
            return masked(value.encode()).decode()
        case list():
            return [_masked_in(one, masked) for one in value]
        case dict():
            return {_masked_in(name, masked): _masked_in(one, masked) for name, one in value.items()}
        case _:
            return value
