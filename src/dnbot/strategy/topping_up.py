"""Margin that a rally eats: USDT from Gate spot to the perpetual's wallet, within caps, one transfer at a time."""

from __future__ import annotations

from decimal import Decimal

from dnbot.domain.instrument import Venue
from dnbot.domain.messages import MoveMoney
from dnbot.domain.records import TRANSFER_WINDOW_S
from dnbot.domain.transfer import Transfer, TransferStatus, transfer_id
from dnbot.domain.units import ZERO, ceil_to, divide, floor_to, plain
from dnbot.strategy.asking import ask_for_read
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.parameters import MARGIN_CUSHION_PCT
from dnbot.strategy.standing import (
    GATE_VENUES,
    HUNDRED,
    inventory_of,
    liquidation_distance_pct,
    margin_used,
    mark_price,
    perp_equity,
)
from dnbot.strategy.states import allows_transfer
from dnbot.strategy.transferring import put_transfer
from dnbot.strategy.turn import Turn

LEAST_QUOTE = Decimal(10)
CENT = Decimal("0.01")
SEND_S_MAX = 5.0
"""A transfer that could not leave within this is not asked for at all: prices have gone on."""
PATIENCE_S = 10.0
"""Low margin waits so long for a transfer, its reads included; then both legs shrink instead."""
AGAIN_S = 1.0
"""After one that could not leave, another may be tried so much later."""
REFUSED_S = 300.0
"""After a refusal nothing is asked for again for so long."""


def top_up(turn: Turn) -> bool:
    """Whether margin that is low is being restored by a transfer: one is on its way, or leaves as soon as it can."""
    context = turn.context
    if not may_top_up(context):
        return False
    if context.unsettled or not context.store_up or _waits(context):
        return True
    unread = [venue for venue in GATE_VENUES if not context.account_ready(venue)]
    for venue in unread:
        ask_for_read(turn, venue, "prepare")
    if unread:
        return True
    amount = amount_to_move(context)
    if amount > ZERO:
        _move(turn, amount)
    return amount > ZERO


def may_top_up(context: StrategyContext) -> bool:
    """Whether a transfer is allowed, and can still be hoped for: it must not keep us waiting while prices go on."""
    if not context.params.margin_top_up or not allows_transfer(context.current_state, context.mode):
        return False
    refused = (t for t in context.transfers if t.status is TransferStatus.REFUSED)
    if any(_since_s(context, transfer) < REFUSED_S for transfer in refused):
        return False
    low_s = context.now_s - context.margin_low_s if context.margin_low_s is not None else 0.0
    return min([low_s, *(_since_s(context, t) for t in context.transfers if t.counts)]) <= PATIENCE_S


def _waits(context: StrategyContext) -> bool:
    """Whether a transfer is on its way, or one has just failed to leave."""
    return any(
        t.status.is_open or t.status is TransferStatus.ACCEPTED
        or (t.status is TransferStatus.NOT_SENT and _since_s(context, t) < AGAIN_S)
        for t in context.transfers
    )


def _since_s(context: StrategyContext, transfer: Transfer) -> float:
    return context.now_s - context.age(transfer.transfer_id).changed_s


def amount_to_move(context: StrategyContext) -> Decimal:
    """What lifts margin above its floor and a cushion, inside both caps and what is free on Gate spot; whole cents.

    0 when that is less than the least that is worth a transfer.
    """
    params = context.params
    caps = (
        missing_margin(context),
        params.top_up_max_quote,
        params.top_up_day_max_quote - moved_in_a_day(context),
        inventory_of(context).quote_on(Venue.GATE_SPOT),
    )
    amount = floor_to(max(ZERO, min(caps)), CENT)
    return amount if amount >= LEAST_QUOTE else ZERO


def missing_margin(context: StrategyContext) -> Decimal:
    """Quote units that the perpetual's wallet lacks to stand a cushion above the floor and the least distance.

    Equity E over margin in use U: free margin is 1 - U / E of equity, so E must be U / (1 - target). A wallet that is
    larger by x moves the liquidation of a cross position of value V by x / V.
    """
    equity, used, mark = perp_equity(context), margin_used(context), mark_price(context)
    distance = liquidation_distance_pct(context)
    if equity is None or used is None or mark is None or distance is None:
        return ZERO
    params = context.params
    target = min(params.margin_floor_pct + MARGIN_CUSHION_PCT, HUNDRED - 1)
    by_floor = divide(used * HUNDRED, HUNDRED - target) - equity
    points = params.liquidation_distance_min_pct + MARGIN_CUSHION_PCT - distance
    by_distance = abs(context.portfolio.perp_base) * mark * points / HUNDRED
    return ceil_to(max(ZERO, by_floor, by_distance), CENT)


def moved_in_a_day(context: StrategyContext) -> Decimal:
    """Quote units that were moved, or may have been, in the last 24 hours."""
    since_ns = context.now_ns - TRANSFER_WINDOW_S * 1_000_000_000
    return sum((t.amount for t in context.transfers if t.counts and t.created_at_ns >= since_ns), ZERO)


def _move(turn: Turn, amount: Decimal) -> None:
    context = turn.context
    number = context.transfer_sequence + 1
    transfer = Transfer(
        transfer_id=transfer_id(context.epoch, number), epoch=context.epoch, source=Venue.GATE_SPOT,
        target=Venue.GATE_FUTURES, asset=context.params.symbol.quote, amount=amount, why="margin is low",
        created_at_ns=context.now_ns, expires_at_ns=context.now_ns + int(SEND_S_MAX * 1e9),
    )
    turn.change(transfer_sequence=number)
    put_transfer(turn, transfer)
    turn.commands.append(MoveMoney(transfer))
    left = context.params.top_up_day_max_quote - moved_in_a_day(turn.context)
    text = f"{plain(amount)} {transfer.asset} go from Gate spot to the perpetual's wallet; {plain(left)} are left today"
    turn.alert("warning", f"margin_top_up:{transfer.transfer_id}", text)
