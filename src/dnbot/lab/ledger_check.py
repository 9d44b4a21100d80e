"""Does our ledger explain the venues' balances, to the last digit? Judged from the venues' audit, not from the bot.

residual = balance at the end - balance at the opening - Σ of our ledger entries, per venue and asset, native units.
The perpetual's contracts are checked in the same way: position at the end less Σ of our fills.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from dnbot.domain.order import Fill
from dnbot.domain.units import ZERO, plain
from dnbot.ports.store import LedgerTotal

_AUDIT_NAMES = {
    "gate_spot": "GATEIO_SPOT", "gate_futures": "GATEIO_FUTURES", "mexc_spot": "MEXC_SPOT", "mexc": "MEXC_SPOT",
    "GATE_SPOT": "GATEIO_SPOT", "GATE_FUTURES": "GATEIO_FUTURES", "MEXC": "MEXC_SPOT",
}


def venue_name(audit_name: str) -> str:
    """Our name for a venue of the audit."""
    return _AUDIT_NAMES.get(audit_name, audit_name)


def unread_funding(audit: dict[str, Any], read_ms: dict[str, float]) -> dict[tuple[str, str], Decimal]:
    """Funding that a venue settled after we last read it, per venue and asset: nobody could have booked it yet.

    Args:
        read_ms: venue -> the venue's own time when our last read of it began, ms. The next run books such rows.
    """
    found: dict[tuple[str, str], Decimal] = {}
    for row in audit["ledger"]:
        venue = venue_name(row["venue"])
        if row["type"] == "fund" and venue in read_ms and row["time_ms"] >= read_ms[venue]:
            key = (venue, row["asset"])
            found[key] = found.get(key, ZERO) + Decimal(row["change"])
    return found


def residuals(
    audit: dict[str, Any], totals: Sequence[LedgerTotal], unread: Mapping[tuple[str, str], Decimal] | None = None
) -> dict[str, dict[str, str]]:
    """What our entries leave unexplained as of our last read; `"0"` everywhere when the books close."""
    entries = {(total.venue.value, total.asset): total.entries for total in totals}
    keys = dict.fromkeys(entries)
    for part in ("opening", "balances"):
        for name, assets in audit[part].items():
            keys.update(dict.fromkeys((venue_name(name), asset) for asset in assets))
    result: dict[str, dict[str, str]] = {}
    for venue, asset in sorted(keys):
        end, start = _of(audit["balances"], venue, asset), _of(audit["opening"], venue, asset)
        left = end - start - entries.get((venue, asset), ZERO) - (unread or {}).get((venue, asset), ZERO)
        result.setdefault(venue, {})[asset] = plain(left)
    return result


def position_residual(audit: dict[str, Any], fills: Sequence[Fill], multiplier: Decimal) -> Decimal:
    """Contracts at the venue that our perpetual fills do not explain."""
    ours = sum((fill.signed_quantity for fill in fills if not fill.venue.is_spot), ZERO) / multiplier
    theirs = ZERO
    for position in audit["positions"].values():
        theirs += Decimal(str(position["size"])) - Decimal(str(position.get("size_opening", 0)))
    return theirs - ours


def round_trips(audit: dict[str, Any]) -> int:
    """Round trips over all venues, counted first in first out by the fakes."""
    return sum(int(count) for count in audit["round_trips"].values())


def _of(balances: dict[str, dict[str, str]], venue: str, asset: str) -> Decimal:
    for name, assets in balances.items():
        if venue_name(name) == venue:
            return Decimal(assets.get(asset, "0"))
    return ZERO
