"""WebSockets that are broken below the venue's own protocol: handshakes, frames, fragments, closes (RFC 6455).

Every case runs on both exchanges. A frame that breaks the protocol is answered with a close of the code that the RFC
gives it, and only its own connection ends.
"""

from __future__ import annotations

import struct
from typing import Any

import attrs
import pytest
import trio

from dnbot.fakes.running import GATE_HOST, MEXC_HOST
from dnbot.fakes.websocket import MESSAGE_BYTES_MAX, SEND_S_MAX

pytestmark = pytest.mark.slow

STREAMS = {GATE_HOST: "/ws/v4/", MEXC_HOST: "/ws"}
TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9
PROTOCOL, PAYLOAD, TOO_BIG = 1002, 1007, 1009


def frame(payload: bytes = b"", opcode: int = TEXT, *, fin: bool = True, rsv: int = 0, size: bytes = b"") -> bytes:
    """A masked frame; `size` replaces its length bytes."""
    length = size or (bytes([0x80 | len(payload)]) if len(payload) < 126 else struct.pack("!BH", 0xFE, len(payload)))
    return bytes([(0x80 if fin else 0) | rsv << 4 | opcode]) + length + b"\0\0\0\0" + payload


@attrs.frozen
class Case:
    """Bytes after a sound handshake, and the code the server closes with."""

    name: str
    data: bytes
    code: int


BROKEN = [
    Case("unmasked", b"\x81\x05hello", PROTOCOL),
    Case("unmasked-ping", b"\x89\x00", PROTOCOL),
    Case("rsv1-as-if-compressed", frame(b"\x00\x00\xff", rsv=4), PROTOCOL),
    Case("rsv2", frame(b"{}", rsv=2), PROTOCOL),
    Case("rsv3", frame(b"{}", rsv=1), PROTOCOL),
    Case("rsv-on-a-ping", frame(b"", PING, rsv=4), PROTOCOL),
    *(Case(f"opcode-{opcode}", frame(b"{}", opcode), PROTOCOL) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    Case("ping-in-pieces", frame(b"a", PING, fin=False), PROTOCOL),
    Case("ping-of-126-bytes", frame(b"a" * 126, PING), PROTOCOL),
    Case("close-in-pieces", frame(b"", CLOSE, fin=False), PROTOCOL),
    Case("continuation-of-nothing", frame(b"a", 0), PROTOCOL),
    Case("text-inside-a-text", frame(b"a", fin=False) + frame(b"b"), PROTOCOL),
    Case("binary-inside-a-text", frame(b"a", fin=False) + frame(b"b", BINARY), PROTOCOL),
    Case("length-in-too-many-bytes", frame(b"a", size=b"\xfe\x00\x01"), PROTOCOL),
    Case("length-in-far-too-many-bytes", frame(b"a", size=b"\xff" + bytes(7) + b"\x01"), PROTOCOL),
    Case("length-with-the-top-bit", frame(b"a", size=b"\xff" + b"\xff" * 8), PROTOCOL),
    Case("close-of-one-byte", frame(b"\x03", CLOSE), PROTOCOL),
    *(
        Case(f"close-code-{code}", frame(struct.pack("!H", code), CLOSE), PROTOCOL)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
    ),
    Case("close-reason-not-utf8", frame(b"\x03\xe8\xff\xfe", CLOSE), PAYLOAD),
    Case("text-not-utf8", frame(b"\xff\xfe\xfd"), PAYLOAD),
    Case("text-utf8-overlong", frame(b"\xc0\x80"), PAYLOAD),
    Case("text-utf8-surrogate", frame(b"\xed\xa0\x80"), PAYLOAD),
    Case("text-utf8-cut", frame(b"\xe2\x82"), PAYLOAD),
    Case("text-utf8-bad-in-the-second-piece", frame(b"\xe2", fin=False) + frame(b"\x28", 0), PAYLOAD),
    Case("http-after-the-handshake", b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", PROTOCOL),
    Case("tls-after-the-handshake", b"\x16\x03\x01\x02\x00\x01\x00\x01", PROTOCOL),
]


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.name)
async def test_broken_frames_are_told_their_code(case: Case, autojump_clock: Any, arena: Any) -> None:
    """A close frame with the code of RFC 6455 section 7.4, then the end."""
    for host, path in STREAMS.items():
        socket = await arena.socket(host, path)
        await socket.wire.send(case.data)
        assert await socket.close_code() == case.code
        assert await socket.wire.ended(10)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("piece", [MESSAGE_BYTES_MAX + 1, 66_000])
async def test_a_message_too_big_is_1009(piece: int, opcode: int, autojump_clock: Any, arena: Any) -> None:
    """Whether it comes in one frame or in many, and long before it is whole."""
    for host, path in STREAMS.items():
        socket = await arena.socket(host, path)
        for number in range(MESSAGE_BYTES_MAX // piece + 1):
            head = struct.pack("!BBQ", 0 if number else opcode, 0xFF, piece) + bytes(4)
            await socket.wire.send(head + b"x" * piece)
        assert await socket.close_code() == TOO_BIG


async def test_a_claimed_exabyte_reserves_nothing(autojump_clock: Any, arena: Any) -> None:
    """A length alone costs the server nothing: 1009 comes with the byte that is too many."""
    for host, path in STREAMS.items():
        socket = await arena.socket(host, path)
        await socket.wire.send(b"\x81\xff" + struct.pack("!Q", 2**62) + bytes(4))
        assert await socket.receive() is None
        for _ in range(17):
            await socket.wire.send(b"x" * 65_536)
        assert await socket.close_code() == TOO_BIG


async def test_endless_empty_fragments_are_kept_nowhere(autojump_clock: Any, arena: Any) -> None:
    """A message that never ends and never grows is not a message: the venue's idle rule ends it, not memory."""
    for host, path in STREAMS.items():
        socket = await arena.socket(host, path)
        await socket.wire.send(frame(b"", fin=False))
        for _ in range(200):
            assert await socket.wire.send(frame(b"", 0, fin=False) * 500)
        assert await socket.receive() is None
        assert await socket.wire.ended(50)


async def test_a_frame_that_is_never_finished_ends_with_the_idle_rule(autojump_clock: Any, arena: Any) -> None:
    """Half a frame, then nothing, or the end: no answer, and the place is free again."""
    for host, path in STREAMS.items():
        for eof in (False, True):
            socket = await arena.socket(host, path)
            await socket.wire.send(b"\x81\xfe\x10\x00\0\0\0\0half")
            if eof:
                await socket.wire.stream.send_eof()
            assert await socket.wire.ended(2 if eof else 50)


async def test_a_dripping_frame_is_read_when_it_is_whole(autojump_clock: Any, arena: Any) -> None:
    """Where the network cuts a frame, and a message, does not matter."""
    ping = {GATE_HOST: b'{"time":1,"channel":"spot.ping"}', MEXC_HOST: b'{"method":"PING"}'}
    for host, path in STREAMS.items():
        socket = await arena.socket(host, path)
        text = ping[host]
        whole = frame(text[:5], fin=False) + frame(b"odd", PING) + frame(text[5:9], 0, fin=False) + frame(text[9:], 0)
        for byte in whole:
            await socket.wire.send(bytes([byte]))
            await trio.sleep(0.01)
        assert (await socket.receive()) == (10, b"odd")
        answer = await socket.json()
        assert answer.get("channel") == "spot.pong" or answer.get("msg") == "PONG"


async def test_pings_that_come_together_get_the_newest_pong(autojump_clock: Any, arena: Any) -> None:
    """A flood of pings costs one pong a read, as RFC 6455 section 5.5.3 allows, and nobody else anything."""
    for host, path in STREAMS.items():
        socket = await arena.socket(host, path)
        for round_ in range(20):
            await socket.wire.send(b"".join(frame(b"%d" % n, PING) for n in range(round_ * 1000, round_ * 1000 + 1000)))
        pongs = []
        while (found := await socket.receive()) is not None:
            pongs.append(found)
        assert {opcode for opcode, _ in pongs} == {10}
        assert len(pongs) < 200
        assert pongs[-1] == (10, b"19999")


async def test_the_clients_goodbye_is_answered(autojump_clock: Any, arena: Any) -> None:
    """Its code comes back, with or without one, and what follows a close is not read."""
    for host, path in STREAMS.items():
        for payload, code in ((b"", 1005), (b"\x03\xe8bye", 1000), (b"\x0f\xa0", 4000)):
            socket = await arena.socket(host, path)
            await socket.wire.send(frame(payload, CLOSE) + frame(b"\xff\xff"))
            assert await socket.close_code() == code
            assert await socket.wire.ended(5)


BAD_HANDSHAKES: list[tuple[str, dict[str, str], int]] = [
    ("no-key", {"Sec-WebSocket-Key": ""}, 400),
    ("key-short", {"Sec-WebSocket-Key": "YWJj"}, 400),
    ("key-no-base64", {"Sec-WebSocket-Key": "!" * 24}, 400),
    ("key-high-bytes", {"Sec-WebSocket-Key": "é" * 24}, 400),
    ("key-of-30-kilobytes", {"Sec-WebSocket-Key": "A" * 30_000}, 400),
    ("no-version", {"Sec-WebSocket-Version": ""}, 426),
    ("version-8", {"Sec-WebSocket-Version": "8"}, 426),
    ("version-words", {"Sec-WebSocket-Version": "latest"}, 426),
    ("no-connection", {"Connection": ""}, 400),
    ("connection-close", {"Connection": "close"}, 400),
]


@pytest.mark.parametrize(("name", "headers", "status"), BAD_HANDSHAKES, ids=[case[0] for case in BAD_HANDSHAKES])
async def test_bad_handshakes(name: str, headers: dict[str, str], status: int, autojump_clock: Any, arena: Any) -> None:
    """Refused as HTTP at once; 426 says which version is spoken (RFC 6455 section 4.4)."""
    for host, path in STREAMS.items():
        answer, wire = await arena.upgrade(host, path, headers)
        assert answer is not None
        assert answer.status == status
        assert answer.headers.get("sec-websocket-version") == ("13" if status == 426 else None)
        assert await wire.ended(2)


@pytest.mark.parametrize(("method", "status"), [("POST", 405), ("PUT", 405), ("GET", 400)])
async def test_an_upgrade_with_a_body_is_refused(method: str, status: int, autojump_clock: Any, arena: Any) -> None:
    """What was sent as a body is never read as a frame."""
    for host, path in STREAMS.items():
        head = f"{method} {path} HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        answer = await arena.ask(host, head.encode() + b"Content-Length: 2\r\n\r\n{}")
        assert answer.status == status


async def test_extensions_are_not_accepted(autojump_clock: Any, arena: Any) -> None:
    """permessage-deflate may be asked for and is not given (gateio.md section 6.2), nor is any subprotocol."""
    wishes = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits", "Sec-WebSocket-Protocol": "v1"}
    for host, path in STREAMS.items():
        answer, _ = await arena.upgrade(host, path, wishes)
        assert answer.status == 101
        assert not {"sec-websocket-extensions", "sec-websocket-protocol"} & set(answer.headers)


@pytest.mark.parametrize("path", ["/", "/ws/v5/", "/v4/ws/usdc", "/ws/../ws", "/%00", "//"])
async def test_streams_that_are_nowhere(path: str, autojump_clock: Any, arena: Any) -> None:
    """An upgrade at another path is 404."""
    for host in STREAMS:
        answer, wire = await arena.upgrade(host, path)
        assert answer.status == 404
        assert await wire.ended(2)


async def test_a_client_that_takes_no_pongs_is_dropped(autojump_clock: Any) -> None:
    """When even a pong finds no room for `SEND_S_MAX`, the conversation is over."""
    from trio.testing import lockstep_stream_pair
    from trio_websocket import ConnectionClosed

    from dnbot.fakes.websocket import ServerSocket

    ours, theirs = lockstep_stream_pair()
    socket = ServerSocket(theirs)
    started_s = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ours.send_all, frame(b"x", PING))
        with pytest.raises(ConnectionClosed) as closed:
            await socket.get_message()
        nursery.cancel_scope.cancel()
    assert closed.value.reason.code == 1006
    assert trio.current_time() - started_s == pytest.approx(SEND_S_MAX)
