"""When a trade that takes inventory back may be done: its own edge, and the round trip with the trade it undoes.

    round_trip_bps = entry_edge + exit_edge + funding >= -loss allowed

Edges are net: fees are not subtracted again. Lots are matched first in, first out, and each unit must pay for the lot
that it closes, which is stricter than the average over the trade.
"""

from __future__ import annotations

from decimal import Decimal

from dnbot.domain.pair import Pair, PairKind
from dnbot.domain.position import EdgeLot, Portfolio
from dnbot.domain.units import ZERO, bps
from dnbot.strategy.parameters import StrategyParameters

WIDENING_BPS_PER_STEP = Decimal(2)
WIDENING_STEP_S = 30 * 60
LOSS_BPS_MAX = Decimal(10)
NANOSECONDS = 1_000_000_000

Need = tuple[Decimal, Decimal]
"""(up to this many base units net, own edge that the last of them needs in bps)"""


def direction(pair: Pair) -> int:
    """The sign of the lots that a pair adds: +1 towards Gate or opening a carry, -1 towards MEXC or closing one."""
    return -1 if pair in {Pair.MEXC_TO_GATE, Pair.CLOSE_GATE, Pair.CLOSE_MEXC} else 1


def lots_undone_by(pair: Pair, portfolio: Portfolio) -> tuple[EdgeLot, ...]:
    """The lots that a trade of this pair would close, oldest first; empty when it undoes nothing."""
    lots = portfolio.shift_lots if pair.kind is PairKind.SPOT_SPOT else portfolio.carry_lots
    return lots if lots and (lots[0].quantity > 0) != (direction(pair) > 0) else ()


def round_trip_bps(lot: EdgeLot, exit_edge_bps: Decimal, mid: Decimal) -> Decimal:
    """What opening and closing `lot` earned together, in bps of the mid."""
    return lot.edge_bps + exit_edge_bps + bps(lot.funding_per_base, mid)


def undo_needs(
    lots: tuple[EdgeLot, ...], mid: Decimal, params: StrategyParameters, widening_bps: Decimal
) -> tuple[Need, ...]:
    """The own edge that an undo needs, by how far into the queue of lots it reaches; never falling."""
    loss = params.max_round_trip_loss_bps + widening_bps
    reach, need, needs = ZERO, params.arbitrage_exit_threshold_bps, list[Need]()
    for lot in lots:
        reach += abs(lot.quantity)
        need = max(need, -loss - round_trip_bps(lot, ZERO, mid))
        needs.append((reach, need))
    return tuple(needs)


def carry_age_bps(lots: tuple[EdgeLot, ...], params: StrategyParameters, now_ns: int) -> Decimal:
    """How much more than `max_round_trip_loss_bps` the oldest carry may lose by now, in bps.

    2 bps for each full half hour past `carry_hold_hours_max`, until 10 bps may be lost in all.
    """
    if not lots:
        return ZERO
    held_s = Decimal(now_ns - lots[0].opened_at_ns) / NANOSECONDS
    late_s = held_s - params.carry_hold_hours_max * 3600
    if late_s < WIDENING_STEP_S:
        return ZERO
    room = max(ZERO, LOSS_BPS_MAX - params.max_round_trip_loss_bps)
    return min(WIDENING_BPS_PER_STEP * (late_s // WIDENING_STEP_S), room)


def overdue_shift(lots: tuple[EdgeLot, ...], params: StrategyParameters, now_ns: int) -> bool:
    """Whether shifted inventory waits longer than `position_timeout_minutes` for its way back: told, not forced."""
    return bool(lots) and now_ns - lots[0].opened_at_ns > params.position_timeout_minutes * 60 * NANOSECONDS
