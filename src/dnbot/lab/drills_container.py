"""`dnbot drill container`: the image is built and runs closed in, with the fakes and the database inside, and is hurt.

Two containers trade, one under the engine's restart policy and one under `keep`; a third has a configuration that
cannot be used. After each end the state folder is judged from outside, as in the other drills.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import attrs
import msgspec
import trio

from dnbot.domain.errors import ConfigError, OperatingError
from dnbot.lab.drills import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_PASSED, Report, line_of, table_of
from dnbot.lab.drills_container_checks import EXECUTING, Left, closed_in, judge, read_left, state_at_stop
from dnbot.lab.drills_container_waits import STARTED_S_MAX, TRADES_S_MAX, Onlooker, until
from dnbot.lab.drills_engine import USER_ID, Container, Engine, engine
from dnbot.lab.drills_evidence import naked_ms
from dnbot.lab.drills_repetition import Result
from dnbot.lab.drills_signals import until_interrupted
from dnbot.lab.drills_stage import SYMBOL
from dnbot.ports.clock import SystemClock
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink

EXIT_CONFIG = 2
STOP_S = 90
STOPPED_S_MAX = 30.0
"""A clean end takes the shutdown's 20 s at most, the farewell and the database a moment."""
RESTARTS_SEEN_S = 8.0
FREEZES_MAX = 60
STILL_OPEN_S = 0.8
"""An execution that ended before the exchanges stood still is in the database by then."""
NOTED_S_MAX = 10.0
OPEN = """
select execution_id from trade_executions where symbol = $1 and status = 'open'
and epoch = (select max(epoch) from runs where symbol = $1)
"""
STOPS = "select count(*) as n from state_transitions where symbol = $1 and trigger = 'STOP'"
CLOSED = {"Uid": str(USER_ID), "CapEff": "0" * 16, "CapBnd": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2"}
PLAIN = ("dnbot", "run", "--plain")
KEPT = ("keep", *PLAIN)
BAD_CONFIG = """\
mode = "sim"
[strategy]
symbol = "BTC/USDT"
base_position_size = "-1"
max_order_notional_quote = "400"
"""
BAD_PLACE = "/etc/dnbot.toml"
STAGES = ("closed_in", "health", "kill9_engine", "stop", "kill9_kept", "sigterm_in_execution", "bad_config")


@attrs.frozen
class ContainerOptions:
    """What the command line asks for."""

    json: Path | None = None
    root_filesystem: Path | None = None
    """A base that was made before, or where it is left for the next time."""
    keep: bool = False


@attrs.define
class _Run:
    options: ContainerOptions
    engine: Engine
    say: Callable[[str], None]
    report: Report
    onlooker: Onlooker = attrs.field(factory=lambda: Onlooker(EventLog(SystemClock(), [MemorySink()])))
    clock: SystemClock = attrs.field(factory=SystemClock)

    @asynccontextmanager
    async def stage(self, name: str) -> AsyncGenerator[Result, None]:
        """One stage: what it finds goes into the report, an error of the engine or the database as well."""
        began_s = trio.current_time()
        result = Result(fault=name, repetition=1, seed=0, venue="", checks={})
        try:
            yield result
        except (RuntimeError, OperatingError, ConfigError, trio.TooSlowError, ExceptionGroup) as error:
            result.checks["drill"] = f"{type(error).__name__}: {error}"
        result.took_s = round(trio.current_time() - began_s, 1)
        self.report.results.append(result)
        if self.options.json is not None:
            self.options.json.write_bytes(msgspec.json.format(msgspec.json.encode(self.report), indent=1))
        self.say(line_of(result))

    # --- the stages --------------------------------------------------------------------------------------------------
    async def under_the_engine(self) -> None:
        """One bot under `--restart=on-failure`, as process 1's only child."""
        async with self.stage("closed_in") as result:
            home = self.engine.state_folder("engine")
            bot = await self.engine.run("engine", home, PLAIN, policy="on-failure:3")
            result.trading_again_s = await self.onlooker.trades(bot, 0)
            pid = await self.onlooker.bot_runs(bot)
            result.checks["closed_in"] = closed_in(_of_process(pid, "status"), CLOSED)
            wrote = await self.engine.podman("exec", "engine", "sh", "-c", "touch /opt/dnbot/x /etc/x", check=False)
            result.checks["read_only"] = "" if wrote.err.count("Read-only file system") == 2 else wrote.err[-300:]
            devices = _of_process(pid, "net/dev").count(":")
            result.checks["no_network"] = "" if devices == 1 else "there is more than a loopback device"
        if not result.passed:
            return
        async with self.stage("health") as result:
            pid = await self.onlooker.bot_runs(bot)
            code, state = await bot.health(), await bot.state()
            result.detail = {"well": code, "status": state.get("Health", state.get("Healthcheck", {})).get("Status")}
            os.kill(pid, signal.SIGSTOP)
            try:
                result.detail["stopped"] = await bot.health()
            finally:
                os.kill(pid, signal.SIGCONT)
            result.checks["healthy"] = "" if (code, result.detail["status"]) == (0, "healthy") else str(result.detail)
            result.checks["unhealthy_when_stopped"] = "" if result.detail["stopped"] != 0 else "still healthy"
        async with self.stage("kill9_engine") as result:
            result.trading_again_s = await self.killed(bot)
            restarts = (await bot.state())["RestartCount"]
            result.detail = {"restarts": restarts}
            result.checks["restarted_by_engine"] = "" if restarts == 1 else f"RestartCount is {restarts}"
        if not result.passed:
            return
        async with self.stage("stop") as result:
            await self.stopped(bot, result)
            restarts = (await bot.state())["RestartCount"]
            result.checks["not_started_again"] = "" if restarts == 1 else f"RestartCount is {restarts}"
            await self.judged(bot, result)
        await self.engine.remove("engine")

    async def under_keep(self) -> None:
        """One bot as the image starts it; the engine starts nothing again."""
        async with self.stage("kill9_kept") as result:
            bot = await self.engine.run("kept", self.engine.state_folder("kept"), KEPT, policy="no")
            await self.onlooker.trades(bot, 0)
            result.trading_again_s = await self.killed(bot)
            log, state = await bot.log(), await bot.state()
            said = "keep: ended with 137: started again" in log
            result.checks["restarted_by_keep"] = "" if said and state["RestartCount"] == 0 else log[-300:]
        if not result.passed:
            return
        async with self.stage("sigterm_in_execution") as result:
            await self.struck_in_execution(bot, result)
            left = await self.judged(bot, result)
            result.state_at_stop = met = state_at_stop(left.evidence)
            result.checks["in_execution"] = "" if met == EXECUTING else f"SIGTERM never met an execution, but {met}"
        await self.engine.remove("kept")

    async def with_a_bad_configuration(self) -> None:
        """The documented code, and nobody starts it again; an engine's own policy would."""
        async with self.stage("bad_config") as result:
            file = self.engine.folder / "bad.toml"
            file.write_text(BAD_CONFIG)
            file.chmod(0o644)
            files, more = {file: BAD_PLACE}, ("--config", BAD_PLACE)
            for name, words, policy in (("bad-kept", KEPT, "no"), ("bad-engine", PLAIN, "on-failure:2")):
                bot = await self.engine.run(
                    name, self.engine.state_folder(name), (*words, *more), policy=policy, files=files
                )

                async def ended(bot: Container = bot) -> bool:
                    return bool((await bot.state())["Status"] == "exited")

                await until(ended, STARTED_S_MAX, f"{name} did not end")
                await trio.sleep(RESTARTS_SEEN_S)
                state, log = await bot.state(), await bot.log()
                result.detail[name] = {
                    "code": state["ExitCode"], "restarts": state["RestartCount"], "refusals": log.count(BAD_PLACE),
                }
                await self.engine.remove(name)
            kept = result.detail["bad-kept"]
            result.exit_code = kept["code"]
            expected = {"code": EXIT_CONFIG, "restarts": 0, "refusals": 1}
            result.checks["refused_once"] = "" if kept == expected else f"{kept}, expected {expected}"

    # --- parts of stages ---------------------------------------------------------------------------------------------
    async def killed(self, container: Container) -> float:
        """SIGKILL of the bot; seconds until its successor trades."""
        pid, began_s, since_ns = await self.onlooker.bot_runs(container), trio.current_time(), self.clock.now_ns()
        os.kill(pid, signal.SIGKILL)
        await self.onlooker.bot_runs(container, other_than=pid)
        await self.onlooker.trades(container, since_ns)
        return round(trio.current_time() - began_s, 2)

    async def stopped(self, container: Container, result: Result) -> None:
        """`podman stop`, and how it ended."""
        began_s = trio.current_time()
        await container.stop(STOP_S)
        result.stopped_s = round(trio.current_time() - began_s, 2)
        await self.judge_end(container, result)

    async def judge_end(self, container: Container, result: Result) -> None:
        """Exit code 0, in time, and it stays ended."""
        await trio.sleep(1.0)
        state = await container.state()
        result.exit_code = state["ExitCode"]
        well = state["Status"] == "exited" and state["ExitCode"] == 0
        words = "" if well else (await container.log())[-600:]
        result.checks["clean_exit"] = "" if well else f"{state['Status']} with {state['ExitCode']}: {words}"
        took_s = result.stopped_s or 0.0
        result.checks["in_time"] = "" if took_s <= STOPPED_S_MAX else f"it took {took_s} s"

    async def struck_in_execution(self, container: Container, result: Result) -> None:
        """SIGTERM by `podman stop` while a pair is out.

        The engine takes longer than an execution, so the exchanges stand still from a moment in which one is open until
        the bot has noted the Stop.
        """
        pid, fakes_pid = await self.onlooker.bot_runs(container), await container.fakes_pid()
        async with self.onlooker.store(container, pid) as store:

            async def is_open() -> bool:
                return bool(await store.read(OPEN, str(SYMBOL)))

            async def has_noted() -> bool:
                return bool((await store.read(STOPS, str(SYMBOL)))[0]["n"] > stops)

            stops = (await store.read(STOPS, str(SYMBOL)))[0]["n"]
            for _ in range(FREEZES_MAX):
                await until(is_open, TRADES_S_MAX, "no execution", pause_s=0.002)
                os.kill(fakes_pid, signal.SIGSTOP)
                try:
                    await trio.sleep(STILL_OPEN_S)
                    if not await is_open():
                        continue
                    began_s = trio.current_time()
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(container.stop, STOP_S)
                        await until(has_noted, NOTED_S_MAX, "no Stop", pause_s=0.01)
                        os.kill(fakes_pid, signal.SIGCONT)
                    result.stopped_s = round(trio.current_time() - began_s, 2)
                    break
                finally:
                    with suppress(ProcessLookupError):
                        os.kill(fakes_pid, signal.SIGCONT)
            else:
                raise RuntimeError(f"no execution was open in {FREEZES_MAX} tries")
        await self.judge_end(container, result)

    async def judged(self, container: Container, result: Result) -> Left:
        """By what is left in its state folder."""
        left = await read_left(container.home, self.engine.folder, self.onlooker.log)
        result.checks |= judge(left)
        result.residual = left.residual
        result.naked_ms = naked_ms(left.evidence.audit, 0)
        result.naked_ms_recorded = max((row["naked_ms"] or 0 for row in left.evidence.executions), default=0)
        result.detail |= {
            "orders": len(left.evidence.audit["orders"]), "executions": len(left.evidence.executions),
            "incarnations": len(left.evidence.runs),
        }
        return left


async def run_container_drill(options: ContainerOptions, say: Callable[[str], None]) -> int:
    """Build and run; 0 when every stage passed, 1 when one did not, 130 after Ctrl-C or SIGTERM.

    Raises:
        ConfigError: a tool is missing.
    """
    report = Report(0)
    interrupted = await until_interrupted(lambda: _all(options, say, report))
    say(table_of(report.results, ("build", *STAGES)))
    if interrupted:
        return EXIT_INTERRUPTED
    whole = {result.fault for result in report.results} == {"build", *STAGES}
    return EXIT_PASSED if whole and all(result.passed for result in report.results) else EXIT_FAILED


async def _all(options: ContainerOptions, say: Callable[[str], None], report: Report) -> None:
    async with engine(keep=options.keep) as made:
        run = _Run(options, made, say, report)
        async with run.stage("build") as built:
            built.detail = await made.build(options.root_filesystem)
        if built.passed:
            await run.under_the_engine()
            await run.under_keep()
            await run.with_a_bad_configuration()
    if made.folder.exists() and not options.keep:
        say(f"{made.folder} could not be removed")


def _of_process(pid: int, what: str) -> str:
    return Path(f"/proc/{pid}/{what}").read_text()
