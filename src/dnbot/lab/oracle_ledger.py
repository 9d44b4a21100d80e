"""The ledger against the venues and against itself, to the last digit: I3, I4, I5, I12, I20.

While the bot runs, each booked fill is compared with the venue's, and each portfolio with the fold of what was booked.
At rest, what is durable is compared with the venues' balances and position.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext
from functools import partial
from typing import Any

import attrs

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.messages import FillBooked, PortfolioSaved, Record, RowBooked
from dnbot.domain.position import LedgerEntry, Portfolio
from dnbot.domain.units import plain
from dnbot.fakes.records import ZERO, UserTrade
from dnbot.lab.oracle_scene import Scene
from dnbot.lab.oracle_words import FAKE_OF, VENUE_OF, Life

PRECISION = 1_000
Balances = dict[str, Decimal]


@attrs.define
class Fold:
    """Entries, and what the realised profit must be, summed by us."""

    balances: Balances = attrs.field(factory=dict)
    perp: Decimal = ZERO
    net_base: Decimal = ZERO
    cash: Decimal = ZERO
    """Σ sells - Σ buys - fees in quote, over all fills."""
    funding: Decimal = ZERO
    has_other: bool = False
    """Whether there was a fee in a third coin, or base that came from outside: then the profit is not ours to say."""

    def add(self, entry: Any) -> None:
        """One ledger entry, as a struct's fields or as builtins."""
        key = f"{entry['venue']}:{entry['asset']}"
        self.balances[key] = self.balances.get(key, ZERO) + Decimal(entry["amount"])
        if entry["kind"] == "funding":
            self.funding += Decimal(entry["amount"])

    def add_fill(self, fill: Any) -> None:
        """One fill, as builtins."""
        symbol, sign = fill["symbol"], 1 if fill["side"] == "buy" else -1
        quantity, price, fee = Decimal(fill["quantity"]), Decimal(fill["price"]), Decimal(fill["fee"])
        self.net_base += sign * quantity
        self.cash -= sign * quantity * price
        if fill["venue"] == Venue.GATE_FUTURES.value:
            self.perp += sign * quantity
        if fill["fee_asset"] == symbol["quote"]:
            self.cash -= fee
        elif fill["fee_asset"] == symbol["base"] and fill["venue"] != Venue.GATE_FUTURES.value:
            self.net_base -= fee
        elif fee:
            self.has_other = True


@attrs.define(eq=False)
class LedgerJudge:
    """Told of bookings and of what the store was asked; asked for the verdict when all is at rest."""

    scene: Scene
    trades: dict[tuple[str, str], UserTrade] = attrs.field(factory=dict)
    """The venues' own fills of the account."""
    _fold: Fold = attrs.field(factory=Fold)
    _booked: dict[str, str] = attrs.field(factory=dict)
    """Each key that was ever booked, and by which life."""
    _durable: Balances = attrs.field(factory=dict)
    _durable_keys: set[str] = attrs.field(factory=set)
    _judged: list[PortfolioSaved] = attrs.field(factory=list)
    """The portfolios that were judged when the newest call of the store ended."""

    def filled(self, trade: UserTrade) -> None:
        """The venue made a fill."""
        self.trades[(VENUE_OF[trade.venue].value, trade.trade_id)] = trade

    # -- while it runs

    def begin(self) -> None:
        """A life has loaded what is stored: its fold begins there, and what it books must be new."""
        self._fold, book = Fold(), self.scene.book
        self._booked = {}
        if book is None:
            return
        self._booked = {f"{v.value}:{trade}": "the database" for v, trade in book.fills}
        with localcontext() as context:
            context.prec = PRECISION
            for _, fill in book.fills.values():
                self._fold.add_fill(_builtins(fill))
            for _, entry, of_fill in book.entries.values():
                self._fold.add(_entry(entry))
                if not of_fill:
                    self._booked[entry.entry_id] = "the database"
                    self._outside(_entry(entry))

    def fill_booked(self, life: Life, fields: dict[str, Any]) -> None:
        """A fill was booked: the venue made it so, and it is the first time."""
        fill = fields["fill"]
        key = f"{fill['venue']}:{fill['trade_id']}"
        self._once(key, life)
        trade = self.trades.get((fill["venue"], fill["trade_id"]))
        if self.scene.findings.check("I3", trade is not None, f"no such fill at the venue: {key}") and trade:
            unit = self.scene.instrument(Venue(fill["venue"])).multiplier
            ours = (fill["side"], Decimal(fill["quantity"]), Decimal(fill["price"]), Decimal(fill["fee"]))
            theirs = (trade.side, trade.quantity * unit, trade.price, trade.fee)
            same = ours == theirs and (not trade.fee or fill["fee_asset"] == trade.fee_asset)
            self.scene.findings.check("I3", same, f"{key}: booked {ours}, the venue has {theirs}")
        with localcontext() as context:
            context.prec = PRECISION
            self._fold.add_fill(fill)
            for entry in fields["entries"]:
                self._fold.add(entry)

    def row_booked(self, life: Life, fields: dict[str, Any]) -> None:
        """Entries that come from no fill."""
        with localcontext() as context:
            context.prec = PRECISION
            for entry in fields["entries"]:
                self._once(entry["entry_id"], life)
                self._fold.add(entry)
                self._outside(entry)

    def _outside(self, entry: Any) -> None:
        if entry["asset"] == self.scene.params.symbol.base and Decimal(entry["amount"]):
            self._fold.has_other = True

    def _once(self, key: str, life: Life) -> None:
        known = self._booked.get(key)
        self.scene.findings.check("I12", known is None, f"{key} was booked by {known}, and again by {life.actor}")
        self._booked[key] = life.actor

    def portfolio_saved(self, fields: dict[str, Any]) -> None:
        """The portfolio is the fold of what was booked, and its profit explains every quote unit of it."""
        told, findings = fields["portfolio"], self.scene.findings
        balances = {key: Decimal(value) for key, value in told["balances"].items()}
        findings.check("I4", _same(balances, self._fold.balances), lambda: f"{_apart(balances, self._fold.balances)}")
        perp, opening = Decimal(told["perp_base"]) - self._fold.perp, self.scene.perp_opening
        text = f"position {told['perp_base']}, its fills make {self._fold.perp} on {opening}"
        findings.check("I3", perp == opening or (perp == 0 and not self._fold.perp), text)
        if not opening and not self._fold.has_other:
            self._profit(told)

    def _profit(self, told: dict[str, Any]) -> None:
        with localcontext() as context:
            context.prec = PRECISION
            mark = self.scene.mark()
            waiting = sum((_leg_profit(leg, mark) for leg in told["legs"]), ZERO)
            open_lots = sum((abs(Decimal(lot["quantity"])) * Decimal(lot["entry_gain"]) for lot in told["lots"]), ZERO)
            realised = Decimal(told["spread_quote"]) - Decimal(told["fees_quote"]) + Decimal(told["funding_quote"])
            theirs = self._fold.cash + self._fold.net_base * mark + self._fold.funding
            apart = realised + waiting + open_lots - theirs
        self.scene.findings.check("I5", apart == 0, f"profit realised and not differs from the cash by {apart}")

    # -- what is durable

    def appended(self, records: Sequence[Record]) -> None:
        """A call of the store ended, well or not: what of it is stored is folded, and the stored portfolio is that.

        A call that is tried again brings portfolios that were judged, and entries that came after them.
        """
        book = self.scene.book
        if book is None:
            return
        before, self._judged = self._judged, []
        with localcontext() as context:
            context.prec = PRECISION
            for record in records:
                if isinstance(record, FillBooked | RowBooked):
                    self._store(entry for entry in record.entries if entry.entry_id in book.entries)
                elif isinstance(record, PortfolioSaved) and _is_stored(book.portfolios, record.portfolio):
                    self._judged.append(record)
                    if any(record is judged for judged in before):
                        continue
                    told = record.portfolio.balances
                    same = _same(told, self._durable)
                    self.scene.findings.check("I20", same, partial(self._stored_otherwise, told))

    def _stored_otherwise(self, told: Balances) -> str:
        return f"stored {_apart(told, self._durable)}"

    def _store(self, entries: Iterable[LedgerEntry]) -> None:
        for entry in entries:
            if entry.entry_id not in self._durable_keys:
                self._durable_keys.add(entry.entry_id)
                key = f"{entry.venue.value}:{entry.asset}"
                self._durable[key] = self._durable.get(key, ZERO) + entry.amount

    # -- at rest

    def rest(self, read_ms: dict[Venue, int]) -> None:
        """What is stored is what the venues have, except rows that they made after our last read of them began."""
        book = self.scene.book
        if book is None:
            return
        with localcontext() as context:
            context.prec = PRECISION
            kept: Balances = {}
            for _, entry, _ in book.entries.values():
                key = f"{entry.venue.value}:{entry.asset}"
                kept[key] = kept.get(key, ZERO) + entry.amount
            account = self.scene.exchange.account(self.scene.uid)
            for venue in VENUES:
                for asset in (self.scene.params.symbol.base, self.scene.params.symbol.quote):
                    held = account.balances.get((FAKE_OF[venue], asset))
                    unread = sum((
                        row.change for row in account.ledger
                        if row.venue == FAKE_OF[venue] and row.asset == asset and row.kind in ("fund", "dnw")
                        and row.time_ms >= read_ms.get(venue, 0)
                    ), ZERO)
                    total = (held.total if held else ZERO) - unread
                    ours = kept.get(f"{venue.value}:{asset}", ZERO)
                    text = f"{venue.value} has {plain(total)} {asset}, the ledger {plain(ours)}"
                    self.scene.findings.check("I4", total == ours, text)
            fills = sum((f.signed_quantity for _, f in book.fills.values() if f.venue is Venue.GATE_FUTURES), ZERO)
            position = self.scene.perp() - self.scene.perp_opening
            self.scene.findings.check("I3", fills == position, f"position {position} base, the fills make {fills}")
            missing = [key for key in self.trades if (Venue(key[0]), key[1]) not in book.fills]
            self.scene.findings.check("I3", not missing, f"fills that were never booked: {missing[:5]}")


def _builtins(fill: Any) -> dict[str, Any]:
    return {
        "symbol": {"base": fill.symbol.base, "quote": fill.symbol.quote}, "side": fill.side.value,
        "quantity": fill.quantity, "price": fill.price, "fee": fill.fee, "fee_asset": fill.fee_asset,
        "venue": fill.venue.value,
    }


def _entry(entry: LedgerEntry) -> dict[str, Any]:
    return {"venue": entry.venue.value, "asset": entry.asset, "amount": entry.amount, "kind": entry.kind.value}


def _leg_profit(leg: Any, mark: Decimal) -> Decimal:
    sign = 1 if leg["side"] == "buy" else -1
    return sign * Decimal(leg["quantity"]) * (mark - Decimal(leg["price"]))


def _same(first: Balances, second: Balances) -> bool:
    return not _apart(first, second)


def _apart(first: Balances, second: Balances) -> dict[str, tuple[Decimal, Decimal]]:
    pairs = {key: (first.get(key, ZERO), second.get(key, ZERO)) for key in first.keys() | second.keys()}
    return {key: pair for key, pair in sorted(pairs.items()) if pair[0] != pair[1]}


def _is_stored(portfolios: Iterable[tuple[int, Portfolio]], told: Portfolio) -> bool:
    return any(portfolio == told for _, portfolio in portfolios)
