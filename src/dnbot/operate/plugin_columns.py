"""Columns that plugins add to the list of trades. A plugin that is off or late leaves its cells empty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import msgspec
import trio

from dnbot.operate.plugin_host import PluginHost
from dnbot.operate.plugin_words import Cells, Compute, cells_problem
from dnbot.operate.plugins import TradeRow

Row = dict[str, Any]
BESIDE = "plugins"
"""The key of a row under which its further cells are."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """A further column, as pages draw it."""

    key: str
    """`PLUGIN.KEY`."""
    title: str
    is_number: bool
    plugin: str


@attrs.frozen
class TradeColumns:
    """Of the plugins of a run; those that are not loaded yet have none."""

    hosts: Sequence[PluginHost] = ()

    def heads(self) -> list[Head]:
        """In the order of the configuration."""
        return [
            Head(key=f"{host.use.name}.{one.key}", title=one.title, is_number=one.is_number, plugin=host.use.name)
            for host in self.hosts for one in host.columns
        ]

    async def beside(self, rows: Sequence[Row]) -> list[Row]:
        """The rows of `Readings.trades`, each with its further cells by the keys of the columns."""
        found = [dict[str, str | None]() for _ in rows]
        asked = tuple(msgspec.convert(row, TradeRow) for row in rows)

        async def fill(host: PluginHost) -> None:
            keys = [f"{host.use.name}.{one.key}" for one in host.columns]
            answer = await host.ask(Compute(asked), Cells, lambda one: cells_problem(one.rows, len(asked), len(keys)))
            for beside, cells in zip(found, answer.rows if answer is not None else (), strict=False):
                beside.update(zip(keys, cells, strict=True))

        if rows:
            async with trio.open_nursery() as nursery:
                for host in self.hosts:
                    nursery.start_soon(fill, host)
        return [{**row, BESIDE: cells} for row, cells in zip(rows, found, strict=True)]
