"""Whatever is sent, sound messages bent by chance included: an answer below 500 or a goodbye, money conserved, nobody
else disturbed. Valid orders may come of it, so it is not the state that is compared here but its invariants."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from dnbot.fakes.gateio_app import GateApp
from dnbot.fakes.running import GATE_HOST, MEXC_HOST

pytestmark = pytest.mark.slow

ODD = st.sampled_from([
    None, True, False, 0, -1, 1, 1.5, -0.0, 1e308, 10**30, 2**64, "", "0", "-1", "NaN", "inf", "1e999", "1e-999", "0.1",
    "１", " 1", "1_0", "x" * 300, "t-a", "BTC_USDT", "BTCUSDT", "buy", "SELL", "market", "ioc", "poc", "fok", "\ud800",
    "\0", "é", "' or 1=1", "../..", "%00", [], {}, [[]], {"a": None}, ["BTC_USDT"], "59000", "0.001", "9" * 400,
])  # fmt: skip
VALUE = st.one_of(ODD, st.text(max_size=20), st.integers(), st.floats(), st.recursive(ODD, st.lists, max_leaves=5))
SPOT = {"currency_pair": "BTC_USDT", "side": "buy", "amount": "0.001", "price": "59000", "text": "t-a", "type": "limit"}
PERP = {"contract": "BTC_USDT", "size": 1, "price": "59000", "tif": "gtc", "text": "t-a", "reduce_only": False}
MEXC = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.001", "price": "59900"}
PATHS = ("/spot/orders", "/futures/usdt/orders", "/spot/batch_orders", "/wallet/transfers", "/spot/orders/1",
         "/futures/usdt/positions/BTC_USDT/leverage", "/spot/countdown_cancel_all", "/spot/my_trades", "/x",
         )  # fmt: skip
MEXC_PATHS = ("order", "order/test", "batchOrders", "openOrders", "allOrders", "myTrades", "userDataStream", "depth",
              "klines", "aggTrades", "ticker/24hr", "exchangeInfo", "account", "x")  # fmt: skip
FEW = settings(
    max_examples=settings.default.max_examples // 3, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def bent(sound: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The sound message with some of its fields replaced, some left out, and some that do not belong."""
    names = st.sampled_from([*sound, "account", "limit", "status", "from", "to", "id", "order_id", "amend_text"])
    replaced = st.dictionaries(names, VALUE, max_size=4)
    dropped = st.sets(st.sampled_from(sorted(sound)), max_size=2)
    return st.builds(lambda more, less: {k: v for k, v in (sound | more).items() if k not in less}, replaced, dropped)


BENT_SPOT, BENT_PERP, BENT_MEXC = bent(SPOT), bent(PERP), bent(MEXC)
PARAM = st.one_of(BENT_SPOT, BENT_PERP, st.lists(BENT_PERP, max_size=2), VALUE)
EVENT = st.sampled_from(["api", "subscribe", "unsubscribe"])
ODD_FIELDS = st.dictionaries(st.sampled_from(["time", "id", "auth"]), VALUE)


def flipped(data: bytes) -> st.SearchStrategy[bytes]:
    """The bytes with a few of them replaced, put in or cut out."""
    edit = st.tuples(st.integers(0, len(data)), st.integers(0, 3), st.binary(max_size=4))

    def apply(edits: list[tuple[int, int, bytes]]) -> bytes:
        found = data
        for at, cut, more in edits:
            found = found[:at] + more + found[at + cut :]
        return found

    return st.lists(edit, min_size=1, max_size=4).map(apply)


def encoded(value: Any) -> bytes:
    """JSON as a careless client would write it."""
    return json.dumps(value).encode("utf-8", "surrogatepass")


@pytest.fixture
def battle(arena_factory: Any) -> Callable[[Callable[[Any], Awaitable[None]]], None]:
    """Runs an attack in an arena of its own, and judges what must hold after any of them."""

    def run(attack: Callable[[Any], Awaitable[None]]) -> None:
        async def judged() -> None:
            async with arena_factory() as (arena, good):
                accounts = arena.world.exchange.state.accounts
                before = accounts.totals()
                await attack(arena)
                assert accounts.totals() == before, "money appeared or vanished"
                for account in accounts.api():
                    for held in account.balances.values():
                        assert 0 <= held.locked <= held.total
                await good.trades()

        trio.run(judged, clock=MockClock(autojump_threshold=0))

    return run


def attack_http(host: str, build: Callable[[Any], list[bytes]]) -> Callable[[Any], Awaitable[None]]:
    """Each of these on a connection of its own; what is answered is below 500."""

    async def attack(arena: Any) -> None:
        arena.world.gate_app.context.limiter.enforce = arena.world.mexc_app.venue.limits.enabled = False
        for data in build(arena):
            answer = await arena.ask(host, data)
            assert answer is None or answer.status < 500 or answer.status in (501, 505), (data, answer)
            if answer is not None and answer.status != 204:
                assert isinstance(answer.value, dict | list), (data, answer)

    return attack


@FEW
@given(st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=5), st.sampled_from([GATE_HOST, MEXC_HOST]))
def test_any_bytes(battle: Any, chunks: list[bytes], host: str) -> None:
    """Bytes without any form."""
    battle(attack_http(host, lambda _: chunks))


@FEW
@given(st.data())
def test_sound_requests_with_flipped_bytes(battle: Any, data: st.DataObject) -> None:
    """Whole signed requests that were damaged on their way: a bit flip is a refusal, never more."""

    def gate(arena: Any) -> list[bytes]:
        sound = arena.gate("POST", "/spot/orders", body=SPOT)
        return [data.draw(flipped(sound)) for _ in range(4)]

    def mexc(arena: Any) -> list[bytes]:
        sound = arena.mexc("POST", "order", "&".join(f"{k}={v}" for k, v in MEXC.items()))
        return [data.draw(flipped(sound)) for _ in range(4)]

    battle(attack_http(GATE_HOST, gate))
    battle(attack_http(MEXC_HOST, mexc))


@FEW
@given(st.lists(st.tuples(st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]), st.sampled_from(PATHS),
                          PARAM,
                          st.dictionaries(st.sampled_from(["currency_pair", "contract", "status", "limit", "leverage",
                                                           "from", "to", "page", "offset", "side"]),
                                          st.text(max_size=10), max_size=3)), min_size=1, max_size=6))  # fmt: skip
def test_bent_gate_requests(battle: Any, calls: list[tuple[str, str, Any, dict[str, str]]]) -> None:
    """Rightly signed requests whose fields are wrong."""

    def build(arena: Any) -> list[bytes]:
        requests = []
        for method, path, body, fields in calls:
            query = "&".join(f"{name}={quote(text, safe='')}" for name, text in fields.items())
            requests.append(arena.gate(method, path, query, encoded(body)))
        return requests

    battle(attack_http(GATE_HOST, build))


@FEW
@given(st.lists(st.tuples(st.sampled_from(["GET", "POST", "PUT", "DELETE"]), st.sampled_from(MEXC_PATHS),
                          BENT_MEXC, st.binary(max_size=30)), min_size=1, max_size=6))  # fmt: skip
def test_bent_mexc_requests(battle: Any, calls: list[tuple[str, str, dict[str, Any], bytes]]) -> None:
    """Rightly signed requests whose parameters are wrong, with or without a body."""

    def build(arena: Any) -> list[bytes]:
        requests = []
        for method, path, fields, body in calls:
            texts = {name: str(value).encode("utf-8", "surrogatepass") for name, value in fields.items()}
            query = "&".join(f"{quote(name, safe='')}={quote(text, safe='')}" for name, text in texts.items())
            requests.append(arena.mexc(method, path, query, body))
        return requests

    battle(attack_http(MEXC_HOST, build))


def frames_of(socket_frame: Callable[..., bytes]) -> st.SearchStrategy[bytes]:
    """Frames of any opcode, flags and payload, and bytes that are none."""
    payload = st.one_of(st.binary(max_size=150), VALUE.map(encoded))
    made = st.builds(lambda p, o, f, r, m: socket_frame(p, opcode=o, fin=f, rsv=r, masked=m),
                     payload, st.integers(0, 15), st.booleans(), st.sampled_from([0] * 6 + [1, 2, 4]),
                     st.sampled_from([True] * 6 + [False]))  # fmt: skip
    return st.one_of(made, st.binary(max_size=30))


@FEW
@given(st.data(), st.sampled_from([(GATE_HOST, "/ws/v4/"), (GATE_HOST, "/v4/ws/usdt"), (MEXC_HOST, "/ws")]))
def test_any_frames(battle: Any, socket_frame: Any, data: st.DataObject, place: tuple[str, str]) -> None:
    """Frames without any sense, at every stream."""

    async def attack(arena: Any) -> None:
        socket = await arena.socket(*place)
        for sent in data.draw(st.lists(frames_of(socket_frame), min_size=1, max_size=12)):
            await socket.wire.send(sent)
        while await socket.receive() is not None:
            pass

    battle(attack)


@FEW
@given(st.data())
def test_bent_stream_frames(battle: Any, socket_login: Any, data: st.DataObject) -> None:
    """Subscriptions and API calls that are nearly sound, after a login: every frame gets an answer."""

    async def attack(arena: Any) -> None:
        for product, path in (("spot", "/ws/v4/"), ("futures", "/v4/ws/usdt")):
            app = arena.world.gate_app
            assert isinstance(app, GateApp)
            channels = sorted([*getattr(app, product).channels, *getattr(app, product).api.commands])
            socket = await arena.socket(GATE_HOST, path)
            await socket_login(socket, product, str(arena.now_s()))
            for _ in range(5):
                channel = data.draw(st.sampled_from(channels))
                param = data.draw(PARAM)
                payload = data.draw(st.sampled_from([param, {"req_id": "r", "req_param": param}, ["BTC_USDT", param]]))
                sound = {"time": arena.now_s(), "channel": channel, "event": data.draw(EVENT), "payload": payload}
                await socket.send(encoded(sound | data.draw(ODD_FIELDS)))
                assert await socket.json() is not None

    battle(attack)
