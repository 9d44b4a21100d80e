"""What a person may order from a page; the function that carries it out is the one behind the control socket."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import msgspec
import trio

from dnbot.domain.errors import ConfigError
from dnbot.operate.control import Answer
from dnbot.operate.control_words import (
    Done,
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
    read_request,
    to_line,
)
from dnbot.ports.latch import FileLatch, Halt

STATUS = {Done: 200, Killed: 200, Refused: 409, Late: 504}


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a page sends."""

    why: str
    confirm: str = ""
    """Typed by the person, for what cannot be taken back."""
    force: bool = False
    """Resume out of HALTED."""


class BadOrder(Exception):
    """It is none; why."""


_REQUESTS: dict[str, Callable[[Order], Request]] = {
    "pause": lambda order: Pause(order.why),
    "reduce": lambda order: Reduce(order.why),
    "resume": lambda order: Resume(order.why, order.force),
    "stop": lambda order: Leave(order.why),
    "flatten": lambda order: Leave(order.why, flatten=True),
    "kill": lambda order: Kill(order.why),
}
ACTIONS = tuple(_REQUESTS)
_TYPED = ("stop", "flatten", "kill")


def confirmation(action: str, symbol: str, *, force: bool = False) -> str:
    """What a person has to type for it; empty: nothing."""
    return f"{action.upper()} {symbol}" if action in _TYPED or force else ""


def request_of(action: str, body: bytes, symbol: str) -> Request:
    """The request that a page's order stands for.

    Raises:
        BadOrder: it is none, has no reason, or was not confirmed.
    """
    try:
        order = msgspec.json.decode(body, type=Order)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadOrder(f"not an order: {error}") from None
    if order.force and action != "resume":
        raise BadOrder("force is for resume alone")
    wanted = confirmation(action, symbol, force=order.force)
    if order.confirm != wanted:
        raise BadOrder(f"not confirmed: type {wanted!r}" if wanted else "nothing is to be confirmed here")
    try:
        return read_request(to_line(_REQUESTS[action](order)))
    except ValueError as error:
        raise BadOrder(str(error)) from None


@attrs.define
class Commands:
    """Carries out orders, and knows how many people wait for an answer."""

    answer: Answer
    latch: FileLatch
    now_ns: Callable[[], int]
    waiting: int = 0
    _idle: trio.Event = attrs.field(factory=trio.Event, init=False)

    async def carry_out(self, request: Request, who: str) -> Reply:
        """The bot's reply. A kill is written to the state folder before the bot is asked."""
        self.waiting += 1
        try:
            trouble = self._latched(request.why, who) if isinstance(request, Kill) else ""
            reply = await self.answer(request, who)
            if trouble and isinstance(reply, Killed | Late):
                text = f"{reply.text}; the halt could not be written to the state folder: {trouble}"
                reply = msgspec.structs.replace(reply, text=text)
            return reply
        finally:
            self.waiting -= 1
            if not self.waiting:
                self._idle.set()
                self._idle = trio.Event()

    def _latched(self, why: str, who: str) -> str:
        try:
            self.latch.set(Halt(who=who, reason=why, at_ns=self.now_ns()))
        except ConfigError as error:
            return str(error)
        return ""

    async def finish(self, within_s: float) -> None:
        """Wait until everyone who waits for an answer has it, or the time is over."""
        with trio.move_on_after(within_s):
            while self.waiting:
                await self._idle.wait()
