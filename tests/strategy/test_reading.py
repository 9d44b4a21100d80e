"""A complete read: what the stream missed is booked, and what differs is believed only when it must be."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from machine_kit import GF, GS, Bench, S

from dnbot.domain.account import Balance
from dnbot.domain.messages import (
    Alert,
    BalancesSampled,
    CancelAll,
    FillReported,
    PortfolioSaved,
    ReadAccount,
    RowBooked,
)
from dnbot.domain.order import OrderStatus
from dnbot.domain.position import EntryKind
from dnbot.strategy.reading import DIFFERENCE_CONFIRM_S


def test_a_difference_needs_two_undisturbed_reads() -> None:
    """The first makes the account unready; the second, at least a second later, adjusts the ledger and tells."""
    bench = Bench().boot()
    bench.truth[GS].balances["USDT"] -= 10
    bench.read_all()
    assert not bench.context.account_ready(GS)
    assert bench.context.accounts[GS].differences == {"USDT": Decimal(-10)}
    bench.read_all()
    assert bench.context.portfolio.balance(GS, "USDT") == 100_000, "too soon after the first"
    bench.tick(DIFFERENCE_CONFIRM_S * 1000)
    bench.read_all()
    assert bench.context.portfolio.balance(GS, "USDT") == 99_990
    assert bench.context.account_ready(GS)
    adjusted = bench.last(RowBooked).entries[0]
    assert (adjusted.kind, adjusted.amount) == (EntryKind.ADJUSTMENT, -10)
    assert ("critical", "adjusted:GATEIO_SPOT:USDT") in [(a.level, a.key) for a in bench.all(Alert)]
    assert bench.context.portfolio.adjustments == 1


def test_a_difference_is_read_again_soon() -> None:
    """The schedule of an account in doubt is a second."""
    bench = Bench().boot()
    bench.truth[GS].balances["USDT"] -= 10
    bench.read_all()
    bench.wait(3, answer=True)
    assert bench.context.portfolio.adjustments == 1


def test_a_difference_that_changes_starts_again() -> None:
    """Two reads that say different things agree on nothing."""
    bench = Bench().boot()
    for _ in range(4):
        bench.truth[GS].balances["USDT"] -= 10
        bench.tick(1500)
        bench.read_all()
    assert bench.context.portfolio.adjustments == 0
    assert not bench.context.account_ready(GS)


def test_a_difference_that_goes_leaves_no_trace() -> None:
    """The next read agrees: the account is ready again."""
    bench = Bench().boot()
    bench.truth[GS].balances["USDT"] -= 10
    bench.read_all()
    bench.truth[GS].balances["USDT"] += 10
    bench.read_all()
    assert bench.context.account_ready(GS)
    assert bench.context.portfolio.adjustments == 0


def test_a_disturbed_read_is_not_compared() -> None:
    """While an order of ours is in flight, or changed since the read began, figures may differ."""
    bench = Bench().boot()
    buy, _ = bench.executing().intents
    bench.trade(buy)
    fresh = bench.read(GS, fills=())
    bench.give(fresh)
    assert bench.context.accounts[GS].differences == {}
    began_s = bench.now_s
    bench.tick(10)
    bench.give(FillReported(bench.truth[GS].fills[-1]))
    bench.told(buy, OrderStatus.FILLED, buy.quantity)
    bench.give(bench.read(GS, began_s=began_s, balances=(Balance(GS, "BTC", Decimal("0.1"), Decimal("0.1")),)))
    assert bench.context.accounts[GS].differences == {}


def test_balances_from_before_our_trade_are_late() -> None:
    """`balance_stale_2min`: figures that are ours from before the newest fills are no difference; later they are."""
    bench = Bench().boot()
    old = bench.read(GS).balances
    older = {balance.asset: balance for balance in old}
    bench.round_trip()
    middle = bench.read(GS).balances
    bench.quiet(1)
    bench.round_trip()
    bench.signal()
    for late in (old, middle, (*middle[:1], older["BTC"])):
        bench.tick(1500)
        bench.give(bench.read(GS, balances=late))
        assert bench.context.accounts[GS].differences == {}
        assert bench.context.account_ready(GS)
    assert bench.context.portfolio.adjustments == 0
    bench.wait(151, every_ms=1000)
    bench.give(bench.read(GS, balances=old))
    assert set(bench.context.accounts[GS].differences) == {"BTC", "USDT"}


def test_a_figure_that_fits_no_moment_of_ours_is_a_difference() -> None:
    """Lateness explains only what we really did."""
    bench = Bench().boot()
    bench.round_trip()
    bench.signal()
    bench.truth[GS].balances["USDT"] -= 1
    bench.read_all()
    assert bench.context.accounts[GS].differences == {"USDT": Decimal(-1)}


def test_a_position_difference_is_adjusted_in_place() -> None:
    """The perpetual differs twice: the portfolio takes the venue's word, the basis lot carries the time."""
    bench = Bench().boot()
    bench.truth[GF].base = Decimal("-1.0005")
    bench.read_all()
    bench.tick(1500)
    bench.signal(after_ms=1)
    bench.read_all()
    assert bench.context.portfolio.perp_base == Decimal("-1.0005")
    assert "adjusted:GATEIO_FUTURES:BTC" in {alert.key for alert in bench.all(Alert)}
    assert all(lot.opened_at_ns > 0 for lot in bench.context.portfolio.lots)


def test_a_read_records_what_it_compared() -> None:
    """Reported and ledger side by side for each asset, and the portfolio."""
    bench = Bench().boot()
    bench.read_all()
    newest = {(r.venue, r.asset): (r.reported, r.ledger) for r in bench.all(BalancesSampled)}
    assert newest[GS, "BTC"] == (Decimal("0.5"), Decimal("0.5"))
    assert len(newest) == 5
    assert bench.last(PortfolioSaved).portfolio == bench.context.portfolio


def test_an_account_that_is_never_compared_is_not_traded_on() -> None:
    """Orders of ours change amid every read: it is read more often, and at last no risk is taken until one is quiet."""
    bench = Bench(balance_age_ms_max=9000).boot()

    def orders_changed(at_s: float) -> None:
        account = msgspec.structs.replace(bench.context.accounts[GS], order_s=at_s)
        bench.context = msgspec.structs.replace(bench.context, accounts={**bench.context.accounts, GS: account})

    def reads_within(s: float) -> int:
        before = len(bench.all(ReadAccount))
        bench.quiet(s)
        return sum(command.venue is GS for command in bench.all(ReadAccount)[before:])

    orders_changed(bench.now_s + 3600)
    assert reads_within(3.5) == 1
    assert reads_within(3.5) >= 3
    assert bench.context.account_ready(GS)
    bench.quiet(4)
    assert not bench.context.account_ready(GS)
    assert bench.context.account_ready(GF)
    bench.signal(ms=60_200)
    assert bench.state is not S.PREPARING_ARBITRAGE
    orders_changed(0.0)
    bench.quiet(2)
    assert bench.context.account_ready(GS)
    assert reads_within(6) == 2
    bench.opportunity()


def test_a_charge_whose_row_comes_late_ends_right() -> None:
    """The wallet says it first: adjusted as unexplained; then the row says it, and the adjustment is taken back."""
    bench = Bench().boot()
    bench.row("fund", -3)
    row = bench.truth[GF].rows.pop()
    bench.wait(14, answer=True)
    assert bench.context.portfolio.balance(GF, "USDT") == 99_997
    assert (bench.context.portfolio.funding_quote, bench.context.portfolio.adjustments) == (0, 1)
    bench.truth[GF].rows.append(row)
    bench.wait(180, every_ms=500, answer=True)
    assert bench.context.portfolio.balance(GF, "USDT") == 99_997
    assert (bench.context.portfolio.funding_quote, bench.context.portfolio.adjustments) == (-3, 2)


def test_open_orders_in_a_read_are_news() -> None:
    """An order that the list shows open is open."""
    bench = Bench().boot()
    buy, _ = bench.executing().intents
    bench.sent(buy)
    bench.truth[GS].open_orders = [bench.report(buy, OrderStatus.OPEN)]
    bench.read_all()
    assert bench.context.orders[buy.client_order_id].status is OrderStatus.OPEN
    assert bench.context.accounts[GS].own_open == 1
    bench.truth[GS].open_orders = []
    bench.read_all()
    assert bench.context.accounts[GS].own_open == 0


def test_an_order_that_is_over_here_and_open_there_is_cancelled() -> None:
    """Filled by our table, resting by the venue's list: cancelled, whatever the truth turns out to be."""
    bench = Bench().boot()
    buy, _ = bench.round_trip().intents
    bench.signal()
    bench.truth[GS].open_orders = [bench.report(buy, OrderStatus.OPEN)]
    bench.give(bench.read(GS))
    assert [command.venue for command in bench.all(CancelAll)] == [GS]
    told = [(alert.level, alert.key) for alert in bench.all(Alert)]
    assert ("warning", "own_order:GATEIO_SPOT") in told
    assert bench.context.orders[buy.client_order_id].status is OrderStatus.FILLED


def test_an_account_that_reads_as_empty_is_no_answer() -> None:
    """It became one of another kind: nothing is written off, a person is told, and nothing new is entered meanwhile."""
    bench = Bench().boot()
    kept = dict(bench.truth[GS].balances)
    bench.truth[GS].balances.update(dict.fromkeys(kept, Decimal(0)))
    for _ in range(3):
        bench.tick(DIFFERENCE_CONFIRM_S * 1000 + 500)
        bench.read_all()
    assert bench.context.portfolio.balance(GS, "USDT") == 100_000
    assert bench.context.portfolio.adjustments == 0
    assert not bench.context.account_ready(GS)
    assert ("critical", "account:GATEIO_SPOT") in [(a.level, a.key) for a in bench.all(Alert)]
    bench.truth[GS].balances.update(kept)
    bench.read_all()
    assert bench.context.account_ready(GS)


@pytest.mark.parametrize("told", [True, False])
def test_an_account_that_was_emptied_is_believed_when_its_book_says_so(told: bool) -> None:
    """Somebody withdrew everything from the perpetual's wallet: its row explains the zero, and nothing is in doubt."""
    bench = Bench("0", "0").boot()
    bench.aborted()
    bench.row("dnw", -bench.truth[GF].balances["USDT"])
    if not told:
        bench.truth[GF].rows.clear()
    bench.wait(1)
    bench.read_all()
    bench.read_all()
    assert bench.context.account_ready(GF) is told
    assert ("account:GATEIO_FUTURES" in {alert.key for alert in bench.all(Alert)}) is not told
    assert (bench.context.portfolio.balance(GF, "USDT") == 0) is told


def test_one_coin_may_go_to_nothing() -> None:
    """That is a withdrawal, and booked as any difference."""
    bench = Bench().boot()
    bench.truth[GS].balances["BTC"] = Decimal("0.5")
    bench.truth[GS].balances["USDT"] = Decimal(0)
    for _ in range(3):
        bench.tick(DIFFERENCE_CONFIRM_S * 1000 + 500)
        bench.read_all()
    assert bench.context.portfolio.balance(GS, "USDT") == 0


def test_a_position_is_not_believed_soon_after_a_fill() -> None:
    """For seconds after a fill it may read as nothing: believed, the whole position would be hedged a second time."""
    bench = Bench().boot()
    held = bench.truth[GF].base
    bench.tick(1)
    account = bench.context.accounts[GF]
    fill_ms = bench.now_ns // 1_000_000
    accounts = {**bench.context.accounts, GF: msgspec.structs.replace(account, fill_ms=fill_ms)}
    bench.context = msgspec.structs.replace(bench.context, accounts=accounts)

    def read_as(base: Decimal, s: float) -> None:
        bench.truth[GF].base, bench.truth[GF].updated_ms = base, bench.now_ns // 1_000_000
        for _ in range(round(s / 1.5)):
            bench.tick(1500)
            bench.signal(after_ms=1)
            bench.read_all()

    read_as(Decimal(0), 6)
    assert (bench.context.portfolio.perp_base, bench.context.portfolio.adjustments) == (held, 0)
    assert not bench.context.account_ready(GF)
    read_as(held, 1.5)
    assert bench.context.account_ready(GF)
    read_as(Decimal(0), 15)
    assert bench.context.portfolio.perp_base == 0


def test_a_complete_read_moves_the_window_of_the_next() -> None:
    """Its beginning is kept, by the venue's clock; one that says nothing, or is no answer, moves nothing."""
    bench = Bench().boot()
    assert bench.context.accounts[GS].read_ms == 0
    bench.give(bench.read(GS, began_ms=1_800_000_000_000))
    assert bench.context.accounts[GS].read_ms == 1_800_000_000_000
    nothing = tuple(Balance(GS, asset, Decimal(0), Decimal(0)) for asset in ("BTC", "USDT"))
    bench.give(bench.read(GS, began_ms=1_800_000_009_000, balances=nothing))
    assert bench.context.accounts[GS].read_ms == 1_800_000_000_000


@pytest.mark.parametrize(
    ("fill_days", "read_days", "since_days", "is_told"),
    [(40, 0, 28, True), (40, 30, 28, True), (40, 1, 1.1, False), (27, 0, 27.1, False), (0, 0, 28, False)],
)
def test_trades_that_no_list_has_are_told(fill_days: int, read_days: int, since_days: float, is_told: bool) -> None:
    """Where a read begins later than what is known ends; an account that never traded has nothing to miss."""
    bench, now_ms, day_ms = Bench().boot(), 1_800_000_000_000, 86_400_000

    def ago_ms(days: float) -> int:
        return now_ms - round(days * day_ms) if days else 0

    account = msgspec.structs.replace(
        bench.context.accounts[GS], fill_ms=ago_ms(fill_days), read_ms=ago_ms(read_days)
    )
    bench.context = msgspec.structs.replace(bench.context, accounts={**bench.context.accounts, GS: account})
    bench.give(bench.read(GS, began_ms=now_ms, fills_since_ms=ago_ms(since_days)))
    told = [(alert.level, alert.text) for alert in bench.all(Alert) if alert.key == "unread:GATEIO_SPOT"]
    known = min(days for days in (fill_days, read_days) if days) if is_told else 0
    text = (
        f"GATEIO_SPOT: our trades are known up to {known:.1f} days ago, and it lists those of the last 28.0: what was "
        "traded between shows as a difference of balances alone"
    )
    assert told == ([("warning", text)] if is_told else [])
