"""Faults as people write them: on a command line, and in TOML or JSON files."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from .faults import Fault, FaultPlan, FaultRefused
from .faults_catalogue import KINDS, checked
from .faults_kinds import FaultKind


def parse_fault(text: str) -> Fault:
    """``NAME`` or ``NAME:key=value,...``, such as ``reply_lost:venue=mexc_spot,path=creates,on_nth=2``.

    Raises FaultRefused.
    """
    name, _, rest = text.partition(":")
    data: dict[str, Any] = {}
    for part in rest.split(",") if rest else ():
        key, equals, value = part.partition("=")
        if not equals or not key or key in data:
            raise FaultRefused(f"{text!r}: {part!r} is not key=value, or comes twice")
        data[key.strip()] = value.strip()
    return checked(Fault.from_data(data | {"name": name}))


def read_plan(path: Path) -> FaultPlan:
    """A plan from a TOML or (``.json``) JSON file: a seed and ``[[fault]]`` tables. Raises FaultRefused, OSError."""
    text = path.read_text(encoding="utf-8")
    try:
        data = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except ValueError as error:
        raise FaultRefused(f"{path}: {error}") from None
    if not isinstance(data, dict):
        raise FaultRefused(f"{path}: a plan is a table with a seed and faults")
    plan = FaultPlan.from_data(data)
    for fault in plan.faults:
        checked(fault)
    return plan


def list_faults() -> str:
    """One line per fault: name, code, where it strikes, what it does, and its options with their defaults."""
    width = max(len(name) for name in KINDS)
    return "\n".join(
        f"{kind.name:{width}}  {kind.code}  {kind.scope:7}  {kind.what}{_options(kind)}" for kind in KINDS.values()
    )


def _options(kind: FaultKind) -> str:
    if not kind.options:
        return ""
    return " [" + ", ".join(f"{name}={value}" for name, value in kind.options.items()) + "]"
