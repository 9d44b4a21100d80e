"""The pytest plugin: fixtures that put a test on fake exchanges. Nothing is imported before a test asks for one.

The fixtures in memory are asynchronous and need pytest-trio (``pip install dnbot[testing]``), the others pytest alone.
``@pytest.mark.dnbot_fakes(seed=3, market="lively")`` changes what the fakes of one test are made of, field by field of
``FakesConfig``; so does a fixture ``fakes_config`` of your own. With ``market_script`` the market is scripted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from trio.abc import Clock

    from dnbot.fakes.config import FakesConfig
    from dnbot.strategy.parameters import StrategyParameters

    from .bot import RunningBot
    from .doors import FakesDoor
    from .faults import Faults
    from .market import ScriptedMarket
    from .memory import FakeExchanges
    from .servers import FakeExchangeServers


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "dnbot_fakes(**fields): what this test's fakes are made of (FakesConfig)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run what asks for the fakes in memory under Trio, on virtual time; pytest-trio sees the marker."""
    if config.pluginmanager.has_plugin("trio"):
        for item in items:
            if "fake_exchanges" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.trio(run=_run_on_virtual_time))


def _run_on_virtual_time(
    main: Callable[[], Awaitable[object]], *, clock: Clock | None = None, **options: Any
) -> object:
    """``trio.run`` with a clock that jumps ahead, unless the test brings one of its own."""
    import trio.testing

    return trio.run(main, clock=clock or trio.testing.MockClock(autojump_threshold=0), **options)


@pytest.fixture
def fakes_config(request: pytest.FixtureRequest) -> FakesConfig:
    """What the fakes are made of: the demo, changed by the marker; scripted if the test asks for ``market_script``."""
    from dnbot.fakes.config import FakesConfig

    marker = request.node.get_closest_marker("dnbot_fakes")
    fields = dict(marker.kwargs) if marker is not None else {}
    if "market_script" in request.fixturenames:
        fields.setdefault("market", "scripted")
    return FakesConfig(**fields)


@pytest.fixture
def fakes_door() -> FakesDoor:
    """Leads to this test's fakes as soon as they are there; ``market_script`` and ``faults`` go through it."""
    from .doors import FakesDoor

    return FakesDoor()


@pytest.fixture
async def fake_exchanges(fakes_config: FakesConfig, fakes_door: FakesDoor) -> AsyncIterator[FakeExchanges]:
    """Fake exchanges in memory, under Trio; the whole test runs on virtual time, which passes while nobody can run."""
    from .memory import fake_exchanges

    async with fake_exchanges(fakes_config) as fakes:
        fakes_door.lead_to(fakes.door)
        yield fakes


@pytest.fixture
def fake_exchange_servers(fakes_config: FakesConfig, fakes_door: FakesDoor) -> Iterator[FakeExchangeServers]:
    """Fake exchanges on loopback sockets, in a process of their own: for any library and event loop."""
    from .servers import fake_exchange_servers

    with fake_exchange_servers(fakes_config) as servers:
        fakes_door.lead_to(servers.door)
        yield servers


@pytest.fixture
def market_script(fakes_door: FakesDoor) -> ScriptedMarket:
    """The market of this test's fakes, in memory or on sockets; nothing else moves it."""
    from .market import ScriptedMarket

    return ScriptedMarket(fakes_door)


@pytest.fixture
def faults(fakes_door: FakesDoor) -> Faults:
    """What can go wrong with this test's fakes, in memory or on sockets."""
    from .faults import Faults

    return Faults(fakes_door)


@pytest.fixture
def bot_parameters() -> StrategyParameters:
    """What the fixture ``bot`` trades by; override it to change that."""
    from .bot import demo_parameters

    return demo_parameters()


@pytest.fixture
async def bot(fake_exchanges: FakeExchanges, bot_parameters: StrategyParameters) -> AsyncIterator[RunningBot]:
    """The whole dnbot bot, running on this test's fakes in memory."""
    from .bot import running_bot

    async with running_bot(fake_exchanges, bot_parameters) as running:
        yield running
