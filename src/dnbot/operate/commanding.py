"""What a person's request does to a running bot: told to the machine as an event, then waited for until it is seen."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio

from dnbot.bot import Bot
from dnbot.domain.messages import DeclareShipment, GiveUpShipment, InboxEvent, SetMode, Stop
from dnbot.domain.transfer import Shipment
from dnbot.domain.units import plain
from dnbot.operate.control_words import (
    AskStatus,
    Done,
    GiveUp,
    Kill,
    Killed,
    Late,
    Leave,
    Pause,
    Reduce,
    Refused,
    Reply,
    Request,
    Resume,
    Ship,
    StatusTold,
)
from dnbot.operate.masking import Mask
from dnbot.operate.status import Reporter
from dnbot.operate.watch import Watch
from dnbot.ports.latch import KILLED_BY
from dnbot.ports.log import EventLog
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.shipping import problem_of
from dnbot.strategy.states import StrategyState, TradingMode
from dnbot.strategy.view import is_flat
from dnbot.tasks.desk import Desk
from dnbot.tasks.sweeping import Swept

MODE_S_MAX = 5.0
"""The machine takes an event within milliseconds; longer means that it is stuck."""
END_S_MAX = 60.0
"""Above the machine's own shutdown deadline with its farewell."""
STANDS_S = 1.5
"""A latch is judged once a second: what still holds after this was not lowered at once."""
SWEEP_S_MAX = 10.0
"""How long one venue is tried; one that answers takes well under a second."""

Reached = Callable[[StrategyContext], bool]


@attrs.frozen
class Commander:
    """Carries requests out. Reads the context, tells the machine what a person wants, has desks sweep; nothing else."""

    bot: Bot
    watch: Watch
    report: Reporter
    log: EventLog

    async def answer(self, request: Request, who: str) -> Reply:
        """Do it and tell what came of it."""
        if isinstance(request, AskStatus):
            return StatusTold(status=self.report(tree=request.tree))
        self.log.info("control", who=who, request=type(request).__name__, why=request.why)
        done = await self._act(request, who)
        reply: Done | Late | Refused | Killed = self._shown(done)
        self.log.info("control_answered", who=who, reply=type(reply).__name__, text=reply.text)
        return reply

    def _shown(self, done: Done | Late | Refused | Killed) -> Done | Late | Refused | Killed:
        """What a kill proved keeps the roles of venues: its reader is a program, which tells people their names."""
        mask = Mask(self.report.mask.registry) if isinstance(done, Killed) else self.report.mask
        shown: Done | Late | Refused | Killed = mask.shown(done, Reply)
        return shown

    async def _act(
        self, request: Pause | Reduce | Resume | Leave | Kill | Ship | GiveUp, who: str
    ) -> Done | Late | Refused | Killed:
        context = self.bot.context
        if context.exit_code is not None:
            return Refused(text=f"the bot has ended with exit code {context.exit_code}")
        if isinstance(request, Kill):
            return await self._kill(request, who)
        if isinstance(request, Leave):
            return await self._leave(request, who)
        if context.current_state is StrategyState.SHUTDOWN:
            return Refused(text="the bot is shutting down: its mode is of no more use")
        if isinstance(request, Resume):
            return await self._resume(request, who)
        if isinstance(request, Ship):
            return await self._ship(request, who)
        if isinstance(request, GiveUp):
            return await self._give_up(request, who)
        return await self._lower(request, who)

    # --- trading mode -------------------------------------------------------------------------------------------------
    async def _lower(self, request: Pause | Reduce, who: str) -> Done | Late | Refused:
        mode = self.bot.context.mode
        if mode is TradingMode.ACTIVE:
            return await self._set_mode(TradingMode.REDUCING, request.why, who)
        if isinstance(request, Reduce) or mode is TradingMode.REDUCING:
            return self._done(f"nothing to do: {mode.name} already ({self.bot.context.mode_why})")
        return Refused(text=f"the mode is {mode.name}, which is stricter than a pause ({self.bot.context.mode_why})")

    async def _resume(self, request: Resume, who: str) -> Done | Late | Refused:
        latch = self.bot.gate.latch
        if (halt := latch.newest()) is not None:
            await self._seen(None, _halted, MODE_S_MAX)
        mode, why = self.bot.context.mode, self.bot.context.mode_why
        if mode is TradingMode.ACTIVE:
            return self._done("nothing to do: ACTIVE already")
        if mode is TradingMode.HALTED and not request.force and not why.startswith(KILLED_BY):
            return Refused(text=f"the mode is HALTED ({why}); after looking into it: resume --force --why TEXT")
        if stays := latch.clear(halt):
            return Refused(text=stays)
        reply = await self._set_mode(TradingMode.ACTIVE, request.why, who)
        if not isinstance(reply, Done):
            return reply
        with trio.move_on_after(STANDS_S):
            while self.bot.context.mode is TradingMode.ACTIVE:
                await self.watch.moved()
            context = self.bot.context
            return Refused(text=f"ACTIVE did not last: {context.mode.name} again ({context.mode_why})")
        return reply

    async def _set_mode(self, mode: TradingMode, why: str, who: str) -> Done | Late | Refused:
        before = self.bot.context.mode
        event = SetMode(mode=mode.name, why=f"{who}: {why}", by=who, seen=before.name)
        if not await self._seen(event, lambda context: context.mode is not before, MODE_S_MAX):
            return self._late(f"no {mode.name} within {MODE_S_MAX:.0f} s")
        now = self.bot.context.mode
        if now is not mode:
            return Refused(text=f"the mode changed meanwhile: it is {now.name} ({self.bot.context.mode_why})")
        return self._done(f"{before.name} -> {mode.name}")

    # --- the kill -----------------------------------------------------------------------------------------------------
    async def _kill(self, request: Kill, who: str) -> Killed | Late:
        """Whoever asks has set the latch before; without one the mode is set as by hand, but for one that is HALTED
        already: it keeps its reason, which somebody has to look into.
        """
        event = None
        if not self.bot.gate.latch.is_set() and not _halted(self.bot.context):
            event = SetMode(mode=TradingMode.HALTED.name, why=f"{KILLED_BY}{who}: {request.why}", by=who)
        if not await self._seen(event, _halted, MODE_S_MAX):
            return self._late(f"no HALTED within {MODE_S_MAX:.0f} s")
        match_lag_s = self.bot.context.params.match_lag_ms / 1000
        found: list[Swept] = []

        async def sweep(desk: Desk) -> None:
            found.append(await desk.sweep(match_lag_s, SWEEP_S_MAX))

        async with trio.open_nursery() as nursery:
            for desk in self.bot.desks.values():
                nursery.start_soon(sweep, desk)
        context = self.bot.context
        empty = all(swept.is_empty for swept in found)
        return Killed(
            text="every venue is empty of our orders" if empty else "not every venue could be proven empty",
            state=context.current_state.name, mode=context.mode.name,
            venues=tuple(sorted(found, key=lambda swept: swept.venue.value)),
        )

    # --- funds between exchanges --------------------------------------------------------------------------------------
    async def _ship(self, request: Ship, who: str) -> Done | Late | Refused:
        event = DeclareShipment(
            source=request.source, target=request.target, asset=request.asset, leaves=request.leaves,
            arrives=request.arrives, why=request.why, by=who,
        )
        before = self.bot.context.portfolio
        if problem := problem_of(event, before):
            return Refused(text=problem)
        number = before.shipments_declared + 1
        if not await self._seen(event, lambda c: c.portfolio.shipments_declared >= number, MODE_S_MAX):
            return self._late(f"not declared within {MODE_S_MAX:.0f} s")
        return self._done(
            f"declared as s{number}: move it now; once {request.source.value} shows {plain(request.leaves)} "
            f"{request.asset} less, it counts as held until {request.target.value} shows {plain(request.arrives)} more"
        )

    async def _give_up(self, request: GiveUp, who: str) -> Done | Late | Refused:
        name = request.shipment_id
        known = _open_shipments(self.bot.context)
        if name not in known:
            return Refused(text=f"shipment {name}; allowed: {', '.join(known) or 'none is open'}")
        event = GiveUpShipment(name, request.why, who)
        if not await self._seen(event, lambda c: name not in _open_shipments(c), MODE_S_MAX):
            return self._late(f"not given up within {MODE_S_MAX:.0f} s")
        lost = known[name].under_way
        return self._done(f"{name} is given up; {plain(lost)} {known[name].asset} of it had left and not arrived")

    # --- the way out --------------------------------------------------------------------------------------------------
    async def _leave(self, request: Leave, who: str) -> Done | Late | Refused:
        leaving = self.bot.context.leaving
        event: Stop | None
        if leaving is None:
            event = Stop(f"{who}: {request.why}", "flatten" if request.flatten else "")
        elif request.flatten and leaving.policy != "flatten":
            return Refused(text=f"the bot is shutting down already, with policy {leaving.policy}")
        else:
            event = Stop(f"{who}: {request.why}") if request.hurry else None
        self.bot.stay_ended(who, request.why)
        with trio.move_on_after(END_S_MAX):
            await self._seen(event, lambda context: context.exit_code is not None, END_S_MAX)
            await self.bot.ended.wait()  # its last records are written by then, or not
        if self.bot.context.exit_code is None:
            phase = self.bot.context.leaving.phase if self.bot.context.leaving else "not begun"
            return self._late(f"not ended within {END_S_MAX:.0f} s; phase: {phase}")
        return self._ended(flatten=request.flatten)

    def _ended(self, *, flatten: bool) -> Done | Refused:
        context, code = self.bot.context, self.bot.code
        portfolio = context.portfolio
        between = portfolio.under_way(context.params.symbol.base)
        under_way = f"under way {plain(between)}, " if between else ""
        held = (
            f"spot {plain(portfolio.spot_base)}, {under_way}perpetual {plain(portfolio.perp_base)}, "
            f"delta {plain(portfolio.delta)} {context.params.symbol.base}"
        )
        if code is None:
            return Refused(text=f"ended, but it is not known whether its last records were written; {held}")
        if code:
            why = "" if context.exit_code else ": the database did not take its last records"
            halted = "HALTED" if self.bot.gate.latch.is_set() else "NOT halted"
            return Refused(text=f"ended with exit code {code}{why}; the next start is {halted}; {held}")
        if flatten and not is_flat(context):
            return Refused(text=f"ended, but NOT flat: {held}")
        return self._done(f"ended cleanly; {held}")

    # --- telling and waiting ------------------------------------------------------------------------------------------
    async def _seen(self, event: InboxEvent | None, reached: Reached, within_s: float) -> bool:
        """Tell the machine and wait for the effect; a full inbox counts into the deadline."""
        with trio.move_on_after(within_s):
            if event is not None:
                await self.bot.channels.inbox.send.send(event)
            while not reached(self.bot.context):
                await self.watch.moved()
        return reached(self.bot.context)

    def _done(self, text: str) -> Done:
        return Done(text=text, state=self.bot.context.current_state.name, mode=self.bot.context.mode.name)

    def _late(self, text: str) -> Late:
        return Late(text=text, state=self.bot.context.current_state.name, mode=self.bot.context.mode.name)


def _open_shipments(context: StrategyContext) -> dict[str, Shipment]:
    return {shipment.shipment_id: shipment for shipment in context.portfolio.shipments}


def _halted(context: StrategyContext) -> bool:
    return context.mode is TradingMode.HALTED
