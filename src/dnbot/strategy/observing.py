"""What is measured after every step: delta, naked time, equity, latches, samples, and what may be forgotten."""

from __future__ import annotations

import msgspec

from dnbot.domain.instrument import SPOT_VENUES, VENUES, Venue
from dnbot.domain.messages import BookTopSampled, FundingSampled, PortfolioSaved, PositionSampled
from dnbot.domain.order import OrderStatus
from dnbot.strategy.context import Naked
from dnbot.strategy.risk import latches
from dnbot.strategy.standing import risk_inputs
from dnbot.strategy.states import StrategyState
from dnbot.strategy.turn import Turn

SAMPLE_EVERY_S = 1.0
FORGET_AFTER_NS = 120_000_000_000
"""Settled orders are kept so long: late reports and overlapping reads still find them."""
ORDERS_KEPT_MAX = 500
PNL_UNKNOWN_S = 60.0
"""So long equity may be unknown before that halts trading."""
NS_PER_DAY = 86_400_000_000_000
_TRADING = frozenset({
    StrategyState.ESTABLISHING_DELTA_NEUTRAL, StrategyState.EXECUTING_ARBITRAGE, StrategyState.REBALANCING_DELTA,
    StrategyState.ERROR_RECOVERY, StrategyState.SHUTDOWN, StrategyState.PREPARING_ARBITRAGE,
    StrategyState.MONITORING_SPREADS, StrategyState.DELTA_NEUTRAL_ACTIVE,
})


def observe(turn: Turn) -> None:
    """After every event."""
    _watch_delta(turn)


def _watch_delta(turn: Turn) -> None:
    context = turn.context
    tolerance = context.tolerance
    if tolerance is None or context.current_state is StrategyState.INITIALIZING:
        return
    size = abs(context.portfolio.delta)
    if size > context.counters.delta_worst:
        turn.change(counters=msgspec.structs.replace(context.counters, delta_worst=size))
    naked = _naked(context.naked, size > tolerance, _ambiguous(turn), context.now_s)
    if naked is not context.naked:
        turn.change(naked=naked)
        if context.execution is not None and naked.since_s is not None:
            elapsed = int((context.now_s - naked.since_s) * 1000)
            if elapsed > context.execution.naked_ms:
                turn.change(execution=msgspec.structs.replace(context.execution, naked_ms=elapsed))


def _ambiguous(turn: Turn) -> bool:
    return any(order.status is OrderStatus.AMBIGUOUS for order in turn.context.unsettled)


def _naked(naked: Naked, outside: bool, ambiguous: bool, now_s: float) -> Naked:
    if not outside:
        if naked.since_s is None:
            return naked
        closed = _worst(naked, now_s)
        return msgspec.structs.replace(closed, since_s=None, ambiguous=False)
    if naked.since_s is None:
        return msgspec.structs.replace(naked, since_s=now_s, ambiguous=ambiguous)
    return _worst(msgspec.structs.replace(naked, ambiguous=naked.ambiguous or ambiguous), now_s)


def _worst(naked: Naked, now_s: float) -> Naked:
    elapsed = int((now_s - (naked.since_s or now_s)) * 1000)
    if naked.ambiguous:
        return msgspec.structs.replace(naked, worst_ambiguous_ms=max(naked.worst_ambiguous_ms, elapsed))
    return msgspec.structs.replace(naked, worst_definite_ms=max(naked.worst_definite_ms, elapsed))


def sample(turn: Turn) -> None:
    """Once a second: equity, latches, rows for the time series, and tidying."""
    context = turn.context
    if context.now_s - context.sampled_s < SAMPLE_EVERY_S:
        return
    turn.change(sampled_s=context.now_s)
    _value(turn)
    _latch(turn)
    _sample_rows(turn)
    _forget(turn)


def _value(turn: Turn) -> None:
    """Equity at each venue's mid and the mark; the day's start at 00:00 UTC; the peak. Unknown while a price is."""
    context = turn.context
    mids = {venue: mid for venue in SPOT_VENUES if (mid := context.market.mid(venue)) is not None}
    mark = context.market.mark
    opened = all(context.accounts[venue].opened for venue in VENUES)
    if len(mids) < len(SPOT_VENUES) or mark is None or not opened:
        return
    equity = context.portfolio.equity(mids, mark.mark)
    day = context.now_ns // NS_PER_DAY
    risk = context.risk
    new_day = risk.equity_day_start is None or day != risk.day
    turn.change(
        risk=msgspec.structs.replace(
            risk,
            equity_quote=equity,
            equity_s=context.now_s,
            day=day,
            equity_day_start=equity if new_day else risk.equity_day_start,
            equity_peak=equity if new_day or risk.equity_peak is None else max(risk.equity_peak, equity),
        )
    )


def _latch(turn: Turn) -> None:
    if turn.state in {StrategyState.INITIALIZING, StrategyState.SHUTDOWN}:
        return
    context = turn.context
    if context.risk.equity_quote is None and context.now_s - context.state_since_s < PNL_UNKNOWN_S:
        return  # prices are still coming in
    for latch in latches(risk_inputs(turn.context)):
        turn.lower_mode(latch.mode, f"{latch.code}: {latch.text}")


def _sample_rows(turn: Turn) -> None:
    context = turn.context
    portfolio, symbol, now = context.portfolio, context.params.symbol, context.now_ns
    position = context.accounts[Venue.GATE_FUTURES].position
    turn.records.append(
        PositionSampled(
            spot_gate=portfolio.balance(Venue.GATE_SPOT, symbol.base),
            spot_mexc=portfolio.balance(Venue.MEXC_SPOT, symbol.base),
            perp_base=portfolio.perp_base,
            delta_base=portfolio.delta,
            mark=context.market.mark.mark if context.market.mark else None,
            liquidation_price=position.liquidation_price if position else None,
            equity_quote=context.risk.equity_quote,
            realised_quote=portfolio.realised_quote,
            at_ns=now,
        )
    )
    for venue, book in context.market.books.items():
        (bid, bid_quantity), (ask, ask_quantity) = book.bids[0], book.asks[0]
        turn.records.append(
            BookTopSampled(
                venue=venue, bid=bid, bid_quantity=bid_quantity, ask=ask, ask_quantity=ask_quantity,
                update_id=book.update_id, at_ns=now,
            )
        )
    if context.market.funding is not None:
        turn.records.append(FundingSampled(context.market.funding, context.market.mark, now))
    turn.records.append(PortfolioSaved(portfolio, now))


def _forget(turn: Turn) -> None:
    context = turn.context
    kept_ids = context.execution.order_ids if context.execution else ()
    settled = [
        name for name, order in context.orders.items()
        if order.is_settled and name not in kept_ids and context.now_ns - order.changed_at_ns > FORGET_AFTER_NS
    ]
    surplus = len(context.orders) - len(settled) - ORDERS_KEPT_MAX
    if surplus > 0:
        rest = (n for n, o in context.orders.items() if o.is_settled and n not in settled and n not in kept_ids)
        settled += [name for name, _ in zip(rest, range(surplus), strict=False)]
    if settled:
        gone = dict.fromkeys(settled)
        turn.change(
            orders={n: o for n, o in context.orders.items() if n not in gone},
            venue_order_ids={k: n for k, n in context.venue_order_ids.items() if n not in gone},
        )
    old = context.now_ns - 5_000_000_000
    if len(context.tallies) > 100:
        turn.change(tallies={k: t for k, t in context.tallies.items() if t.since_ns > old or t.count})
    turn.change(alerted={k: s for k, s in context.alerted.items() if context.now_s - s < 600.0})

