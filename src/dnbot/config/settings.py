"""What can be set, with its defaults: one struct per section of the file. The strategy's own is in its room."""

from __future__ import annotations

import msgspec

from dnbot.strategy.parameters import StrategyParameters

GATE_REST = "https://api.gateio.ws/api/v4"
GATE_WS_SPOT = "wss://api.gateio.ws/ws/v4/"
GATE_WS_FUTURES = "wss://fx-ws.gateio.ws/v4/ws/usdt"
MEXC_REST = "https://api.mexc.com"
MEXC_WS = "wss://wbs-api.mexc.com/ws"


class GateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where Gate is and where its key is found: environment variables, or files that only their owner can read."""

    rest_url: str = GATE_REST
    ws_spot_url: str = GATE_WS_SPOT
    ws_futures_url: str = GATE_WS_FUTURES
    key: str = "GATE_API_KEY"
    secret: str = "GATE_API_SECRET"  # noqa: S105 (the name of a variable)
    order_path: str = "rest"
    """Creates leave by `rest`, or by the `websocket` API once it has proven that it refuses an expired order."""
    countdown_s: int = 30
    """Gate cancels what rests there when it was not renewed for so long; 0: never."""
    ca_file: str = ""
    """An extra certificate authority; only for loopback."""


class MexcSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where MEXC is and where its key is found."""

    rest_url: str = MEXC_REST
    ws_url: str = MEXC_WS
    key: str = "MEXC_API_KEY"
    secret: str = "MEXC_API_SECRET"  # noqa: S105 (the name of a variable)
    ca_file: str = ""


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An external PostgreSQL, or (empty) the embedded one."""

    dsn_env: str = ""
    """Name of an environment variable with the connection string."""
    retention_days: int = 14


class FakesSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fake exchanges of mode `sim`."""

    market: str = "lively"
    seed: int = 1
    address_file: str = ""
    """A file with the line that a running `dnbot fakes` printed; empty: they are started with the bot."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One configuration file."""

    mode: str = "sim"
    state_dir: str = ""
    """Empty: `$DNBOT_HOME`, or `.dnbot` in the working folder."""
    strategy: StrategyParameters
    gate: GateSettings = GateSettings()
    mexc: MexcSettings = MexcSettings()
    database: DatabaseSettings = DatabaseSettings()
    fakes: FakesSettings = FakesSettings()


SECTIONS: dict[str, type[msgspec.Struct]] = {
    "": Settings, "strategy": StrategyParameters, "gate": GateSettings, "mexc": MexcSettings,
    "database": DatabaseSettings, "fakes": FakesSettings,
}
"""Sections in the order in which a file has them; the first is the part above all tables."""
