"""Functions that need a process of their own: a peer with global state, a server on another core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parents[1] / "bench.py"
CHILD_S_MAX = 600.0
END_S_MAX = 20.0  # a database server among them ends in order
FLAG = "--child"


def call(function: str, *arguments: object) -> Any:
    """What `module:name` of the suite returns when called in a new process, as JSON.

    Raises:
        RuntimeError: it failed; the text is its last line.
    """
    done = subprocess.run(  # noqa: S603 (this file's own interpreter and script)
        command(function, *arguments), capture_output=True, timeout=CHILD_S_MAX, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{function}: {(done.stderr.decode().strip().splitlines() or ['no word'])[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def lines(function: str, *arguments: object) -> Iterator[Any]:
    """What such a function prints, line by line as it comes, each as JSON; what it returns is nothing.

    Raises:
        RuntimeError: it failed.
    """
    with subprocess.Popen(command(function, *arguments), stdout=subprocess.PIPE) as child:  # noqa: S603 (the same)
        assert child.stdout is not None
        try:
            for line in child.stdout:
                if (told := json.loads(line)) is not None:
                    yield told
            child.wait(END_S_MAX)
        finally:
            child.kill()
    if child.returncode:
        raise RuntimeError(f"{function} ended with {child.returncode}")


@contextmanager
def serving(function: str, *arguments: object, core: int | None = None) -> Iterator[Any]:
    """A server that prints one line of JSON when it listens, which is given here, and ends when its stdin does.

    It is pinned to `core`, where the machine has more than that.
    """
    with subprocess.Popen(  # noqa: S603 (the same)
        command(function, *arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            if core is not None and core in os.sched_getaffinity(0):
                os.sched_setaffinity(child.pid, {core})
            line = child.stdout.readline()
            if not line:
                raise RuntimeError(f"{function} did not start")
            yield json.loads(line)
        finally:
            child.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                child.wait(END_S_MAX)
            child.kill()


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """This process on one core alone, where the machine has more than that."""
    before = os.sched_getaffinity(0)
    if core in before and len(before) > 1:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def become(arguments: list[str]) -> None:
    """The other side of `call` and `serving`."""
    module, _, name = arguments[0].partition(":")
    answer = getattr(import_module(f"suite.{module}"), name)(*(json.loads(text) for text in arguments[1:]))
    print(json.dumps(answer))


def command(function: str, *arguments: object) -> list[str]:
    """How this function of the suite is started in a process of its own."""
    return [sys.executable, str(BENCH), FLAG, function, *(json.dumps(argument) for argument in arguments)]
