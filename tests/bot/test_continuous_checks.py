"""What changes at a venue behind the bot's back while it trades is named, and repaired, within the schedule's bound.

Each kind happens twice: with the check planted out nobody finds it in time, and with the check put back it is found.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import attrs
import pytest
import trio
from wide_limits import wide_limits

from dnbot.domain.instrument import Venue
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, OrderRequest, OrderState
from dnbot.strategy import folding, reading
from dnbot.strategy.reading import DIFFERENCE_CONFIRM_S, POSITION_LATE_S

NAMES = {GATE_SPOT: Venue.GATE_SPOT, GATE_FUTURES: Venue.GATE_FUTURES, MEXC_SPOT: Venue.MEXC_SPOT}

BALANCE_AGE_MS = 3_000
SCHEDULE_S = BALANCE_AGE_MS / 3000
BOUND_S = SCHEDULE_S + 2 * DIFFERENCE_CONFIRM_S
"""One scheduled read finds it, one a second later confirms it, and both take their time."""
BTC = "BTC/USDT"


@attrs.frozen
class Mismatch:
    """What happens, what tells that it was found, which check finds it, and how soon."""

    happens: Callable[[Any], None]
    found: Callable[[Any], bool]
    check: tuple[object, str]
    """The function without which it is not found."""
    bound_s: float = BOUND_S
    is_told_once: bool = False
    """Whether what was missed stays missed, so that it must happen anew."""


def uid(trial: Any) -> str:
    """The account that the bot uses."""
    return str(trial.stage.world.config.accounts[0].uid)


def money(venue: Any, asset: str, amount: str) -> Mismatch:
    """A balance moves, and no row of any book says why."""

    def happens(trial: Any) -> None:
        trial.stage.world.exchange.deposit(uid(trial), venue, asset, Decimal(amount))

    def found(trial: Any) -> bool:
        ours = trial.bot.context.portfolio.balance(NAMES[venue], asset)
        theirs = Decimal(trial.stage.audit()["balances"][venue][asset])
        return ours == theirs and is_neutral(trial) and alerted(trial, f"adjusted:{NAMES[venue].value}:{asset}")

    return Mismatch(happens, found, (reading, "_judge_differences"))


def alerted(trial: Any, key: str) -> bool:
    """Whether it was told."""
    return key in trial.bot.context.alerted


def is_neutral(trial: Any) -> bool:
    """By the venues' word."""
    return bool(abs(trial.true_delta()) <= trial.bot.context.tolerance)


def lose_contracts(trial: Any) -> None:
    """The position is smaller, and no trade says why."""
    exchange = trial.stage.world.exchange
    position = exchange.account(uid(trial)).positions[BTC]
    position.contracts += 20
    exchange.state.accounts.touch_position(position)
    exchange.commit()


def contracts_found(trial: Any) -> bool:
    """The position is the venue's, delta is closed on both sides, and it was told."""
    position = trial.stage.world.exchange.account(uid(trial)).positions[BTC]
    agrees = trial.bot.context.portfolio.perp_base == position.contracts * position.multiplier
    return agrees and is_neutral(trial) and alerted(trial, "adjusted:GATEIO_FUTURES:BTC")


STRAY = "dnb-9-stray-x"


def rest_stray(trial: Any) -> None:
    """An order with our prefix rests, and is in no table of ours."""
    request = OrderRequest(BTC, "buy", "limit", "gtc", Decimal(1), Decimal(50_000), client_id=f"t-{STRAY}")
    assert isinstance(trial.stage.world.exchange.place_order(GATE_FUTURES, uid(trial), request), OrderState)


def stray_found(trial: Any) -> bool:
    """It was told, and rests no longer."""
    resting = {order["client_id"] for order in trial.stage.audit()["open_orders"]}
    return f"t-{STRAY}" not in resting and alerted(trial, "own_order:GATEIO_FUTURES")


def pay_funding(trial: Any) -> None:
    """Funding is charged out of turn."""
    trial.stage.world.exchange.settle_funding(BTC)


def funding_found(trial: Any) -> bool:
    """Every row of funding is booked as such."""
    rows = [Decimal(row["change"]) for row in trial.stage.audit()["funding"]]
    return bool(rows) and trial.bot.context.portfolio.funding_quote == sum(rows)


def trade_by_hand(trial: Any) -> None:
    """Somebody closes a part of the short."""
    request = OrderRequest(BTC, "buy", "market", "ioc", Decimal(20))
    assert isinstance(trial.stage.world.exchange.place_order(GATE_FUTURES, uid(trial), request), OrderState)


def trade_found(trial: Any) -> bool:
    """It was told, and delta is closed again."""
    return alerted(trial, "foreign:GATEIO_FUTURES") and is_neutral(trial)


KINDS: dict[str, list[Mismatch]] = {
    "balances": [money(GATE_SPOT, "USDT", "-100"), money(MEXC_SPOT, "BTC", "0.004")],
    "orders": [Mismatch(rest_stray, stray_found, (reading, "_cancel_strays"))],
    "funding": [Mismatch(pay_funding, funding_found, (reading, "fold_row"))],
    "position": [
        Mismatch(lose_contracts, contracts_found, (reading, "_judge_differences"), BOUND_S + POSITION_LATE_S),
    ],
    "trade": [Mismatch(trade_by_hand, trade_found, (folding, "_tell_foreign"), is_told_once=True)],
}


async def is_found(trial: Any, mismatch: Mismatch) -> bool:
    """Whether it is found within its bound."""
    with trio.move_on_after(mismatch.bound_s):
        while not mismatch.found(trial):  # noqa: ASYNC110 (what is looked for sets no event)
            await trio.sleep(0.1)
        return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
async def test_it_is_found_in_time(
    autojump_clock: Any, lab: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Named, and repaired where something is to be repaired; not while the check for it is planted out."""
    config = FakesConfig(seed=1, funding_first_after_s=None)
    # Accounts are read every second here, which MEXC does not allow for long.
    with wide_limits():
        async with lab.trading(config, balance_age_ms_max=BALANCE_AGE_MS) as trial:
            for mismatch in KINDS[kind]:
                with monkeypatch.context() as planted:
                    planted.setattr(*mismatch.check, lambda *_: None)
                    mismatch.happens(trial)
                    assert not await is_found(trial, mismatch)
                if mismatch.is_told_once:
                    mismatch.happens(trial)
                assert await is_found(trial, mismatch)
                await trial.until_trades(1)
