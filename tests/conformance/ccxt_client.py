"""ccxt exchanges pointed at the fakes: every URL that they know is rewritten, nothing else."""

from __future__ import annotations

from typing import Any

from fakes_server import Fakes

SPOT, SWAP = "BTC/USDT", "BTC/USDT:USDT"


def options(fakes: Fakes, **more: Any) -> dict[str, Any]:
    """Constructor arguments: the key, whom to trust (synchronous and asynchronous clients ask apart), no pacing."""
    keys = {"apiKey": fakes.key, "secret": fakes.secret}
    return {**keys, "validateServerSsl": fakes.ca_file, "cafile": fakes.ca_file, "enableRateLimit": False, **more}


def pointed(exchange: Any, fakes: Fakes) -> Any:
    """The exchange, with the venues' addresses replaced by those of the fakes."""
    moves = {
        "https://api.gateio.ws/api/v4": fakes.gate_rest,
        "wss://api.gateio.ws/ws/v4/": fakes.gate_ws_spot,
        "wss://fx-ws.gateio.ws/v4/ws/usdt": fakes.gate_ws_futures,
        "https://api.mexc.com": fakes.mexc_rest,
        "https://www.mexc.com": fakes.mexc_rest,
        "wss://wbs-api.mexc.com/ws": fakes.mexc_ws,
    }
    exchange.urls = _moved(exchange.urls, moves)
    return exchange


def _moved(value: Any, moves: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _moved(item, moves) for name, item in value.items()}
    for old, new in moves.items():
        if isinstance(value, str) and value.startswith(old):
            return new + value.removeprefix(old)
    return value
