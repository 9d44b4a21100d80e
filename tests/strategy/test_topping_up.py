"""Margin that a rally eats: transfers within caps, one at a time, booked once; or nothing is moved."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from machine_kit import GF, GS, MS, Bench, S

from dnbot.domain.messages import Alert, MoveMoney, SetMode, StoreFound, StoreLost
from dnbot.domain.order import Purpose
from dnbot.domain.transfer import Transfer, TransferStatus
from dnbot.domain.units import ZERO
from dnbot.strategy.inventory import Inventory
from dnbot.strategy.risk_standing import margin
from dnbot.strategy.standing import inventory_of, margin_ratio_pct, risk_inputs

D = Decimal
NEEDED = D("14666.67")
"""68,000 margins half of itself, the wallet is worth 42,000, and 40 % of it shall be free: 34,000 / 0.6 - 42,000."""


def poor(**changes: Any) -> Bench:
    """A second of a rally: 50,000 in each wallet, a short of 1 that has lost 8,000, and one order is worth 20,000."""
    fields: dict[str, Any] = {"margin_top_up": True, "max_order_notional_quote": 20_000, **changes}
    bench = Bench(quote="50000", max_drawdown_pct=50, **fields).boot()
    bench.mark = D(68_000)
    risen(bench, 0.5)
    return bench


def risen(bench: Bench, s: float) -> None:
    """Time passes at the new prices."""
    bench.quiet(s, gs=68_000, gf=68_000, ms=68_000)


def asked(bench: Bench) -> list[Transfer]:
    """Every transfer that was asked for."""
    return [command.transfer for command in bench.all(MoveMoney)]


def statuses(bench: Bench) -> list[str]:
    """Where our transfers stand."""
    return [transfer.status.value for transfer in bench.context.transfers]


def assert_books_agree(bench: Bench) -> None:
    """Both wallets are booked as the venue has them, and nothing was called unexplained."""
    for venue in (GS, GF):
        assert bench.context.portfolio.balance(venue, "USDT") == bench.truth[venue].balances["USDT"]
        assert not bench.context.accounts[venue].differences
    assert bench.context.portfolio.adjustments == 0
    assert not [alert for alert in bench.all(Alert) if alert.key.startswith(("row:", "adjusted:"))]


def test_a_top_up_lifts_margin_above_its_floor_and_a_cushion() -> None:
    """One transfer of what is missing; money moved is no profit and no loss, and the mode stays ACTIVE."""
    bench = poor()
    day_equity, equity = bench.context.portfolio.day_equity, bench.context.risk.equity_quote
    (transfer,) = asked(bench)
    assert (transfer.source, transfer.target, transfer.asset, transfer.amount) == (GS, GF, "USDT", NEEDED)
    assert bench.moved() == NEEDED
    risen(bench, 3)
    assert statuses(bench) == ["arrived"]
    assert asked(bench) == [transfer]
    assert 40 <= margin_ratio_pct(bench.context) < D("40.01")
    assert (bench.context.mode.name, bench.context.margin_low_s) == ("ACTIVE", None)
    assert bench.context.portfolio.day_equity == day_equity
    assert bench.context.risk.equity_quote == equity
    assert_books_agree(bench)


@pytest.mark.parametrize(
    ("changes", "amount"),
    [
        ({"margin_top_up_quote_max": 5_000}, 5_000),
        ({"margin_top_up_quote_max": 5_000, "margin_top_up_day_quote_max": 7_000}, 5_000),
        ({"margin_top_up_quote_max": "1234.567"}, "1234.56"),
        ({"margin_floor_pct": 35}, "19818.19"),
        ({"margin_floor_pct": 1, "liquidation_distance_min_pct": 62}, "7300.00"),
    ],
)
def test_what_one_transfer_moves(changes: dict[str, Any], amount: Any) -> None:
    """What is missing to the cushion above floor and distance, within the cap of one transfer, in whole cents."""
    (transfer,) = asked(poor(**changes))
    assert transfer.amount == D(amount)


def test_the_day_s_cap_holds_over_several() -> None:
    """The last transfer of a day is what the day leaves; then both legs shrink."""
    bench = poor(margin_top_up_quote_max=5_000, margin_top_up_day_quote_max=6_000)
    for _ in range(5):
        bench.moved()
        risen(bench, 1)
    assert [transfer.amount for transfer in asked(bench)] == [5_000, 1_000]
    assert bench.context.mode.name == "REDUCING"
    assert {intent.purpose for intent in bench.intents()} == {Purpose.FLATTEN}
    assert_books_agree(bench)


def test_no_more_than_is_free_on_spot_is_moved() -> None:
    """What Gate spot does not have cannot be moved; less than the least is not worth it."""
    bench = Bench(quote="50000", max_drawdown_pct=50, margin_top_up=True, max_order_notional_quote=20_000)
    bench.truth[GS].balances["USDT"] = D("300.009")
    bench.boot()
    bench.mark = D(68_000)
    risen(bench, 0.5)
    assert [transfer.amount for transfer in asked(bench)] == [D(300)]
    bench.moved()
    risen(bench, 2)
    assert len(asked(bench)) == 1
    assert bench.context.mode.name == "REDUCING"


def test_one_at_a_time_and_only_after_both_wallets_were_read() -> None:
    """While one is on its way, or has been answered and its row is not read yet, no other is asked for."""
    bench = poor(margin_top_up_quote_max=5_000)
    (transfer,) = asked(bench)
    risen(bench, 1)
    assert len(asked(bench)) == 1
    bench.answered_transfer(transfer)
    risen(bench, 1)
    assert statuses(bench) == ["accepted"]
    assert bench.context.portfolio.balance(GS, "USDT") == 45_000, "what left is booked when the venue says so"
    assert len(asked(bench)) == 1
    bench.made(transfer)
    bench.signal(gs=68_000, gf=68_000, ms=68_000)
    assert len(asked(bench)) == 1
    risen(bench, 1)
    assert statuses(bench) == ["arrived", "pending"]
    assert_books_agree_but_for(bench, asked(bench)[1])


def assert_books_agree_but_for(bench: Bench, pending: Transfer) -> None:
    """As the venue has it: the pending transfer is not made."""
    assert pending.status is TransferStatus.PENDING
    assert_books_agree(bench)


def test_nothing_is_moved_on_accounts_that_are_not_known() -> None:
    """After a gap both wallets are read before anything is moved; what comes too late shrinks both legs instead."""
    bench = Bench(quote="50000", max_drawdown_pct=50, margin_top_up=True, max_order_notional_quote=20_000).boot()
    bench.down(GF)
    bench.mark = D(68_000)
    risen(bench, 5)
    assert asked(bench) == []
    assert bench.context.mode.name == "ACTIVE"
    bench.up(GF)
    risen(bench, 1)
    assert len(asked(bench)) == 1


def test_money_that_may_have_left_is_not_spent() -> None:
    """What Gate spot has free is reckoned without a transfer on its way; its ledger is not."""
    bench = poor()
    held: Inventory = inventory_of(bench.context)
    assert held.quote_on(GS) == 50_000 - NEEDED
    assert bench.context.portfolio.balance(GS, "USDT") == 50_000


def test_a_refusal_shrinks_both_legs_and_is_not_repeated() -> None:
    """BALANCE_NOT_ENOUGH: nothing is booked, a person is told, and for five minutes nothing is asked for again."""
    bench = poor()
    bench.answered_transfer(asked(bench)[0], "refused", "BALANCE_NOT_ENOUGH", "Not enough balance")
    risen(bench, 3)
    assert statuses(bench) == ["refused"]
    assert len(asked(bench)) == 1
    assert bench.context.mode.name == "REDUCING"
    assert {intent.purpose for intent in bench.intents()} == {Purpose.FLATTEN}
    assert ("warning", "margin_top_up:refused") in [(alert.level, alert.key) for alert in bench.all(Alert)]
    assert_books_agree(bench)


def test_one_that_could_not_leave_is_tried_again() -> None:
    """The database was away for a moment: another transfer follows a second later, and the first costs nothing."""
    bench = poor(margin_top_up_quote_max=5_000, margin_top_up_day_quote_max=5_000)
    bench.answered_transfer(asked(bench)[0], "not_sent", "DB_UNAVAILABLE", "gone")
    bench.give(StoreLost("gone"))
    risen(bench, 1)
    assert len(asked(bench)) == 1
    bench.give(StoreFound())
    risen(bench, 1.5)
    assert [transfer.amount for transfer in asked(bench)] == [5_000, 5_000]
    assert bench.context.mode.name == "ACTIVE"


def test_one_without_an_answer_that_was_made_is_found_by_its_row() -> None:
    """No answer, and the row is read: booked at both ends, never asked for again."""
    bench = poor()
    (transfer,) = asked(bench)
    bench.made(transfer)
    bench.answered_transfer(transfer, "ambiguous", "NO_ANSWER", "timeout")
    assert risk_inputs(bench.context).ambiguous_pending == 1
    risen(bench, 2)
    assert statuses(bench) == ["arrived"]
    assert asked(bench) == [transfer]
    assert risk_inputs(bench.context).ambiguous_pending == 0
    assert_books_agree(bench)


def test_one_without_an_answer_that_was_not_made_ends_when_its_request_has_died() -> None:
    """It counts as made until 70 s have passed; after ten, both legs shrink instead of waiting for it."""
    bench = poor()
    (transfer,) = asked(bench)
    bench.answered_transfer(transfer, "ambiguous", "NO_ANSWER", "timeout")
    risen(bench, 9)
    assert not bench.intents()
    risen(bench, 2)
    assert {intent.purpose for intent in bench.intents()} == {Purpose.FLATTEN}
    risen(bench, 58)
    assert statuses(bench) == ["ambiguous"]
    assert inventory_of(bench.context).quote_on(GS) == 50_000 - NEEDED
    risen(bench, 3)
    assert statuses(bench) == ["no_effect"]
    assert inventory_of(bench.context).quote_on(GS) == 50_000
    assert asked(bench) == [transfer]
    assert_books_agree(bench)


def test_the_row_may_come_before_the_answer() -> None:
    """Booked once, at both ends, and the late answer changes nothing."""
    bench = poor()
    (transfer,) = asked(bench)
    bench.made(transfer)
    bench.tick(10)
    bench.give(bench.read(GF))
    bench.give(bench.read(GS))
    assert statuses(bench) == ["arrived"]
    bench.answered_transfer(transfer, "ambiguous", "NO_ANSWER", "timeout")
    assert statuses(bench) == ["arrived"]
    risen(bench, 2)
    assert_books_agree(bench)


def test_a_reading_in_the_middle_of_a_transfer_differs_from_nothing() -> None:
    """Spot without the money, read twice before the answer comes: it is not called unexplained, nor booked twice."""
    bench = poor()
    (transfer,) = asked(bench)
    bench.truth[GS].balances["USDT"] -= transfer.amount
    for _ in range(3):
        bench.tick(1_500)
        bench.give(bench.read(GS))
    assert not bench.context.accounts[GS].differences
    bench.row("dnw", transfer.amount)
    bench.answered_transfer(transfer)
    risen(bench, 2)
    assert_books_agree(bench)


def test_somebody_else_s_transfer_is_not_taken_for_ours() -> None:
    """Another amount, or a row of long before: told as what it is, and ours still waits."""
    bench = poor()
    bench.row("dnw", NEEDED + 1)
    old = bench.row("dnw", NEEDED)
    bench.truth[GF].rows[-1] = msgspec.structs.replace(old, at_ns=bench.now_ns - 60 * 10**9)
    bench.tick(10)
    bench.give(bench.read(GF))
    assert statuses(bench) == ["pending"]
    assert "row:dnw" in [alert.key for alert in bench.all(Alert)]
    assert bench.context.portfolio.balance(GS, "USDT") == 50_000


def test_nothing_is_moved_where_nobody_allowed_it_or_halted() -> None:
    """Off by default; and HALTED means that only a person decides: nothing is moved, and nothing sold."""
    assert asked(poor(margin_top_up=False)) == []
    bench = Bench(quote="50000", max_drawdown_pct=50, margin_top_up=True).boot()
    bench.give(SetMode("HALTED", "test"))
    bench.mark = D(68_000)
    risen(bench, 3)
    assert asked(bench) == []
    assert bench.intents() == []
    assert "margin_low" in [alert.key for alert in bench.all(Alert)]
    assert bench.state is S.MONITORING_SPREADS


def test_yesterday_s_transfers_are_forgotten() -> None:
    """After 24 hours they no longer count, and are not kept."""
    bench = poor(margin_top_up_quote_max=5_000, margin_top_up_day_quote_max=5_000)
    bench.moved()
    risen(bench, 3)
    assert len(asked(bench)) == 1
    bench.wall_ns += 86_400 * 10**9
    risen(bench, 1)
    assert bench.context.transfers == ()


@pytest.mark.parametrize(("on", "code"), [(False, ""), (True, "MARGIN")])
def test_what_was_moved_for_a_rally_is_not_for_new_carries(on: bool, code: str) -> None:
    """With top-ups on, the short may not grow below the floor and ten points; without them, the floor and two."""
    bench = Bench(margin_top_up=on).boot()
    sell = bench.opportunity().intents[1]
    carry = msgspec.structs.replace(sell, venue=GF, quantity=D("0.001"), reduce_only=False)
    verdict = margin((carry,), msgspec.structs.replace(risk_inputs(bench.context), margin_ratio_pct=D(35)))
    assert (verdict.code if verdict else "") == code


def test_a_venue_whose_book_is_old_takes_no_part_in_shrinking() -> None:
    """MEXC holds more, and its feed is silent: Gate spot sells."""
    bench = Bench(quote="50000", max_drawdown_pct=50)
    bench.truth[MS].balances["BTC"], bench.truth[GS].balances["BTC"] = D("0.7"), D("0.3")
    bench.boot()
    bench.mark = D(68_000)
    for number in range(5):
        bench.signal(gs=68_000, gf=68_000, ms=None if number else 68_000, after_ms=600)
        bench.answer_reads()
    assert {intent.venue for intent in bench.intents()} == {GS, GF}


def test_a_transfer_that_never_arrives_is_a_person_s() -> None:
    """The venue says that it is made, and no row of it comes: an alert names it, and no other is asked for."""
    bench = poor()
    (transfer,) = asked(bench)
    bench.answered_transfer(transfer)
    risen(bench, 72)
    assert statuses(bench) == ["accepted"]
    assert f"transfer_missing:{transfer.transfer_id}" in [alert.key for alert in bench.all(Alert)]
    assert len(asked(bench)) == 1
    assert bench.context.portfolio.balance(GS, "USDT") != ZERO
