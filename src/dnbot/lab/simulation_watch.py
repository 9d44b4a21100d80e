"""What a simulation counts beside the judge: what struck, what each fault cost, and what happened at least once."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import Any

import attrs
import trio

from dnbot.fakes.faults_kinds import Armed
from dnbot.lab.incarnation import Incarnation
from dnbot.lab.oracle import Oracle
from dnbot.lab.tap import NS_PER_S, Tap, Tapped
from dnbot.lab.world import Stage

EQUITY_EVERY_S = 0.5
COST_S = 10.0
"""What is lost or naked from a strike until so long after its end is its cost, and that of what else struck then."""
Happened = Sequence[tuple[str, float, float]]
Stretch = tuple[float, float]


@attrs.define(eq=False)
class Watch:
    """Listens where the judge listens; changes nothing."""

    on: Stage
    tap: Tap
    oracle: Oracle
    sometimes: Counter[str] = attrs.field(factory=Counter)
    last_events: list[str] = attrs.field(factory=list)
    _orders: dict[str, str] = attrs.field(factory=dict)
    _equity: list[tuple[float, float]] = attrs.field(factory=list)
    _struck: Counter[str] = attrs.field(factory=Counter)
    _stretches: dict[str, list[Stretch]] = attrs.field(factory=dict)

    def attach(self) -> None:
        """Listen; after the judge, whose findings are looked at."""
        self.tap.observers.append(self._heard)

    async def run(self) -> None:
        """Note the equity and the log, for ever."""
        lines_seen = 0
        while True:
            self._equity.append((trio.current_time(), float(self.oracle.delta.equity())))
            self.on.log.flush_now()
            for line in self.on.lines.lines[lines_seen:]:
                self.oracle.told(str(line))
            lines_seen = len(self.on.lines.lines)
            self._look()
            await trio.sleep(EQUITY_EVERY_S)

    def keep(self, armed: Armed) -> None:
        """Remember what a fault did before it is switched off."""
        if not armed.struck:
            return
        name, lasts_s = armed.fault.name, armed.fault.for_s or 0.0
        self._struck[name] += armed.struck
        times = [a.elapsed_s for a in self.on.world.faults.activations() if a.key == armed.fault.key]
        if armed.kind.acts_in_world_alone:
            stretches = [(at_s, at_s + lasts_s) for at_s in times]
        else:
            stretches = [(times[0], times[-1])] if times else []
        self._stretches.setdefault(name, []).extend(stretches)

    def life_ended(self, bot: Incarnation) -> None:
        """How a life ended is one of the things that have to happen now and then."""
        self.sometimes["life crashed" if bot.dead else f"life exit {bot.code}"] += 1

    # -- figures

    def struck(self, happened: Happened) -> Counter[str]:
        """How often each kind of fault and mishap changed something."""
        return self._struck + Counter(kind for kind, _, _ in happened)

    def by_fault(self, happened: Happened) -> dict[str, dict[str, float]]:
        """Per kind: the worst naked window that touched it (seconds, and notional in quote), and the worst fall of the
        equity, quote, while it was at work or within `COST_S` after.
        """
        stretches = {name: list(found) for name, found in self._stretches.items()}
        for kind, begin_s, end_s in happened:
            stretches.setdefault(kind, []).append((begin_s, end_s))
        return {name: self._cost(_merged(found)) for name, found in sorted(stretches.items())}

    def _cost(self, stretches: list[Stretch]) -> dict[str, float]:
        naked_s = notional = loss = 0.0
        for window in self.oracle.delta.windows:
            begin_s, end_s = window.opened_ns / NS_PER_S, window.closed_ns / NS_PER_S
            if any(begin_s <= last_s and end_s >= first_s for first_s, last_s in stretches):
                naked_s, notional = max(naked_s, end_s - begin_s), max(notional, float(window.notional))
        times = [at_s for at_s, _ in self._equity]
        for first_s, last_s in stretches:
            peak = float("-inf")
            for _, equity in self._equity[max(0, bisect_left(times, first_s) - 1) : bisect_left(times, last_s)]:
                peak = max(peak, equity)
                loss = max(loss, peak - equity)
        return {"naked_s": round(naked_s, 6), "naked_notional": round(notional, 2), "loss": round(loss, 2)}

    def frames_per_s(self, run_s: float) -> dict[str, float]:
        """Frames that each exchange pushed, per second."""
        world = self.on.world
        frames = {"gate": world.gate_app.totals.frames, "mexc": world.mexc_app.stream.totals.frames}
        return {name: round(count / max(run_s, 1e-9), 1) for name, count in frames.items()}

    # -- what happened

    def _look(self) -> None:
        if self.oracle.violations and not self.last_events:
            self.last_events = [event.text() for event in self.tap.newest]

    def _heard(self, event: Tapped) -> None:
        self._look()
        if event.port != "record":
            return
        fields: Any = event.data[0]
        match event.what:
            case "StateChanged":
                self.sometimes[f"edge {fields['from_state']} {fields['trigger']} {fields['to_state']}"] += 1
            case "ModeChanged":
                self.sometimes[f"mode {fields['to_mode']} {_code(fields['why'])}"] += 1
            case "OpportunityDeclined":
                self.sometimes[f"denial {fields['declined']['reason']}"] += 1
            case "Alert":
                self.sometimes[f"alert {fields['key'].split(':')[0]}"] += 1
            case "OrderChanged":
                self._order_changed(fields["order"])
            case _:
                pass

    def _order_changed(self, order: dict[str, Any]) -> None:
        name, status = order["intent"]["client_order_id"], str(order["status"]).upper()
        before = self._orders.get(name)
        if before == "AMBIGUOUS" and status != before:
            self.sometimes[f"resolved {status}"] += 1
        if status == "NOT_SENT" and before != status:
            self.sometimes[f"denial {_code(str(order['reason']))}"] += 1
        self._orders[name] = status
        self.sometimes[f"order {status}"] += 1


def _code(why: str) -> str:
    """The code that a latch's reason begins with, or a word for whose it is."""
    head = why.split(":", maxsplit=1)[0].split(" ", maxsplit=1)[0]
    return head if head.isupper() else "otherwise"


def _merged(stretches: list[Stretch]) -> list[Stretch]:
    """Sorted, each `COST_S` longer, and joined where they meet."""
    found: list[Stretch] = []
    for first_s, last_s in sorted(stretches):
        if found and first_s <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], last_s + COST_S))
        else:
            found.append((first_s, last_s + COST_S))
    return found
