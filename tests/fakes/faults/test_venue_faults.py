"""Answers that are old or wrong, orders that meet something, markets, accounts and clocks that change."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from dnbot.fakes.config import FakesConfig
from dnbot.fakes.faults import FaultRefused
from dnbot.fakes.faults_worlds import OF_OUTSIDERS
from dnbot.fakes.market_params import SCRIPTED
from dnbot.fakes.records import EXTERNAL, VENUES
from dnbot.fakes.universe import invented_name, symbol_params

QUANTITY = {"gate_spot": "0.001", "gate_futures": "10", "mexc_spot": "0.001"}
GONE = {
    "gate_spot": ("label", "ORDER_NOT_FOUND"),
    "gate_futures": ("label", "ORDER_NOT_FOUND"),
    "mexc_spot": ("code", -2011),
}


async def position(on: Any) -> Decimal:
    """Size of the BTC position as REST has it."""
    answer = await on.client.gate("GET", "/futures/usdt/positions/BTC_USDT")
    return Decimal(str(answer.value["size"]))


@pytest.mark.parametrize("venue", VENUES)
async def test_a_cancel_meets_a_fill_on_its_way(autojump_clock: Any, stand: Any, venue: str) -> None:
    """The cancel is told that the order is gone; nothing is filled yet; then all of it is, at its price."""
    async with stand(f"cancel_meets_fill:venue={venue},fill_after_s=0.5") as on:
        made = await on.client.create(venue, "buy", QUANTITY[venue], on.far(venue), "a")
        told = await on.client.cancel(venue, made)
        key, value = GONE[venue]
        assert told.value[key] == value
        assert await on.client.fills(venue) == []
        await on.wait(1)
        (fill,) = await on.client.fills(venue)
        assert await on.client.open_ids(venue) == []
        assert Decimal(str(fill["price"])) == Decimal(str(made.value["price"]))


@pytest.mark.parametrize("venue", VENUES)
async def test_an_order_is_filled_in_part(autojump_clock: Any, stand: Any, venue: str) -> None:
    """An immediate order gets half of what it asked for within its price, and what it does not get is gone."""
    async with stand(f"partial_fill:venue={venue},fraction=0.5") as on:
        await on.client.create(venue, "buy", QUANTITY[venue], on.good(venue), "a", "ioc")
        fills = await on.client.fills(venue)
        filled = sum(abs(Decimal(str(fill.get("qty") or fill.get("amount") or fill["size"]))) for fill in fills)
        assert filled == Decimal(QUANTITY[venue]) / 2
        assert await on.client.open_ids(venue) == []


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("reason", ["balance", "size", "price", "suspended", "post_only", "risk_control"])
async def test_an_order_is_refused_for_good(autojump_clock: Any, stand: Any, venue: str, reason: str) -> None:
    """A definite no with a label or a code, and no order."""
    async with stand(f"order_rejected:venue={venue},reason={reason},count=1") as on:
        answer = await on.client.create(venue, "buy", QUANTITY[venue], on.far(venue), "a")
        assert answer.status in {400, 403}
        assert answer.value["code" if venue == "mexc_spot" else "label"]
        assert await on.client.open_ids(venue) == []
        assert (await on.client.create(venue, "buy", QUANTITY[venue], on.far(venue), "b")).status in {200, 201}


@pytest.mark.parametrize("venue", VENUES)
async def test_lists_do_not_know_what_is_young(autojump_clock: Any, stand: Any, venue: str) -> None:
    """Orders and trades appear in reads only after the lag, whole."""
    async with stand(f"lists_lag:venue={venue},lag_s=2") as on:
        made = await on.client.create(venue, "buy", QUANTITY[venue], on.far(venue), "a")
        await on.client.create(venue, "buy", QUANTITY[venue], on.good(venue), "b", "ioc")
        assert await on.client.open_ids(venue) == []
        assert await on.client.fills(venue) == []
        assert (await one_order(on, venue, made)).status in {400, 404}
        await on.wait(2.5)
        assert await on.client.open_ids(venue) == ["a"]
        assert len(await on.client.fills(venue)) == 1
        assert (await one_order(on, venue, made)).status == 200


async def one_order(on: Any, venue: str, made: Any) -> Any:
    """Ask for one order by its id."""
    if venue == "mexc_spot":
        return await on.client.mexc("GET", "/order", symbol="BTCUSDT", orderId=made.value["orderId"])
    if venue == "gate_spot":
        return await on.client.gate("GET", f"/spot/orders/{made.value['id']}", "currency_pair=BTC_USDT")
    return await on.client.gate("GET", f"/futures/usdt/orders/{made.value['id']}")


async def test_old_books_are_real_ones_of_before(autojump_clock: Any, stand: Any) -> None:
    """REST shows the book of a while ago in the venue's own form; the stream shows the present one."""
    async with stand(alive=True) as on:
        await on.wait(1)
        on.switch_on("rest_book_stale:age_s=5")
        before = {venue: await on.client.top(venue) for venue in VENUES}
        await on.wait(3)
        for venue in VENUES:
            assert await on.client.top(venue) == before[venue]
        await on.wait(10)
        assert any([await on.client.top(venue) != before[venue] for venue in VENUES])
        assert len(on.strikes("rest_book_stale")) == 9


async def test_refusals_for_time_and_permission_are_the_venues(autojump_clock: Any, stand: Any) -> None:
    """Signed calls alone are refused, with the code and label that the documents have."""
    async with stand("auth_time_refused:for=5", "permission_refused:at=5") as on:
        for time_said, wait_s in ((("REQUEST_EXPIRED", 700003), 6), (("FORBIDDEN", 700007), 0)):
            gate = await on.client.gate("GET", "/spot/accounts")
            mexc = await on.client.mexc("GET", "/account")
            assert (gate.value["label"], mexc.value["code"]) == time_said
            assert (await on.client.time("mexc_spot")).status == 200
            await on.wait(wait_s)


async def test_a_rate_limit_says_how_long(autojump_clock: Any, stand: Any) -> None:
    """429 with Gate's label; MEXC's 418 with Retry-After."""
    async with stand("rate_limited:venue=gate_spot", "rate_limited:venue=mexc_spot,status=418,retry_after_s=7") as on:
        gate, mexc = await on.client.time("gate_spot"), await on.client.time("mexc_spot")
        assert (gate.status, gate.value["label"]) == (429, "TOO_MANY_REQUESTS")
        assert (mexc.status, mexc.headers["retry-after"]) == (418, "7")


async def test_clocks_lie_in_two_ways(autojump_clock: Any, stand: Any) -> None:
    """A skewed clock refuses signatures of right time; a lying time endpoint refuses nothing."""
    lie, skew = "server_time_lies:venue=mexc_spot,ahead_ms=9000,for=5", "clock_skewed:venue=gate,at=5,ahead_ms=90000"
    async with stand(lie, skew) as on:
        now_ms = on.world.clock.ms()
        assert 8_900 < (await on.client.time("mexc_spot")).value["serverTime"] - now_ms < 9_100
        assert (await on.client.mexc("GET", "/account")).status == 200
        assert (await on.client.gate("GET", "/spot/accounts")).status == 200
        await on.wait(6)
        assert (await on.client.gate("GET", "/spot/accounts")).value["label"] == "REQUEST_EXPIRED"
        assert (await on.client.mexc("GET", "/account")).status == 200
        on.switch_on("clock_drifts:venue=mexc_spot,ms_per_s=100")
        before = on.world.clock.ms("mexc_spot") - on.world.clock.ms()
        await on.wait(10)
        assert on.world.clock.ms("mexc_spot") - on.world.clock.ms() - before == pytest.approx(1_000, abs=100)


async def test_a_hole_in_the_book_begins_with_the_request(autojump_clock: Any, stand: Any) -> None:
    """The second order finds nothing within its price, and what it wanted stands behind the hole."""
    async with stand("liquidity_gone:venue=gate_futures,path=creates,on_nth=2,bps=80,for=2", alive=True) as on:
        for number, filled in ((1, 10), (2, 0)):
            price = on.good("gate_futures", "sell")
            answer = await on.client.create("gate_futures", "sell", "10", price, f"s-{number}", "ioc")
            assert abs(answer.value["size"]) - abs(answer.value["left"]) == filled
        bid, ask = await on.client.top("gate_futures")
        assert (ask - bid) / bid > Decimal("0.015")
        await on.wait(3)
        bid, ask = await on.client.top("gate_futures")
        assert (ask - bid) / bid < Decimal("0.001")
        (strike,) = on.strikes()
        assert (strike.path, strike.client_id) == ("/api/v4/futures/usdt/orders", "s-2")


async def test_what_a_request_began_begins_once_and_ends(autojump_clock: Any, stand: Any) -> None:
    """A second request while it lasts changes nothing more, and after it all is as it was before the first."""
    begun = ("liquidity_gone:venue=mexc_spot", "edge_spoofed:venue=gate_spot", "clock_skewed:venue=gate")
    async with stand(*(f"{fault},path=creates,for=2" for fault in begun)) as on:
        for number in range(2):
            for venue in ("gate_spot", "mexc_spot"):
                await on.client.create(venue, "buy", "0.001", on.far(venue), f"a-{number}")
            await on.wait(1)
        assert sorted(a.name for a in on.strikes()) == ["clock_skewed", "edge_spoofed", "liquidity_gone"]
        await on.wait(2)
        assert on.world.faults.bends == []
        assert not any(on.world.clock.skew_ns.values())


@pytest.mark.parametrize(
    "fault", ["symbol_suspended", "market_halted", "price_offset:factor=12", "liquidity_gone", "edge_spoofed"]
)
async def test_after_a_fault_the_book_is_what_its_makers_think(autojump_clock: Any, stand: Any, fault: str) -> None:
    """No quote of theirs is left that they forgot, none is missing that they count on, and all are near the price."""
    async with stand(alive=True) as on:
        await on.wait(1)
        key = on.switch_on(fault)
        await on.wait(5)
        on.world.faults.switch_off(key)
        model = on.world.models["BTC/USDT"]
        for venue in VENUES:
            makers, book = model._ladders[venue], on.world.exchange.state.markets[venue, "BTC/USDT"]
            outside = {order.order_id: order.price for order in book.orders() if order.owner == EXTERNAL}
            assert set(outside) == {*makers.bids.values(), *makers.asks.values()}
            assert outside
            assert all(abs(float(price) / model.fair(venue) - 1) < 0.1 for price in outside.values())


AROUND = ("market_halted", "venue_pause", "symbol_suspended", "edge_spoofed")
ENDING = ("market_halted", "symbol_suspended", "price_offset:factor=12", "liquidity_gone", "edge_spoofed")


@pytest.mark.parametrize(("ending", "around"), [(e, a) for e in ENDING for a in AROUND if e != a])
async def test_a_fault_that_ends_inside_another_leaves_it_its_book(
    autojump_clock: Any, stand: Any, ending: str, around: str
) -> None:
    """What stands still keeps quotes on both sides, and a bait stays; when both are over, all is its makers' again."""
    async with stand() as on:
        on.step_market()
        first, second = on.switch_on(ending), on.switch_on(around)
        books = {venue: on.world.exchange.state.markets[venue, "BTC/USDT"] for venue in VENUES}
        bait = {f"edge_spoofed-BTC/USDT-{side}" for side in ("buy", "sell")}
        on.world.faults.switch_off(first)
        for _ in range(2):
            for book in books.values():
                assert book.best("buy") is not None
                assert book.best("sell") is not None
                assert around != "edge_spoofed" or bait <= {order.order_id for order in book.orders()}
            on.step_market()
        on.world.faults.switch_off(second)
        for venue, book in books.items():
            makers = on.world.models["BTC/USDT"]._ladders[venue]
            assert {order.order_id for order in book.orders()} == {*makers.bids.values(), *makers.asks.values()}
        assert (on.world.faults.bends, on.world.faults.halts, on.world.faults.placed) == ([], [], {})


@pytest.mark.parametrize("fault", ["market_halted", "symbol_suspended", "price_offset:bps=50", "liquidity_gone"])
async def test_the_end_of_a_fault_moves_no_later_price(autojump_clock: Any, stand: Any, fault: str) -> None:
    """Outsiders quote anew, and every price from then on is what it would have been."""

    async def path(*faults: str) -> list[float]:
        async with stand() as on:
            on.step_market(7)
            keys = [on.switch_on(one) for one in faults]
            on.step_market(8)
            for key in keys:
                on.world.faults.switch_off(key)
            found = []
            for _ in range(60):
                on.step_market(1)
                found.append(on.world.models["BTC/USDT"].position.fundamental)
            return found

    assert await path(fault) == await path()


@pytest.mark.parametrize(
    "fault",
    [
        *(f"{name}:symbol=BTCUSDT" for name in ("liquidity_gone", "price_offset", "edge_spoofed", "symbol_suspended")),
        "instruments_change:symbol=BTCUSDT,price_band=0.3", "traded_by_hand:symbol=BTCUSDT",
        "traded_by_hand:quantity=1000000", "traded_by_hand:uid=nobody", "leverage_changes:leverage=100000",
    ],
)  # fmt: skip
async def test_what_would_change_nothing_is_refused(autojump_clock: Any, stand: Any, fault: str) -> None:
    """An unknown symbol or account, and what every venue refuses, strike nothing."""
    async with stand() as on:
        await on.client.create("gate_futures", "buy", "10", on.good("gate_futures"), "a", "ioc")
        with pytest.raises(FaultRefused):
            on.switch_on(fault)
        assert (on.strikes(), on.world.faults.armed) == ([], {})


async def test_what_changes_something_strikes_once(autojump_clock: Any, stand: Any) -> None:
    """A hand trades where it can, though one venue refuses it; what is suspended cannot be suspended again."""
    async with stand() as on:
        on.switch_on("traded_by_hand:quantity=0.001")
        assert [venue for venue in VENUES if await on.client.fills(venue)] == ["gate_spot", "mexc_spot"]
        on.switch_on("symbol_suspended")
        with pytest.raises(FaultRefused, match="closed already"):
            on.switch_on("symbol_suspended")
        assert [strike.name for strike in on.strikes()] == ["traded_by_hand", "symbol_suspended"]


async def test_a_halted_market_stands_still_and_thaws(autojump_clock: Any, stand: Any) -> None:
    """One book does not change while the others do; afterwards it is an ordinary, uncrossed book again."""
    async with stand("market_halted:venue=mexc_spot,at=1,for=10", alive=True) as on:
        await on.wait(1.1)
        halted, moving = await on.client.top("mexc_spot"), await on.client.top("gate_spot")
        await on.wait(8)
        assert await on.client.top("mexc_spot") == halted
        assert await on.client.top("gate_spot") != moving
        await on.wait(5)
        bid, ask = await on.client.top("mexc_spot")
        assert bid < ask
        assert (bid, ask) != halted


async def test_prices_jump_everywhere_and_the_mark_with_them(autojump_clock: Any, stand: Any) -> None:
    """Ten percent in one step, on all three venues."""
    async with stand("price_jumps:at=2,bps=1000", alive=True) as on:
        before = {venue: (await on.client.top(venue))[0] for venue in VENUES}
        await on.wait(4)
        for venue in VENUES:
            assert (await on.client.top(venue))[0] / before[venue] == pytest.approx(Decimal("1.1"), abs=Decimal("0.01"))


async def test_symbols_without_a_contract_bear_every_fault(autojump_clock: Any, stand: Any) -> None:
    """Their price jumps with the others; funding is of those that have a contract."""
    name = next(n for n in map(invented_name, range(100)) if "gate_futures" not in symbol_params(n, 1).venues)
    async with stand(config=FakesConfig(symbols=("BTC/USDT", name))) as on:
        before = on.world.models[name].position.fundamental
        for fault in ("price_jumps:bps=1000", "funding_changes", "funding_settles"):
            on.switch_on(fault)
        assert on.world.models[name].position.fundamental == pytest.approx(before * 1.1)
        assert (len(on.world.exchange.fundings("BTC/USDT")), on.world.exchange.fundings(name)) == (1, [])
        assert list(on.world.exchange.state.marks) == ["BTC/USDT"]


@pytest.mark.parametrize("tick", ["0.01", "10"])
@pytest.mark.parametrize("venue", VENUES)
async def test_another_tick_is_that_of_the_book_too(autojump_clock: Any, stand: Any, venue: Any, tick: str) -> None:
    """Makers quote on it, orders rest on it, and of those that wait the ones between its prices are cancelled."""
    async with stand() as on:
        here, step = Decimal(on.far(venue)) // 10 * 10, Decimal(tick)
        kept = await on.client.create(venue, "buy", QUANTITY[venue], str(here), "kept")
        await on.client.create(venue, "buy", QUANTITY[venue], str(here + Decimal("0.1")), "between")
        on.switch_on(f"instruments_change:venue={venue},price_tick={tick}")
        for _ in range(2):
            book = on.world.exchange.depth(venue, "BTC/USDT", 1000)
            assert len(book.bids) > 3
            assert len(book.asks) > 3
            assert all(price % step == 0 for price, _ in (*book.bids, *book.asks))
            on.step_market()
        made = await on.client.create(venue, "buy", QUANTITY[venue], str(here + step), "finer")
        assert made.status in {200, 201}
        assert set(await on.client.open_ids(venue)) == {"kept", "finer"} | ({"between"} if tick == "0.01" else set())
        assert here + step in dict(on.world.exchange.depth(venue, "BTC/USDT", 1000).bids)
        assert (await on.client.cancel(venue, kept)).status == 200
        assert here not in dict(on.world.exchange.depth(venue, "BTC/USDT", 1000).bids)


async def test_a_book_that_is_scripted_keeps_its_tick(autojump_clock: Any, stand: Any) -> None:
    """Its prices are the script's; what is no tick is refused as well."""
    for config, tick in ((FakesConfig(market="scripted"), "1"), (FakesConfig(), "0")):
        async with stand(config=config) as on:
            with pytest.raises(FaultRefused, match="tick"):
                on.switch_on(f"instruments_change:price_tick={tick}")
            assert on.world.exchange.instrument("gate_spot", "BTC/USDT").price_tick == Decimal("0.1")
            assert on.world.faults.armed == {}


async def test_nobody_withdraws_more_than_is_free(autojump_clock: Any, stand: Any) -> None:
    """Asked for now it is refused, and nothing moves anywhere; begun by a request it strikes nothing."""
    async with stand() as on:
        for wanted in ("amount=-20001", "asset=SHIB,amount=-1", "venue=mexc_spot,amount=-20001"):
            with pytest.raises(FaultRefused, match="free"):
                on.switch_on(f"money_moves:{wanted}")
        totals = {venue: on.world.exchange.balances(venue, "10001")["USDT"].total for venue in VENUES}
        assert totals == {"gate_spot": 20000, "gate_futures": 10000, "mexc_spot": 20000}
        assert (on.strikes(), on.world.faults.armed) == ([], {})
        on.switch_on("money_moves:venue=mexc_spot,amount=-20000,path=creates")
        for number in range(2):
            answer = await on.client.create("mexc_spot", "buy", "0.001", on.far("mexc_spot"), f"a-{number}")
            assert answer.status == 400
        assert len(on.strikes("money_moves")) == 1


@pytest.mark.parametrize("name", sorted(OF_OUTSIDERS))
async def test_a_scripted_market_cannot_be_bent(autojump_clock: Any, stand: Any, name: str) -> None:
    """What would strike and change nothing is refused when it is asked for, for later too."""
    async with stand(config=FakesConfig(market=SCRIPTED)) as on:
        for wanted in (name, f"{name}:at=5"):
            with pytest.raises(FaultRefused, match=f"{name} cannot be here: a scripted market"):
                on.switch_on(wanted)
        assert on.strikes() == []
        assert on.world.faults.armed == {}


async def test_recorded_prices_and_rates_cannot_be_changed(autojump_clock: Any, stand: Any) -> None:
    """The next recorded price would undo a jump; where no rate is recorded, another one is charged."""
    async with stand() as on:
        model = on.world.models["BTC/USDT"]
        model.source = source = SimpleNamespace(tapes={}, perp=lambda _: None, funding_rate=lambda _: Decimal(0))
        for name in ("price_jumps", "funding_changes"):
            with pytest.raises(FaultRefused, match="BTC/USDT is recorded"):
                on.switch_on(name)
        source.funding_rate = lambda _: None
        on.switch_on("funding_changes")
        on.switch_on("market_halted")
        assert on.world.exchange.mark("BTC/USDT").funding_rate < 0


async def test_a_rate_that_follows_the_basis_is_changed_too(autojump_clock: Any, stand: Any) -> None:
    """The realistic market makes its own rate until the fault says another."""
    async with stand(config=FakesConfig(market="realistic")) as on:
        on.switch_on("funding_changes:rate=0.002")
        rate = on.world.exchange.mark("BTC/USDT").funding_rate
        assert rate == pytest.approx(Decimal("0.002"), abs=Decimal("0.001"))


async def test_maintenance_refuses_and_then_everything_is_gone(autojump_clock: Any, stand: Any) -> None:
    """503 for a while, although the order rests; after it the order is cancelled."""
    async with stand() as on:
        await on.client.create("gate_spot", "buy", "0.001", on.far("gate_spot"), "a")
        on.switch_on("maintenance:venue=gate_spot,for=10")
        assert (await on.client.gate("GET", "/spot/accounts")).status == 503
        assert on.world.audit()["open_orders"]
        await on.wait(11)
        assert await on.client.open_ids("gate_spot") == []


async def test_the_venue_closes_positions_and_nothing_is_lost(autojump_clock: Any, stand: Any) -> None:
    """Half is deleveraged, half of the rest liquidated; sums over all accounts stay what they were."""
    async with stand() as on:
        await on.client.create("gate_futures", "sell", "40", on.good("gate_futures", "sell"), "a", "ioc")
        before = on.world.exchange.state.accounts.totals()
        on.switch_on("position_deleveraged")
        assert await position(on) == -20
        on.switch_on("position_liquidated")
        assert await position(on) == -10
        assert on.world.exchange.state.accounts.totals() == before
        reasons = [order["finish_as"] for order in on.world.audit()["orders"]]
        assert reasons[1:] == ["auto_deleveraged", "liquidated"]


async def test_what_others_do_with_the_account_is_seen(autojump_clock: Any, stand: Any) -> None:
    """Trades by hand, money that moves, leverage, dual mode, suspended markets: REST tells each."""
    async with stand() as on:
        on.switch_on("traded_by_hand:venue=gate_futures,side=sell,quantity=7")
        assert await position(on) == -7
        on.switch_on("money_moves:venue=mexc_spot,asset=USDT,amount=-500")
        (usdt,) = (await on.client.mexc("GET", "/account")).value["balances"]
        assert usdt == {"asset": "USDT", "free": "19500", "locked": "0"}
        on.switch_on("leverage_changes:leverage=3")
        assert (await on.client.gate("GET", "/futures/usdt/positions/BTC_USDT")).value["leverage"] == "3"
        key = on.switch_on("symbol_suspended:venue=mexc_spot")
        assert (await on.client.create("mexc_spot", "buy", "0.001", on.far("mexc_spot"))).value["code"] == 30000
        on.world.faults.switch_off(key)
        assert (await on.client.create("mexc_spot", "buy", "0.001", on.far("mexc_spot"))).status == 200
        on.switch_on("orders_vanish:venue=mexc_spot")
        assert await on.client.open_ids("mexc_spot") == []


async def test_the_least_worth_of_an_order_is_of_spot_alone(autojump_clock: Any, stand: Any) -> None:
    """Gate's contracts publish no such thing, so nothing is refused for it that a client could not know."""
    async with stand() as on:
        on.switch_on("instruments_change:notional_min=20")
        least = {venue: on.world.exchange.instrument(venue, "BTC/USDT").notional_min for venue in VENUES}
        assert least == {"gate_spot": 20, "gate_futures": 0, "mexc_spot": 20}


async def test_an_audit_tells_what_struck(autojump_clock: Any, stand: Any, unanswered: Any) -> None:
    """audit.json has the plan, the scenario and every strike with its request."""
    async with stand(scenario="timeout_but_delivered") as on:
        with pytest.raises(unanswered):
            await on.client.create("mexc_spot", "buy", "0.001", on.far("mexc_spot"), "a")
        told = on.world.audit()["faults"]
        assert told["scenario"] == "timeout_but_delivered"
        fault = {"name": "reply_lost", "path": "creates", "on_nth": 1, "key": "reply_lost"}
        assert told["plan"] == {"seed": 1, "fault": [fault]}
        (strike,) = told["activations"]
        assert (strike["code"], strike["venue"], strike["client_id"]) == ("N03", "mexc_spot", "a")
