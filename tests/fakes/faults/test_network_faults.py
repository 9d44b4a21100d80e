"""Requests and links that go wrong: what took effect, what did not, what arrives and when."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import trio

from dnbot.fakes.records import VENUES

QUANTITY = {"gate_spot": "0.001", "gate_futures": "10", "mexc_spot": "0.001"}


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize(("fault", "lives"), [("request_lost", 0), ("reply_lost", 1)])
async def test_a_lost_request_never_was_and_a_lost_reply_leaves_an_order(
    autojump_clock: Any, stand: Any, unanswered: Any, venue: str, fault: str, lives: int
) -> None:
    """Both look the same to the client; the venue's list of open orders tells them apart."""
    async with stand(f"{fault}:path=creates,on_nth=1") as on:
        with pytest.raises(unanswered):
            await on.client.create(venue, "buy", QUANTITY[venue], on.far(venue), "a")
        assert len(await on.client.open_ids(venue)) == lives
        (strike,) = on.strikes()
        assert (strike.venue, strike.method, strike.client_id) == (venue, "POST", "a")


@pytest.mark.parametrize("venue", VENUES)
async def test_a_duplicated_request_makes_two_orders_or_is_refused_the_second_time(
    autojump_clock: Any, stand: Any, venue: str
) -> None:
    """The client hears the first answer; without a client id nothing stops the second."""
    async with stand("request_duplicated:path=creates") as on:
        answer = await on.client.create(venue, "buy", QUANTITY[venue], on.far(venue))
        assert answer.status in {200, 201}
        assert len(await on.client.open_ids(venue)) == 2


async def test_a_delayed_request_takes_effect_after_everybody_gave_up(autojump_clock: Any, stand: Any) -> None:
    """The order is not there when the client stops to wait, and is there later."""
    async with stand("request_delayed:path=creates,delay_s=3") as on:
        with trio.move_on_after(1):
            await on.client.create("mexc_spot", "buy", "0.001", on.far("mexc_spot"), "late")
        assert await on.client.open_ids("mexc_spot") == []
        await on.wait(2.5)
        assert await on.client.open_ids("mexc_spot") == ["late"]


async def test_a_delayed_reply_comes_after_the_private_frames(autojump_clock: Any, stand: Any) -> None:
    """The order's fill is told on the socket before the create is answered."""
    async with stand("reply_delayed:path=creates,delay_s=1") as on:
        private = await on.client.private("gate_spot")
        answers: list[Any] = []
        async with trio.open_nursery() as nursery:

            async def create() -> None:
                answers.append(await on.client.create("gate_spot", "buy", "0.001", on.good("gate_spot"), "x", "ioc"))

            nursery.start_soon(create)
            heard = await private.listen(0.5)
            assert {push["channel"] for push in heard} == {"spot.orders", "spot.usertrades"}
            assert answers == []
        assert answers[0].status == 201


async def test_a_slow_reply_arrives_whole_and_late(autojump_clock: Any, stand: Any) -> None:
    """At 100 bytes a second a reply of some hundred bytes takes seconds, and is not changed."""
    async with stand("slow_reply:bytes_per_s=100,count=1") as on:
        began_s = trio.current_time()
        answer = await on.client.time("gate_spot")
        took_s = trio.current_time() - began_s
        assert answer.value["server_time"]
        assert 2 < took_s < 12
        began_s = trio.current_time()
        assert (await on.client.time("gate_spot")).status == 200
        assert trio.current_time() - began_s < 0.1, "other connections are as quick as ever"


@pytest.mark.parametrize("manner", ["refuse", "silent", "503"])
async def test_rest_of_one_venue_is_down_and_its_sockets_live(
    autojump_clock: Any, stand: Any, unanswered: Any, manner: str
) -> None:
    """Spot and futures share a host, and yet one is down without the other; nothing takes effect meanwhile."""
    async with stand() as on:
        socket = await on.client.public("gate_spot")
        on.switch_on(f"rest_down:venue=gate_spot,for=20,manner={manner}")
        began_s = trio.current_time()
        if manner == "503":
            assert (await on.client.time("gate_spot")).status == 503
        else:
            with pytest.raises(unanswered):
                await on.client.create("gate_spot", "buy", "0.001", on.far("gate_spot"), "a")
        assert (trio.current_time() - began_s > 19) == (manner == "silent")
        assert (await on.client.time("gate_futures")).status == 200
        on.hit("gate_spot", "buy", "0.001")
        assert await socket.listen(0.5)
        await on.wait(20)
        assert await on.client.open_ids("gate_spot") == []


async def test_an_outage_that_ends_while_a_request_is_held_back_hangs_nobody(
    autojump_clock: Any, stand: Any, unanswered: Any
) -> None:
    """What reached the venue in an outage is cut when that is over, however late it comes to it."""
    async with stand("request_delayed:delay_s=3", "rest_down:for=2,manner=silent") as on:
        began_s = trio.current_time()
        with pytest.raises(unanswered):
            await on.client.time("gate_spot")
        assert 2.9 < trio.current_time() - began_s < 3.5
        assert (await on.client.time("gate_spot")).status == 200


async def test_a_refused_host_is_dialled_again_when_the_fault_is_over(autojump_clock: Any, stand: Any) -> None:
    """Only new connections to that exchange are refused, and only for the time."""
    async with stand("connect_refused:venue=mexc_spot,at=1,for=5") as on:
        socket = await on.client.public("mexc_spot")
        await on.wait(1.5)
        with pytest.raises(ConnectionRefusedError):
            await on.client.time("mexc_spot")
        assert (await on.client.time("gate_spot")).status == 200
        assert await socket.ping_is_answered()
        await on.wait(5)
        assert (await on.client.time("mexc_spot")).status == 200


async def test_a_black_hole_swallows_pongs_and_gives_everything_back(autojump_clock: Any, stand: Any) -> None:
    """No ping is answered and no push comes, without any end of the connection; later all of it arrives."""
    async with stand() as on:
        socket = await on.client.public("gate_futures")
        on.switch_on("link_black_hole:venue=gate_futures,domain=public,for=10")
        on.hit("gate_futures", "buy", "10")
        assert not await socket.ping_is_answered(5)
        assert await socket.listen(0.1) == []
        assert (await on.client.time("gate_futures")).status == 200, "REST is another link"
        await on.wait(6)
        assert await socket.ping_is_answered()
        assert await socket.listen(0.5)


async def test_a_link_fails_in_one_direction_alone(autojump_clock: Any, stand: Any) -> None:
    """Deaf: pushes come and pings are not heard. Mute: orders take effect and nobody is told."""
    async with stand() as on:
        socket = await on.client.public("mexc_spot")
        on.switch_on("link_deaf:venue=mexc_spot,domain=public,for=5")
        on.hit("mexc_spot", "buy", "0.001")
        assert await socket.listen(0.5)
        assert not await socket.ping_is_answered(2)
        await on.wait(5)
        on.switch_on("link_mute:venue=mexc_spot,domain=rest,for=5")
        price = on.far("mexc_spot")
        with trio.move_on_after(2) as patience:
            await on.client.create("mexc_spot", "buy", "0.001", price, "unheard")
        assert patience.cancelled_caught
        await on.wait(5)
        assert await on.client.open_ids("mexc_spot") == ["unheard"]


async def test_bandwidth_collapses_and_frames_arrive_old(autojump_clock: Any, stand: Any) -> None:
    """Pushes pile up behind the narrow link, all of them in their order."""
    async with stand(alive=True) as on:
        socket = await on.client.public("gate_spot")
        await on.wait(1)
        on.switch_on("bandwidth_collapse:venue=gate_spot,domain=public,bytes_per_s=2000")
        heard = [push["result"] for push in await socket.listen(10)]
        assert len(heard) > 5
        late_ms = on.world.clock.ms() - heard[-1]["t"]
        assert late_ms > 3_000
        ids = [(result["U"], result["u"]) for result in heard]
        assert all(after[0] == before[1] + 1 for before, after in itertools.pairwise(ids))


@pytest.mark.parametrize("venue", VENUES)
async def test_one_kind_of_socket_is_down(autojump_clock: Any, stand: Any, venue: str) -> None:
    """Private sockets end and new ones too, public ones live; when it is over private ones do again."""
    async with stand() as on:
        public, private = await on.client.public(venue), await on.client.private(venue)
        on.switch_on(f"private_sockets_down:venue={venue},for=10")
        assert await private.ended()
        assert not await public.ended(0.5)
        with pytest.raises(Exception):  # noqa: B017, PT011 (how a client hears of it is the client's own)
            await on.client.private(venue)
        await on.wait(10)
        again = await on.client.private(venue)
        await on.client.create(venue, "buy", QUANTITY[venue], on.far(venue), "a")
        assert await again.listen(0.5)


@pytest.mark.parametrize("venue", VENUES)
async def test_a_venue_says_goodbye_or_not(autojump_clock: Any, stand: Any, venue: str) -> None:
    """A close has a close frame, a cut has none; both end the socket, and a new one is as good as ever."""
    async with stand() as on:
        socket = await on.client.public(venue)
        on.switch_on(f"sockets_closed:venue={venue},code=1001")
        assert await socket.ended()
        assert socket.ws.closed.code == 1001
        socket = await on.client.public(venue)
        on.switch_on(f"sockets_cut:venue={venue}")
        assert await socket.ended()
        assert socket.ws.closed.code == 1006
        assert await (await on.client.public(venue)).ping_is_answered()


async def test_links_flap_and_swizzle_and_heal(autojump_clock: Any, stand: Any) -> None:
    """Dead links come back in the rhythm of the fault; after it everything is as before."""
    async with stand("link_flaps:venue=mexc_spot,for=6,up_s=1,down_s=1", "swizzle_clog:venue=gate,at=10,for=20") as on:
        answered = []
        for _ in range(6):
            with trio.move_on_after(0.4):
                answered.append(trio.current_time() // 1 if (await on.client.time("mexc_spot")).status == 200 else None)
            await trio.sleep_until(trio.current_time() // 1 + 1.3)
        assert answered == [1.0, 3.0, 5.0]
        await on.wait(4)
        hung = 0
        for _ in range(20):
            with trio.move_on_after(0.4) as patience:
                await on.client.time("gate_spot")
            hung += patience.cancelled_caught
            await on.wait(0.6)
        assert 0 < hung < 20
        await on.wait(20)
        assert on.world.faults.links.conditions == {}
        assert (await on.client.time("gate_spot")).status == 200
