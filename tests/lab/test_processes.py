"""Work in processes of its own: answers, deaths, hangs, Ctrl-C and ends."""

from __future__ import annotations

import os
import signal
from multiprocessing.connection import Connection

import pytest

from dnbot.lab import processes as subject
from dnbot.lab.processes import NoAnswer, in_processes


def answering(answer: Connection, work: int) -> None:
    """Its number and its process; 13 dies, 14 hangs, 15 is sent what Ctrl-C sends."""
    if work == 13:
        os._exit(7)
    if work == 14:
        os.read(os.pipe()[0], 1)
    if work == 15:
        signal.raise_signal(signal.SIGINT)
    answer.send_bytes(f"{work} {os.getpid()}".encode())


def test_each_piece_has_a_process_of_its_own_and_an_answer() -> None:
    """None is lost, none shares its process with another or with this one."""
    ended = list(in_processes(range(5), answering, at_once=2, hang_s=60.0))
    answers = {work: answer.decode().split() for work, answer in ended if isinstance(answer, bytes)}
    assert {work: int(said) for work, (said, _) in answers.items()} == {work: work for work in range(5)}
    assert len({*(process for _, process in answers.values()), str(os.getpid())}) == 6


def test_a_death_is_told_and_ctrl_c_is_not_for_them() -> None:
    """The other pieces go on."""
    found = dict(in_processes([13, 15, 1], answering, at_once=3, hang_s=60.0))
    assert isinstance(found[13], NoAnswer)
    assert str(found[13]) == "its process ended with 7"
    assert all(isinstance(found[work], bytes) for work in (15, 1))


def test_what_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time, and told."""
    monkeypatch.setattr(subject, "LOOK_S", 0.01)
    ((_, answer),) = in_processes([14], answering, at_once=1, hang_s=0.0)
    assert str(answer) == "it hung and was ended"


def test_closing_ends_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that hang, too; and nothing more is begun."""
    begun: list[int] = []

    def works() -> list[int]:
        return [1, 14, 14, 2]

    def noted() -> bool:
        begun.append(1)
        return True

    ended = in_processes(works(), answering, at_once=3, hang_s=600.0, begins=noted)
    assert next(ended)[0] == 1
    children = {process.pid for process in subject.multiprocessing.active_children()}
    assert children
    ended.close()
    assert not children & {process.pid for process in subject.multiprocessing.active_children()}
    assert len(begun) == 3
    assert list(in_processes([1, 2], answering, at_once=1, hang_s=1.0, begins=lambda: False)) == []
