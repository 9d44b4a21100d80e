"""What we own and owe, folded from fills and account rows and from nothing else.

The ledger holds native units per venue and asset. The portfolio adds the delta, and the realised profit:
every buy is matched first in, first out with a sell anywhere (a `Leg` waits for its counterpart); a match of spot with
spot is final profit, a match of spot with the perpetual opens or closes a basis lot, whose profit is booked at closing.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.derived import Derived
from dnbot.domain.instrument import SPOT_VENUES, Symbol, Venue
from dnbot.domain.order import Fill, Side
from dnbot.domain.transfer import Shipment
from dnbot.domain.units import ZERO, divide
from dnbot.domain.word import Word

_LEDGER_OF = {venue: f"{venue.value}:" for venue in Venue}
"""How the keys of a venue's balances begin."""
_ON_GATE, _ON_MEXC = (_LEDGER_OF[venue] for venue in SPOT_VENUES)


class EntryKind(Word):
    """Why a ledger entry exists."""

    OPENING = "opening"  # what the account held when this book was opened
    BASE = "base"
    QUOTE = "quote"
    FEE = "fee"
    PNL = "pnl"
    FUNDING = "funding"
    TRANSFER = "transfer"
    SHIPMENT = "shipment"  # a declared move between exchanges left or arrived; its id is the note
    ADJUSTMENT = "adjustment"  # a difference nobody explained: named, alerted


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change of one asset on one venue. `entry_id` comes from the venue's own ids: a replay cannot book twice."""

    entry_id: str
    venue: Venue
    asset: str
    amount: Decimal
    kind: EntryKind
    at_ns: int
    note: str = ""


class AccountRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a venue's own account book (Gate futures: /futures/usdt/account_book)."""

    venue: Venue
    row_id: str
    asset: str
    change: Decimal
    balance: Decimal
    kind: str
    """The venue's word: pnl, fee, fund, dnw, ..."""
    text: str
    at_ns: int


class Leg(msgspec.Struct, frozen=True):
    """A traded quantity that waits for its opposite."""

    venue: Venue
    side: Side
    quantity: Decimal
    price: Decimal


class BasisLot(msgspec.Struct, frozen=True):
    """Base held on spot against the perpetual: `entry_gain` quote per base unit was taken when it was opened."""

    quantity: Decimal
    """Positive: long spot, short perp."""
    entry_gain: Decimal
    opened_at_ns: int


class EdgeLot(msgspec.Struct, frozen=True):
    """Inventory moved by a pair, with the net edge that it really earned: what an undo is weighed against."""

    quantity: Decimal
    """Base units; for shifts positive is towards Gate, for carries positive is opened."""
    edge_bps: Decimal
    opened_at_ns: int
    funding_per_base: Decimal = ZERO
    """Funding booked since, quote units per base unit (carries)."""


class Portfolio(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The fold of all fills and rows so far. Keys of `balances` and `fees` are `VENUE:ASSET`."""

    symbol: Symbol
    balances: dict[str, Decimal] = {}
    perp_base: Decimal = ZERO
    """Signed base units on the perpetual: contracts times multiplier."""
    perp_cost: Decimal = ZERO
    """Signed quote value at which `perp_base` stands: Σ signed quantity x price, reduced pro rata."""
    legs: tuple[Leg, ...] = ()
    lots: tuple[BasisLot, ...] = ()
    shift_lots: tuple[EdgeLot, ...] = ()
    """Inventory that spot-spot trades moved between the venues and that has not come back."""
    carry_lots: tuple[EdgeLot, ...] = ()
    """Inventory above the base position that CARRY_OPEN added and CARRY_CLOSE has not removed."""
    spread_quote: Decimal = ZERO
    """Realised price differences, before fees."""
    fees_quote: Decimal = ZERO
    """Fees valued in quote at the fill; positive is a cost. One in a third coin without a known price counts zero."""
    coin_fees_quote: Decimal = ZERO
    """Of these, what was taken in third coins: it came out of neither base nor quote."""
    funding_quote: Decimal = ZERO
    """Positive was received."""
    fees: dict[str, Decimal] = {}
    fills: int = 0
    turnover_quote: Decimal = ZERO
    adjustments: int = 0
    day: int = 0
    """Days since the epoch, UTC, of `day_equity`."""
    day_equity: Decimal | None = None
    """The day's first equity, quote units, moved by what came from outside or left: the profit of the day counts from
    here, over restarts too. What is gone and unexplained does not move it: that is a loss until somebody looks."""
    entry_slippage_bps: tuple[Decimal, ...] = ()
    """How much worse than estimated the newest entries were, basis points."""
    reserve_bps: Decimal = ZERO
    """What entries must reserve by that experience, basis points; see `dnbot.strategy.entry_reserve`."""
    reserve_set_bps: Decimal | None = None
    """The setting under which that was learned: another setting is a person's decision, and begins anew."""
    shipments: tuple[Shipment, ...] = ()
    """Declared and not arrived, the oldest first."""
    shipments_declared: int = 0

    def balance(self, venue: Venue, asset: str) -> Decimal:
        """What the ledger says that we hold there, native units."""
        return self.balances.get(_LEDGER_OF[venue] + asset, ZERO)

    @Derived
    def spot_base(self) -> Decimal:
        """Base units over both spot venues."""
        held, base = self.balances, self.symbol.base
        return held.get(_ON_GATE + base, ZERO) + held.get(_ON_MEXC + base, ZERO)

    def under_way(self, asset: str) -> Decimal:
        """What is between the exchanges now, native units."""
        return sum((shipment.under_way for shipment in self.shipments if shipment.asset == asset), ZERO)

    @Derived
    def delta(self) -> Decimal:
        """Base units that are not hedged: spot inventory, what is under way, and the signed perpetual."""
        held = self.spot_base + self.perp_base
        return held + self.under_way(self.symbol.base) if self.shipments else held

    @property
    def realised_quote(self) -> Decimal:
        """Spread plus funding minus fees, quote units."""
        return self.spread_quote + self.funding_quote - self.fees_quote

    def perp_unrealised(self, mark: Decimal) -> Decimal:
        """Quote units that closing the perpetual at `mark` would add."""
        return self.perp_base * mark - self.perp_cost

    def equity(self, mids: dict[Venue, Decimal], mark: Decimal) -> Decimal:
        """All quote balances, inventory at each venue's mid, and the perpetual at mark; quote units.

        What is under way counts as if it had arrived.

        Third coins are no part of it, but what was paid in them is: their price moves no equity, and fees do.
        """
        quote = sum((self.balance(venue, self.symbol.quote) for venue in Venue), ZERO)
        base = sum((self.balance(venue, self.symbol.base) * mids[venue] for venue in SPOT_VENUES), ZERO)
        for shipment in self.shipments:
            quote += shipment.under_way * (mids[shipment.target] if shipment.asset == self.symbol.base else 1)
        return quote + base + self.perp_unrealised(mark) - self.coin_fees_quote


def entries_of(fill: Fill) -> tuple[LedgerEntry, ...]:
    """The ledger entries that one fill causes, in native units.

    On the perpetual only the fee moves the wallet here; realised profit and funding come from the venue's account book.
    """
    key = f"{fill.venue.value}:{fill.trade_id}"
    entries: list[LedgerEntry] = []
    if fill.venue.is_spot:
        entries.append(_entry(fill, f"{key}:base", fill.symbol.base, fill.signed_quantity, EntryKind.BASE))
        entries.append(_entry(fill, f"{key}:quote", fill.symbol.quote, -fill.value * fill.side.sign, EntryKind.QUOTE))
    if fill.fee:
        entries.append(_entry(fill, f"{key}:fee", fill.fee_asset, -fill.fee, EntryKind.FEE))
    return tuple(entries)


def _entry(fill: Fill, entry_id: str, asset: str, amount: Decimal, kind: EntryKind) -> LedgerEntry:
    return LedgerEntry(
        entry_id=entry_id, venue=fill.venue, asset=asset, amount=amount, kind=kind, at_ns=fill.traded_at_ns,
        note=fill.client_order_id,
    )


ROW_KINDS = {"pnl": EntryKind.PNL, "fund": EntryKind.FUNDING, "dnw": EntryKind.TRANSFER}
"""Account-book words that move the wallet and are not already booked from a fill; the word `fee` is."""
ROWS_BOOKED_ELSEWHERE = frozenset({"fee"})


def entry_of_row(row: AccountRow) -> LedgerEntry | None:
    """The entry for an account-book row; None for rows that fills already explain. Unknown words are adjustments."""
    if row.kind in ROWS_BOOKED_ELSEWHERE:
        return None
    kind = ROW_KINDS.get(row.kind, EntryKind.ADJUSTMENT)
    return LedgerEntry(
        entry_id=f"{row.venue.value}:row:{row.row_id}", venue=row.venue, asset=row.asset, amount=row.change,
        kind=kind, at_ns=row.at_ns, note=row.kind if kind is EntryKind.ADJUSTMENT else row.text,
    )


def post(portfolio: Portfolio, entries: tuple[LedgerEntry, ...]) -> Portfolio:
    """Add entries to the balances; funding and adjustments are also totalled."""
    if not entries:
        return portfolio
    balances = dict(portfolio.balances)
    funding, adjustments, carries = portfolio.funding_quote, portfolio.adjustments, portfolio.carry_lots
    outside, shipments = ZERO, portfolio.shipments
    for entry in entries:
        key = f"{entry.venue.value}:{entry.asset}"
        balances[key] = balances.get(key, ZERO) + entry.amount
        if entry.kind is EntryKind.FUNDING:
            funding += entry.amount
            carries = _with_funding(carries, entry.amount, portfolio.perp_base)
        elif entry.kind is EntryKind.ADJUSTMENT:
            adjustments += 1
        elif entry.kind is EntryKind.SHIPMENT:
            shipments = _shipped(shipments, entry)
        if entry.asset == portfolio.symbol.quote and _from_outside(entry):
            outside += entry.amount
    return msgspec.structs.replace(
        with_outside(portfolio, outside), balances=balances, funding_quote=funding, adjustments=adjustments,
        carry_lots=carries, shipments=shipments,
    )


def _shipped(shipments: tuple[Shipment, ...], entry: LedgerEntry) -> tuple[Shipment, ...]:
    """What is under way after an entry: an amount below zero left, one above arrived, and with zero it is given up."""
    after: list[Shipment] = []
    for shipment in shipments:
        if shipment.shipment_id != entry.note:
            after.append(shipment)
        elif entry.amount < 0:
            after.append(msgspec.structs.replace(shipment, left_at_ns=entry.at_ns))
        elif 0 < entry.amount < shipment.arrives - shipment.arrived:
            after.append(msgspec.structs.replace(shipment, arrived=shipment.arrived + entry.amount))
    return tuple(after)


def _from_outside(entry: LedgerEntry) -> bool:
    return entry.kind is EntryKind.TRANSFER or (entry.kind is EntryKind.ADJUSTMENT and entry.amount > 0)


def with_outside(portfolio: Portfolio, value_quote: Decimal) -> Portfolio:
    """The portfolio after money from outside (negative: to outside): no profit of this day."""
    if portfolio.day_equity is None or value_quote == 0:
        return portfolio
    return msgspec.structs.replace(portfolio, day_equity=portfolio.day_equity + value_quote)


def _with_funding(lots: tuple[EdgeLot, ...], amount: Decimal, perp_base: Decimal) -> tuple[EdgeLot, ...]:
    if not lots or perp_base == 0:
        return lots
    per_base = divide(amount, abs(perp_base))
    return tuple(msgspec.structs.replace(lot, funding_per_base=lot.funding_per_base + per_base) for lot in lots)


def fold_edge_lot(lots: tuple[EdgeLot, ...], new: EdgeLot) -> tuple[EdgeLot, ...]:
    """The queue after `new`: the same direction queues up, the opposite direction consumes the oldest first."""
    queue = list(lots)
    left = new.quantity
    while left and queue and (queue[0].quantity > 0) != (left > 0):
        oldest = queue.pop(0)
        rest = oldest.quantity + left
        if rest and (rest > 0) == (oldest.quantity > 0):
            queue.insert(0, msgspec.structs.replace(oldest, quantity=rest))
            return tuple(queue)
        left = rest
    if left:
        queue.append(msgspec.structs.replace(new, quantity=left))
    return tuple(queue)


def book_fill(portfolio: Portfolio, fill: Fill) -> Portfolio:
    """Fold one new fill: ledger, perpetual, fees, and first-in-first-out matching."""
    told = post(portfolio, entries_of(fill))
    fee_quote = fill.fee_quote or ZERO
    fees = dict(told.fees)
    key = f"{fill.venue.value}:{fill.fee_asset}"
    if fill.fee:
        fees[key] = fees.get(key, ZERO) + fill.fee
    perp_base, perp_cost = told.perp_base, told.perp_cost
    if not fill.venue.is_spot:
        perp_base, perp_cost = _fold_perp(perp_base, perp_cost, fill)
    told = msgspec.structs.replace(
        told,
        perp_base=perp_base,
        perp_cost=perp_cost,
        fees=fees,
        fees_quote=told.fees_quote + fee_quote,
        coin_fees_quote=told.coin_fees_quote + (fee_quote if fill.fee_is_in_a_third_coin else ZERO),
        fills=told.fills + 1,
        turnover_quote=told.turnover_quote + fill.value,
    )
    # A fee in base makes a buy deliver less and a sell take more; its worth is among the fees.
    moved = fill.quantity - (fill.fee * fill.side.sign if _fee_is_base(fill) else ZERO)
    return with_leg(told, Leg(fill.venue, fill.side, moved, fill.price), fill.traded_at_ns)


def _fee_is_base(fill: Fill) -> bool:
    return fill.venue.is_spot and fill.fee_asset == fill.symbol.base


def closed_quote(portfolio: Portfolio, fill: Fill) -> Decimal:
    """Quote units that the venue's wallet gets for the part of the perpetual that this fill closes; zero for spot."""
    base, change = portfolio.perp_base, fill.signed_quantity
    if fill.venue.is_spot or base * change >= 0:
        return ZERO
    closed = min(abs(change), abs(base)).copy_sign(base)
    return closed * fill.price - divide(portfolio.perp_cost * closed, base)


def _fold_perp(base: Decimal, cost: Decimal, fill: Fill) -> tuple[Decimal, Decimal]:
    change = fill.signed_quantity
    if base == 0 or (base > 0) == (change > 0):
        return base + change, cost + change * fill.price
    if abs(change) <= abs(base):
        kept = base + change
        return kept, divide(cost * kept, base) if kept else ZERO
    crossed = base + change
    return crossed, crossed * fill.price


def with_leg(portfolio: Portfolio, leg: Leg, at_ns: int) -> Portfolio:
    """Match a quantity that came or went with what waits on the other side, oldest first; the rest waits itself."""
    legs = list(portfolio.legs)
    spread, lots = portfolio.spread_quote, portfolio.lots
    left = leg.quantity
    while left > 0 and legs and legs[0].side is not leg.side:
        first = legs[0]
        quantity = min(left, first.quantity)
        gained, lots = _realise(first, leg, quantity, lots, at_ns)
        spread += gained
        left -= quantity
        if quantity == first.quantity:
            legs.pop(0)
        else:
            legs[0] = Leg(first.venue, first.side, first.quantity - quantity, first.price)
    if left > 0:
        legs.append(Leg(leg.venue, leg.side, left, leg.price))
    return msgspec.structs.replace(portfolio, legs=tuple(legs), lots=lots, spread_quote=spread)


def _realise(
    first: Leg, second: Leg, quantity: Decimal, lots: tuple[BasisLot, ...], at_ns: int
) -> tuple[Decimal, tuple[BasisLot, ...]]:
    buy, sell = (first, second) if first.side is Side.BUY else (second, first)
    gain = sell.price - buy.price
    if buy.venue.is_spot == sell.venue.is_spot:
        return gain * quantity, lots
    signed = quantity if buy.venue.is_spot else -quantity
    return _fold_lot(lots, BasisLot(signed, gain, at_ns))


def _fold_lot(lots: tuple[BasisLot, ...], new: BasisLot) -> tuple[Decimal, tuple[BasisLot, ...]]:
    """The same direction queues up; the opposite one closes the oldest lots first, and realises both gains."""
    queue = list(lots)
    left = abs(new.quantity)
    gained = ZERO
    while left > 0 and queue and (queue[0].quantity > 0) != (new.quantity > 0):
        oldest = queue[0]
        quantity = min(left, abs(oldest.quantity))
        gained += quantity * (oldest.entry_gain + new.entry_gain)
        left -= quantity
        if quantity == abs(oldest.quantity):
            queue.pop(0)
        else:
            sign = 1 if oldest.quantity > 0 else -1
            rest = (abs(oldest.quantity) - quantity) * sign
            queue[0] = BasisLot(rest, oldest.entry_gain, oldest.opened_at_ns)
    if left > 0:
        queue.append(BasisLot(left if new.quantity > 0 else -left, new.entry_gain, new.opened_at_ns))
    return gained, tuple(queue)
