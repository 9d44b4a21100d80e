"""Canary secrets: while a test runs, everything that leaves the bot is searched for the keys that it was given.

The fakes' default account has the only keys of the suite that sign anything. They are looked for in every log line that
reaches a sink, in everything that a store is told, in every command line that is started, in what a test printed, in
the report of its failure and in the files that it left. Only the fakes' own line and files name them on purpose.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest

from dnbot.ports.log_sinks import FileSink, MemorySink, TerminalSink
from dnbot.ports.memory_store import MemoryStore
from dnbot.ports.postgres import PostgresStore

CANARIES = ("fake-key", "fake-secret")
SUFFIXES = frozenset({".jsonl", ".log", ".json", ".html", ".csv", ".svg", ".txt", ".out", ".err", ".toml", ".1"})
FILE_BYTES_MAX = 32 * 1024 * 1024
_STORES = (MemoryStore, PostgresStore)
_STORED = ("begin_run", "commit_intents", "append")


def found_in(text: str | bytes) -> list[str]:
    """The canaries that a text holds."""
    raw = text.encode(errors="replace") if isinstance(text, str) else text
    return [canary for canary in CANARIES if canary.encode() in raw]


@attrs.define
class CanaryWatch:
    """What leaked during one test: where, and which canary."""

    leaks: list[str] = attrs.field(factory=list)

    def look(self, where: str, text: str | bytes) -> None:
        """Note every canary in a text."""
        self.leaks += [f"{canary} in {where}" for canary in found_in(text)]

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Look over the shoulder of every sink, store and child process."""
        for sink in (FileSink, MemorySink, TerminalSink):
            self._watch_sink(patch, sink)
        for store in _STORES:
            for method in _STORED:
                self._watch_store(patch, store, method)
        self._watch_processes(patch)

    def _watch_sink(self, patch: pytest.MonkeyPatch, sink: Any) -> None:
        write = sink.write

        def watched(this: Any, lines: Any, encoded: bytes) -> None:
            self.look(f"a log line ({sink.__name__})", encoded)
            write(this, lines, encoded)

        patch.setattr(sink, "write", watched)

    def _watch_store(self, patch: pytest.MonkeyPatch, store: Any, method: str) -> None:
        call = getattr(store, method)

        async def watched(this: Any, *arguments: Any, **named: Any) -> Any:
            self.look(f"{store.__name__}.{method}", msgspec.json.encode([arguments, named], enc_hook=str))
            return await call(this, *arguments, **named)

        patch.setattr(store, method, watched)

    def _watch_processes(self, patch: pytest.MonkeyPatch) -> None:
        begin = subprocess.Popen.__init__

        def watched(this: Any, command: Any, *arguments: Any, **named: Any) -> None:
            words = command if isinstance(command, str | bytes) else " ".join(str(word) for word in command)
            self.look("a command line", words)
            begin(this, command, *arguments, **named)

        patch.setattr(subprocess.Popen, "__init__", watched)

    def look_through(self, folder: Path) -> None:
        """Search what a test left in its folder; what the fakes keep of their own accounts is theirs."""
        for path in sorted(folder.rglob("*")):
            mine = path.suffix in SUFFIXES and "fakes" not in {path.stem, *path.relative_to(folder).parts}
            if mine and path.is_file() and path.stat().st_size <= FILE_BYTES_MAX:
                self.look(f"the file {path.relative_to(folder)}", path.read_bytes())
