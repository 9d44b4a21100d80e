"""The command line. Each command is thin: it reads its options, then one function of a room does the work."""

from __future__ import annotations

import sys
from contextlib import suppress
from decimal import getcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import trio

from dnbot import __version__
from dnbot.domain.errors import ConfigError, DnbotError, InvariantBroken, OperatingError
from dnbot.domain.units import PRECISION
from dnbot.operate.command_table import CommandTable
from dnbot.operate.command_words import JSON, moment_option
from dnbot.operate.config_option import CONFIG, CONFIG_OF_BOT, settings_of, settings_to_trade
from dnbot.operate.console import LastWords, tell, tell_json
from dnbot.ports.clock import SystemClock
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.hardening import keep_to_itself
from dnbot.ports.log_sinks import RANK
from dnbot.ports.redaction import Redactor

if TYPE_CHECKING:
    from datetime import datetime

    from dnbot.fakes.config import FakesConfig, Listing, ReplayConfig
    from dnbot.operate.logs import LogReader
    from dnbot.ports.store import Store
    from dnbot.strategy.context import StrategyContext

EXIT_CONFIG = 2
EXIT_INTERNAL = 70
EXIT_UNAVAILABLE = 75
_EXIT_CODES = ((ConfigError, EXIT_CONFIG), (OperatingError, EXIT_UNAVAILABLE))
_CONTROL, _FLEET = "dnbot.operate.control_commands", "dnbot.operate.fleet_commands"
ELSEWHERE = {
    "alerts": "dnbot.operate.alerts_command:alerts_command",
    "analyze": "dnbot.research.analyze_command:analyze_command",
    "backtest": "dnbot.research.backtest_command:backtest_command",
    "completion": "dnbot.operate.completion_command:completion_command",
    "dashboard": "dnbot.web.dashboard_command:dashboard_command",
    "db": "dnbot.operate.database_command:database_command",
    "drill": "dnbot.lab.drill_command:drill",
    **{name: f"{_CONTROL}:{name}" for name in ("flatten", "pause", "reduce", "resume", "stop")},
    "fleet": f"{_FLEET}:fleet_group",
    "kill": "dnbot.operate.kill_command:kill_command",
    "orders": "dnbot.operate.trades_command:orders_command",
    "plugins": "dnbot.operate.plugins_command:plugins_command",
    "record": "dnbot.operate.record_command:record_command",
    "replay": "dnbot.research.replay_command:replay_command",
    "report": "dnbot.operate.report_command:report_command",
    "simulate": "dnbot.lab.simulate_command:simulate",
    "study": "dnbot.research.study_command:study_command",
    "sweep": "dnbot.operate.kill_command:sweep_command",
    "sweep-params": "dnbot.research.sweep_params_command:sweep_params_command",
    "task": f"{_FLEET}:task_group",
    "trades": "dnbot.operate.trades_command:trades_command",
    "transfers": "dnbot.operate.transfers_command:transfers_command",
    "worker": "dnbot.web.worker_command:worker_command",
}
"""Where the commands are that this file does not hold; each is imported when it is wanted."""


class _Commands(click.Group):
    """Commands whose own errors are a sentence, not a traceback; a bug keeps its traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (DnbotError, BaseExceptionGroup) as error:
            ours = _only_ours(error)
            if ours is None:
                raise
            tell(f"dnbot: {ours}", err=True)
            ctx.exit(next((code for kind, code in _EXIT_CODES if isinstance(ours, kind)), EXIT_INTERNAL))


def _only_ours(error: BaseException) -> DnbotError | None:
    """The first of our errors, when a group holds nothing else (a nursery wraps even a single one)."""
    if isinstance(error, BaseExceptionGroup):
        found = [_only_ours(inner) for inner in error.exceptions]
        return None if None in found else found[0]
    return error if isinstance(error, DnbotError) and not isinstance(error, InvariantBroken) else None


@click.group(
    cls=_Commands, commands=CommandTable(ELSEWHERE), context_settings={"help_option_names": ["-h", "--help"]}
)
def commands() -> None:
    """dnbot: delta-neutral arbitrage over Gate spot, Gate perpetual futures and MEXC spot."""
    getcontext().prec = PRECISION


def _listing(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    """Print what there is, and exit."""
    if wanted:
        from dnbot.fakes.faults_text import list_faults
        from dnbot.fakes.scenarios import list_scenarios

        click.echo(list_faults() if parameter.name == "list_faults" else list_scenarios())
        context.exit()


def _duration(context: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """A callback: seconds of a text such as 60s, 10m or 2h."""
    if text is None:
        return None
    from dnbot.lab.command_options import duration_option

    return duration_option(context, parameter, text)


@commands.command()
@CONFIG
@click.option("--duration", "duration_s", callback=_duration, help="Stop cleanly after this long, such as 60s.")
@click.option("--summary", type=click.Path(path_type=Path, dir_okay=False), help="Write the run's figures as JSON.")
@click.option("--plain", is_flag=True, help="A status line a second instead of the picture that redraws itself.")
@click.option("--web", "listen", metavar="HOST:PORT|off", help="Where the dashboard listens; default: [web] listen.")
@click.option("--journal", type=click.Path(path_type=Path, file_okay=False),
              help="Write what the machine was told and answered here, for dnbot replay; default: [journal] folder.")
@click.option("--metrics", metavar="HOST:PORT", help="Let Prometheus ask here, on loopback; docs/metrics.md.")
def run(config: Path | None, summary: Path | None, listen: str | None, metrics: str | None, **wanted: Any) -> None:
    """Trade until Ctrl-C. Without --config: fake exchanges on loopback and an embedded database."""
    from dnbot.operate.metrics import listen_address
    from dnbot.operate.output_files import need_writable
    from dnbot.operate.run import RunOptions, run_settings, state_dir
    from dnbot.operate.state_folder import made_private
    from dnbot.web.dashboard import Dashboard
    from dnbot.web.dashboard_command import with_listen

    settings = with_listen(settings_to_trade(config), listen)
    made_private(state_dir(settings))
    if summary is not None:
        need_writable(summary, "--summary")
    page = None if metrics is None else listen_address(metrics)
    options = RunOptions(
        **wanted, summary=summary, check_audit=_check_audit, metrics=page, beside=Dashboard(), registry=_registry(),
        source=_machine_source,
    )
    sys.exit(trio.run(run_settings, settings, options))


async def _check_audit(
    audit: dict[str, Any], store: Store, context: StrategyContext, before: dict[str, Any] | None
) -> dict[str, Any]:
    """The laboratory's, which only a run on fakes needs, at its end."""
    from dnbot.lab.audit_check import check_audit

    return await check_audit(audit, store, context, before)


def _machine_source() -> str:
    """The laboratory's too, which only a journal needs."""
    from dnbot.lab.source import machine_source

    return machine_source()


@commands.command()
@CONFIG
@JSON
def check(config: Path | None, as_json: bool) -> None:
    """Validate the configuration and print what must be earned per pair. Sends nothing that changes anything."""
    settings = settings_to_trade(config)
    from dnbot.operate.check import check_json, check_report

    if as_json:
        tell_json(trio.run(check_json, settings, _registry()))
    else:
        tell(trio.run(check_report, settings, _registry()))


@commands.command("new-config")
@click.option("--mode", type=click.Choice(["sim", "paper", "live"]), default="sim",
              help="Fake exchanges; the real books without a key; or the real exchanges.")
@click.option("--fakes", type=click.Path(path_type=Path, dir_okay=False, exists=True),
              help="The line that `dnbot fakes --tls` printed: a live or paper configuration to rehearse with.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="A new file; default: print it.")
def new_config(mode: str, fakes: Path | None, output: Path | None) -> None:
    """Write a configuration with every key, its unit and its meaning. Live begins with the profile canary."""
    from dnbot.operate.fakes_process import read_address
    from dnbot.operate.new_config import new_config as text_of
    from dnbot.operate.new_config import rehearsal_config

    if fakes is not None and mode == "sim":
        raise click.UsageError("--fakes goes with --mode live or paper; mode sim starts fakes of its own")
    text = rehearsal_config(read_address(fakes), mode) if fakes is not None else text_of(mode)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(str(output), "output", error.strerror, "a file that does not exist yet") from None
    click.echo(f"wrote {output}; next: dnbot check --config {output}")


@commands.command()
@click.option("--gate-port", type=click.IntRange(0, 65535), default=0, help="0 picks a free one.")
@click.option("--mexc-port", type=click.IntRange(0, 65535), default=0, help="0 picks a free one.")
@click.option("--seed", type=int, default=1, help="Of the market.")
@click.option("--symbols", default="BTC/USDT", help="BTC/USDT,ETH/USDT names some; 200 makes that many.")
@click.option("--market", default="lively", help="lively, calibrated, realistic: invented; replay:PATH: recorded.")
@click.option("--deviation-bps", type=click.FloatRange(0, 500), help="Between the spot venues.")
@click.option("--half-life", callback=_duration, help="How soon they come together again, such as 5s.")
@click.option("--list", "listed", multiple=True, help="[VENUE:]SYMBOL@TIME: begins to be traded then.")
@click.option("--delist", "delisted", multiple=True, help="[VENUE:]SYMBOL@TIME: its end, such as ETH/USDT@2m.")
@click.option("--replay-speed", type=click.FloatRange(0.001, 100_000), default=1.0, help="Recorded seconds per second.")
@click.option("--replay-from", callback=moment_option,
              help="Where to begin, UTC such as 2025-10-10T14:00; default: where the files do.")
@click.option("--replay-spot", default="gate_spot", help="The venue of a recorded spot book; the other is modelled.")
@click.option("--replay-exchange", help="Whose rows, where a file holds several exchanges; default: the first.")
@click.option("--replay-funding", type=click.Path(path_type=Path, exists=True), help="File or folder of funding rates.")
@click.option("--terms", "terms_file", type=click.Path(path_type=Path, dir_okay=False, exists=True), hidden=True,
              help="For mode paper: begin on these terms and be told the books.")
@click.option("--second-spot", metavar="PLUGIN", help="In MEXC's place the fake of this plugin, docs/extending.md.")
@click.option("--tls/--no-tls", default=False, help="TLS with an authority of its own (ca_file in the printed line).")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="Keep accounts and books here.")
@click.option("--no-limits", is_flag=True, help="Answer however often a client asks.")
@click.option("--account", "accounts", multiple=True, help="KEY:SECRET:UID; the first replaces the default.")
@click.option("--until-stdin-eof", is_flag=True, help="End when standard input closes.")
@click.option("--history", type=click.IntRange(min=0), default=10_000, show_default=True,
              help="Ended orders, fills and ledger rows that are kept; 0 keeps all, and grows.")
@click.option("--fault", "faults", multiple=True, help="NAME[:key=value,...], as reply_lost:path=creates,on_nth=2.")
@click.option("--faults", "plan", type=click.Path(path_type=Path, dir_okay=False), help="A fault plan (TOML or JSON).")
@click.option("--scenario", default="", help="A named scenario: faults, market and account.")
@click.option("--list-faults", is_flag=True, callback=_listing, expose_value=False, is_eager=True, help="And exit.")
@click.option("--list-scenarios", is_flag=True, callback=_listing, expose_value=False, is_eager=True, help="And exit.")
def fakes(
    gate_port: int, mexc_port: int, seed: int, symbols: str, market: str, deviation_bps: float | None,
    half_life: float | None, tls: bool, state: Path | None, no_limits: bool, accounts: tuple[str, ...],
    until_stdin_eof: bool, history: int, faults: tuple[str, ...], plan: Path | None, scenario: str,
    terms_file: Path | None, second_spot: str | None, **scripted: Any,
) -> None:
    """Serve the fake exchanges on loopback; prints one JSON line with their addresses and a key.

    A recording (replay:PATH) is a folder with captures in spot/ and usdm/, or bars: a file of several exchanges, or a
    folder of files of one market each. docs/market-model.md describes the formats and the invented markets.
    """
    from dnbot.fakes.config import FakesConfig
    from dnbot.fakes.config_text import market_from, symbols_from
    from dnbot.fakes.mirror_terms import mirrored
    from dnbot.fakes.mirror_words import read_terms
    from dnbot.fakes.process import main as serve

    try:
        listings, replay = _scripted(**scripted)
        config = FakesConfig(
            seed=seed, symbols=symbols_from(symbols), market=market_from(market), state_dir=state, gate_port=gate_port,
            mexc_port=mexc_port, tls=tls, until_stdin_eof=until_stdin_eof, deviation_bps=deviation_bps,
            half_life_s=half_life, listings=listings, replay=replay, history_newest=history or None,
            enforce_limits=not no_limits,
        )
        if terms_file is not None:
            config = mirrored(config, read_terms(terms_file))
    except ValueError as problem:
        raise click.UsageError(str(problem)) from None
    if accounts:
        config = _with_accounts(config, accounts)
    config = _with_faults(config, faults, plan, scenario)
    if second_spot is None:
        sys.exit(serve(config))
    from dnbot.operate.second_spot import fake_of

    sys.exit(serve(config, fake_of(second_spot)))


def _with_faults(config: FakesConfig, faults: tuple[str, ...], path: Path | None, scenario: str) -> FakesConfig:
    from attrs import evolve

    from dnbot.fakes.faults import FaultRefused
    from dnbot.fakes.faults_text import parse_fault, read_plan
    from dnbot.fakes.scenarios import scenario_of

    try:
        plan = read_plan(path) if path is not None else config.faults
        config = evolve(config, faults=plan.extended(map(parse_fault, faults)))
        return scenario_of(scenario).applied(config) if scenario else config
    except (FaultRefused, OSError) as error:
        raise click.UsageError(str(error)) from None


def _scripted(
    listed: tuple[str, ...], delisted: tuple[str, ...], replay_speed: float, replay_from: datetime | None,
    replay_spot: str, replay_exchange: str | None, replay_funding: Path | None,
) -> tuple[tuple[Listing, ...], ReplayConfig]:
    from dnbot.fakes.config import ReplayConfig
    from dnbot.fakes.config_text import listing_from, venue_from

    listings = (*(listing_from("list", text) for text in listed), *(listing_from("delist", text) for text in delisted))
    return listings, ReplayConfig(venue_from(replay_spot), replay_speed, replay_from, replay_exchange, replay_funding)


def _with_accounts(config: FakesConfig, accounts: tuple[str, ...]) -> FakesConfig:
    from attrs import evolve

    from dnbot.fakes.config import AccountConfig

    parsed = []
    for text in accounts:
        parts = text.split(":")
        if len(parts) != 3 or not all(parts):
            raise click.BadParameter(f"{text!r} is not KEY:SECRET:UID")
        parsed.append(AccountConfig(key=parts[0], secret=parts[1], uid=parts[2]))
    return evolve(config, accounts=tuple(parsed))


@commands.command()
@CONFIG_OF_BOT
@click.option("--tree", is_flag=True, help="The live task tree.")
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
@click.option("--svg", type=click.Path(path_type=Path, dir_okay=False), help="Write the picture to a file.")
def status(config: Path | None, tree: bool, as_json: bool, svg: Path | None) -> None:
    """Show the running bot of this state folder."""
    from dnbot.operate.control_client import EXIT_NO_BOT, NoBot, ask_status
    from dnbot.operate.output_files import write_file
    from dnbot.operate.run import state_dir
    from dnbot.operate.terminal import print_status, render_svg

    try:
        found = trio.run(ask_status, state_dir(settings_of(config)), tree or as_json)
    except NoBot as error:
        tell(f"dnbot: {error}", err=True)
        sys.exit(EXIT_NO_BOT)
    if svg is not None:
        write_file(svg, render_svg(found), "--svg")
    elif as_json:
        tell_json(found)
    elif tree:
        click.echo("\n".join(found.tree))
    else:
        print_status(found)


@commands.command()
@CONFIG_OF_BOT
@click.option("--level", type=click.Choice(list(RANK)), default="info", show_default=True, help="From this level up.")
@click.option("--event", "events", multiple=True, help="These events alone; may be given several times.")
@click.option("--since", callback=_duration, help="Nothing older than this, such as 10m.")
@click.option("--last", type=click.IntRange(0), default=50, show_default=True, help="The newest so many; 0: all.")
@click.option("--follow", is_flag=True, help="Then show what comes, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Lines as they are in the file.")
def logs(config: Path | None, since: float | None, follow: bool, **wanted: Any) -> None:
    """Show the log of this state folder, rotated files included; a bot need not run."""
    from dnbot.operate.logs import LOG_FILE, LogReader, Wanted
    from dnbot.operate.run import state_dir

    since_ns = 0 if since is None else SystemClock().now_ns() - round(since * 1e9)
    reader = LogReader(state_dir(settings_of(config)) / LOG_FILE, Wanted(since_ns=since_ns, **wanted))
    for line in reader.newest():
        click.echo(line)
    if reader.unreadable:
        click.echo(f"dnbot: {reader.unreadable} lines could not be read and were left out", err=True)
    if follow:
        with suppress(KeyboardInterrupt):
            trio.run(_follow, reader)


async def _follow(reader: LogReader) -> None:
    async for line in reader.coming():
        click.echo(line)


@commands.command()
@JSON
def version(as_json: bool) -> None:
    """Print the version."""
    if as_json:
        tell_json({"version": __version__})
    else:
        tell(f"dnbot {__version__}")


def _registry() -> SecretRegistry:
    """The secrets of this process, which a traceback at its end must not show."""
    return click.get_current_context().ensure_object(SecretRegistry)


def main() -> Any:
    """The console script."""
    keep_to_itself()
    registry = SecretRegistry()
    last_words = LastWords(Redactor(registry))
    last_words.install()
    try:
        return commands(prog_name="dnbot", standalone_mode=True, obj=registry)
    except Exception as bug:  # noqa: BLE001 (bugs keep their traceback, and get their documented exit code)
        last_words(type(bug), bug, bug.__traceback__)
        sys.exit(EXIT_INTERNAL)
