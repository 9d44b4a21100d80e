"""What becomes of a transfer between wallets of ours, into the context: answers, the venue's own book, silence.

The source is booked when the transfer is known to have been made, the target by the row of the venue's account book, as
every transfer is. A request without an answer is never repeated: it was made if its row is read, and it was not made if
a complete reading that began after its signature had died knows no such row.
"""

from __future__ import annotations

import msgspec

from dnbot.domain.instrument import Venue
from dnbot.domain.messages import AccountRead, RowBooked, TransferAnswered, TransferChanged
from dnbot.domain.position import AccountRow, EntryKind, LedgerEntry, post
from dnbot.domain.records import TRANSFER_WINDOW_S
from dnbot.domain.transfer import Transfer, TransferStatus
from dnbot.domain.units import plain
from dnbot.strategy.asking import ask_for_read
from dnbot.strategy.context import OrderAge, RecentMove, StrategyContext
from dnbot.strategy.turn import Turn

LIFE_S = 70.0
"""No transfer can be made so long after it was decided: it leaves within seconds or not at all, and Gate refuses a
request whose signature is older than 60 s (Gate API v4 docs, "Authentication")."""
READ_EVERY_S = 1.0
CLOCKS_APART_NS = 10_000_000_000
"""A row of the venue's book may be dated so long before our decision: clocks differ, rows carry whole seconds."""
_S = TransferStatus
_OUTCOMES = {"accepted": _S.ACCEPTED, "refused": _S.REFUSED, "not_sent": _S.NOT_SENT, "ambiguous": _S.AMBIGUOUS}


def disturbs(context: StrategyContext, venue: Venue) -> bool:
    """Whether a transfer may have changed the account in a way that the ledger does not know yet."""
    return any(
        (t.status.is_open and venue in (t.source, t.target))
        or (t.status is _S.ACCEPTED and venue is t.target and not _is_overdue(context, t, context.now_s))
        for t in context.transfers
    )


def put_transfer(turn: Turn, transfer: Transfer) -> None:
    """Store a transfer as it is now, and record it; accounts read from before say nothing any more."""
    context = turn.context
    name, now_s = transfer.transfer_id, context.now_s
    transfer = msgspec.structs.replace(transfer, changed_at_ns=context.now_ns)
    others = tuple(t for t in context.transfers if t.transfer_id != name)
    known = context.ages.get(name)
    age = OrderAge(known.created_s if known else now_s, now_s)
    turn.change(transfers=(*others, transfer), ages={**context.ages, name: age})
    for venue in (transfer.source, transfer.target):
        turn.change_account(venue, order_s=now_s)
    turn.records.append(TransferChanged(transfer, context.now_ns))


def fold_transfer_answer(turn: Turn, event: TransferAnswered) -> None:
    """What the venue said, or did not say. One that its row has told of already is not taken back."""
    transfer = next((t for t in turn.context.transfers if t.transfer_id == event.transfer_id), None)
    if transfer is None or not transfer.status.is_open:
        return
    told = msgspec.structs.replace(
        transfer, status=_OUTCOMES[event.outcome], venue_id=event.venue_id, reason=f"{event.code} {event.text}".strip()
    )
    if told.status is _S.ACCEPTED:
        _post(turn, _leaving(turn, told))
    put_transfer(turn, told)
    if not told.counts:
        text = f"{plain(told.amount)} {told.asset} were not moved to {told.target.value}: {told.reason}"
        turn.alert("warning", "margin_top_up:refused", text)
    else:
        _read_both(turn, told)


def _read_both(turn: Turn, transfer: Transfer) -> None:
    """Nothing more is decided about margin, and no risk is taken, before both wallets were read again."""
    for venue in (transfer.source, transfer.target):
        turn.change_account(venue, must_read_after_s=turn.context.now_s)
        ask_for_read(turn, venue, "doubt", force=True)


def arrived(turn: Turn, row: AccountRow, entry: LedgerEntry) -> bool:
    """Whether a row of the account book is the arrival of a transfer of ours, whose both ends are then booked at once.

    The oldest one of that amount that still waits is meant.
    """
    mine = (t for t in turn.context.transfers if _is_arrival(t, row, entry))
    transfer = min(mine, key=lambda t: t.created_at_ns, default=None)
    if transfer is None:
        return False
    _post(turn, (*_leaving(turn, transfer), entry))
    put_transfer(turn, msgspec.structs.replace(transfer, status=_S.ARRIVED))
    return True


def _is_arrival(transfer: Transfer, row: AccountRow, entry: LedgerEntry) -> bool:
    waits = transfer.status.is_open or transfer.status is _S.ACCEPTED
    same = (transfer.target, transfer.asset, transfer.amount) == (row.venue, row.asset, row.change)
    early_ns = transfer.created_at_ns - CLOCKS_APART_NS
    return entry.kind is EntryKind.TRANSFER and waits and same and row.at_ns >= early_ns


def _leaving(turn: Turn, transfer: Transfer) -> tuple[LedgerEntry, ...]:
    """The entry of what left the source, unless it is booked already."""
    if transfer.entry_id in turn.context.seen:
        return ()
    turn.change(seen=turn.context.seen.with_id(transfer.entry_id))
    return (
        LedgerEntry(
            entry_id=transfer.entry_id, venue=transfer.source, asset=transfer.asset, amount=-transfer.amount,
            kind=EntryKind.TRANSFER, at_ns=turn.context.now_ns, note=f"to {transfer.target.value}",
        ),
    )


def _post(turn: Turn, entries: tuple[LedgerEntry, ...]) -> None:
    """Both ends in one record: a crash leaves both or none."""
    if not entries:
        return
    turn.change(portfolio=post(turn.context.portfolio, entries))
    turn.records.append(RowBooked(entries, turn.context.now_ns))
    for entry in entries:
        move = RecentMove(turn.context.now_s, entry.asset, entry.amount)
        turn.change_account(entry.venue, recent=(*turn.context.accounts[entry.venue].recent, move))


def chase_transfers(turn: Turn) -> None:
    """Have the target read once a second while it must tell what became of a transfer."""
    context = turn.context
    for transfer in context.transfers:
        asked = transfer.status in (_S.AMBIGUOUS, _S.ACCEPTED) and not _is_overdue(context, transfer, context.now_s - 1)
        if asked and context.now_s - context.accounts[transfer.target].read_s > READ_EVERY_S:
            ask_for_read(turn, transfer.target, "doubt")


def settle_missing(turn: Turn, read: AccountRead) -> None:
    """What a complete reading of the target does not know, and could no longer come, was not made.

    One that the venue called made and that never arrives is a person's to ask about.
    """
    for transfer in turn.context.transfers:
        if transfer.target is not read.venue or not _is_overdue(turn.context, transfer, read.began_s):
            continue
        what = f"{plain(transfer.amount)} {transfer.asset} to {transfer.target.value}"
        if transfer.status.is_open:
            put_transfer(turn, msgspec.structs.replace(transfer, status=_S.NO_EFFECT, reason="no row of it was found"))
            _read_both(turn, transfer)
            turn.alert("warning", "margin_top_up:no_effect", f"{what} were not moved: no row tells of it")
        elif transfer.status is _S.ACCEPTED:
            text = f"{what}: {transfer.source.value} says that it is made ({transfer.venue_id}), and no row tells of it"
            turn.alert("critical", f"transfer_missing:{transfer.transfer_id}", text)


def _is_overdue(context: StrategyContext, transfer: Transfer, at_s: float) -> bool:
    return at_s - context.age(transfer.transfer_id).created_s >= LIFE_S


def forget_transfers(turn: Turn) -> None:
    """Those that no longer count against what may be moved in a day."""
    context = turn.context
    since_ns = context.now_ns - TRANSFER_WINDOW_S * 1_000_000_000
    kept = tuple(t for t in context.transfers if t.status.is_open or t.created_at_ns >= since_ns)
    if len(kept) < len(context.transfers):
        gone = {t.transfer_id for t in context.transfers} - {t.transfer_id for t in kept}
        turn.change(transfers=kept, ages={name: age for name, age in context.ages.items() if name not in gone})
