"""What the machine asks of others: account reads, and the fate of orders that stay unsettled too long."""

from __future__ import annotations

import msgspec

from dnbot.domain.instrument import Venue
from dnbot.domain.messages import OpportunityDeclined, OpportunityTaken, ReadAccount, ResolveOrder
from dnbot.domain.order import Order, OrderStatus
from dnbot.domain.pair import Declined
from dnbot.strategy.context import DeclineTally, Execution
from dnbot.strategy.states import StrategyState
from dnbot.strategy.turn import Turn

DECLINE_RECORD_NS = 1_000_000_000
"""Repeats of one refusal are merged into one record a second."""
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
    turn.change_account(venue, asked_s=turn.context.now_s)
    turn.commands.append(ReadAccount(venue, why))


def chase_unsettled(turn: Turn) -> None:
    """Ask after every order that stayed unsettled longer than a healthy one does."""
    context = turn.context
    slow_ns = 2 * context.params.match_lag_ms * 1_000_000
    for order in context.unsettled:
        if context.now_ns - order.changed_at_ns < slow_ns and order.status is not OrderStatus.AMBIGUOUS:
            continue
        if order.status is OrderStatus.PENDING and context.current_state is not StrategyState.ERROR_RECOVERY:
            continue  # its desk still holds it
        _chase(turn, order)


def _chase(turn: Turn, order: Order) -> None:
    key = f"chase:{order.intent.client_order_id}"
    tally = turn.context.tallies.get(key)
    if tally is not None and turn.context.now_ns - tally.since_ns < RESOLVE_EVERY_S * 1e9:
        return
    turn.change(tallies={**turn.context.tallies, key: DeclineTally(1, turn.context.now_ns)})
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
    tally(turn, declined.pair_name, declined.reason, declined.text, declined)


def tally(turn: Turn, pair_name: str, reason: str, text: str, declined: Declined | None = None) -> None:
    context = turn.context
    counters = context.counters
    counted = {**counters.declined, reason: counters.declined.get(reason, 0) + 1}
    turn.change(counters=msgspec.structs.replace(counters, declined=counted))
    key = f"decline:{pair_name}:{reason}"
    tally = context.tallies.get(key) or DeclineTally(0, 0)
    if context.now_ns - tally.since_ns < DECLINE_RECORD_NS:
        turn.change(tallies={**context.tallies, key: DeclineTally(tally.count + 1, tally.since_ns)})
        return
    turn.change(tallies={**context.tallies, key: DeclineTally(0, context.now_ns)})
    told = declined or Declined(pair_name=pair_name, reason=reason, text=text, edge_bps=0.0)
    turn.records.append(OpportunityDeclined(declined=told, count=tally.count + 1, at_ns=context.now_ns))
