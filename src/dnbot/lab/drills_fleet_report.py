"""What a drill of a fleet found: verdicts per stage and of all together, and the table that tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import attrs
import msgspec

from dnbot.lab import drills_fleet_checks as checks
from dnbot.lab.drills_fleet_checks import Event, Placed, Run, Strike


class StageResult(msgspec.Struct, kw_only=True):
    """What was found of one stage; it passed when every check's text is empty."""

    stage: str
    checks: dict[str, str]
    moved: int = 0
    """Tasks that lost their owner."""
    back_after_s: float | None = None
    """The longest that one of them was without an owner that may trade."""
    orders: int = 0
    naked_ms: int = 0
    took_s: float = 0.0
    detail: dict[str, Any] = {}


class FleetReport(msgspec.Struct, kw_only=True):
    """What the JSON file holds."""

    seed: int
    tasks: int
    workers: int
    ttl_s: float
    stages: list[StageResult] = []
    checks: dict[str, str] = {}
    """Of all stages together."""
    orders: int = 0
    """Accepted by the venues from the first strike to the end of the last."""
    incarnations: int = 0
    calm: dict[str, float] = {}
    """Share of one processor while nothing was struck: of all workers, of one task in them, of fakes and database."""
    residual: dict[str, dict[str, dict[str, str]]] = {}
    """By task, venue and asset; contracts among them."""
    idle: dict[str, str] = {}
    """What the bots of tasks that did not trade in time last said of themselves: where to look, no evidence."""

    @property
    def passed(self) -> bool:
        """Whether no check says anything."""
        return not any(text for found in (self.checks, *(s.checks for s in self.stages)) for text in found.values())


@attrs.frozen
class Evidence:
    """What is known at the end."""

    audits: Mapping[str, dict[str, Any]]
    runs: Sequence[Run]
    events: Sequence[Event]
    residual: Mapping[str, Mapping[str, Mapping[str, str]]]
    lots: Mapping[str, tuple[str, Decimal]]
    """The coin, and base units per contract."""

    @property
    def placed(self) -> list[Placed]:
        """Of all tasks."""
        return [placed for task, audit in self.audits.items() for placed in checks.placed_of(task, audit)]


def judge(report: FleetReport, evidence: Evidence, strikes: Sequence[Strike], least: int) -> None:
    """Fill in every verdict; `report.stages` are those of the strikes, in their order."""
    placed, runs, events = evidence.placed, evidence.runs, evidence.events
    spans = checks.spans_of(evidence.audits, evidence.lots)
    for result, strike in zip(report.stages, strikes, strict=True):
        took = checks.back_after_s(strike, events)
        result.moved, result.back_after_s = len(strike.tasks), max(took.values(), default=None)
        result.orders = sum(strike.began_ms <= one.at_ms <= strike.ended_ms for one in placed)
        result.naked_ms = checks.naked_worst_ms(strike, spans)
        result.took_s = round((strike.ended_ms - strike.began_ms) / 1000, 1)
        result.checks = {"hedged": checks.hedged(strike, spans)}
        if strike.workers:
            result.checks["taken_over"] = checks.taken_over(strike, events)
        else:
            result.checks["undisturbed"] = checks.undisturbed(strike, runs)
    report.orders = sum(result.orders for result in report.stages)
    report.incarnations = len(runs)
    report.residual = {task: {v: dict(a) for v, a in found.items()} for task, found in evidence.residual.items()}
    report.checks |= {
        "one_owner": checks.one_owner(placed, runs),
        "orders": checks.enough(placed, strikes, least),
        "none_failed": checks.none_failed(strikes, events),
        "all_trade": checks.all_trade(evidence.audits, placed, runs, strikes[-1].began_ms),
        "ledger": checks.books_closed(evidence.residual),
        "nothing_open": checks.nothing_open(evidence.audits),
    }


def table_of(report: FleetReport) -> str:
    """A row per stage, what all of them came to, and what is wrong."""
    head = f"{'stage':<20} {'passed':>6} {'moved':>6} {'back after s':>13} {'orders':>7} {'naked ms':>9} {'took s':>7}"
    lines = [head, "-" * len(head)]
    for stage in report.stages:
        passed = "ok" if not any(stage.checks.values()) else "FAIL"
        back = "-" if stage.back_after_s is None else f"{stage.back_after_s:.2f}"
        lines.append(
            f"{stage.stage:<20} {passed:>6} {stage.moved:>6} {back:>13} {stage.orders:>7} {stage.naked_ms:>9} "
            f"{stage.took_s:>7.1f}"
        )
        lines += [f"     {name}: {text}" for name, text in stage.checks.items() if text]
    left = {amount for task in report.residual.values() for assets in task.values() for amount in assets.values()}
    shown = ", ".join(sorted(left)) or "-"
    lines.append(f"{report.orders} orders accepted, {report.incarnations} incarnations, residual {shown}")
    if report.calm:
        lines.append(
            f"at rest a task cost {report.calm['task']:.1%} of a processor, all workers {report.calm['workers']:.0%}, "
            f"the fakes {report.calm['fakes']:.0%}, the database {report.calm['database']:.0%}"
        )
    lines += [f"     {name}: {text}" for name, text in report.checks.items() if text]
    lines += [f"          {task}: {words}" for task, words in report.idle.items()]
    return "\n".join([*lines, "passed" if report.passed else "FAILED"])
