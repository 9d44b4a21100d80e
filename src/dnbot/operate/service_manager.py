"""What a service manager such as systemd is told: that the bot is ready, that it moves, and that it is leaving.

Each message is a datagram to `$NOTIFY_SOCKET` (sd_notify(3), sd_watchdog_enabled(3)). Nothing is waited for: a manager
that does not listen is told nothing, and the bot trades on.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable, Mapping

import attrs
import trio

from dnbot.bot import Bot
from dnbot.ports.log import EventLog
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.states import StrategyState

LOOK_S = 1.0
"""What could not be told is tried again so soon."""
STATUS_CHARACTERS_MAX = 200
_NOT_KNOWN = frozenset({StrategyState.INITIALIZING, StrategyState.ERROR_RECOVERY})


@attrs.define
class ServiceManager:
    """Whoever started this process and wants to hear of it."""

    address: str
    """A path, or a name in the abstract namespace with a leading NUL."""
    watchdog_s: float | None
    """It ends a process that it has not heard of for so long; None: it does not."""
    log: EventLog
    lost: int = 0
    """Messages that it did not take."""

    def tell(self, *lines: str) -> bool:
        """Send one message, without waiting; False when it was not taken."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as ours:
                ours.setblocking(False)
                ours.sendto("\n".join(lines).encode(), self.address)
        except OSError as error:
            if not self.lost:
                self.log.warning("service_manager_not_told", what=str(error))
            self.lost += 1
            return False
        return True

    async def keep_told(self, bot: Bot, moved: Callable[[], Awaitable[None]]) -> None:
        """Never returns; `moved` returns when something of the bot changed."""
        async with trio.open_nursery() as nursery:
            if self.watchdog_s is not None:
                nursery.start_soon(self._beat, bot, self.watchdog_s / 2)
            await self._tell_states(bot, moved)

    async def _tell_states(self, bot: Bot, moved: Callable[[], Awaitable[None]]) -> None:
        told: set[str] = set()
        status = ""
        try:
            while True:
                context = bot.context
                due = {_word(context)} - told - {""}
                now = status_line(context)
                if (due or now != status) and self.tell(*due, now):
                    told |= due
                    status = now
                with trio.move_on_after(LOOK_S):
                    await moved()
        finally:
            if _STOPPING not in told:
                self.tell(_STOPPING)

    async def _beat(self, bot: Bot, every_s: float) -> None:
        """Only of a machine that took a step since the last beat, or that is done and is being cleared away."""
        while True:
            before_s = bot.context.now_s
            await trio.sleep(every_s)
            if bot.context.now_s != before_s or bot.context.exit_code is not None:
                self.tell("WATCHDOG=1")


_READY, _STOPPING = "READY=1", "STOPPING=1"


def _word(context: StrategyContext) -> str:
    if context.current_state is StrategyState.SHUTDOWN:
        return _STOPPING
    return "" if context.current_state in _NOT_KNOWN else _READY


def status_line(context: StrategyContext) -> str:
    """One line whatever a person gave as a reason: a second one would be a message of its own."""
    why = f": {context.leaving.why}" if context.leaving is not None else ""
    text = f"{context.current_state.name}, {context.mode.name}{why}"
    return f"STATUS={' '.join(text.split())[:STATUS_CHARACTERS_MAX]}"


def service_manager(log: EventLog, environment: Mapping[str, str] = os.environ) -> ServiceManager | None:
    """Who started us, if they want to hear of us; None otherwise, and for an address that is no Unix socket's."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address:
        return None
    if address[0] not in "/@":
        log.warning("service_manager_not_told", what=f"NOTIFY_SOCKET is {address[:80]!r}, neither a path nor @name")
        return None
    if address[0] == "@":
        address = "\0" + address[1:]
    return ServiceManager(address, _watchdog_s(environment), log)


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """The limit, if it is meant for this process: a child inherits the variables as well."""
    text, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not text.isdecimal() or int(text) == 0 or pid not in ("", str(os.getpid())):
        return None
    return int(text) / 1e6
