"""Collects what a backtest's bot wrote down."""

from __future__ import annotations

from decimal import Decimal

import attrs

from dnbot.domain.messages import (
    BookTopSampled,
    ExecutionClosed,
    FillBooked,
    FundingSampled,
    OpportunityTaken,
    PortfolioSaved,
    PositionSampled,
    Record,
    RowBooked,
)
from dnbot.domain.order import Fill
from dnbot.domain.position import EntryKind, LedgerEntry
from dnbot.domain.units import ZERO
from dnbot.research.result import Moment


@attrs.define(eq=False)
class Witness:
    """The records of one run that its result is made of."""

    fills: list[Fill] = attrs.field(factory=list)
    rows: list[LedgerEntry] = attrs.field(factory=list)
    executions: list[ExecutionClosed] = attrs.field(factory=list)
    moments: list[Moment] = attrs.field(factory=list)
    mids: dict[str, Decimal] = attrs.field(factory=dict)
    mark: Decimal | None = None
    _estimated: set[str] = attrs.field(factory=set)
    _sample: PositionSampled | None = None

    def note(self, record: Record) -> None:
        """Take one record, in order."""
        match record:
            case FillBooked(fill=fill):
                self.fills.append(fill)
            case RowBooked(entries=entries):
                self.rows.extend(entries)
            case OpportunityTaken(execution_id=execution_id):
                self._estimated.add(execution_id)
            case ExecutionClosed():
                self.executions.append(record)
            case BookTopSampled(venue=venue, bid=bid, ask=ask):
                self.mids[venue.value] = (bid + ask) / 2
            case FundingSampled(mark=mark) if mark is not None:
                self.mark = mark.mark
            case PositionSampled():
                self._sample = record
            case PortfolioSaved() if self._sample is not None:  # what comes after the tops of the same moment
                self._sampled(self._sample)
                self._sample = None
            case _:
                pass

    def _sampled(self, record: PositionSampled) -> None:
        self.mark = record.mark if record.mark is not None else self.mark
        self.moments.append(Moment(
            at_ns=record.at_ns, equity=record.equity_quote, delta_base=record.delta_base, mids=dict(self.mids)
        ))

    @property
    def opening(self) -> dict[str, Decimal]:
        """Native units by VENUE:ASSET."""
        found: dict[str, Decimal] = {}
        for row in self.rows:
            if row.kind is EntryKind.OPENING:
                key = f"{row.venue.value}:{row.asset}"
                found[key] = found.get(key, ZERO) + row.amount
        return found

    @property
    def slippage(self) -> Decimal:
        """Outcome less estimate of the executions that an opportunity began."""
        known = [one for one in self.executions if one.execution_id in self._estimated]
        return sum((one.net_quote - one.estimate_net_quote for one in known), ZERO)
