"""The bot's ledger under a study: fills at given prices, funding, and lots that remember their edge.

Everything goes through `dnbot.domain.position`, as in a run: what is held, matched first in, first out, and earned is
its fold. At the end nothing is held, and the profit is the sum of the ledger's spread, funding and fees; that it equals
the balances is checked, not assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import attrs
import msgspec

from dnbot.domain.errors import InvariantBroken
from dnbot.domain.instrument import SPOT_VENUES, FeeSchedule, Venue
from dnbot.domain.order import Fill, Purpose, Side
from dnbot.domain.pair import Opportunity, PairKind
from dnbot.domain.position import EdgeLot, EntryKind, LedgerEntry, Portfolio, book_fill, fold_edge_lot, post
from dnbot.domain.units import ZERO, Price, Quantity, bps, divide, of_bps
from dnbot.research.study_words import Case, Charge, Moment
from dnbot.strategy.entry_reserve import entry_slippage_bps, with_slippage
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.undo import direction

NS_PER_S = 1_000_000_000
EXPLAINED_QUOTE = Decimal("1e-20")
"""Divisions round at the sixtieth digit; sums of them agree far better than this."""


def band_of(params: StrategyParameters) -> Decimal:
    """The most inventory that the settings allow, base units."""
    return params.base_position_size * params.max_position_multiplier


@attrs.define
class StudyLedger:
    """What one case holds and has earned."""

    params: StrategyParameters
    fees: dict[Venue, FeeSchedule]
    case: Case
    portfolio: Portfolio
    slippage_bps: list[Decimal] = attrs.field(factory=list)
    _rows: int = 0

    @classmethod
    def of(cls, params: StrategyParameters, fees: dict[Venue, FeeSchedule], case: Case) -> StudyLedger:
        """Nothing is held; quote balances are counted from zero."""
        return cls(params, fees, case, Portfolio(symbol=params.symbol))

    @property
    def held_base(self) -> Decimal:
        """Over both spot venues."""
        return self.portfolio.spot_base

    def base_on(self, venue: Venue) -> Decimal:
        """On one spot venue."""
        return self.portfolio.balance(venue, self.params.symbol.base)

    def equity(self, prices: Mapping[Venue, Decimal]) -> Decimal:
        """Gained since the beginning, with what is held valued at these prices; quote units."""
        mids = {venue: prices[venue] for venue in SPOT_VENUES}
        return self.portfolio.equity(mids, prices[Venue.GATE_FUTURES])

    def holds(self, found: Opportunity) -> bool:
        """Whether a decision of an earlier moment can still be carried out: what it sells, and a short to reduce."""
        pair, quantity = found.pair, found.sell_quantity
        if pair.kind is PairKind.CARRY_OPEN:
            return self.held_base + quantity <= band_of(self.params)
        if pair.kind is PairKind.CARRY_CLOSE and self.held_base - quantity < self.params.base_position_size:
            return False
        return self.base_on(pair.sell_venue) >= quantity

    def build(self, moment: Moment) -> None:
        """Buy the base position in its split, and sell as much on the perpetual."""
        size, ratio = self.params.base_position_size, self.params.inventory_ratio
        self._trade(moment, Venue.GATE_SPOT, Side.BUY, size * ratio)
        self._trade(moment, Venue.MEXC_SPOT, Side.BUY, size - size * ratio)
        self._trade(moment, Venue.GATE_FUTURES, Side.SELL, size)

    def leave(self, moment: Moment) -> None:
        """Sell all inventory and close the short.

        Raises:
            InvariantBroken: the ledger's profit is not what the balances say.
        """
        for venue in SPOT_VENUES:
            self._trade(moment, venue, Side.SELL, self.base_on(venue))
        self._trade(moment, Venue.GATE_FUTURES, Side.BUY, -self.portfolio.perp_base)
        told, owned = self.portfolio.realised_quote, self.equity(moment.next_open)
        if self.portfolio.delta != 0 or self.held_base != 0 or abs(told - owned) > EXPLAINED_QUOTE:
            raise InvariantBroken(f"the ledger has {told} quote, the balances have {owned}, {self.held_base} base left")

    def charge(self, charge: Charge, price: Decimal) -> None:
        """A settlement: a short receives a positive rate, and pays a negative one."""
        amount = -self.portfolio.perp_base * price * charge.rate
        self._post(EntryKind.FUNDING, amount, charge.at_s)

    def execute(self, found: Opportunity, moment: Moment, *, rests: bool) -> None:
        """Both legs, and what the bot remembers of them: the lot with the edge that it really earned, and how much
        worse than estimated an entry was.

        Args:
            rests: the leg on MEXC rested: it pays the maker's fee, and the pair loses what the model of that says.
        """
        pair, quantity, before = found.pair, found.sell_quantity, self.portfolio.fees_quote
        lost = self.case.maker.loss_bps if rests and self.case.maker is not None else ZERO
        paid = self._trade(moment, pair.buy_venue, Side.BUY, quantity, rests=rests, worse_bps=lost / 2)
        got = self._trade(moment, pair.sell_venue, Side.SELL, quantity, rests=rests, worse_bps=lost / 2)
        fees = ZERO if self.case.fees_ignored_in_decisions else self.portfolio.fees_quote - before
        edge = bps(got - paid - fees, paid)
        if found.purpose is Purpose.ENTRY:
            slippage = entry_slippage_bps(found, edge, divide(paid, quantity))
            self.slippage_bps.append(slippage)
            self.portfolio = with_slippage(self.portfolio, self.params, slippage)
        lot = EdgeLot(quantity * direction(pair), edge, moment.at_s * NS_PER_S)
        name = "shift_lots" if pair.kind is PairKind.SPOT_SPOT else "carry_lots"
        lots = fold_edge_lot(getattr(self.portfolio, name), lot)
        self.portfolio = msgspec.structs.replace(self.portfolio, **{name: lots})

    def _price(self, moment: Moment, venue: Venue, side: Side) -> Decimal:
        """The next bar's first price, and half a spread the wrong way."""
        first = moment.next_open[venue]
        return first + side.sign * of_bps(first, self.case.half_spread_bps)

    def _trade(
        self, moment: Moment, venue: Venue, side: Side, quantity: Decimal, *, rests: bool = False,
        worse_bps: Decimal = ZERO,
    ) -> Decimal:
        """One fill, and its value; what it realises of the perpetual goes to the wallet, as a venue books it."""
        if quantity == 0:
            return ZERO
        price = self._price(moment, venue, side)
        price += side.sign * of_bps(price, worse_bps)
        schedule = self.fees[venue]
        rate = schedule.maker if rests and venue is Venue.MEXC_SPOT else schedule.taker
        name = f"t{self.portfolio.fills}"
        fill = Fill(
            venue=venue, symbol=self.params.symbol, trade_id=name, venue_order_id=name, client_order_id="", side=side,
            price=Price(price), quantity=Quantity(quantity), fee=price * quantity * rate,
            fee_asset=self.params.symbol.quote, traded_at_ns=moment.at_s * NS_PER_S,
        )
        before = self.portfolio
        self.portfolio = book_fill(before, fill)
        if not venue.is_spot:
            realised = before.perp_unrealised(price) - self.portfolio.perp_unrealised(price)
            self._post(EntryKind.PNL, realised, moment.at_s)
        return fill.value

    def _post(self, kind: EntryKind, amount: Decimal, at_s: int) -> None:
        if amount == 0:
            return
        self._rows += 1
        entry = LedgerEntry(
            entry_id=f"row{self._rows}", venue=Venue.GATE_FUTURES, asset=self.params.symbol.quote, amount=amount,
            kind=kind, at_ns=at_s * NS_PER_S,
        )
        self.portfolio = post(self.portfolio, (entry,))
