"""What a drill may do to the fakes: cut sockets, take REST down, move clocks, and read what was asked."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
import trio_websocket
from trio.testing import MockClock

from dnbot.fakes import running
from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import AccountConfig, FakesConfig
from dnbot.fakes.control import AUDIT_PATH, PREFIX, ControlledApp, Controls
from dnbot.fakes.network import MemoryNetwork
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, OrderRequest, OrderState
from dnbot.fakes.running import World
from dnbot.fakes.server import serve_connection
from dnbot.fakes.web import DropConnection, HttpRequest, HttpResponse
from dnbot.fakes.world import SIMULATION_EPOCH_NS, build_world

PATHS = {
    GATE_SPOT: "/api/v4/spot/time",
    GATE_FUTURES: "/api/v4/futures/usdt/contracts/BTC_USDT",
    MEXC_SPOT: "/api/v3/time",
}


@attrs.define
class Stand:
    """Both fronts of a motionless world behind their controls, on a network in memory."""

    world: World
    controls: Controls
    gate: ControlledApp
    mexc: ControlledApp
    network: MemoryNetwork
    nursery: trio.Nursery

    async def ask(self, control: str, query: str = "", remote: str = "127.0.0.1") -> HttpResponse:
        return await self.gate.handle_http(HttpRequest("POST", PREFIX + control, query, (), b"", remote))

    async def told(self, control: str, query: str = "") -> Any:
        response = await self.ask(control, query)
        assert response.status == 200, response
        return json.loads(response.body)

    async def rest(self, venue: str) -> int:
        app = self.mexc if venue == MEXC_SPOT else self.gate
        return (await app.handle_http(HttpRequest("GET", PATHS[venue], "", ()))).status

    @asynccontextmanager
    async def socket(self, host: str, path: str, *frames: dict[str, Any]) -> AsyncIterator[Any]:
        """A client that has sent these frames and read one answer to each."""
        stream: Any = await self.network.open_stream(host, 443)
        ws = await trio_websocket.wrap_client_stream(self.nursery, stream, host, path)
        for frame in frames:
            await ws.send_message(json.dumps(frame))
            await ws.get_message()
        yield ws
        await trio.aclose_forcefully(stream)


Open = Callable[..., AbstractAsyncContextManager[Any]]


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    world = build_world(FakesConfig(), FakeClock(SIMULATION_EPOCH_NS))
    controls = Controls(world)
    gate, mexc = ControlledApp(controls, world.gate_app), ControlledApp(controls, world.mexc_app)
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery, random.Random(1))
        for host, app in (("gate.fake", gate), ("mexc.fake", mexc)):

            async def handler(stream: trio.abc.Stream, app: ControlledApp = app) -> None:
                await serve_connection(stream, app)

            network.listen(host, 443, handler)
        yield Stand(world, controls, gate, mexc, network, nursery)
        nursery.cancel_scope.cancel()


def subscribe(world: World, channel: str, payload: list[str], *, private: bool = False) -> dict[str, Any]:
    """A Gate subscription, signed when the channel is private."""
    now_s = world.clock.seconds()
    frame: dict[str, Any] = {"time": now_s, "channel": channel, "event": "subscribe", "payload": payload}
    if private:
        account = world.config.accounts[0]
        text = f"channel={channel}&event=subscribe&time={now_s}"
        sign = hmac.new(account.secret.encode(), text.encode(), hashlib.sha512).hexdigest()
        frame["auth"] = {"method": "api_key", "KEY": account.key, "SIGN": sign}
    return frame


async def ended(ws: Any) -> bool:
    """Whether the socket ends within a second."""
    with trio.move_on_after(1):
        try:
            while True:
                await ws.get_message()
        except trio_websocket.ConnectionClosed:
            return True
    return False


def two_accounts(folder: Path | None = None) -> World:
    """A motionless world of 10001 and 10002."""
    accounts = (AccountConfig(), AccountConfig("k2", "s2", "10002"))
    clock = FakeClock(SIMULATION_EPOCH_NS, monotonic_s=lambda: 0.0)
    return build_world(FakesConfig(accounts=accounts, state_dir=folder), clock)


def bought(world: World, venue: str, uid: str, name: str) -> OrderState:
    """A small purchase that trades at once."""
    best = world.exchange.depth(venue, "BTC/USDT", 1).asks[0][0]
    request = OrderRequest("BTC/USDT", "buy", tif="ioc", quantity=Decimal("0.001"), price=best, client_id=name)
    order = world.exchange.place_order(venue, uid, request)
    assert isinstance(order, OrderState)
    return order


async def asked(world: World, control: str, query: str = "") -> Any:
    """The answer of a control."""
    request = HttpRequest("POST", PREFIX + control, query, (), b"", "127.0.0.1")
    return json.loads((await Controls(world).answer(request)).body)


async def test_the_audit_of_an_account_reads_and_writes_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one account's audit costs does not grow with how many there are: drills ask for it while bots trade."""
    world, read = two_accounts(tmp_path), list[str]()
    exchange_says = running.audit

    def noted(exchange: Any, requests: Any, uid: str, opening: Any) -> Any:
        read.append(uid)
        return exchange_says(exchange, requests, uid, opening)

    monkeypatch.setattr(running, "audit", noted)
    report = await asked(world, "audit", "uid=10002")
    assert read == ["10002"]
    assert json.loads((tmp_path / "audit-10002.json").read_text()) == report
    assert not (tmp_path / "audit.json").exists()
    assert (await asked(world, "audit"))["uid"] == json.loads((tmp_path / "audit.json").read_text())["uid"] == "10001"
    world.close()
    assert sorted(read) == ["10001", "10001", "10002", "10002"], "at the end all are written"


async def test_the_newest_order_of_each_account() -> None:
    """At whatever venue, also when it has ended; an account without orders is not named."""
    world = two_accounts()
    bought(world, GATE_SPOT, "10001", "t-first")
    assert {uid: told["client_id"] for uid, told in (await asked(world, "newest"))["orders"].items()} == {
        "10001": "t-first"
    }
    second, other = bought(world, MEXC_SPOT, "10001", "t-second"), bought(world, GATE_SPOT, "10002", "t-other")
    assert (await asked(world, "newest"))["orders"] == {
        "10001": {"venue": MEXC_SPOT, "client_id": "t-second", "create_ms": second.create_ms},
        "10002": {"venue": GATE_SPOT, "client_id": "t-other", "create_ms": other.create_ms},
    }


async def test_controls_are_for_the_loopback_interface_only(autojump_clock: MockClock, stand: Stand) -> None:
    """The audit is answered to local callers, by POST alone; for all others the path belongs to the venue."""
    report = await stand.told("audit")
    assert report["uid"] == "10001"
    assert report["opening"]["gate_spot"] == {"USDT": "20000"}
    assert (await stand.gate.handle_http(HttpRequest("GET", AUDIT_PATH, "", ()))).status == 405
    assert (await stand.ask("audit", "uid=9")).status == 404
    for control, query in (("audit", ""), ("clock", "venue=mexc_spot&ahead_ms=900")):
        assert b"MISSING_REQUIRED_HEADER" in (await stand.ask(control, query, remote="192.0.2.7")).body, "Gate's own no"
    assert stand.world.clock.skew_ns == {}


@pytest.mark.parametrize(
    ("control", "query"),
    [
        ("nothing", ""),
        ("cut", "venue=mexc_spot"),
        ("cut", "venue=x&domain=public"),
        ("rest", "venue=mexc_spot"),
        ("rest", "venue=mexc_spot&down_s=nan"),
        ("rest", "venue=mexc_spot&down_s=1&manner=x"),
        ("clock", "venue=gate_spot&ahead_ms=1e99"),
        ("requests", "since=-1"),
        ("requests", "since=0&wait_s=9999"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_changes_nothing(
    autojump_clock: MockClock, stand: Stand, control: str, query: str
) -> None:
    """An unknown control, venue, domain or number gets a 4xx with a sentence."""
    response = await stand.ask(control, query)
    assert response.status in {400, 404}
    assert json.loads(response.body)["message"]
    assert [await stand.rest(venue) for venue in PATHS] == [200, 200, 200]


@pytest.mark.parametrize("down", list(PATHS))
async def test_an_outage_hits_the_rest_of_one_venue_alone(autojump_clock: MockClock, stand: Stand, down: str) -> None:
    """Gate spot and futures share a host, and yet one is down without the other; it ends by itself."""
    await stand.told("rest", f"venue={down}&down_s=20")
    for venue in PATHS:
        if venue == down:
            with pytest.raises(DropConnection):
                await stand.rest(venue)
        else:
            assert await stand.rest(venue) == 200
    await trio.sleep(20)
    assert await stand.rest(down) == 200
    assert stand.controls.outages.struck == 1


async def test_a_silent_outage_answers_nothing_and_executes_nothing(autojump_clock: MockClock, stand: Stand) -> None:
    """A request that arrives in it hangs until the end and is then dropped: it never takes effect."""
    await stand.told("rest", f"venue={MEXC_SPOT}&down_s=20&manner=silent")
    began_s = trio.current_time()
    with pytest.raises(DropConnection):
        await stand.rest(MEXC_SPOT)
    assert trio.current_time() - began_s == pytest.approx(20)
    assert stand.world.requests.count == 0


async def test_sockets_outlive_a_rest_outage(autojump_clock: MockClock, stand: Stand) -> None:
    """A stream of the venue whose REST is down still answers."""
    frame = {"method": "PING"}
    async with stand.socket("mexc.fake", "/ws", frame) as ws:
        await stand.told("rest", f"venue={MEXC_SPOT}&down_s=20")
        await ws.send_message(json.dumps(frame))
        assert json.loads(await ws.get_message())["msg"] == "PONG"


async def test_one_gate_product_and_domain_is_cut(autojump_clock: MockClock, stand: Stand) -> None:
    """Cutting the private spot socket leaves the public one and the futures ones."""
    spot = subscribe(stand.world, "spot.book_ticker", ["BTC_USDT"])
    mine = subscribe(stand.world, "spot.orders", ["BTC_USDT"], private=True)
    futures = subscribe(stand.world, "futures.trades", ["BTC_USDT"])
    async with (
        stand.socket("gate.fake", "/ws/v4/", spot) as public,
        stand.socket("gate.fake", "/ws/v4/", mine) as private,
        stand.socket("gate.fake", "/v4/ws/usdt", futures) as perp,
    ):
        assert (await stand.told("cut", "venue=gate_spot&domain=private"))["cut"] == 1
        assert [await ended(ws) for ws in (public, private, perp)] == [False, True, False]
        assert (await stand.told("cut", "venue=gate_spot&domain=private"))["cut"] == 0
        assert (await stand.told("cut", "venue=gate_futures&domain=public"))["cut"] == 1
        assert [await ended(ws) for ws in (public, perp)] == [False, True]


async def test_one_mexc_domain_is_cut(autojump_clock: MockClock, stand: Stand) -> None:
    """A socket without a listen key is public, one with a key is private."""
    account = stand.world.exchange.account("10001")
    venue = stand.world.mexc_app.venue
    key = venue.keys.create(account.uid, venue.now_ms)
    async with (
        stand.socket("mexc.fake", "/ws", {"method": "PING"}) as public,
        stand.socket("mexc.fake", f"/ws?listenKey={key.text}", {"method": "PING"}) as private,
    ):
        assert (await stand.told("cut", "venue=mexc_spot&domain=public"))["cut"] == 1
        assert [await ended(ws) for ws in (public, private)] == [True, False]
        assert (await stand.told("cut", "venue=mexc_spot&domain=private"))["cut"] == 1
        assert await ended(private)


async def test_one_clock_is_moved(autojump_clock: MockClock, stand: Stand) -> None:
    """The venue's own time jumps ahead while the world's and the other venues' go on."""
    told = await stand.told("clock", "venue=mexc_spot&ahead_ms=900")
    assert told["venue_ms"] - told["time_ms"] == 900
    clock = stand.world.clock
    assert clock.ms(GATE_SPOT) == clock.ms(GATE_FUTURES) == clock.ms() == clock.ms(MEXC_SPOT) - 900


async def test_requests_are_told_by_number_and_a_create_can_be_awaited(autojump_clock: MockClock, stand: Stand) -> None:
    """`since` gives what came after; with `wait_s` the answer comes at the first create, or when the time is over."""
    log, began_s = stand.world.requests, trio.current_time()
    log.note("10001", GATE_SPOT, "GET", "/api/v4/spot/accounts", status=200)
    found = await stand.told("requests", "since=0&wait_s=2")
    assert (found["count"], [row["create"] for row in found["requests"]]) == (1, [False])
    assert trio.current_time() - began_s == pytest.approx(2)
    async with trio.open_nursery() as nursery:

        async def create() -> None:
            await trio.sleep(1)
            log.note("10001", MEXC_SPOT, "POST", "/api/v3/order", client_id="dnb-1-1", status=200)

        nursery.start_soon(create)
        found = await stand.told("requests", "since=1&wait_s=5")
    assert [(row["number"], row["client_id"], row["create"]) for row in found["requests"]] == [(1, "dnb-1-1", True)]
    assert trio.current_time() - began_s == pytest.approx(3)
