"""What one value, or several together, may not be. Rules that need an instrument are in `dnbot.strategy.fitting`.

A number in the wrong unit is the costliest mistake of all, so values that make sense only in another unit are refused
with both readings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

from dnbot.config.rules_canary import canary
from dnbot.config.rules_journal import journal
from dnbot.config.rules_maker import maker
from dnbot.config.rules_monitors import alerts, monitors
from dnbot.config.rules_paper import paper
from dnbot.config.rules_plugins import plugins
from dnbot.config.rules_second_spot import second_spot
from dnbot.config.rules_traces import traces
from dnbot.config.rules_transfers import transfers
from dnbot.config.settings import Settings
from dnbot.domain.errors import ConfigError
from dnbot.domain.units import divide, plain
from dnbot.ports.net import is_loopback
from dnbot.strategy.costs import losing_thresholds
from dnbot.strategy.leaving import FLATTEN_SLICES_LEAST, SHUTDOWN_S, flatten_s_least
from dnbot.strategy.topping_up import LEAST_QUOTE

MODES = ("sim", "paper", "live")
MARKETS = ("lively", "calibrated", "realistic")
REPLAY = "replay:"
ORDER_PATHS = ("rest", "websocket")
SETTLE = "USDT"  # the perpetual is margined and settled in it
BPS_LEAST = Decimal("0.05")  # below it a threshold is noise; a fraction or a percentage written by mistake is
BPS_MOST = Decimal(5_000)
PCT_LEAST = {"max_drawdown_pct": "0.05", "margin_floor_pct": "1", "liquidation_distance_min_pct": "1"}
MS_LEAST = 20  # below it nothing crosses the internet and back; seconds written by mistake are
MS_MOST = 3_600_000
BALANCE_AGE_MS_LEAST = 3_000  # accounts are read three times within it, and an answer takes its time
LEVERAGE_MOST = 50
COUNTDOWN_S_LEAST, COUNTDOWN_S_MOST = 6, 600  # Gate takes 5 and more; a third of it must be time enough to renew

_POSITIVE = (
    "base_position_size", "max_order_notional_quote", "edge_bps_max_credible", "price_collar_bps", "max_drawdown_pct",
    "execution_deadline_ms", "hedge_deadline_ms", "order_expiry_ms", "match_lag_ms", "resolve_deadline_ms",
    "market_age_ms_max", "market_skew_ms_max", "balance_age_ms_max", "consecutive_loss_limit",
    "round_trips_per_minute_max", "identical_orders_per_minute_max", "api_error_limit_per_minute",
    "recovery_attempts_max", "leverage",
    "carry_hold_hours_max", "position_timeout_minutes", "delta_rebalance_frequency_minutes", "establish_cost_bps_max",
    "delta_tolerance_base", "delta_hard_limit_base", "establish_slice_base", "hedge_quantity_per_minute_max",
    "max_daily_loss_quote", "margin_floor_pct", "liquidation_distance_min_pct",
    "margin_top_up_quote_max", "margin_top_up_day_quote_max", "maker_order_notional_quote_max",
)
_NOT_NEGATIVE = ("slippage_reserve_bps", "inventory_skew_bps_max", "max_round_trip_loss_bps", "dust_base_max")
_SHARES = ("inventory_ratio", "depth_share_max", "venue_equity_share_max")
_CHOICES = {"shutdown_policy": ("hold", "flatten"), "margin_mode": ("cross", "isolated")}
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*\Z")

Found = tuple[str, object, str]
"""(key, what was found, what is allowed)"""
Rule = Callable[[Settings], Iterator[Found]]


def check_settings(where: str, settings: Settings) -> None:
    """Raise ConfigError for the first rule that these settings break."""
    rules = (
        _top, _symbol, _signs, _choices, _units, _sizes, _times, _thresholds, _perpetual, _top_up, _live, _endpoints,
        canary, monitors, alerts, traces, journal, _web, transfers, plugins,
        paper, second_spot, maker,
    )
    _refuse_first(where, settings, rules)


def check_to_trade(where: str, settings: Settings) -> None:
    """Raise ConfigError for the first rule that checked settings break which nothing should begin to trade with.

    They are fit for what ends or looks at trading: with them a bot is killed, its orders are swept, its position is
    flattened, and a stored task is taken over.
    """
    _refuse_first(where, settings, (_time_to_flatten, _balance_age, _one_world))


def _refuse_first(where: str, settings: Settings, rules: Iterable[Rule]) -> None:
    for rule in rules:
        for key, found, allowed in rule(settings):
            raise ConfigError(where, key, plain(found) if isinstance(found, Decimal) else found, allowed)


def _top(settings: Settings) -> Iterator[Found]:
    if settings.mode not in MODES:
        yield "mode", settings.mode, " | ".join(MODES)
    folder = Path(settings.state_dir)
    if "\0" in settings.state_dir or (folder.exists() and not folder.is_dir()):
        yield "state_dir", settings.state_dir, "a folder, or a path where one can be made"
    if settings.fakes.market not in MARKETS and not settings.fakes.market.startswith(REPLAY):
        yield "fakes.market", settings.fakes.market, f"{' | '.join(MARKETS)} | {REPLAY}PATH"
    if settings.fakes.seed < 0:
        yield "fakes.seed", settings.fakes.seed, "0 or more"
    if settings.database.retention_days < 1:
        yield "database.retention_days", settings.database.retention_days, "1 or more"


def _symbol(settings: Settings) -> Iterator[Found]:
    symbol = settings.strategy.symbol
    if symbol.quote != SETTLE or symbol.base == SETTLE:
        yield "strategy.symbol", str(symbol), f"a coin quoted in {SETTLE}, in which the perpetual is settled"


def _signs(settings: Settings) -> Iterator[Found]:
    params = settings.strategy
    for name in _POSITIVE:
        value = getattr(params, name)
        if value is not None and value <= 0:
            yield f"strategy.{name}", value, "more than 0"
    for name in _NOT_NEGATIVE:
        value = getattr(params, name)
        if value is not None and value < 0:
            yield f"strategy.{name}", value, "0 or more"
    for name in _SHARES:
        value = getattr(params, name)
        if not 0 < value <= 1:
            yield f"strategy.{name}", value, 'a fraction above 0 and at most 1: half is "0.5", not "50"'


def _choices(settings: Settings) -> Iterator[Found]:
    for name, allowed in _CHOICES.items():
        found = getattr(settings.strategy, name)
        if found not in allowed:
            yield f"strategy.{name}", found, " | ".join(allowed)
    if settings.gate.order_path not in ORDER_PATHS:
        yield "gate.order_path", settings.gate.order_path, " | ".join(ORDER_PATHS)
    countdown_s = settings.gate.countdown_s
    if countdown_s and not COUNTDOWN_S_LEAST <= countdown_s <= COUNTDOWN_S_MOST:
        yield "gate.countdown_s", countdown_s, f"0 (never), or {COUNTDOWN_S_LEAST} to {COUNTDOWN_S_MOST} seconds"


# --- units ------------------------------------------------------------------------------------------------------------
def _units(settings: Settings) -> Iterator[Found]:
    """Values that make sense only in another unit."""
    params = settings.strategy
    for name in params.__struct_fields__:
        value = getattr(params, name)
        if "_bps" in name and value:
            yield from _bps(name, value)
        elif name in PCT_LEAST and not Decimal(PCT_LEAST[name]) <= value < 100:
            as_fraction = f'; if it was meant as a fraction, write "{plain(value * 100)}"' if value < 1 else ""
            allowed = f"percent, {PCT_LEAST[name]} or more and below 100{as_fraction}"
            yield f"strategy.{name}", value, allowed
        elif "_ms" in name and not MS_LEAST <= value <= MS_MOST:
            yield f"strategy.{name}", value, f"milliseconds, {MS_LEAST} to {MS_MOST}: 3 seconds are 3000"


def _bps(name: str, value: Decimal) -> Iterator[Found]:
    if abs(value) < BPS_LEAST:
        allowed = (
            f'0, or {BPS_LEAST} and more: "{plain(value)}" basis points are {plain(divide(value, Decimal(100)))} %; '
            f'if it was meant as a fraction write "{plain(value * 10_000)}", if as percent "{plain(value * 100)}"'
        )
        yield f"strategy.{name}", value, allowed
    elif abs(value) > BPS_MOST:
        yield f"strategy.{name}", value, f"basis points, at most {BPS_MOST} ({plain(BPS_MOST / 100)} %)"


# --- several together -------------------------------------------------------------------------------------------------
def _sizes(settings: Settings) -> Iterator[Found]:
    params = settings.strategy
    size = params.base_position_size
    if params.max_position_multiplier < 1:
        yield "strategy.max_position_multiplier", params.max_position_multiplier, "1 or more"
    for name in ("establish_slice_base", "delta_hard_limit_base", "delta_tolerance_base", "dust_base_max"):
        value = getattr(params, name)
        if value is not None and value > size:
            yield f"strategy.{name}", value, f"at most base_position_size = {plain(size)}"
    tolerance = params.delta_tolerance_base
    if tolerance is not None and params.hard_limit_base < tolerance:
        default = "" if params.delta_hard_limit_base is not None else " (its default, 5 % of base_position_size)"
        yield (
            "strategy.delta_hard_limit_base", f"{plain(params.hard_limit_base)}{default}",
            f"at least delta_tolerance_base = {plain(tolerance)}",
        )
    budget = params.hedge_quantity_per_minute_max
    if budget is not None and budget < params.slice_base:
        allowed = f"at least one slice, {plain(params.slice_base)}: else one failed leg could not be hedged"
        yield "strategy.hedge_quantity_per_minute_max", budget, allowed


def _times(settings: Settings) -> Iterator[Found]:
    params = settings.strategy
    if params.order_expiry_ms >= params.execution_deadline_ms:
        allowed = f"less than execution_deadline_ms = {params.execution_deadline_ms}: orders end before the execution"
        yield "strategy.order_expiry_ms", params.order_expiry_ms, allowed
    if params.resolve_deadline_ms < params.order_expiry_ms + 2 * params.match_lag_ms:
        least = params.order_expiry_ms + 2 * params.match_lag_ms
        allowed = f"at least order_expiry_ms + 2 match_lag_ms = {least}: before that no order's end can be known"
        yield "strategy.resolve_deadline_ms", params.resolve_deadline_ms, allowed


def _thresholds(settings: Settings) -> Iterator[Found]:
    params = settings.strategy
    if params.identity_price_ratio_max <= 1:
        yield "strategy.identity_price_ratio_max", params.identity_price_ratio_max, "a ratio above 1, such as 1.05"
    losing = losing_thresholds(params)
    if losing is not None:
        key = "strategy.arbitrage_entry_threshold_bps"
        yield key, params.arbitrage_entry_threshold_bps, losing
    needed = params.arbitrage_entry_threshold_bps + params.slippage_reserve_bps
    if needed >= params.edge_bps_max_credible:
        allowed = f"more than entry threshold + slippage reserve = {plain(needed)}: else no edge is enough and credible"
        yield "strategy.edge_bps_max_credible", params.edge_bps_max_credible, allowed


def _perpetual(settings: Settings) -> Iterator[Found]:
    params = settings.strategy
    if params.leverage > LEVERAGE_MOST:
        yield "strategy.leverage", params.leverage, f"1 to {LEVERAGE_MOST}"
    distance = divide(Decimal(100), Decimal(params.leverage))
    if params.margin_mode == "isolated" and distance <= params.liquidation_distance_min_pct:
        allowed = (
            f"a leverage whose start is further from liquidation: isolated, {params.leverage} begins about "
            f"{plain(round(distance, 1))} % away, liquidation_distance_min_pct is "
            f"{plain(params.liquidation_distance_min_pct)}, so every order would be refused"
        )
        yield "strategy.leverage", params.leverage, allowed


def _top_up(settings: Settings) -> Iterator[Found]:
    params = settings.strategy
    if params.margin_top_up and params.margin_mode != "cross":
        allowed = "only with margin_mode = \"cross\": money in the wallet does not margin an isolated position"
        yield "strategy.margin_top_up", "true", allowed
    if params.margin_floor_pct < 100 <= params.margin_entry_floor_pct:
        most = plain(100 + params.margin_floor_pct - params.margin_entry_floor_pct)
        switch = " with margin_top_up" if params.margin_top_up else ""
        allowed = f"below {most}{switch}: no position could be added to"
        yield "strategy.margin_floor_pct", params.margin_floor_pct, allowed
    for name in ("margin_top_up_quote_max", "margin_top_up_day_quote_max"):
        value = getattr(params, name)
        if value is not None and value < LEAST_QUOTE:
            yield f"strategy.{name}", value, f"at least {plain(LEAST_QUOTE)}, the least that is worth a transfer"
    if params.top_up_day_max_quote < params.top_up_max_quote:
        allowed = f"at least what one transfer may move, {plain(params.top_up_max_quote)}"
        yield "strategy.margin_top_up_day_quote_max", params.top_up_day_max_quote, allowed


def _live(settings: Settings) -> Iterator[Found]:
    if settings.mode == "live" and settings.strategy.max_daily_loss_quote is None:
        yield "strategy.max_daily_loss_quote", "nothing", "a limit, which live trading requires"
    for section, name in (("gate", "key"), ("gate", "secret"), ("mexc", "key"), ("mexc", "secret")):
        if not _VARIABLE.match(getattr(getattr(settings, section), name)):
            allowed = "the NAME of an environment variable (capitals, digits, _); the key itself never goes into a file"
            yield f"{section}.{name}", "a value that is not shown", allowed
    if settings.database.dsn_env and not _VARIABLE.match(settings.database.dsn_env):
        allowed = "the NAME of an environment variable; the connection string itself never goes into a file"
        yield "database.dsn_env", "a value that is not shown", allowed


# --- endpoints --------------------------------------------------------------------------------------------------------
def _endpoints(settings: Settings) -> Iterator[Found]:
    official = Settings(strategy=settings.strategy)
    for section in ("gate", "mexc"):
        given, real = getattr(settings, section), getattr(official, section)
        names = [field for field in given.__struct_fields__ if field.endswith("_url")]
        for name in names:
            yield from _endpoint(f"{section}.{name}", getattr(given, name), getattr(real, name))
        hosts = [urlsplit(getattr(given, name)).hostname or "" for name in names]
        if given.ca_file and not all(is_loopback(host) for host in hosts):
            allowed = "only beside loopback addresses: real venues are verified by the system's authorities"
            yield f"{section}.ca_file", given.ca_file, allowed


def _endpoint(key: str, url: str, real: str) -> Iterator[Found]:
    if url == real:
        return
    try:
        parts, wanted = urlsplit(url), urlsplit(real)
        port = parts.port
    except ValueError:
        yield key, url, f"{real}, or a loopback address in the same form"
        return
    if parts.username is not None or parts.password is not None:
        yield key, "an address with a user name or password", "one without"
    elif parts.scheme != wanted.scheme:
        yield key, url, f"an address that begins with {wanted.scheme}://"
    elif not is_loopback(parts.hostname or ""):
        yield key, url, f"{real}, or a loopback address: keys are sent nowhere else"
    elif parts.path.rstrip("/") != wanted.path.rstrip("/") or parts.query or parts.fragment or port == 0:
        yield key, url, f"the path {wanted.path or '/'}, which the venue's protocol has"


# --- the dashboard ----------------------------------------------------------------------------------------------------
def _web(settings: Settings) -> Iterator[Found]:
    web = settings.web
    try:
        address = web.address()
    except ValueError:
        yield "web.listen", web.listen, "HOST:PORT, such as 127.0.0.1:8180 or [::1]:8180, or off"
        return
    if web.public_url and not _is_public(web.public_url):
        yield "web.public_url", web.public_url, "https:// and a host, with a port if need be, and nothing behind it"
    if address is not None and not is_loopback(address[0]) and not web.public_url:
        allowed = "a loopback address; any other one wants web.public_url, the https address of a proxy before it"
        yield "web.listen", web.listen, allowed
    for name in ("operate_token", "view_token"):
        if not _VARIABLE.match(getattr(web, name)):
            allowed = "the NAME of an environment variable (capitals, digits, _); the token never stands in this file"
            yield f"web.{name}", "a value that is not shown", allowed


def _is_public(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return (
        parts.scheme == "https" and bool(parts.hostname) and port != 0 and parts.username is None
        and parts.path in ("", "/") and not parts.query and not parts.fragment
    )


# --- where a bot begins to trade --------------------------------------------------------------------------------------
def _time_to_flatten(settings: Settings) -> Iterator[Found]:
    """Whatever the policy of a shutdown: `dnbot flatten` asks for it with any."""
    params = settings.strategy
    if flatten_s_least(params) > SHUTDOWN_S:
        allowed = (
            f"less, with order_expiry_ms = {params.order_expiry_ms} and match_lag_ms = {params.match_lag_ms}: "
            f"{FLATTEN_SLICES_LEAST} slices and one repair would take {flatten_s_least(params):g} s, a shutdown has "
            f"{SHUTDOWN_S:g} s, and nothing would be flattened"
        )
        yield "strategy.hedge_deadline_ms", params.hedge_deadline_ms, allowed


def _balance_age(settings: Settings) -> Iterator[Found]:
    age_ms = settings.strategy.balance_age_ms_max
    if age_ms < BALANCE_AGE_MS_LEAST:
        allowed = f"milliseconds, {BALANCE_AGE_MS_LEAST} to {MS_MOST}: 3 seconds are 3000"
        yield "strategy.balance_age_ms_max", age_ms, allowed


def _one_world(settings: Settings) -> Iterator[Found]:
    """In mode live every address is a venue's own, or every one is loopback's: half a rehearsal trades real coins."""
    if settings.mode != "live":
        return
    urls: dict[str, str] = {}
    for section in ("gate", "second_spot" if settings.second_spot.venue else "mexc"):
        given = getattr(settings, section)
        urls |= {f"{section}.{name}": getattr(given, name) for name in given.__struct_fields__ if name.endswith("_url")}
    real = [key for key, url in urls.items() if not is_loopback(urlsplit(url).hostname or "")]
    fake = [key for key in urls if key not in real]
    if real and fake:
        allowed = (
            f"a loopback address, as {fake[0]} has, or none anywhere: real orders would be hedged on a fake exchange"
        )
        yield real[0], urls[real[0]], allowed
