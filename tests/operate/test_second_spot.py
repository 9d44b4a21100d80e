"""A plugin in the place of the second spot venue: named, found, loaded, or refused with a sentence."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from plugin_packages import EXAMPLES, install, visible, write

from dnbot.config import Settings, parse_settings
from dnbot.domain.errors import ConfigError, PluginFault
from dnbot.domain.instrument import Symbol, Venue
from dnbot.fleet.leases import LeaseTerms
from dnbot.operate.places import of_live
from dnbot.operate.plugin_registry import PluginRegistry
from dnbot.operate.plugins_command import checked, listed
from dnbot.operate.record_run import _surroundings as record_surroundings
from dnbot.operate.second_spot import SecondSpot, fake_of, names_of, second_spot_of
from dnbot.operate.sweep import surroundings_of
from dnbot.operate.task_settings import task_settings
from dnbot.ports.clock import VirtualClock
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.venues.factory import BUILT_IN

BTC = Symbol("BTC", "USDT")
STRATEGY = """
[strategy]
symbol = "BTC/USDT"
base_position_size = "0.003"
max_order_notional_quote = "100"
max_daily_loss_quote = "10"
"""
LIVE = '[second_spot]\nvenue = "example"\nrest_url = "https://api.example.com"\nws_url = "wss://ws.example.com:8443"\n'
SIM = '[second_spot]\nvenue = "example"\n'
WRONG = """
from dnbot.venues.plugin import VenueLimits
class Right:
    protocol, fake, limits = 1, "", VenueLimits((1, 1), (1, 1), (1, 1))
    def __init__(self, context): pass
    def public(self): return None
    def private(self, signer): return None
class Old(Right): protocol = 0
class Greedy(Right): limits = VenueLimits((1, 1), (0, 1), (1, 1))
class Limitless(Right): limits = None
class Half(Right): private = None
class Raising(Right):
    def __init__(self, context): raise RuntimeError("no licence")
class Leaving(Right):
    def __init__(self, context): raise SystemExit(7)
"""


def settings(text: str, mode: str = "sim") -> Settings:
    """A file with this in it."""
    return parse_settings("here", f'mode = "{mode}"\n{STRATEGY}{text}')


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The worked package is installed."""
    install(EXAMPLES / "venue-example", tmp_path)
    visible(monkeypatch, tmp_path)
    for name in [one for one in sys.modules if one.startswith("dnbot_venue_example")]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "mode", "key", "allowed"),
    [
        ('[second_spot]\nkey = "OTHER"\n', "sim", "second_spot.key", "names no plugin"),
        ('[second_spot]\nvenue = "MEXC"\n', "sim", "second_spot.venue", "small letters"),
        ('[second_spot]\nvenue = "mexc"\n', "sim", "second_spot.venue", "built in"),
        ('[second_spot]\nvenue = "gateio"\n', "sim", "second_spot.venue", "built in"),
        (SIM, "paper", "second_spot.venue", "nothing in mode paper"),
        (SIM, "live", "second_spot.rest_url", "https:// and a host"),
        (LIVE.replace("https://", "http://"), "live", "second_spot.rest_url", "https:// and a host"),
        (LIVE.replace("example.com\"", "example.com/v1\""), "live", "second_spot.rest_url", "nothing behind it"),
        (LIVE.replace(":8443", ":0"), "live", "second_spot.ws_url", "wss:// and a host"),
        (LIVE.replace("//ws", "//me:you@ws"), "live", "second_spot.ws_url", "wss:// and a host"),
        (LIVE + 'ca_file = "ca.pem"\n', "live", "second_spot.ca_file", "loopback"),
        (LIVE + 'key = "abc-123"\n', "live", "second_spot.key", "the NAME of an environment variable"),
        (LIVE, "sim", "second_spot.rest_url", "nothing in mode sim"),
        (SIM + "stall_ms = 1\n", "sim", "second_spot.stall_ms", "milliseconds, 5 to 10000"),
        (SIM + "faults_max = 0\n", "sim", "second_spot.faults_max", "1 to 1000"),
        (SIM + "vanue = 1\n", "sim", "second_spot.vanue", "second_spot.venue?"),
        (SIM + f'options = {{ text = "{"x" * 2001}" }}\n', "sim", "second_spot.options.text", "at most 2000"),
    ],
)
def test_a_mistake_in_the_file_is_named(text: str, mode: str, key: str, allowed: str) -> None:
    """File, key, what is allowed; and a key in the wrong place is not repeated."""
    with pytest.raises(ConfigError) as refused:
        settings(text, mode)
    assert (refused.value.where, refused.value.key) == ("here", key)
    assert allowed in refused.value.allowed
    assert "abc-123" not in str(refused.value)
    assert "me:you" not in str(refused.value)


async def test_without_a_name_nothing_is_loaded(example: Path) -> None:
    """MEXC's own codecs, no plugin in the status, and no module of the package that is installed."""
    second = second_spot_of(settings(""))
    assert second.codecs is BUILT_IN
    assert (second.standing(), second.names.second_spot) == ((), "MEXC_SPOT")
    assert not [name for name in sys.modules if name.startswith("dnbot_venue_example")]


async def test_the_one_that_is_named_is_loaded(example: Path) -> None:
    """Its codecs have the role, its limits count, the other venues are as they were, and its fake is not imported."""
    second = second_spot_of(settings(SIM))
    codec = second.codecs.public_codec(Venue.MEXC_SPOT, BTC)
    assert (codec.venue, codec.symbol, codec.stream_target()) == (Venue.MEXC_SPOT, BTC, "/stream")
    assert second.codecs.limits[Venue.MEXC_SPOT].create == (10, 20)
    for venue in (Venue.GATE_SPOT, Venue.GATE_FUTURES):
        assert second.codecs.public[venue] is BUILT_IN.public[venue]
        assert venue not in second.codecs.limits
    (status,) = second.standing()
    assert (status.kind, status.name, status.package, status.state) == (
        "venues", "example", "dnbot-venue-example 1.0.0", "ready",
    )
    assert second.names.second_spot == names_of(settings(SIM)).second_spot == "EXAMPLE_SPOT"
    assert "dnbot_venue_example.fake" not in sys.modules
    assert fake_of("example").__name__ == "Front"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("old", "protocol 0; this dnbot speaks venues 1"), ("greedy", "limits.read: (0, 1)"),
        ("limitless", "limits are a NoneType"), ("half", "it has no private"), ("raising", "RuntimeError: no licence"),
        ("leaving", "SystemExit: 7"), ("right", "public: a codec without instrument_requests"), ("lost", "allowed: "),
        ("gone", "ModuleNotFoundError"),
    ],
)
async def test_what_cannot_be_loaded_ends_the_start_with_a_sentence(
    name: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the venue there is no bot: another version, a constructor that raises or exits, a codec that is none."""
    visible(monkeypatch, tmp_path)
    kinds = ("old", "greedy", "limitless", "half", "raising", "leaving", "right")
    for one in kinds:
        write(tmp_path, f"wrong_{one}", WRONG, venues=f"{one}:{one.title()}")
    write(tmp_path, "wrong_gone", "import no_such_module", venues="gone:Right")
    with pytest.raises(ConfigError) as refused:
        second_spot_of(settings(f'[second_spot]\nvenue = "{name}"\n'))
    assert why in str(refused.value)
    assert name in str(refused.value.found)


async def test_a_plugin_is_told_of_its_options(example: Path) -> None:
    """What it says of them is told to who wrote them."""
    with pytest.raises(ConfigError, match=r"there are no options, found \{'colour': 'red'\}"):
        second_spot_of(settings(SIM + 'options = { colour = "red" }\n'))


async def test_without_a_fake_there_is_no_rehearsal(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mode sim says so at once; live needs none."""
    from dnbot_venue_example import Example

    monkeypatch.setattr(Example, "fake", "")
    with pytest.raises(ConfigError, match="no fake exchange"):
        second_spot_of(settings(SIM))
    with pytest.raises(ConfigError, match="no fake exchange"):
        fake_of("example")
    assert second_spot_of(settings(LIVE, "live")).guard is not None


async def test_a_fault_is_told_and_the_last_one_alarms(example: Path) -> None:
    """In the log each time, and to people once the plugin is off."""
    second = second_spot_of(settings(SIM + "faults_max = 2\n"))
    sink, alerts = MemorySink(), []
    second.log = EventLog(VirtualClock(0), [sink])
    second.alert = lambda level, key, text: alerts.append((level, key, text))
    codec = second.codecs.public_codec(Venue.MEXC_SPOT, BTC)
    broken: Any = object()
    for _ in range(2):
        with pytest.raises(PluginFault):
            codec.decode(broken)
    second.log.flush_now()
    assert [line["event"] for line in sink.lines] == ["plugin_fault", "plugin_off"]
    assert [(level, key) for level, key, _ in alerts] == [("critical", "plugin:example")]
    assert second.standing()[0].state == "off"


def test_keys_and_addresses_are_the_plugins_own(example: Path) -> None:
    """Its section is read in the place of [mexc], whose keys need not be there."""
    names = ("GATE_API_KEY", "GATE_API_SECRET", "SECOND_SPOT_API_KEY", "SECOND_SPOT_API_SECRET")
    around = of_live(settings(LIVE, "live"), SecretRegistry(), {name: f"{name}-value-of-a-test" for name in names})
    place = around.places[Venue.MEXC_SPOT]
    assert (place.rest.host, place.stream_url) == ("api.example.com", "wss://ws.example.com:8443")
    assert around.signers[Venue.MEXC_SPOT].key_id == "SECOND_SPOT_API_KEY-value-of-a-test"


def test_who_cancels_from_outside_cancels_at_the_others_when_the_plugin_is_gone(tmp_path: Path) -> None:
    """Its own venue is reported as not swept; Gate's two are swept as ever."""
    address = tmp_path / "address"
    address.write_text(
        '{"gate_rest":"http://127.0.0.1:1/api/v4","gate_ws_spot":"ws://127.0.0.1:1/","gate_ws_futures":"ws://127.0.0.1:1/",'
        '"mexc_rest":"http://127.0.0.1:2","mexc_ws":"ws://127.0.0.1:2/","key":"key-of-a-test","secret":"secret-of-a-test","uid":"1"}'
    )
    text = SIM + f'[fakes]\naddress_file = "{address}"\n'
    around = surroundings_of(settings(text), SecretRegistry(), {})
    with pytest.raises(PluginFault, match="no package has one"):
        around.codecs.private_codec(Venue.MEXC_SPOT, BTC, around.signers[Venue.MEXC_SPOT])
    assert around.codecs.private_codec(Venue.GATE_SPOT, BTC, around.signers[Venue.GATE_SPOT]).venue is Venue.GATE_SPOT


async def test_a_fleet_and_a_recorder_want_none(example: Path) -> None:
    """A worker would have to have the package; a recording of it could not be played back."""
    text = f'mode = "live"\n{STRATEGY}{LIVE}'
    with pytest.raises(ConfigError, match=r"second_spot\.venue.*dnbot run"):
        task_settings("task", text, "DSN", LeaseTerms())
    with pytest.raises(ConfigError, match="cannot be played back"):
        async with record_surroundings(settings(LIVE, "live")):
            pass


async def test_the_command_lists_and_checks_it(example: Path) -> None:
    """As the other kinds: what is installed, whether it is named, whether it loads."""
    (one,) = listed(settings(SIM))
    assert (one.plugin.kind, one.plugin.name, one.is_named) == ("venues", "example", True)
    assert not listed(settings(""))[0].is_named
    (found,) = await checked(settings(SIM), SecretRegistry())
    assert (found.plugin.name, found.plugin.state) == ("example", "ready")


async def test_a_program_registers_its_own(example: Path) -> None:
    """Beside entry points, by the same name in the configuration."""
    from dnbot_venue_example import Example

    registry = PluginRegistry()
    registry.register_plugin("venues", Example, "mine")
    second = second_spot_of(settings('[second_spot]\nvenue = "mine"\n'), registry)
    assert isinstance(second, SecondSpot)
    assert second.names.second_spot == "MINE_SPOT"
    assert Decimal(second.codecs.limits[Venue.MEXC_SPOT].public[0]) == 10
