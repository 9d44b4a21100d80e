"""Which markets can do what a fault asks for: outsiders who follow a script, a venue or a recording cannot be bent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .faults import Fault, FaultRefused

if TYPE_CHECKING:
    from .running import World

OF_OUTSIDERS = frozenset(
    {"price_jumps", "funding_changes", "liquidity_gone", "market_halted", "price_offset", "edge_spoofed"}
)
"""Faults of invented outsiders, prices and rates."""


def refuse_unfit(fault: Fault, world: World) -> None:
    """Raise FaultRefused for a fault that would be written down as struck and change nothing in this world."""
    why = _unfit(fault.name, world) if fault.name in OF_OUTSIDERS else ""
    if why:
        raise FaultRefused(f"{fault.name} cannot be here: {why}")


def _unfit(name: str, world: World) -> str:
    if world.script is not None:
        return "a scripted market does what its script says and nothing else"
    if world.mirror is not None:
        return "a mirrored market shows the venue's own books and rates"
    for symbol, model in world.models.items():
        if model.source is None:
            continue
        if name == "price_jumps":
            return f"the price of {symbol} is recorded"
        if name == "funding_changes" and model.source.funding_rate(model.elapsed_s) is not None:
            return f"the funding rate of {symbol} is recorded"
    return ""
