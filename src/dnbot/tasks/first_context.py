"""Where a new incarnation begins: what the store has, as the machine's first context."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.messages import FleetRiskTold
from dnbot.domain.order import Fill, Order, OrderStatus
from dnbot.domain.position import Portfolio
from dnbot.domain.transfer import Transfer, TransferStatus
from dnbot.domain.units import ZERO, Quantity
from dnbot.ports.clock import Clock
from dnbot.ports.store import StoredState, UnresolvedIntent
from dnbot.strategy.context import SEEN_CHUNK, Counters, OrderAge, SeenIds, StrategyContext, VenueAccount
from dnbot.strategy.orders import REPAIRS, Orders
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.rest_words import Resting
from dnbot.strategy.states import StrategyState, TradingMode

NOT_TOLD = FleetRiskTold(denial="the fleet has told nothing yet", valid_until_s=0.0)


def first_context(
    params: StrategyParameters, stored: StoredState, fills: Sequence[Fill], epoch: int, clock: Clock,
    advisers: tuple[str, ...] = (), tactician: str = "", *, in_fleet: bool = False,
) -> StrategyContext:
    """Where a new incarnation begins: yesterday's ledger, unresolved orders as ambiguous, nothing believed yet.

    `fills` are those already booked: an order that was filled in part must not wait for them a second time, and one
    that the venue called filled waits for those that are not booked. Repairs of the last minute are remembered with
    their age, because they count against the hedge budget; by the wall clock, and never as younger than now.
    """
    unresolved = [
        Order(
            intent=u.intent,
            status=u.status if u.status.is_final else OrderStatus.AMBIGUOUS,
            venue_order_id=u.venue_order_id,
            filled=booked,
            reported_filled=max(booked, u.reported_filled),
            changed_at_ns=clock.now_ns(),
        )
        for u in stored.unresolved
        for booked in (_booked(u, fills),)
    ]
    now_s, now_ns = clock.monotonic_s(), clock.now_ns()
    orders = sorted((*unresolved, *stored.repairs), key=lambda order: order.intent.created_at_ns)
    ages = {
        order.intent.client_order_id: OrderAge(decided_s, now_s if order.is_settled else 0.0)
        for order in orders
        if order.intent.purpose in REPAIRS
        for decided_s in (now_s - max(0, now_ns - order.intent.created_at_ns) / 1e9,)
    }
    transfers = _transfers(stored)
    ages |= {t.transfer_id: OrderAge(now_s, now_s if t.status.is_open else 0.0) for t in transfers}
    chunks = [frozenset(stored.seen[i : i + SEEN_CHUNK]) for i in range(0, len(stored.seen), SEEN_CHUNK)]
    return StrategyContext(
        params=params,
        epoch=epoch,
        advisers=advisers,
        fleet=NOT_TOLD if in_fleet else None,
        resting=Resting(adviser=tactician),
        mode=TradingMode[stored.mode],
        mode_why=stored.mode_why,
        now_s=now_s,
        now_ns=now_ns,
        portfolio=stored.portfolio or Portfolio(symbol=params.symbol),
        orders=Orders.of(orders),
        ages=ages,
        crashes=stored.crashes,
        transfers=transfers,
        venue_order_ids={
            f"{u.intent.venue.value}:{u.venue_order_id}": u.intent.client_order_id
            for u in stored.unresolved
            if u.venue_order_id
        },
        accounts=_accounts(stored),
        seen=SeenIds(tuple(chunks)),
        counters=Counters(states=(StrategyState.INITIALIZING.name,)),
    )


def _accounts(stored: StoredState) -> dict[Venue, VenueAccount]:
    return {
        venue: VenueAccount(
            opened=venue in stored.opened,
            fill_ms=stored.fill_ms.get(venue, 0),
            row_ms=stored.row_ms.get(venue, 0),
        )
        for venue in VENUES
    }


def _transfers(stored: StoredState) -> tuple[Transfer, ...]:
    """An earlier incarnation's open transfer counts as made when it is booked already, otherwise as unknown."""
    ends = {True: TransferStatus.ACCEPTED, False: TransferStatus.AMBIGUOUS}
    return tuple(
        msgspec.structs.replace(t, status=ends[t.entry_id in stored.seen]) if t.status.is_open else t
        for t in stored.transfers
    )


def _booked(unresolved: UnresolvedIntent, fills: Sequence[Fill]) -> Quantity:
    """Σ of an order's fills in the ledger, base units."""
    return Quantity(sum((fill.quantity for fill in fills if unresolved.owns(fill)), ZERO))
