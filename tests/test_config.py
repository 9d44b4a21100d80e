"""Every mistake in a configuration is refused before anything is sent, and named: file, key, found, allowed."""

from __future__ import annotations

import re
from pathlib import Path

import hypothesis.strategies as st
import pytest
from click.testing import CliRunner
from hypothesis import given

from dnbot.cli import commands
from dnbot.config import SECTIONS, Settings, load_settings, parse_settings
from dnbot.config.reading import form_of
from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Symbol
from dnbot.metrics.histogram import SECONDS
from dnbot.operate.config_option import settings_of
from dnbot.resources import config_dir

GOOD: dict[str, str] = {
    "symbol": '"BTC/USDT"', "base_position_size": '"0.02"', "max_order_notional_quote": '"500"',
    "max_daily_loss_quote": '"50"',
}
LEAK = "a-value-that-may-be-a-secret"
LOCAL_GATE = (
    'rest_url = "https://127.0.0.1:8443/api/v4"\nws_spot_url = "wss://localhost:1/ws/v4/"\n'
    'ws_futures_url = "wss://127.0.0.1:2/v4/ws/usdt"\n'
)
LOCAL_MEXC = '[mexc]\nrest_url = "https://[::1]:1"\nws_url = "wss://localhost:1/ws"\n'
LOCAL_SECOND_SPOT = (
    '[second_spot]\nvenue = "example"\nrest_url = "https://127.0.0.1:3"\nws_url = "wss://localhost:3"\n'
)


def config_text(mode: str = "live", rest: str = "", **strategy: str) -> str:
    """A valid configuration, with keys of [strategy] replaced ("" takes one out) and more text after it."""
    keys = {name: value for name, value in {**GOOD, **strategy}.items() if value}
    return f'mode = "{mode}"\n[strategy]\n' + "\n".join(f"{k} = {v}" for k, v in keys.items()) + f"\n{rest}"


def canary_text(**strategy: str) -> str:
    """A valid configuration of a canary, with keys of [strategy] replaced."""
    small = {"max_order_notional_quote": '"100"', "max_daily_loss_quote": '"20"'}
    return 'profile = "canary"\n' + config_text(**{**small, **strategy})


def gate(line: str) -> str:
    """A valid configuration with one line under [gate]."""
    return config_text(rest=f"[gate]\n{line}\n")


def network(**changes: str) -> str:
    """A valid configuration with one network under [transfers], of which keys are replaced ("" takes one out)."""
    good = {
        "asset": '"USDT"', "source": '"GATEIO_SPOT"', "target": '"MEXC_SPOT"', "network": '"TRC20"', "fee": '"1"',
        "minimum": '"10"',
    }
    row = ", ".join(f"{name} = {value}" for name, value in {**good, **changes}.items() if value)
    return config_text(rest=f"[transfers]\nnetworks = [{{ {row} }}]\n")


def plugin(**changes: str) -> str:
    """A valid configuration with two plugins, of which keys of the second are replaced."""
    row = {"kind": '"alerts"', "name": '"mail"', "options": '{ to = "ops", every = 5, loud = true }', **changes}
    second = ", ".join(f"{name} = {value}" for name, value in row.items())
    return config_text(rest=f'[plugins]\nload = [{{ kind = "analytics", name = "first" }}, {{ {second} }}]\n')


# name: (file content, key that is named, words that the sentence must hold)
BROKEN: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "bad TOML": ('mode = \nseed = 1\n', "file", ("TOML", "line 1")),
    "an endless number": ("seed = " + "1" * 5000, "file", ("TOML",)),
    "endless nesting": ("seed = " + "[" * 5000, "file", ("TOML",)),
    "a key twice": ('mode = "sim"\nmode = "live"\n', "file", ("TOML",)),
    "empty file": ("", "strategy", ("nothing", "must be set")),
    "no size": (config_text(base_position_size=""), "strategy.base_position_size", ("must be set",)),
    "no order cap": (config_text(max_order_notional_quote=""), "strategy.max_order_notional_quote", ("must be set",)),
    "unknown key at the top": (f'colour = "{LEAK}"\n' + config_text(), "colour", ("unknown key", "mode")),
    "unknown section": (config_text(rest=f'[exchange]\nkey = "{LEAK}"\n'), "exchange", ("unknown key",)),
    "unknown key in a section": (gate(f'api_secret = "{LEAK}"'), "gate.api_secret", ("unknown key", "secret")),
    "misspelt key": (config_text(leverege="2"), "strategy.leverege", ("unknown key", "leverage?")),
    "key without its unit": (config_text(order_expiry="800"), "strategy.order_expiry", ("order_expiry_ms?",)),
    "float for money": (config_text(base_position_size="0.02"), "strategy.base_position_size", ('"0.02"', "float")),
    "float for a count": (config_text(leverage="2.0"), "strategy.leverage", ("whole number",)),
    "text for a count": (config_text(leverage='"2"'), "strategy.leverage", ("whole number without quotes",)),
    "text for a switch": (
        config_text(allow_losing_thresholds='"no"'), "strategy.allow_losing_thresholds", ("true or",),
    ),
    "switch for money": (config_text(max_drawdown_pct="true"), "strategy.max_drawdown_pct", ("a number in quotes",)),
    "a list": (config_text(inventory_ratio='["0.5"]'), "strategy.inventory_ratio", ("a number in quotes",)),
    "float for a network's fee": (network(fee="0.5"), "transfers.networks.fee", ('"0.5"', "float")),
    "no fee of a network": (network(fee=""), "transfers.networks.0.fee", ("must be set",)),
    "strange fee of a network": (network(fee='"NaN"'), "transfers.networks.fee", ("number in quotes",)),
    "negative fee of a network": (network(fee='"-1"'), "transfers.networks.0.fee", ("0 or more",)),
    "no minimum of a network": (network(minimum='"0"'), "transfers.networks.0.minimum", ("more than 0",)),
    "unknown key of a network": (network(speed='"1"'), "transfers.networks.speed", ("unknown key", "network")),
    "a network's unknown venue": (network(source='"KRAKEN"'), "transfers.networks.0.source", ("KRAKEN",)),
    "a network to where it begins": (network(target='"GATEIO_SPOT"'), "transfers.networks.0.target", ("MEXC_SPOT",)),
    "a network for base to the perpetual": (
        network(asset='"BTC"', target='"GATEIO_FUTURES"'), "transfers.networks.0.target", ("GATEIO_SPOT to MEXC_SPOT",),
    ),
    "a network for another coin": (network(asset='"ETH"'), "transfers.networks.0.asset", ("BTC", "USDT")),
    "a network without a name": (network(network='" "'), "transfers.networks.0.network", ("name",)),
    "ticks of a leg that rests": (config_text(maker_ticks_inside="-1"), "strategy.maker_ticks_inside", ("0 (joins",)),
    "seconds for a leg that rests": (config_text(maker_rest_ms="100"), "strategy.maker_rest_ms", ("500 to 20000",)),
    "too long for a leg that rests": (config_text(maker_rest_ms="60000"), "strategy.maker_rest_ms", ("500 to 20000",)),
    "a larger cap for what rests": (
        config_text(maker_order_notional_quote_max='"1e9"'), "strategy.maker_order_notional_quote_max",
        ("at most max_order_notional_quote",),
    ),
    "no cap for what rests": (
        config_text(maker_order_notional_quote_max='"0"'), "strategy.maker_order_notional_quote_max", ("more than 0",),
    ),
    "an execution plugin that nobody asks": (plugin(kind='"execution"'), "strategy.maker_first", ("no leg rests",)),
    "two execution plugins": (
        config_text(maker_first="true", rest="[plugins]\n" + "\n".join(
            f'[[plugins.load]]\nkind = "execution"\nname = "n{number}"' for number in range(2)
        )), "plugins.load.1.name", ("n1", "one execution plugin"),
    ),
    "unknown key of a plugin": (plugin(module='"os"'), "plugins.load.module", ("unknown key", "kind, name, options")),
    "a plugin of no kind": (plugin(kind='"venues"'), "plugins.load.1.kind", ("'venues'", "alerts | analytics |")),
    "a plugin's name": (plugin(name='"os:system"'), "plugins.load.1.name", ("os:system", "small letters")),
    "a plugin twice": (plugin(name='"first"'), "plugins.load.1.name", ("first", "each name once")),
    "a plugin's secret": (plugin(secret=f'"{LEAK}"'), "plugins.load.1.secret", ("the NAME of an environment",)),
    "a plugin's time": (plugin(timeout_ms="3"), "plugins.load.1.timeout_ms", ("3 seconds are 3000",)),
    "a plugin's faults": (plugin(faults_max="0"), "plugins.load.1.faults_max", ("1 to 1000",)),
    "float for a plugin's option": (
        plugin(options="{ a = 0.5 }"), "plugins.load.1.options", ("whole number", "text in quotes"),
    ),
    "a plugin's long option": (
        plugin(options=f'{{ a = "{LEAK * 100}" }}'), "plugins.load.1.options.a", ("at most 2000",),
    ),
    "too many plugins": (
        config_text(rest="[plugins]\n" + "\n".join(
            f'[[plugins.load]]\nkind = "alerts"\nname = "n{number}"' for number in range(17)
        )), "plugins.load", ("17 plugins", "at most 16"),
    ),
    "networks that are no list": (
        config_text(rest='[transfers]\nnetworks = "TRC20"\n'), "transfers.networks", ("array",),
    ),
    "a share for percent of transfers": (
        config_text(rest='[transfers]\nleast_pct = "0.05"\n'), "transfers.least_pct", ("5 %",),
    ),
    "a value for a section": ('strategy = "BTC"\n', "strategy", ("a table",)),
    "not a number": (config_text(max_daily_loss_quote='"NaN"'), "strategy.max_daily_loss_quote", ("NaN", "quote coin")),
    "endless": (config_text(base_position_size='"Infinity"'), "strategy.base_position_size", ("Infinity",)),
    "thousands separator": (config_text(max_daily_loss_quote='"1_000"'), "strategy.max_daily_loss_quote", ("1_000",)),
    "decimal comma": (config_text(base_position_size='"0,02"'), "strategy.base_position_size", ("0,02",)),
    "percent sign for bps": (
        config_text(arbitrage_entry_threshold_bps='"0.1%"'), "strategy.arbitrage_entry_threshold_bps",
        ("basis points", '0.1 % is "10"'),
    ),
    "fraction for bps": (
        config_text(arbitrage_entry_threshold_bps='"0.0003"'), "strategy.arbitrage_entry_threshold_bps",
        ("0.000003 %", 'as a fraction write "3"', 'as percent "0.03"'),
    ),
    "fraction for an exit in bps": (
        config_text(arbitrage_exit_threshold_bps='"-0.0002"'), "strategy.arbitrage_exit_threshold_bps",
        ('as a fraction write "-2"',),
    ),
    "absurd bps": (config_text(price_collar_bps='"10000"'), "strategy.price_collar_bps", ("at most 5000", "50 %")),
    "fraction for percent": (config_text(max_drawdown_pct='"0.02"'), "strategy.max_drawdown_pct", ('write "2"',)),
    "a floor with which nothing can be added": (
        config_text(margin_floor_pct='"90"', margin_top_up="true"), "strategy.margin_floor_pct",
        ("below 90 with margin_top_up",),
    ),
    "a floor that leaves no room for its cushion": (
        config_text(margin_floor_pct='"98"'), "strategy.margin_floor_pct", ("below 98: no position",),
    ),
    "all of it as percent": (config_text(margin_floor_pct='"100"'), "strategy.margin_floor_pct", ("below 100",)),
    "percent for a fraction": (config_text(inventory_ratio='"50"'), "strategy.inventory_ratio", ('half is "0.5"',)),
    "seconds for ms": (config_text(hedge_deadline_ms="2"), "strategy.hedge_deadline_ms", ("3 seconds are 3000",)),
    "microseconds for ms": (config_text(market_age_ms_max="9000000"), "strategy.market_age_ms_max", ("milliseconds",)),
    "negative size": (config_text(base_position_size='"-1"'), "strategy.base_position_size", ("-1", "more than 0")),
    "zero size": (config_text(base_position_size='"0"'), "strategy.base_position_size", ("more than 0",)),
    "zero tolerance": (config_text(delta_tolerance_base='"0"'), "strategy.delta_tolerance_base", ("more than 0",)),
    "zero hard limit": (config_text(delta_hard_limit_base='"0"'), "strategy.delta_hard_limit_base", ("more than 0",)),
    "zero leverage": (config_text(leverage="0"), "strategy.leverage", ("more than 0",)),
    "negative reserve": (config_text(slippage_reserve_bps='"-1"'), "strategy.slippage_reserve_bps", ("0 or more",)),
    "negative loss limit": (
        config_text(max_round_trip_loss_bps='"-5"'), "strategy.max_round_trip_loss_bps", ("0 or more",),
    ),
    "shrinking multiplier": (
        config_text(max_position_multiplier='"0.5"'), "strategy.max_position_multiplier", ("1 or more",),
    ),
    "slice above size": (
        config_text(establish_slice_base='"0.05"'), "strategy.establish_slice_base", ("base_position_size = 0.02",),
    ),
    "hard limit below tolerance": (
        config_text(delta_tolerance_base='"0.002"', delta_hard_limit_base='"0.001"'), "strategy.delta_hard_limit_base",
        ("at least delta_tolerance_base = 0.002",),
    ),
    "tolerance above the default hard limit": (
        config_text(delta_tolerance_base='"0.002"'), "strategy.delta_hard_limit_base", ("0.001 (its default",),
    ),
    "hedge budget below one slice": (
        config_text(hedge_quantity_per_minute_max='"0.0001"'), "strategy.hedge_quantity_per_minute_max", ("one slice",),
    ),
    "orders outlive the execution": (
        config_text(order_expiry_ms="5000"), "strategy.order_expiry_ms", ("execution_deadline_ms = 3000",),
    ),
    "resolved before known": (
        config_text(resolve_deadline_ms="1000"), "strategy.resolve_deadline_ms", ("= 1300",),
    ),
    "an unknown profile": ('profile = "careful"\n' + config_text(), "profile", ("full | canary",)),
    "too many executions": (
        config_text(rest="[canary]\npairs_max = 51\n"), "canary.pairs_max", ("1 to 50",),
    ),
    "no executions": (config_text(rest="[canary]\npairs_max = 0\n"), "canary.pairs_max", ("1 to 50",)),
    "a large order for a canary": (
        canary_text(max_order_notional_quote='"101"'), "strategy.max_order_notional_quote", ("at most 100", "canary"),
    ),
    "a large loss for a canary": (
        canary_text(max_daily_loss_quote='"21"'), "strategy.max_daily_loss_quote", ("at most 20", "canary"),
    ),
    "leverage for a canary": (canary_text(leverage="3"), "strategy.leverage", ("at most 2", "canary")),
    "money that a canary moves": (canary_text(margin_top_up="true"), "strategy.margin_top_up", ("canary",)),
    "losing thresholds": (
        config_text(arbitrage_entry_threshold_bps='"1"', arbitrage_exit_threshold_bps='"-3"'),
        "strategy.arbitrage_entry_threshold_bps", ("1 + arbitrage_exit_threshold_bps -3 = -2 bps per round trip",),
    ),
    "losing entry": (
        config_text(arbitrage_entry_threshold_bps='"-1"'), "strategy.arbitrage_entry_threshold_bps",
        ("below 0", "lose after fees"),
    ),
    "no edge is credible": (
        config_text(edge_bps_max_credible='"4"'), "strategy.edge_bps_max_credible", ("= 4",),
    ),
    "identity ratio of one": (
        config_text(identity_price_ratio_max='"1"'), "strategy.identity_price_ratio_max", ("above 1",),
    ),
    "isolated too near to liquidation": (
        config_text(margin_mode='"isolated"', leverage="10"), "strategy.leverage", ("10 % away", "is 20"),
    ),
    "absurd leverage": (config_text(leverage="125"), "strategy.leverage", ("1 to 50",)),
    "unknown margin mode": (config_text(margin_mode='"none"'), "strategy.margin_mode", ("cross | isolated",)),
    "unknown policy": (config_text(shutdown_policy='"sell"'), "strategy.shutdown_policy", ("hold | flatten",)),
    "symbol without slash": (config_text(symbol='"BTCUSDT"'), "strategy.symbol", ("BTC/USDT",)),
    "symbol in small letters": (config_text(symbol='"btc/usdt"'), "strategy.symbol", ("BTC/USDT",)),
    "symbol of another form": (config_text(symbol='"BTC_USDT"'), "strategy.symbol", ("BTC/USDT",)),
    "symbol in another quote": (config_text(symbol='"BTC/USDC"'), "strategy.symbol", ("quoted in USDT",)),
    "symbol as a number": (config_text(symbol="7"), "strategy.symbol", ("BTC/USDT",)),
    "bad mode": (config_text(mode="dry-run"), "mode", ("sim | paper | live",)),
    "a paper latency in seconds": (
        config_text(rest="[paper]\ngate_latency_ms = 0\n"), "paper.gate_latency_ms", ("there and back",),
    ),
    "a paper fee in percent of percent": (
        config_text(rest='[paper]\nmexc_taker_bps = "200"\n'), "paper.mexc_taker_bps", ("basis points",),
    ),
    "a paper debt": (config_text(rest='[paper]\nmexc_quote = "-1"\n'), "paper.mexc_quote", ("0 or more",)),
    "a paper book that ends before the bot's": (
        config_text(mode="paper", rest="[paper]\nbook_age_ms_max = 999\n"), "paper.book_age_ms_max",
        ("market_age_ms_max = 1000",),
    ),
    "live without a loss limit": (
        config_text(max_daily_loss_quote=""), "strategy.max_daily_loss_quote", ("live trading requires",),
    ),
    "http endpoint": (gate('rest_url = "http://127.0.0.1:8080/api/v4"'), "gate.rest_url", ("begins with https://",)),
    "plain WebSocket": (gate('ws_spot_url = "ws://127.0.0.1:8080/ws/v4/"'), "gate.ws_spot_url", ("wss://",)),
    "a WebSocket for REST": (gate('rest_url = "wss://127.0.0.1/api/v4"'), "gate.rest_url", ("https://",)),
    "another host": (gate('rest_url = "https://example.com/api/v4"'), "gate.rest_url", ("keys are sent nowhere else",)),
    "the old host with a suffix": (
        gate('rest_url = "https://api.gateio.ws.example.com/api/v4"'), "gate.rest_url", ("nowhere else",),
    ),
    "a name that looks local": (
        gate('rest_url = "https://localhost.example.com/api/v4"'), "gate.rest_url", ("loopback",),
    ),
    "a path of one's own": (gate('rest_url = "https://127.0.0.1:8443/v5"'), "gate.rest_url", ("/api/v4",)),
    "a user name in the URL": (
        gate(f'rest_url = "https://{LEAK}@127.0.0.1/api/v4"'), "gate.rest_url", ("one without",),
    ),
    "a port that is none": (gate('rest_url = "https://127.0.0.1:99999/api/v4"'), "gate.rest_url", ("loopback",)),
    "another authority for a real venue": (gate('ca_file = "/etc/ca.pem"'), "gate.ca_file", ("loopback",)),
    "a service's URL in the file": (
        config_text(rest=f'[alerts]\nurls = "tgram://{LEAK}"\n'), "alerts.urls", ("NAME of an environment variable",),
    ),
    "a heartbeat's URL in the file": (
        config_text(rest=f'[alerts]\nheartbeat = "https://{LEAK}"\n'), "alerts.heartbeat", ("NAME of",),
    ),
    "a level that is none": (
        config_text(rest='[alerts]\nlevel_min = "loud"\n'), "alerts.level_min", ("info | warning",),
    ),
    "a heart that races": (config_text(rest="[alerts]\nheartbeat_s = 1\n"), "alerts.heartbeat_s", ("10 or more",)),
    "no notice at all": (config_text(rest="[alerts]\nper_hour_max = 0\n"), "alerts.per_hour_max", ("1 or more",)),
    "headers in the file": (
        config_text(rest=f'[traces]\nendpoint = "https://c.example.org/v1/traces"\nheaders = "key={LEAK}"\n'),
        "traces.headers", ("NAME of",),
    ),
    "headers for nobody": (
        config_text(rest='[traces]\nheaders = "OTLP_HEADERS"\n'), "traces.headers", ("traces.endpoint is empty",),
    ),
    "traces in the clear": (
        config_text(rest='[traces]\nendpoint = "http://c.example.org/v1/traces"\n'), "traces.endpoint",
        ("an https URL", "loopback alone"),
    ),
    "a collector's password in the file": (
        config_text(rest=f'[traces]\nendpoint = "https://me:{LEAK}@c.example.org/v1/traces"\n'), "traces.endpoint",
        ("without a name or password",),
    ),
    "traces to nowhere": (config_text(rest='[traces]\nendpoint = "https:///"\n'), "traces.endpoint", ("an https URL",)),
    "traces to no port": (
        config_text(rest='[traces]\nendpoint = "https://c:99999/"\n'), "traces.endpoint", ("an https URL",),
    ),
    "a group without end": (config_text(rest="[alerts]\ngroup_ms = 90000\n"), "alerts.group_ms", ("0 to 60000",)),
    "an action that is none": (
        config_text(rest='[monitors]\non_clock = "kill"\n'), "monitors.on_clock", ("none | pause | halt",),
    ),
    "a pause where a limit halts": (
        config_text(rest='[monitors]\non_drawdown = "pause"\n'), "monitors.on_drawdown",
        ("none | halt", "halts by itself"),
    ),
    "seconds for milliseconds in a monitor": (
        config_text(rest="[monitors]\nfeed_age_ms_max = 5\n"), "monitors.feed_age_ms_max", ("3 seconds are 3000",),
    ),
    "more than all": (
        config_text(rest='[monitors]\nqueue_pct_max = "100"\n'), "monitors.queue_pct_max", ("below 100",),
    ),
    "a threshold of nothing": (
        config_text(rest="[monitors]\norders_min = 0\n"), "monitors.orders_min", ("more than 0",),
    ),
    "percent for basis points": (
        config_text(rest='[monitors]\nedge_drift_bps_max = "6000"\n'), "monitors.edge_drift_bps_max", ("at most 5000",),
    ),
    "a warning after the limit": (
        config_text(rest='[monitors]\ndrawdown_pct_warn = "3"\n'), "monitors.drawdown_pct_warn", ("max_drawdown_pct",),
    ),
    "a slow order that no bucket tells": (
        config_text(rest="[monitors]\nfill_ms_max = 10001\n"), "monitors.fill_ms_max", ("at most 10000",),
    ),
    "a budget that is never full enough": (
        config_text(rest='[monitors]\nrate_left_pct_min = "81"\n'), "monitors.rate_left_pct_min", ("at most 80",),
    ),
    "inventory that is told where it belongs": (
        config_text(inventory_ratio='"0.04"'), "monitors.inventory_pct_max",
        ("95", "at least 96", "strategy.inventory_ratio = 0.04"),
    ),
    "the key itself in the file": (gate(f'key = "{LEAK}"'), "gate.key", ("NAME of an environment variable",)),
    "the secret as a number": (gate("secret = 123456"), "gate.secret", ("text in quotes",)),
    "a connection string in the file": (
        config_text(rest=f'[database]\ndsn_env = "postgresql://bot:{LEAK}@db/x"\n'), "database.dsn_env", ("NAME",),
    ),
    "an unknown order path": (gate('order_path = "fix"'), "gate.order_path", ("rest", "websocket")),
    "no retention": (config_text(rest="[database]\nretention_days = 0\n"), "database.retention_days", ("1 or more",)),
    "an unknown market": (
        config_text(mode="sim", rest='[fakes]\nmarket = "real"\n'), "fakes.market", ("lively | calibrated",),
    ),
    "a negative seed": (config_text(mode="sim", rest="[fakes]\nseed = -1\n"), "fakes.seed", ("0 or more",)),
}


# The same of files with which nothing begins to trade, and everything else is done.
NOT_TO_TRADE: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "a hedge that a shutdown has no time for": (
        config_text(hedge_deadline_ms="7000"), "strategy.hedge_deadline_ms",
        ("order_expiry_ms = 800", "would take 24.15 s", "a shutdown has 20 s"),
    ),
    "orders that a shutdown has no time for": (
        config_text(order_expiry_ms="5000", execution_deadline_ms="9000"), "strategy.hedge_deadline_ms",
        ("order_expiry_ms = 5000", "would take 21.75 s"),
    ),
    "seconds for the age of balances": (
        config_text(balance_age_ms_max="30"), "strategy.balance_age_ms_max", ("milliseconds, 3000 to 3600000",),
    ),
    "a fake Gate beside the real MEXC": (gate(LOCAL_GATE), "mexc.rest_url", ("api.mexc.com", "as gate.rest_url has")),
    "a fake MEXC beside the real Gate": (
        config_text(rest=LOCAL_MEXC), "gate.rest_url", ("api.gateio.ws", "as mexc.rest_url has"),
    ),
    "a fake stream beside real orders": (
        gate('ws_spot_url = "wss://localhost:1/ws/v4/"'), "gate.rest_url", ("as gate.ws_spot_url has",),
    ),
    "a fake second spot venue beside the real Gate": (
        config_text(rest=LOCAL_SECOND_SPOT), "gate.rest_url", ("as second_spot.rest_url has",),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_ends_every_command_with_one_sentence(name: str, tmp_path: Path) -> None:
    """Exit code 2; file, key and what is allowed are named; nothing that may be a secret is repeated; no traceback."""
    text, key, words = BROKEN[name]
    path = tmp_path / "broken.toml"
    path.write_text(text, encoding="utf-8")
    for command in ("run", "check", "status"):
        assert_refused([command, "--config", str(path)], path, key, words)


@pytest.mark.parametrize("name", NOT_TO_TRADE)
def test_what_nothing_should_trade_with_is_refused_where_trading_begins(name: str, tmp_path: Path) -> None:
    """By `run` and `check`, in the same manner; every other command reads the file."""
    text, key, words = NOT_TO_TRADE[name]
    path = tmp_path / "old.toml"
    path.write_text(text, encoding="utf-8")
    for command in ("run", "check"):
        assert_refused([command, "--config", str(path)], path, key, words)
    assert settings_of(path) == parse_settings("old", text)


@pytest.mark.parametrize("name", NOT_TO_TRADE)
def test_kill_and_sweep_go_on_with_what_nothing_should_trade_with(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They end what a version before began with it."""
    path = tmp_path / "old.toml"
    path.write_text(NOT_TO_TRADE[name][0], encoding="utf-8")
    killed: list[Settings] = []

    async def kill(settings: Settings, _: object) -> None:
        killed.append(settings)
        raise ConfigError("test", "kill", "reached", "nothing more")

    monkeypatch.setattr("dnbot.operate.kill_command.kill", kill)
    for command in ("kill", "sweep"):
        CliRunner().invoke(commands, [command, "--why", "test", "--config", str(path)])
    assert killed == [settings_of(path)] * 2


def assert_refused(command: list[str], path: Path, key: str, words: tuple[str, ...]) -> None:
    """With exit code 2 and one sentence about this key of this file."""
    result = CliRunner().invoke(commands, command)
    assert (result.exit_code, result.stdout) == (2, "")
    sentence = result.stderr
    assert sentence.startswith(f"dnbot: {path}: {key}: found ")
    assert [word for word in words if word not in sentence] == []
    assert LEAK not in sentence
    assert sentence.count("\n") == 1
    assert "Decimal(" not in sentence


def test_the_base_of_the_broken_files_is_good(tmp_path: Path) -> None:
    """What the broken files are made from is accepted: each fails for its own mistake."""
    settings = parse_settings("good", config_text())
    assert settings.strategy.symbol == Symbol("BTC", "USDT")
    assert parse_settings("good", config_text(state_dir="")).state_dir == ""
    for second in (LOCAL_MEXC, LOCAL_SECOND_SPOT):
        rehearsal = parse_settings("good", gate(f'ca_file = "ca.pem"\n{LOCAL_GATE}{second}')).gate
        assert (rehearsal.ca_file, rehearsal.key) == ("ca.pem", "GATE_API_KEY")


def test_one_exchange_alone_may_be_on_loopback_where_no_order_is_real() -> None:
    """Paper reads books from where it is told; its account is pretended wherever they come from."""
    text = config_text(mode="paper", rest=f"[gate]\n{LOCAL_GATE}")
    assert parse_settings("good", text).gate.rest_url.startswith("https://127.0.0.1")


def test_a_threshold_of_a_monitor_can_be_passed_and_left() -> None:
    """As far as the histograms tell, a budget can fill and inventory be where it belongs; not a step further."""
    limits = parse_settings("good", config_text(
        inventory_ratio='"0.8"',
        rest='[monitors]\nfill_ms_max = 10000\nrate_left_pct_min = "80"\ninventory_pct_max = "80"\n',
    )).monitors
    assert limits.fill_ms_max == SECONDS[-1] * 1000
    assert limits.inventory_pct_max == 80
    assert parse_settings("good", config_text(inventory_ratio='"1"')).monitors.inventory_pct_max == 95


def test_thresholds_that_lose_are_accepted_when_that_is_said() -> None:
    """`allow_losing_thresholds` is the only way past the arithmetic."""
    losing = config_text(arbitrage_entry_threshold_bps='"-5"', allow_losing_thresholds="true")
    assert parse_settings("good", losing).strategy.arbitrage_entry_threshold_bps == -5


@pytest.mark.parametrize("command", ["run", "check", "status"])
def test_a_file_that_cannot_be_read_is_named(command: str, tmp_path: Path) -> None:
    """A missing file, bytes that are no text, and a link to itself each give one sentence and exit code 2."""
    missing, latin, loop = tmp_path / "none.toml", tmp_path / "latin.toml", tmp_path / "loop.toml"
    latin.write_bytes(b'mode = "\xe4"')
    loop.symlink_to(loop)
    for path, words in ((missing, "No such file"), (latin, "not UTF-8 at byte 8"), (loop, "symbolic link")):
        result = CliRunner().invoke(commands, [command, "--config", str(path)])
        assert result.exit_code == 2
        assert str(path) in result.stderr
        assert words in result.stderr


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    """A folder in place of a file is refused with exit code 2."""
    assert CliRunner().invoke(commands, ["run", "--config", str(tmp_path)]).exit_code == 2


def test_a_state_dir_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """Where state cannot be kept, nothing begins."""
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ConfigError, match=r"state_dir.*a folder"):
        parse_settings("here.toml", f'state_dir = "{file}"\n' + config_text())


@pytest.mark.parametrize("example", sorted(path.name for path in config_dir().glob("*.toml")))
def test_the_shipped_examples_are_valid_and_every_key_is_explained(example: str) -> None:
    """Each file in config/ loads, and each key that it sets has a comment beside or above it."""
    path = config_dir() / example
    load_settings(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    keys = [n for n, line in enumerate(lines) if re.match(r"[a-z_]+ = ", line)]
    assert keys
    assert [lines[n] for n in keys if "  # " not in lines[n] and not lines[n - 1].startswith("#")] == []


@given(st.text(max_size=80))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever a file holds, it is settings or a ConfigError, never another exception."""
    try:
        parse_settings("fuzz", text)
    except ConfigError:
        return


_VALUES = st.one_of(
    st.integers(), st.booleans().map(lambda b: str(b).lower()), st.floats(allow_nan=True),
    st.sampled_from(['"x"', '"1"', '"-1"', '"1e9"', '""', "[]", "{}", "1979-05-27", "nan", "inf", '"1e-60"', '"٣"']),
)
_KEYS = st.sampled_from([(section, key) for section, kind in SECTIONS.items() for key in kind.__struct_fields__])


@given(_KEYS, _VALUES)
def test_no_value_of_any_key_breaks_the_reader(key: tuple[str, str], value: object) -> None:
    """Any key may hold anything: it is accepted, or refused by a ConfigError."""
    section, name = key
    strategy = {name: str(value)} if section == "strategy" else {}
    top = f"{name} = {value}\n" if not section and name not in SECTIONS and name != "mode" else ""
    rest = f"[{section}]\n{name} = {value}\n" if section not in {"", "strategy"} else ""
    try:
        parse_settings("fuzz", top + config_text(rest=rest, **strategy))
    except ConfigError:
        return


def test_every_kind_of_number_has_a_form() -> None:
    """The sentence on a number that cannot be read says how numbers of that unit are written."""
    assert "basis points" in form_of("edge_bps_max_credible")
    assert "percent" in form_of("max_drawdown_pct")
    assert "quote coin" in form_of("max_daily_loss_quote")
    assert "base coin" in form_of("delta_tolerance_base")
    assert form_of("inventory_ratio") == 'a number in quotes, such as "0.5"'
