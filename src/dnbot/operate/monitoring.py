"""The monitors' task: each second a snapshot, what it raises and resolves, and whom it is told to.

It only reads the bot. What it asks for goes the way that a person's command goes, as `monitor`. A mistake in here is
told and counted, and ends nothing: a bot without monitors is worse than one with, and better than none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import attrs
import trio

from dnbot.domain.records import Alert, ExecutionClosed, FillBooked, OrderChanged, Record
from dnbot.metrics.tallies import count
from dnbot.monitor.acting import Action, actions_due
from dnbot.monitor.book import AlertBook
from dnbot.monitor.evaluate import Resolved, State, evaluate
from dnbot.monitor.thresholds import MonitorSettings
from dnbot.monitor.trades import TradeWatch
from dnbot.operate.alert_words import AlertsStanding
from dnbot.operate.control_words import Done, Kill, Killed, Pause, Reply, Request, StatusTold
from dnbot.operate.courier import Courier
from dnbot.operate.heartbeat import Heartbeat
from dnbot.operate.sampling import Sampler
from dnbot.operate.watch import Watch
from dnbot.ports.latch import KILLED_BY
from dnbot.ports.log import EventLog

PERIOD_S = 1.0
RECORDS_MAX = 4096
"""Between two looks; a second of the wildest trading makes hundreds."""
UNSTORED_MAX = 256
STORE_SHARE = 0.5
"""The journal's channel is the machine's: above this share of it nothing of ours is put in."""
ALIVE_S = 5.0
"""The machine is told the time ten times a second; longer without is a machine that stands."""
END_S_MAX = 5.0
MONITOR = "monitor"
WHY_MAX = 250
"""Characters of a reason; the control channel takes 300."""
_TRADES = (OrderChanged, FillBooked, ExecutionClosed)

Command = Callable[[Request, str], Awaitable[Reply]]


@attrs.define
class Monitors:
    """`witness` and `standing` return at once; `run` never returns."""

    watch: Watch
    limits: MonitorSettings
    book: AlertBook
    courier: Courier
    log: EventLog
    errors: int = 0
    """Looks that failed: bugs of the monitors."""
    unstored: int = 0
    """Alerts that the journal had no room for."""
    _sampler: Sampler | None = attrs.field(default=None, init=False)
    _command: Command | None = attrs.field(default=None, init=False)
    _heartbeat: Heartbeat | None = attrs.field(default=None, init=False)
    _trades: TradeWatch = attrs.field(init=False)
    _acted: set[str] = attrs.field(factory=set, init=False)
    """Open alerts that have asked for what they ask for."""
    _state: State = attrs.field(factory=dict, init=False)
    _alerts: deque[Alert] = attrs.field(factory=lambda: deque(maxlen=RECORDS_MAX), init=False)
    _records: deque[Record] = attrs.field(factory=lambda: deque(maxlen=RECORDS_MAX), init=False)
    _to_store: deque[Alert] = attrs.field(factory=lambda: deque(maxlen=UNSTORED_MAX), init=False)

    def __attrs_post_init__(self) -> None:
        self._trades = TradeWatch(self.limits.window_minutes * 60.0, self.limits.fee_bps_tolerance)

    def attach(self, sampler: Sampler, command: Command, heartbeat: Heartbeat | None) -> None:
        """The bot that is watched, and what its commands and its heartbeat go through."""
        self._sampler, self._command, self._heartbeat = sampler, command, heartbeat

    def witness(self, record: Record) -> None:
        """See a record of the machine, in its own turn."""
        self.watch.take(record)
        if isinstance(record, Alert):
            self._alerts.append(record)
        elif isinstance(record, _TRADES):
            self._records.append(record)

    def standing(self) -> AlertsStanding:
        """As of now; the worst alert first."""
        order = {"critical": 0, "warning": 1, "info": 2}
        return AlertsStanding(
            open=tuple(sorted(self.book.open.values(), key=lambda one: (order[one.level], one.key))),
            services=self.courier.notifier.services, sent=self.courier.sent, failed=self.courier.failed,
            dropped=self.courier.dropped, waiting=self.courier.waiting,
            heartbeats=self._heartbeat.beats if self._heartbeat is not None else None, monitor_errors=self.errors,
        )

    async def run(self) -> None:
        """Look each second, and tell."""
        assert self._sampler is not None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._sampler.lag.run, name="lag")
            nursery.start_soon(self.courier.run, name="courier")
            if self._heartbeat is not None:
                nursery.start_soon(self._heartbeat.run, name="heartbeat")
            while True:
                self._look_safely(nursery)
                await trio.sleep(PERIOD_S)

    @asynccontextmanager
    async def telling_the_end(self) -> AsyncIterator[None]:
        """Inside it the bot runs. What its end raised, and a bug that ended it, is told before anybody goes home."""
        try:
            yield
        except Exception as error:
            text = f"a bug ended the bot: {type(error).__name__}; look at the position and the log"
            self.log.critical("bug", text=text)  # the journal has ended, and stores no alert any more
            self.alert("critical", "bug", text)
            raise
        finally:
            with trio.move_on_after(END_S_MAX, shield=True):
                self._hear(trio.current_time())
                for wait_s in (0.0, self.book.rules.group_s):
                    self._post(trio.current_time() + wait_s)
                await self.courier.finish(END_S_MAX)

    def is_well(self) -> bool:
        """Whether the machine moves, is not on its way out, and somebody hears what there is to tell."""
        assert self._sampler is not None
        context, now_s = self._sampler.bot.context, trio.current_time()
        return (
            context.exit_code is None and now_s - context.now_s < ALIVE_S and not self.courier.is_failing(now_s)
        )

    def alert(self, level: str, key: str, text: str) -> None:
        """Raise one that no figure resolves."""
        alert = Alert(level=level, key=key, text=text, at_ns=self._now_ns())
        if self.book.raise_(alert, trio.current_time(), watched=False):
            self._keep_raised(alert)

    # --- one look -----------------------------------------------------------------------------------------------------
    def _look_safely(self, nursery: trio.Nursery) -> None:
        try:
            self._look(nursery)
        except Exception as error:  # noqa: BLE001 (bugs of a monitor must not end the bot; they are told and counted)
            self.errors += 1
            self.log.error("monitor_failed", error=type(error).__name__, what=str(error)[:200])
            text = f"a monitor failed, its figures are not watched: {type(error).__name__}"
            self.alert("critical", "monitor_failed", text)
            self._post(trio.current_time())

    def _look(self, nursery: trio.Nursery) -> None:
        sampler, now_s = self._sampler, trio.current_time()
        assert sampler is not None
        self._hear(now_s)
        snapshot = sampler.snapshot(self._trades.figures(now_s))
        found = evaluate(snapshot, self.limits, self._state)
        self._state = found.state
        for alert in found.raised:
            self._raise(alert, now_s)
        clear_since_s = {key: one.clear_since_s for key, one in found.state.items() if one.clear_since_s is not None}
        over = self.book.expire(now_s, snapshot.at_ns, clear_since_s, self.limits.clear_ms / 1000)
        for resolved in (*found.resolved, *over):
            self._resolve(resolved)
        for action in actions_due(self._state, self.limits, self._acted, now_s):
            self._acted.add(action.key)
            nursery.start_soon(self._act, action, name=f"act:{action.key}")
        self._post(now_s)

    def _hear(self, now_s: float) -> None:
        """What the machine told since the last look."""
        assert self._sampler is not None
        fees = self._sampler.bot.context.fees
        while self._alerts:
            self.book.raise_(self._alerts.popleft(), now_s, watched=False)
        while self._records:
            self._trades.take(self._records.popleft(), fees, now_s)

    def _raise(self, alert: Alert, now_s: float) -> None:
        if self.book.raise_(alert, now_s, watched=True):  # what the strategy raised under this key is stored already
            self._keep_raised(alert)

    def _resolve(self, resolved: Resolved) -> None:
        self._acted.discard(resolved.key)
        self.book.resolve(resolved)
        text = f"resolved after {resolved.lasted_s:.1f} s: {resolved.text}"
        self._keep(Alert(level="info", key=resolved.key, text=text, at_ns=resolved.at_ns))

    def _keep_raised(self, alert: Alert) -> None:
        """Counted beside those of the machine, which its strategist counts; ends, which are stored too, are not."""
        assert self._sampler is not None
        count(self._sampler.bot.parts.measures.tallies.alerts, alert.level)
        self._keep(alert)

    def _keep(self, alert: Alert) -> None:
        self.watch.take(alert)
        self.unstored += len(self._to_store) == UNSTORED_MAX
        self._to_store.append(alert)

    def _post(self, now_s: float) -> None:
        """Hand over to the journal and the courier what is theirs; neither is waited for."""
        assert self._sampler is not None
        records = self._sampler.bot.channels.records
        statistics = records.receive.statistics()
        while self._to_store and statistics.current_buffer_used < statistics.max_buffer_size * STORE_SHARE:
            records.send.send_nowait(self._to_store.popleft())
            statistics = records.receive.statistics()
        notice = self.book.due(now_s, self._now_ns())
        if notice is not None and self.courier.notifier.services:
            self.courier.put(notice)

    # --- lowering the mode --------------------------------------------------------------------------------------------
    async def _act(self, action: Action) -> None:
        """Ask for a stricter mode as a person would; one that is as strict already is left with its own reason.

        A limit that halted swept no venue: what is asked for is a kill, so that is still to be done.
        """
        assert self._sampler is not None
        assert self._command is not None
        bot, why = self._sampler.bot, f"{action.key}: {action.text}"[:WHY_MAX]
        enough = ("HALTED",) if action.ask == "halt" else ("REDUCING", "HALTED")
        is_so = bot.context.mode.name in enough
        if is_so and (action.ask != "halt" or KILLED_BY in bot.context.mode_why):
            return
        reply = await self._command(Kill(why) if action.ask == "halt" else Pause(why), MONITOR)
        mode = bot.context.mode.name
        is_done = isinstance(reply, Done) or (isinstance(reply, Killed) and all(one.is_empty for one in reply.venues))
        if is_done and mode in enough:
            what = "had every order of ours cancelled" if is_so else f"set the mode to {mode}"
            self.alert("critical", f"mode:{mode.lower()}", f"a monitor {what}: {why}")
        else:
            text = reply.text if not isinstance(reply, StatusTold) else ""
            self.alert("critical", "not_lowered", f"a monitor asked for {action.ask} and the mode is {mode}: {text}")

    def _now_ns(self) -> int:
        assert self._sampler is not None
        return self._sampler.bot.parts.clock.now_ns()
