"""Ours against the venue's, to the last digit: one function at start, after every reconnect, and in recovery.

Only an undisturbed read may be compared: none of our orders changed there since it began, and its fills and rows are
booked. That is the caller's to know; nothing here looks at a clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from dnbot.domain.instrument import Venue
from dnbot.domain.messages import AccountRead
from dnbot.domain.order import Order, OrderReport, Side, is_ours
from dnbot.domain.position import EntryKind, LedgerEntry, Leg, Portfolio, with_leg, with_outside
from dnbot.domain.units import ZERO, divide, plain
from dnbot.domain.word import Word


class FindingKind(Word):
    """What does not agree."""

    BALANCE_DIFFERS = "balance_differs"
    POSITION_DIFFERS = "position_differs"
    ORDER_MISSING = "order_missing"  # we think that it is open; the venue does not list it
    ORDER_UNKNOWN = "order_unknown"  # ours by its prefix, and not open in our table: to be cancelled
    FOREIGN_ORDER = "foreign_order"
    FOREIGN_ACTIVITY = "foreign_activity"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One disagreement. `ours` and `theirs` are native units of `asset`; for orders, what is unfilled, base units."""

    kind: FindingKind
    venue: Venue
    asset: str
    ours: Decimal
    theirs: Decimal
    text: str
    order_id: str = ""
    """Our id of the order, or the venue's when it has none of ours."""

    @property
    def is_difference(self) -> bool:
        """Whether a figure differs, as opposed to an order or a trade that is not known."""
        return self.kind in {FindingKind.BALANCE_DIFFERS, FindingKind.POSITION_DIFFERS}


def reconcile(
    portfolio: Portfolio, orders: Mapping[str, Order], read: AccountRead, *, perp_lot: Decimal
) -> tuple[Finding, ...]:
    """Everything that one venue's read contradicts, in a fixed order: balances, position, orders, trades.

    Args:
        orders: ours, by client id, of all venues.
        perp_lot: one contract step in base units, for the text alone; nothing is tolerated.
    """
    return (
        *_balances(portfolio, read),
        *_position(portfolio, read, perp_lot),
        *_orders(orders, read),
        *_trades(orders, read),
    )


def _balances(portfolio: Portfolio, read: AccountRead) -> list[Finding]:
    """Every asset that either side knows; one that the venue does not list is zero there."""
    theirs = {balance.asset: balance.total for balance in read.balances}
    prefix = f"{read.venue.value}:"
    ours = {key.removeprefix(prefix): total for key, total in portfolio.balances.items() if key.startswith(prefix)}
    return [
        Finding(
            kind=FindingKind.BALANCE_DIFFERS, venue=read.venue, asset=asset,
            ours=ours.get(asset, ZERO), theirs=theirs.get(asset, ZERO),
            text=f"{read.venue.value} reports {plain(theirs.get(asset, ZERO))} {asset}, "
            f"the ledger holds {plain(ours.get(asset, ZERO))}",
        )
        for asset in sorted({*ours, *theirs})
        if ours.get(asset, ZERO) != theirs.get(asset, ZERO)
    ]


def _position(portfolio: Portfolio, read: AccountRead, perp_lot: Decimal) -> list[Finding]:
    """A read that holds no position says nothing about it: that is not the same as a position of zero."""
    if read.position is None or read.position.base == portfolio.perp_base:
        return []
    ours, theirs = portfolio.perp_base, read.position.base
    lots = f" ({plain(divide(theirs - ours, perp_lot))} lots)" if perp_lot > 0 else ""
    return [
        Finding(
            kind=FindingKind.POSITION_DIFFERS, venue=read.venue, asset=portfolio.symbol.base, ours=ours, theirs=theirs,
            text=f"{read.venue.value} reports a position of {plain(theirs)} {portfolio.symbol.base}, "
            f"our fills make {plain(ours)}{lots}",
        )
    ]


def _orders(orders: Mapping[str, Order], read: AccountRead) -> list[Finding]:
    """Listed and not ours; listed and over; ours, open, and not listed."""
    known = _by_any_id(orders, read.venue)
    found: list[Finding] = []
    listed: list[str] = []
    for report in read.open_orders:
        order = known.get(report.client_order_id) or known.get(report.venue_order_id)
        if order is not None:
            listed.append(order.intent.client_order_id)
        if order is None or order.status.is_final:
            found.append(stray(report, order))
    for client_id, order in sorted(orders.items()):
        if order.intent.venue is read.venue and not order.is_settled and client_id not in listed:
            found.append(
                Finding(
                    kind=FindingKind.ORDER_MISSING, venue=read.venue, asset=order.intent.symbol.base,
                    ours=order.remaining, theirs=ZERO, order_id=client_id,
                    text=f"{client_id} is {order.status.value} here and not in the list of {read.venue.value}",
                )
            )
    return found


def _by_any_id(orders: Mapping[str, Order], venue: Venue) -> dict[str, Order]:
    """Orders of one venue by our id and by the venue's."""
    here = [order for order in orders.values() if order.intent.venue is venue]
    by_venue_id = {order.venue_order_id: order for order in here if order.venue_order_id}
    return {**by_venue_id, **{order.intent.client_order_id: order for order in here}}


def stray(report: OrderReport, order: Order | None) -> Finding:
    """An order that the venue lists as open and that nobody here waits for, in words."""
    ours = order is not None or is_ours(report.client_order_id)
    name = order.intent.client_order_id if order is not None else report.client_order_id or report.venue_order_id
    text = f"{report.venue.value} lists {report.side.value} {plain(report.quantity)} at {plain(report.price)}"
    if order is not None:
        text = f"{text} ({name}), which is {order.status.value} here"
    else:
        text = f"{text} ({name}), which {'is in no table of ours' if ours else 'is not ours'}"
    return Finding(
        kind=FindingKind.ORDER_UNKNOWN if ours else FindingKind.FOREIGN_ORDER, venue=report.venue,
        asset=order.intent.symbol.base if order is not None else "",
        ours=order.remaining if order is not None else ZERO, theirs=report.quantity - report.filled,
        order_id=name, text=text,
    )


def _trades(orders: Mapping[str, Order], read: AccountRead) -> list[Finding]:
    """Trades on the account that none of our orders made. A trade with our prefix is ours, whatever its epoch."""
    known = _by_any_id(orders, read.venue)
    return [
        Finding(
            kind=FindingKind.FOREIGN_ACTIVITY, venue=read.venue, asset=fill.symbol.base, ours=ZERO,
            theirs=fill.signed_quantity, order_id=fill.venue_order_id,
            text=f"{read.venue.value} trade {fill.trade_id}: {fill.side.value} {plain(fill.quantity)} "
            f"{fill.symbol.base} at {plain(fill.price)} is not from an order of ours",
        )
        for fill in read.fills
        if not is_ours(fill.client_order_id)
        and fill.client_order_id not in known
        and fill.venue_order_id not in known
    ]


def adjustments(findings: tuple[Finding, ...], *, at_ns: int) -> tuple[LedgerEntry, ...]:
    """Entries that make the ledger agree with the venue, named as unexplained. Positions: see `with_position`.

    Ids come from the content: the same finding at the same time cannot be booked twice.
    """
    return tuple(
        LedgerEntry(
            entry_id=f"{f.venue.value}:adjust:{f.asset}:{plain(f.ours)}:{plain(f.theirs)}:{at_ns}",
            venue=f.venue, asset=f.asset, amount=f.theirs - f.ours, kind=EntryKind.ADJUSTMENT, at_ns=at_ns, note=f.text,
        )
        for f in findings
        if f.kind is FindingKind.BALANCE_DIFFERS
    )


def with_position(
    portfolio: Portfolio, findings: tuple[Finding, ...], price: Decimal | None, at_ns: int = 0
) -> Portfolio:
    """The portfolio with the perpetual position that the venue reports, where a finding says that it differs.

    What is gone leaves at our average cost, so that no profit is invented; what is new, or on the other side of zero,
    enters at `price` (at our average when there is no price). Base that came or went unexplained, on spot as on the
    perpetual, is matched at `price` like a trade, so that later trades are matched with their own counterparts.
    """
    for finding in findings:
        moved = finding.theirs - finding.ours
        if finding.kind is FindingKind.POSITION_DIFFERS:
            cost = _cost_of(portfolio, finding.theirs, price)
            portfolio = msgspec.structs.replace(
                portfolio, perp_base=finding.theirs, perp_cost=cost, adjustments=portfolio.adjustments + 1
            )
        if finding.kind is FindingKind.BALANCE_DIFFERS and finding.asset == portfolio.symbol.base and price is not None:
            portfolio = with_outside(portfolio, max(ZERO, moved) * price)
        if finding.is_difference and finding.asset == portfolio.symbol.base:
            portfolio = with_base(portfolio, finding.venue, moved, price, at_ns)
    return portfolio


def opened(portfolio: Portfolio, read: AccountRead, price: Decimal | None, at_ns: int) -> Portfolio:
    """The portfolio after a venue's first read, whose `openings` are posted: its position, and what it held as matched
    at `price` (mark, or any mid): profit counts from here on. Without a price nothing waits to be matched.
    """
    if read.position is not None:
        base = read.position.base
        portfolio = msgspec.structs.replace(portfolio, perp_base=base, perp_cost=base * read.position.entry_price)
        return with_base(portfolio, read.venue, base, price, at_ns)
    return with_base(portfolio, read.venue, portfolio.balance(read.venue, portfolio.symbol.base), price, at_ns)


def with_base(portfolio: Portfolio, venue: Venue, moved: Decimal, price: Decimal | None, at_ns: int) -> Portfolio:
    """The portfolio after base came (or went, below zero) without a trade, matched at `price` like one."""
    if price is None or moved == 0:
        return portfolio
    side = Side.BUY if moved > 0 else Side.SELL
    return with_leg(portfolio, Leg(venue, side, abs(moved), price), at_ns)


def _cost_of(portfolio: Portfolio, base: Decimal, price: Decimal | None) -> Decimal:
    ours, cost = portfolio.perp_base, portfolio.perp_cost
    if base == 0:
        return ZERO
    if ours != 0 and (price is None or (base * ours > 0 and abs(base) <= abs(ours))):
        return divide(cost * base, ours)
    entry = price if price is not None else ZERO
    return cost + (base - ours) * entry if base * ours > 0 else base * entry


def openings(read: AccountRead, *, at_ns: int) -> tuple[LedgerEntry, ...]:
    """What the account held when its ledger was opened, one entry per asset that is not zero."""
    return tuple(
        LedgerEntry(
            entry_id=f"{read.venue.value}:opening:{balance.asset}", venue=read.venue, asset=balance.asset,
            amount=balance.total, kind=EntryKind.OPENING, at_ns=at_ns,
        )
        for balance in read.balances
        if balance.total != 0
    )
