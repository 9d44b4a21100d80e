"""What can happen to frames that a venue pushes: lost, twice, late, out of order, old, spoiled, silent."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from .faults_framing import TEXT, client_frame, cut_frames, server_frame
from .faults_json import SPOILS, spoiled
from .faults_kinds import FaultKind, FrameStrike, Sent
from .faults_protobuf import ASKS, BIDS, DepthFrame, read_depth
from .records import MEXC_SPOT

REPLAYED_MAX = 50
KEPT_MAX = 200
HOLD_S_MAX = 1.0
_IDS = re.compile(rb'"U":(\d+),"u":(\d+)')


def lose(strike: FrameStrike) -> Sequence[Sent]:
    """It never leaves."""
    strike.struck()
    return []


def repeat(strike: FrameStrike) -> Sequence[Sent]:
    """It leaves twice."""
    strike.struck()
    return [(0.0, strike.payload), (0.0, strike.payload)]


def delay(strike: FrameStrike) -> Sequence[Sent]:
    """It leaves late; what is not struck overtakes it."""
    strike.struck()
    return [(strike.number("delay_s"), strike.payload)]


def swap(strike: FrameStrike) -> Sequence[Sent]:
    """It waits for the next one of its channel and leaves after it; alone, a second late."""
    held, where, payload = strike.armed.memory, (strike.link, strike.happening.path), strike.payload
    before = held.pop(where, None)
    if before is not None:
        strike.struck()
        return [(0.0, payload), (0.0, before)]
    held[where] = payload

    def let_go() -> None:
        if held.get(where) is payload:
            strike.link.send_later(0.0, strike.framed(held.pop(where)))

    strike.engine.after(HOLD_S_MAX, let_go)
    return []


def repeat_old(strike: FrameStrike) -> Sequence[Sent]:
    """An old frame of the channel leaves once more, after the present one."""
    channel = (strike.link, strike.happening.path)
    kept: deque[bytes] = strike.armed.memory.setdefault(channel, deque(maxlen=KEPT_MAX))
    kept.append(strike.payload)
    back = int(strike.number("back"))
    if len(kept) <= back:
        return strike.unchanged()
    strike.struck()
    return [(0.0, strike.payload), (0.0, kept[-1 - back])]


def replay_fills(strike: FrameStrike) -> Sequence[Sent]:
    """What an account was told of its fills is told again to each of its sockets that subscribes anew."""
    account = (strike.venue, strike.link.account)
    kept: deque[bytes] = strike.armed.memory.setdefault(account, deque(maxlen=REPLAYED_MAX))
    if strike.happening.method == "PUSH":
        if strike.payload not in kept:
            kept.append(strike.payload)
        return strike.unchanged()
    if not kept or not ("usertrades" in strike.happening.path or "deals" in strike.happening.path):
        return strike.unchanged()
    strike.struck()
    return [(0.0, strike.payload), *((0.0, payload) for payload in kept)]


def spoil(strike: FrameStrike) -> Sequence[Sent]:
    """It is spoiled. Of protobuf, whatever the manner, the second half is missing."""
    manner = strike.text("manner")
    strike.struck()
    if strike.venue == MEXC_SPOT and not strike.payload.startswith(b"{"):
        return [(0.0, SPOILS["truncated"](strike.payload))]
    return [(0.0, spoiled(strike.payload, manner))]


def send_huge(strike: FrameStrike) -> Sequence[Sent]:
    """A frame of that many bytes comes before it."""
    strike.struck()
    return [(0.0, b'{"a":"' + b"x" * int(strike.number("size")) + b'"}'), (0.0, strike.payload)]


# -- books


def split_empty(strike: FrameStrike) -> Sequence[Sent]:
    """An increment is sent as two: the first id with nothing that changed, then the rest with everything."""
    depth, ids = _read_book(strike)
    if isinstance(depth, DepthFrame) and ids[0] < ids[1]:
        empty = depth.with_versions(ids[0], ids[0]).without_levels().encode()
        parts = [empty, depth.with_versions(ids[0] + 1, ids[1]).encode()]
    elif depth is None and ids[0] < ids[1]:
        empty = _gate_ids(_without_levels(strike.payload), ids[0], ids[0])
        parts = [empty, _gate_ids(strike.payload, ids[0] + 1, ids[1])]
    else:
        return strike.unchanged()
    strike.struck()
    return [(0.0, part) for part in parts]


def send_bodyless(strike: FrameStrike) -> Sequence[Sent]:
    """A wrapper without a body comes before an increment."""
    depth = read_depth(strike.payload)
    if depth is None:
        return strike.unchanged()
    strike.struck()
    return [(0.0, depth.encode_bodyless()), (0.0, strike.payload)]


def corrupt_book(strike: FrameStrike) -> Sequence[Sent]:
    """An increment holds a level that cannot be: a bid above every ask, a negative size, or the same price twice."""
    add = {"crossed": _cross, "negative": _negative, "duplicate": _duplicate}.get(strike.text("manner"), _cross)
    spoiled_book = add(strike)
    if spoiled_book is None:
        return strike.unchanged()
    strike.struck()
    return [(0.0, spoiled_book)]


def _cross(strike: FrameStrike) -> bytes | None:
    price = _price(strike, ASKS)
    return None if price is None else _with_level(strike, BIDS, f"{float(price) * 1.05:.0f}", "1000")


def _negative(strike: FrameStrike) -> bytes | None:
    price = _price(strike, BIDS)
    return None if price is None else _with_level(strike, BIDS, price, "-1")


def _duplicate(strike: FrameStrike) -> bytes | None:
    price = _price(strike, BIDS)
    return None if price is None else _with_level(strike, BIDS, price, "77")


def _read_book(strike: FrameStrike) -> tuple[DepthFrame | None, tuple[int, int]]:
    """MEXC's frame, or None for Gate's; and the ids, the same twice for what is no increment."""
    depth = read_depth(strike.payload) if strike.venue == MEXC_SPOT else None
    if depth is not None:
        return depth, depth.versions
    ids = _IDS.search(strike.payload)
    return None, (0, 0) if ids is None else (int(ids[1]), int(ids[2]))


def _gate_ids(payload: bytes, first: int, last: int) -> bytes:
    return _IDS.sub(b'"U":%d,"u":%d' % (first, last), payload, count=1)


def _gate_result(payload: bytes) -> tuple[dict[str, msgspec.Raw], dict[str, msgspec.Raw]]:
    frame = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    return frame, msgspec.json.decode(frame["result"], type=dict[str, msgspec.Raw])


def _gate_frame(frame: dict[str, msgspec.Raw], result: dict[str, msgspec.Raw]) -> bytes:
    return msgspec.json.encode(frame | {"result": result})


def _without_levels(payload: bytes) -> bytes:
    frame, result = _gate_result(payload)
    return _gate_frame(frame, result | {side: msgspec.Raw(b"[]") for side in ("a", "b") if side in result})


def _price(strike: FrameStrike, side: int) -> str | None:
    """The first price of that side in the frame, or of the other side when it has none; None for no increment."""
    depth, ids = _read_book(strike)
    if depth is not None:
        level = depth.best(side) or depth.best(ASKS + BIDS - side)
        return level[0] if level else None
    if ids == (0, 0):
        return None
    _, result = _gate_result(strike.payload)
    for name in ("a", "b") if side == ASKS else ("b", "a"):
        levels = msgspec.json.decode(result[name]) if name in result else []
        if levels:
            return str(levels[0]["p"] if isinstance(levels[0], dict) else levels[0][0])
    return None


def _with_level(strike: FrameStrike, side: int, price: str, size: str) -> bytes:
    depth, _ = _read_book(strike)
    if depth is not None:
        return depth.with_level(side, price, size).encode()
    frame, result = _gate_result(strike.payload)
    name = "a" if side == ASKS else "b"
    levels = msgspec.json.decode(result.get(name, msgspec.Raw(b"[]")), type=list[msgspec.Raw])
    as_objects = strike.happening.path == "futures.order_book_update"
    level = b'{"p":"%s","s":%s}' if as_objects else b'["%s","%s"]'
    levels.append(msgspec.Raw(level % (price.encode(), size.encode())))
    return _gate_frame(frame, result | {name: msgspec.Raw(msgspec.json.encode(levels))})


# -- subscriptions


def acknowledge_only(strike: FrameStrike) -> Sequence[Sent]:
    """The subscription is acknowledged, and its channel says nothing of its markets on this connection."""
    strike.struck()
    strike.link.silence(strike.happening)
    return strike.unchanged()


def refuse_subscription(strike: FrameStrike) -> Sequence[Sent]:
    """The subscription is refused in the venue's words and never reaches it; others of the same frame do."""
    strike.struck()
    strike.link.send_later(0.0, server_frame(_refusal(strike), TEXT))
    return _without_channel(strike)


def _without_channel(strike: FrameStrike) -> Sequence[Sent]:
    """The client's frame without this channel: at MEXC one frame asks for many, at Gate for one."""
    frames, _ = cut_frames(strike.payload)
    if strike.venue != MEXC_SPOT or len(frames) != 1:
        return []
    try:
        asked = msgspec.json.decode(frames[0].payload, type=dict[str, msgspec.Raw])
        names = msgspec.json.decode(asked.get("params", msgspec.Raw(b"[]")), type=list[str])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    left = [name for name in names if name != strike.happening.path]
    if not left:
        return []
    return [(0.0, client_frame(msgspec.json.encode(asked | {"params": left})))]


def _refusal(strike: FrameStrike) -> bytes:
    name = strike.happening.path
    if strike.venue == MEXC_SPOT:
        found = re.search(rb'"id"\s*:\s*(\d+)', strike.happening.raw)
        text = f"Not Subscribed successfully! [{name}].  Reason： Blocked! "
        return msgspec.json.encode({"id": int(found[1]) if found else 0, "code": 0, "msg": text})
    now_ms = strike.engine.clock.ms(strike.venue)
    head = {"time": now_ms // 1_000, "time_ms": now_ms, "channel": name, "event": "subscribe"}
    return msgspec.json.encode(head | {"error": {"code": 3, "message": "server error"}, "result": {"status": "fail"}})


def _pushes(
    name: str,
    code: str,
    what: str,
    effect: Callable[[FrameStrike], Sequence[Sent]],
    targets: str = "pushes",
    **more: Any,
) -> FaultKind:
    return FaultKind(name, code, what, "socket", on_frame=effect, targets=targets, **more)


KINDS = (
    _pushes("book_gap", "P01", "increments of a book are lost: the ids have a gap", lose, "books", count=1),
    _pushes("book_update_empty", "P03", "an increment comes in two: ids without a change, then the rest", split_empty,
            "books"),
    FaultKind(
        "frame_bodyless", "P03", "a frame without a body comes before an increment", "socket", (MEXC_SPOT,),
        on_frame=send_bodyless, targets="books",
    ),
    _pushes(
        "book_corrupted", "P04", "an increment holds a level that cannot be: `manner` crossed, negative or duplicate",
        corrupt_book, "books", options={"manner": "crossed"}, count=1,
    ),
    _pushes("public_duplicated", "P05", "public pushes come twice", repeat, domain="public"),
    _pushes("public_reordered", "P05", "public pushes come in pairs, the second first", swap, domain="public"),
    _pushes("public_replayed", "A06", "after a public push an old one of its channel comes again", repeat_old,
            domain="public", options={"back": 20}),
    _pushes("public_lost", "N06", "public pushes are lost; acknowledgements and pongs are not", lose, domain="public"),
    _pushes("orders_late", "P06", "news of orders come late: a fill is told before its order", delay, "orders",
            options={"delay_s": 0.3}),
    _pushes("fills_late", "P07", "news of fills come late: an order ends before its last fills", delay, "fills",
            options={"delay_s": 0.3}),
    _pushes("private_delayed", "P06", "all private pushes come late", delay, domain="private",
            options={"delay_s": 0.3}),
    _pushes("private_duplicated", "P08", "private pushes come twice", repeat, domain="private"),
    FaultKind(
        "fills_replayed", "P08", "fills that were told are told again after a new subscription", "socket",
        on_frame=replay_fills, domain="", targets="fills_and_acks",
    ),
    _pushes("private_reordered", "P09", "private pushes come in pairs, the second first", swap, domain="private"),
    _pushes("private_lost", "P10", "private pushes are lost", lose, domain="private"),
    FaultKind(
        "subscription_silent", "P13", "a subscription is acknowledged and nothing comes of it", "socket",
        on_heard=acknowledge_only, targets="subscriptions",
    ),
    FaultKind(
        "subscription_refused", "P14", "a subscription is refused", "socket",
        on_heard=refuse_subscription, targets="subscriptions",
    ),
    _pushes("frame_malformed", "P15", "pushes are spoiled; manners as of reply_malformed, MEXC's are cut short", spoil,
            options={"manner": "truncated"}, count=1),
    _pushes("huge_frame", "P22", "a frame of `size` bytes comes before a push", send_huge,
            options={"size": 2_000_000}, count=1),
)  # fmt: skip
