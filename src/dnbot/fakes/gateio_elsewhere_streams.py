"""The perpetual sockets of settle currencies in which no contract is listed: everything is polite and nothing is told.

Source: Gate API v4 futures WS docs, base URLs (`/v4/ws/btc`, no suffix = btc) and "Websocket API"; `usd1` as probed
2026-09.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .gateio_errors import contract_not_found
from .gateio_limits import PRIVATE
from .gateio_ws_api import Command

PATHS = {
    "/v4/ws": "btc",
    "/v4/ws/btc": "btc",
    "/v4/ws/futures/btc": "btc",
    "/v4/ws/usd1": "usd1",
    "/v4/ws/futures/usd1": "usd1",
}


def refuse(_: str, __: Any, ___: bool) -> Any:
    """Whatever contract an order is for, it is not listed here."""
    raise contract_not_found()


def commands(names: Iterable[str]) -> dict[str, Command]:
    """The API channels of the listed product, each of which knows no contract."""
    return {name: Command(refuse, PRIVATE) for name in names}
