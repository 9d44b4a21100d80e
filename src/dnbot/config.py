"""TOML and environment into frozen structs; every mistake is named with its file, key, what was found, what is allowed.

Money, sizes, rates and ratios are written as strings ("0.02"), so that no float ever stands for money.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Symbol
from dnbot.domain.units import parse_decimal
from dnbot.ports.net import is_loopback
from dnbot.strategy.costs import losing_thresholds
from dnbot.strategy.parameters import StrategyParameters

MODES = ("sim", "paper", "live")
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


def load_settings(path: Path) -> Settings:
    """Read and check a file.

    Raises:
        ConfigError: naming the file and the key.
    """
    where = str(path)
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(where, "file", error.strerror, "a readable TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(where, "file", str(error), "TOML") from None
    _refuse_floats(where, raw, "")
    try:
        settings = msgspec.convert(_with_symbol(where, raw), Settings)
    except msgspec.ValidationError as error:
        key, found = _place(str(error), raw)
        raise ConfigError(where, key, found, str(error).split(" - at ")[0]) from None
    check_settings(where, settings)
    return settings


def _with_symbol(where: str, raw: dict[str, Any]) -> dict[str, Any]:
    """The file says "BTC/USDT"; the struct holds base and quote."""
    strategy = raw.get("strategy")
    if not isinstance(strategy, dict) or "symbol" not in strategy:
        return raw
    try:
        symbol = Symbol.parse(str(strategy["symbol"]))
    except ValueError:
        raise ConfigError(where, "strategy.symbol", strategy["symbol"], "a symbol such as BTC/USDT") from None
    return {**raw, "strategy": {**strategy, "symbol": msgspec.to_builtins(symbol)}}


def _refuse_floats(where: str, value: object, key: str) -> None:
    if isinstance(value, float):
        raise ConfigError(where, key, value, f'a string such as "{value}": numbers with a point are never floats here')
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _refuse_floats(where, inner, f"{key}.{name}" if key else str(name))


def _place(message: str, raw: Mapping[str, Any]) -> tuple[str, object]:
    """The key and the value that a validation message speaks of."""
    _, _, path = message.partition(" - at `$")
    keys = [part for part in path.rstrip("`").split(".") if part]
    found: object = raw
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else found
    if "unknown field" in message or "missing required field" in message:
        name = message.split("`")[1]
        return ".".join([*keys, name]), found.get(name, "nothing") if isinstance(found, Mapping) else "nothing"
    return ".".join(keys) or "file", found


_POSITIVE = (
    "base_position_size", "max_order_notional_quote", "edge_bps_max_credible", "price_collar_bps", "max_drawdown_pct",
    "execution_deadline_ms", "hedge_deadline_ms", "order_expiry_ms", "match_lag_ms", "resolve_deadline_ms",
    "market_age_ms_max", "market_skew_ms_max", "balance_age_ms_max", "consecutive_loss_limit",
    "round_trips_per_minute_max", "api_error_limit_per_minute", "recovery_attempts_max", "leverage",
    "carry_hold_hours_max", "position_timeout_minutes", "delta_rebalance_frequency_minutes", "establish_cost_bps_max",
)
_NOT_NEGATIVE = ("slippage_reserve_bps", "inventory_skew_bps_max")
_SHARES = ("inventory_ratio", "depth_share_max", "venue_equity_share_max")


def check_settings(where: str, settings: Settings) -> None:
    """Everything that one value, or several together, may not be. Raises ConfigError for the first."""
    if settings.mode not in MODES:
        raise ConfigError(where, "mode", settings.mode, " | ".join(MODES))
    params = settings.strategy
    for name in _POSITIVE:
        if getattr(params, name) <= 0:
            raise ConfigError(where, f"strategy.{name}", getattr(params, name), "more than 0")
    for name in _NOT_NEGATIVE:
        if getattr(params, name) < 0:
            raise ConfigError(where, f"strategy.{name}", getattr(params, name), "0 or more")
    for name in _SHARES:
        if not 0 < getattr(params, name) <= 1:
            raise ConfigError(where, f"strategy.{name}", getattr(params, name), "a fraction above 0 and at most 1")
    _check_together(where, settings)
    _check_endpoints(where, settings)


def _check_together(where: str, settings: Settings) -> None:
    params = settings.strategy
    if params.max_position_multiplier < 1:
        found = params.max_position_multiplier
        raise ConfigError(where, "strategy.max_position_multiplier", found, "1 or more")
    if params.shutdown_policy not in {"hold", "flatten"}:
        raise ConfigError(where, "strategy.shutdown_policy", params.shutdown_policy, "hold | flatten")
    if params.margin_mode not in {"cross", "isolated"}:
        raise ConfigError(where, "strategy.margin_mode", params.margin_mode, "cross | isolated")
    if params.identity_price_ratio_max <= 1:
        found = params.identity_price_ratio_max
        raise ConfigError(where, "strategy.identity_price_ratio_max", found, "a ratio above 1, such as 1.05")
    losing = losing_thresholds(params)
    if losing is not None and not params.allow_losing_thresholds:
        raise ConfigError(
            where, "strategy.arbitrage_entry_threshold_bps", params.arbitrage_entry_threshold_bps,
            f"{losing} (or allow_losing_thresholds = true)",
        )
    if settings.mode == "live" and params.max_daily_loss_quote is None:
        raise ConfigError(where, "strategy.max_daily_loss_quote", "nothing", "a limit is required in live")


def _check_endpoints(where: str, settings: Settings) -> None:
    official = Settings(strategy=settings.strategy)
    for section in ("gate", "mexc"):
        given, real = getattr(settings, section), getattr(official, section)
        for name in (field for field in given.__struct_fields__ if field.endswith("_url")):
            url = getattr(given, name)
            parts = urlsplit(url)
            if parts.scheme not in {"https", "wss"}:
                raise ConfigError(where, f"{section}.{name}", url, "an https:// or wss:// address")
            if url != getattr(real, name) and not is_loopback(parts.hostname or ""):
                raise ConfigError(where, f"{section}.{name}", url, f"{getattr(real, name)}, or a loopback address")
        if given.ca_file and given == real:
            raise ConfigError(where, f"{section}.ca_file", given.ca_file, "only beside loopback addresses")


def money(text: str) -> Decimal:
    """A command line's amount; raises ValueError for anything but a plain decimal."""
    return parse_decimal(text)
