"""The result as text: the machine, a row per target, and how many were met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from suite.figures import shown
from suite.target import Target

HEADERS = ("target", "measured", "to reach", "beside", "ratio", "floor", "")


def table(machine: Mapping[str, str], targets: Sequence[Target]) -> str:
    """Columns as wide as their widest cell; details, and where a miss spent its time, under their row."""
    rows = [_cells(target) for target in targets]
    widths = [max(len(row[column]) for row in [HEADERS, *rows]) for column in range(len(HEADERS))]
    lines = [f"{name}: {text}" for name, text in machine.items()]
    lines += ["", _line(HEADERS, widths), _line(tuple("-" * width for width in widths), widths)]
    for target, row in zip(targets, rows, strict=True):
        lines.append(_line(row, widths))
        if target.detail:
            lines.append(f"    {target.detail}")
        lines += [f"        {line}" for line in target.profile]
    met = sum(target.met for target in targets)
    lines += ["", f"{met} met, {len(targets) - met} missed"]
    return "\n".join(lines)


def _cells(target: Target) -> tuple[str, ...]:
    compared = "" if target.comparison is None else f"{shown(target.comparison)} {target.beside}"
    ratio = "" if target.ratio is None else f"{target.ratio:.3g}"
    floor = "" if target.floor is None else f"{shown(target.floor)} {target.floor_of}"
    verdict = "met" if target.met else "MISSED"
    return (target.name, f"{shown(target.measured)} {target.unit}", target.target, compared, ratio, floor, verdict)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
