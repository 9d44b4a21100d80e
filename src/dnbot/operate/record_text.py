"""What the commands below `dnbot record` found, as text for people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from dnbot.operate.record_run import Recorded
from dnbot.record.cutting import CutMade
from dnbot.record.exporting import Exported
from dnbot.record.telling import Info
from dnbot.record.verifying import Verdict

GAPS_SHOWN = 20
NS_PER_S = 1_000_000_000


def recorded_text(found: Recorded) -> str:
    """One paragraph."""
    lines = [
        f"ended: {found.ended_by} after {found.duration_s} s, of {found.of}",
        (
            f"{found.out}: {found.entries:,} entries, {found.bytes:,} bytes before compression, "
            f"{found.segments} segments begun, {found.removed} removed"
        ),
    ]
    if found.dropped:
        lines.append(f"LOST: {found.dropped:,} entries of {found.dropped_bytes:,} bytes; the disk was too slow")
    again = {name: count for name, count in found.reconnects.items() if count}
    lines += [f"{name}: lost and connected again {count} times" for name, count in again.items()]
    return "\n".join(lines)


def verdict_text(found: Verdict) -> str:
    """Every finding, and the sum."""
    lines = []
    for one in found.findings:
        where = one.file if one.offset is None else f"{one.file} at byte {one.offset}"
        lines.append(f"{'DAMAGE' if one.damage else 'crash'}: {where}: {one.what}")
    sums = f"{found.segments} segments, {found.entries:,} entries, {found.bytes:,} bytes, {found.dropped:,} dropped"
    return "\n".join([*lines, f"{'good' if found.is_good else 'DAMAGED'}: {sums}"])


def info_text(found: Info) -> str:
    """What there is by market and kind, and the gaps."""
    lines = [f"{found.folder}: {found.segments} segments, {found.bytes_on_disk:,} bytes on the disk"]
    if found.first_ns is not None and found.last_ns is not None:
        lines.append(f"from {moment(found.first_ns)} to {moment(found.last_ns)}, {found.dropped:,} entries dropped")
    lines += [f"recorder: {_about(text)}" for text in found.recorders]
    lines += ["", f"{'market':28}{'kind':12}{'entries':>12}{'bytes':>16}"]
    lines += [f"{row.market:28}{row.kind.value:12}{row.entries:>12,}{row.bytes:>16,}" for row in found.held]
    if found.gaps:
        shown = f", the first {GAPS_SHOWN}" if len(found.gaps) > GAPS_SHOWN else ""
        lines += ["", f"{len(found.gaps)} gaps{shown}:"]
        lines += [f"{moment(gap.at_ns)}  {gap.market}  {gap.what.value}: {gap.text}" for gap in found.gaps[:GAPS_SHOWN]]
    return "\n".join(lines)


def cut_text(found: CutMade) -> str:
    """One line."""
    return f"wrote {found.out}: {found.entries:,} entries, after {found.lead_in:,} that lead in"


def exported_text(found: Exported) -> str:
    """One line a table, and what was not read."""
    counts = (found.tops, found.trades)
    lines = [f"wrote {path}: {count:,} rows" for path, count in zip(found.files, counts, strict=True)]
    if found.unread:
        lines.append(
            f"{found.unread:,} frames and answers were not read: refused by the codec, or before the instrument"
        )
    return "\n".join(lines)


def moment(at_ns: int) -> str:
    """Such as 2026-11-29T14:00:01.250Z."""
    at = datetime.fromtimestamp(at_ns // NS_PER_S, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ns % NS_PER_S // 1_000_000:03d}Z"


def _about(text: str) -> str:
    try:
        told: Any = msgspec.json.decode(text)
    except msgspec.MsgspecError:
        return text
    return f"{told.get('by', '')} of {told.get('of', '')}" if isinstance(told, dict) else text
