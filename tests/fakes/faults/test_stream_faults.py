"""Pushes that are lost, doubled, late, out of order or spoiled, as a client of the socket sees them."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest
import trio

from dnbot.fakes.config import FakesConfig
from dnbot.fakes.faults_protobuf import read_depth
from dnbot.fakes.records import VENUES

QUANTITY = {"gate_spot": "0.001", "gate_futures": "10", "mexc_spot": "0.001"}


def ids(push: Any) -> tuple[int, int]:
    """First and last id of an increment."""
    if isinstance(push, bytes):
        depth = read_depth(push)
        return (0, 0) if depth is None else depth.versions
    return push["result"]["U"], push["result"]["u"]


def levels(push: Any) -> int:
    """How many levels an increment holds."""
    if isinstance(push, bytes):
        depth = read_depth(push)
        return 0 if depth is None else sum(number in (1, 2) for number, _ in depth.body)
    return len(push["result"]["a"]) + len(push["result"]["b"])


async def increments(on: Any, venue: str, *faults: str, seconds: float = 3.0) -> list[Any]:
    """What a subscriber of increments hears of a living market while faults strike."""
    socket = await on.client.public(venue)
    for fault in faults:
        on.switch_on(f"{fault},venue={venue}" if ":" in fault else f"{fault}:venue={venue}")
    return [push for push in await socket.listen(seconds) if not isinstance(push, dict) or "result" in push]


def gaps(pushes: list[Any]) -> int:
    """How many increments do not continue the one before them."""
    seen = [ids(push) for push in pushes if ids(push) != (0, 0)]
    return sum(after[0] != before[1] + 1 for before, after in itertools.pairwise(seen))


@pytest.mark.parametrize("venue", VENUES)
async def test_a_gap_is_a_gap_of_the_ids(autojump_clock: Any, stand: Any, venue: str) -> None:
    """Of a hundred increments one is missing, and the ids say so; without the fault none is."""
    async with stand(alive=True) as on:
        assert gaps(await increments(on, venue)) == 0
    async with stand(alive=True) as on:
        pushes = await increments(on, venue, "book_gap:on_nth=5")
        assert gaps(pushes) == 1
        assert len(on.strikes("book_gap")) == 1


@pytest.mark.parametrize("venue", VENUES)
async def test_an_empty_increment_carries_ids_and_the_chain_holds(autojump_clock: Any, stand: Any, venue: str) -> None:
    """Ids advance without a level; whoever skips such a frame makes a gap where there is none."""
    async with stand(alive=True) as on:
        pushes = await increments(on, venue, "book_update_empty")
        empty = [push for push in pushes if levels(push) == 0]
        assert len(empty) == len(on.strikes()) > 3
        assert gaps(pushes) == 0
        assert gaps([push for push in pushes if levels(push)]) > 0


async def test_a_bodyless_frame_comes_before_the_increment(autojump_clock: Any, stand: Any) -> None:
    """MEXC's wrapper without a body decodes to a channel and nothing else."""
    async with stand(alive=True) as on:
        pushes = await increments(on, "mexc_spot", "frame_bodyless:count=3")
        bare = [push for push in pushes if read_depth(push) is None]
        assert len(bare) == 3
        assert all(b"aggre.depth" in push for push in bare)
        assert gaps(pushes) == 0


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("manner", ["crossed", "negative", "duplicate"])
async def test_a_corrupt_level_is_added_and_the_rest_stays(
    autojump_clock: Any, stand: Any, venue: str, manner: str
) -> None:
    """One increment has one level more, which cannot be; ids and form are those of a good one."""
    async with stand(alive=True) as on:
        pushes = await increments(on, venue, f"book_corrupted:manner={manner}")
        assert gaps(pushes) == 0
        text = b"\n".join(push if isinstance(push, bytes) else repr(push).encode() for push in pushes)
        assert {"crossed": b"1000", "negative": b"-1", "duplicate": b"77"}[manner] in text
        assert len(on.strikes()) == 1


@pytest.mark.parametrize("venue", VENUES)
async def test_public_pushes_come_twice_or_in_the_wrong_order(autojump_clock: Any, stand: Any, venue: str) -> None:
    """Doubled increments repeat their ids; swapped ones come as the second and the first."""
    async with stand(alive=True) as on:
        seen = [ids(push) for push in await increments(on, venue, "public_duplicated:count=5")]
        assert len(seen) - len(set(seen)) == 5
    async with stand(alive=True) as on:
        seen = [ids(push) for push in await increments(on, venue, "public_reordered:count=3")]
        assert sum(after < before for before, after in itertools.pairwise(seen)) == 3
        assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("venue", VENUES)
async def test_private_pushes_are_lost_doubled_or_swapped(autojump_clock: Any, stand: Any, venue: str) -> None:
    """Nothing comes, everything comes twice, or the fill before its order; REST knows all the same."""
    heard: dict[str, list[Any]] = {}
    for fault in ("public_lost", "private_lost", "private_duplicated", "orders_late", "fills_late"):
        async with stand(f"{fault}:venue={venue}") as on:
            private = await on.client.private(venue)
            await on.client.create(venue, "buy", QUANTITY[venue], on.good(venue), "a", "ioc")
            heard[fault] = [name(push) for push in await private.listen(2)]
            assert len(await on.client.fills(venue)) == 1
    usual = heard["public_lost"]
    assert {"order", "fill"} == set(usual)
    assert heard["private_lost"] == []
    assert len(heard["private_duplicated"]) == 2 * len(usual)
    assert heard["orders_late"][0] == "fill"
    assert heard["fills_late"][-1] == "fill"
    assert sorted(heard["orders_late"]) == sorted(heard["fills_late"]) == sorted(usual)


def name(push: Any) -> str:
    """Whether a private push is news of an order or of a fill."""
    text = push if isinstance(push, bytes) else push["channel"].encode()
    return "order" if b"orders" in text else "fill"


@pytest.mark.parametrize("venue", VENUES)
async def test_fills_are_told_again_after_a_reconnect(autojump_clock: Any, stand: Any, venue: str) -> None:
    """A new private socket of the same account hears the old fill once more, the same to the last byte."""
    async with stand(f"fills_replayed:venue={venue}") as on:
        first = await on.client.private(venue)
        await on.client.create(venue, "buy", QUANTITY[venue], on.good(venue), "a", "ioc")
        told = [push for push in await first.listen(1) if name(push) == "fill"]
        second = await on.client.private(venue)
        assert await second.listen(1) == told
        assert len(on.strikes()) == 1


@pytest.mark.parametrize("venue", VENUES)
async def test_a_subscription_is_silent_or_refused(autojump_clock: Any, stand: Any, venue: str) -> None:
    """Acknowledged and mute until it is subscribed again; or refused in the venue's words."""
    async with stand(f"subscription_silent:venue={venue},count=1", alive=True) as on:
        silent = await on.client.public(venue)
        assert await silent.listen(2) == []
        assert await silent.ping_is_answered()
        assert await (await on.client.public(venue)).listen(2)
    async with stand(f"subscription_refused:venue={venue},count=1", alive=True) as on:
        socket = await on.client.socket(venue)
        if venue == "mexc_spot":
            told = await socket.subscribe("spot@public.aggre.deals.v3.api.pb@100ms@BTCUSDT")
            assert "Not Subscribed" in told["msg"]
        else:
            told = await socket.subscribe(f"{venue.removeprefix('gate_')}.trades", payload=["BTC_USDT"])
            assert told["error"]["code"]
            assert told["result"] == {"status": "fail"}
        assert await socket.listen(1) == []


@pytest.mark.parametrize("venue", ["gate_spot", "gate_futures"])
async def test_a_silent_market_leaves_the_others_of_its_channel(autojump_clock: Any, stand: Any, venue: str) -> None:
    """One channel for two markets on one socket: the first says nothing until it is asked for again."""
    two = FakesConfig(symbols=("BTC/USDT", "ETH/USDT"))
    async with stand(f"subscription_silent:venue={venue},count=1", config=two, alive=True) as on:
        socket, channel = await on.client.socket(venue), f"{venue.removeprefix('gate_')}.order_book_update"
        for name in ("BTC_USDT", "ETH_USDT"):
            await socket.subscribe(channel, payload=[name, "100ms"])
        assert {push["result"]["s"] for push in await socket.listen(3)} == {"ETH_USDT"}
        await socket.subscribe(channel, payload=["BTC_USDT", "100ms"])
        assert {push["result"]["s"] for push in await socket.listen(3)} == {"BTC_USDT", "ETH_USDT"}


async def test_a_refused_channel_leaves_the_others_of_its_frame(autojump_clock: Any, stand: Any) -> None:
    """MEXC is asked for three channels at once: one is refused, and the venue hears of the other two."""
    names = [f"spot@public.aggre.{kind}.v3.api.pb@100ms@BTCUSDT" for kind in ("deals", "depth", "bookTicker")]
    async with stand("subscription_refused:venue=mexc_spot,count=1", alive=True) as on:
        socket = await on.client.socket("mexc_spot")
        told = [await socket.subscribe(*names), *await socket.answers()]
        (refused,) = [answer["msg"] for answer in told if answer["msg"].startswith("Not Subscribed")]
        assert f"[{names[0]}]" in refused
        assert [answer["msg"] for answer in told if answer["msg"] != refused] == [",".join(names[1:])]
        pushes = await socket.listen(3)
        assert all(b"aggre.depth" in push or b"aggre.bookTicker" in push for push in pushes)
        assert any(b"aggre.depth" in push for push in pushes)
        assert len(on.strikes()) == 1


async def test_frames_are_spoiled_and_huge(autojump_clock: Any, stand: Any) -> None:
    """A spoiled frame is not JSON any more, a huge one is as big as asked; the next ones are good."""
    async with stand("frame_malformed:venue=gate_spot", alive=True) as on:
        pushes = await (await on.client.public("gate_spot")).listen(1)
        assert isinstance(pushes[0], str)
        assert all(isinstance(push, dict) for push in pushes[1:])
    async with stand("huge_frame:venue=mexc_spot,size=300000", alive=True) as on:
        pushes = await (await on.client.public("mexc_spot")).listen(1)
        assert len(pushes[0]["a"]) == 300_000
        assert gaps(pushes[1:]) == 0


async def test_old_public_frames_come_again(autojump_clock: Any, stand: Any) -> None:
    """After a present increment an old one of the same channel comes, ids and all."""
    async with stand(alive=True) as on:
        seen = [ids(push) for push in await increments(on, "gate_futures", "public_replayed:back=3,count=2")]
        assert len(seen) - len(set(seen)) == 2
        assert sum(after < before for before, after in itertools.pairwise(seen)) == 2


async def test_pings_flood_and_are_survived(autojump_clock: Any, stand: Any) -> None:
    """A client that answers pings is sent hundreds of them, and data between."""
    async with stand("ping_flood:venue=gate_spot,at=1,for=2,per_s=100", alive=True) as on:
        socket = await on.client.public("gate_spot")
        assert len(await socket.listen(4)) > 10
        assert await socket.ping_is_answered()


async def test_an_order_call_on_a_socket_is_lost_or_doubled(autojump_clock: Any, stand: Any) -> None:
    """Network faults strike Gate's WebSocket API by the same names as REST; a text saves from the second order."""
    for fault, text, orders in (
        ("request_lost", "t-a", 0), ("request_duplicated", "t-a", 1), ("request_duplicated", "", 2)
    ):  # fmt: skip
        async with stand(f"{fault}:venue=gate_spot,path=creates") as on:
            socket = await on.client.socket("gate_spot")
            await socket.login()
            await socket.order(on.far("gate_spot"), text)
            await on.wait(1)
            assert len(await on.client.open_ids("gate_spot")) == orders
            (strike,) = on.strikes()
            assert (strike.method, strike.path, strike.client_id) == ("WS", "spot.order_place", text.removeprefix("t-"))


CALLS = ("gate_spot", "gate_futures")


@pytest.mark.parametrize("venue", CALLS)
@pytest.mark.parametrize(
    ("fault", "status", "label", "orders"),
    [
        ("order_rejected:reason=risk_control", "403", "FORBIDDEN", 0), ("rate_limited", "429", "TOO_MANY_REQUESTS", 0),
        ("server_error", "500", "SERVER_ERROR", 0), ("server_error:handled=true", "500", "SERVER_ERROR", 1),
        ("error_in_200", "200", "SERVER_ERROR", 1),
    ],
)  # fmt: skip
async def test_an_order_call_on_a_socket_is_refused(
    autojump_clock: Any, stand: Any, venue: str, fault: str, status: str, label: str, orders: int
) -> None:
    """In the venue's own frame, once; the order is there where the fault says that it took effect."""
    more = f"venue={venue},path=creates,count=1"
    async with stand(f"{fault},{more}" if ":" in fault else f"{fault}:{more}") as on:
        socket = await on.client.socket(venue)
        await socket.login()
        await socket.order(on.far(venue), "t-a")
        *before, last = await socket.answers()
        assert len(before) == orders, "the acknowledgement of what the venue heard"
        assert (last["request_id"], last["header"]["status"]) == ("2", status)
        assert last["header"]["channel"] == f"{venue.removeprefix('gate_')}.order_place"
        assert last["data"]["errs"]["label"] == label
        assert last["data"]["errs"]["message"].startswith("label: ") == (status != "429")
        assert len(await on.client.open_ids(venue)) == orders
        (strike,) = on.strikes()
        assert (strike.method, strike.client_id) == ("WS", "a")
        await socket.order(on.far(venue), "t-b")
        ack, result = await socket.answers()
        assert (ack["ack"], result["header"]["status"]) == (True, "200")
        assert "result" in result["data"]


@pytest.mark.parametrize("venue", CALLS)
async def test_the_answer_to_an_order_call_is_lost(autojump_clock: Any, stand: Any, venue: str) -> None:
    """Acknowledgement and result; the order lives, and so does the socket."""
    async with stand(f"reply_lost:venue={venue},path=creates,count=1") as on:
        socket = await on.client.socket(venue)
        await socket.login()
        await socket.order(on.far(venue), "t-a")
        assert await socket.answers() == []
        assert await on.client.open_ids(venue) == ["a"]
        await socket.order(on.far(venue), "t-b")
        assert len(await socket.answers()) == 2
        assert len(on.strikes()) == 1


@pytest.mark.parametrize("venue", CALLS)
async def test_an_order_of_a_socket_is_filled_in_part(autojump_clock: Any, stand: Any, venue: str) -> None:
    """The book is what it is for REST: half of it within the price."""
    async with stand(f"partial_fill:venue={venue},fraction=0.5") as on:
        socket = await on.client.socket(venue)
        await socket.login()
        await socket.order(on.good(venue), "t-a")
        assert len(await socket.answers()) == 2
        fills = await on.client.fills(venue)
        filled = sum(abs(Decimal(str(fill.get("amount") or fill["size"]))) for fill in fills)
        assert filled == Decimal(QUANTITY[venue]) / 2
        assert len(on.strikes()) == 1


async def _place(on: Any, venue: str, over: str, price: str) -> None:
    """One order over REST or a socket, answered."""
    if over == "REST":
        assert (await on.client.create(venue, "buy", QUANTITY[venue], price, "a")).status in {200, 201}
        return
    socket = await on.client.socket(venue)
    await socket.login()
    await socket.order(price, "t-a")
    for _ in ("acknowledgement", "result"):
        assert await socket.answer() is not None


@pytest.mark.parametrize("over", ["REST", "WS"])
@pytest.mark.parametrize("venue", CALLS)
async def test_an_order_that_is_late_is_struck_when_it_arrives(
    autojump_clock: Any, stand: Any, venue: str, over: str
) -> None:
    """The book is whole while the order is on its way; then somebody is quicker."""
    late = f"request_delayed:venue={venue},path=creates,delay_s=2"
    async with stand(late, f"partial_fill:venue={venue},fraction=0.5") as on:
        asks = on.world.exchange.depth(venue, "BTC/USDT").asks
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_place, on, venue, over, on.good(venue))
            await on.wait(1)
            assert [strike.name for strike in on.strikes()] == ["request_delayed"]
            assert on.world.exchange.depth(venue, "BTC/USDT").asks == asks
        assert [strike.name for strike in on.strikes()] == ["request_delayed", "partial_fill"]
        fills = await on.client.fills(venue)
        filled = sum(abs(Decimal(str(fill.get("amount") or fill["size"]))) for fill in fills)
        assert filled == Decimal(QUANTITY[venue]) / 2


async def test_an_order_that_expires_on_its_way_is_the_venues_to_refuse(autojump_clock: Any, stand: Any) -> None:
    """Good for a second when it is sent, heard after two."""
    async with stand("request_delayed:venue=gate_spot,path=creates,delay_s=2", "partial_fill:venue=gate_spot") as on:
        socket = await on.client.socket("gate_spot")
        await socket.login()
        expiry = str(on.world.clock.ms("gate_spot") + 1_000)
        await socket.order(on.good("gate_spot"), "t-a", **{"x-gate-exptime": expiry})
        last = (await socket.answers(3.0))[-1]
        assert last["data"]["errs"]["label"] == "REQUEST_EXPIRED"
        assert on.strikes("partial_fill") == []


@pytest.mark.parametrize("over", ["REST", "WS"])
@pytest.mark.parametrize("venue", CALLS)
async def test_an_order_that_comes_twice_is_answered_not_once(
    autojump_clock: Any, stand: Any, unanswered: Any, venue: str, over: str
) -> None:
    """When its reply is lost as well: two orders, and no word of either."""
    twice = f"request_duplicated:venue={venue},path=creates,gap_s=0.5"
    async with stand(f"reply_lost:venue={venue},path=creates", twice) as on:
        if over == "REST":
            with pytest.raises(unanswered):
                await on.client.create(venue, "buy", QUANTITY[venue], on.far(venue))
        else:
            socket = await on.client.socket(venue)
            await socket.login()
            await socket.order(on.far(venue), "")
            assert await socket.answers() == []
        assert len(await on.client.open_ids(venue)) == 2


@pytest.mark.parametrize("venue", CALLS)
async def test_a_cancel_on_a_socket_meets_a_fill(autojump_clock: Any, stand: Any, venue: str) -> None:
    """It is told that the order is gone, and the fill comes a while later."""
    async with stand(f"cancel_meets_fill:venue={venue},fill_after_s=2") as on:
        socket = await on.client.socket(venue)
        await socket.login()
        made = await on.client.create(venue, "buy", QUANTITY[venue], on.far(venue), "a")
        await socket.cancel(made.value["id"])
        (told,) = await socket.answers()
        assert (told["header"]["status"], told["data"]["errs"]["label"]) == ("404", "ORDER_NOT_FOUND")
        assert await on.client.fills(venue) == []
        await on.wait(2)
        assert len(await on.client.fills(venue)) == 1
        assert await on.client.open_ids(venue) == []


@pytest.mark.parametrize("fault", ["order_rejected", "partial_fill"])
async def test_an_expired_order_is_the_venues_to_refuse(autojump_clock: Any, stand: Any, fault: str) -> None:
    """It is refused as expired, whatever waits for orders."""
    async with stand(f"{fault}:venue=gate_spot,on_nth=1") as on:
        socket = await on.client.socket("gate_spot")
        await socket.login()
        await socket.order(on.far("gate_spot"), "t-a", **{"x-gate-exptime": "1"})
        last = (await socket.answers())[-1]
        assert last["data"]["errs"]["label"] == "REQUEST_EXPIRED"
        assert on.strikes() == []
        await socket.order(on.far("gate_spot"), "t-b")
        await socket.answers()
        assert [strike.client_id for strike in on.strikes()] == ["b"]
