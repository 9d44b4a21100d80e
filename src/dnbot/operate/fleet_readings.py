"""What the fleet's page asks the database: who runs what, what came of it, and what happened last."""

from __future__ import annotations

from typing import Any, Protocol

import attrs
import msgspec

from dnbot.operate.fleet_risk import risk_now
from dnbot.operate.fleet_text import event_dict, fleet_dict, risk_dict
from dnbot.operate.readings import builtins_of
from dnbot.ports.fleet_risk import PostgresFleetRisk
from dnbot.ports.postgres_tasks import PostgresTasks, Statements, event_of
from dnbot.ports.tasks import FAILURES

EVENTS_SHOWN = 40

# The newest sample of each task's book, and what it had realised a day ago, or at its first sample since.
PROFIT = """
select t.task_id, t.context::text as context, newest.at as profit_at, newest.realised_quote,
    newest.realised_quote - first.realised_quote as day_quote
from tasks t left join lateral (
    select at, realised_quote from position_snapshots
    where symbol = t.symbol and at > now() - interval '1 day' and equity_quote is not null order by at desc limit 1
) newest on true left join lateral (
    select realised_quote from position_snapshots
    where symbol = t.symbol and at > now() - interval '1 day' and equity_quote is not null order by at limit 1
) first on true
order by t.task_id
"""
FAILED_TODAY = """
select task_id, count(*) as failures from task_events
where at > now() - interval '1 day' and kind = any ($1) group by task_id
"""
NEWEST = """
select task_id, kind, state, text, worker_id, lease_epoch, run_epoch,
    (extract(epoch from at) * 1000000000)::bigint as ns
from task_events order by id desc limit $1
"""


class FleetReadings(Protocol):
    """Where a page of the fleet comes from."""

    async def page(self) -> dict[str, Any]:
        """The fleet of this moment, as JSON has it. Raises StoreUnreachable."""
        ...


@attrs.frozen
class DatabaseFleet:
    """`FleetReadings` of a store that may only read."""

    store: Statements

    async def page(self) -> dict[str, Any]:
        """`fleet_dict`; each task with profit, failures of a day and its bot's last words; where the fleet stands
        against its limits; the newest events first."""
        picture = await PostgresTasks(self.store).picture()
        money = {row.pop("task_id"): builtins_of(row) for row in await self.store.read(PROFIT)}
        failed = {row["task_id"]: row["failures"] for row in await self.store.read(FAILED_TODAY, list(FAILURES))}
        events = await self.store.read(NEWEST, EVENTS_SHOWN)
        found = fleet_dict(picture)
        for task in found["tasks"]:
            more = money.get(task["task"], {})
            bot = msgspec.json.decode(more.pop("context", "{}"))
            task |= more | {"bot": bot, "failures_day": failed.get(task["task"], 0)}
        found["risk"] = risk_dict(await risk_now(PostgresFleetRisk(self.store)))
        found["events"] = [event_dict(event_of(row)) | {"task": row["task_id"]} for row in events]
        return found
