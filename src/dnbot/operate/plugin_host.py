"""One plugin of a run: its process, how long it may think, and when it has failed often enough.

Whatever a plugin does is its own fault: its process is ended, the fault is logged, and after so many in a row it is
switched off, which is alerted once. Who asks it never waits longer than its time, and never sees an error of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import attrs
import msgspec
import trio

from dnbot.config import PluginUse
from dnbot.operate.plugin_registry import Installed
from dnbot.operate.plugin_words import (
    OFF,
    READY,
    STARTING,
    Answer,
    Begin,
    Load,
    PluginStatus,
    Question,
    Raised,
    Ready,
    Refused,
    columns_problem,
)
from dnbot.operate.plugins import Column
from dnbot.ports.credentials import Secret
from dnbot.ports.line_child import LineChild
from dnbot.ports.log import EventLog
from dnbot.ports.redaction import Redactor

WORKER = (sys.executable, "-P", "-m", "dnbot.operate.plugin_worker")
LOAD_S_MAX = 30.0
"""An interpreter and all that the plugin imports, on a machine that is busy."""
AGAIN_S = 1.0
"""Between a fault and the next process."""
ANSWER_BYTES_MAX = 512 * 1024

Alert = Callable[[str, str, str], None]
"""Level, key and text; `Monitors.alert`."""
A = TypeVar("A", bound=Answer)
T = TypeVar("T")


@attrs.define
class PluginFault(Exception):
    """What one plugin did wrong."""

    why: str
    is_final: bool = False
    """Trying again would not help."""


@attrs.define
class PluginHost:
    """`ask` never raises; None is the answer of a plugin that is off, busy or at fault.

    Resource handling: `aclose` ends the process. A fault ends it too, and `run` starts another one.
    """

    use: PluginUse
    installed: Installed
    symbol: str
    mode: str
    log: EventLog
    secret: Secret | None = None
    redactor: Redactor = attrs.field(factory=Redactor)
    """Knows every secret of this process: what a plugin says of its fault is stored and shown."""
    command: Sequence[str] = WORKER
    load_s_max: float = LOAD_S_MAX
    alert: Alert | None = None
    state: str = attrs.field(default=STARTING, init=False)
    columns: tuple[Column, ...] = attrs.field(default=(), init=False)
    calls: int = attrs.field(default=0, init=False)
    faults: int = attrs.field(default=0, init=False)
    last_fault: str = attrs.field(default="", init=False)
    _in_a_row: int = attrs.field(default=0, init=False)
    _broken: trio.Event = attrs.field(factory=trio.Event, init=False)
    """Set while it has no process that would answer."""
    _turn: trio.Lock = attrs.field(factory=trio.Lock, init=False)
    _child: LineChild = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._child = LineChild(self.command, self._first_line, ANSWER_BYTES_MAX)

    @property
    def status(self) -> PluginStatus:
        """As of now."""
        return PluginStatus(
            kind=self.use.kind, name=self.use.name, package=self.installed.package, state=self.state,
            calls=self.calls, faults=self.faults, last_fault=self.last_fault,
        )

    async def run(self) -> None:
        """Never returns: load it, and again after each fault while it is not off."""
        while True:
            await self.start()
            await self._broken.wait()
            await trio.sleep(AGAIN_S)

    async def start(self) -> None:
        """Load it, so that what is wrong with it is known now."""
        async with self._turn:
            self._broken = trio.Event()
            await self._kept(self._loaded)

    async def ask(self, question: Question, kind: type[A], check: Callable[[A], str] = lambda _: "") -> A | None:
        """The answer, of this kind and without what `check` finds wrong with it; None while it is not ready."""
        s_max = self.use.timeout_ms / 1000

        async def asked() -> A | None:
            if self.state != READY:
                return None
            self.calls += 1
            answer = await self._answer(question, s_max)
            if not isinstance(answer, kind):
                raise PluginFault(answer.why if isinstance(answer, Raised) else f"a {type(answer).__name__} as answer")
            if problem := check(answer):
                raise PluginFault(problem)
            self._in_a_row = 0
            return answer

        with trio.move_on_after(s_max) as waiting:
            await self._turn.acquire()
        if waiting.cancelled_caught:
            return None
        try:
            return await self._kept(asked)
        finally:
            self._turn.release()

    async def aclose(self) -> None:
        """End its process at once."""
        await self._child.aclose()

    # --- one turn -----------------------------------------------------------------------------------------------------
    async def _kept(self, turn: Callable[[], Awaitable[T]]) -> T | None:
        """What the turn gives; None while it is off and after a fault. A turn that is not done leaves no process."""
        if self.state == OFF:
            return None
        is_done = False
        try:
            found = await turn()
            is_done = True
            return found
        except PluginFault as fault:
            self._note(fault)
            return None
        finally:
            if not is_done:  # its next line would answer the question before
                self.state = self.state if self.state == OFF else STARTING
                self._broken.set()
                await self._child.aclose()

    async def _loaded(self) -> None:
        answer = await self._answer(Load(), self.load_s_max)
        if not isinstance(answer, Ready):
            why = answer.why if isinstance(answer, Refused | Raised) else type(answer).__name__
            raise PluginFault(f"cannot be loaded: {why}", is_final=True)
        if problem := columns_problem(answer.columns) if self.use.kind == "analytics" else "":
            raise PluginFault(f"cannot be loaded: {problem}", is_final=True)
        self.columns, self.state = answer.columns, READY

    async def _answer(self, question: Question, s_max: float) -> Answer:
        try:
            with trio.move_on_after(s_max):
                line = await self._child.ask(msgspec.json.encode(question))
                answer: Answer = msgspec.json.decode(line, type=Answer)
                return answer
        except msgspec.MsgspecError:
            raise PluginFault("its process answered nonsense") from None
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            raise PluginFault("its process ended without an answer, or answered without end") from None
        raise PluginFault(f"no answer within {s_max * 1000:.0f} ms")

    def _note(self, fault: PluginFault) -> None:
        self.faults += 1
        self._in_a_row += 1
        self.last_fault = self.redactor.redact(fault.why.encode("utf-8", "backslashreplace")).decode()
        about = {"plugin": self.use.name, "kind": self.use.kind, "why": self.last_fault, "in_a_row": self._in_a_row}
        self.log.warning("plugin_fault", **about)
        if fault.is_final or self._in_a_row >= self.use.faults_max:
            self.state = OFF
            self.log.error("plugin_off", **about)
            if self.alert is not None:
                text = f"the {self.use.kind} plugin {self.use.name} is off until the next start: {self.last_fault}"
                self.alert("warning", f"plugin:{self.use.name}", text)

    def _first_line(self) -> bytes:
        return msgspec.json.encode(
            Begin(
                asker=os.getpid(), kind=self.use.kind, reference=self.installed.reference, path=tuple(sys.path),
                options=dict(self.use.options), secret=self.secret.reveal() if self.secret is not None else "",
                symbol=self.symbol, mode=self.mode,
            )
        )
