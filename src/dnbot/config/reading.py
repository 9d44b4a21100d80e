"""TOML into structs; every mistake is named with its file, key, what was found, what is allowed.

Money, sizes, rates and ratios are written as strings ("0.02"), so that no float ever stands for money. A value that
may be a secret in the wrong place is never repeated.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from dnbot.config.rules import check_settings
from dnbot.config.settings import ROWS, SECTIONS, Settings
from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Symbol
from dnbot.domain.units import parse_decimal

HIDDEN = "a value that is not shown"
_HIDDEN_SECTIONS = (["gate"], ["mexc"], ["second_spot"], ["database"], ["alerts"], ["traces"], ["plugins"])
_KINDS = {
    "int": "a whole number without quotes", "str": "text in quotes", "bool": "true or false without quotes",
    "decimal": 'a number in quotes, such as "0.5"', "object": "a table",
}
_FORMS = (
    ("_bps", 'basis points in quotes, such as "3" (1 bps is 0.01 %, so 0.1 % is "10")'),
    ("_pct", 'percent in quotes, such as "2" for 2 %, without the sign'),
    ("_quote", 'an amount in the quote coin in quotes, such as "500"'),
    ("_base", 'an amount in the base coin in quotes, such as "0.05"'),
    ("", 'a number in quotes, such as "0.5"'),
)


def load_settings(path: Path) -> Settings:
    """Read and check a file.

    Raises:
        ConfigError: naming the file and the key.
    """
    where = str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(where, "file", error.strerror, "a readable TOML file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(where, "file", f"not UTF-8 at byte {error.start}", "TOML, which is UTF-8") from None
    return parse_settings(where, text)


def parse_settings(where: str, text: str) -> Settings:
    """Read and check the content of a file named `where`; errors as `load_settings`."""
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # beside its own error, the parser lets Python's limits through
        raise ConfigError(where, "file", str(error), "TOML") from None
    return _settings(where, raw)


def with_strategy(where: str, settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """These settings with other values of `[strategy]`, in the types of a file, read and checked as those of one.

    Errors as `load_settings`, about `where`.
    """
    raw = msgspec.to_builtins(settings, str_keys=True)
    raw["strategy"] |= {"symbol": str(settings.strategy.symbol)} | dict(changes)
    return _settings(where, raw)


def strategy_kind(name: str) -> type | None:
    """What a value of this key of `[strategy]` is: Decimal, int, str or bool; None for the symbol and unknown keys."""
    return _KINDS_OF["strategy"].get(name)


def _settings(where: str, raw: dict[str, Any]) -> Settings:
    _refuse_unknown(where, raw)
    _refuse_floats(where, raw)
    _refuse_strange_numbers(where, raw)
    try:
        settings = msgspec.convert(_with_symbol(where, raw), Settings)
    except msgspec.ValidationError as error:
        raise _translated(where, str(error), raw) from None
    check_settings(where, settings)
    return settings


def _tables(raw: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Every section that is a table, with the prefix of its keys."""
    inner = ((name, raw.get(name)) for name in SECTIONS if name)
    found = [("", raw), *((f"{name}.", table) for name, table in inner if isinstance(table, Mapping))]
    for name in ROWS:
        section, _, key = name.partition(".")
        rows = raw[section].get(key) if isinstance(raw.get(section), Mapping) else None
        if isinstance(rows, list):
            found += [(f"{name}.", row) for row in rows if isinstance(row, Mapping)]
    return found


def _struct_of(prefix: str) -> type[msgspec.Struct]:
    """What the table with keys of this prefix becomes."""
    name = prefix.rstrip(".")
    return ROWS.get(name) or SECTIONS[name]


def _refuse_unknown(where: str, raw: Mapping[str, Any]) -> None:
    for prefix, table in _tables(raw):
        known = _struct_of(prefix).__struct_fields__
        for name in table:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                allowed = f"{prefix}{near[0]}?" if near else ", ".join(known)
                raise ConfigError(where, f"{prefix}{name}", "an unknown key", allowed)


def _refuse_floats(where: str, raw: Mapping[str, Any]) -> None:
    for prefix, table in _tables(raw):
        for name, value in table.items():
            if isinstance(value, float):
                whole = _kind(prefix, name) is int
                allowed = _KINDS["int"] if whole else f'a string such as "{value}": no float stands for money here'
                raise ConfigError(where, f"{prefix}{name}", value, allowed)


def _refuse_strange_numbers(where: str, raw: Mapping[str, Any]) -> None:
    """`Decimal` would also read NaN, infinities, underscores and blanks."""
    for prefix, table in _tables(raw):
        for name, value in table.items():
            if _kind(prefix, name) is not Decimal or not isinstance(value, str):
                continue
            try:
                parse_decimal(value)
            except ValueError:
                raise ConfigError(where, f"{prefix}{name}", value, form_of(name)) from None


def form_of(name: str) -> str:
    """How the number of this key is written."""
    return next(form for part, form in _FORMS if part in name)


def _kind(prefix: str, name: str) -> type | None:
    """The type of a key's value, None left aside; Decimal, int, str, bool, and None for a section."""
    return _KINDS_OF[prefix.rstrip(".")].get(name)


def _kinds(struct: type[msgspec.Struct]) -> dict[str, type]:
    return {
        field.name: kind for field in msgspec.structs.fields(struct) for kind in (Decimal, int, str, bool)
        if field.type in (kind, kind | None)
    }


_KINDS_OF = {name: _kinds(struct) for name, struct in {**SECTIONS, **ROWS}.items()}


def _with_symbol(where: str, raw: dict[str, Any]) -> dict[str, Any]:
    """The file says "BTC/USDT"; the struct holds base and quote."""
    strategy = raw.get("strategy")
    if not isinstance(strategy, dict) or "symbol" not in strategy:
        return raw
    try:
        symbol = Symbol.parse(str(strategy["symbol"]))
    except ValueError:
        raise ConfigError(where, "strategy.symbol", strategy["symbol"], "a symbol such as BTC/USDT") from None
    return {**raw, "strategy": {**strategy, "symbol": msgspec.to_builtins(symbol)}}


def _translated(where: str, message: str, raw: Mapping[str, Any]) -> ConfigError:
    """A validation message in our words."""
    problem, _, path = message.partition(" - at `$")
    keys = re.findall(r"[^.\[\]]+", path.rstrip("`"))
    if "missing required field" in problem:
        key = ".".join([*keys, problem.split("`")[1]])
        return ConfigError(where, key, "nothing", "this key has no default and must be set")
    found: Any = raw
    for key in keys:
        if isinstance(found, Mapping):
            found = found.get(key)
        elif isinstance(found, list) and key.isdecimal():
            found = found[int(key)]
    wanted = problem.split("`")[1].split(" | ") if problem.startswith("Expected `") else []
    allowed = " or ".join(_KINDS[kind] for kind in wanted if kind in _KINDS)
    shown = HIDDEN if keys[:1] in _HIDDEN_SECTIONS else found
    return ConfigError(where, ".".join(keys) or "file", shown, allowed or problem)
