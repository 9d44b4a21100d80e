"""`dnbot new-config`: a configuration with every key in it, each with its unit and meaning; and the page of them all.

Values come from the examples that ship with dnbot, everything else from the structs and from `setting_words`.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from dnbot.config import SECTIONS, Settings, load_settings
from dnbot.config.rules import check_settings
from dnbot.domain.errors import ConfigError
from dnbot.domain.units import plain
from dnbot.domain.word import Word
from dnbot.operate.places import FakesAddress
from dnbot.operate.setting_words import SECTION_WORDS, WORDS, Words
from dnbot.resources import config_dir

WIDTH = 118
REHEARSAL = ".dnbot-rehearsal"
"""Where a rehearsal keeps its state: its ledger is not that of the real accounts."""
EXAMPLES = {"sim": "demo.toml", "paper": "paper.example.toml", "live": "live.example.toml"}
_ALONE = {"fakes": "sim", "paper": "paper"}
"""Sections that one mode alone reads."""
_HEAD = {
    "sim": "# Fake exchanges on loopback and an invented market: nothing here can lose money.\n",
    "paper": (
        "# Paper trading: the real books, pretended orders and money. No key is read, whatever stands below.\n"
        "# docs/paper.md says what this shows and what it does not.\n"
    ),
    "live": (
        "# Live trading: real exchanges, real money. Read docs/operations.md, then run `dnbot check --config FILE`.\n"
        "# Keys never stand in this file: it names the environment variables that hold them. Let them read and trade,\n"
        "# never withdraw.\n"
    ),
}
_NUMBERS = (
    "# Money, sizes, rates and ratios are in quotes, so that no float stands for money; counts and times are not.\n"
    "# 1 bps is 0.01 %. A key behind # is at its default; take the # away to change it. Unknown keys are errors.\n"
)


def new_config(mode: str) -> str:
    """A complete, valid configuration file for a mode, as text; raises KeyError for one that does not exist."""
    return complete_config(load_settings(config_dir() / EXAMPLES[mode]))


def rehearsal_config(address: FakesAddress, mode: str = "live") -> str:
    """That mode's example with the addresses of fakes that serve TLS, and a state folder of its own.

    Raises:
        ConfigError: the fakes do not serve TLS, which venues always speak.
    """
    if not address.ca_file:
        raise ConfigError("fakes", "ca_file", "nothing", "the line of `dnbot fakes --tls`: venues speak TLS alone")
    live = load_settings(config_dir() / EXAMPLES[mode])
    gate = msgspec.structs.replace(
        live.gate, rest_url=address.gate_rest, ws_spot_url=address.gate_ws_spot, ca_file=address.ca_file,
        ws_futures_url=_at_the_path_of(live.gate.ws_futures_url, address.gate_ws_futures),
    )
    mexc = msgspec.structs.replace(
        live.mexc, rest_url=address.mexc_rest, ws_url=address.mexc_ws, ca_file=address.ca_file
    )
    settings = msgspec.structs.replace(live, state_dir=REHEARSAL, gate=gate, mexc=mexc)
    check_settings("the fakes' line", settings)
    return complete_config(settings)


def _at_the_path_of(real: str, given: str) -> str:
    """The fakes serve the venue's own path too, and name another."""
    return urlunsplit(urlsplit(given)._replace(path=urlsplit(real).path))


def complete_config(settings: Settings) -> str:
    """The settings as a file with every key and its explanation."""
    parts = [_HEAD[settings.mode] + _NUMBERS]
    for section in SECTIONS:
        if settings.mode != _ALONE.get(section, settings.mode):
            continue
        part = getattr(settings, section) if section else settings
        head = f"# --- {SECTION_WORDS[section]}" + (f"\n[{section}]" if section else "")
        parts.append("\n".join([head, *_section_lines(section, part)]) + "\n")
    return "\n".join(parts)


def _section_lines(section: str, part: msgspec.Struct) -> Iterator[str]:
    fields = {field.name: field for field in msgspec.structs.fields(part)}
    for name, words in WORDS[section].items():
        value = getattr(part, name)
        default = _default_of(fields[name])
        at_default = value == default and value is not msgspec.NODEFAULT
        yield ""
        yield from textwrap.wrap(_explained(words), WIDTH, initial_indent="# ", subsequent_indent="#   ")
        yield f"{'# ' if at_default else ''}{name} = {_toml(value)}"


def _explained(words: Words) -> str:
    unset = f" While not set: {words.unset}." if words.unset else ""
    return f"[{words.unit}] {words.text}{unset}"


def _toml(value: Any) -> str:
    """A value as TOML; dots for one that is not set, which no number may be."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(_table(msgspec.structs.asdict(one)) for one in value) + "]"
    if isinstance(value, dict):
        return _table({json.dumps(name, ensure_ascii=False): one for name, one in value.items()})
    if isinstance(value, Word):
        return json.dumps(value.value)
    text = "..." if value is None else plain(value) if isinstance(value, Decimal) else str(value)
    return json.dumps(text, ensure_ascii=False)


def _default_of(field: msgspec.structs.FieldInfo) -> Any:
    """NODEFAULT where there is none."""
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def _table(values: dict[str, Any]) -> str:
    if not values:
        return "{}"
    return "{ " + ", ".join(f"{name} = {_toml(value)}" for name, value in values.items()) + " }"


# --- the page ---------------------------------------------------------------------------------------------------------
_PAGE = """\
# Configuration

Made from `src/dnbot/operate/setting_words.py` and the defaults in the code; a test keeps this page true.
`dnbot new-config --mode live` writes a file with every key, and `dnbot check --config FILE` says what it means at the
venues. A mistake in a file ends the command with exit code 2 and one sentence: file, key, what was found, what is
allowed.

- Money, sizes, rates and ratios are strings (`"0.02"`): a float is refused. Counts and times are plain numbers.
- Units are in the names: `_bps` basis points (1 bps is 0.01 %), `_pct` percent, `_ms` milliseconds, `_base` the coin
  itself, `_quote` what it is paid in. A value that makes sense only in another unit is refused with both readings.
- Secrets are never in the file: it names environment variables. `NAME` holds the secret itself, or `NAME_FILE` the
  path of a file that only its owner can read (mode 0400 or 0600), or one of root's that a group of ours can (0440).
- Unknown keys are errors, and their values are not repeated.
"""


def configuration_page() -> str:
    """docs/configuration.md."""
    lines = _PAGE.splitlines()
    for section, struct in SECTIONS.items():
        title = f"## [{section}]" if section else "## Above all sections"
        lines += ["", title, "", f"{SECTION_WORDS[section]}.", ""] if section else ["", title, ""]
        lines += ["| key | unit | default | meaning |", "| --- | --- | --- | --- |"]
        fields = {field.name: field for field in msgspec.structs.fields(struct)}
        lines += [_row(name, words, _default_of(fields[name])) for name, words in WORDS[section].items()]
    return "\n".join(lines) + "\n"


def _row(name: str, words: Words, default: Any) -> str:
    if default is msgspec.NODEFAULT:
        shown = "must be set"
    elif default is None:
        shown = words.unset
    elif default == "":
        shown = "empty"
    else:
        shown = f"`{_toml(default)}`"
    return f"| `{name}` | {words.unit.replace('|', 'or')} | {shown} | {words.text} |"
