"""What a frame is about, read from its bytes: which channel, whether a push or an answer, whose order.

Every fault of a socket works on bytes, below the fronts, so that it is the same for whatever makes the frames.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .faults_framing import TEXT, WireFrame
from .faults_kinds import Happening
from .records import MEXC_SPOT, Venue

_CHANNEL = re.compile(rb'"channel"\s*:\s*"([\w.]+)"')
_EVENT = re.compile(rb'"event"\s*:\s*"(\w*)"')
_CLIENT_ID = re.compile(rb'"text"\s*:\s*"(?:t-)?([^"]{1,40})"')
_PARAMS = re.compile(rb'"params"\s*:\s*\[([^\]]*)\]')
_ASKED = re.compile(rb'"payload"\s*:\s*\[([^\]]*)\]')
_NAMED = re.compile(rb'"(?:s|n|contract|currency_pair)"\s*:\s*"([^"]*)"')
_MARKET = re.compile(rb"[A-Z0-9]+_[A-Z0-9]+")
_PUBLIC = re.compile(
    r"(spot|futures)\.(tickers|trades\w*|candlesticks|book_ticker|order_book\w*|obu|contract_\w+|public_\w+)"
)
_SERVICE = re.compile(r"(spot|futures)\.(ping|pong|login)")


def sent_frame(venue: Venue, frame: WireFrame) -> Happening:
    """What the venue sends: PUSH, REPLY (of an order call), ACK or PONG, and the channel."""
    method, channel = _mexc_sent(frame) if venue == MEXC_SPOT else _gate_sent(frame.payload)
    client_id = _CLIENT_ID.search(frame.payload)
    return Happening(venue, domain_of(channel), method, channel, _text(client_id), frame.payload)


def heard_frames(venue: Venue, frame: WireFrame) -> Iterator[Happening]:
    """What a client asks for in one frame: an order call (WS), or each subscription of it."""
    payload = frame.payload
    if venue == MEXC_SPOT:
        event = b"UNSUBSCRIBE" if b"UNSUBSCRIPTION" in payload else b"SUBSCRIBE"
        params = _PARAMS.search(payload)
        channels = [] if params is None else re.findall(rb'"([^"]+)"', params[1])
    else:
        named, said = _CHANNEL.search(payload), _EVENT.search(payload)
        channels, event = [named[1]] if named else [], said[1].upper() if said else b""
        event = b"WS" if event == b"API" else event
    client_id = _CLIENT_ID.search(payload)
    for channel in channels:
        name = channel.decode("ascii", "replace")
        yield Happening(venue, domain_of(name), event.decode(), name, _text(client_id), payload)


def markets_of(happening: Happening) -> tuple[str, ...]:
    """The markets that a subscription or a push of Gate names, each once; none when it means all of a channel.

    MEXC's channels name theirs themselves: none.
    """
    if happening.venue == MEXC_SPOT:
        return ()
    asked = _ASKED.search(happening.raw)
    texts = [asked[1]] if asked is not None else _NAMED.findall(happening.raw)
    return tuple(dict.fromkeys(found.decode() for text in texts for found in _MARKET.findall(text)))


def _text(found: re.Match[bytes] | None) -> str:
    """What a client wrote there; it need not be UTF-8."""
    return "" if found is None else found[1].decode("utf-8", "replace")


def domain_of(channel: str) -> str:
    """`private` for what needs an account, `public` for all else."""
    if channel.startswith("spot@"):
        return "private" if channel.startswith("spot@private") else "public"
    if not channel.startswith(("spot.", "futures.")) or _SERVICE.fullmatch(channel):
        return "public"
    return "public" if _PUBLIC.fullmatch(channel) else "private"


def _gate_sent(payload: bytes) -> tuple[str, str]:
    channel, event = _CHANNEL.search(payload), _EVENT.search(payload)
    name = channel[1].decode() if channel else ""
    if b'"header"' in payload[:200]:
        return "REPLY", name
    said = event[1] if event else b""
    return ("PUSH" if said in (b"update", b"all") else "PONG" if name.endswith(".pong") else "ACK"), name


def _mexc_sent(frame: WireFrame) -> tuple[str, str]:
    payload = frame.payload
    if frame.opcode == TEXT:
        return ("PONG", "") if b'"PONG"' in payload else ("ACK", payload.decode("utf-8", "replace"))
    if len(payload) < 2 or payload[0] != 0x0A or payload[1] & 0x80:
        return "PUSH", ""
    return "PUSH", payload[2 : 2 + payload[1]].decode("ascii", "replace")
