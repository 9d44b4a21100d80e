"""The fake exchanges as a test harness: for the bot here, for anybody's strategy, and for anybody's client.

``docs/testing.md`` is the way in. In short: with pytest, ask for the fixtures ``fake_exchanges`` (in memory, virtual
time), ``fake_exchange_servers`` (sockets), ``market_script``, ``faults`` or ``bot``; without it, use the context
managers of the same names. Names are loaded when they are first asked for, so that importing this costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dnbot.fakes.config import FakesConfig as FakesConfig

    from .bot import RunningBot as RunningBot
    from .bot import running_bot as running_bot
    from .doors import HarnessError as HarnessError
    from .exchange import Account as Account
    from .exchange import FakeExchange as FakeExchange
    from .faults import Faults as Faults
    from .market import ScriptedMarket as ScriptedMarket
    from .memory import FakeExchanges as FakeExchanges
    from .memory import fake_exchanges as fake_exchanges
    from .records import Balance as Balance
    from .records import Book as Book
    from .records import Fill as Fill
    from .records import Order as Order
    from .records import Position as Position
    from .records import Request as Request
    from .records import VenueName as VenueName
    from .servers import FakeExchangeServers as FakeExchangeServers
    from .servers import fake_exchange_servers as fake_exchange_servers

_HOMES = {
    "Account": "dnbot.testing.exchange",
    "Balance": "dnbot.testing.records",
    "Book": "dnbot.testing.records",
    "FakeExchange": "dnbot.testing.exchange",
    "FakeExchangeServers": "dnbot.testing.servers",
    "FakeExchanges": "dnbot.testing.memory",
    "FakesConfig": "dnbot.fakes.config",
    "Faults": "dnbot.testing.faults",
    "Fill": "dnbot.testing.records",
    "HarnessError": "dnbot.testing.doors",
    "Order": "dnbot.testing.records",
    "Position": "dnbot.testing.records",
    "Request": "dnbot.testing.records",
    "RunningBot": "dnbot.testing.bot",
    "ScriptedMarket": "dnbot.testing.market",
    "VenueName": "dnbot.testing.records",
    "fake_exchange_servers": "dnbot.testing.servers",
    "fake_exchanges": "dnbot.testing.memory",
    "running_bot": "dnbot.testing.bot",
}
__all__ = sorted(_HOMES)  # noqa: PLE0605 (the names are those of the table, which a test compares with the imports)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
