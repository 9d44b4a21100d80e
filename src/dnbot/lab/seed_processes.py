"""A process for each seed, several at a time: forked before anything has run in it, and ended when it hangs."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import attrs

Work = Callable[[Connection], None]
"""What the process of a seed does: it sends bytes, and ends."""


@attrs.frozen
class Answer:
    """What the process of a seed told; empty when it told nothing, and why."""

    seed: int
    told: bytes
    why: str = ""


@attrs.define
class _Process:
    seed: int
    process: BaseProcess
    answer: Connection
    ends_s: float


def played(
    seeds: Iterable[tuple[int, Work]], *, at_once: int, hang_s: float, within_s: float | None = None
) -> Iterator[Answer]:
    """Answers as they come. Seeds are taken one by one, none after `within_s` real seconds; a process that has not
    answered after `hang_s` is killed.
    """
    context = multiprocessing.get_context("fork")
    waiting, running, began_s = iter(seeds), list[_Process](), clock_s()
    more = True
    try:
        while more or running:
            if within_s is not None and clock_s() - began_s > within_s:
                more = False
            while more and len(running) < at_once:
                if (found := next(waiting, None)) is None:
                    more = False
                    break
                seed, work = found
                mine, theirs = context.Pipe(duplex=False)
                process = context.Process(target=work, args=(theirs,), daemon=True)
                process.start()
                theirs.close()
                running.append(_Process(seed, process, mine, clock_s() + hang_s))
            ready = wait([one.answer for one in running], timeout=1.0) if running else []
            for one in list(running):
                if one.answer in ready or clock_s() > one.ends_s:
                    running.remove(one)
                    yield _ended(one)
    finally:
        for one in running:
            one.process.kill()
            one.process.join()


def _ended(one: _Process) -> Answer:
    try:
        if not one.answer.poll():
            raise EOFError("it hung and was ended")
        return Answer(one.seed, one.answer.recv_bytes())
    except EOFError as error:
        one.process.kill()
        one.process.join()
        return Answer(one.seed, b"", f"{error}" or f"its process ended with {one.process.exitcode}")
    finally:
        one.process.join(timeout=5)
        one.answer.close()


def clock_s() -> float:
    """Real seconds since an arbitrary moment."""
    return os.times().elapsed
