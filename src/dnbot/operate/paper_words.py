"""The words that stand wherever figures of a pretended account are shown as results."""

from __future__ import annotations

PAPER = "PAPER, NO REAL TRADE"


def marked(mode: str) -> str:
    """What stands before a result of a run in that mode; nothing where it is real, or its market said to be none."""
    return f"{PAPER}: " if mode == "paper" else ""
