"""What both stores make of what they keep: the portfolio as of the last record, and which keys are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dnbot.domain.instrument import Symbol
from dnbot.domain.order import Fill, Order, OrderStatus
from dnbot.domain.position import LedgerEntry, Portfolio, book_fill, post
from dnbot.domain.records import TRANSFER_WINDOW_S
from dnbot.domain.transfer import Transfer
from dnbot.domain.units import ZERO

SEEN_MAX = 20_000
"""Keys that a new incarnation is given; the windows that it reads again overlap by minutes, never by that many."""
PORTFOLIOS_KEPT = 50


def rebuilt(symbol: Symbol, saved: Portfolio | None, later: Sequence[Fill | LedgerEntry]) -> Portfolio | None:
    """The saved portfolio with everything booked after it folded on top, in the order of booking.

    A batch of records need not end with a portfolio, so the newest one may lag behind the fills. None when nothing was
    ever booked.
    """
    if saved is None and not later:
        return None
    portfolio = saved or Portfolio(symbol=symbol)
    for item in later:
        portfolio = book_fill(portfolio, item) if isinstance(item, Fill) else post(portfolio, (item,))
    return portfolio


def says_something(order: Order) -> bool:
    """Whether an order's record adds to its commit; a journal that overtakes the commit must not make it wait."""
    return order.status is not OrderStatus.PENDING or order.filled != ZERO or order.sent_at_ns != 0


def is_row(entry_id: str) -> bool:
    """Whether an entry comes from a venue's account book."""
    return ":row:" in entry_id


def young_transfers(transfers: Iterable[Transfer], start_ns: int) -> tuple[Transfer, ...]:
    """Those that a start at that time must know of: `StoredState.transfers`."""
    since_ns = start_ns - TRANSFER_WINDOW_S * 10**9
    return tuple(transfer for transfer in transfers if transfer.status.is_open or transfer.created_at_ns >= since_ns)
