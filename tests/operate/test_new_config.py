"""A file with every key, each with its unit and meaning; and the page that says the same."""

from __future__ import annotations

import ast
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from dnbot.config import SECTIONS, PluginSettings, PluginUse, TransferSettings, load_settings, parse_settings
from dnbot.config.rules import check_to_trade
from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Venue
from dnbot.operate.new_config import (
    EXAMPLES,
    REHEARSAL,
    complete_config,
    configuration_page,
    new_config,
    rehearsal_config,
)
from dnbot.operate.places import FakesAddress
from dnbot.operate.setting_words import SECTION_WORDS, WORDS
from dnbot.resources import config_dir
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.transfer_plan import Network

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "dnbot"


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_is_explained(section: str) -> None:
    """Each key of each section has its unit and one line, and no line explains a key that does not exist."""
    keys = set(SECTIONS[section].__struct_fields__) - set(SECTIONS)
    assert set(WORDS[section]) == keys
    assert SECTION_WORDS[section]
    assert [name for name, words in WORDS[section].items() if not (words.unit and words.text.endswith("."))] == []


@pytest.mark.parametrize("mode", EXAMPLES)
def test_a_new_config_is_valid_and_complete(mode: str) -> None:
    """What is written passes validation, means the same as the shipped example, and names every strategy parameter."""
    text = new_config(mode)
    assert parse_settings("new", text) == load_settings(config_dir() / EXAMPLES[mode])
    assert parse_settings("new", text).mode == mode
    check_to_trade("new", parse_settings("new", text))
    lines = re.findall(r"^(?:# )?([a-z_]+) = ", text, re.MULTILINE)
    missing = [key for key in StrategyParameters.__struct_fields__ if lines.count(key) != 1]
    assert missing == []
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("mode", EXAMPLES)
def test_a_default_may_be_uncommented(mode: str) -> None:
    """Taking the # from every key that has a value changes nothing: what is shown as the default is the default."""
    text = new_config(mode)
    lines = [re.sub(r'^# ([a-z_]+ = (?!"\.\.\."))', r"\1", line) for line in text.splitlines()]
    assert parse_settings("new", "\n".join(lines)) == parse_settings("new", text)


ADDRESS = FakesAddress(
    gate_rest="https://127.0.0.1:4001/api/v4", gate_ws_spot="wss://127.0.0.1:4001/ws/v4/",
    gate_ws_futures="wss://127.0.0.1:4001/v4/ws/futures/usdt", mexc_rest="https://127.0.0.1:4002",
    mexc_ws="wss://127.0.0.1:4002/ws", key="a-key", secret="a-secret", uid="1", ca_file="/tmp/ca.pem",
)


def test_a_rehearsal_is_the_live_example_on_fakes() -> None:
    """Valid as it is written, with the fakes' addresses, a state folder of its own, and without their key."""
    text = rehearsal_config(ADDRESS)
    assert ADDRESS.key not in text
    assert ADDRESS.secret not in text
    settings, live = parse_settings("new", text), load_settings(config_dir() / EXAMPLES["live"])
    check_to_trade("new", settings)
    assert settings.gate.ws_futures_url == "wss://127.0.0.1:4001/v4/ws/usdt"
    assert (settings.gate.rest_url, settings.mexc.ws_url) == (ADDRESS.gate_rest, ADDRESS.mexc_ws)
    assert settings.state_dir == REHEARSAL
    changed = {"gate": live.gate, "mexc": live.mexc, "state_dir": live.state_dir}
    assert msgspec.structs.replace(settings, **changed) == live


def test_fakes_without_tls_are_no_rehearsal() -> None:
    """Live mode speaks TLS alone, and the sentence says how to get it."""
    with pytest.raises(ConfigError, match="dnbot fakes --tls"):
        rehearsal_config(msgspec.structs.replace(ADDRESS, ca_file=""))


def test_a_live_file_begins_as_a_canary() -> None:
    """Who changes nothing trades the least."""
    assert parse_settings("new", new_config("live")).profile == "canary"


def test_a_key_that_is_not_set_cannot_be_uncommented_by_mistake() -> None:
    """The dots of an unset key are no number."""
    text = new_config("live").replace("# delta_tolerance_base", "delta_tolerance_base")
    with pytest.raises(ConfigError, match=r"delta_tolerance_base: found '\.\.\.'"):
        parse_settings("new", text)


@pytest.mark.parametrize("mode", ["paper", "live"])
def test_the_complete_examples_are_what_new_config_writes(mode: str) -> None:
    """One form: the shipped example is made by the command."""
    path = config_dir() / EXAMPLES[mode]
    assert path.read_text(encoding="utf-8") == complete_config(load_settings(path))


def test_networks_are_written_as_they_are_read() -> None:
    """What was declared of transfers comes back the same."""
    network = Network(
        asset="USDT", source=Venue.GATE_SPOT, target=Venue.MEXC_SPOT, network='T"20', fee=Decimal("0.50"),
        minimum=Decimal(10),
    )
    settings = load_settings(config_dir() / EXAMPLES["live"])
    transfers = TransferSettings(least_pct=Decimal(7), networks=(network, Network(
        asset="BTC", source=Venue.MEXC_SPOT, target=Venue.GATE_SPOT, network="B", fee=Decimal(0), minimum=Decimal(1)
    )))
    changed = msgspec.structs.replace(settings, transfers=transfers)
    assert parse_settings("written", complete_config(changed)) == changed


def test_plugins_are_written_as_they_are_read() -> None:
    """With their options, whatever is in a key or a value."""
    settings = load_settings(config_dir() / EXAMPLES["live"])
    plugins = PluginSettings(load=(
        PluginUse(kind="alerts", name="mail", options={"to": 'a"b', "ä b": 5, "loud": True}, secret="MAIL_PASSWORD"),
        PluginUse(kind="analytics", name="capture", timeout_ms=500, faults_max=1),
    ))
    changed = msgspec.structs.replace(settings, plugins=plugins)
    assert parse_settings("written", complete_config(changed)) == changed


def test_the_page_of_the_configuration_is_true() -> None:
    """docs/configuration.md is what the code says."""
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == configuration_page()


def attributes(tree: ast.AST) -> set[str]:
    """Names of all attributes that are read below a node."""
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions below a node."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


@pytest.mark.slow
def test_no_key_is_without_effect() -> None:
    """Each parameter is read by something that runs.

    Read is: by its name, or by a property or method of the parameters; outside validation and settings, and outside
    functions that nothing names.
    """
    names = set(StrategyParameters.__struct_fields__)
    declared = ast.parse((SRC / "strategy" / "parameters.py").read_text(encoding="utf-8"))
    through = {function.name: attributes(function) & names for function in functions(declared)}
    apart = ("strategy/parameters.py", "strategy/fitting.py", "config/", "fakes/", "operate/setting_words.py")
    files = [path for path in SRC.rglob("*.py") if not path.relative_to(SRC).as_posix().startswith(apart)]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in files]
    named = {n.id for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Name)}
    named |= {name for tree in trees for name in attributes(tree)}
    idle = [f for tree in trees for f in functions(tree) if f.name not in named and not f.decorator_list]
    read: Counter[str] = Counter()
    for sign, places in ((1, trees), (-1, idle)):
        for place in places:
            for node in ast.walk(place):
                if isinstance(node, ast.Attribute):
                    read.update(dict.fromkeys({node.attr} | through.get(node.attr, set()), sign))
    assert [name for name in StrategyParameters.__struct_fields__ if read[name] <= 0] == []
