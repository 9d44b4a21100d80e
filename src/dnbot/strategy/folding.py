"""Facts into the context: fills, reports, reads, sessions. No decision is made here.

Everything is keyed by the venue's own ids and commutes: a stream may overtake a reply, a read may repeat a stream.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import dropwhile

import msgspec

from dnbot.domain.instrument import Instrument, Venue
from dnbot.domain.messages import (
    FORGOTTEN,
    SYMBOL_CLOSED,
    BalanceChanged,
    FillBooked,
    FillReported,
    InstrumentChanged,
    OrderAnswered,
    OrderReported,
    OrderSent,
    PositionChanged,
    RowBooked,
)
from dnbot.domain.order import (
    Fill,
    Order,
    OrderReport,
    OrderStatus,
    Side,
    is_ours,
    with_fill,
    with_report,
    with_status,
)
from dnbot.domain.position import (
    AccountRow,
    EntryKind,
    LedgerEntry,
    book_fill,
    closed_quote,
    entries_of,
    entry_of_row,
    post,
)
from dnbot.domain.records import REPAIR_WINDOW_S
from dnbot.domain.units import ZERO
from dnbot.strategy.context import Execution, RecentMove, VenueAccount
from dnbot.strategy.muteness import note_told, note_traded
from dnbot.strategy.orders import REPAIRS
from dnbot.strategy.settling import note_booked, note_realised
from dnbot.strategy.states import TradingMode
from dnbot.strategy.transferring import arrived
from dnbot.strategy.turn import Turn

LATE_S = 150.0
"""So long after our own trade a venue may still report a balance from before it: two minutes were seen."""
TICK_SAMPLES_MAX = 4096
_OUTCOMES = {
    "accepted": OrderStatus.OPEN,
    "refused": OrderStatus.REJECTED,
    "not_sent": OrderStatus.NOT_SENT,
    "ambiguous": OrderStatus.AMBIGUOUS,
    "no_effect": OrderStatus.NO_EFFECT,
}


def find_order(turn: Turn, venue: Venue, client_id: str, venue_id: str) -> Order | None:
    """The order that a report or fill speaks of, by our id or by the venue's."""
    name = client_id or turn.context.venue_order_ids.get(f"{venue.value}:{venue_id}", "")
    return turn.context.orders.get(name)


def fold_news(turn: Turn, event: OrderReported | FillReported) -> None:
    """News of an order, or a trade."""
    if isinstance(event, OrderReported):
        fold_report(turn, event.report)
    else:
        fold_fill(turn, event.fill)
    if event.streamed:
        note_told(turn, event.report.venue if isinstance(event, OrderReported) else event.fill.venue)


def fold_report(turn: Turn, report: OrderReport) -> None:
    """An order's news; reports of unknown orders are left to the reads."""
    order = find_order(turn, report.venue, report.client_order_id, report.venue_order_id)
    if order is None:
        return
    told = with_report(order, report, at_ns=turn.context.now_ns)
    if told != order:
        turn.put_order(told)
    for parked in turn.context.parked:
        if parked.venue is report.venue and parked.venue_order_id == report.venue_order_id:
            turn.change(parked=tuple(p for p in turn.context.parked if p is not parked))
            fold_fill(turn, parked)


def fold_fill(turn: Turn, fill: Fill) -> None:
    """Book one trade once: ledger, portfolio, order, execution."""
    context = turn.context
    key = f"{fill.venue.value}:{fill.trade_id}"
    parked = any(p.trade_id == fill.trade_id and p.venue is fill.venue for p in context.parked)
    if key in context.seen or before_key(fill) in context.seen or parked:
        return
    order = find_order(turn, fill.venue, fill.client_order_id, fill.venue_order_id)
    if order is None and not fill.client_order_id and _somebody_waits(turn, fill):
        turn.change(parked=(*context.parked, fill))
        return
    _book(turn, fill, key, order)


def before_key(fill: Fill) -> str:
    """The key under which a trade from before the opening is remembered."""
    return f"{fill.venue.value}:row:before:{fill.trade_id}"


def _somebody_waits(turn: Turn, fill: Fill) -> bool:
    return any(
        not order.venue_order_id and order.intent.venue is fill.venue and order.intent.side is fill.side
        for order in turn.context.unsettled
    )


def release_parked(turn: Turn) -> None:
    """Book fills as soon as no order of ours can still turn out to be theirs: they are foreign, and delta has moved."""
    due = [fill for fill in turn.context.parked if not _somebody_waits(turn, fill)]
    if due:
        turn.change(parked=tuple(fill for fill in turn.context.parked if fill not in due))
    for fill in due:
        order = find_order(turn, fill.venue, fill.client_order_id, fill.venue_order_id)
        _book(turn, fill, f"{fill.venue.value}:{fill.trade_id}", order)


def _book(turn: Turn, fill: Fill, key: str, order: Order | None) -> None:
    context = turn.context
    account = context.accounts[fill.venue]
    if fill.fee_is_in_a_third_coin:
        fill = msgspec.structs.replace(fill, fee_price=account.coin_prices.get(fill.fee_asset))
    note_realised(turn, closed_quote(context.portfolio, fill))
    portfolio = book_fill(context.portfolio, fill)
    counters = msgspec.structs.replace(context.counters, fills=context.counters.fills + 1)
    turn.change(portfolio=portfolio, seen=context.seen.with_id(key), counters=counters)
    moves = tuple((entry.asset, entry.amount) for entry in entries_of(fill))
    if not fill.venue.is_spot:
        moves = (*moves, (fill.symbol.base, fill.signed_quantity))
    turn.change_account(
        fill.venue, order_s=context.now_s, fill_ms=max(account.fill_ms, fill.traded_at_ns // 1_000_000),
        recent=_with_moves(account, moves, context.now_s),
    )
    execution_id = order.intent.execution_id if order else ""
    turn.records.append(FillBooked(fill, entries_of(fill), execution_id, context.now_ns))
    if order is not None:
        turn.put_order(with_fill(order, fill, at_ns=context.now_ns))
        _attribute(turn, fill, order)
        note_traded(turn, fill.venue, context.age(order.intent.client_order_id).created_s)
    elif is_ours(fill.client_order_id):
        text = f"{fill.client_order_id} traded on {fill.venue.value} and is in no table of ours"
        turn.alert("warning", f"own_trade:{fill.venue.value}", text)
    else:
        _tell_foreign(turn, fill, context.portfolio.perp_base)
    if fill.fee_quote is None:
        turn.alert("critical", "fee_coin", f"a fee in {fill.fee_asset} on {fill.venue.value} has no price here")
        turn.lower_mode(TradingMode.REDUCING, f"profit is unknown: fees in {fill.fee_asset} have no price")


def _tell_foreign(turn: Turn, fill: Fill, perp_before: Decimal) -> None:
    """A trade that no order of ours made; one that closes part of the perpetual may be a liquidation or an ADL."""
    text = f"{fill.side.value} {fill.quantity} {fill.symbol.base} on {fill.venue.value} is not from an order of ours"
    if not fill.venue.is_spot and perp_before * fill.side.sign < 0:
        turn.alert("critical", f"foreign:{fill.venue.value}", text)
        _note_closed(turn, min(fill.quantity, abs(perp_before)))
        turn.lower_mode(TradingMode.REDUCING, f"part of the perpetual was closed and not by us: {text}")
    else:
        turn.alert("warning", f"foreign:{fill.venue.value}", text)


def _note_closed(turn: Turn, base: Decimal) -> None:
    risk, now_s = turn.context.risk, turn.context.now_s
    young = tuple(closed for closed in risk.closed_by_venue if now_s - closed[0] < REPAIR_WINDOW_S)
    turn.change(risk=msgspec.structs.replace(risk, closed_by_venue=(*young, (now_s, base))))


def _with_moves(account: VenueAccount, moves: tuple[tuple[str, Decimal], ...], now_s: float) -> tuple[RecentMove, ...]:
    young = dropwhile(lambda move: now_s - move.at_s >= LATE_S, account.recent)
    return (*young, *(RecentMove(now_s, asset, amount) for asset, amount in moves))


def _attribute(turn: Turn, fill: Fill, order: Order) -> None:
    execution = turn.context.execution
    if execution is None or order.intent.execution_id != execution.execution_id:
        return
    repaired = order.intent.purpose in REPAIRS and order.intent.client_order_id not in execution.order_ids
    turn.change(execution=with_execution_fill(execution, fill, repaired=repaired))


def with_execution_fill(execution: Execution, fill: Fill, *, repaired: bool) -> Execution:
    """The execution's own sums after one of its fills; quantities net of a fee taken in base."""
    in_base = fill.venue.is_spot and fill.fee_asset == fill.symbol.base
    fee_quote = fill.fee_quote or ZERO
    moved = fill.quantity - (fill.fee if in_base else ZERO) * fill.side.sign
    # A fee in base is booked as a fee in quote, so its cost must not be counted a second time in the value.
    value = moved * fill.price
    told = msgspec.structs.replace(
        execution, fees_quote=execution.fees_quote + fee_quote, repaired=execution.repaired or repaired,
        moved={**execution.moved, fill.venue: execution.moved.get(fill.venue, ZERO) + moved * fill.side.sign},
    )
    if fill.side is Side.BUY:
        return msgspec.structs.replace(told, bought=told.bought + moved, buy_value=told.buy_value + value)
    return msgspec.structs.replace(told, sold=told.sold + moved, sell_value=told.sell_value + value)


def fold_row(turn: Turn, row: AccountRow) -> None:
    """Book one row of the venue's account book, once."""
    key = f"{row.venue.value}:row:{row.row_id}"
    if key in turn.context.seen:
        return
    turn.change(seen=turn.context.seen.with_id(key))
    account = turn.context.accounts[row.venue]
    turn.change_account(row.venue, row_ms=max(account.row_ms, row.at_ns // 1_000_000))
    entry = entry_of_row(row)
    if entry is None:
        return
    if arrived(turn, row, entry):
        return
    post_entries(turn, (entry,))
    if entry.kind is EntryKind.PNL:
        note_booked(turn, entry.amount)
    account = turn.context.accounts[row.venue]
    turn.change_account(
        row.venue, recent=_with_moves(account, ((entry.asset, entry.amount),), turn.context.now_s)
    )
    if entry.kind in {EntryKind.ADJUSTMENT, EntryKind.TRANSFER}:
        turn.alert("warning", f"row:{row.kind}", f"{row.venue.value} moved {row.change} {row.asset}: {row.kind}")


def post_entries(turn: Turn, entries: tuple[LedgerEntry, ...]) -> None:
    if entries:
        turn.change(portfolio=post(turn.context.portfolio, entries))
        turn.records.append(RowBooked(entries, turn.context.now_ns))


def fold_sent(turn: Turn, event: OrderSent) -> None:
    """The bytes leave: the order is SENT, and the time since its tick is known."""
    order = turn.context.orders.get(event.client_order_id)
    if order is None:
        return
    sent = with_status(order, OrderStatus.SENT, at_ns=event.at_ns)
    turn.put_order(msgspec.structs.replace(sent, sent_at_ns=event.at_ns))
    counters = turn.context.counters
    samples = counters.tick_to_order_us
    execution = turn.context.execution
    rest = execution.rest if execution is not None else None
    is_answer = rest is not None and event.client_order_id != rest.order_id  # to a fill: no book was its trigger
    is_of_pair = execution is not None and execution.kind == "pair" and event.client_order_id in execution.order_ids
    if execution is not None and is_of_pair and not is_answer:
        samples = (*samples, int((event.at_s - execution.trigger_s) * 1e6))[-TICK_SAMPLES_MAX:]
    turn.change(
        counters=msgspec.structs.replace(counters, orders_sent=counters.orders_sent + 1, tick_to_order_us=samples)
    )


def fold_answer(turn: Turn, event: OrderAnswered) -> None:
    """What came of a create, in the desk's classes."""
    order = turn.context.orders.get(event.client_order_id)
    if order is None:
        return
    status = _OUTCOMES[event.outcome]
    told = with_status(order, status, at_ns=event.at_ns, reason=f"{event.code} {event.text}".strip())
    if event.code == FORGOTTEN:
        told = _given_up(turn, order, event)
    if told != order:
        turn.put_order(told)
    if event.outcome == "ambiguous":
        turn.change_account(order.intent.venue, must_read_after_s=turn.context.now_s)
        execution = turn.context.execution
        if execution is not None and event.client_order_id in execution.order_ids:
            turn.change(execution=msgspec.structs.replace(execution, ambiguous=True))
    if event.outcome == "refused" and event.code == SYMBOL_CLOSED:
        turn.change_account(order.intent.venue, closed_s=turn.context.now_s)
        text = f"{order.intent.venue.value} takes no orders of {order.intent.symbol}: {event.text}"
        turn.alert("critical", f"closed:{order.intent.venue.value}", text)
    if event.outcome == "refused":
        risk = turn.context.risk
        times = (*risk.api_error_times_s, turn.context.now_s)[-1000:]
        turn.change(risk=msgspec.structs.replace(risk, api_error_times_s=times))


def _given_up(turn: Turn, order: Order, event: OrderAnswered) -> Order:
    """An order whose end nobody can read any more, as ended with what is booked of it; a person is told which.

    Awaited for ever it would keep the bot from hedging anything. What it moved beyond that is in the venue's balances,
    and is booked from there, by the next reads, as a difference that nothing explains.
    """
    if order.is_settled:
        return order
    it = order.intent
    what = f"{it.side.value} {it.quantity} {it.symbol.base} on {it.venue.value}, {order.filled} of it booked"
    text = f"{it.client_order_id} ({what}) is {event.text}: look it up there; what else it moved is booked unexplained"
    turn.alert("critical", f"forgotten:{it.client_order_id}", text)
    turn.change_account(it.venue, must_read_after_s=turn.context.now_s)
    never = OrderStatus.CANCELLED if order.status is OrderStatus.OPEN else OrderStatus.NO_EFFECT
    ended = with_status(order, never, at_ns=event.at_ns, reason=f"{event.code} {event.text}")
    return msgspec.structs.replace(ended, reported_filled=ended.filled, changed_at_ns=event.at_ns)


def fold_balance(turn: Turn, event: BalanceChanged) -> None:
    """A stream's balance: shown and used for what is locked, never for the ledger."""
    note_told(turn, event.balance.venue)
    account = turn.context.accounts[event.balance.venue]
    known = account.balances.get(event.balance.asset)
    if known is not None and known.at_ms > event.balance.at_ms:
        return
    balances = {**account.balances, event.balance.asset: event.balance}
    turn.change_account(event.balance.venue, balances=balances, balances_s=event.received_s)


def fold_position(turn: Turn, event: PositionChanged) -> None:
    """A stream's position: margin, liquidation price and ranking; the size is compared only by reads."""
    position, known = event.position, turn.context.accounts[event.position.venue].position
    if position.adl_rank is None and known is not None:  # pushes leave it out where reads tell it
        position = msgspec.structs.replace(position, adl_rank=known.adl_rank)
    note_told(turn, position.venue)
    turn.change_account(position.venue, position=position)


def fold_instruments(turn: Turn, instruments: dict[Venue, Instrument]) -> None:
    """Record instruments as they are read; a contract that changes its size makes every figure in base doubtful.

    Then only what hedges is sent, until a person has seen what the venue made of the position.
    """
    known = turn.context.market.instruments
    if instruments is known:
        return
    for venue, instrument in instruments.items():
        before = known.get(venue)
        if before == instrument:
            continue
        turn.records.append(InstrumentChanged(instrument))
        if before is not None and before.multiplier != instrument.multiplier:
            text = f"{venue.value} changed its contract from {before.multiplier} to {instrument.multiplier} base units"
            turn.alert("critical", f"multiplier:{venue.value}", text)
            turn.lower_mode(TradingMode.HALTED, f"CONTRACT_CHANGED: {text}")
            turn.change_account(venue, must_read_after_s=turn.context.now_s)
