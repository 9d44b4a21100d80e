"""Notices as lines of JSON in a file, for a program that watches it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from dnbot.operate.plugins import AlertNotice, PluginContext


class Line(msgspec.Struct, frozen=True):
    """One line."""

    symbol: str
    mode: str
    notice: AlertNotice


class FileChannel:
    """`options = { path = "notices.jsonl" }`: a file that can be appended to; its folder must be there."""

    protocol = 1

    def __init__(self, context: PluginContext) -> None:
        unknown = set(context.options) - {"path"}
        if unknown or not context.options.get("path"):
            raise ValueError(f'options are {{ path = "FILE" }}, found {dict(context.options)}')
        self.path = Path(str(context.options["path"]))
        self.symbol, self.mode = context.symbol, context.mode
        self.path.open("ab").close()  # what cannot be written is found at the start of a run, not at the first alert

    def tell(self, notice: AlertNotice) -> bool:
        """A full disk may be empty again in ten seconds, when the notice comes once more."""
        try:
            with self.path.open("ab") as file:
                file.write(msgspec.json.encode(Line(self.symbol, self.mode, notice)) + b"\n")
        except OSError:
            return False
        return True
