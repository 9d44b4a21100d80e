"""The process of one plugin: the only module that imports code of others. Questions in, answers out, a line each.

It is a program of its own (`python -m`), is imported by nothing, and has neither keys of exchanges nor our database.
Whatever the plugin raises is its answer; whatever it prints is lost.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from importlib import import_module
from typing import Any, BinaryIO

import attrs
import msgspec

from dnbot.operate.plugin_words import (
    WHY_CHARACTERS_MAX,
    Advise,
    Advised,
    Answer,
    Begin,
    Cells,
    Choose,
    Chosen,
    Compute,
    Load,
    Question,
    Raised,
    Ready,
    Refused,
    Tell,
    Told,
    columns_problem,
)
from dnbot.operate.plugins import PROTOCOLS, Cell, Column, EntryRule, PluginContext, RestRule
from dnbot.ports.line_worker import answer_lines

ASKER_LOOK_S = 1.0
_ASKED = {"alerts": "tell", "analytics": "cells", "execution": "choose", "strategies": "advise"}


@attrs.define
class Loaded:
    """One plugin, from before it is loaded."""

    begin: Begin
    plugin: Any = attrs.field(default=None, init=False)

    def answer(self, question: Question) -> Answer:
        """Whatever the plugin does, an answer."""
        try:
            match question:
                case Load():
                    return self._load()
                case Tell(notice):
                    return Told(msgspec.convert(self.plugin.tell(notice), bool))
                case Compute(rows):
                    return Cells(msgspec.convert(self.plugin.cells(rows), tuple[tuple[Cell, ...], ...]))
                case Advise(picture):
                    return Advised(msgspec.convert(self.plugin.advise(picture), tuple[EntryRule, ...]))
                case Choose(what):
                    return Chosen(msgspec.convert(self.plugin.choose(what), tuple[RestRule, ...]))
        except Exception as error:  # noqa: BLE001 (the plugin's own errors are what is told of it)
            why = why_of(error, self.begin.secret)
            return Refused(why) if isinstance(question, Load) else Raised(why)

    def _load(self) -> Answer:
        begin = self.begin
        sys.path += [place for place in begin.path if place not in sys.path]
        module, _, name = begin.reference.partition(":")
        factory: Any = import_module(module)
        for part in name.split("."):
            factory = getattr(factory, part)
        plugin = factory(
            PluginContext(options=begin.options, secret=begin.secret, symbol=begin.symbol, mode=begin.mode)
        )
        protocol, spoken = getattr(plugin, "protocol", None), PROTOCOLS[begin.kind]
        if protocol not in spoken:
            return Refused(f"protocol {protocol!r}; this dnbot speaks {begin.kind} {', '.join(map(str, spoken))}")
        if not callable(getattr(plugin, _ASKED[begin.kind], None)):
            return Refused(f"no method {_ASKED[begin.kind]}, which a plugin of kind {begin.kind} has")
        columns: tuple[Column, ...] = ()
        if begin.kind == "analytics":
            columns = msgspec.convert(plugin.columns, tuple[Column, ...])
            if problem := columns_problem(columns):
                return Refused(problem)
        self.plugin = plugin
        return Ready(protocol, columns)


def end_with(asker: int) -> None:
    """A plugin that never returns does not read that its input has ended: look whether who asks is still there."""

    def look(_number: int, _frame: object) -> None:
        if os.getppid() != asker:
            os._exit(0)

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, ASKER_LOOK_S, ASKER_LOOK_S)


def why_of(error: Exception, secret: str) -> str:
    """Kind, words and the innermost line of an error, without the secret, before any of it is cut off."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno})" if frames else ""
    words = f"{type(error).__name__}: {error}"
    words = words.replace(secret, "***") if secret else words
    return words[: WHY_CHARACTERS_MAX - len(place)] + place


def serve(lines: BinaryIO, answers: BinaryIO) -> None:
    """Until the input ends."""
    loaded = Loaded(msgspec.json.decode(lines.readline(), type=Begin))
    end_with(loaded.begin.asker)
    for line in lines:
        answers.write(_encoded(loaded.answer(msgspec.json.decode(line, type=Question))) + b"\n")
        answers.flush()


def _encoded(answer: Answer) -> bytes:
    try:
        return msgspec.json.encode(answer)
    except ValueError as error:  # half a character, which UTF-8 does not have
        return msgspec.json.encode(Raised(f"{type(error).__name__}: text that cannot be written"))


if __name__ == "__main__":
    answer_lines(serve)
