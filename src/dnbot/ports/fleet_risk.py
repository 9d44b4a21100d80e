"""Where limits over a fleet are kept, and what its tasks have: a protocol, in PostgreSQL and in memory."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Protocol

import attrs
import msgspec

from dnbot.domain.instrument import Symbol
from dnbot.fleet.life import TaskState
from dnbot.fleet.risk import FleetLimits
from dnbot.ports.postgres_tasks import Statements

NEWEST = "select gross_quote_max, margin_quote_max, day_loss_quote_max from fleet_limits order by id desc limit 1"
SET = """
insert into fleet_limits (gross_quote_max, margin_quote_max, day_loss_quote_max, who, why) values ($1, $2, $3, $4, $5)
returning id
"""
# The newest sample of each book, whoever wrote it; its age by this server's clock, and no less than 0.
SAMPLES = """
select t.task_id, t.symbol, t.state, t.settings, exists (select from runs r where r.symbol = t.symbol) as began,
    case when s.at is not null
        then extract(epoch from greatest(clock_timestamp() - s.at, interval '0'))::float8 end as age_s,
    s.spot_base, s.perp_base, s.mark, s.equity_quote,
    case when (p.portfolio ->> 'day')::int = floor(extract(epoch from clock_timestamp()) / 86400)
        then (p.portfolio ->> 'day_equity')::numeric end as day_equity_quote
from tasks t left join lateral (
    select at, spot_base, perp_base, mark, equity_quote from position_snapshots
    where symbol = t.symbol and at > now() - interval '30 days' and spot_gate is not null order by at desc limit 1
) s on true left join lateral (
    select portfolio from portfolio_snapshots where symbol = t.symbol order by sequence desc limit 1
) p on true
order by t.task_id
"""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What the database has of one task; see `TaskFigures`."""

    task_id: str
    symbol: Symbol
    state: TaskState
    settings: str
    began: bool
    age_s: float | None = None
    spot_base: Decimal | None = None
    perp_base: Decimal | None = None
    mark: Decimal | None = None
    equity_quote: Decimal | None = None
    day_equity_quote: Decimal | None = None


class FleetRiskStore(Protocol):
    """Raises StoreUnreachable when it cannot be done, or when nobody can tell."""

    async def limits(self) -> FleetLimits:
        """As a person set them last; without any, no limit."""
        ...

    async def set_limits(self, limits: FleetLimits, *, who: str, why: str) -> None:
        """Put these in the place of all before."""
        ...

    async def samples(self) -> tuple[Sample, ...]:
        """Of every task, by name."""
        ...


@attrs.frozen
class PostgresFleetRisk:
    """`FleetRiskStore` on the connections of a store."""

    store: Statements

    async def limits(self) -> FleetLimits:
        """See `FleetRiskStore`."""
        rows = await self.store.read(NEWEST)
        return FleetLimits(**rows[0]) if rows else FleetLimits()

    async def set_limits(self, limits: FleetLimits, *, who: str, why: str) -> None:
        """See `FleetRiskStore`."""
        values = (limits.gross_quote_max, limits.margin_quote_max, limits.day_loss_quote_max)
        await self.store.call(SET, *values, who, why)

    async def samples(self) -> tuple[Sample, ...]:
        """See `FleetRiskStore`."""
        return tuple(map(_sample_of, await self.store.read(SAMPLES)))


@attrs.define
class MemoryFleetRisk:
    """`FleetRiskStore` of a fleet in memory, whose samples are the caller's to give."""

    newest: FleetLimits = attrs.field(factory=FleetLimits)
    given: tuple[Sample, ...] = ()

    async def limits(self) -> FleetLimits:
        """See `FleetRiskStore`."""
        return self.newest

    async def set_limits(self, limits: FleetLimits, *, who: str, why: str) -> None:
        """See `FleetRiskStore`."""
        self.newest = limits

    async def samples(self) -> tuple[Sample, ...]:
        """See `FleetRiskStore`."""
        return self.given


def _sample_of(row: dict[str, Any]) -> Sample:
    return Sample(**(row | {"symbol": Symbol.parse(row["symbol"]), "state": TaskState(row["state"])}))
