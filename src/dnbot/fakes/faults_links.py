"""What can happen to whole links, sockets and hosts for a while: the network faults that no single request carries."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable

import trio

from .faults_conditions import EXCHANGES, Condition
from .faults_framing import PING, server_frame
from .faults_kinds import FaultKind, Undo, WorldStrike
from .faults_link import FaultyStream
from .records import MEXC_SPOT, VENUES

CERTIFICATES = ("expired", "wrong_host", "unknown_authority")
DOMAINS = ("rest", "public", "private")


def refuse_dials(strike: WorldStrike) -> Undo:
    """Nobody listens at the hosts of these venues."""
    strike.struck()
    return strike.engine.doors.shut({EXCHANGES[venue] for venue in strike.armed.venues})


def show_wrong_certificate(strike: WorldStrike) -> Undo:
    """TLS listeners present a certificate that a client must refuse."""
    strike.struck()
    strike.engine.certificate = strike.text("manner")

    def undo() -> None:
        strike.engine.certificate = ""

    return undo


def _suffering(condition: Callable[[WorldStrike], Condition]) -> Callable[[WorldStrike], Undo]:
    def begin(strike: WorldStrike) -> Undo:
        strike.struck()
        return strike.engine.links.add(condition(strike))

    return begin


def _black_hole(strike: WorldStrike) -> Condition:
    return Condition(strike.armed.venues, strike.armed.domain, deaf=True, mute=True)


def _deaf(strike: WorldStrike) -> Condition:
    return Condition(strike.armed.venues, strike.armed.domain, deaf=True)


def _mute(strike: WorldStrike) -> Condition:
    return Condition(strike.armed.venues, strike.armed.domain, mute=True)


def _slow(strike: WorldStrike) -> Condition:
    return Condition(strike.armed.venues, strike.armed.domain, bytes_per_s=strike.number("bytes_per_s"))


def _sockets_of(strike: WorldStrike) -> list[FaultyStream]:
    """Open sockets that the fault means; a Gate socket without any subscription belongs to no domain yet."""
    armed = strike.armed
    return [
        link
        for link in strike.engine.connections
        if link.is_socket and link.venue in armed.venues and armed.domain in ("", link.domain)
    ]


def keep_sockets_down(strike: WorldStrike) -> Undo:
    """Cut the sockets of one domain, and each new one as soon as it is known to be one."""
    strike.struck()
    for link in _sockets_of(strike):
        link.cut.set()
    return strike.engine.links.add(Condition(strike.armed.venues, strike.armed.domain, down=True))


def cut_sockets(strike: WorldStrike) -> None:
    """Cut what is open now, without a word."""
    strike.struck()
    for link in _sockets_of(strike):
        link.cut.set()


def close_sockets(strike: WorldStrike) -> None:
    """Close what is open now, with a close frame, and cut it a moment later."""
    strike.struck()
    for link in _sockets_of(strike):
        link.say_goodbye(int(strike.number("code")))
        strike.engine.after(strike.number("grace_s"), link.cut.set)


def _in_time(task: Callable[[WorldStrike], Awaitable[None]]) -> Callable[[WorldStrike], Undo]:
    """An effect that acts again and again, until it is ended."""

    def begin(strike: WorldStrike) -> Undo:
        strike.struck()
        scope = trio.CancelScope()

        async def run() -> None:
            with scope:
                await task(strike)

        strike.engine.spawn(run)
        return scope.cancel

    return begin


async def _flap(strike: WorldStrike) -> None:
    while True:
        end = strike.engine.links.add(_black_hole(strike))
        try:
            await trio.sleep(strike.number("down_s"))
        finally:
            end()
        await trio.sleep(strike.number("up_s"))


async def _swizzle(strike: WorldStrike) -> None:
    """Stop a random part of the links one by one, and release them in another order."""
    rng, links = strike.armed.rng, strike.engine.links
    every = [(venue, domain) for venue in strike.armed.venues for domain in DOMAINS]
    while True:
        chosen = rng.sample(every, rng.randint(1, len(every)))
        ends = []
        try:
            for venue, domain in chosen:
                await trio.sleep(rng.uniform(0, strike.number("step_s")))
                ends.append(links.add(Condition((venue,), domain, deaf=True, mute=True)))
            rng.shuffle(ends)
            while ends:
                await trio.sleep(rng.uniform(0, strike.number("step_s")))
                ends.pop()()
        finally:
            for end in ends:
                end()
        await trio.sleep(strike.number("pause_s"))


async def _flood(strike: WorldStrike) -> None:
    while True:
        for link in _sockets_of(strike):
            link.send_later(0.0, server_frame(b"flood", PING))
        await trio.sleep(1 / strike.number("per_s"))


def silence_listen_keys(strike: WorldStrike) -> None:
    """Every present key dies without an error: its sockets stay open and say nothing, and it cannot be renewed."""
    strike.struck()
    for uid in strike.uids():
        strike.world.mexc_app.venue.keys.silence(uid)


def delete_listen_keys(strike: WorldStrike) -> None:
    """Every present key is deleted, as by another process of the same account: its sockets are closed."""
    strike.struck()
    keys, now_ms = strike.world.mexc_app.venue.keys, strike.engine.clock.ms(MEXC_SPOT)
    for uid in strike.uids():
        for key in keys.alive(uid, now_ms):
            keys.delete(uid, key.text, now_ms)


_link = functools.partial(FaultKind, scope="venue", venues=VENUES)
KINDS = (
    FaultKind("connect_refused", "N01", "nobody listens at an exchange's address", "host", in_world=refuse_dials),
    FaultKind(
        "certificate_wrong", "N16", "TLS shows a certificate that is expired, of a wrong_host or an unknown_authority",
        "host", options={"manner": "expired"}, in_world=show_wrong_certificate,
    ),
    _link("link_black_hole", "N06", "bytes go nowhere in either direction; connections stay open",
          in_world=_suffering(_black_hole)),
    _link("link_deaf", "N07", "the venue hears nothing, and goes on talking", in_world=_suffering(_deaf)),
    _link("link_mute", "N07", "the venue hears and acts, and nothing of it arrives", in_world=_suffering(_mute)),
    _link("bandwidth_collapse", "N09", "what the venue sends arrives slowly and piles up",
          options={"bytes_per_s": 2_000.0}, in_world=_suffering(_slow)),
    _link("private_sockets_down", "N11", "private sockets are cut, and new ones too", domain="private",
          in_world=keep_sockets_down),
    _link("public_sockets_down", "N12", "public sockets are cut, and new ones too", domain="public",
          in_world=keep_sockets_down),
    _link("sockets_cut", "N02", "open sockets are cut once, without a close frame", in_world=cut_sockets),
    _link("swizzle_clog", "N14", "random links stop one by one and come back in another order",
          options={"step_s": 1.0, "pause_s": 5.0}, in_world=_in_time(_swizzle)),
    _link("link_flaps", "N15", "a link is dead and alive in turn", options={"up_s": 1.0, "down_s": 1.0},
          in_world=_in_time(_flap)),
    FaultKind(
        "listen_keys_die", "P11", "listen keys die without a word: sockets stay open, say nothing, and PUT fails",
        "account", (MEXC_SPOT,), options={"uid": ""}, in_world=silence_listen_keys,
    ),
    FaultKind(
        "listen_keys_deleted", "P11", "listen keys are deleted elsewhere: their sockets are closed",
        "account", (MEXC_SPOT,), options={"uid": ""}, in_world=delete_listen_keys,
    ),
    _link("sockets_closed", "P12", "the venue closes its sockets, with a close `code` (1005: without one)",
          options={"code": 1005, "grace_s": 0.5}, in_world=close_sockets),
    _link("ping_flood", "P22", "sockets are sent very many pings", options={"per_s": 200.0}, in_world=_in_time(_flood)),
)  # fmt: skip
