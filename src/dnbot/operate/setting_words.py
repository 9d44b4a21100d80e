"""One line on each setting: its unit and what it does. `dnbot new-config` and docs/configuration.md are made of it."""

from __future__ import annotations

from dnbot.operate.setting_words_alerts import ALERTS, MONITORS
from dnbot.operate.setting_words_alerts import Words as Words

SECTION_WORDS: dict[str, str] = {
    "": "Above all sections",
    "strategy": "What is traded, how much, and when it stops",
    "gate": "Gate.io: where it is and where its key is found",
    "mexc": "MEXC: where it is and where its key is found",
    "second_spot": "A plugin that speaks for another exchange in the place of MEXC, docs/extending.md",
    "canary": "What profile = \"canary\" leaves to this file",
    "database": "PostgreSQL",
    "monitors": "What is alerted on, and how much is too much",
    "alerts": "Who is told of alerts, and how often",
    "traces": "A trace of each execution for OpenTelemetry, docs/operations.md",
    "journal": "What the machine was told and answered, for `dnbot replay`, docs/replay.md",
    "web": "The dashboard in a browser, docs/dashboard.md",
    "transfers": "What `dnbot transfers plan` reckons with; the bot itself never moves anything between exchanges",
    "plugins": "Code of others that a run works with, docs/extending.md",
    "paper": "The account that mode paper pretends, docs/paper.md",
    "fakes": "The fake exchanges of mode sim",
}

TOP: dict[str, Words] = {
    "mode": Words(
        "sim | paper | live",
        "sim: fake exchanges on loopback. paper: the real books, pretended orders and money, no key. live: the real "
        "exchanges, with real money.",
    ),
    "profile": Words(
        "full | canary",
        "canary: orders up to 100, a position up to 500 and a daily loss up to 20 USDT, leverage up to 2, and after "
        "[canary] pairs_max pairs a person must resume.",
    ),
    "state_dir": Words("path", "Where database, logs and status live; empty: $DNBOT_HOME, or .dnbot in this folder."),
}

STRATEGY: dict[str, Words] = {
    # what is held
    "symbol": Words("BASE/USDT", "The coin that is traded on all three markets."),
    "base_position_size": Words("base", "Held in spot over both venues together, and shorted on the perpetual."),
    "max_position_multiplier": Words("ratio", "Carries may let spot grow to this multiple of base_position_size."),
    "inventory_ratio": Words("fraction", "Wished share of the spot inventory that lies on Gate."),
    "max_order_notional_quote": Words("quote", "No single order is worth more."),
    # when a trade pays
    "arbitrage_entry_threshold_bps": Words(
        "bps", "Edge, net of both fees, that a new trade must have beyond the reserve."
    ),
    "arbitrage_exit_threshold_bps": Words("bps", "Net edge that a trade which moves inventory back must have."),
    "slippage_reserve_bps": Words(
        "bps", "Part of an entry's edge set aside for prices that move before the fill. It rises by itself to what "
        "half of the last 20 entries lost against their estimate, and stays there until another value is set."
    ),
    "inventory_skew_bps_max": Words(
        "bps", "What a trade must earn more when it empties a venue; less when it refills."
    ),
    "max_round_trip_loss_bps": Words("bps", "Entry, exit and funding together may lose this much."),
    "depth_share_max": Words("fraction", "Share of the visible depth inside the price cap that one leg may take."),
    "allow_losing_thresholds": Words("true | false", "Accept thresholds whose round trip loses money."),
    # what is not believed
    "edge_bps_max_credible": Words("bps", "A larger edge is a data fault: no trade."),
    "price_collar_bps": Words(
        "bps", "A mid further from mark or index is a data fault; no order is priced further out."
    ),
    "identity_price_ratio_max": Words("ratio", "Venues whose mids differ by more do not trade the same coin."),
    "market_age_ms_max": Words("ms", "An older book is stale: nothing is traded on it."),
    "market_skew_ms_max": Words("ms", "The two books of a trade may differ in age by this much."),
    "balance_age_ms_max": Words(
        "ms", "Balances read longer ago are read again first; they are re-read three times as often."
    ),
    # carries
    "carry_hold_hours_max": Words(
        "hours", "Longest time a carry is reckoned with; after it, its allowed loss widens in steps."
    ),
    "position_timeout_minutes": Words(
        "minutes", "Spot inventory that waits longer for its way back is reported once; no loss is forced."
    ),
    # delta
    "delta_tolerance_base": Words(
        "base", "Delta that is left alone; at least half a contract lot.", "one contract lot"
    ),
    "delta_hard_limit_base": Words(
        "base", "Delta above which no new risk is taken.", "5 % of base_position_size, one lot at least"
    ),
    "delta_rebalance_frequency_minutes": Words(
        "minutes", "Whatever the streams say, all accounts are read anew this often and delta is judged by them."
    ),
    "dust_base_max": Words(
        "base", "Delta too small to hedge that may pile up; beyond it no new risk is taken.", "two contract lots"
    ),
    "hedge_quantity_per_minute_max": Words(
        "base",
        "Hedges and unwinds of a minute, counted from our own orders, less what the venue closed by its own trades; "
        "no leg is larger than what is left of it.",
        "base_position_size",
    ),
    # building the position
    "establish_slice_base": Words("base", "One step when the position is built.", "10 % of base_position_size"),
    "establish_cost_bps_max": Words("bps", "Dearest price of building, fees of both legs included."),
    # when it stops
    "max_daily_loss_quote": Words(
        "quote", "Loss since 00:00 UTC that halts trading; required in live.", "no limit (sim only)"
    ),
    "max_drawdown_pct": Words("percent", "Loss of equity since 00:00 UTC that halts trading."),
    "consecutive_loss_limit": Words("count", "Losing round trips in a row after which no new risk is taken."),
    "round_trips_per_minute_max": Words("count", "Executions in a minute after which no new risk is taken."),
    "identical_orders_per_minute_max": Words(
        "count", "The same order of a pair so often in a minute: REDUCING, until a person resumes."
    ),
    "api_error_limit_per_minute": Words("count", "Definitive refusals in a minute after which no new risk is taken."),
    "recovery_attempts_max": Words("count", "Attempts to recover from a fault before the bot halts."),
    "shutdown_policy": Words(
        "hold | flatten", "On the way out: keep the hedged position, or sell it and buy the short back."
    ),
    # time bounds
    "execution_deadline_ms": Words("ms", "Both legs of a pair are settled within this, or recovery begins."),
    "hedge_deadline_ms": Words(
        "ms", "Hedging on the perpetual is tried this long; then the filled leg is unwound on spot."
    ),
    "order_expiry_ms": Words("ms", "An order that reaches the venue later is refused there."),
    "match_lag_ms": Words("ms", "How far a venue's lists may trail its matching."),
    "resolve_deadline_ms": Words("ms", "An order whose outcome is unknown must be resolved within this."),
    # the perpetual and the venues
    "leverage": Words("ratio", "Set on the contract at the start of each session."),
    "margin_mode": Words("cross | isolated", "Of the contract."),
    "margin_floor_pct": Words(
        "percent",
        "Free margin below which margin is restored; an order by which the short grows must leave 2 points above it "
        "(10 with margin_top_up).",
    ),
    "liquidation_distance_min_pct": Words(
        "percent", "Distance from mark to liquidation below which the short may not grow."
    ),
    "margin_top_up": Words(
        "true | false",
        "When margin is low, USDT moves from Gate spot to the perpetual's wallet before both legs shrink; cross only.",
    ),
    "margin_top_up_quote_max": Words("quote", "The most that one such transfer moves.", "max_order_notional_quote"),
    "margin_top_up_day_quote_max": Words(
        "quote", "The most that all of them move in 24 hours.", "three times margin_top_up_quote_max"
    ),
    "venue_equity_share_max": Words("fraction", "No entry on an exchange that holds a larger share of all equity."),
    # legs that rest
    "maker_first": Words(
        "true | false",
        "Where a pair does not pay at once, its leg on MEXC may wait, post-only; it outlives a dead bot.",
    ),
    "maker_ticks_inside": Words("count", "Steps of the price by which that leg betters the best one; 0 joins it."),
    "maker_rest_ms": Words("ms", "It waits so long at most; meanwhile no other pair is traded."),
    "maker_order_notional_quote_max": Words(
        "quote", "Nothing that waits is worth more: a dead bot leaves so much unhedged.", "max_order_notional_quote"
    ),
}

_KEYS = {
    "key": Words(
        "variable", "NAME of the variable with the API key; NAME_FILE may hold the path of a 0600 file instead."
    ),
    "secret": Words("variable", "NAME of the variable with the secret, or NAME_FILE as above."),
    "ca_file": Words("path", "A further certificate authority, for loopback addresses only."),
}
GATE: dict[str, Words] = {
    "rest_url": Words("https URL", "REST; only the official address or a loopback one is accepted."),
    "ws_spot_url": Words("wss URL", "Spot WebSocket."),
    "ws_futures_url": Words("wss URL", "Perpetual WebSocket."),
    "order_path": Words(
        "rest | websocket", "Orders leave by REST, or by the WebSocket API once it has proven to refuse expired ones."
    ),
    "countdown_s": Words(
        "s", "Gate cancels every open order of the market, others' too, when not renewed for so long; 0: never."
    ),
    **_KEYS,
}
MEXC: dict[str, Words] = {
    "rest_url": Words("https URL", "REST; only the official address or a loopback one is accepted."),
    "ws_url": Words("wss URL", "WebSocket."),
    **_KEYS,
}
SECOND_SPOT: dict[str, Words] = {
    "venue": Words("name", "Of its entry point in dnbot.venues; empty: MEXC, and nothing else here may be set."),
    "options": Words("table", "The plugin's own: it says what may be in them. They are stored with the run."),
    "rest_url": Words("https URL", "Scheme, host and port of its REST, in mode live; keys are sent nowhere else."),
    "ws_url": Words("wss URL", "The same of its WebSockets."),
    **_KEYS,
    "stall_ms": Words("ms", "A call of the plugin that takes longer is a fault: it held up everything else."),
    "faults_max": Words(
        "count", "So many faults in ten minutes switch it off until the next start; nothing is ordered there then."
    ),
}
DATABASE: dict[str, Words] = {
    "dsn_env": Words(
        "variable",
        "NAME of the variable with a PostgreSQL connection string, or NAME_FILE as for keys; to another machine with "
        "its sslmode (docs/operations.md); empty: an embedded server.",
    ),
    "retention_days": Words(
        "days",
        "Time series older than this are dropped; orders, fills and the ledger are kept. Of all symbols in a database "
        "the longest counts.",
    ),
}
WEB: dict[str, Words] = {
    "listen": Words(
        "HOST:PORT | off", "Where the dashboard listens; beyond loopback it also needs public_url and operate_token."
    ),
    "public_url": Words("https URL", "Where people reach it through a proxy that speaks TLS; empty: there is none."),
    "operate_token": Words(
        "variable",
        "NAME of the variable with the token that may look and operate, or NAME_FILE as for keys; on loopback a run "
        "makes one of its own where there is none.",
    ),
    "view_token": Words("variable", "NAME of the variable with the token that may look alone, or NAME_FILE as above."),
}
TRACES: dict[str, Words] = {
    "endpoint": Words(
        "URL",
        "A collector that takes OTLP over HTTP, with its whole path (/v1/traces); https, or http on loopback. Needs "
        "the extra otel; empty: no traces are made.",
    ),
    "headers": Words(
        "variable",
        "NAME of the variable with headers for it, NAME=VALUE with commas between, or NAME_FILE; empty: none.",
    ),
}
JOURNAL: dict[str, Words] = {
    "folder": Words("path", "Where it is written, by `dnbot run` alone; relative: in state_dir; empty: nowhere."),
    "mib_max": Words("MiB", "The folder is never larger: the oldest segment goes."),
}
TRANSFERS: dict[str, Words] = {
    "least_pct": Words(
        "percent", "What is off its target by a smaller share of what all venues hold is left alone."
    ),
    "networks": Words(
        "list of tables",
        "Ways for funds as your venues state them; no fee is guessed. Each is { asset, source, target, network, fee, "
        "minimum }: venues as in status, fee and minimum in the asset's own units, the fee taken out of what is sent.",
    ),
}
PLUGINS: dict[str, Words] = {
    "load": Words(
        "list of tables",
        "What is installed and not named here is never loaded. Each is { kind, name, options, secret, timeout_ms, "
        "faults_max }: alerts, analytics, execution or strategies, the name of its entry point, a table of its own, "
        "the NAME of a variable that it alone is told (default none), milliseconds within which it must answer (2000), "
        "and the faults in a row that switch it off (3).",
    ),
}
FAKES: dict[str, Words] = {
    "market": Words(
        "lively | calibrated | realistic | replay:PATH",
        "Invented markets: one that pays often, two that rarely pay; or recorded prices.",
    ),
    "seed": Words("number", "Of the invented market."),
    "address_file": Words(
        "path", "The line that a running `dnbot fakes` printed; empty: the run starts fakes of its own."
    ),
}
_WAY = "There and back: an order meets the newest book that is known this long after it was sent."
_FEE = "No account's fee is public: the default is the entry level's."
_START = "At the first start of its state folder. The bot builds its position itself."
_ENOUGH = "base_position_size x max_position_multiplier at the price of the first start, rounded up"
PAPER: dict[str, Words] = {
    "gate_latency_ms": Words("ms", _WAY),
    "mexc_latency_ms": Words("ms", _WAY),
    "book_age_ms_max": Words("ms", "A book that did not change for so long fills nothing."),
    "gate_spot_maker_bps": Words("bps", f"Fee on Gate spot. {_FEE}"),
    "gate_spot_taker_bps": Words("bps", f"Fee on Gate spot. {_FEE}"),
    "gate_futures_maker_bps": Words("bps", f"Fee on the perpetual. {_FEE}"),
    "gate_futures_taker_bps": Words("bps", f"Fee on the perpetual. {_FEE}"),
    "mexc_maker_bps": Words("bps", f"Fee on MEXC. {_FEE}"),
    "mexc_taker_bps": Words("bps", f"Fee on MEXC. {_FEE}"),
    "gate_base": Words("base", _START),
    "mexc_base": Words("base", _START),
    "gate_spot_quote": Words("quote", _START, unset=_ENOUGH),
    "gate_futures_quote": Words("quote", _START, unset=_ENOUGH),
    "mexc_quote": Words("quote", _START, unset=_ENOUGH),
}
CANARY: dict[str, Words] = {
    "pairs_max": Words("count", "So many pairs, entries and exits, then REDUCING until a person resumes; 1 to 50."),
}
WORDS: dict[str, dict[str, Words]] = {
    "": TOP, "strategy": STRATEGY, "gate": GATE, "mexc": MEXC, "second_spot": SECOND_SPOT, "canary": CANARY,
    "database": DATABASE, "monitors": MONITORS, "alerts": ALERTS, "traces": TRACES, "journal": JOURNAL, "web": WEB,
    "transfers": TRANSFERS, "plugins": PLUGINS, "paper": PAPER, "fakes": FAKES,
}
