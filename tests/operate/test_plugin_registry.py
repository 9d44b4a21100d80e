"""Where plugins are found, without a line of theirs being run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from plugin_packages import EXAMPLES, install, use, visible, write

from dnbot.config import PluginSettings, PluginUse, Settings
from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Symbol
from dnbot.operate.plugin_registry import REGISTERED, PluginRegistry
from dnbot.operate.plugin_set import plugins_of
from dnbot.operate.plugins import AlertNotice, Column, PluginContext, group_of
from dnbot.operate.plugins_command import listed
from dnbot.ports.clock import VirtualClock
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.log import EventLog
from dnbot.strategy.parameters import StrategyParameters

PARAMS = StrategyParameters(symbol=Symbol("BTC", "USDT"), base_position_size=1, max_order_notional_quote=1)
BOOM = "raise SystemExit('imported')"


class Channel:
    """At the top of a module that can be imported."""

    protocol = 1

    def __init__(self, context: PluginContext) -> None:
        self.context = context

    def tell(self, notice: AlertNotice) -> bool:
        """Taken."""
        return True


def settings(*load: PluginUse) -> Settings:
    """That name these."""
    return Settings(strategy=PARAMS, plugins=PluginSettings(load=load))


def test_what_is_installed_is_found_and_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind, name, place and package; a module that would end the process is not looked into."""
    visible(monkeypatch, tmp_path)
    write(tmp_path, "dangerous", BOOM, alerts="loud:Channel", analytics="deep.er:Column.of")
    found = PluginRegistry().installed()
    assert [(one.kind, one.name, one.reference, one.package) for one in found] == [
        ("alerts", "loud", "dangerous:Channel", "dangerous 0.1"),
        ("analytics", "deep.er", "dangerous:Column.of", "dangerous 0.1"),
    ]
    assert "dangerous" not in sys.modules
    assert PluginRegistry().find("here", "alerts", "loud") == found[0]


def test_a_run_loads_what_is_named_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two are installed, one is named; the same name in another kind is another plugin."""
    visible(monkeypatch, tmp_path)
    write(tmp_path, "one", BOOM, alerts="first:A", analytics="other:B")
    write(tmp_path, "two", BOOM, alerts="other:A")
    named = settings(use("alerts", "other"))
    log = EventLog(VirtualClock(0), [])
    (host,) = plugins_of(named, PluginRegistry(), SecretRegistry(), log).hosts
    assert host.installed.reference == "two:A"
    assert [(one.plugin.kind, one.plugin.name, one.is_named) for one in listed(named)] == [
        ("alerts", "first", False), ("alerts", "other", True), ("analytics", "other", False),
    ]
    assert plugins_of(settings(), PluginRegistry(), SecretRegistry(), log).hosts == ()


def test_one_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its row; and where no package has any, that is what is said."""
    visible(monkeypatch, tmp_path)
    with pytest.raises(ConfigError, match=r"plugins\.load\.0: alerts plugin: found 'lost'; allowed: none: no package"):
        plugins_of(settings(use("alerts", "lost")), PluginRegistry(), SecretRegistry(), EventLog(VirtualClock(0), []))
    write(tmp_path, "one", BOOM, alerts="mail:A")
    with pytest.raises(ConfigError, match="allowed: mail"):
        PluginRegistry().find("here", "alerts", "lost")


def test_a_name_that_two_packages_have_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of them would be loaded must not depend on the order in which they were installed."""
    visible(monkeypatch, tmp_path)
    write(tmp_path, "one", BOOM, alerts="mail:A")
    write(tmp_path, "two", BOOM, alerts="mail:A")
    with pytest.raises(ConfigError, match=r"one 0\.1 and two 0\.1"):
        PluginRegistry().find("here", "alerts", "mail")


def test_a_program_registers_its_own() -> None:
    """By its name, or another; beside what is installed."""
    registry = PluginRegistry()
    registry.register_plugin("alerts", Channel)
    registry.register_plugin("alerts", Channel, "again")
    found = registry.find("here", "alerts", "channel")
    assert (found.reference, found.package) == (f"{__name__}:Channel", REGISTERED)
    assert registry.find("here", "alerts", "again").reference == found.reference
    assert [one.name for one in registry.installed(["alerts"])] == ["again", "channel"]
    assert registry.installed(["analytics"]) == []


@pytest.mark.parametrize(
    ("kind", "plugin", "named"),
    [
        ("alarms", Channel, "alerts | analytics | execution | strategies | venues"),
        ("alerts", lambda context: context, "top of a module"),
        ("alerts", Channel(PluginContext(options={}, secret="", symbol="", mode="")), "top of a module"),
        ("alerts", Channel.tell, "top of a module"),
        ("analytics", Column(key="a", title="b"), "top of a module"),
    ],
)
def test_what_a_process_of_its_own_could_not_find_is_refused(kind: str, plugin: object, named: str) -> None:
    """An unknown type, an instance, a function inside something."""
    with pytest.raises(ConfigError, match="register_plugin") as refused:
        PluginRegistry().register_plugin(kind, plugin)
    assert named in refused.value.allowed


@pytest.mark.parametrize(
    ("one", "kind"),
    [("strategy", "strategies"), ("analytics", "analytics"), ("execution", "execution"), ("alert", "alerts"),
     ("venue", "venues")],
)
def test_a_kind_may_be_named_as_one_of_it_is_called(one: str, kind: str) -> None:
    """A strategy is registered as "strategy" or as one of the strategies: configurations find it either way."""
    for plugin_type in {one, kind}:
        registry = PluginRegistry()
        registry.register_plugin(plugin_type, Channel)
        assert registry.find("here", kind, "channel").kind == kind


def test_a_name_is_registered_once() -> None:
    """The second would hide the first."""
    registry = PluginRegistry()
    registry.register_plugin("alerts", Channel)
    with pytest.raises(ConfigError, match="not taken yet"):
        registry.register_plugin("alerts", Channel)


def test_a_package_that_is_removed_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its entry point is gone with it, and no file of ours names it."""
    visible(monkeypatch, tmp_path)
    for package in sorted(EXAMPLES.iterdir()):
        before = PluginRegistry().installed()
        info = install(package, tmp_path)
        (new,) = [one for one in PluginRegistry().installed() if one not in before]
        assert new.package.startswith("dnbot-")
        (info / "entry_points.txt").unlink()
        assert PluginRegistry().installed() == before
        sources = (EXAMPLES.parents[1] / "src").rglob("*.py")
        module = new.reference.partition(":")[0]
        assert [path for path in sources if module in path.read_text(encoding="utf-8")] == []


def test_groups_are_named_by_their_kind() -> None:
    """As docs/extending.md has them."""
    assert group_of("alerts") == "dnbot.alerts"
