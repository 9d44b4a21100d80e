"""Rows of styled text, aligned columns and frames, each exactly as wide as it is told.

Written out rather than left to `rich.table`: a picture of these figures costs that 48 ms, and this 2 ms, in the thread
that trades (`benchmarks/bench_terminal_view.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

Span = tuple[str, str]
"""Text, and a style in rich's words (`bold red`) or nothing."""
Row = tuple[Span, ...]
BORDER = "dim"
TITLE = "bold cyan"
MORE = "…"


def row_width(row: Row) -> int:
    """Columns that a row takes on the terminal; wide characters take two."""
    return sum(cell_len(text) for text, _ in row)


def fit(row: Row, width: int) -> Row:
    """The row at exactly this width: filled with blanks, or cut with a mark."""
    missing = width - row_width(row)
    if missing >= 0:
        return (*row, (" " * missing, ""))
    kept: list[Span] = []
    room = max(0, width - 1)
    for text, style in row:
        size = cell_len(text)
        if size > room:
            kept.append((set_cell_size(text, room), style))
            break
        kept.append((text, style))
        room -= size
    return (*kept, (MORE if width else "", BORDER))


def columns(header: Sequence[str], rows: Sequence[Sequence[Span | Row]], width: int) -> list[Row]:
    """Figures under their names: the first column to the left, the others to the right, what is over between them."""
    cells = [[_row_of((name, BORDER)) for name in header], *([_row_of(cell) for cell in row] for row in rows)]
    widths = [max((row_width(row[i]) for row in cells if i < len(row)), default=0) for i in range(len(header))]
    gap = max(1, min(4, (width - sum(widths)) // max(1, len(widths) - 1)))
    return [fit(_aligned(row, widths, gap), width) for row in cells]


def _row_of(cell: Span | Row) -> Row:
    first = cell[0] if cell else ("", "")
    if isinstance(first, str):
        return ((first, str(cell[1])),)
    return tuple(span for span in cell if isinstance(span, tuple))


def _aligned(row: Sequence[Row], widths: Sequence[int], gap: int) -> Row:
    spans: list[Span] = []
    for number, (cell, width) in enumerate(zip(row, widths, strict=False)):
        blank = (" " * (width - row_width(cell)), "")
        spans += [*cell, blank] if number == 0 else [(" " * gap, ""), blank, *cell]
    return tuple(spans)


def frame(title: str, body: Iterable[Row], width: int, note: str = "") -> list[Row]:
    """The body inside a border, with its title above and a note below; the whole `width` wide."""
    inner = width - 4
    top = fit(((f"─ {title} ", TITLE),), 0) if inner <= 0 else ((f" {title} ", TITLE),)
    filled = max(0, width - 3 - row_width(top))
    lines: list[Row] = [(("╭─", BORDER), *top, ("─" * filled + "╮", BORDER))]
    lines += [(("│ ", BORDER), *fit(row, max(0, inner)), (" │", BORDER)) for row in body]
    said = f" {set_cell_size(note, min(cell_len(note), max(0, inner - 2)))} " if note else ""
    lines.append((("╰" + "─" * max(0, width - 3 - cell_len(said)), BORDER), (said, BORDER), ("─╯", BORDER)))
    return [fit(line, width) for line in lines]


def beside(left: list[Row], right: list[Row], widths: tuple[int, int]) -> list[Row]:
    """Two blocks next to each other; the shorter one is filled with blank rows."""
    blanks: tuple[Row, Row] = (((" " * widths[0], ""),), ((" " * widths[1], ""),))
    return [(*(one or blanks[0]), *(two or blanks[1])) for one, two in zip_longest(left, right)]


def _has_ground(words: str) -> bool:
    """Whether blanks look different in this style."""
    return " on " in words


class Palette:
    """Styles by their words, each parsed once."""

    def __init__(self) -> None:
        self._styles: dict[str, Style] = {}

    def segments(self, row: Row) -> list[Segment]:
        """The row as rich takes it, in as few segments as its colours allow: each costs the redraw microseconds."""
        merged: list[tuple[str, str]] = []
        for text, words in row:
            before, worn = merged[-1] if merged else ("", "")
            if merged and (words == worn or (text.isspace() and not _has_ground(worn) and not _has_ground(words))):
                merged[-1] = (before + text, worn)
            elif text:
                merged.append((text, words))
        return [Segment(text, self._style(words)) for text, words in merged]

    def _style(self, words: str) -> Style:
        found = self._styles.get(words)
        if found is None:
            found = self._styles[words] = Style.parse(words)
        return found
