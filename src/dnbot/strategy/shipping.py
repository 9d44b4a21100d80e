"""Declared moves between exchanges: what a person sends counts while it is in no balance.

A declaration alone changes no figure. What leaves must be seen to leave: the source's balance falls by exactly what was
declared, in two undisturbed reads; then it counts in delta and equity until the target's balance has risen by it. So a
hedge stays, where an unexplained difference would be hedged away and, hours later, hedged again.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.instrument import SPOT_VENUES, Symbol, Venue
from dnbot.domain.messages import DeclareShipment, GiveUpShipment, PortfolioSaved
from dnbot.domain.position import EntryKind, LedgerEntry, Portfolio
from dnbot.domain.transfer import Shipment
from dnbot.domain.units import ZERO, plain
from dnbot.strategy.folding import post_entries
from dnbot.strategy.reconcile import Finding, FindingKind, with_base
from dnbot.strategy.turn import Turn

OPEN_MAX = 8
LATE_H = 6
"""A shipment that left and has not arrived after so many hours is somebody's to look for."""
NS_PER_HOUR = 3_600_000_000_000


def problem_of(declared: DeclareShipment, portfolio: Portfolio) -> str | None:
    """Why this cannot be declared, with what is allowed; None when it can."""
    symbol: Symbol = portfolio.symbol
    if {declared.source, declared.target} != set(SPOT_VENUES):
        return f"from {declared.source.value} to {declared.target.value}; allowed: from one spot venue to the other"
    if declared.asset not in (symbol.base, symbol.quote):
        return f"asset {declared.asset}; allowed: {symbol.base}, {symbol.quote}"
    held = portfolio.balance(declared.source, declared.asset)
    if not ZERO < declared.arrives <= declared.leaves <= held:
        return (
            f"leaves {plain(declared.leaves)} and arrives {plain(declared.arrives)}; allowed: above 0, what arrives at "
            f"most what leaves, and that at most the {plain(held)} {declared.asset} that {declared.source.value} holds"
        )
    if len(portfolio.shipments) >= OPEN_MAX:
        return f"{len(portfolio.shipments)} shipments are open; allowed: at most {OPEN_MAX}"
    return None


def declare(turn: Turn, declared: DeclareShipment) -> None:
    """Remember it; nothing counts before it has left."""
    portfolio = turn.context.portfolio
    problem = problem_of(declared, portfolio)
    if problem is not None:
        turn.alert("warning", "shipment:refused", f"nothing was declared: {problem}")
        return
    number = portfolio.shipments_declared + 1
    shipment = Shipment(
        shipment_id=f"s{number}", source=declared.source, target=declared.target, asset=declared.asset,
        leaves=declared.leaves, arrives=declared.arrives, declared_at_ns=turn.context.now_ns, why=declared.why,
        by=declared.by,
    )
    portfolio = msgspec.structs.replace(
        portfolio, shipments=(*portfolio.shipments, shipment), shipments_declared=number
    )
    turn.change(portfolio=portfolio)
    turn.records.append(PortfolioSaved(portfolio, turn.context.now_ns))


def give_up(turn: Turn, event: GiveUpShipment) -> None:
    """Forget one: what had left is lost from here on, and no longer hedged."""
    shipment = next((s for s in turn.context.portfolio.shipments if s.shipment_id == event.shipment_id), None)
    if shipment is None:
        return
    lost = shipment.under_way
    entry = _entry(shipment, shipment.target, ZERO, turn.context.now_ns, f"lost:{plain(lost)}")
    post_entries(turn, (entry,))
    if shipment.asset == turn.context.params.symbol.base and lost:
        _without_base(turn, shipment.target, lost)
    turn.records.append(PortfolioSaved(turn.context.portfolio, turn.context.now_ns))
    if lost:
        text = f"{_words(shipment)}: {plain(lost)} {shipment.asset} are given up by {event.by}: {event.why}"
        turn.alert("critical", "shipment:given_up", text)


def explained(turn: Turn, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Book what declared shipments explain of differences that two reads agree on; returns what they do not explain."""
    rest: list[Finding] = []
    for finding in findings:
        entries, left = _by_shipments(turn.context.portfolio, finding, turn.context.now_ns)
        for entry in entries:
            _book(turn, entry)
        if left is not None:
            rest.append(left)
    return tuple(rest)


def watch_shipments(turn: Turn) -> None:
    """Name what should have arrived long ago: it counts, and is hedged, until it does or a person gives it up."""
    for shipment in turn.context.portfolio.shipments:
        if shipment.has_left and turn.context.now_ns - shipment.left_at_ns > LATE_H * NS_PER_HOUR:
            text = f"{_words(shipment)}: {plain(shipment.under_way)} have not arrived within {LATE_H} hours"
            turn.alert("critical", f"shipment_late:{shipment.target.value}", text)


def _by_shipments(
    portfolio: Portfolio, finding: Finding, at_ns: int
) -> tuple[tuple[LedgerEntry, ...], Finding | None]:
    moved = finding.theirs - finding.ours
    if finding.kind is not FindingKind.BALANCE_DIFFERS:
        return (), finding
    of_asset = [shipment for shipment in portfolio.shipments if shipment.asset == finding.asset]
    if moved < 0:
        waiting = (s for s in of_asset if s.source is finding.venue and not s.has_left and s.leaves == -moved)
        gone = next(waiting, None)
        return ((), finding) if gone is None else ((_departure(gone, at_ns),), None)
    entries: list[LedgerEntry] = []
    coming = [shipment for shipment in of_asset if shipment.target is finding.venue]
    for shipment in coming:
        if shipment.has_left and moved > 0:
            taken = min(moved, shipment.under_way)
            entries.append(_entry(shipment, finding.venue, taken, at_ns, plain(shipment.arrived + taken)))
            moved -= taken
    early = next((s for s in coming if not s.has_left and s.arrives == moved), None)
    if early is not None:  # the target tells sooner than the source
        entries += [_departure(early, at_ns), _entry(early, finding.venue, moved, at_ns, plain(moved))]
        moved = ZERO
    if not entries:
        return (), finding
    return tuple(entries), msgspec.structs.replace(finding, ours=finding.theirs - moved) if moved else None


def _departure(shipment: Shipment, at_ns: int) -> LedgerEntry:
    return _entry(shipment, shipment.source, -shipment.leaves, at_ns, "left")


def _entry(shipment: Shipment, venue: Venue, amount: Decimal, at_ns: int, what: str) -> LedgerEntry:
    """Ids come from the shipment and what happened to it: nothing is booked twice. A loss is the end of its id."""
    return LedgerEntry(
        entry_id=f"{venue.value}:shipment:{shipment.shipment_id}:{what}", venue=venue, asset=shipment.asset,
        amount=amount, kind=EntryKind.SHIPMENT, at_ns=at_ns, note=shipment.shipment_id,
    )


def _book(turn: Turn, entry: LedgerEntry) -> None:
    shipment = next(s for s in turn.context.portfolio.shipments if s.shipment_id == entry.note)
    post_entries(turn, (entry,))
    verb = "left" if entry.amount < 0 else "arrived"
    text = f"{_words(shipment)}: {plain(abs(entry.amount))} {verb}"
    turn.alert("info", f"shipment:{shipment.shipment_id}:{verb}", text)
    if entry.amount < 0 and shipment.fee and shipment.asset == turn.context.params.symbol.base:
        _without_base(turn, shipment.source, shipment.fee)


def _without_base(turn: Turn, venue: Venue, amount: Decimal) -> None:
    """Base that is gone is matched like a sale at the price of now, so that later trades meet their counterparts."""
    context = turn.context
    turn.change(
        portfolio=with_base(context.portfolio, venue, -amount, context.reference_price, context.now_ns)
    )


def _words(shipment: Shipment) -> str:
    return (
        f"shipment {shipment.shipment_id} of {plain(shipment.leaves)} {shipment.asset} from {shipment.source.value} to "
        f"{shipment.target.value}"
    )
