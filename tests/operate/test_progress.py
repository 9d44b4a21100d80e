"""Progress is seen on a terminal and nowhere else, and sentences stay whole beside it."""

from __future__ import annotations

import io

import pytest

from dnbot.operate.progress import ProgressLine, share_text


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _capable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")


def test_nothing_is_shown_in_a_file() -> None:
    """Neither the line nor what takes it away."""
    stream, said = io.StringIO(), list[str]()
    line = ProgressLine(stream)
    line.tell("1 of 2")
    line.beside(said.append)("a sentence")
    line.tell("")
    assert (stream.getvalue(), said) == ("", ["a sentence"])


def test_nothing_is_shown_on_a_terminal_that_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dumb terminal would keep every line."""
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    ProgressLine(stream).tell("1 of 2")
    assert stream.getvalue() == ""


def test_a_line_is_written_over_and_taken_away() -> None:
    """A shorter one leaves no letters of the longer one; one that is too long is cut."""
    stream = Terminal()
    line = ProgressLine(stream)
    line.tell("10 of 12")
    line.tell("all")
    assert stream.getvalue() == "\r10 of 12\rall     "
    line.tell("")
    assert stream.getvalue().endswith("\r   \r")
    line.tell("x" * 100)
    assert stream.getvalue().endswith("\r" + "x" * 39)


def test_a_sentence_comes_without_the_line() -> None:
    """It is taken away before, and shown again behind."""
    stream = Terminal()
    line = ProgressLine(stream)
    line.tell("1 of 2")
    line.beside(lambda text: stream.write(f"{text}\n") and None)("said")
    assert stream.getvalue() == "\r1 of 2\r      \rsaid\n\r1 of 2"


@pytest.mark.parametrize(("done", "text"), [
    (0, "0 of 3 seeds"), (1, "1 of 3 seeds, about 20 s left"), (3, "3 of 3 seeds"),
])
def test_what_is_left_is_reckoned_from_what_was_done(done: int, text: str) -> None:
    """Ten seconds for each so far."""
    assert share_text(done, 3, "seeds", 10.0 * done) == text
