"""Each named scenario, in memory: a plain client sees exactly what its sentence says."""

from __future__ import annotations

import itertools
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dnbot.fakes.config import FakesConfig
from dnbot.fakes.faults import FaultRefused
from dnbot.fakes.records import VENUES
from dnbot.fakes.scenarios import list_scenarios, scenario_of
from dnbot.fakes.scenarios_catalogue import ELSEWHERE, SCENARIOS

D = Decimal
ROOT = Path(__file__).resolve().parents[3]
TABLE = ROOT.parent / "shared" / "scenarios.md"


async def position(on: Any) -> Any:
    """The BTC position over REST."""
    return (await on.client.gate("GET", "/futures/usdt/positions/BTC_USDT")).value


async def sell(on: Any, size: str = "10", client_id: str = "s") -> Any:
    """Go short on the perpetual, at once."""
    price = on.good("gate_futures", "sell")
    return await on.client.create("gate_futures", "sell", size, price, client_id, "ioc")


async def test_mexc_cancel_fill_2011(autojump_clock: Any, stand: Any) -> None:
    """-2011 "Order filled." while nothing is filled; 0.2 s later all of it is; the next cancel is an ordinary one."""
    async with stand(scenario="mexc_cancel_fill_2011") as on:
        private = await on.client.private("mexc_spot")
        made = await on.client.create("mexc_spot", "buy", "0.001", on.far("mexc_spot"), "a")
        await private.listen(0.1)
        told = await on.client.cancel("mexc_spot", made)
        assert (told.status, told.value) == (400, {"code": -2011, "msg": "Order filled."})
        assert await on.client.fills("mexc_spot") == []
        assert len(await private.listen(0.5)) == 2, "the order and its deal"
        (fill,) = await on.client.fills("mexc_spot")
        assert D(fill["qty"]) == D("0.001")
        second = await on.client.create("mexc_spot", "buy", "0.001", on.far("mexc_spot"), "b")
        assert (await on.client.cancel("mexc_spot", second)).status == 200


async def test_gate_position_reads_zero(autojump_clock: Any, stand: Any) -> None:
    """The position is -10 by the fill and by the stream, 0 by REST for 3 s, and -10 then."""
    async with stand(scenario="gate_position_reads_zero") as on:
        socket = await on.client.socket("gate_futures")
        await socket.subscribe("futures.positions", private=True)
        await sell(on)
        (push,) = await socket.listen(0.5)
        assert push["result"][0]["size"] == -10
        assert (await position(on))["size"] == 0
        rows = (await on.client.gate("GET", "/futures/usdt/positions")).value
        assert [row["size"] for row in rows] == [0]
        await on.wait(3)
        assert (await position(on))["size"] == -10


async def test_contract_multiplier(autojump_clock: Any, stand: Any) -> None:
    """Contracts say 0.0001, 1 and 10; after a minute BTC's says 0.001, and the same size is ten times the money."""
    async with stand(scenario="contract_multiplier") as on:
        rows = (await on.client.gate("GET", "/futures/usdt/contracts", signed=False)).value
        assert {row["name"]: row["quanto_multiplier"] for row in rows} == {
            "BTC_USDT": "0.0001", "SOL_USDT": "1", "XRP_USDT": "10",
        }  # fmt: skip
        await on.wait(61)
        contract = (await on.client.gate("GET", "/futures/usdt/contracts/BTC_USDT", signed=False)).value
        assert contract["quanto_multiplier"] == "0.001"
        await sell(on, "2")
        row = await position(on)
        assert D(row["value"]) == pytest.approx(D(row["mark_price"]) * D("0.002"))


async def test_a_contract_is_resized_under_a_position(autojump_clock: Any, stand: Any) -> None:
    """Contracts and entry price stay, so value and profit are ten times as much; what rests rests; funds add up."""
    async with stand(scenario="contract_multiplier") as on:
        await sell(on)
        resting = await on.client.create("gate_futures", "sell", "3", on.far("gate_futures", "sell"), "r")
        before, socket = await position(on), await on.client.socket("gate_futures")
        await socket.subscribe("futures.positions", private=True)
        total = on.world.exchange.state.accounts.totals()["USDT"]
        await on.wait(61)
        after, held = await position(on), on.world.exchange.account("10001").positions["BTC/USDT"]
        assert (after["size"], after["entry_price"]) == (-10, before["entry_price"])
        assert D(after["value"]) == D(after["mark_price"]) * 10 * D("0.001")
        profit = (D(after["entry_price"]) - D(after["mark_price"])) * 10 * D("0.001")
        assert D(after["unrealised_pnl"]) == pytest.approx(profit)
        assert any(push["result"][0]["size"] == -10 for push in await socket.listen(0.1)), "the owner is told"
        (order,) = on.world.exchange.open_orders("gate_futures", "10001")
        assert (order.order_id, order.multiplier) == (str(resting.value["id"]), D("0.001"))
        price = on.good("gate_futures")
        await on.client.create("gate_futures", "buy", "10", price, "c", "ioc")
        assert (held.contracts, held.cost, held.multiplier) == (0, 0, D("0.001"))
        assert on.world.exchange.state.accounts.totals()["USDT"] == total


async def test_gate_market_buy_is_quote(autojump_clock: Any, stand: Any) -> None:
    """An amount of 30 buys for 30 USDT, about half a thousandth of a coin."""
    async with stand(scenario="gate_market_buy_is_quote") as on:
        order = {"currency_pair": "BTC_USDT", "type": "market", "side": "buy", "amount": "30", "time_in_force": "ioc"}
        answer = await on.client.gate("POST", "/spot/orders", body=order)
        assert answer.status == 201
        fills = await on.client.fills("gate_spot")
        spent = sum(D(fill["amount"]) * D(fill["price"]) for fill in fills)
        assert D("29.9") < spent <= 30
        assert sum(D(fill["amount"]) for fill in fills) < D("0.00051")


async def test_base_fee_drift(autojump_clock: Any, stand: Any) -> None:
    """Of a thousandth of a coin bought, less than that arrives, on both spot venues."""
    async with stand(scenario="base_fee_drift") as on:
        for venue in ("gate_spot", "mexc_spot"):
            await on.client.create(venue, "buy", "0.001", on.good(venue), "a", "ioc")
        (gate,), (mexc,) = [await on.client.fills(venue) for venue in ("gate_spot", "mexc_spot")]
        assert (gate["fee_currency"], mexc["commissionAsset"]) == ("BTC", "BTC")
        held = (await on.client.mexc("GET", "/account")).value["balances"]
        (btc,) = [D(row["free"]) for row in held if row["asset"] == "BTC"]
        assert btc == D("0.001") - D(mexc["commission"]) < D("0.001")
        held = (await on.client.gate("GET", "/spot/accounts", "currency=BTC")).value
        assert D(held[0]["available"]) == D("0.001") - D(gate["fee"])


async def test_mexc_partially_cancelled(autojump_clock: Any, stand: Any) -> None:
    """The first immediate order ends PARTIALLY_CANCELED with half of its quantity, the second is filled."""
    async with stand(scenario="mexc_partially_cancelled") as on:
        for name, status, filled in (("a", "PARTIALLY_CANCELED", "0.002"), ("b", "FILLED", "0.004")):
            await on.client.create("mexc_spot", "buy", "0.004", on.good("mexc_spot"), name, "ioc")
            order = (await on.client.mexc("GET", "/order", symbol="BTCUSDT", origClientOrderId=name)).value
            assert (order["status"], order["executedQty"]) == (status, filled)
            on.step_market(40)


async def test_listenkey_expired(autojump_clock: Any, stand: Any) -> None:
    """The socket answers pings and is silent, the key cannot be renewed, and a new key hears again."""
    async with stand(scenario="listenkey_expired") as on:
        private = await on.client.private("mexc_spot")
        await on.client.create("mexc_spot", "buy", "0.001", on.good("mexc_spot"), "a", "ioc")
        assert await private.listen(1)
        (key,) = (await on.client.mexc("GET", "/userDataStream")).value["listenKey"]
        await on.wait(30)
        await on.client.create("mexc_spot", "buy", "0.001", on.good("mexc_spot"), "b", "ioc")
        assert await private.listen(1) == []
        assert await private.ping_is_answered()
        assert (await on.client.mexc("PUT", "/userDataStream", listenKey=key)).value["code"] == "730708"
        again = await on.client.private("mexc_spot")
        await on.client.create("mexc_spot", "buy", "0.001", on.good("mexc_spot"), "c", "ioc")
        assert await again.listen(1)


@pytest.mark.slow
async def test_ws_mute_but_pinging(autojump_clock: Any, stand: Any) -> None:
    """Between 10 and 70 s pings and subscriptions are answered and no market data comes; Gate's comes."""
    async with stand(scenario="ws_mute_but_pinging", alive=True) as on:
        mexc, gate = await on.client.public("mexc_spot"), await on.client.public("gate_spot")
        assert await mexc.listen(5)
        await on.wait(6)
        await mexc.listen(0.1)
        assert await mexc.listen(20) == []
        assert await mexc.ping_is_answered()
        assert (await mexc.subscribe("spot@public.aggre.deals.v3.api.pb@100ms@BTCUSDT"))["code"] == 0
        assert await gate.listen(2)
        await on.wait(40)
        assert await mexc.listen(2)


async def test_rest_book_older_than_ws(autojump_clock: Any, stand: Any) -> None:
    """The book that a client fetches after its gap is older than the increments it has."""
    async with stand(scenario="rest_book_older_than_ws", alive=True) as on:
        socket = await on.client.public("gate_spot")
        await socket.listen(9)
        pushes = [push["result"] for push in await socket.listen(3)]
        breaks = [b["U"] - a["u"] for a, b in itertools.pairwise(pushes) if b["U"] != a["u"] + 1]
        assert len(breaks) == 1
        book = await on.client.gate("GET", "/spot/order_book", "currency_pair=BTC_USDT&with_id=true", signed=False)
        assert book.value["id"] < pushes[0]["U"]
        assert {a.venue for a in on.strikes("book_gap")} == {"gate_spot"}, "only one socket is open"


async def test_timeout_but_delivered(autojump_clock: Any, stand: Any, unanswered: Any) -> None:
    """The first order of all is lost to its sender and lives; the second is answered."""
    async with stand(scenario="timeout_but_delivered") as on:
        with pytest.raises(unanswered):
            await on.client.create("gate_futures", "buy", "10", on.far("gate_futures"), "a")
        assert (await on.client.create("mexc_spot", "buy", "0.001", on.far("mexc_spot"), "b")).status == 200
        assert await on.client.open_ids("gate_futures") == ["a"]


async def test_one_leg_rejected(autojump_clock: Any, stand: Any) -> None:
    """The second order at MEXC is refused with 30002 while the perpetual's leg fills."""
    async with stand(scenario="one_leg_rejected") as on:
        assert (await on.client.create("mexc_spot", "buy", "0.001", on.good("mexc_spot"), "a", "ioc")).status == 200
        assert (await sell(on)).status == 201
        refused = await on.client.create("mexc_spot", "buy", "0.001", on.good("mexc_spot"), "b", "ioc")
        assert (refused.status, refused.value["code"]) == (400, 30002)
        assert len(await on.client.fills("mexc_spot")) == 1
        assert (await position(on))["size"] == -10


async def test_partial_below_minimum(autojump_clock: Any, stand: Any) -> None:
    """The second order gets 0.00002 BTC, a fifth of a contract."""
    async with stand(scenario="partial_below_minimum") as on:
        for name in ("a", "b"):
            await on.client.create("mexc_spot", "buy", "0.001", on.good("mexc_spot"), name, "ioc")
            on.step_market(40)
        order = (await on.client.mexc("GET", "/order", symbol="BTCUSDT", origClientOrderId="b")).value
        assert (order["status"], order["executedQty"]) == ("PARTIALLY_CANCELED", "0.00002")


async def test_both_sides_same_leg(autojump_clock: Any, stand: Any, unanswered: Any) -> None:
    """One create at MEXC fills twice, the one at Gate futures never was: bought twice, hedged not at all."""
    async with stand(scenario="both_sides_same_leg") as on:
        await on.client.create("mexc_spot", "buy", "0.001", on.good("mexc_spot"), tif="ioc")
        with pytest.raises(unanswered):
            await sell(on)
        fills = await on.client.fills("mexc_spot")
        assert sum(D(fill["qty"]) for fill in fills) == D("0.002")
        assert len({fill["orderId"] for fill in fills}) == 2
        assert await on.client.fills("gate_futures") == []


async def test_hedge_at_gapped_book(autojump_clock: Any, stand: Any) -> None:
    """The second perpetual order finds a hole of 80 bps: nothing at a sane price, something far away, for 2 s."""
    async with stand(scenario="hedge_at_gapped_book", alive=True) as on:
        assert (await sell(on, client_id="first")).value["left"] == 0
        before = (await on.client.top("gate_futures"))[0]
        assert (await sell(on, client_id="second")).value["left"] == -10
        bid, ask = await on.client.top("gate_futures")
        assert bid < before * D("0.993")
        assert ask > before * D("1.007")
        await on.wait(3)
        assert (await sell(on, client_id="third")).value["left"] == 0


async def test_restart_with_position(autojump_clock: Any, stand: Any) -> None:
    """The account comes with 0.06 BTC on spot, a short of as much, and the fill that made it."""
    async with stand(scenario="restart_with_position") as on:
        assert (await position(on))["size"] == -600
        gate = (await on.client.gate("GET", "/spot/accounts", "currency=BTC")).value
        mexc = (await on.client.mexc("GET", "/account")).value["balances"]
        assert gate[0]["available"] == "0.03"
        assert {row["asset"]: row["free"] for row in mexc}["BTC"] == "0.03"
        assert sum(fill["size"] for fill in await on.client.fills("gate_futures")) == -600


async def test_order_created_twice_in_stream(autojump_clock: Any, stand: Any) -> None:
    """Each push of an order and of a fill comes twice, equal to the last byte; REST has one of each."""
    async with stand(scenario="order_created_twice_in_stream") as on:
        for venue in VENUES:
            private = await on.client.private(venue)
            quantity = "10" if venue == "gate_futures" else "0.001"
            await on.client.create(venue, "buy", quantity, on.good(venue), "a", "ioc")
            heard = await private.listen(1)
            assert heard
            assert heard[0::2] == heard[1::2]
            assert len(await on.client.fills(venue)) == 1


async def test_fill_never_pushed(autojump_clock: Any, stand: Any) -> None:
    """No socket tells of the fill; REST does; public data comes."""
    async with stand(scenario="fill_never_pushed") as on:
        for venue in VENUES:
            private, public = await on.client.private(venue), await on.client.public(venue)
            quantity = "10" if venue == "gate_futures" else "0.001"
            await on.client.create(venue, "buy", quantity, on.good(venue), "a", "ioc")
            assert await private.listen(1) == []
            assert await public.listen(1)
            assert len(await on.client.fills(venue)) == 1


async def test_funding_interval_8h_to_4h(autojump_clock: Any, stand: Any) -> None:
    """The contract says 14400 s and a rate below 0, and a short pays what it used to get."""
    async with stand(scenario="funding_interval_8h_to_4h", alive=True) as on:
        contract = "/futures/usdt/contracts/BTC_USDT"
        before = (await on.client.gate("GET", contract, signed=False)).value
        assert (before["funding_interval"], D(before["funding_rate"]) > 0) == (28800, True)
        await sell(on)
        await on.wait(26)
        after = (await on.client.gate("GET", contract, signed=False)).value
        assert (after["funding_interval"], D(after["funding_rate"]) < 0) == (14400, True)
        book = await on.client.gate("GET", "/futures/usdt/account_book", "type=fund")
        assert [D(row["change"]) < 0 for row in book.value] == [True]


async def test_adl_closes_short(autojump_clock: Any, stand: Any) -> None:
    """Half of the short is closed by an order nobody sent, and the stream and REST both tell."""
    async with stand(scenario="adl_closes_short", alive=True) as on:
        await sell(on)
        private = await on.client.private("gate_futures")
        heard = await private.listen(31)
        assert (await position(on))["size"] == -5
        assert any(push["result"][0].get("finish_as") == "auto_deleveraged" for push in heard)
        assert next(fill["size"] for fill in await on.client.fills("gate_futures")) == 5


async def test_liquidation_near(autojump_clock: Any, stand: Any) -> None:
    """Prices rise by a fifth: the short's loss eats its margin, and liquidation is a few percent away."""
    async with stand(scenario="liquidation_near", alive=True) as on:
        await sell(on, "300", "a")
        await on.wait(1)
        await sell(on, "300", "b")
        size = abs((await position(on))["size"])
        assert size > 300
        before = await position(on)
        await on.wait(31)
        after = await position(on)
        assert D(after["mark_price"]) / D(before["mark_price"]) == pytest.approx(D("1.2"), abs=D("0.02"))
        far, near = (D(row["liq_price"]) / D(row["mark_price"]) - 1 for row in (before, after))
        assert 0 < near < far / 2
        assert D(after["unrealised_pnl"]) < -D("0.1") * D(after["value"])


async def test_rally_30pct(autojump_clock: Any, stand: Any) -> None:
    """Prices rise by 30 % in half a minute, step by step, and a short loses what they rise by."""
    async with stand(scenario="rally_30pct", alive=True) as on:
        await sell(on, "300")
        before = await position(on)
        await on.wait(40)
        middle = await position(on)
        await on.wait(20)
        after = await position(on)
        rises = [D(row["mark_price"]) / D(before["mark_price"]) for row in (middle, after)]
        assert rises[0] == pytest.approx(D("1.14"), abs=D("0.03"))
        assert rises[1] == pytest.approx(D("1.3"), abs=D("0.03"))
        assert D(after["unrealised_pnl"]) < -D("0.25") * D(before["value"])


async def test_clock_fast_1s(autojump_clock: Any, stand: Any) -> None:
    """Every venue's time is 1.1 s before ours; Gate takes that, MEXC takes it only from a client that measured it."""
    async with stand(scenario="clock_fast_1s") as on:
        for venue, name in (("gate_spot", "server_time"), ("mexc_spot", "serverTime")):
            ours_ms = on.world.clock.ms()
            assert ours_ms - (await on.client.time(venue)).value[name] == pytest.approx(1_100, abs=20)
        assert (await on.client.gate("GET", "/spot/accounts")).status == 200
        assert (await on.client.mexc("GET", "/account")).value["code"] == 700003
        measured = type(on.client)(on.client.dial, lambda: on.client.now_s() - 1.1, on.client.nursery)
        assert (await measured.mexc("GET", "/account")).status == 200


async def test_same_ticker_other_coin(autojump_clock: Any, stand: Any) -> None:
    """MEXC's BTC costs twelve times Gate's, in an ordinary book that moves."""
    async with stand(scenario="same_ticker_other_coin", alive=True) as on:
        gate, mexc = (await on.client.top("gate_spot"))[0], (await on.client.top("mexc_spot"))[0]
        assert mexc / gate == pytest.approx(D(12), abs=D("0.2"))
        await on.wait(5)
        bid, ask = await on.client.top("mexc_spot")
        assert bid < ask
        assert bid != mexc


async def test_fee_in_third_coin(autojump_clock: Any, stand: Any) -> None:
    """MEXC's fee is in MX until there is none left, and in USDT then."""
    async with stand(scenario="fee_in_third_coin") as on:
        coins = []
        for number in range(12):
            await on.client.create("mexc_spot", "buy", "0.02", on.good("mexc_spot"), f"a-{number}", "ioc")
            coins = [fill["commissionAsset"] for fill in await on.client.fills("mexc_spot")]
            on.step_market(60)
        assert coins[-1] == "MX"
        assert "USDT" in coins
        held = {row["asset"] for row in (await on.client.mexc("GET", "/account")).value["balances"]}
        assert {"USDT", "BTC", "MX"} >= held


async def test_api_order_type_disabled(autojump_clock: Any, stand: Any) -> None:
    """A market order is 30019 while a limit order is fine; after a minute that is 10007, and no symbol is offered."""
    async with stand(scenario="api_order_type_disabled") as on:
        market = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.001"}
        assert (await on.client.mexc("POST", "/order", **market)).value["code"] == 30019
        assert (await on.client.create("mexc_spot", "buy", "0.001", on.far("mexc_spot"))).status == 200
        assert (await on.client.mexc("GET", "/defaultSymbols", signed=False)).value["data"] == ["BTCUSDT"]
        await on.wait(61)
        assert (await on.client.create("mexc_spot", "buy", "0.001", on.far("mexc_spot"))).value["code"] == 10007
        assert (await on.client.mexc("GET", "/defaultSymbols", signed=False)).value["data"] == []
        assert (await on.client.top("mexc_spot"))[0] > 0


async def test_balance_stale_2min(autojump_clock: Any, stand: Any) -> None:
    """The balance of before the trade is told for two minutes after it, and then the present one."""
    async with stand(scenario="balance_stale_2min") as on:

        async def coins() -> dict[str, str]:
            rows = (await on.client.mexc("GET", "/account")).value["balances"]
            return {row["asset"]: row["free"] for row in rows}

        before = await coins()
        await on.client.create("mexc_spot", "buy", "0.001", on.good("mexc_spot"), "a", "ioc")
        assert await coins() == before
        await on.wait(60)
        assert await coins() == before
        await on.wait(61)
        assert (await coins())["BTC"] == "0.001"


async def test_inventory_one_sided(autojump_clock: Any, stand: Any) -> None:
    """From 5 s on MEXC stays about 60 bps above Gate: the spread never closes."""
    async with stand(scenario="inventory_one_sided", alive=True, config=FakesConfig(market="calibrated")) as on:
        await on.wait(6)
        for _ in range(10):
            gate, mexc = (await on.client.top("gate_spot"))[0], (await on.client.top("mexc_spot"))[0]
            assert D(40) < (mexc / gate - 1) * 10_000 < D(80)
            await on.wait(5)


async def test_spoofed_edge(autojump_clock: Any, stand: Any) -> None:
    """A bid 1 % too high is there for 5 s, of one lot; the next one behind it is at the true price."""
    async with stand(scenario="spoofed_edge", alive=True, config=FakesConfig(market="calibrated")) as on:
        await on.wait(10.5)
        gate = (await on.client.top("gate_spot"))[0]
        bids = (await on.client.mexc("GET", "/depth", signed=False, symbol="BTCUSDT", limit=2)).value["bids"]
        (price, size), (behind, _) = bids
        assert D(price) / gate > D("1.007")
        assert D(size) == D("0.000001")
        assert D(behind) / gate < D("1.003")
        await on.wait(6)
        assert (await on.client.top("mexc_spot"))[0] / (await on.client.top("gate_spot"))[0] < D("1.004")


def test_every_scenario_has_its_test_and_its_sentence() -> None:
    """No scenario without a test of its name in this file; the listing has one line for each."""
    assert [name for name in SCENARIOS if f"test_{name}" not in globals()] == []
    lines = list_scenarios().splitlines()
    for (name, row), line in zip(SCENARIOS.items(), lines, strict=True):
        assert line.split() == [name, *row.venue_does.split()]
        assert scenario_of(name).applied(FakesConfig()).scenario == name
    with pytest.raises(FaultRefused, match="no such scenario: 'nothing'"):
        scenario_of("nothing")


def test_what_is_tested_elsewhere_is() -> None:
    """Every scenario that needs the bot names tests that are there."""
    for where in ELSEWHERE.values():
        named = re.findall(r"(tests/[\w/.]+)::(\w+)", where)
        assert named, where
        for path, test in named:
            text = (ROOT / path).read_text(encoding="utf-8")
            assert re.search(rf"^(async )?def {test}\(", text, re.MULTILINE), where


@pytest.mark.skipif(not TABLE.exists(), reason="shared data absent")
def test_every_scenario_of_the_table_is_here_or_elsewhere() -> None:
    """The names are those of the table that the project was built against."""
    rows = [line.split("|")[1] for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    names = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert names <= set(SCENARIOS) | set(ELSEWHERE)
