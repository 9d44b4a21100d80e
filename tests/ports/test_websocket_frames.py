"""Messages cut out in front of the protocol library: the same as the library's own, however the bytes are split."""

from __future__ import annotations

from itertools import chain, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage
from wsproto.utilities import RemoteProtocolError

from dnbot.ports.websocket_frames import FrameReader

HEAD = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
LIMIT = 70_000
TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


def frame(
    opcode: int, payload: bytes, *, fin: bool = True, first: int = 0, masked: bool = False, wide: int = 0
) -> bytes:
    """One frame as a server sends it; `wide` forces a longer form of the length."""
    size = len(payload)
    head = bytes([(0x80 if fin else 0) | opcode | first])
    mask = 0x80 if masked else 0
    if wide == 8 or size > 0xFFFF:
        head += bytes([mask | 127]) + size.to_bytes(8, "big")
    elif wide == 2 or size > 125:
        head += bytes([mask | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([mask | size])
    return head + (b"\0\0\0\0" if masked else b"") + payload


_CONTROL = st.tuples(st.sampled_from([PING, PONG]), st.binary(max_size=125)).map(lambda c: [frame(*c)])
_SIZES = st.sampled_from([1, 125, 126, 127, 300, 65_536])


@st.composite
def _message(draw: st.DrawFn) -> list[bytes]:
    """A message in one to four frames, with control frames between them."""
    text = draw(st.booleans())
    body = draw(st.text(max_size=12)).encode() if text else draw(st.binary(max_size=12))
    body += b"x" * draw(_SIZES) if draw(st.booleans()) else b""
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=3)))
    parts = [body[a:b] for a, b in pairwise([0, *cuts, len(body)])]
    frames = []
    for at, part in enumerate(parts):
        opcode = (TEXT if text else BINARY) if at == 0 else CONTINUATION
        frames.append(frame(opcode, part, fin=at == len(parts) - 1))
        if at < len(parts) - 1 and draw(st.booleans()):
            frames += draw(_CONTROL)
    return frames


_STREAM = st.lists(st.one_of(_message(), _CONTROL), max_size=8).map(lambda found: list(chain.from_iterable(found)))


def by_the_library(data: bytes) -> tuple[list[str | bytes], list[Event], bool]:
    """Messages, other events, and whether it refused something."""
    connection = Connection(ConnectionType.CLIENT)
    messages: list[str | bytes] = []
    others: list[Event] = []
    parts: list[str | bytes] = []
    try:
        connection.receive_data(data)
        for event in connection.events():
            if isinstance(event, TextMessage | BytesMessage):
                parts.append(event.data if isinstance(event, TextMessage) else bytes(event.data))
                if event.message_finished:
                    messages.append(type(parts[0])().join(parts))  # type: ignore[arg-type]
                    parts = []
            else:
                others.append(event)
    except RemoteProtocolError:
        return messages, others, True
    return messages, others, any(isinstance(event, CloseConnection) for event in others)


def by_us(chunks: list[bytes]) -> tuple[list[str | bytes], bytes]:
    """Messages, and what the library is shown after the handshake."""
    reader = FrameReader(LIMIT)
    shown = b"".join(reader.feed(chunk) for chunk in chunks)
    assert shown.startswith(HEAD)
    return list(reader.messages), shown[len(HEAD) :]


def split(data: bytes, cuts: list[float]) -> list[bytes]:
    """In pieces that end at these shares of it; every byte apart without any."""
    if not cuts and len(data) < 2_000:
        return [bytes([byte]) for byte in data]
    ends = sorted({round(cut * len(data)) for cut in cuts} | {len(data)})
    return [data[a:b] for a, b in pairwise([0, *ends])]


CUTS = st.lists(st.floats(0, 1), max_size=6)


@given(frames=_STREAM, cuts=CUTS)
def test_messages_are_the_library_s_and_control_frames_stay_its_own(frames: list[bytes], cuts: list[float]) -> None:
    """In order, of the same type; what is shown is every control frame, and nothing else."""
    expected, others, refused = by_the_library(b"".join(frames))
    assert not refused
    messages, shown = by_us(split(HEAD + b"".join(frames), cuts))
    assert messages == expected
    assert [type(m) for m in messages] == [type(m) for m in expected]
    assert by_the_library(shown) == ([], others, False)
    assert {type(event) for event in others} <= {Ping, Pong}


BROKEN = {
    "masked": frame(TEXT, b"x", masked=True),
    "a reserved bit": frame(TEXT, b"x", first=0x40),
    "a reserved opcode": frame(3, b"x"),
    "a reserved control opcode": frame(11, b"x"),
    "a continuation of nothing": frame(CONTINUATION, b"x"),
    "a message inside a message": frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"),
    "text that is not UTF-8": frame(TEXT, b"\xff\xfe"),
    "fragments that are not UTF-8": frame(TEXT, b"\xff", fin=False) + frame(CONTINUATION, b"\xfe"),
    "two bytes for a length of one": frame(TEXT, b"x", wide=2),
    "eight bytes for a length of one": frame(TEXT, b"x", wide=8),
    "a fragment of a control frame": frame(PING, b"x", fin=False),
    "a control frame that is too long": frame(PING, b"x" * 126),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
@settings(max_examples=30)
@given(frames=_STREAM, cuts=CUTS)
def test_what_no_server_may_send_is_the_library_s(broken: bytes, frames: list[bytes], cuts: list[float]) -> None:
    """Whatever came before is given; the library sees the rest, and closes the connection for it."""
    good = b"".join(frames)
    expected, _, _ = by_the_library(good)
    messages, shown = by_us(split(HEAD + good + broken + frame(TEXT, b"later"), cuts))
    assert messages[: len(expected)] == expected
    assert by_the_library(shown)[2]


@settings(max_examples=10)
@given(cuts=CUTS, fragments=st.booleans())
def test_a_message_beyond_the_limit_is_shown_whole(cuts: list[float], fragments: bool) -> None:
    """The library measures it by its own rule; nothing of it is kept here."""
    big = b"x" * (LIMIT + 1)
    sent = frame(BINARY, big[:9], fin=False) + frame(CONTINUATION, big[9:]) if fragments else frame(BINARY, big)
    messages, shown = by_us(split(HEAD + sent, cuts))
    assert messages == []
    assert by_the_library(shown) == ([big], [], False)


def test_frames_after_the_end_of_the_handshake_in_one_chunk() -> None:
    """They are messages, and a close is the library's."""
    messages, shown = by_us([HEAD + frame(TEXT, b"one") + frame(CLOSE, b"\x03\xe8")])
    assert messages == ["one"]
    assert [type(event) for event in by_the_library(shown)[1]] == [CloseConnection]


@pytest.mark.parametrize("answer", [b"HTTP/1.1 403 Forbidden\r\n\r\n", b"HTTP/1.0 101 x\r\n\r\n", b"\0\1\2\3" * 9])
def test_an_answer_that_opens_nothing_is_passed_on(answer: bytes) -> None:
    """Byte by byte as it came, and whatever follows."""
    reader = FrameReader(LIMIT)
    sent = answer + frame(TEXT, b"x")
    assert b"".join(reader.feed(bytes([byte])) for byte in sent) == sent
    assert not reader.messages
