"""A complete read of one account: book what the stream missed, then compare, to the last digit.

A figure that differs is believed when two undisturbed reads agree on it; one that is ours from before our newest trades
is late, not different; and a position older than our newest fill is no answer at all.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.instrument import Venue
from dnbot.domain.messages import AccountRead, BalancesSampled, CancelAll, PortfolioSaved
from dnbot.domain.order import OrderReport, is_ours
from dnbot.domain.position import EntryKind, LedgerEntry
from dnbot.domain.units import DAY_MS, ZERO
from dnbot.strategy.context import StrategyContext, VenueAccount
from dnbot.strategy.folding import LATE_S, before_key, find_order, fold_fill, fold_report, fold_row, post_entries
from dnbot.strategy.reconcile import (
    Finding,
    FindingKind,
    adjustments,
    opened,
    openings,
    reconcile,
    stray,
    with_position,
)
from dnbot.strategy.shipping import explained
from dnbot.strategy.states import StrategyState
from dnbot.strategy.transferring import disturbs, settle_missing
from dnbot.strategy.turn import Turn

DIFFERENCE_CONFIRM_S = 1.0
"""A difference must stand in two undisturbed reads at least this far apart before it is believed."""
POSITION_LATE_S = 10.0
"""So long after our newest fill a position may be read from before it, or as nothing: three seconds were seen."""


def fold_read(turn: Turn, read: AccountRead) -> None:
    """A complete read: book what the stream missed, then compare, to the last digit."""
    account = turn.context.accounts[read.venue]
    if read.coin_prices:
        turn.change_account(
            read.venue, coin_prices={**account.coin_prices, **read.coin_prices}, coin_prices_s=read.began_s
        )
    if account.opened:
        _tell_unread(turn, read)
        for fill in read.fills:
            fold_fill(turn, fill)
        for row in read.rows:
            fold_row(turn, row)
        if _is_emptied(turn, read):
            _refuse(turn, read.venue)
            return
        settle_missing(turn, read)
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
        read_ms=read.began_ms,
        clock_offset_ms=read.clock_offset_ms,
        clock_error_ms=read.clock_error_ms,
        asked_s=0.0,
        unanswered_since_s=0.0,
        opened=True,
    )
    _compare(turn, read)
    turn.records.append(PortfolioSaved(turn.context.portfolio, turn.context.now_ns))


def _tell_unread(turn: Turn, read: AccountRead) -> None:
    """After an absence longer than the venue lists trades: what was traded before is not booked. Balances tell whether
    anything was.
    """
    account = turn.context.accounts[read.venue]
    known_ms = max(account.fill_ms, account.read_ms)
    if known_ms and read.fills_since_ms > known_ms:
        known_days, listed_days = ((read.began_ms - ms) / DAY_MS for ms in (known_ms, read.fills_since_ms))
        text = (
            f"{read.venue.value}: our trades are known up to {known_days:.1f} days ago, and it lists those of the last "
            f"{listed_days:.1f}: what was traded between shows as a difference of balances alone"
        )
        turn.alert("warning", f"unread:{read.venue.value}", text)


def _is_emptied(turn: Turn, read: AccountRead) -> bool:
    """Whether an account reads as empty in every asset while the bot runs, and no trade or row of it explains that.

    That is how an account looks that became one of another kind (a unified one) under us, and booking it would write
    everything off. At a start the kind of the account has just been looked at: then an empty one is believed.
    """
    context = turn.context
    if context.current_state is StrategyState.INITIALIZING:
        return False
    ours = [context.portfolio.balance(read.venue, asset) for asset in _assets(context, read.venue)]
    return any(amount > 0 for amount in ours) and all(balance.total == 0 for balance in read.balances)


def _assets(context: StrategyContext, venue: Venue) -> tuple[str, ...]:
    symbol = context.params.symbol
    return (symbol.base, symbol.quote) if venue.is_spot else (symbol.quote,)


def _refuse(turn: Turn, venue: Venue) -> None:
    """The read is no answer: nothing is booked, and no new risk is taken until one is."""
    turn.change_account(venue, asked_s=0.0, must_read_after_s=turn.context.now_s)
    text = f"{venue.value}: every balance reads as zero; an account of another kind? Nothing is booked or entered"
    turn.alert("critical", f"account:{venue.value}", text)


def _open(turn: Turn, read: AccountRead) -> None:
    """The first read of a venue ever: its figures open the ledger; what came before them is not ours to book."""
    before = [before_key(fill) for fill in read.fills] + [f"{row.venue.value}:row:{row.row_id}" for row in read.rows]
    for key in before:
        turn.change(seen=turn.context.seen.with_id(key))
    newest = max((fill.traded_at_ns // 1_000_000 for fill in read.fills), default=0)
    newest_row = max((row.at_ns // 1_000_000 for row in read.rows), default=0)
    turn.change_account(read.venue, fill_ms=newest, row_ms=newest_row)
    post_entries(turn, openings(read, at_ns=turn.context.now_ns) + _markers(turn, read.venue, before))
    turn.change(portfolio=opened(turn.context.portfolio, read, turn.context.reference_price, turn.context.now_ns))


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
    """Whether no order or transfer of ours can have changed the account while it was read, and all that it tells is
    booked: a fill that still waits for its order would be booked a second time, as an unexplained difference.
    """
    account = turn.context.accounts[read.venue]
    busy = any(order.intent.venue is read.venue for order in turn.context.unsettled)
    busy = busy or any(parked.venue is read.venue for parked in turn.context.parked)
    busy = busy or disturbs(turn.context, read.venue)
    return not busy and account.order_s < read.began_s


def _compare(turn: Turn, read: AccountRead) -> None:
    context = turn.context
    own_open = sum(
        is_ours(report.client_order_id)
        or find_order(turn, read.venue, report.client_order_id, report.venue_order_id) is not None
        for report in read.open_orders
    )
    turn.change_account(read.venue, own_open=own_open)
    left_behind = [report for report in read.open_orders if _left_behind(turn, read.venue, report)]
    if left_behind:
        first = left_behind[0]
        order = find_order(turn, read.venue, first.client_order_id, first.venue_order_id)
        _cancel_strays(turn, read.venue, stray(first, order).text)
    if not undisturbed(turn, read):
        return
    turn.change_account(read.venue, compared_s=read.began_s)
    lot = context.perp_lot or ZERO
    findings = reconcile(context.portfolio, context.orders, _answered(turn, read), perp_lot=lot)
    unknown = [f.text for f in findings if f.kind is FindingKind.ORDER_UNKNOWN]
    if unknown and not left_behind:
        _cancel_strays(turn, read.venue, unknown[0])
    for finding in findings:
        if finding.kind is FindingKind.FOREIGN_ORDER:
            turn.alert("warning", f"foreign_order:{read.venue.value}", finding.text)
    _judge_differences(turn, read, tuple(f for f in findings if f.is_difference and not _is_late(turn, f)))
    for balance in read.balances:
        ledger = context.portfolio.balance(read.venue, balance.asset)
        turn.records.append(BalancesSampled(read.venue, balance.asset, balance.total, ledger, context.now_ns))


def _cancel_strays(turn: Turn, venue: Venue, text: str) -> None:
    """Name one, and cancel all with our prefix."""
    turn.alert("warning", f"own_order:{venue.value}", f"{text}: what is ours there is cancelled")
    turn.commands.append(CancelAll(venue))


def _left_behind(turn: Turn, venue: Venue, report: OrderReport) -> bool:
    """Whether an open order carries our prefix and nobody here waits for it: an earlier incarnation's, or no one's.

    What this incarnation sends is in its table before it leaves: no disturbance of the read explains such an order.
    One that an earlier incarnation committed is in the table as unresolved, and would stay so for as long as it rests.
    """
    order = find_order(turn, venue, report.client_order_id, report.venue_order_id)
    if order is None:
        return is_ours(report.client_order_id)
    return order.intent.epoch < turn.context.epoch


def _answered(turn: Turn, read: AccountRead) -> AccountRead:
    """The read without a position that says nothing: one older than our newest fill, or no row where we have traded.

    Rows carry whole seconds.
    """
    fill_ms = turn.context.accounts[read.venue].fill_ms
    if read.position is not None and read.position.at_ms // 1000 < fill_ms // 1000:
        return msgspec.structs.replace(read, position=None)
    return read


def _is_late(turn: Turn, finding: Finding) -> bool:
    """Whether the venue's figure is ours from before our newest fills and rows: late, not different."""
    moves = [m for m in turn.context.accounts[finding.venue].recent if m.asset == finding.asset]
    missing = ZERO
    for move in reversed(moves):
        if turn.context.now_s - move.at_s >= LATE_S:
            break
        missing += move.amount
        if finding.ours - finding.theirs == missing:
            return True
    return False


def _may_be_from_before(turn: Turn, read: AccountRead, findings: tuple[Finding, ...]) -> bool:
    """Whether a position that differs may be the venue's from before our newest fill, by the venue's own clock.

    Believed, it would be hedged a second time.
    """
    if not any(finding.kind is FindingKind.POSITION_DIFFERS for finding in findings):
        return False
    venue_now_ms = turn.context.now_ns / 1e6 + read.clock_offset_ms
    return venue_now_ms - turn.context.accounts[read.venue].fill_ms < POSITION_LATE_S * 1000


def _judge_differences(turn: Turn, read: AccountRead, findings: tuple[Finding, ...]) -> None:
    account: VenueAccount = turn.context.accounts[read.venue]
    found: dict[str, Decimal] = {finding.asset: finding.theirs - finding.ours for finding in findings}
    if not found:
        turn.change_account(read.venue, differences={}, differences_s=0.0)
        return
    if found != account.differences or _may_be_from_before(turn, read, findings):
        turn.change_account(read.venue, differences=found, differences_s=read.began_s)
        return
    if read.began_s - account.differences_s < DIFFERENCE_CONFIRM_S:
        return
    findings = explained(turn, findings)
    for finding in findings:
        turn.alert("critical", f"adjusted:{read.venue.value}:{finding.asset}", f"unexplained: {finding.text}")
    post_entries(turn, adjustments(findings, at_ns=turn.context.now_ns))
    context = turn.context
    turn.change(
        portfolio=with_position(context.portfolio, findings, context.reference_price, at_ns=context.now_ns)
    )
    turn.change_account(read.venue, differences={}, differences_s=0.0)
