"""Who is heard on the control channel, for how long, and what garbage leads to: nothing."""

from __future__ import annotations

import json
from contextlib import suppress

import hypothesis
import pytest
import trio
from hypothesis import strategies as st
from trio.testing import MockClock, memory_stream_pair

from dnbot.operate import control
from dnbot.operate.control import ControlServer
from dnbot.operate.control_client import NoBot, talk
from dnbot.operate.control_words import (
    REQUEST_BYTES_MAX,
    WHY_CHARACTERS_MAX,
    AskStatus,
    Done,
    LineReader,
    LineTooLong,
    Pause,
    Reduce,
    Refused,
    Reply,
    Request,
    read_reply,
    read_request,
    to_line,
)
from dnbot.ports.clock import VirtualClock
from dnbot.ports.log import EventLog

Streams = tuple[trio.StapledStream, trio.StapledStream]


class Answers:
    """Stands in for the bot: keeps what it was asked."""

    def __init__(self, text: str = "done") -> None:
        self.asked: list[tuple[Request, str]] = []
        self.text = text
        self.hold: trio.Event | None = None

    async def __call__(self, request: Request, who: str) -> Reply:
        self.asked.append((request, who))
        if self.hold is not None:
            await self.hold.wait()
        return Done(text=self.text, state="S", mode="M")


def server_of(answers: Answers) -> ControlServer:
    """A server in front of them."""
    return ControlServer(answers, EventLog(VirtualClock(0), []))


async def served(garbage: bytes) -> tuple[list[bytes], Answers]:
    """What a fresh connection is told after these bytes and the end of sending, and what the bot was asked."""
    answers = Answers()
    server = server_of(answers)
    ours, theirs = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.converse, theirs, "tester")
        await ours.send_all(garbage)
        await ours.send_eof()
        told = b""
        while chunk := await ours.receive_some():
            told += chunk
    return told.splitlines(), answers


async def test_requests_are_answered_line_by_line_on_one_connection(autojump_clock: MockClock) -> None:
    """Several requests on one connection get their answers in order, with the asker's name handed on."""
    lines, answers = await served(to_line(Pause("a")) + to_line(Reduce()))
    assert [type(read_reply(line)) for line in lines] == [Done, Done]
    assert answers.asked == [(Pause("a"), "tester"), (Reduce(), "tester")]


@pytest.mark.parametrize(
    "garbage",
    [
        b"\n", b"hello\n", b"{}\n", b'{"type":"sell_everything"}\n', b'{"type":"pause"}\n',
        b'{"type":"pause","why":""}\n', b'{"type":"pause","why":" "}\n',
        b'{"type":"pause","why":7}\n', b'{"type":"pause","why":"a\\u001b[2J"}\n',
        b'{"type":"pause","why":"a","force":true}\n', b'{"type":"resume","why":"a","force":"yes"}\n',
        b'{"type":"stop","flatten":1}\n', b"\xff\xfe\n", b'{"type":"status","x":' + b"[" * 3000 + b"\n",
        b'{"x":' + b"[" * 1500 + b"]" * 1500 + b',"type":"status"}\n', b'[{"type":"stop"}]\n', b"null\n",
        b'{"type":"pause","why":"' + b"x" * (WHY_CHARACTERS_MAX + 1) + b'"}\n',
    ],
)
async def test_garbage_is_answered_with_an_error_and_does_nothing(autojump_clock: MockClock, garbage: bytes) -> None:
    """Each malformed line gets one refusal; the bot is not asked, and the next good line is served."""
    lines, answers = await served(garbage + to_line(Reduce()))
    refused, done = (read_reply(line) for line in lines)
    assert isinstance(refused, Refused)
    assert isinstance(done, Done)
    assert [request for request, _ in answers.asked] == [Reduce()]


@hypothesis.given(st.binary(max_size=300).filter(lambda line: b"\n" not in line))
def test_no_line_does_more_than_be_refused(line: bytes) -> None:
    """Whatever bytes a line holds, reading it gives a request or a ValueError, never another error."""
    try:
        request = read_request(line)
    except ValueError:
        return
    assert isinstance(request, Request)


@hypothesis.given(st.text(max_size=400))
def test_a_reason_is_printable_and_short(why: str) -> None:
    """A reason arrives as it was written, or the request is refused: nothing is cut or changed."""
    good = bool(why.strip()) and len(why) <= WHY_CHARACTERS_MAX and why.isprintable()
    line = json.dumps({"type": "pause", "why": why}).encode()
    if good:
        assert read_request(line) == Pause(why)
    else:
        with pytest.raises(ValueError, match=r"why: found|not a request"):
            read_request(line)


@hypothesis.given(st.lists(st.binary(max_size=20).filter(lambda b: b"\n" not in b), max_size=6), st.integers(1, 7))
def test_lines_come_out_as_they_went_in_however_they_are_cut(lines: list[bytes], cut: int) -> None:
    """Chunk borders mean nothing; a torn last line is no line."""

    async def read() -> list[bytes]:
        ours, theirs = memory_stream_pair()
        data = b"".join(line + b"\n" for line in lines) + b"torn"
        async with trio.open_nursery() as nursery:

            async def feed() -> None:
                for at in range(0, len(data), cut):
                    await ours.send_all(data[at : at + cut])
                await ours.send_eof()

            nursery.start_soon(feed)
            reader, found = LineReader(theirs, 100), []
            while (line := await reader.next()) is not None:
                found.append(line)
        return found

    assert trio.run(read) == lines


async def test_a_line_without_end_is_cut_off(autojump_clock: MockClock) -> None:
    """At the limit the client is told and the connection closed; nothing is asked of the bot."""
    lines, answers = await served(b"x" * (REQUEST_BYTES_MAX + 2))
    assert [type(read_reply(line)) for line in lines] == [Refused]
    assert answers.asked == []
    ours, theirs = memory_stream_pair()
    await ours.send_all(b"y" * 11 + b"\n")
    with pytest.raises(LineTooLong):
        await LineReader(theirs, 10).next()


async def test_a_client_that_sends_too_slowly_is_cut(autojump_clock: MockClock) -> None:
    """A line that is not whole within its time ends the connection, however steadily its bytes drip."""
    answers = Answers()
    server = server_of(answers)
    ours, theirs = memory_stream_pair()
    began_s = trio.current_time()
    async with trio.open_nursery() as nursery:

        async def drip() -> None:
            with suppress(trio.BrokenResourceError):
                while True:
                    await ours.send_all(b" ")
                    await trio.sleep(1)

        nursery.start_soon(drip)
        await server.converse(theirs, "tester")
        assert trio.current_time() - began_s == pytest.approx(control.IDLE_S_MAX)
    assert answers.asked == []
    assert server.clients == 0


async def test_a_client_that_does_not_read_is_cut(autojump_clock: MockClock) -> None:
    """An answer that nobody takes is given up after its time; the place is free again."""
    server = server_of(Answers())
    ours, theirs = trio.testing.lockstep_stream_pair()
    await_end = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.converse, theirs, "tester")
        await ours.send_all(to_line(AskStatus()))
        await trio.sleep(control.WRITE_S_MAX + 0.1)
        assert server.clients == 0
    assert trio.current_time() - await_end < control.WRITE_S_MAX + 1


async def test_two_clients_are_served_side_by_side(autojump_clock: MockClock) -> None:
    """One that waits for a slow effect does not hold up another; both get their own answers."""
    answers = Answers()
    server = server_of(answers)
    answers.hold = trio.Event()
    replies = []
    async with trio.open_nursery() as nursery:
        first, first_end = memory_stream_pair()
        second, second_end = memory_stream_pair()
        nursery.start_soon(server.converse, first_end, "one")
        nursery.start_soon(server.converse, second_end, "two")

        async def wait() -> None:
            replies.append(await talk(first, Pause("slow")))

        nursery.start_soon(wait)
        await trio.sleep(1)
        slow, answers.hold = answers.hold, None
        assert isinstance(await talk(second, Reduce()), Done)
        assert replies == []
        slow.set()
        await trio.sleep(1)
        assert [type(reply) for reply in replies] == [Done]
        await first.aclose()
        await second.aclose()
    assert [who for _, who in answers.asked] == ["one", "two"]


async def test_too_many_clients_are_turned_away_and_room_comes_back(autojump_clock: MockClock) -> None:
    """Above the limit a client is told so and closed at once; when another leaves there is room."""
    server = server_of(Answers())
    async with trio.open_nursery() as nursery:
        streams: list[trio.StapledStream] = []
        for _ in range(control.CLIENTS_MAX):
            ours, theirs = memory_stream_pair()
            nursery.start_soon(server.converse, theirs, "tester")
            streams.append(ours)
        await trio.testing.wait_all_tasks_blocked()
        assert server.clients == control.CLIENTS_MAX
        ours, theirs = memory_stream_pair()
        nursery.start_soon(server.converse, theirs, "tester")
        line = await LineReader(ours, 1000).next()
        assert line is not None
        assert "try again" in read_reply(line).text
        await streams[0].aclose()
        await trio.testing.wait_all_tasks_blocked()
        ours, theirs = memory_stream_pair()
        nursery.start_soon(server.converse, theirs, "tester")
        assert isinstance(await talk(ours, Reduce()), Done)
        nursery.cancel_scope.cancel()


async def test_a_run_that_ends_waits_for_those_who_asked_but_not_for_ever(autojump_clock: MockClock) -> None:
    """`finish` returns when the last client has its answer, or at its deadline."""
    answers = Answers()
    server = server_of(answers)
    answers.hold = trio.Event()
    ours, theirs = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.converse, theirs, "tester")
        await ours.send_all(to_line(Reduce()))
        await trio.sleep(0.1)
        began_s = trio.current_time()
        await server.finish(2.0)
        assert trio.current_time() - began_s == pytest.approx(2.0)
        answers.hold.set()
        await ours.send_eof()
        await server.finish(2.0)
        assert trio.current_time() - began_s == pytest.approx(2.0)
        assert server.clients == 0


@pytest.mark.parametrize("answer", [b"", b"nonsense\n", b'{"type":"done"}\n', b"torn"])
async def test_a_client_that_is_answered_badly_says_so(autojump_clock: MockClock, answer: bytes) -> None:
    """An end, a torn line or another program's answer is no answer."""
    ours, theirs = memory_stream_pair()
    await theirs.send_all(answer)
    await theirs.send_eof()
    with pytest.raises(NoBot):
        await talk(ours, Reduce())
