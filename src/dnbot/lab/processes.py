"""Pieces of work, each in a process of its own: none sees what another left behind, and one that hangs is ended."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Iterable
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Generic, TypeVar

import attrs

LOOK_S = 1.0
"""So often somebody looks for those that hang."""
Work = TypeVar("Work")


class NoAnswer(Exception):
    """A process ended, or was ended, without an answer; the text says how."""


@attrs.define
class _Worker(Generic[Work]):
    work: Work
    process: BaseProcess
    answer: Connection
    ends_s: float


def in_processes(
    works: Iterable[Work],
    do: Callable[[Connection, Work], None],
    *,
    at_once: int,
    hang_s: float,
    begins: Callable[[], bool] = lambda: True,
) -> Generator[tuple[Work, bytes | NoAnswer], None, None]:
    """Each piece with what `do` sent as bytes, as they end. Closing the iterator ends those that run.

    Each has a fresh process, forked from this one before anything has run in it. A Ctrl-C reaches this process alone.
    `hang_s` is how long one may take, real seconds; while `begins` is false no further one is begun.
    """
    context = multiprocessing.get_context("fork")
    waiting, workers = iter(works), list[_Worker[Work]]()
    try:
        while True:
            while len(workers) < at_once and begins():
                work = next(waiting, None)
                if work is None:
                    break
                mine, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_child, args=(do, theirs, work), daemon=True)
                process.start()
                theirs.close()
                workers.append(_Worker(work, process, mine, clock_s() + hang_s))
            if not workers:
                return
            ready = wait([worker.answer for worker in workers], timeout=LOOK_S)
            for worker in list(workers):
                if worker.answer in ready or clock_s() > worker.ends_s:
                    workers.remove(worker)
                    yield worker.work, _answer(worker)
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.join()


def _child(do: Callable[[Connection, Work], None], answer: Connection, work: Work) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all of them; who began us decides
    do(answer, work)
    answer.close()


def _answer(worker: _Worker[Work]) -> bytes | NoAnswer:
    try:
        if not worker.answer.poll():
            raise EOFError("it hung and was ended")
        return worker.answer.recv_bytes()
    except EOFError as error:
        worker.process.kill()
        worker.process.join()
        return NoAnswer(f"{error}" or f"its process ended with {worker.process.exitcode}")
    finally:
        worker.process.join(timeout=5)
        worker.answer.close()


def clock_s() -> float:
    """Real seconds since some moment."""
    return os.times().elapsed
