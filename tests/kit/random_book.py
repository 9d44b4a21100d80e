"""Records of a made-up bot: samples with gaps, books that are missing, refusals, executions, funding; from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from random import Random

import attrs

from dnbot.domain.instrument import VENUES, Symbol, Venue
from dnbot.domain.market import FundingRate, MarkPrice
from dnbot.domain.messages import (
    BookTopSampled,
    ExecutionClosed,
    FillBooked,
    FundingSampled,
    OpportunityDeclined,
    OpportunityTaken,
    PositionSampled,
    Record,
    RowBooked,
)
from dnbot.domain.order import Fill, Purpose, Side
from dnbot.domain.pair import Declined, Opportunity, OpportunityRisk, Pair, PnlEstimate
from dnbot.domain.position import EntryKind, LedgerEntry, entries_of
from dnbot.domain.units import Money, Price, Quantity

US, S = 1_000, 1_000_000_000
START_NS = 1_790_006_400_000_000_000
"""2026-09-21 16:00 UTC; the story crosses two midnights."""
INTERVAL_S = 28_800
ZERO = Decimal(0)
REASONS = ("INVENTORY", "MODE", "LOT")


@attrs.define
class RandomBook:
    """A story of one symbol. Times are whole microseconds, as the database keeps them."""

    symbol: Symbol
    rng: Random
    samples: int = 400
    _number: int = 0
    _drift: dict[Venue, float] = attrs.field(factory=dict)

    def records(self) -> list[Record]:
        """In order of time."""
        found = list(self._told())
        return sorted(found, key=_moment)

    def times_ns(self) -> Iterator[int]:
        """About once a second, with breaks of seconds and hours; the last ones are 31 hours after the start."""
        at = START_NS - 60 * S + self.rng.randrange(S // US) * US
        for index in range(self.samples):
            if index == self.samples - 20:
                at = max(at, START_NS + 31 * 3600 * S)
            yield at
            at += self.rng.choice([S, S + 20_000 * US, S + 333_333 * US, S, S])
            if self.rng.random() < 0.02:
                to_settlement = _settlement_ns(at) - at - 20 * S
                at += self.rng.choice([3 * S, 90 * S, 3600 * S, max(to_settlement, 0), max(to_settlement, 0)])

    def _told(self) -> Iterator[Record]:
        """Each sample with what happens beside it."""
        realised = Decimal(self.rng.randrange(-500, 500)) / 100
        settlement = START_NS * 2
        for index, at_ns in enumerate(self.times_ns()):
            realised += Decimal(self.rng.randrange(-50, 60)) / 100
            yield from self._sample(at_ns, realised)
            if self.rng.random() < 0.3:
                yield self._declined(at_ns + self.rng.randrange(900_000) * US)
            if index % 12 == 5:
                yield from self._execution(at_ns + 100_000 * US)
            if at_ns > settlement and self.rng.random() < 0.7:
                yield self._funding(settlement + self.rng.randrange(20) * S)
            settlement = _settlement_ns(at_ns)

    def _sample(self, at_ns: int, realised: Decimal) -> Iterator[Record]:
        position = Decimal(self.rng.choice([-2, -1, 0, 1])) / 2
        yield PositionSampled(
            spot_gate=Decimal(1), spot_mexc=ZERO, perp_base=position, delta_base=1 + position, mark=Decimal(100),
            liquidation_price=None, realised_quote=realised, at_ns=at_ns,
            equity_quote=None if self.rng.random() < 0.1 else Decimal(self.rng.randrange(9_000, 11_000)),
        )
        for venue in VENUES:
            if self.rng.random() < 0.05:
                continue
            # Autocorrelated, so that differences come back slowly.
            self._drift[venue] = 0.9 * self._drift.get(venue, 0.0) + self.rng.uniform(-200, 200)
            bid = Decimal(100_000 + round(self._drift[venue])) / 1000
            yield BookTopSampled(
                venue=venue, bid=bid, bid_quantity=Decimal(1), ask=bid + Decimal(self.rng.randrange(1, 40)) / 1000,
                ask_quantity=Decimal(2), update_id=1, at_ns=at_ns,
            )
        forecast = Decimal(self.rng.randrange(-9, 10)) / 100_000
        rate = FundingRate(Venue.GATE_FUTURES, forecast, INTERVAL_S, _settlement_ns(at_ns) // S)
        mark = None if self.rng.random() < 0.1 else MarkPrice(Venue.GATE_FUTURES, Decimal(100), Decimal(100), 0)
        yield FundingSampled(rate, mark, at_ns)

    def _estimate(self) -> PnlEstimate:
        net = Money(Decimal(self.rng.randrange(-100, 300)) / 100)
        none = Money(ZERO)
        return PnlEstimate(
            gross_quote=net, fees_quote=none, slippage_quote=none, funding_quote=none, exit_quote=none, net_quote=net
        )

    def _declined(self, at_ns: int) -> Record:
        declined = Declined(
            pair_name=self.rng.choice(["GATE_TO_MEXC", "OPEN_MEXC", "ESTABLISH"]), reason=self.rng.choice(REASONS),
            text="", edge_bps=self.rng.randrange(100) / 4,
            estimate=self._estimate() if self.rng.random() < 0.6 else None,
        )
        return OpportunityDeclined(declined=declined, count=self.rng.randrange(1, 9), at_ns=at_ns)

    def _funding(self, at_ns: int) -> Record:
        self._number += 1
        entry = LedgerEntry(
            entry_id=f"row:{self._number}", venue=Venue.GATE_FUTURES, asset=self.symbol.quote,
            amount=Decimal(self.rng.randrange(-300, 400)) / 1000, kind=EntryKind.FUNDING, at_ns=at_ns,
        )
        return RowBooked((entry,), at_ns)

    # --- executions
    def _execution(self, at_ns: int) -> Iterator[Record]:
        self._number += 1
        name = f"{self.symbol.base}-{self._number}"
        pair = self.rng.choice([Pair.GATE_TO_MEXC, Pair.OPEN_MEXC])
        took_ns = self.rng.randrange(5_000, 90_000) * US
        estimate = self._estimate()
        if self.rng.random() < 0.9:
            yield self._taken(name, pair, estimate, at_ns)
        bought = self._fill(f"{name}b", pair.buy_venue, Side.BUY, at_ns + 1000 * US)
        sold = self._fill(f"{name}s", pair.sell_venue, Side.SELL, at_ns + 2000 * US)
        for fill in (bought, sold):
            yield FillBooked(fill, entries_of(fill), name, fill.traded_at_ns)
        yield ExecutionClosed(
            execution_id=name, pair_name=pair.name, purpose="entry", bought=bought.quantity, sold=sold.quantity,
            status=self.rng.choice(["complete", "complete", "repaired"]), gross_quote=ZERO, fees_quote=ZERO,
            net_quote=ZERO, estimate_net_quote=estimate.net_quote, residual_base=ZERO, started_at_ns=at_ns,
            ended_at_ns=at_ns + took_ns, naked_ms=self.rng.choice([0, 0, 7, 31, 250]),
            ambiguous=self.rng.random() < 0.2, delta_base=ZERO, spot_base=Decimal(1), perp_base=Decimal(-1),
        )

    def _taken(self, name: str, pair: Pair, estimate: PnlEstimate, at_ns: int) -> Record:
        taken = Opportunity(
            opportunity_id=f"o{name}", pair_name=pair.name, purpose=Purpose.ENTRY, buy_quantity=Quantity(Decimal(1)),
            sell_quantity=Quantity(Decimal(1)), buy_price_cap=Price(Decimal(101)), sell_price_cap=Price(Decimal(99)),
            edge_bps=Decimal(self.rng.randrange(100)) / 4, required_bps=Decimal(3), inventory_price_bps=ZERO,
            estimate=estimate, edge=None, book_ids={}, book_ages_ms={}, found_at_ns=at_ns - 3000 * US,
            risk=OpportunityRisk(confidence=0.9, adverse_move_bps=0.3, depth_risk=0.1, venue_risk=0.2),
        )
        return OpportunityTaken(execution_id=name, opportunity=taken, at_ns=at_ns)

    def _fill(self, trade_id: str, venue: Venue, side: Side, at_ns: int) -> Fill:
        price, quantity = Decimal(self.rng.randrange(99_000, 101_000)) / 1000, Decimal(self.rng.randrange(1, 9)) / 4
        in_base = venue is Venue.GATE_SPOT and side is Side.BUY
        return Fill(
            venue=venue, symbol=self.symbol, trade_id=trade_id, venue_order_id="1", client_order_id="", side=side,
            price=Price(price), quantity=Quantity(quantity), is_maker=self.rng.random() < 0.2, traded_at_ns=at_ns,
            fee=quantity * (1 if in_base else price) * Decimal(self.rng.choice(["0.0005", "0.002"])),
            fee_asset=self.symbol.base if in_base else self.symbol.quote,
        )


def _settlement_ns(at_ns: int) -> int:
    """The next one."""
    return (at_ns // S // INTERVAL_S + 1) * INTERVAL_S * S


def _moment(record: Record) -> int:
    match record:
        case ExecutionClosed():
            return record.ended_at_ns
        case _:
            return record.at_ns
