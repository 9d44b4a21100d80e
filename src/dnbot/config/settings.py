"""What can be set, with its defaults: one struct per section of the file. The strategy's own is in its room."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.monitor.thresholds import MonitorSettings
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.transfer_plan import Network

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


class SecondSpotSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plugin that speaks for another exchange in the place of MEXC, docs/extending.md."""

    venue: str = ""
    """Of its entry point in `dnbot.venues`; empty: MEXC, and nothing else here is read."""
    options: dict[str, str | int | bool] = {}
    """The plugin's own; it alone knows what may be in them."""
    rest_url: str = ""
    ws_url: str = ""
    key: str = "SECOND_SPOT_API_KEY"
    secret: str = "SECOND_SPOT_API_SECRET"  # noqa: S105 (the name of a variable)
    ca_file: str = ""
    stall_ms: int = 100
    """A call that takes longer is a fault."""
    faults_max: int = 5
    """Faults in ten minutes after which it is switched off until the next start."""


class CanarySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the profile `canary` leaves to the file; its caps are in the code (`rules_canary`)."""

    pairs_max: int = 10
    """Then a person looks, and raises the mode again."""


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


class PaperSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The account that mode `paper` pretends: what is not public of one, and how far away its venues are."""

    gate_latency_ms: int = 100
    mexc_latency_ms: int = 100
    book_age_ms_max: int = 1_500
    gate_spot_maker_bps: Decimal = Decimal(20)
    gate_spot_taker_bps: Decimal = Decimal(20)
    gate_futures_maker_bps: Decimal = Decimal(2)
    gate_futures_taker_bps: Decimal = Decimal(5)
    mexc_maker_bps: Decimal = Decimal(0)
    mexc_taker_bps: Decimal = Decimal(5)
    gate_base: Decimal = Decimal(0)
    mexc_base: Decimal = Decimal(0)
    gate_spot_quote: Decimal | None = None
    gate_futures_quote: Decimal | None = None
    mexc_quote: Decimal | None = None


class AlertSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is told of alerts, and how often."""

    urls: str = ""
    """Name of a variable with the services' URLs, as apprise writes them, blanks between; empty: nobody is told."""
    heartbeat: str = ""
    """Name of a variable with a URL that is asked for while all is well; empty: none."""
    heartbeat_s: int = 60
    level_min: str = "warning"
    group_ms: int = 2_000
    per_hour_max: int = 30
    repeat_minutes: int = 60


class TraceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a trace of each execution goes, for OpenTelemetry."""

    endpoint: str = ""
    """URL of a collector that takes OTLP over HTTP; empty: no traces are made."""
    headers: str = ""
    """Name of a variable with headers for it, `NAME=VALUE` with commas between; empty: none."""


class JournalSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a run writes down what its machine was told and what it answered, for `dnbot replay`."""

    folder: str = ""
    """Empty: nothing is written."""
    mib_max: int = 1024


class WebSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The dashboard: where it listens, and who may look and operate."""

    listen: str = "127.0.0.1:8180"
    """`HOST:PORT`, or `off`."""
    public_url: str = ""
    """Where people reach it through a proxy that speaks TLS; whoever sets it says that there is one."""
    operate_token: str = "DNBOT_WEB_OPERATE_TOKEN"  # noqa: S105 (the name of a variable)
    """Whose holder may look and operate; without one a run makes its own in the state folder."""
    view_token: str = "DNBOT_WEB_VIEW_TOKEN"  # noqa: S105 (the name of a variable)
    """Whose holder may look."""

    def address(self) -> tuple[str, int] | None:
        """Host and port; None while it is off. Raises ValueError for anything else."""
        if self.listen == "off":
            return None
        host, _, port = self.listen.rpartition(":")
        number = int(port) if port.isascii() and port.isdecimal() else 0
        host = host.removeprefix("[").removesuffix("]")
        if not host or host.split() != [host] or not 0 < number < 65_536:
            raise ValueError(f"{self.listen!r} is not HOST:PORT")
        return host, number


class TransferSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a person may move funds between the venues; `dnbot transfers plan` reckons with it, nothing is ever sent."""

    least_pct: Decimal = Decimal(5)
    """What is off its target by less, in percent of what all venues hold, is left alone."""
    networks: tuple[Network, ...] = ()


class PluginUse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One plugin that is loaded, in a process of its own; what is installed and not named here is never loaded."""

    kind: str
    name: str
    """Of its entry point."""
    options: dict[str, str | int | bool] = {}
    """The plugin's own; it alone knows what may be in them."""
    secret: str = ""
    """Name of a variable whose value this plugin alone is told; empty: none."""
    timeout_ms: int = 2_000
    """A question that is not answered by then is a fault."""
    faults_max: int = 3
    """Faults in a row after which it is switched off until the next start."""


class PluginSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Code of others that a run works with, docs/extending.md."""

    load: tuple[PluginUse, ...] = ()


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One configuration file."""

    mode: str = "sim"
    profile: str = "full"
    """`canary`: hard caps, and a person after so many pairs."""
    state_dir: str = ""
    """Empty: `$DNBOT_HOME`, or `.dnbot` in the working folder."""
    strategy: StrategyParameters
    gate: GateSettings = GateSettings()
    mexc: MexcSettings = MexcSettings()
    second_spot: SecondSpotSettings = SecondSpotSettings()
    canary: CanarySettings = CanarySettings()
    database: DatabaseSettings = DatabaseSettings()
    monitors: MonitorSettings = MonitorSettings()
    alerts: AlertSettings = AlertSettings()
    traces: TraceSettings = TraceSettings()
    journal: JournalSettings = JournalSettings()
    web: WebSettings = WebSettings()
    transfers: TransferSettings = TransferSettings()
    plugins: PluginSettings = PluginSettings()
    paper: PaperSettings = PaperSettings()
    fakes: FakesSettings = FakesSettings()


SECTIONS: dict[str, type[msgspec.Struct]] = {
    "": Settings, "strategy": StrategyParameters, "gate": GateSettings, "mexc": MexcSettings,
    "second_spot": SecondSpotSettings, "canary": CanarySettings, "database": DatabaseSettings,
    "monitors": MonitorSettings, "alerts": AlertSettings, "traces": TraceSettings, "journal": JournalSettings,
    "web": WebSettings, "transfers": TransferSettings, "plugins": PluginSettings, "paper": PaperSettings,
    "fakes": FakesSettings,
}
"""Sections in the order in which a file has them; the first is the part above all tables."""
ROWS: dict[str, type[msgspec.Struct]] = {"transfers.networks": Network, "plugins.load": PluginUse}
"""Keys that hold a list of tables, and what each of these is."""
