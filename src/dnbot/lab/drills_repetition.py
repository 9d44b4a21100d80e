"""One repetition: put orders in place, strike, wait, gather, judge."""

from __future__ import annotations

import random
from typing import Any

import attrs
import msgspec
import trio

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.order import OrderIntent
from dnbot.lab import drills_checks as checks
from dnbot.lab import drills_verdicts as verdicts
from dnbot.lab.drills_evidence import (
    TOLERANCE_BASE,
    TRADES_AFTER,
    VENUE_OF,
    Evidence,
    Wire,
    books_left,
    delta_base,
    foreign_open,
    gather,
    naked_ms,
    own_open,
)
from dnbot.lab.drills_faults import FaultKind, Skipped, Strike, clocks_back, of_one_exchange, venue_for
from dnbot.lab.drills_orders import Hand
from dnbot.lab.drills_stage import SYMBOL, WIRE_NAMES, Stage

FRESH_EACH = 2
RESTING_LEAST = 3
PLACE_TRIES = 4
SWEPT_S = 1.6
TRADING_S_MAX = 60.0
CALM_S_MAX = 2.0
BOOKS_S_MAX = 15.0
SWEEP_S_MAX = 30.0
GATHER_TRIES = 5
GATHER_PAUSE_S = 0.3
STEADY = """
select count(*) as n from trade_executions where symbol = $1 and status <> 'open' and ended_at_ns > $2
and purpose in ('entry', 'exit')
"""
STORE_ALERTS = "select at_ns / 1000000 as at_ms from alerts where symbol = $1 and key = 'store'"


class Result(msgspec.Struct, kw_only=True):
    """What one repetition found; it passed when every check's text is empty."""

    fault: str
    repetition: int
    seed: int
    venue: str
    checks: dict[str, str]
    trading_again_s: float | None = None
    """From the fault to the commit of the first pair, decided after it, that was filled."""
    stopped_s: float | None = None
    exit_code: int | None = None
    naked_ms: int = 0
    """By the venues' fills."""
    naked_ms_recorded: int = 0
    """As the database has it, of executions that ended after the fault."""
    residual: dict[str, dict[str, str]] = {}
    resting: dict[str, int] = {}
    state_at_stop: str = ""
    detail: dict[str, Any] = {}
    took_s: float = 0.0
    skipped: str = ""
    """Why it could not be done on this machine."""

    @property
    def passed(self) -> bool:
        return not self.skipped and not any(self.checks.values())


@attrs.define
class Drill:
    """A stage in use: what was placed and seen so far."""

    stage: Stage
    hand: Hand
    wire: Wire = attrs.field(factory=Wire)
    spilled: dict[str, OrderIntent] = attrs.field(factory=dict)
    skews: dict[Venue, int] = attrs.field(factory=dict)
    judged: int = 0
    """The number of the first request that no repetition was judged by yet."""
    _rested_at: int = 0

    async def ready(self) -> None:
        """A bot that trades. Before a start, orders of an epoch that is over are left at every venue."""
        stage = self.stage
        if stage.bot.pid is None:
            await self.hand.begin_epoch()
            await self.hand.place_older()
            stage.bot.start()
        began_ns = stage.clock.now_ns()

        async def trades() -> bool:
            if stage.bot.pid is None:
                raise RuntimeError(f"the bot ended: {stage.bot.last_words()}")
            return bool((await stage.read(STEADY, str(SYMBOL), began_ns))[0]["n"])

        if not await stage.until(trades, TRADING_S_MAX):
            raise RuntimeError(f"the bot does not trade within {TRADING_S_MAX:.0f} s: {stage.bot.last_words()}")

    async def repeat(self, kind: FaultKind, repetition: int, seed: int) -> Result:
        """Run one repetition of one fault."""
        began_s = trio.current_time()
        rng = random.Random(f"{seed}:{kind.name}:{repetition}")
        result = Result(
            fault=kind.name, repetition=repetition, seed=seed, venue=WIRE_NAMES[venue_for(repetition)], checks={}
        )
        await self.ready()
        await trio.sleep(rng.uniform(0.0, CALM_S_MAX))
        names: list[str] = []
        await self._rest_orders(names)
        await trio.sleep(rng.uniform(0.0, 0.2))
        strike = Strike(
            self.stage, rng, venue_for(repetition), lambda: self._rest_orders(names), spilled=self.spilled,
            skews=self.skews,
        )
        await strike.rest_again()
        try:
            await kind.strike(strike)
        except Skipped as why:
            result.skipped = str(why)
            return result
        result.detail = strike.detail
        if kind.follows == "stop":
            await self._stopped(kind, strike, names, result)
        else:
            await self._went_on(kind, strike, names, result)
        result.took_s = round(trio.current_time() - began_s, 1)
        return result

    async def _rest_orders(self, names: list[str]) -> int:
        """At least three of ours at every venue, one of them of an older epoch, and a foreign one.

        Those that the bot has swept meanwhile are replaced. Returns the number of the next request.
        """
        if not self.hand.foreign:
            await self.hand.place_foreign()
        for _ in range(PLACE_TRIES):
            self.wire.requests.extend(await self.stage.controls.requests(self.wire.next))
            swept = any(r["method"] == "DELETE" for r in self.wire.requests if r["number"] >= self._rested_at)
            if names and not swept:
                break
            if swept:
                await trio.sleep(SWEPT_S)  # the bot looks again every second until it has seen nothing of ours
            self._rested_at = self.wire.next
            names += await self.hand.place_older()
            names += await self.hand.place_fresh(FRESH_EACH)
        return self.wire.next

    # --- the bot went on, or was started again -----------------------------------------------------------------------
    async def _went_on(self, kind: FaultKind, strike: Strike, names: list[str], result: Result) -> None:
        traded = await self._trades_again(kind, strike)
        if traded is not None:
            result.trading_again_s = round(traded - strike.fault_ns / 1e9, 2)
        result.checks["trades_again"] = "" if traded is not None else (
            f"no pair was filled within {kind.bound_s:.0f} s; {self.stage.bot.last_words()[-300:]}"
        )

        async def swept() -> bool:
            audit = await self.stage.controls.ask("audit")
            return not own_open(audit) and abs(delta_base(audit)) <= TOLERANCE_BASE

        sweep_s = SWEEP_S_MAX if kind.follows in {"nothing", "store", "healed"} else 1.0
        await self.stage.until(swept, sweep_s, pause_s=0.5)
        evidence = await self._gather_between_pairs(strike)
        fault_ms = strike.fault_ns // 1_000_000
        self._common(evidence, names, fault_ms, result)
        self._more(kind, evidence, strike, names, result)
        if kind.follows == "restart":
            epoch = evidence.runs[-1]["epoch"]
            known = epoch > self.hand.older_epoch and evidence.runs[-1]["started_ms"] >= fault_ms
            result.checks["restarted"] = "" if known else "no incarnation began after the fault"
            result.checks["reads_first"] = checks.reads_after_restart(
                evidence, epoch, evidence.runs[-1]["started_ms"], names
            )
        else:
            found = checks.faults_after(evidence, fault_ms)
            if kind.follows == "fault":
                result.checks["fault_recorded"] = "" if found else "no Fault edge in the database"
            result.detail["fault_why"] = found[0]["why"] if found else ""
            if kind.follows == "store":
                result.checks["loss_recorded"] = await self._loss_recorded(strike)
            result.checks["reads_first"] = checks.reads_after_faults(evidence, fault_ms, names)
        await self._books(evidence, fault_ms, result)
        self._judge_naked(kind, result)
        await clocks_back(strike)

    async def _trades_again(self, kind: FaultKind, strike: Strike) -> float | None:
        """When the first pair was committed that was decided after the fault (and its recovery) and was filled."""
        found: list[float] = []
        since_ms, back_ms = strike.fault_ns // 1_000_000, strike.healed_ns // 1_000_000 or self.stage.now_ms()

        async def traded() -> bool:
            after_ms = back_ms if kind.follows in {"store", "healed"} else since_ms
            if kind.follows == "fault":
                back = await self._recovered_ms(since_ms)
                if back is None:
                    return False
                after_ms = back
            rows = await self.stage.read(TRADES_AFTER, str(SYMBOL), after_ms * 1_000_000)
            if kind.follows == "nothing":  # what a moved clock spoils is trading at that very exchange
                rows = [row for row in rows if Venue(row["venue"]) in of_one_exchange(strike.venue)]
            found.extend(row["committed_ms"] / 1000 for row in rows[:1])
            return bool(found)

        left_s = kind.bound_s - (self.stage.clock.now_ns() - max(strike.fault_ns, strike.healed_ns)) / 1e9
        await self.stage.until(traded, max(1.0, left_s))
        return found[0] if found else None

    async def _loss_recorded(self, strike: Strike) -> str:
        """The database itself has the alert that it was away, written when it was back."""
        rows = await self.stage.read(STORE_ALERTS, str(SYMBOL))
        return verdicts.loss_recorded([row["at_ms"] for row in rows], strike.fault_ns // 1_000_000)

    async def _recovered_ms(self, since_ms: int) -> int | None:
        """When ERROR_RECOVERY was left for the first time after a Fault that is younger than the strike."""
        rows = await self.stage.read(
            "select trigger, at_ns / 1000000 as at_ms from state_transitions where symbol = $1 and at_ns >= $2"
            " order by sequence", str(SYMBOL), (since_ms - 100) * 1_000_000,
        )
        seen = False
        for row in rows:
            seen = seen or row["trigger"] == "FAULT"
            if seen and row["trigger"] in ("RECONCILED", "INVENTORY_OUT_OF_BAND"):
                return int(row["at_ms"])
        return None

    # --- the bot was told to stop ------------------------------------------------------------------------------------
    async def _stopped(self, kind: FaultKind, strike: Strike, names: list[str], result: Result) -> None:
        code = await self.stage.bot.ended(kind.bound_s)
        result.exit_code = code
        result.stopped_s = round((self.stage.clock.now_ns() - strike.fault_ns) / 1e9, 2)
        words = self.stage.bot.last_words()[-300:]
        result.checks["clean_exit"] = "" if code == 0 else f"exit code {code} after {result.stopped_s} s: {words}"
        result.checks["nothing_left"] = await self._left_running()
        evidence = await self._gather(strike)
        fault_ms = strike.fault_ns // 1_000_000
        self._common(evidence, names, fault_ms, result)
        stops = [row for row in evidence.transitions if row["trigger"] == "STOP"]
        result.state_at_stop = stops[0]["from_state"] if stops else ""
        result.checks["quiet_after_stop"] = checks.quiet_after_stop(evidence, fault_ms)
        self._more(kind, evidence, strike, names, result)
        await self._books(evidence, fault_ms, result)
        self._judge_naked(kind, result)
        if kind.starts_again:
            began_ns = self.stage.clock.now_ns()
            await self.ready()
            result.trading_again_s = round((self.stage.clock.now_ns() - began_ns) / 1e9, 2)

    async def _left_running(self) -> str:
        """Processes of the bot, its control socket, and its connections to the database that outlived it."""
        left = [words for _, words in self.stage.processes() if " run --config " in words]
        if self.stage.bot.socket_left():
            left.append("its control socket")

        async def disconnected() -> bool:
            rows = await self.stage.read(
                "select count(*) as n from pg_stat_activity where application_name = 'dnbot' and state <> 'idle'"
                " and pid <> pg_backend_pid()"
            )
            return not rows[0]["n"]

        if not await self.stage.until(disconnected, 3.0):
            left.append("a statement on the database")
        return f"left: {left}" if left else ""

    # --- what every repetition is judged by --------------------------------------------------------------------------
    async def _gather(self, strike: Strike) -> Evidence:
        return await gather(self.stage, self.wire, self.spilled, self.skews, strike.fault_ns - 200_000_000)

    async def _gather_between_pairs(self, strike: Strike) -> Evidence:
        """The bot trades on: an audit that shows one leg of a pair and not yet the other is taken again."""
        evidence = await self._gather(strike)
        for _ in range(GATHER_TRIES):
            if not verdicts.delta_neutral(evidence):
                break
            await trio.sleep(GATHER_PAUSE_S)
            evidence = await self._gather(strike)
        return evidence

    def _common(self, evidence: Evidence, names: list[str], fault_ms: int, result: Result) -> None:
        alive = checks.rested(evidence, names, fault_ms)
        foreign = foreign_open(evidence.audit)
        result.resting = {WIRE_NAMES[venue]: alive[venue] for venue in VENUES}
        few = [WIRE_NAMES[venue] for venue in VENUES if alive[venue] < RESTING_LEAST]
        result.checks["resting_before"] = f"fewer than {RESTING_LEAST} rested at {few}" if few else ""
        result.checks["intent_first"] = checks.intent_first(evidence, self.judged)
        result.checks["one_shot"] = checks.one_shot(evidence)
        result.checks["own_gone"] = checks.own_gone(evidence)
        result.checks["foreign_alive"] = checks.foreign_alive(evidence, self.hand.foreign)
        result.detail["foreign"] = sorted(VENUE_OF[venue].value for venue in foreign.values())
        self.judged = evidence.wire.next

    def _more(self, kind: FaultKind, evidence: Evidence, strike: Strike, names: list[str], result: Result) -> None:
        result.checks["none_expired"] = verdicts.none_expired(evidence)
        result.checks["one_order_each"] = verdicts.one_order_each(evidence)
        result.checks["no_risk_spilled"] = verdicts.no_risk_spilled(strike.spilled)
        result.checks["spill_arrived"] = verdicts.spill_arrived(evidence)
        result.checks["delta"] = verdicts.delta_neutral(evidence)
        result.checks["mode"] = verdicts.mode_sound(evidence, "ACTIVE")
        if kind.proof:
            result.checks["struck"] = verdicts.struck(strike.detail, kind.proof)
        if kind.judge is not None:
            result.checks |= kind.judge(evidence, strike, names)

    def _judge_naked(self, kind: FaultKind, result: Result) -> None:
        if kind.naked_s_max:
            result.checks["naked"] = verdicts.naked_within(result.naked_ms, kind.naked_s_max)

    async def _books(self, evidence: Evidence, fault_ms: int, result: Result) -> None:
        books = await books_left(self.stage, evidence, BOOKS_S_MAX)
        result.residual = books["residual"]
        wrong = {
            f"{venue} {asset}": left for venue, assets in books["residual"].items() for asset, left in assets.items()
            if left != "0"
        }
        if not books["all_fills_booked"]:
            wrong["fills"] = "some are not booked"
        if books["unasked_funding"]:
            result.detail["unasked_funding"] = books["unasked_funding"]
        if books["adjustments"]:
            wrong["adjustments"] = str(books["adjustments"])
        result.checks["residual"] = f"{wrong}" if wrong else ""
        result.naked_ms = naked_ms(evidence.audit, fault_ms) if not self.skews else 0
        result.naked_ms_recorded = max((row["naked_ms"] or 0 for row in evidence.executions), default=0)
