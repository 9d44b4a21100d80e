"""`dnbot transfers plan`: what a person may move between the venues. It reads the database, and moves nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs

from dnbot.config import Settings
from dnbot.domain.instrument import SPOT_VENUES, VENUES, Venue
from dnbot.domain.pair import Pair
from dnbot.domain.position import Portfolio
from dnbot.domain.units import ZERO, divide, plain
from dnbot.operate import reading_queries as queries
from dnbot.operate.report import opened_store
from dnbot.operate.report_format import count_of, duration
from dnbot.operate.report_reader import Read, Reader, book_of, portfolio_of
from dnbot.ports.clock import SystemClock
from dnbot.strategy.transfer_plan import Holdings, Move, TransferPlan, plan_transfers

OLD = timedelta(hours=1)
"""Prices and balances that are older may be those of another day: the plan says so."""
TOPS_SINCE = timedelta(days=1)


@attrs.frozen
class TransfersPlanned:
    """A plan, and what it was made of."""

    settings: Settings
    plan: TransferPlan
    now: datetime
    sampled_at: datetime | None
    """Of balances and mark; None: nothing was ever sampled."""
    unsettled: int
    """Orders of which something is still to come: what they change is not in the plan."""


async def plan_for(settings: Settings) -> TransfersPlanned:
    """Plan from the newest balances of the database; a bot that runs writes them within a second.

    Raises:
        ConfigError: there is no database, or it knows nothing of the symbol.
        StoreUnreachable: it cannot be reached.
    """
    now = datetime.fromtimestamp(SystemClock().now_ns() / 1e9, UTC)
    symbol = settings.strategy.symbol
    async with opened_store(settings) as store:
        holdings, sampled_at = await read_holdings(store.read, settings, now)
        unsettled = await store.read(queries.UNSETTLED, str(symbol), queries.ORDERS_ROWS, "", now, now - OLD)
    transfers = settings.transfers
    plan = plan_transfers(holdings, settings.strategy, transfers.networks, transfers.least_pct)
    return TransfersPlanned(settings, plan, now, sampled_at, len(unsettled))


async def read_holdings(read: Read, settings: Settings, now: datetime) -> tuple[Holdings, datetime | None]:
    """What the ledger says that is where, at the newest prices that were sampled; and when that was.

    Raises:
        ConfigError: as `plan_for`.
        StoreUnreachable: it did not answer.
    """
    symbol = settings.strategy.symbol
    book = await book_of(read, symbol)
    portfolio = await portfolio_of(Reader(read, symbol, now, now, book["sequence"])) or Portfolio(symbol=symbol)
    marks = await read(queries.NEWEST_MARK, str(symbol))
    mark, sampled_at = (marks[0]["mark"], marks[0]["at"]) if marks else (None, None)
    mids = [row["mid"] for row in await read(queries.NEWEST_TOPS, str(symbol), (sampled_at or now) - TOPS_SINCE)]
    rates = await read(queries.MAINTENANCE, str(symbol))
    places = [(venue, symbol.base) for venue in SPOT_VENUES] + [(venue, symbol.quote) for venue in VENUES]
    return Holdings(
        balances={place: portfolio.balance(*place) + _coming(portfolio, *place) for place in places},
        perp_base=portfolio.perp_base,
        unrealised_quote=None if mark is None else portfolio.perp_unrealised(mark),
        price=divide(sum(mids, ZERO), Decimal(len(mids))) if len(mids) == len(SPOT_VENUES) else mark,
        maintenance_rate=(rates[0]["maintenance_rate"] if rates else None) or ZERO,
    ), sampled_at


def _coming(portfolio: Portfolio, venue: Venue, asset: str) -> Decimal:
    """What declared shipments will still change there: a plan must not move it a second time."""
    change = ZERO
    for shipment in portfolio.shipments:
        if (shipment.target, shipment.asset) == (venue, asset):
            change += shipment.under_way if shipment.has_left else shipment.arrives
        elif (shipment.source, shipment.asset) == (venue, asset) and not shipment.has_left:
            change -= shipment.leaves
    return change


def shares_of(holdings: Holdings, base: str, quote: str) -> dict[str, Decimal]:
    """Share of all equity that lies with each exchange; empty while a price is unknown."""
    price, unrealised = holdings.price, holdings.unrealised_quote
    if price is None or unrealised is None:
        return {}
    spot = {venue: holdings.of(venue, quote) + holdings.of(venue, base) * price for venue in SPOT_VENUES}
    parts = {
        "Gate": spot[Venue.GATE_SPOT] + holdings.of(Venue.GATE_FUTURES, quote) + unrealised,
        "MEXC": spot[Venue.MEXC_SPOT],
    }
    total = sum(parts.values(), ZERO)
    return {name: round(divide(part, total), 4) for name, part in parts.items()} if total > 0 else {}


def room_of(holdings: Holdings, base: str, quote: str) -> dict[str, Decimal]:
    """Base units that each spot pair can trade with what lies where, fees aside; empty while a price is unknown."""
    price = holdings.price
    if not price:
        return {}
    return {
        pair.name: round(min(divide(holdings.of(pair.buy_venue, quote), price), holdings.of(pair.sell_venue, base)), 8)
        for pair in (Pair.GATE_TO_MEXC, Pair.MEXC_TO_GATE)
    }


def warnings_of(found: TransfersPlanned) -> list[str]:
    """What a person must know before trusting the plan."""
    plan, params = found.plan, found.settings.strategy
    texts = []
    if found.sampled_at is None:
        texts.append("no price was ever sampled: margin is not planned for, and a fee in base has no value")
    elif found.now - found.sampled_at > OLD:
        age = duration(found.now - found.sampled_at)
        texts.append(f"balances and prices are {age} old: compare them with the venues' own pages first")
    if found.unsettled:
        texts.append(f"{count_of(found.unsettled, 'order')} not settled: plan again when nothing is under way")
    fees = sum((move.fee for move in plan.moves if move.asset == params.symbol.base), ZERO)
    if fees:
        texts.append(f"{plain(fees)} {params.symbol.base} of fees leave the hedged inventory: delta falls by as much")
    for name, share in shares_of(plan.after, params.symbol.base, params.symbol.quote).items():
        if share > params.venue_equity_share_max:
            most = f"above venue_equity_share_max, {plain(params.venue_equity_share_max)}: nothing is entered there"
            texts.append(f"{name} holds {plain(share)} of all equity then, {most}")
    return texts


def json_of_plan(found: TransfersPlanned) -> dict[str, Any]:
    """Everything, figures as text with every digit."""
    plan, symbol = found.plan, found.settings.strategy.symbol
    return {
        "symbol": str(symbol),
        "planned_at": found.now.isoformat(),
        "sampled_at": found.sampled_at.isoformat() if found.sampled_at else None,
        "moves": [_move_json(move, number) for number, move in enumerate(plan.moves, 1)],
        "unplanned": [
            {
                "asset": one.asset, "source": one.source.value, "target": one.target.value,
                "amount": plain(one.amount), "why": one.why,
            }
            for one in plan.unplanned
        ],
        "cost_quote": _text(plan.cost_quote),
        "margin_low_quote": _text(plan.margin_low_quote),
        "margin_high_quote": _text(plan.margin_high_quote),
        "before": _holdings_json(plan.before, symbol.base, symbol.quote),
        "after": _holdings_json(plan.after, symbol.base, symbol.quote),
        "warnings": warnings_of(found),
        "is_carried_out": False,
    }


def _move_json(move: Move, number: int) -> dict[str, Any]:
    return {
        "step": number, "asset": move.asset, "source": move.source.value, "target": move.target.value,
        "network": move.network, "amount": plain(move.amount), "fee": plain(move.fee), "arrives": plain(move.arrives),
        "cost_quote": _text(move.cost_quote), "why": move.why,
    }


def _holdings_json(holdings: Holdings, base: str, quote: str) -> dict[str, Any]:
    return {
        "balances": {f"{venue.value}:{asset}": plain(amount) for (venue, asset), amount in holdings.balances.items()},
        "perp_base": plain(holdings.perp_base),
        "unrealised_quote": _text(holdings.unrealised_quote),
        "price": _text(holdings.price),
        "equity_shares": {name: plain(share) for name, share in shares_of(holdings, base, quote).items()},
        "room_base": {name: plain(room) for name, room in room_of(holdings, base, quote).items()},
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
