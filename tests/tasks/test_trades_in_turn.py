"""Two readings of our trades over one line: one after the other, because a codec pages through one at a time."""

from __future__ import annotations

from typing import Any

import attrs
import trio

from dnbot.domain.instrument import Symbol, Venue
from dnbot.ports.clock import VenueClock, VirtualClock
from dnbot.ports.credentials import Credentials, Secret
from dnbot.ports.signer import CredentialSigner
from dnbot.tasks.accounts import read_trades
from dnbot.tasks.link import Line
from dnbot.venues.mexc.spot_private import MexcSpotPrivate
from dnbot.venues.wire import Reply

NOW_MS = 1_700_000_000_000


@attrs.frozen
class Scripted(Line):
    """A line that answers every reading with one full page and one that is not full, each after a while."""

    async def read(self, codec: Any, request: Any) -> Reply:
        await trio.sleep(0.05)
        end_ms = int(request.target.partition("endTime=")[2].partition("&")[0])
        count, newest_ms = (100, NOW_MS) if end_ms > NOW_MS else (3, NOW_MS - 60_000)
        rows = ",".join(row(newest_ms - 500 * number) for number in range(count))
        return Reply(status=200, headers={}, body=f"[{rows}]".encode())

    def venue_now_ms(self) -> int:
        return NOW_MS


def row(at_ms: int) -> str:
    """One of our trades as MEXC lists it."""
    return (
        f'{{"symbol":"BTCUSDT","id":"t{at_ms}","orderId":"o{at_ms}","price":"60000","qty":"0.001","quoteQty":"60",'
        f'"commission":"0.03","commissionAsset":"USDT","time":{at_ms},"isBuyer":true,"isMaker":false,'
        '"isBestMatch":true,"isSelfTrade":false,"clientOrderId":"dnb-1-1"}'
    )


async def test_readings_of_several_pages_do_not_overtake_each_other(autojump_clock: Any) -> None:
    """A recovery reads the account and resolves its orders at once: both get every page, where both failed for ever."""
    signer = CredentialSigner(Credentials(Secret("key-of-test"), Secret("secret-of-test"), "1"))
    codec = MexcSpotPrivate(Symbol("BTC", "USDT"), signer)
    line = Scripted(Venue.MEXC_SPOT, {}, {}, VenueClock(VirtualClock(NOW_MS * 1_000_000)))
    counts: list[int] = []

    async def one() -> None:
        counts.append(len(await read_trades(codec, line, NOW_MS - 600_000)))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(one)
    assert counts == [103, 103, 103]
