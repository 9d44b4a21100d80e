"""Facts into the context: fills, reports, reads, sessions. No decision is made here.

Everything is keyed by the venue's own ids and commutes: a stream may overtake a reply, a read may repeat a stream.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.instrument import Venue
from dnbot.domain.messages import (
    AccountRead,
    BalanceChanged,
    BalancesSampled,
    CancelAll,
    FillBooked,
    OrderAnswered,
    OrderSent,
    PortfolioSaved,
    PositionChanged,
    RowBooked,
)
from dnbot.domain.order import (
    Fill,
    Order,
    OrderReport,
    OrderStatus,
    Purpose,
    Side,
    is_ours,
    with_fill,
    with_report,
    with_status,
)
from dnbot.domain.position import AccountRow, EntryKind, LedgerEntry, book_fill, entries_of, entry_of_row, post
from dnbot.domain.units import ZERO
from dnbot.strategy.context import Execution, ParkedFill, VenueAccount
from dnbot.strategy.reconcile import Finding, FindingKind, adjustments, opened, openings, reconcile, with_position
from dnbot.strategy.states import TradingMode
from dnbot.strategy.turn import Turn

PARK_S = 2.0
"""How long a fill waits for the reply that tells whose it is; afterwards it is booked as foreign."""
DIFFERENCE_CONFIRM_S = 1.0
"""A difference must stand in two undisturbed reads at least this far apart before it is believed."""
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


def fold_report(turn: Turn, report: OrderReport) -> None:
    """An order's news; reports of unknown orders are left to the reads."""
    order = find_order(turn, report.venue, report.client_order_id, report.venue_order_id)
    if order is None:
        return
    told = with_report(order, report, at_ns=turn.context.now_ns)
    if told != order:
        turn.put_order(told)
    for parked in turn.context.parked:
        if parked.fill.venue is report.venue and parked.fill.venue_order_id == report.venue_order_id:
            turn.change(parked=tuple(p for p in turn.context.parked if p is not parked))
            fold_fill(turn, parked.fill)


def fold_fill(turn: Turn, fill: Fill) -> None:
    """Book one trade once: ledger, portfolio, order, execution."""
    context = turn.context
    key = f"{fill.venue.value}:{fill.trade_id}"
    parked = any(p.fill.trade_id == fill.trade_id and p.fill.venue is fill.venue for p in context.parked)
    if key in context.seen or before_key(fill) in context.seen or parked:
        return
    order = find_order(turn, fill.venue, fill.client_order_id, fill.venue_order_id)
    if order is None and not fill.client_order_id and _somebody_waits(turn, fill):
        turn.change(parked=(*context.parked, ParkedFill(fill, context.now_s)))
        return
    _book(turn, fill, key, order)


def _somebody_waits(turn: Turn, fill: Fill) -> bool:
    return any(
        not order.venue_order_id and order.intent.venue is fill.venue and order.intent.side is fill.side
        for order in turn.context.unsettled
    )


def release_parked(turn: Turn) -> None:
    """Book fills that waited too long; they are somebody else's."""
    due = [p for p in turn.context.parked if turn.context.now_s - p.since_s > PARK_S]
    if due:
        turn.change(parked=tuple(p for p in turn.context.parked if p not in due))
    for parked in due:
        _book(turn, parked.fill, f"{parked.fill.venue.value}:{parked.fill.trade_id}", None)


def _book(turn: Turn, fill: Fill, key: str, order: Order | None) -> None:
    context = turn.context
    third_coin = bool(fill.fee) and fill.fee_asset not in {fill.symbol.base, fill.symbol.quote}
    portfolio = book_fill(context.portfolio, fill, fee_price=ZERO if third_coin else None)
    account = context.accounts[fill.venue]
    counters = msgspec.structs.replace(context.counters, fills=context.counters.fills + 1)
    turn.change(portfolio=portfolio, seen=context.seen.with_id(key), counters=counters)
    turn.change_account(
        fill.venue, order_s=context.now_s, fill_ms=max(account.fill_ms, fill.traded_at_ns // 1_000_000)
    )
    execution_id = order.intent.execution_id if order else ""
    turn.records.append(FillBooked(fill, entries_of(fill), execution_id, context.now_ns))
    if order is not None:
        turn.put_order(with_fill(order, fill, at_ns=context.now_ns))
        _attribute(turn, fill, order)
    elif not is_ours(fill.client_order_id):
        turn.alert("warning", f"foreign:{fill.venue.value}", f"a trade that is not ours on {fill.venue.value}")
    if third_coin:
        turn.alert("critical", "fee_coin", f"a fee in {fill.fee_asset} on {fill.venue.value} has no price here")
        turn.lower_mode(TradingMode.REDUCING, f"profit is unknown: fees in {fill.fee_asset} have no price")


def _attribute(turn: Turn, fill: Fill, order: Order) -> None:
    execution = turn.context.execution
    if execution is None or order.intent.execution_id != execution.execution_id:
        return
    turn.change(execution=with_execution_fill(execution, fill, repaired=order.intent.purpose in _REPAIRS))


_REPAIRS = frozenset({Purpose.HEDGE, Purpose.UNWIND})


def with_execution_fill(execution: Execution, fill: Fill, *, repaired: bool) -> Execution:
    """The execution's own sums after one of its fills; quantities net of a fee taken in base."""
    in_base = fill.venue.is_spot and fill.fee_asset == fill.symbol.base
    fee_quote = fill.fee * fill.price if in_base else fill.fee if fill.fee_asset == fill.symbol.quote else ZERO
    moved = fill.quantity - (fill.fee if in_base else ZERO) * fill.side.sign
    # A fee in base is booked as a fee in quote, so its cost must not be counted a second time in the value.
    value = moved * fill.price
    if fill.side is Side.BUY:
        return msgspec.structs.replace(
            execution, bought=execution.bought + moved, buy_value=execution.buy_value + value,
            fees_quote=execution.fees_quote + fee_quote, repaired=execution.repaired or repaired,
        )
    return msgspec.structs.replace(
        execution, sold=execution.sold + moved, sell_value=execution.sell_value + value,
        fees_quote=execution.fees_quote + fee_quote, repaired=execution.repaired or repaired,
    )


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
    _post(turn, (entry,))
    if entry.kind in {EntryKind.ADJUSTMENT, EntryKind.TRANSFER}:
        turn.alert("warning", f"row:{row.kind}", f"{row.venue.value} moved {row.change} {row.asset}: {row.kind}")


def _post(turn: Turn, entries: tuple[LedgerEntry, ...]) -> None:
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
    if execution is not None and execution.kind == "pair" and event.client_order_id in execution.order_ids:
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
    if told != order:
        turn.put_order(told)
    if event.outcome == "ambiguous":
        turn.change_account(order.intent.venue, must_read_after_s=turn.context.now_s)
        execution = turn.context.execution
        if execution is not None and event.client_order_id in execution.order_ids:
            turn.change(execution=msgspec.structs.replace(execution, ambiguous=True))
    if event.outcome == "refused":
        risk = turn.context.risk
        times = (*risk.api_error_times_s, turn.context.now_s)[-1000:]
        turn.change(risk=msgspec.structs.replace(risk, api_error_times_s=times))


def fold_balance(turn: Turn, event: BalanceChanged) -> None:
    """A stream's balance: shown and used for what is locked, never for the ledger."""
    account = turn.context.accounts[event.balance.venue]
    known = account.balances.get(event.balance.asset)
    if known is not None and known.at_ms > event.balance.at_ms:
        return
    balances = {**account.balances, event.balance.asset: event.balance}
    turn.change_account(event.balance.venue, balances=balances, balances_s=event.received_s)


def fold_position(turn: Turn, event: PositionChanged) -> None:
    """A stream's position: margin, liquidation price and ranking; the size is compared only by reads."""
    turn.change_account(event.position.venue, position=event.position)


def fold_read(turn: Turn, read: AccountRead) -> None:
    """A complete read: book what the stream missed, then compare, to the last digit."""
    account = turn.context.accounts[read.venue]
    if account.opened:
        for fill in read.fills:
            fold_fill(turn, fill)
        for row in read.rows:
            fold_row(turn, row)
    else:
        _open(turn, read)
    for report in read.open_orders:
        fold_report(turn, report)
    turn.change_account(
        read.venue,
        balances={balance.asset: balance for balance in read.balances},
        balances_s=read.began_s,
        position=read.position or account.position,
        read_s=read.began_s,
        clock_offset_ms=read.clock_offset_ms,
        asked_s=0.0,
        opened=True,
    )
    _compare(turn, read)
    turn.records.append(PortfolioSaved(turn.context.portfolio, turn.context.now_ns))


def _open(turn: Turn, read: AccountRead) -> None:
    """The first read of a venue ever: its figures open the ledger; what came before them is not ours to book."""
    before = [before_key(fill) for fill in read.fills] + [f"{row.venue.value}:row:{row.row_id}" for row in read.rows]
    for key in before:
        turn.change(seen=turn.context.seen.with_id(key))
    newest = max((fill.traded_at_ns // 1_000_000 for fill in read.fills), default=0)
    newest_row = max((row.at_ns // 1_000_000 for row in read.rows), default=0)
    turn.change_account(read.venue, fill_ms=newest, row_ms=newest_row)
    _post(turn, openings(read, at_ns=turn.context.now_ns) + _markers(turn, read.venue, before))
    turn.change(portfolio=opened(turn.context.portfolio, read, turn.context.reference_price, turn.context.now_ns))


def before_key(fill: Fill) -> str:
    """The key under which a trade from before the opening is remembered."""
    return f"{fill.venue.value}:row:before:{fill.trade_id}"


def _markers(turn: Turn, venue: Venue, keys: list[str]) -> tuple[LedgerEntry, ...]:
    """Entries of nothing, so that the next incarnation too knows what the opening already contains."""
    asset, now_ns = turn.context.params.symbol.quote, turn.context.now_ns
    return tuple(
        LedgerEntry(
            entry_id=key, venue=venue, asset=asset, amount=ZERO, kind=EntryKind.OPENING, at_ns=now_ns,
            note="before the opening",
        )
        for key in keys
    )


def undisturbed(turn: Turn, read: AccountRead) -> bool:
    """Whether no order of ours can have changed the account while it was read."""
    account = turn.context.accounts[read.venue]
    busy = any(order.intent.venue is read.venue for order in turn.context.unsettled)
    return not busy and account.order_s < read.began_s


def _compare(turn: Turn, read: AccountRead) -> None:
    context = turn.context
    if not undisturbed(turn, read):
        return
    lot = context.perp_lot or ZERO
    findings = reconcile(context.portfolio, context.orders, read, perp_lot=lot)
    if any(finding.kind is FindingKind.ORDER_UNKNOWN for finding in findings):
        turn.commands.append(CancelAll(read.venue))
    for finding in findings:
        if finding.kind is FindingKind.FOREIGN_ORDER:
            turn.alert("info", f"foreign_order:{read.venue.value}", finding.text)
    _judge_differences(turn, read, tuple(f for f in findings if f.is_difference))
    for balance in read.balances:
        ledger = context.portfolio.balance(read.venue, balance.asset)
        turn.records.append(BalancesSampled(read.venue, balance.asset, balance.total, ledger, context.now_ns))


def _judge_differences(turn: Turn, read: AccountRead, findings: tuple[Finding, ...]) -> None:
    account: VenueAccount = turn.context.accounts[read.venue]
    found: dict[str, Decimal] = {finding.asset: finding.theirs - finding.ours for finding in findings}
    if not found:
        turn.change_account(read.venue, differences={}, differences_s=0.0)
        return
    if found != account.differences:
        turn.change_account(read.venue, differences=found, differences_s=read.began_s)
        return
    if read.began_s - account.differences_s < DIFFERENCE_CONFIRM_S:
        return
    for finding in findings:
        turn.alert("critical", f"adjusted:{read.venue.value}:{finding.asset}", f"unexplained: {finding.text}")
    _post(turn, adjustments(findings, at_ns=turn.context.now_ns))
    turn.change(portfolio=with_position(turn.context.portfolio, findings, turn.context.reference_price))
    turn.change_account(read.venue, differences={}, differences_s=0.0)
