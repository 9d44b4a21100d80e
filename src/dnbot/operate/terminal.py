"""The picture of a bot for a terminal, panel by panel, and the same as SVG or plain text."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.text import Text

from dnbot.operate import terminal_panels as panels
from dnbot.operate.plugin_words import READY
from dnbot.operate.status import Status
from dnbot.operate.terminal_blocks import Palette, Row, beside
from dnbot.ports.redaction import escape_text

WIDE = 120
"""From this many columns on, panels stand side by side."""
NARROWEST = 40
"""Below this a row is cut by the terminal rather than by us."""
SVG_WIDTH = 132
LEFT_SHARE = 0.52

Draw = Callable[[Status, int], list[Row]]
_NARROW: tuple[tuple[Draw, ...], ...] = (
    (panels.head,), (panels.standing,), (panels.alerts,), (panels.pairs,), (panels.executions,), (panels.holdings,),
    (panels.profit,), (panels.health,),
)
_WIDE: tuple[tuple[Draw, ...], ...] = (
    (panels.head,), (panels.standing,), (panels.pairs, panels.holdings), (panels.executions, panels.profit),
    (panels.health,), (panels.alerts,),
)
_LEAST_FIRST: tuple[Draw, ...] = (
    panels.health, panels.profit, panels.holdings, panels.executions, panels.pairs, panels.alerts, panels.standing,
)
"""What a low terminal goes without; a pair of panels goes with its left one."""


class Picture:
    """Rows that are drawn already: showing them costs little more than writing them."""

    def __init__(self, rows: list[Row], palette: Palette) -> None:
        self.rows = rows
        self._palette = palette

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for number, row in enumerate(self.rows):
            if number:
                yield Segment.line()
            yield from self._palette.segments(row)


def draw(status: Status, width: int, height: int | None = None) -> Iterator[list[Row]]:
    """Panel by panel, so that the caller can let others run between two; the last one yielded is the whole picture.

    With a `height` the least important panels are left out until it fits.
    """
    width = max(NARROWEST, width)
    blocks: dict[Draw, list[Row]] = {}
    for band in _WIDE if width >= WIDE else _NARROW:
        if len(band) == 1:
            blocks[band[0]] = band[0](status, width)
        else:
            left = int(width * LEFT_SHARE)
            first = band[0](status, left)
            yield first
            blocks[band[0]] = beside(first, band[1](status, width - left), (left, width - left))
        yield blocks[band[0]]
    for panel in _LEAST_FIRST:
        if height is None or sum(map(len, blocks.values())) <= height:
            break
        blocks.pop(panel, None)
    yield [row for rows in blocks.values() for row in rows]


def whole(status: Status, width: int, height: int | None = None) -> list[Row]:
    """The whole picture at once."""
    *_, rows = draw(status, width, height)
    return rows


def render_svg(status: Status, *, width: int = SVG_WIDTH) -> str:
    """The picture as an SVG that loads nothing from anywhere: whoever looks at it uses a font of his own."""
    console = Console(file=io.StringIO(), record=True, width=width, force_terminal=True, color_system="truecolor")
    console.print(Picture(whole(status, width), Palette()))
    return re.sub(r"@font-face \{.*?\}\n?", "", console.export_svg(title="dnbot run"), flags=re.DOTALL)


def print_status(status: Status) -> None:
    """The picture once, on standard output, in colours where that is a terminal; with the state of every child."""
    console = Console(highlight=False)
    console.print(Picture(whole(status, console.width), Palette()))
    console.print()  # the picture ends without a line end, for the screen that it fills
    for child in status.children:
        doing = "runs" if child.running else "RESTARTING"
        last = f": {child.last_error}" if child.last_error else ""
        text = escape_text(f"{child.name:<24} {doing}, {child.restarts} restarts{last}")
        console.print(Text(text, "" if child.running else "yellow"), soft_wrap=True)
    for plugin in status.plugins:
        last = f": {plugin.last_fault}" if plugin.last_fault else ""
        text = escape_text(f"plugin:{plugin.name:<17} {plugin.state}, {plugin.faults} faults{last}")
        console.print(Text(text, "" if plugin.state == READY else "yellow"), soft_wrap=True)


def render_text(status: Status, *, width: int) -> str:
    """The picture without colours."""
    return "\n".join("".join(text for text, _ in row).rstrip() for row in whole(status, width)) + "\n"
