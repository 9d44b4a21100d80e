"""The stages of chaos: processes that are killed or stopped, lines that stall or break, a database that is full."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable

import trio

from dnbot.domain.errors import ConfigError, StoreUnreachable
from dnbot.lab import drills_verdicts as verdicts
from dnbot.lab.drills_disk import SmallDisk
from dnbot.lab.drills_evidence import MODE, Evidence, own_open
from dnbot.lab.drills_faults import (
    DB_AWAY_S,
    FaultKind,
    Follows,
    Judge,
    Skipped,
    Strike,
    sigkill,
    sigterm_executing,
    spill_watched,
    wait_for_create,
)
from dnbot.lab.drills_lines import (
    CUT_S,
    REFUSED_S,
    STALLED_S,
    proxy_cut,
    proxy_cut_in_answer,
    proxy_cut_in_request,
    proxy_stall,
)
from dnbot.lab.drills_stage import SYMBOL

STOPPED_S = 30.0
FAKES_AWAY_S = 3.0
AWAKE_S = 6.0
"""So long a bot that was killed while it stood still is watched after it woke up."""
NO_SPACE = b"No space left on device"
FULL_S_MAX = 30.0
FULL_HOLD_S = 8.0
AGAIN_TRIES = 20
AGAIN_PAUSE_S = 0.5
AGAIN_S = 45.0
"""Within this time after the world is whole, it trades."""
NAKED_S = 10.0
"""What recovery and repair may take when the world is whole again."""


async def sigstop_30s(strike: Strike) -> None:
    """The bot stands still for half a minute, in half of the cases right after one of its creates."""
    if strike.rng.random() < 0.5:
        strike.detail |= {"after_create": await wait_for_create(strike)}
    bot = strike.stage.bot
    bot.send(signal.SIGSTOP)
    strike.struck()
    try:
        await trio.sleep(STOPPED_S)
    finally:
        strike.healed()
        bot.send(signal.SIGCONT)


async def database_disk_full(strike: Strike) -> None:
    """Not one page is left on the database's disk, until the server has said so, and some time more."""
    stage, disk = strike.stage, _disk(strike)
    log = stage.folder / "db" / "postgres.log"
    strike.struck()
    said = log.read_bytes().count(NO_SPACE)
    try:
        strike.detail |= {"bytes_used": disk.fill(), "bytes_free": disk.bytes_free()}
        async with spill_watched(strike):
            with trio.move_on_after(FULL_S_MAX):
                while log.read_bytes().count(NO_SPACE) == said:
                    disk.fill()  # a checkpoint may have given some back
                    await trio.sleep(0.5)
            strike.detail |= {"noticed_s": round((stage.clock.now_ns() - strike.fault_ns) / 1e9, 1)}
            await trio.sleep(FULL_HOLD_S)
            strike.detail |= {"errors": log.read_bytes().count(NO_SPACE) - said, "server_ran": stage.server.is_running}
            disk.free()
            await _database_again(strike)
            await trio.sleep(1.0)
    finally:
        disk.free()
        strike.healed()


async def database_killed(strike: Strike) -> None:
    """The postmaster is killed; a while later somebody starts it again."""
    pid = strike.stage.server.pid
    if pid is None:
        raise ConfigError("drill", "database", "not running", "a database that runs")
    away_s = strike.rng.uniform(*DB_AWAY_S)
    strike.struck()
    strike.detail |= {"killed": pid, "away_s": round(away_s, 3)}
    async with spill_watched(strike):
        os.kill(pid, signal.SIGKILL)
        await trio.sleep(away_s)
        await _database_again(strike)
        await trio.sleep(0.1)
    strike.healed()


async def fakes_server_killed(strike: Strike) -> None:
    """Both exchanges die in the middle of everything, and come back with all that they had answered."""
    stage = strike.stage
    stage.controls.before = await strike.rest_again()
    strike.struck()
    strike.detail |= {"killed": await stage.fakes.kill()}
    await trio.sleep(FAKES_AWAY_S)
    await stage.fakes.start()
    strike.healed()


async def kill_while_stopped(strike: Strike) -> None:
    """`dnbot kill` while the bot stands still; it wakes up under the halt, and a person lifts it after a while."""
    stage = strike.stage
    await strike.rest_again()
    stage.bot.send(signal.SIGSTOP)
    strike.struck()
    try:
        code, said = await stage.bot.command("kill", "--reason", "drill", "--json")
        took_s = (stage.clock.now_ns() - strike.fault_ns) / 1e9
        left = own_open(await stage.controls.ask("audit"))
        strike.detail |= {"kill_exit": code, "kill_s": round(took_s, 2), "own_open": left, "kill_said": said[-300:]}
    finally:
        stage.bot.send(signal.SIGCONT)
    await trio.sleep(AWAKE_S)
    modes = await stage.read(MODE, str(SYMBOL))
    strike.detail |= {"mode": modes[0]["to_mode"] if modes else "ACTIVE"}
    strike.healed()
    code, said = await stage.bot.command("resume", "--reason", "drill")
    strike.detail |= {"resume_exit": code, "resume_said": said[-300:]}


async def _database_again(strike: Strike) -> None:
    """Start it until it runs: what a killed server left behind holds its shared memory for a moment.

    Raises:
        StoreUnreachable: it does not come up.
    """
    for attempt in range(AGAIN_TRIES):
        try:
            await strike.stage.server.start()
            strike.detail |= {"started_at_try": attempt + 1}
            return
        except StoreUnreachable:
            if attempt == AGAIN_TRIES - 1:
                raise
            await trio.sleep(AGAIN_PAUSE_S)


def _disk(strike: Strike) -> SmallDisk:
    """Raises Skipped when the database is on a disk that must not be filled."""
    if strike.stage.disk is None:
        raise Skipped("no disk of its own for the database")
    return strike.stage.disk


# --- what each is judged by, beside the common checks ----------------------------------------------------------------
def _stopped(evidence: Evidence, strike: Strike, names: list[str]) -> dict[str, str]:
    fault_ms, healed_ms = strike.fault_ns // 1_000_000, strike.healed_ns // 1_000_000
    return {
        "silent_while_stopped": verdicts.silent_between(evidence, fault_ms, healed_ms),
        "reads_after_pause": verdicts.reads_after(evidence, healed_ms, names),
    }


def _fakes_back(evidence: Evidence, strike: Strike, names: list[str]) -> dict[str, str]:
    return {"reads_after_return": verdicts.reads_after(evidence, strike.healed_ns // 1_000_000, names)}


def _killed(evidence: Evidence, strike: Strike, names: list[str]) -> dict[str, str]:
    fault_ms, healed_ms = strike.fault_ns // 1_000_000, strike.healed_ns // 1_000_000
    return verdicts.kill_kept_its_word(strike.detail) | {
        "no_risk_while_halted": verdicts.no_risk_between(evidence, fault_ms, healed_ms),
        "reads_after_halt": verdicts.reads_after(evidence, fault_ms, names),
    }


def _kind(
    name: str, follows: Follows, strike: Callable[[Strike], Awaitable[None]], lasts_s: float, proof: str = "",
    judge: Judge | None = None,
) -> FaultKind:
    return FaultKind(
        name, follows, strike, AGAIN_S, judge, proof, naked_s_max=lasts_s + NAKED_S, starts_again=follows == "stop"
    )


CHAOS: dict[str, FaultKind] = {
    kind.name: kind
    for kind in (
        _kind("sigkill", "restart", sigkill, 0.0),
        _kind("sigterm_in_execution", "stop", sigterm_executing, 0.0),
        _kind("sigstop_30s", "healed", sigstop_30s, STOPPED_S, judge=_stopped),
        _kind("proxy_stall", "healed", proxy_stall, STALLED_S, proof="delayed"),
        _kind("proxy_cut", "healed", proxy_cut, REFUSED_S, proof="cut"),
        _kind("proxy_cut_in_request", "healed", proxy_cut_in_request, CUT_S, proof="unknown_fates"),
        _kind("proxy_cut_in_answer", "healed", proxy_cut_in_answer, CUT_S, proof="unknown_fates"),
        _kind("database_killed", "store", database_killed, DB_AWAY_S[1]),
        _kind("database_disk_full", "store", database_disk_full, FULL_S_MAX + FULL_HOLD_S, proof="errors"),
        _kind("fakes_server_killed", "healed", fakes_server_killed, FAKES_AWAY_S, judge=_fakes_back),
        _kind("kill_while_stopped", "healed", kill_while_stopped, AWAKE_S, judge=_killed),
    )
}
"""In the order of a round."""
