"""A whole account, or no answer."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import trio

from dnbot.domain.account import Balance
from dnbot.domain.errors import VenueUnreachable
from dnbot.domain.instrument import Venue
from dnbot.strategy.context import VenueAccount
from dnbot.tasks.accounts import (
    COIN_PRICE_S,
    FIRST_WINDOW_MS,
    OVERLAP_MS,
    PAGES_MAX,
    PAGING_MS,
    read_account,
    read_trades,
)
from dnbot.venues.wire import DAY_MS, Capability, Kept, Unclear

EPOCH_NS = 1_800_000_000_000_000_000
ORDER = ["GET /balances", "GET /open", "GET /trades/0"]


def answers(kit: Any, **changes: Any) -> None:
    kit.script.answers |= {"GET /balances": [()], "GET /open": [()], "GET /trades/0": [()], **changes}


async def test_balances_first_and_trades_last(autojump_clock: Any, kit: Any) -> None:
    """Whatever the balances include, the trades include too."""
    answers(kit)
    read = await read_account(kit.codec, kit.line(), None, "why")
    assert kit.script.asked == ORDER
    assert read.why == "why"
    assert (read.began_s, read.position, read.rows) == (0.0, None, ())
    assert read.ended_s == pytest.approx(0.003)


async def test_the_perpetual_is_read_with_position_and_rows(autojump_clock: Any, kit: Any) -> None:
    """Position after balances, account book after trades."""
    kit.codec.capabilities = Capability.POSITION
    answers(kit, **{"GET /position": ["position"], "GET /rows/0": [()]})
    read = await read_account(kit.codec, kit.line(), None, "why")
    assert kit.script.asked == ["GET /balances", "GET /position", "GET /open", "GET /trades/0", "GET /rows/0"]
    assert str(read.position) == "position"


@pytest.mark.parametrize("broken", ORDER)
async def test_a_part_that_fails_is_no_answer(autojump_clock: Any, kit: Any, broken: str) -> None:
    """Nothing is concluded from the other parts."""
    answers(kit, **{broken: [Unclear("HTTP 502")]})
    with pytest.raises(VenueUnreachable, match="HTTP 502"):
        await read_account(kit.codec, kit.line(), None, "why")


MX = Balance(Venue.MEXC_SPOT, "MX", Decimal(1), Decimal(1))
NONE = Balance(Venue.MEXC_SPOT, "MX", Decimal(0), Decimal(0))
PRICED = VenueAccount(coin_prices={"MX": Decimal(3)}, coin_prices_s=100.0)


@pytest.mark.parametrize(
    ("coin", "balances", "account", "at_s", "asked"),
    [
        ("MX", (MX,), None, 0.0, True), ("MX", (NONE,), None, 0.0, False), ("MX", (), None, 0.0, False),
        ("", (MX,), None, 0.0, False), ("MX", (MX,), VenueAccount(), 0.0, True),
        ("MX", (MX,), PRICED, 100.0 + COIN_PRICE_S - 1, False), ("MX", (MX,), PRICED, 100.0 + COIN_PRICE_S + 1, True),
    ],
)  # fmt: skip
async def test_a_coin_is_priced_while_we_hold_it(
    autojump_clock: Any, kit: Any, coin: str, balances: Any, account: Any, at_s: float, asked: bool
) -> None:
    """Asked for once a minute, and of no account that holds none."""
    await trio.sleep(at_s)
    kit.codec.fee_coin = coin
    answers(kit, **{"GET /balances": [balances], "GET /coin": [Decimal("2.5")]})
    read = await read_account(kit.codec, kit.line(), account, "why")
    assert kit.script.asked == [*ORDER, *["GET /coin"] * asked]
    assert read.coin_prices == ({"MX": Decimal("2.5")} if asked else {})


async def test_a_coin_without_an_answer_leaves_the_read_whole(autojump_clock: Any, kit: Any) -> None:
    """The account is read; the price is just not told."""
    kit.codec.fee_coin = "MX"
    answers(kit, **{"GET /balances": [(MX,)], "GET /coin": [Unclear("HTTP 502")]})
    read = await read_account(kit.codec, kit.line(), None, "why")
    assert (read.balances, read.coin_prices) == ((MX,), {})


async def test_all_pages_are_read_and_sorted(autojump_clock: Any, kit: Any) -> None:
    """A full page asks for the next; rows come newest first and leave oldest first, equal times in the order made."""
    answers(kit, **{
        "GET /trades/0": [(kit.fill("t5", at_s=2), kit.fill("t4", at_s=2), kit.fill("t3", at_s=1))],
        "GET /trades/1": [(kit.fill("t2", at_s=1), kit.fill("t1", at_s=1))],
    })
    fills = await read_trades(kit.codec, kit.line(), 0)
    assert [fill.trade_id for fill in fills] == ["t1", "t2", "t3", "t4", "t5"]


async def test_endless_pages_raise(autojump_clock: Any, kit: Any) -> None:
    """A list that never ends is no complete answer."""
    page = tuple(kit.fill(f"t{n}") for n in range(3))
    answers(kit, **{f"GET /trades/{number}": [page] for number in range(PAGES_MAX)})
    with pytest.raises(VenueUnreachable, match="pages of trades"):
        await read_trades(kit.codec, kit.line(), 0)


HOUR_MS = 3_600_000
NOW_MS = EPOCH_NS // 1_000_000


@pytest.mark.parametrize(
    ("fill_ms", "read_ms", "since_ms"),
    [
        (NOW_MS - 5_000, 0, NOW_MS - 5_000 - OVERLAP_MS),  # lists lag, and times are rounded
        (NOW_MS - 9 * HOUR_MS, NOW_MS - 10_000, NOW_MS - 10_000 - FIRST_WINDOW_MS),  # nothing happened since
        (NOW_MS - 99 * DAY_MS, NOW_MS - 10_000, NOW_MS - 10_000 - FIRST_WINDOW_MS),
        (0, NOW_MS - 10_000, NOW_MS - 10_000 - FIRST_WINDOW_MS),
        (0, 0, NOW_MS - FIRST_WINDOW_MS),
        (NOW_MS - 27 * DAY_MS, 0, NOW_MS - 27 * DAY_MS - OVERLAP_MS),
        (NOW_MS - 99 * DAY_MS, 0, NOW_MS - 28 * DAY_MS + PAGING_MS),  # it lists no more
        (NOW_MS - 99 * DAY_MS, NOW_MS - 40 * DAY_MS, NOW_MS - 28 * DAY_MS + PAGING_MS),
    ],
)  # fmt: skip
async def test_trades_are_asked_for_from_where_one_may_be_missing(
    autojump_clock: Any, kit: Any, fill_ms: int, read_ms: int, since_ms: int
) -> None:
    """From the newest booked one or the last complete reading, each with overlap, and from no earlier than the venue
    lists; the reading tells from when on it is complete, and when it began.
    """
    kit.codec.kept = Kept(trades_ms=28 * DAY_MS)
    answers(kit)
    read = await read_account(kit.codec, kit.line(), VenueAccount(fill_ms=fill_ms, read_ms=read_ms), "why")
    assert kit.codec.windows == {"trades": [since_ms]}
    assert (read.fills_since_ms, read.began_ms) == (since_ms, NOW_MS)


async def test_rows_are_asked_for_from_where_one_may_be_missing(autojump_clock: Any, kit: Any) -> None:
    """A position that nothing is paid for has no rows either."""
    kit.codec.capabilities = Capability.POSITION
    answers(kit, **{"GET /position": ["position"], "GET /rows/0": [()]})
    quiet = VenueAccount(row_ms=NOW_MS - 99 * DAY_MS, read_ms=NOW_MS - 10_000)
    await read_account(kit.codec, kit.line(), quiet, "why")
    assert kit.codec.windows["rows"] == [NOW_MS - 10_000 - FIRST_WINDOW_MS]


async def test_no_window_reaches_back_beyond_that_of_the_opening(autojump_clock: Any, kit: Any) -> None:
    """What was traded before it is in the opening's balances: booked as well, it would count twice."""
    answers(kit)
    opening = await read_account(kit.codec, kit.line(), None, "why")
    for later_s, fill_s in ((10, 0), (10, -FIRST_WINDOW_MS // 1000 + 1), (9_000, -FIRST_WINDOW_MS // 1000 + 1)):
        await trio.sleep(later_s)
        known = VenueAccount(read_ms=opening.began_ms, fill_ms=(NOW_MS + fill_s * 1000) if fill_s else 0)
        read = await read_account(kit.codec, kit.line(), known, "why")
        assert read.fills_since_ms >= opening.fills_since_ms
