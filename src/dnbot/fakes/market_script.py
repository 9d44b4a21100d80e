"""A market that does what it is told and nothing else: books, trades, marks and funding by command, now or on time.

Between commands nothing moves. What clients take from the outsiders' levels stays taken until a command speaks of that
level, or of the venue's ladder; ``refill`` brings all of it back. Equal commands at equal times give equal markets.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from decimal import Decimal

import attrs
import trio

from .clock import NS_PER_S
from .exchange import Exchange
from .records import VENUES, Venue
from .script_board import ScriptBoard
from .script_checks import check_command
from .script_funding import Said, ScriptedFunding
from .script_ladder import Ladder, first_ladder
from .script_words import (
    Command,
    Refill,
    SetBook,
    SetDepth,
    SetFunding,
    SetLevels,
    SetMark,
    SetMid,
    SetOffset,
    SetPulse,
    SetSpread,
    SettleFunding,
    Trade,
)


@attrs.define(eq=False)
class MarketScript:
    """Carries commands out. Every method is synchronous; ``run`` carries out in time what was scheduled."""

    exchange: Exchange
    funding: ScriptedFunding
    _boards: dict[tuple[Venue, str], ScriptBoard] = attrs.field(factory=dict)
    _queue: deque[tuple[float, Command]] = attrs.field(factory=deque)
    _pulse_s: float = float("inf")
    _pulse_due_s: float = float("inf")
    _more: trio.Event = attrs.field(factory=trio.Event)

    def begin(self) -> None:
        """Let every venue show its first ladder of every symbol, around the price at which its market begins."""
        for symbol, model in self.funding.models.items():
            price = Decimal(repr(model.start_price))
            self.funding.said[symbol] = Said(price)
            for instrument in model.instruments:
                board = ScriptBoard(self.exchange, first_ladder(instrument, price))
                self._boards[(instrument.venue, symbol)] = board
                self._show(board, board.ladder)
            self.exchange.commit()
            self.funding.update_mark(symbol)

    def apply(self, *commands: Command) -> None:
        """Carry these out now, in this order and whatever their times; or raise ScriptRefused and change nothing."""
        for command, symbol in [(command, self._check(command)) for command in commands]:
            self._carry_out(command, symbol)

    def schedule(self, commands: Iterable[Command], since_ns: int | None = None) -> None:
        """Carry these out ``at_s`` seconds after that time of the world, or after now; what is past is due at once.

        Raises ScriptRefused, and then takes none of them.
        """
        clock = self.exchange.clock
        ago_s = 0.0 if since_ns is None else (clock.wall_ns() - since_ns) / NS_PER_S
        origin_s = clock.monotonic_s() - ago_s
        wanted = list(commands)
        for command in wanted:
            self._check(command)
        due = [*self._queue, *((origin_s + command.at_s, command) for command in wanted)]
        self._queue = deque(sorted(due, key=lambda item: item[0]))
        self._look_again()

    @property
    def waiting(self) -> int:
        """How many scheduled commands are still to come."""
        return len(self._queue)

    async def run(self) -> None:
        """Carry out what was scheduled, until cancelled."""
        while True:
            with trio.move_on_at(min(self._pulse_due_s, self._queue[0][0] if self._queue else float("inf"))):
                await self._more.wait()
            now_s = trio.current_time()
            while self._queue and self._queue[0][0] <= now_s:
                self.apply(self._queue.popleft()[1])
            if self._pulse_due_s <= now_s:
                self._pulse_due_s = now_s + self._pulse_s
                for board in self._boards.values():
                    board.pulse()

    # -- inside

    def _carry_out(self, command: Command, symbol: str) -> None:
        match command:
            case SetMid() | SetSpread() | SetOffset() | SetDepth() | Refill():
                self._reshape(symbol, command)
            case SetBook() | SetLevels():
                self._set_levels(self._boards[(command.venue, symbol)], command)
            case Trade(venue=venue, side=side, quantity=quantity, price=price):
                self.exchange.external_take(venue, symbol, side, quantity, price)
            case SetFunding() | SettleFunding() | SetMark():
                self._set_rates(symbol, command)
            case SetPulse(every_s=every_s):
                self._pulse_s = every_s or float("inf")
                self._pulse_due_s = self.exchange.clock.monotonic_s() + self._pulse_s
                self._look_again()
        self.exchange.commit()
        if not isinstance(command, SetBook | SetLevels | Trade):  # those come often; marks have their own pace
            self.funding.update_mark(symbol)

    def _look_again(self) -> None:
        more, self._more = self._more, trio.Event()
        more.set()

    def _check(self, command: Command) -> str:
        """The symbol that a command is about; raises ScriptRefused when it cannot be carried out."""
        symbol = command.symbol or next(iter(self.funding.said))
        check_command(self.exchange.state.instruments, symbol, command)
        return symbol

    def _reshape(self, symbol: str, command: SetMid | SetSpread | SetOffset | SetDepth | Refill) -> None:
        said = self.funding.said[symbol]
        if isinstance(command, SetMid) and command.venue is None:
            said.mid = command.price
        for venue in VENUES:
            board = self._boards.get((venue, symbol))
            if board is None or command.venue not in (None, venue):
                continue
            if isinstance(command, Refill):
                board.show(board.wanted)
            else:
                self._show(board, board.ladder.after(command, said.mid))

    def _show(self, board: ScriptBoard, ladder: Ladder) -> None:
        board.ladder = ladder
        board.show(ladder.wanted())
        self._note_middle(board)

    def _set_levels(self, board: ScriptBoard, command: SetBook | SetLevels) -> None:
        bids, asks = sorted(command.bids, reverse=True), sorted(command.asks)
        if isinstance(command, SetBook):
            board.show({"buy": dict(bids), "sell": dict(asks)})
        else:
            board.update({"buy": dict(bids), "sell": dict(asks)})
        self._note_middle(board)

    def _note_middle(self, board: ScriptBoard) -> None:
        middle = board.middle()
        if middle is not None:
            self.funding.said[board.instrument.symbol].middles[board.instrument.venue] = middle

    def _set_rates(self, symbol: str, command: SetFunding | SettleFunding | SetMark) -> None:
        said, now_s = self.funding.said[symbol], self.exchange.clock.seconds()
        match command:
            case SetFunding(rate=rate, next_after_s=next_after_s):
                said.rate = rate
                if next_after_s is not None:
                    self.funding.next_s[symbol] = now_s + next_after_s
            case SettleFunding():
                self.funding.next_s[symbol] = now_s
                self.funding.settle_due()
            case SetMark(mark=mark, index=index):
                said.mark, said.index = mark, index
