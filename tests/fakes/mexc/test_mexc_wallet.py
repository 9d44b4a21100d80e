"""Wallet endpoints of the MEXC fake tell the account's own ledger."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from dnbot.fakes.records import MEXC_SPOT

DEPOSIT_KEYS = "amount coin network status address txId insertTime unlockConfirm confirmTimes memo netWork".split()
NETWORK_KEYS = (
    "coin depositDesc depositEnable minConfirm name network withdrawEnable withdrawFee withdrawIntegerMultiple"
    " withdrawMax withdrawMin sameAddress contract withdrawTips depositTips netWork depositPreConfirms"
).split()


def test_coins_have_a_network(fake: Any) -> None:
    """Every coin of a market is listed once with one network; amounts are strings."""
    coins = fake.call("GET", "capital/config/getall")
    assert [coin["coin"] for coin in coins] == ["BTC", "USDT", "ETH"]
    assert list(coins[0]) == ["coin", "name", "networkList"]
    network = coins[0]["networkList"][0]
    assert list(network) == NETWORK_KEYS
    assert (network["withdrawFee"], network["depositEnable"], network["netWork"]) == ("0", True, "BTC")


def test_addresses_are_fixed_and_of_the_account(fake: Any) -> None:
    """An address never changes, differs between accounts and coins, and an unknown coin is refused with 10232."""
    first = fake.call("GET", "capital/deposit/address", "coin=USDT")
    assert first == fake.call("POST", "capital/deposit/address", "coin=USDT&network=USDT")
    assert list(first[0]) == ["coin", "network", "address", "memo", "netWork"]
    others = fake.call("GET", "capital/deposit/address", "coin=BTC")
    assert others[0]["address"] != first[0]["address"]
    assert fake.call("GET", "capital/deposit/address", "coin=NOPE")["code"] == 10232
    assert fake.call("GET", "capital/deposit/address")["code"] == 700004


def test_deposits_are_the_ledger(fake: Any) -> None:
    """Opening balances and later deposits appear newest first, by coin and in the asked window."""
    fake.now_s[0] = 10.0
    fake.exchange.deposit("10001", MEXC_SPOT, "USDT", Decimal("5.5"))
    rows = fake.call("GET", "capital/deposit/hisrec")
    assert [(row["coin"], row["amount"]) for row in rows] == [("USDT", "5.5"), ("BTC", "1"), ("USDT", "200000")]
    assert list(rows[0]) == DEPOSIT_KEYS
    assert (rows[0]["status"], rows[0]["insertTime"]) == (5, 1_800_000_010_000)
    assert len(fake.call("GET", "capital/deposit/hisrec", "coin=BTC")) == 1
    assert len(fake.call("GET", "capital/deposit/hisrec", "limit=2")) == 2
    assert len(fake.call("GET", "capital/deposit/hisrec", "startTime=1800000005000")) == 1
    old = fake.signed("GET", "capital/deposit/hisrec", "startTime=1700000000000")
    assert old.body == b'{"msg":"The start time cannot be earlier than 90 days","code":400}'


def test_withdrawing_needs_the_permission(fake: Any) -> None:
    """Without it nothing moves (700007); with it the money leaves, the sum over all stays, and history shows it."""
    query = "coin=USDT&netWork=USDT&address=abc&amount=12.5"
    assert fake.call("POST", "capital/withdraw", query)["code"] == 700007
    assert fake.call("GET", "capital/withdraw/history") == []
    fake.app.settings.permissions["withdraw"] = True
    totals = fake.exchange.state.accounts.totals()
    made = fake.call("POST", "capital/withdraw", query)
    assert fake.exchange.state.accounts.totals() == totals
    row = fake.call("GET", "capital/withdraw/history")[0]
    assert (row["id"], row["amount"], row["address"], row["status"]) == (made["id"], "12.5", "abc", 7)
    assert fake.call("GET", "account")["balances"][0]["free"] == "199987.5"
    assert fake.call("DELETE", "capital/withdraw", f"id={made['id']}")["code"] == 26
    assert fake.call("DELETE", "capital/withdraw", "id=other")["code"] == 22222


def test_withdrawals_that_cannot_be(fake: Any) -> None:
    """More than is free, no amount, a coin that is not there, and no address are refused and change nothing."""
    fake.app.settings.permissions["withdraw"] = True
    for query, code in (
        ("coin=USDT&address=a&amount=200001", 10101),
        ("coin=USDT&address=a", 700004),
        ("coin=USDT&amount=1", 700004),
        ("coin=USDT&address=a&amount=0", 10102),
        ("coin=NOPE&address=a&amount=1", 10232),
    ):
        assert fake.call("POST", "capital/withdraw", query)["code"] == code
    assert fake.call("GET", "capital/withdraw/history") == []
