"""What is measured after every step: delta, naked time, equity, latches, samples, and what may be forgotten."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.instrument import SPOT_VENUES, VENUES, Venue
from dnbot.domain.messages import BookTopSampled, FundingSampled, PortfolioSaved, PositionSampled
from dnbot.domain.order import OrderStatus
from dnbot.domain.records import CRASH_WINDOW_S
from dnbot.strategy.asking import DECLINE_RECORD_S
from dnbot.strategy.context import Naked
from dnbot.strategy.repairing import needs_hedge
from dnbot.strategy.risk import latches
from dnbot.strategy.risk_inputs import RiskInputs
from dnbot.strategy.settling import settling
from dnbot.strategy.shipping import watch_shipments
from dnbot.strategy.standing import PNL_UNKNOWN_S, identical_pairs_last_minute, risk_inputs
from dnbot.strategy.states import StrategyState, TradingMode
from dnbot.strategy.transferring import forget_transfers
from dnbot.strategy.turn import ALERT_QUIET_S, Turn
from dnbot.strategy.undo import carry_age_bps, overdue_shift

SAMPLE_EVERY_S = 1.0
CRASHES_MAX = 3
"""So many unclean ends within `CRASH_WINDOW_S` build and enter nothing more until a person has looked."""
FORGET_AFTER_S = 120.0
"""Settled orders are kept so long: late reports and overlapping reads still find them."""
ORDERS_KEPT_MAX = 500
NS_PER_DAY = 86_400_000_000_000
_AT_REST = frozenset({StrategyState.DELTA_NEUTRAL_ACTIVE, StrategyState.MONITORING_SPREADS})


def watch_delta(turn: Turn) -> None:
    """After every event: how long delta is outside its tolerance. A Tick comes before each, so time is up to date."""
    context = turn.context
    if not context.perp_lot or context.current_state is StrategyState.INITIALIZING:
        return
    size = abs(context.portfolio.delta)
    if size > context.counters.delta_worst:
        turn.change(counters=msgspec.structs.replace(context.counters, delta_worst=size))
    before = context.naked
    outside = needs_hedge(turn)
    if outside or before.since_s is not None:
        turn.change(naked=_naked(before, outside, _ambiguous(turn), context.now_s))
    execution = turn.context.execution
    if execution is not None and before.since_s is not None:
        elapsed_ms = _elapsed_ms(before, context.now_s)
        turn.change(
            execution=msgspec.structs.replace(execution, naked_ms=max(execution.naked_ms, elapsed_ms))
        )


def _ambiguous(turn: Turn) -> bool:
    return any(order.status is OrderStatus.AMBIGUOUS for order in turn.context.unsettled)


def _naked(naked: Naked, outside: bool, ambiguous: bool, now_s: float) -> Naked:
    if naked.since_s is None:
        return msgspec.structs.replace(naked, since_s=now_s, ambiguous=ambiguous)
    told = _worst(msgspec.structs.replace(naked, ambiguous=naked.ambiguous or ambiguous), now_s)
    return told if outside else msgspec.structs.replace(told, since_s=None, ambiguous=False)


def _worst(naked: Naked, now_s: float) -> Naked:
    elapsed_ms = _elapsed_ms(naked, now_s)
    if naked.ambiguous:
        return msgspec.structs.replace(naked, worst_ambiguous_ms=max(naked.worst_ambiguous_ms, elapsed_ms))
    return msgspec.structs.replace(naked, worst_definite_ms=max(naked.worst_definite_ms, elapsed_ms))


def _elapsed_ms(naked: Naked, now_s: float) -> int:
    return round((now_s - naked.since_s) * 1000) if naked.since_s is not None else 0


def sample(turn: Turn) -> None:
    """Once a second: equity, latches, rows for the time series, and tidying."""
    context = turn.context
    if context.now_s - context.sampled_s < SAMPLE_EVERY_S:
        return
    turn.change(sampled_s=context.now_s)
    _value(turn)
    inputs = risk_inputs(turn.context)
    _latch(turn, inputs)
    _watch_remainder(turn)
    _watch_lots(turn)
    watch_shipments(turn)
    _sample_rows(turn, inputs.equity_quote)
    _forget(turn)
    forget_transfers(turn)


def _value(turn: Turn) -> None:
    """Equity at each venue's mid and the mark; the day's start at 00:00 UTC. Unknown while a price is."""
    context = turn.context
    mids = {venue: mid for venue in SPOT_VENUES if (mid := context.market.mid(venue)) is not None}
    mark = context.market.mark  # profit that is judged by losses has no other price
    opened = all(context.accounts[venue].opened for venue in VENUES)
    if len(mids) < len(SPOT_VENUES) or mark is None or not opened:
        if context.risk.equity_s is None:
            turn.change(risk=msgspec.structs.replace(context.risk, equity_s=context.now_s))
        return
    equity = context.portfolio.equity(mids, mark.mark) + settling(context)
    day = context.now_ns // NS_PER_DAY
    turn.change(risk=msgspec.structs.replace(context.risk, equity_quote=equity, equity_s=context.now_s))
    if context.portfolio.day_equity is None or day != context.portfolio.day:
        turn.change(portfolio=msgspec.structs.replace(context.portfolio, day=day, day_equity=equity))


def judge_crashes(turn: Turn) -> None:
    """Once, at the first tick: a bot that keeps falling over builds and enters nothing until a person has looked."""
    count = turn.context.crashes
    if not count:
        return
    turn.change(crashes=0)
    if count >= CRASHES_MAX:
        why = f"CRASH_LOOP: {count} starts of the last {CRASH_WINDOW_S // 60} minutes ended without a shutdown"
        turn.lower_mode(TradingMode.REDUCING, why)


def _latch(turn: Turn, inputs: RiskInputs) -> None:
    if turn.state in {StrategyState.INITIALIZING, StrategyState.SHUTDOWN}:
        return
    inputs = msgspec.structs.replace(inputs, identical_pairs_last_minute=identical_pairs_last_minute(turn.context))
    for latch in latches(inputs):
        if latch.code != "PNL_UNKNOWN" or _should_know(turn):
            turn.lower_mode(latch.mode, f"{latch.code}: {latch.text}")


def _should_know(turn: Turn) -> bool:
    """Whether profit that is unknown is more than a price still to come; meanwhile entries are refused anyway."""
    context = turn.context
    waited_s = context.now_s - context.risk.equity_s if context.risk.equity_s is not None else 0.0
    opened = all(context.accounts[venue].opened for venue in VENUES)
    return opened and context.market_fresh and waited_s > PNL_UNKNOWN_S


def _watch_remainder(turn: Turn) -> None:
    """What is left alone, because it is inside the tolerance or too small for an order, may not pile up."""
    context = turn.context
    if context.current_state not in _AT_REST or context.perp_lot is None or context.unsettled or needs_hedge(turn):
        return
    delta, most = context.portfolio.delta, context.params.dust_max(context.perp_lot)
    if abs(delta) > most:
        turn.lower_mode(TradingMode.REDUCING, f"DUST: {delta} base units stay unhedged; dust_base_max is {most}")


def _watch_lots(turn: Turn) -> None:
    """Tell each step by which an old carry may lose more, and inventory that waits too long for its way back."""
    context = turn.context
    portfolio, params = context.portfolio, context.params
    widened = carry_age_bps(portfolio.carry_lots, params, context.now_ns)
    if widened != context.widened_bps:
        turn.change(widened_bps=widened)
        if widened > context.widened_bps:
            text = f"the oldest carry is past {params.carry_hold_hours_max} h: it may lose {widened} bps more"
            turn.alert("warning", f"carry_age:{widened}", text)
    shifts = portfolio.shift_lots
    if overdue_shift(shifts, params, context.now_ns) and shifts[0].opened_at_ns != context.overdue_ns:
        turn.change(overdue_ns=shifts[0].opened_at_ns)
        text = f"{shifts[0].quantity} base units wait longer than {params.position_timeout_minutes} min for a way back"
        turn.alert("info", "shift_overdue", f"{text}; no loss is forced")


def _sample_rows(turn: Turn, equity_quote: Decimal | None) -> None:
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
            equity_quote=equity_quote,
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
        if order.is_settled and name not in kept_ids and context.now_s - context.age(name).changed_s > FORGET_AFTER_S
    ]
    surplus = len(context.orders) - len(settled) - ORDERS_KEPT_MAX
    if surplus > 0:
        rest = (n for n, o in context.orders.items() if o.is_settled and n not in settled and n not in kept_ids)
        settled += [name for name, _ in zip(rest, range(surplus), strict=False)]
    if settled:
        gone = dict.fromkeys(settled)
        turn.change(
            orders=context.orders.without(gone),
            ages={n: age for n, age in context.ages.items() if n not in gone},
            venue_order_ids={k: n for k, n in context.venue_order_ids.items() if n not in gone},
        )
    unsettled = dict.fromkeys(order.intent.client_order_id for order in turn.context.unsettled)
    turn.change(
        chased_s={name: at_s for name, at_s in context.chased_s.items() if name in unsettled},
        tallies={k: t for k, t in context.tallies.items() if t.count or context.now_s - t.since_s < DECLINE_RECORD_S},
        alerted={k: s for k, s in context.alerted.items() if context.now_s - s < ALERT_QUIET_S},
    )

