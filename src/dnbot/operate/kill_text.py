"""What a kill did, for a person."""

from __future__ import annotations

from dnbot.operate.kill import DONE, KillReport
from dnbot.tasks.sweeping import Swept

NAMES_SHOWN = 20


def text_of(report: KillReport) -> str:
    """One line per fact, the worst news last."""
    lines = [_latch_line(report), f"bot: {report.bot or 'not asked'}"]
    lines += [_venue_line(swept) for swept in report.venues]
    if report.trouble:
        lines.append(f"NOT SWEPT: {report.trouble}")
    if report.flatten is not None:
        lines.append("position: closed" if report.flatten == DONE else f"position: NOT CLOSED: {report.flatten}")
    ending = "every venue is empty of our orders" if report.is_empty else "NOT every venue could be proven empty"
    return "\n".join([*lines, f"{ending} ({report.took_s} s); dnbot resume --reason TEXT lifts the halt"])


def _latch_line(report: KillReport) -> str:
    if not report.is_halted:
        return f"NOT HALTED: file: {report.latch_file}; database: {report.latch_database}"
    where = [
        f"not in the {name} ({trouble})" if trouble else f"in the {name}"
        for name, trouble in (("state folder", report.latch_file), ("database", report.latch_database))
    ]
    return f"halted by {report.who}: {report.reason}; {', '.join(where)}"


def _venue_line(swept: Swept) -> str:
    line = f"{swept.venue.value}: cancelled {len(swept.cancelled)}, verified {swept.verified} times"
    if swept.is_empty:
        return line
    return f"{line}, NOT PROVEN EMPTY: {swept.trouble}; left: {_names(swept.left)}"


def _names(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:NAMES_SHOWN]) or "nothing was seen"
    return shown if len(names) <= NAMES_SHOWN else f"{shown} and {len(names) - NAMES_SHOWN} more"
