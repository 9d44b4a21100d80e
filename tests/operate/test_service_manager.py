"""What systemd hears of a bot: ready when the accounts are known, alive while the machine moves, leaving at once."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio

from dnbot.domain.messages import Stop
from dnbot.operate.service_manager import ServiceManager, service_manager
from dnbot.ports.clock import SystemClock
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.strategy.states import StrategyState

if TYPE_CHECKING:
    from trio.testing import MockClock

WATCHDOG_S = 1.0


@attrs.frozen
class Ear:
    """The manager's end: a socket that hears datagrams."""

    socket: socket.socket
    address: str

    def heard(self) -> list[str]:
        """The lines since it was last asked."""
        lines: list[str] = []
        while True:
            try:
                lines += self.socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return lines


@pytest.fixture
def ear(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ear]:
    """Of the kind that systemd has, or that its containers have."""
    is_abstract = getattr(request, "param", "") == "abstract"
    address = f"@dnbot-test-{os.getpid()}-{id(request)}" if is_abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
        ours.bind(address.replace("@", "\0", 1))
        ours.setblocking(False)
        yield Ear(ours, address)


def manager_of(ear: Ear, clock: Any, **more: str) -> ServiceManager:
    """As a run makes it."""
    environment = {"NOTIFY_SOCKET": ear.address, "WATCHDOG_USEC": str(round(WATCHDOG_S * 1e6)), **more}
    found = service_manager(EventLog(clock, [MemorySink()]), environment)
    assert found is not None
    return found


async def test_ready_alive_and_stopping(autojump_clock: MockClock, manned: Any, ear: Ear) -> None:
    """READY once, when the accounts are known and not before; a beat each half interval; STOPPING when it is asked to
    end, before it has begun to clear away; the status tells the state."""
    async with manned() as here, trio.open_nursery() as nursery:
        nursery.start_soon(manager_of(ear, here.stage.clock).keep_told, here.bot, here.watch.moved)
        await trio.testing.wait_all_tasks_blocked()
        assert ear.heard() == ["STATUS=INITIALIZING, ACTIVE"]
        await here.until(StrategyState.MONITORING_SPREADS)
        await trio.sleep(0.5)
        lines = ear.heard()
        assert lines.count("READY=1") == 1
        assert lines[lines.index("READY=1") + 1].startswith("STATUS=ESTABLISHING_DELTA_NEUTRAL")
        assert [line for line in lines if line.startswith("STATUS=")][-1] == "STATUS=MONITORING_SPREADS, ACTIVE"
        await trio.sleep(4 * WATCHDOG_S)
        assert 7 <= ear.heard().count("WATCHDOG=1") <= 9
        here.bot.tell(Stop("because\nREADY=1"))
        await trio.testing.wait_all_tasks_blocked()
        assert here.bot.context.exit_code is None
        lines = ear.heard()
        assert lines.count("STOPPING=1") == 1
        assert "READY=1" not in lines
        assert "STATUS=SHUTDOWN, ACTIVE: because READY=1" in lines
        await here.ended.wait()
        nursery.cancel_scope.cancel()
    assert "STOPPING=1" not in ear.heard()


async def test_a_machine_that_stands_still_has_no_beat(autojump_clock: MockClock, manned: Any, ear: Ear) -> None:
    """The task that would send it runs on."""
    async with manned(runs=False) as here, trio.open_nursery() as nursery:
        nursery.start_soon(manager_of(ear, here.stage.clock).keep_told, here.bot, here.watch.moved)
        run = trio.CancelScope()
        here.nursery.start_soon(_within, run, here)
        await here.until(StrategyState.MONITORING_SPREADS)
        await trio.sleep(2 * WATCHDOG_S)
        assert ear.heard().count("WATCHDOG=1") >= 4
        run.cancel()
        await trio.sleep(WATCHDOG_S)  # the beat under way may have seen its last step
        ear.heard()
        await trio.sleep(5 * WATCHDOG_S)
        assert ear.heard() == []
        nursery.cancel_scope.cancel()
    assert ear.heard() == ["STOPPING=1"]  # a run that ends by a bug passes no state


async def _within(scope: trio.CancelScope, here: Any) -> None:
    with scope:
        await here.bot.run()


async def test_a_manager_that_does_not_listen_costs_nothing(autojump_clock: MockClock, manned: Any, ear: Ear) -> None:
    """What it did not take is told as soon as it listens; the log has one warning."""
    async with manned() as here, trio.open_nursery() as nursery:
        memory = MemorySink()
        manager = manager_of(ear, here.stage.clock)
        manager.log = EventLog(here.stage.clock, [memory])
        listening, manager.address = manager.address, "/nowhere/at/all"
        nursery.start_soon(manager.keep_told, here.bot, here.watch.moved)
        await here.until(StrategyState.MONITORING_SPREADS)
        assert manager.lost > 1
        manager.address = listening
        await trio.sleep(2)
        assert ear.heard()[:2] == ["READY=1", "STATUS=MONITORING_SPREADS, ACTIVE"]
        manager.log.flush_now()
        assert [line["event"] for line in memory.lines] == ["service_manager_not_told"]
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("ear", ["abstract"], indirect=True)
def test_a_name_of_the_abstract_namespace(ear: Ear) -> None:
    """A leading @ stands for NUL."""
    assert manager_of(ear, SystemClock()).tell("READY=1", "STATUS=here")
    assert ear.heard() == ["READY=1", "STATUS=here"]


def test_who_is_told_and_how_often(ear: Ear) -> None:
    """Nobody without the variable; no beats without a limit, or with one that is another process's."""
    clock = SystemClock()
    log = EventLog(clock, [])
    assert service_manager(log, {"WATCHDOG_USEC": "1000000"}) is None
    assert manager_of(ear, clock).watchdog_s == WATCHDOG_S
    assert manager_of(ear, clock, WATCHDOG_PID=str(os.getpid())).watchdog_s == WATCHDOG_S
    assert manager_of(ear, clock, WATCHDOG_PID="1").watchdog_s is None
    assert manager_of(ear, clock, WATCHDOG_USEC="0").watchdog_s is None
    assert manager_of(ear, clock, WATCHDOG_USEC="soon").watchdog_s is None
