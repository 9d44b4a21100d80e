"""The end of an execution: what its own fills brought, booked beside its estimate."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.messages import ExecutionClosed, PortfolioSaved
from dnbot.domain.order import OrderStatus, Purpose
from dnbot.domain.pair import Opportunity, Pair, PairKind
from dnbot.domain.position import EdgeLot, Portfolio, fold_edge_lot
from dnbot.domain.units import ZERO, bps, divide
from dnbot.strategy.context import Execution
from dnbot.strategy.entry_reserve import ENTRIES, entry_reserve_bps, entry_slippage_bps, with_slippage
from dnbot.strategy.turn import Turn
from dnbot.strategy.undo import direction, round_trip_bps

KEPT_EXECUTION_TIMES = 1000


def close_execution(turn: Turn) -> None:
    """Record the outcome and forget the execution. Its orders must all be settled."""
    context = turn.context
    execution = context.execution
    if execution is None:
        return
    gross = _gross(execution)
    net = gross - execution.fees_quote
    residual = execution.bought - execution.sold
    opportunity = execution.opportunity
    portfolio = context.portfolio
    turn.records.append(
        ExecutionClosed(
            execution_id=execution.execution_id,
            pair_name=opportunity.pair_name if opportunity else execution.kind.upper(),
            purpose=opportunity.purpose.value if opportunity else execution.kind,
            status=_status(turn, execution),
            bought=execution.bought,
            sold=execution.sold,
            gross_quote=gross,
            fees_quote=execution.fees_quote,
            net_quote=net,
            estimate_net_quote=opportunity.estimate.net_quote if opportunity else ZERO,
            residual_base=residual,
            started_at_ns=execution.started_ns,
            ended_at_ns=context.now_ns,
            naked_ms=execution.naked_ms,
            ambiguous=execution.ambiguous,
            delta_base=portfolio.delta,
            spot_base=portfolio.spot_base,
            perp_base=portfolio.perp_base,
        )
    )
    turn.change(execution=None)
    if opportunity is not None and execution.bought > 0 and execution.sold > 0:
        _learn(turn, execution, opportunity, net)
        # What was learned is in no fill: a crash before the next save would forget it.
        turn.records.append(PortfolioSaved(turn.context.portfolio, context.now_ns))


def _gross(execution: Execution) -> Decimal:
    """Σ sells - Σ buys, with the unmatched remainder valued at its own side's average price: it earned nothing yet."""
    residual = execution.bought - execution.sold
    if residual > 0:
        at = divide(execution.buy_value, execution.bought)
    elif residual < 0:
        at = divide(execution.sell_value, execution.sold)
    else:
        at = ZERO
    return execution.sell_value - execution.buy_value + residual * at


def _status(turn: Turn, execution: Execution) -> str:
    orders = [turn.context.orders[name] for name in execution.order_ids if name in turn.context.orders]
    if execution.bought == 0 and execution.sold == 0:
        return "failed"
    if execution.repaired:
        return "repaired"
    return "complete" if all(order.status is OrderStatus.FILLED for order in orders) else "partial"


def _learn(turn: Turn, execution: Execution, opportunity: Opportunity, net: Decimal) -> None:
    """Keep what was moved, with the edge that it really earned; what a repair took back was not moved."""
    pair = opportunity.pair
    price = divide(execution.buy_value, execution.bought)
    edge = bps(net, min(execution.bought, execution.sold) * price)
    moved = execution.moved
    quantity = min(moved.get(pair.buy_venue, ZERO), -moved.get(pair.sell_venue, ZERO))
    portfolio = turn.context.portfolio
    if opportunity.purpose is Purpose.ENTRY:
        portfolio = _learn_slippage(turn, entry_slippage_bps(opportunity, edge, price))
    outcome_bps: Decimal | None = edge
    if quantity > 0:
        lot = EdgeLot(quantity * direction(pair), edge, turn.context.now_ns)
        if pair.kind is PairKind.SPOT_SPOT:
            portfolio = msgspec.structs.replace(portfolio, shift_lots=fold_edge_lot(portfolio.shift_lots, lot))
        else:
            before, portfolio = portfolio.carry_lots, msgspec.structs.replace(
                portfolio, carry_lots=fold_edge_lot(portfolio.carry_lots, lot)
            )
            outcome_bps = _carry_outcome(pair, quantity, edge, price, before, portfolio.carry_lots)
    risk = turn.context.risk
    times = (*risk.execution_times_s, turn.context.now_s)[-KEPT_EXECUTION_TIMES:]
    losses = risk.losses_in_a_row
    if outcome_bps is not None:
        losses = losses + 1 if outcome_bps < 0 else 0
    turn.change(
        portfolio=portfolio, risk=msgspec.structs.replace(risk, execution_times_s=times, losses_in_a_row=losses)
    )


def _learn_slippage(turn: Turn, slippage_bps: Decimal) -> Portfolio:
    """The portfolio with that entry's slippage; somebody is told when entries will have to earn more from now on."""
    params, before = turn.context.params, turn.context.portfolio
    after = with_slippage(before, params, slippage_bps)
    reserve = entry_reserve_bps(params, after)
    if reserve > entry_reserve_bps(params, before):
        turn.alert(
            "warning", "entry_reserve",
            f"half of the last {ENTRIES} entries brought {reserve:.2f} bps less than estimated, or worse: entries must "
            f"now earn {params.arbitrage_entry_threshold_bps + reserve:.2f} bps; another slippage_reserve_bps than "
            f"{params.slippage_reserve_bps} begins anew",
        )
    return after


def _carry_outcome(
    pair: Pair, quantity: Decimal, edge: Decimal, price: Decimal, before: tuple[EdgeLot, ...],
    after: tuple[EdgeLot, ...],
) -> Decimal | None:
    """What a carry brought, entry, funding and exit together, bps of `price`; None for an opening, which pays its fees
    before it earns.
    """
    if pair.kind is PairKind.CARRY_OPEN:
        return None
    return edge + divide(_earned(before, price) - _earned(after, price), quantity)


def _earned(lots: tuple[EdgeLot, ...], price: Decimal) -> Decimal:
    """What open carries earned so far, edges and funding, base units times bps of `price`; a closing is none."""
    return sum((lot.quantity * round_trip_bps(lot, ZERO, price) for lot in lots if lot.quantity > 0), ZERO)
