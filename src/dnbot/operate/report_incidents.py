"""What should be looked at: starts, states of trouble, changes of the mode, alerts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from dnbot.operate import report_queries as queries
from dnbot.operate.report_data import Incident

INCIDENTS_SHOWN = 200
Row = dict[str, Any]
Ask = Callable[..., Awaitable[list[Row]]]
"""Runs a query of the period with the arguments after the period's."""


async def read_incidents(ask: Ask, runs: list[Row], since: datetime) -> tuple[tuple[Incident, ...], dict[str, int]]:
    """The newest incidents of the period, newest first, and how many there were of each kind."""
    found = starts_of(runs, since)
    counts = {"starts": len(found), "starts after a run that did not end": sum(one.why != "" for one in found)}
    found += [
        Incident(at=row["at"], kind="state", what=f"{row['to_state']} ({row['trigger']})", why=row["why"])
        for row in await ask(queries.INCIDENTS, INCIDENTS_SHOWN)
    ]
    found += [
        Incident(
            at=row["at"], kind="mode", what=f"{row['from_mode']} to {row['to_mode']}",
            why=f"{row['why']} (by {row['changed_by']})",
        )
        for row in await ask(queries.MODES, INCIDENTS_SHOWN)
    ]
    found += [
        Incident(at=row["at"], kind=row["level"], what=row["key"], why=row["text"])
        for row in await ask(queries.ALERTS, INCIDENTS_SHOWN)
    ]
    counts |= {f"into {row['to_state']} ({row['trigger']})": row["times"] for row in await ask(queries.INCIDENT_COUNTS)}
    counts["faults of tasks"] = (await ask(queries.FAULTS))[0]["times"]
    counts |= {f"{row['level']} alerts": row["times"] for row in await ask(queries.ALERT_COUNTS)}
    newest = sorted(found, key=lambda one: one.at, reverse=True)[:INCIDENTS_SHOWN]
    return tuple(newest), {what: times for what, times in counts.items() if times}


def starts_of(runs: list[Row], since: datetime) -> list[Incident]:
    """Starts within the period; one after a run that never came to its end says so."""
    found, before = [], None
    for row in runs:
        why = f"run {before['epoch']} before it did not end by itself" if before and not before["ended"] else ""
        if row["started_at"] > since:
            found.append(Incident(at=row["started_at"], kind="start", what=f"run {row['epoch']}", why=why))
        before = row
    return found
