"""Which settings are tried: axes, and cells of their values, by a grid or by chance.

Every cell is a whole configuration that was checked before anything runs.
"""

from __future__ import annotations

import itertools
import math
import random
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from dnbot.config import Settings, strategy_kind, with_strategy
from dnbot.domain.errors import ConfigError
from dnbot.research.axis import Axis, listed, ranged
from dnbot.research.trial import settings_digest
from dnbot.strategy.parameters import StrategyParameters

CELLS_MAX = 2_000
CONFIGURED = "as configured"
_TABLE = "strategy"
_KEYS = ("draws", "seed", _TABLE)


@attrs.frozen
class Space:
    """What to try: every combination of the axes' values, or `draws` of them by chance."""

    axes: tuple[Axis, ...]
    draws: int | None = None
    seed: int = 1

    def combinations(self) -> Iterator[dict[str, str]]:
        """Values by key, in an order that follows from the space alone; draws may be equal."""
        if self.draws is None:
            for values in itertools.product(*(axis.grid() for axis in self.axes)):
                yield {axis.key: value for axis, value in zip(self.axes, values, strict=True)}
            return
        rng = random.Random(self.seed)
        for _ in range(self.draws):
            yield {axis.key: axis.draw(rng) for axis in self.axes}


@attrs.frozen(eq=False)
class Cell:
    """Settings that are tried. `values` are those that were varied; number 0 is the configuration as it is."""

    number: int
    values: Mapping[str, str]
    params: StrategyParameters
    digest: str

    @property
    def name(self) -> str:
        """Such as `inventory_ratio=0.5 leverage=2`."""
        told = name_of(self.values)
        return told if self.number else f"{told} ({CONFIGURED})" if told else CONFIGURED


def name_of(values: Mapping[str, str]) -> str:
    """How the varied settings of a cell are told."""
    return " ".join(f"{key}={value}" for key, value in values.items())


@attrs.frozen
class Cells:
    """All that is tried: the configuration as it is first, then the space. Each has settings of its own."""

    space: Space
    cells: tuple[Cell, ...]
    left_out: int
    """Combinations that no configuration may have."""
    repeated: int
    """Combinations that came to the settings of an earlier cell."""


def space_of(path: Path | None, texts: Iterable[str], draws: int | None, seed: int | None) -> Space:
    """The space of a file and of `key=a,b,c` texts, which replace keys of the file; `draws` and `seed` replace its own.

    Raises:
        ConfigError: naming file or option, key, what was found and what is allowed.
    """
    raw = {} if path is None else _read(path)
    axes = {key: _axis(str(path), key, value) for key, value in raw.get(_TABLE, {}).items()}
    for text in texts:
        key, equals, values = text.partition("=")
        if not equals:
            raise ConfigError("--param", "key", text, "KEY=VALUE,VALUE,...")
        axes[key.strip()] = listed("--param", key.strip(), [value.strip() for value in values.split(",")])
    draws = raw.get("draws") if draws is None else draws
    space = Space(tuple(axes.values()), draws, seed if seed is not None else raw.get("seed", 1))
    _need_size(space, str(path or "--param"))
    return space


def cells_of(space: Space, settings: Settings, *, skip_invalid: bool = False) -> Cells:
    """Every combination as checked settings.

    Raises:
        ConfigError: one that no configuration may have, unless those are to be skipped.
    """
    first = Cell(0, {}, settings.strategy, settings_digest(settings.strategy))
    cells, left_out, repeated = {first.digest: first}, 0, 0
    for values in space.combinations():
        try:
            params = with_strategy(f"cell {name_of(values)}", settings, _typed(values)).strategy
        except ConfigError:
            if not skip_invalid:
                raise
            left_out += 1
            continue
        digest = settings_digest(params)
        known = cells.get(digest)
        if known is None:
            cells[digest] = Cell(len(cells), values, params, digest)
        elif known is first and not known.values:
            cells[digest] = attrs.evolve(first, values=values)  # the configuration is a cell of the space
        else:
            repeated += 1
    return Cells(space, tuple(cells.values()), left_out, repeated)


def _typed(values: Mapping[str, str]) -> dict[str, Any]:
    """As a file has them. A text that is none of its key's type stays, and is refused with it."""
    found: dict[str, Any] = {}
    for key, text in values.items():
        kind = strategy_kind(key)
        if kind is int and text.lstrip("-").isdecimal():
            found[key] = int(text)
        else:
            found[key] = {"true": True, "false": False}.get(text, text) if kind is bool else text
    return found


def _read(path: Path) -> dict[str, Any]:
    where = str(path)
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(where, "file", error.strerror, "a readable TOML file") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(where, "file", str(error), "TOML, in UTF-8") from None
    for key, value in raw.items():
        if key not in _KEYS:
            raise ConfigError(where, key, "an unknown key", f"{', '.join(_KEYS)}")
        if not isinstance(value, dict if key == _TABLE else int) or isinstance(value, bool):
            raise ConfigError(where, key, value, "a table" if key == _TABLE else "a whole number")
    return raw


def _axis(where: str, key: str, value: Any) -> Axis:
    if isinstance(value, dict):
        return ranged(where, key, value)
    return listed(where, key, value if isinstance(value, list) else [value])


def _need_size(space: Space, where: str) -> None:
    if not space.axes:
        raise ConfigError(where, "axes", "none", "--space FILE, or --param KEY=VALUE,VALUE,... once and more")
    if space.draws is not None:
        if not 1 <= space.draws <= CELLS_MAX:
            raise ConfigError(where, "draws", space.draws, f"1 to {CELLS_MAX}")
        return
    for axis in space.axes:
        if not axis.grid():
            raise ConfigError(where, axis.key, "a range without steps", "steps = N for a grid, or draws = N for chance")
    count = math.prod(len(axis.grid()) for axis in space.axes)
    if count > CELLS_MAX:
        allowed = f"at most {CELLS_MAX}; draws = N tries some by chance"
        raise ConfigError(where, "cells", f"{count} combinations", allowed)
