"""`dnbot kill` and `dnbot sweep`: halt, cancel everything of ours, prove it, and close the position when asked.

The latch comes first. Then the running bot is asked; one that does not answer at once is taken to hang, and the venues
are swept from keys and configuration alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import attrs
import msgspec
import trio

from dnbot.config import Settings
from dnbot.domain.errors import ConfigError, DnbotError, OperatingError
from dnbot.domain.instrument import VENUES, Venue
from dnbot.operate.commanding import MODE_S_MAX, SWEEP_S_MAX
from dnbot.operate.control import name_of
from dnbot.operate.control_client import NoBot, ask, command
from dnbot.operate.control_socket import only_bot_of
from dnbot.operate.control_words import AskStatus, Kill, Killed, Leave, read_request, to_line
from dnbot.operate.database_place import external_dsn
from dnbot.operate.kill_hung import Holder, end_holder, holder_of
from dnbot.operate.run import RunOptions, run_settings, state_dir
from dnbot.operate.sweep import surroundings_of, sweep_venues
from dnbot.ports.clock import SystemClock
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.embedded_postgres import running_dsn
from dnbot.ports.latch import FileLatch, Halt
from dnbot.ports.postgres import open_postgres_store
from dnbot.tasks.sweeping import Swept

EXIT_EMPTY, EXIT_NOT_FLAT, EXIT_CONFIG, EXIT_NOT_PROVEN = 0, 1, 2, 75
ANSWERS_S_MAX = 0.8
"""A bot that does not answer a question within this is taken to hang."""
DATABASE_S_MAX = 2.0
DONE = ""


@attrs.frozen
class KillOptions:
    """What the command line asks for."""

    reason: str
    flatten: bool = False
    end_hung: bool = False
    ask_bot: bool = True
    """False: the venues are swept from here, whatever runs."""
    registry: SecretRegistry = attrs.field(factory=SecretRegistry, repr=False)
    """Learns every secret that is used; given by whoever tells of bugs."""


class KillReport(msgspec.Struct, kw_only=True):
    """What was done and what is left."""

    who: str
    reason: str
    latch_file: str
    """Empty when the halt is in the state folder; otherwise why not."""
    latch_database: str
    """Empty when the halt is in the database; otherwise why not."""
    bot: str = ""
    """Who answered, hung or was not there."""
    swept_by: str = ""
    """`bot` or `keys`."""
    venues: tuple[Swept, ...] = ()
    trouble: str = ""
    """Why no venue could be swept."""
    flatten: str | None = None
    """None when it was not asked for, empty when the position is closed; otherwise why it is not."""
    took_s: float = 0.0
    """Until the venues were swept; closing a position comes after it."""
    exit_code: int = EXIT_EMPTY

    @property
    def is_halted(self) -> bool:
        """Whether the halt is where the next start finds it."""
        return DONE in (self.latch_file, self.latch_database)

    @property
    def is_empty(self) -> bool:
        """Whether every venue was proven to hold no open order of ours."""
        return {swept.venue for swept in self.venues if swept.is_empty} == set(VENUES)


async def kill(settings: Settings, options: KillOptions) -> KillReport:
    """Do all of it; what could not be done is in the report, with its exit code.

    Raises:
        ConfigError: the reason is empty or too long; nothing was done.
    """
    try:
        read_request(to_line(Kill(options.reason)))
    except ValueError as error:
        raise ConfigError("command line", "--reason", str(error), "a sentence") from None
    began_s = trio.current_time()
    home = state_dir(settings)
    halt = Halt(who=name_of(os.geteuid()), reason=options.reason, at_ns=SystemClock().now_ns())
    report = KillReport(
        who=halt.who, reason=halt.reason, latch_file=_latched(home, halt), latch_database="not tried",
        flatten="not tried" if options.flatten else None,
    )
    answered = options.ask_bot and await _through_the_bot(home, report)
    left = [venue for venue in VENUES if not any(s.venue is venue and s.is_empty for s in report.venues)]
    hung: Holder | None = None
    has_folder = False
    with ExitStack() as to_the_end:
        if left or not answered:
            hung = None if answered else await _holder(home, options, report)
            if options.flatten and not answered and hung is None:
                has_folder = _took_folder(home, to_the_end)
            async with trio.open_nursery() as nursery:
                if not answered:
                    nursery.start_soon(_latch_in_database, settings, home, halt, options.registry, report)
                nursery.start_soon(_sweep_alone, settings, left, options.registry, report)
        report.took_s = round(trio.current_time() - began_s, 2)
        if options.flatten:
            report.flatten = await _flatten(
                settings, home, options, report, hung, answered=answered, has_folder=has_folder
            )
    report.exit_code = _exit_code(report)
    return report


def _latched(home: Path, halt: Halt) -> str:
    try:
        FileLatch.of(home).set(halt)
    except ConfigError as error:
        return str(error)
    return DONE


# --- a bot that answers -----------------------------------------------------------------------------------------------
async def _through_the_bot(home: Path, report: KillReport) -> bool:
    """Whether the bot is HALTED and has swept with its own connections."""
    if not await _answers(home, report):
        return False
    try:
        reply = await ask(home, Kill(report.reason), within_s=MODE_S_MAX + SWEEP_S_MAX + ANSWERS_S_MAX)
    except NoBot as error:
        report.bot = str(error)
        return False
    if not isinstance(reply, Killed):
        report.bot = f"it did not do it: {getattr(reply, 'text', reply)}"
        return False
    report.bot = f"it answers: state {reply.state}, mode {reply.mode}"
    report.swept_by, report.venues, report.latch_database = "bot", reply.venues, DONE
    return True


async def _answers(home: Path, report: KillReport) -> bool:
    try:
        await ask(home, AskStatus(), within_s=ANSWERS_S_MAX)
    except NoBot as error:
        report.bot = str(error)
        return False
    return True


# --- one that does not ------------------------------------------------------------------------------------------------
async def _holder(home: Path, options: KillOptions, report: KillReport) -> Holder | None:
    """The process that has the state folder, unless it hangs and could be ended as was asked."""
    holder = holder_of(home)
    if holder is None:
        report.bot = "none runs on this state folder"
        return None
    said = report.bot or "it was not asked"
    report.bot = f"{holder} has the state folder; {said}"
    if not options.end_hung:
        return holder
    if await _answers(home, report):
        report.bot = f"{holder} answers, so it does not hang and was not ended; {said}"
        return holder
    try:
        await end_holder(holder)
    except ConfigError as error:
        report.bot = f"{holder} does not answer and could not be ended: {error}"
        return holder
    report.bot = f"{holder} did not answer and was ended"
    return None


def _took_folder(home: Path, to_the_end: ExitStack) -> bool:
    """Whether the lock is ours from here on: no supervisor starts a bot before the position is closed.

    What is in the way holds up no sweep. The run that closes the position then asks for the lock itself and says why.
    """
    try:
        to_the_end.enter_context(only_bot_of(home))
    except (ConfigError, OSError):
        return False
    return True


async def _latch_in_database(
    settings: Settings, home: Path, halt: Halt, registry: SecretRegistry, report: KillReport
) -> None:
    """Beside the file, where the database answers; an embedded one that does not run is left alone."""
    name = settings.database.dsn_env
    try:
        dsn = external_dsn(name, registry, _kept()) if name else running_dsn(home / "postgres")
    except ConfigError as error:
        report.latch_database = str(error)
        return
    if dsn is None:
        report.latch_database = "it does not run"
        return
    report.latch_database = f"no answer within {DATABASE_S_MAX:.0f} s"
    with trio.move_on_after(DATABASE_S_MAX):
        try:
            async with open_postgres_store(dsn) as store:
                await store.halt(settings.strategy.symbol, who=halt.who, why=halt.why, at_ns=halt.at_ns)
                report.latch_database = DONE
        except (ConfigError, OperatingError) as error:
            if report.latch_database != DONE:
                report.latch_database = str(error)


async def _sweep_alone(
    settings: Settings, venues: Iterable[Venue], registry: SecretRegistry, report: KillReport
) -> None:
    """Sweep these venues from here; what the bot has proven already stays."""
    try:
        found = await sweep_venues(
            surroundings_of(settings, registry, _kept()), settings.strategy.symbol, venues, SystemClock(),
            match_lag_s=settings.strategy.match_lag_ms / 1000, within_s=SWEEP_S_MAX,
        )
    except ConfigError as error:
        report.trouble = str(error)
        return
    report.swept_by = "bot, keys" if report.swept_by else "keys"
    proven = tuple(swept for swept in report.venues if swept.is_empty)
    report.venues = tuple(sorted((*proven, *found), key=lambda swept: swept.venue.value))


def _kept() -> dict[str, str]:
    """Reading a secret deletes its variable; the run that closes the position afterwards reads the same ones."""
    return dict(os.environ)


# --- the position -----------------------------------------------------------------------------------------------------
async def _flatten(
    settings: Settings,
    home: Path,
    options: KillOptions,
    report: KillReport,
    hung: Holder | None,
    *,
    answered: bool,
    has_folder: bool,
) -> str:
    """Close the position through the bot that runs, or as a bot of our own that does nothing else."""
    if answered:
        outcome = await command(home, Leave(options.reason, flatten=True))
        return DONE if outcome.exit_code == 0 else outcome.text
    if hung is not None:
        return (
            f"{hung} still has the state folder and may wake up: two bots must not sell the same position. "
            f"{hung.how_to_end}; then ask again"
        )
    if report.trouble:
        return report.trouble
    try:
        run = RunOptions(plain=True, flatten=options.reason, has_folder=has_folder, registry=options.registry)
        code = await run_settings(settings, run)
    except DnbotError as error:
        return str(error)
    except BaseExceptionGroup as group:
        ours, rest = group.split(DnbotError)
        if ours is None or rest is not None:
            raise
        return str(ours.exceptions[0])
    return DONE if code == 0 else f"the run that should close it ended with exit code {code}: see its last lines"


def _exit_code(report: KillReport) -> int:
    if report.trouble and not report.is_empty:
        return EXIT_CONFIG
    if not report.is_empty or not report.is_halted:
        return EXIT_NOT_PROVEN
    return EXIT_NOT_FLAT if report.flatten else EXIT_EMPTY
