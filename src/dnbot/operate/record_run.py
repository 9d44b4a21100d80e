"""`dnbot record`: a recorder on the addresses of a configuration, until a signal, a duration, or the disk ends it."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import attrs
import msgspec
import trio

from dnbot import __version__
from dnbot.config import Settings
from dnbot.domain.errors import ConfigError
from dnbot.operate.fakes_process import fakes_process, read_address
from dnbot.operate.places import Reach, public_of_fakes, public_reach
from dnbot.operate.progress import Tell
from dnbot.ports.clock import Clock
from dnbot.record.folder import Limits
from dnbot.record.intake import Intake
from dnbot.record.recorder import Recorder, build_recorder
from dnbot.record.words import Market
from dnbot.record.writing import RecordingWriter

SHOWN_EVERY_S = 0.5


@attrs.frozen
class RecordOptions:
    """What is recorded where, and for how long."""

    markets: Sequence[Market]
    out: Path
    limits: Limits
    duration_s: float | None = None


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """How a recording ended; bytes before compression."""

    out: str
    of: str
    """The venues' addresses, or that they were fakes."""
    ended_by: str
    duration_s: float
    entries: int
    bytes: int
    dropped: int
    dropped_bytes: int
    segments: int
    """Those that were begun."""
    removed: int
    """The oldest ones, to make room."""
    reconnects: dict[str, int]
    """How often a market's stream or read failed and was begun again."""


async def record(settings: Settings, options: RecordOptions, clock: Clock, tell: Tell) -> Recorded:
    """Record until it is ended.

    Raises:
        ConfigError: the folder cannot be recorded to, or the fakes did not come up.
        RecordingFailed, RecordingFull: the disk; what was written before is whole.
    """
    async with _surroundings(settings) as (around, of):
        began_s = clock.monotonic_s()
        by = f"dnbot {__version__}"
        writer = RecordingWriter(
            options.out, options.markets, by=by, at_ns=clock.now_ns(), limits=options.limits
        )
        hosts = {
            market.name: [around.places[market.venue].rest.authority, around.places[market.venue].stream_url]
            for market in options.markets
        }
        recorder = build_recorder(
            Intake(writer, clock), options.markets, around.places, around.opener, clock,
            {"by": by, "of": of, "hosts": hosts},
        )
        ended_by = await _until_ended(recorder, options.duration_s, partial(_show, recorder, tell))
        tell("")
        found = recorder.intake.statistics
        return Recorded(
            out=str(options.out), of=of, ended_by=ended_by, duration_s=round(clock.monotonic_s() - began_s, 3),
            entries=found.entries, bytes=found.bytes, dropped=found.dropped, dropped_bytes=found.dropped_bytes,
            segments=writer.opened, removed=writer.removed,
            reconnects={market.tap.market.name: market.reconnects for market in recorder.markets},
        )


@asynccontextmanager
async def _surroundings(settings: Settings) -> AsyncIterator[tuple[Reach, str]]:
    if settings.second_spot.venue:
        allowed = "nothing: a recording of a plugin's venue cannot be played back"
        raise ConfigError("settings", "second_spot.venue", settings.second_spot.venue, allowed)
    if settings.mode != "sim":
        yield public_reach(settings), "the venues"
    elif settings.fakes.address_file:
        yield public_of_fakes(read_address(Path(settings.fakes.address_file))), "the fake exchanges of address_file"
    else:
        with tempfile.TemporaryDirectory(prefix="dnbot-record-") as folder:
            async with fakes_process(settings.fakes, Path(folder)) as fakes:
                yield public_of_fakes(fakes.address), "fake exchanges: invented prices"


async def _until_ended(recorder: Recorder, duration_s: float | None, show: partial[None]) -> str:
    why: list[str] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_signals, why, nursery.cancel_scope, name="signals")
        nursery.start_soon(_showing, show, name="progress")
        if duration_s is not None:
            nursery.start_soon(_after, duration_s, why, nursery.cancel_scope, name="duration")
        await recorder.run()
    return why[0]


async def _signals(why: list[str], scope: trio.CancelScope) -> None:
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    with trio.open_signal_receiver(*numbers) as received:
        async for number in received:
            why.append(signal.Signals(number).name)
            scope.cancel()


async def _after(duration_s: float, why: list[str], scope: trio.CancelScope) -> None:
    await trio.sleep(duration_s)
    why.append("duration")
    scope.cancel()


async def _showing(show: partial[None]) -> None:
    while True:
        show()
        await trio.sleep(SHOWN_EVERY_S)


def _show(recorder: Recorder, tell: Tell) -> None:
    found = recorder.intake.statistics
    kept = sum(market.tap.is_kept for market in recorder.markets)
    tell(
        f"{found.entries:,} entries, {found.bytes / 1e6:,.1f} MB, {found.dropped:,} dropped, "
        f"{kept} of {len(recorder.markets)} books kept"
    )
