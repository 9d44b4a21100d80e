"""The bot's way from a change of a book to what it would trade, and the plain one, on the same changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import attrs
import msgspec
import trio

from dnbot.domain.book import BookDelta, BookSnapshot
from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.messages import InstrumentChanged, Signal
from dnbot.domain.pair import Declined, Opportunity, Pair, PairKind
from dnbot.ports.channels import Boards
from dnbot.ports.clock import SystemClock
from dnbot.ports.log import EventLog
from dnbot.strategy.context import StrategyContext, VenueAccount
from dnbot.strategy.hopeless import FirstLook
from dnbot.strategy.spread import SpreadAnalyzer
from dnbot.strategy.standing import inventory_of
from dnbot.strategy.trading import _new_findings
from dnbot.strategy.turn import Turn
from dnbot.strategy.undo import carry_age_bps
from dnbot.tasks.analytics import Analyst
from dnbot.tasks.feed import Feed
from dnbot.venues.factory import public_codec
from suite.plain_decisions import Verdict, decide
from suite.plain_market import Ground, Levels, Past, PlainBook, edge_bps
from suite.scenes import SYMBOL, WALL_NS, Scene

NOTHING = ("nothing",)
SAME_BPS = 1e-6
"""Edges that floats may rank either way."""


class _Feed(Feed):
    """The bot's feed without a stream: it is told increments, and its book must follow them."""

    def load(self, bids: Levels, asks: Levels) -> None:
        """A snapshot."""
        assert self._join(BookSnapshot(venue=self.venue, update_id=1, bids=tuple(bids), asks=tuple(asks)))
        self._publish(0)

    def change(self, bids: Levels, asks: Levels) -> None:
        """An increment."""
        number = self._book.update_id + 1
        delta = BookDelta(venue=self.venue, first_id=number, last_id=number, bids=tuple(bids), asks=tuple(asks))
        self._fold(delta, cast("trio.Nursery", None))


@attrs.define
class Compared:
    """What came of it."""

    markets: int = 0
    taken: Counter[str] = attrs.field(factory=Counter)
    """By pair."""
    declined: Counter[str] = attrs.field(factory=Counter)
    """By reason."""
    different: list[str] = attrs.field(factory=list)


class BothWays:
    """One sequence of books. Inside a Trio run, whose clock is the one that books are dated by."""

    def __init__(self, scene: Scene, compared: Compared) -> None:
        self.scene, self.compared = scene, compared
        self.signals: list[Signal] = []
        boards = Boards()
        self.analyst = Analyst(
            boards, SpreadAnalyzer(scene.params.slice_base), FirstLook(scene.params), self._see, lambda: False
        )
        nowhere = cast("Any", SimpleNamespace())
        self.feeds = {
            venue: _Feed(
                public_codec(venue, SYMBOL), nowhere, self.analyst, boards.instruments[venue],
                EventLog(SystemClock(), []),
            )
            for venue in VENUES
        }
        for venue in VENUES:
            boards.fees[venue].put(scene.fees[venue])
            self.analyst.take(InstrumentChanged(scene.instruments[venue]))
        self.began_s = trio.current_time()
        self.tell_mark()
        if scene.funding is not None:
            self.analyst.take(scene.funding)
        self.context = StrategyContext(
            params=scene.params, epoch=1, portfolio=scene.portfolio,
            accounts={venue: VenueAccount(fees=scene.fees[venue], opened=True, order_s=-1.0) for venue in VENUES},
        )
        self.books: dict[Venue, PlainBook] = {}
        self.pasts: dict[Pair, Past] = {}

    def tell_mark(self) -> None:
        """Mark and index are as they were."""
        self.analyst.take(self.scene.mark)
        self.marked_s = trio.current_time()

    def start(self, books: Mapping[Venue, tuple[Levels, Levels]]) -> None:
        """Whole books of all three venues."""
        now_s = trio.current_time()
        for venue, (bids, asks) in books.items():
            self.books[venue] = PlainBook(dict(bids), dict(asks), now_s)
            self.feeds[venue].load(bids, asks)
        self._compare(set(books))

    def change(self, books: Mapping[Venue, tuple[Levels, Levels]]) -> None:
        """Increments of some."""
        for venue, (bids, asks) in books.items():
            self.books[venue].apply(bids, asks, trio.current_time())
            self.feeds[venue].change(bids, asks)
        self._compare(set(books))

    def _see(self, signal: Signal) -> bool:
        self.signals.append(signal)
        return True

    def _compare(self, moved: set[Venue]) -> None:
        now_s = trio.current_time()
        self.signals.clear()
        self.analyst.conclude()
        signal = self.signals[-1] if self.signals else self.analyst.newest()
        assert signal is not None, "books moved, and nobody knows"
        self.context = msgspec.structs.replace(
            self.context, market=signal.market, edges=signal.edges, signal_fresh=True, now_s=now_s,
            now_ns=WALL_NS + round((now_s - self.began_s) * 1e9),
        )
        turn = Turn(self.context)
        ours = {found.pair_name: _verdict(found) for found in _new_findings(turn)}
        plain = self._plain(moved, {edge.pair: edge.half_life_s for edge in signal.edges})
        self._judge(ours, plain, set() if self.signals else moved)

    def _plain(
        self, moved: set[Venue], half_lives: dict[Pair, float | None]
    ) -> dict[str, tuple[Verdict, float]]:
        context, scene = self.context, self.scene
        ground = Ground(
            books=self.books, instruments=scene.instruments, fees=scene.fees, params=scene.params,
            inventory=inventory_of(context), mark=scene.mark.mark, index=scene.mark.index, marked_s=self.marked_s,
            funding=scene.funding, now_s=context.now_s, now_ns=context.now_ns,
            carry_age_bps=carry_age_bps(scene.portfolio.carry_lots, scene.params, context.now_ns),
        )
        probed = {pair: edge_bps(pair, scene.params.slice_base, ground) for pair in Pair}
        for pair, edge in probed.items():
            if edge is not None and moved & {pair.buy_venue, pair.sell_venue}:
                self.pasts.setdefault(pair, Past()).add(edge, context.now_s)
        found = {}
        for pair, edge in probed.items():
            if edge is not None:
                back = self.pasts.get(pair.reverse) if probed[pair.reverse] is not None else None
                verdict = decide(pair, ground, back, half_lives.get(pair))
                if verdict is not None:
                    found[pair.name] = verdict, float(edge)
        return found

    def _judge(
        self, ours: dict[str, Verdict], plain: dict[str, tuple[Verdict, float]], unpromising: set[Venue]
    ) -> None:
        """`unpromising`: the books that moved, when the first look saw nothing in them."""
        compared, number = self.compared, self.compared.markets
        compared.markets += 1
        for name in sorted({*ours, *plain}):
            mine, theirs = ours.get(name, NOTHING), plain[name][0] if name in plain else NOTHING
            if mine != theirs:
                compared.different.append(f"market {number}, {name}: {' '.join(mine)}; plainly {' '.join(theirs)}")
            elif mine[0] == "taken":
                compared.taken[name] += 1
                pair = Pair[name]
                # A carry's requirement rests on its history, which the first look learns a tenth of a second late.
                if unpromising & {pair.buy_venue, pair.sell_venue} and pair.kind is not PairKind.CARRY_OPEN:
                    compared.different.append(f"market {number}, {name}: the first look said no")
            else:
                compared.declined[mine[1]] += 1
        first = next((name for name, verdict in ours.items() if verdict[0] == "taken"), "")
        taken = {name: edge for name, (verdict, edge) in plain.items() if verdict[0] == "taken"}
        best = max(taken, key=taken.__getitem__, default="")
        if first in taken and taken[first] < taken[best] - SAME_BPS:
            compared.different.append(f"market {number}: {first} comes first; plainly {best}")


def _verdict(found: Opportunity | Declined) -> Verdict:
    if isinstance(found, Declined):
        return ("declined", found.reason)
    numbers = (found.buy_quantity, found.sell_quantity, found.buy_price_cap, found.sell_price_cap)
    return ("taken", found.purpose.value, *(f"{number.normalize():f}" for number in numbers))
