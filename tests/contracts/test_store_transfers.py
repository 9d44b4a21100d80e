"""Transfers between wallets of ours, as every store keeps them: in memory and on PostgreSQL."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from dnbot.domain.errors import InvariantBroken, Superseded
from dnbot.domain.instrument import Venue
from dnbot.domain.messages import TransferChanged
from dnbot.domain.records import TRANSFER_WINDOW_S
from dnbot.domain.transfer import Transfer, TransferStatus


async def begin(store: Any, words: Any, later_s: int = 0) -> int:
    """Start an incarnation, so many seconds after the first."""
    at_ns = words.start_ns + later_s * 10**9
    epoch: int = await store.begin_run(words.symbol, version="1.0", settings="a = 1", started_at_ns=at_ns)
    return epoch


def transfer(epoch: int, number: int, at_ns: int) -> Transfer:
    """A hundred USDT and a bit, from Gate spot to the perpetual's wallet."""
    return Transfer(
        transfer_id=f"m{epoch}-{number}", epoch=epoch, source=Venue.GATE_SPOT, target=Venue.GATE_FUTURES, asset="USDT",
        amount=Decimal("100.000000000000000001"), why="margin is low", created_at_ns=at_ns,
        expires_at_ns=at_ns + 5 * 10**9,
    )


async def test_a_committed_transfer_is_found_by_the_next_start(open_store: Any, words: Any) -> None:
    """To the last digit; one whose end was recorded is found as it ended."""
    async with open_store() as store:
        epoch = await begin(store, words)
        first, second = (transfer(epoch, number, words.start_ns + number) for number in (1, 2))
        await store.commit_transfer(first)
        await store.commit_transfer(second)
        ended = msgspec.structs.replace(
            second, status=TransferStatus.ARRIVED, venue_id="590001", reason="why", changed_at_ns=words.start_ns + 9
        )
        await store.append([TransferChanged(second, words.start_ns), TransferChanged(ended, words.start_ns + 9)])
    async with open_store() as store:
        await begin(store, words, 1)
        assert (await store.load(words.symbol)).transfers == (first, ended)


async def test_a_transfer_is_committed_once(open_store: Any, words: Any) -> None:
    """A second commit of an id is a bug, and so is one of an incarnation that is over; nothing is changed by either."""
    async with open_store() as store, open_store() as other:
        epoch = await begin(store, words)
        made = transfer(epoch, 1, words.start_ns)
        await store.commit_transfer(made)
        with pytest.raises(InvariantBroken, match="committed before"):
            await store.commit_transfer(made)
        await begin(other, words, 1)
        with pytest.raises(Superseded, match="may not write"):
            await store.commit_transfer(transfer(epoch, 2, words.start_ns))
        assert (await other.load(words.symbol)).transfers == (made,)


async def test_a_record_alone_makes_no_transfer(open_store: Any, words: Any) -> None:
    """What was never committed was never asked for, whatever the journal tells of it."""
    async with open_store() as store:
        epoch = await begin(store, words)
        await store.append([TransferChanged(transfer(epoch, 1, words.start_ns), words.start_ns)])
        assert (await store.load(words.symbol)).transfers == ()


async def test_old_transfers_that_have_ended_are_left_out(open_store: Any, words: Any) -> None:
    """A day before the newest start they no longer count; one whose end is unknown is never left out."""
    async with open_store() as store:
        epoch = await begin(store, words)
        open_, ended, young = (transfer(epoch, number, words.start_ns + number) for number in (1, 2, 3))
        young = msgspec.structs.replace(young, created_at_ns=words.start_ns + 100 * 10**9)
        for made in (open_, ended, young):
            await store.commit_transfer(made)
        told = [msgspec.structs.replace(made, status=TransferStatus.ACCEPTED) for made in (ended, young)]
        await store.append([TransferChanged(made, words.start_ns) for made in told])
        await begin(store, words, TRANSFER_WINDOW_S + 50)
        assert (await store.load(words.symbol)).transfers == (open_, told[1])
