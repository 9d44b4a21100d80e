"""What the machine asks of others: account reads, and the fate of orders that stay unsettled too long."""

from __future__ import annotations

import msgspec

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.messages import OpportunityDeclined, OpportunityTaken, ReadAccount, ResolveOrder
from dnbot.domain.order import Order, OrderStatus
from dnbot.domain.pair import Declined
from dnbot.strategy.context import DeclineTally, Execution
from dnbot.strategy.states import StrategyState
from dnbot.strategy.turn import Turn

DECLINE_RECORD_S = 1.0
"""Repeats of one refusal are merged into one record a second."""
_CHASE_PENDING = frozenset({StrategyState.ERROR_RECOVERY, StrategyState.SHUTDOWN})
RESOLVE_EVERY_S = 1.0
"""An unsettled order is asked after at most this often."""
READ_PATIENCE_S = 2.0
"""A read that is not answered within this is asked for again."""


def ask_for_read(turn: Turn, venue: Venue, why: str, *, force: bool = False) -> None:
    """Ask for a whole account, once until it is answered (or after a while, again)."""
    account = turn.context.accounts[venue]
    outstanding = account.asked_s and turn.context.now_s - account.asked_s < READ_PATIENCE_S
    if outstanding and not force:
        return
    now_s = turn.context.now_s
    turn.change_account(venue, asked_s=now_s, unanswered_since_s=account.unanswered_since_s or now_s)
    turn.commands.append(ReadAccount(venue, why))


def chase_unsettled(turn: Turn) -> None:
    """Ask after every order that stayed unsettled longer than a healthy one does."""
    context = turn.context
    slow_s = 2 * context.params.match_lag_ms / 1000
    rest = context.execution.rest if context.execution is not None else None
    for order in context.unsettled:
        if rest is not None and rest.is_quiet(order):
            continue
        waited_s = context.now_s - context.age(order.intent.client_order_id).changed_s
        if waited_s < slow_s and order.status is not OrderStatus.AMBIGUOUS:
            continue
        if order.status is OrderStatus.PENDING and context.current_state not in _CHASE_PENDING:
            continue  # its desk still holds it
        _chase(turn, order)


def _chase(turn: Turn, order: Order) -> None:
    context = turn.context
    name = order.intent.client_order_id
    last_s = context.chased_s.get(name)
    if last_s is not None and context.now_s - last_s < RESOLVE_EVERY_S:
        return
    if last_s is None:  # what may have to be repaired, and where: which venues answer?
        for venue in VENUES:
            ask_for_read(turn, venue, "doubt")
    turn.change(chased_s={**context.chased_s, name: context.now_s})
    turn.commands.append(ResolveOrder(order.intent, order.venue_order_id))


def record_taken(turn: Turn, execution: Execution) -> None:
    """An execution is durable and on its way."""
    counters = turn.context.counters
    turn.change(counters=msgspec.structs.replace(counters, executions=counters.executions + 1))
    if execution.opportunity is not None:
        turn.records.append(
            OpportunityTaken(
                execution_id=execution.execution_id, opportunity=execution.opportunity, at_ns=turn.context.now_ns
            )
        )


def tally_decline(turn: Turn, declined: Declined) -> None:
    """Count a refusal; the first of its kind, and then one a second, is recorded with the number of its repeats."""
    tally(turn, declined.pair_name, declined.reason, declined.text, declined)


def tally(turn: Turn, pair_name: str, reason: str, text: str, declined: Declined | None = None) -> None:
    """The same for what is not an opportunity: slices and flattening."""
    context = turn.context
    counters = context.counters
    counted = {**counters.declined, reason: counters.declined.get(reason, 0) + 1}
    turn.change(counters=msgspec.structs.replace(counters, declined=counted))
    key = f"decline:{pair_name}:{reason}"
    tally = context.tallies.get(key)
    if tally is not None and context.now_s - tally.since_s < DECLINE_RECORD_S:
        turn.change(tallies={**context.tallies, key: DeclineTally(tally.count + 1, tally.since_s)})
        return
    turn.change(tallies={**context.tallies, key: DeclineTally(0, context.now_s)})
    told = declined or Declined(pair_name=pair_name, reason=reason, text=text, edge_bps=0.0)
    count = 1 + (tally.count if tally else 0)
    turn.records.append(OpportunityDeclined(declined=told, count=count, at_ns=context.now_ns))
