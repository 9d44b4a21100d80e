"""Recorded Gate traffic (public, 2021 and 2023): every frame parses, and books join, stay gapless and uncrossed."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from book_clients import GateTicker, GateUpdates, pairs

from dnbot.domain.book import Applied, Level, OrderBook
from dnbot.domain.errors import BookGap
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.market import BookTop
from dnbot.venues.gateio.futures_public import GateFuturesPublic
from dnbot.venues.gateio.spot_public import GateSpotPublic
from dnbot.venues.wire import Delta, PublicCodec, Reply, UnknownFrame

RECORDED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "recorded"
pytestmark = pytest.mark.skipif(not RECORDED.is_dir(), reason="shared data absent")

LINE = re.compile(r"(?P<head>\S+?)(?: -> (?P<at>[\d.]+))?: (?P<body>.*)\Z", re.DOTALL)
CODECS: dict[str, type[GateSpotPublic] | type[GateFuturesPublic]] = {
    "GATEIO": GateSpotPublic,
    "GATEIO_FUTURES": GateFuturesPublic,
}
VENUES = {"GATEIO": Venue.GATE_SPOT, "GATEIO_FUTURES": Venue.GATE_FUTURES}
UNMOVED = ["BTC_USDC", "DIA_USDT", "INK_USDT"]
"""Symbols whose recording holds no increment newer than their snapshot."""


def _bodies(name: str) -> list[tuple[str, bytes]]:
    """(url or time, body) of every received line."""
    text = (RECORDED / name).read_text()
    found = (LINE.match(line) for line in text.splitlines() if "<-" not in line[:80] and "<->" not in line[:80])
    return [(match["head"], match["body"].encode()) for match in found if match and match["body"][:1] in "[{"]


def _reply(body: bytes) -> Reply:
    return Reply(status=200, headers={}, body=body)


def _codec(family: str, pair: str) -> PublicCodec:
    """A codec of one recorded symbol that has learned its instrument from the recorded list."""
    base, _, quote = pair.partition("_")
    codec = CODECS[family](Symbol(base, quote))
    name = "id" if family == "GATEIO" else "name"
    rows = msgspec.json.decode(_lists(family), type=list[msgspec.Raw])
    (row,) = [bytes(raw) for raw in rows if msgspec.json.decode(raw)[name] == pair]
    assert codec.instrument([_reply(row)]).symbol == codec.symbol
    return codec


def _lists(family: str) -> bytes:
    return next(body for head, body in _bodies(f"{family}.0") if head.startswith("https://"))


def _pair_in(frame: bytes) -> str | None:
    """The symbol that an update concerns; None for acknowledgements and channels that we do not read."""
    told = msgspec.json.decode(frame)
    result = told.get("result")
    if told.get("event") != "update" or told["channel"].partition(".")[2] == "candlesticks":
        return None
    row = result[0] if isinstance(result, list) else result
    return str(row.get("s") or row.get("currency_pair") or row.get("contract"))


def _recorded_pairs(family: str) -> list[str]:
    return sorted({pair for _, frame in _bodies(f"{family}.ws.1.0") if (pair := _pair_in(frame))})


@pytest.mark.parametrize("family", CODECS)
def test_every_recorded_frame_of_our_channels_parses(family: str) -> None:
    """No recorded frame raises; every update of a symbol becomes words of its codec; the rest is named, not guessed."""
    pairs = _recorded_pairs(family)
    codecs = {pair: _codec(family, pair) for pair in pairs}
    kinds: Counter[str] = Counter()
    for _, frame in _bodies(f"{family}.ws.1.0"):
        pair = _pair_in(frame)
        words = codecs[pair or pairs[0]].decode(frame)
        kinds.update(type(word).__name__ for word in words)
        assert pair is None or not any(isinstance(word, UnknownFrame) for word in words)
    deltas = 172 if family == "GATEIO" else 352
    assert kinds["Delta"] == deltas
    assert kinds["Subscribed"] > 0
    assert kinds["SubscriptionRefused"] == 0
    if family == "GATEIO":
        assert kinds["PublicTrade"] > 0
        assert kinds["Ticker"] > 0
    else:
        assert kinds["BookTop"] == 75


@pytest.mark.parametrize("family", CODECS)
def test_every_recorded_instrument_parses(family: str) -> None:
    """Each of the listed pairs and contracts gives a positive tick and lot, and says why when it is not tradable."""
    rows = msgspec.json.decode(_lists(family), type=list[msgspec.Raw])
    name = "id" if family == "GATEIO" else "name"
    refused = 0
    for raw in rows:
        pair = msgspec.json.decode(raw)[name]
        base, _, quote = pair.partition("_")
        instrument = CODECS[family](Symbol(base, quote)).instrument([_reply(bytes(raw))])
        assert instrument.tick_size > 0
        assert instrument.lot_size > 0
        assert instrument.tradable == (instrument.not_tradable_because == "")
        refused += not instrument.tradable
    assert 0 <= refused < len(rows) / 4
    assert len(rows) >= 302


def _snapshots(family: str) -> dict[str, tuple[float, bytes]]:
    """Symbol -> (when it arrived, body) of the recorded REST books."""
    found = {}
    for line in (RECORDED / f"{family}.http.0.0").read_text().splitlines():
        match = LINE.match(line)
        if match and match["at"]:
            query = parse_qs(urlsplit(match["head"]).query)
            (pair,) = query.get("currency_pair") or query["contract"]
            found[pair] = (float(match["at"]), match["body"].encode())
    return found


def _applied(family: str, pair: str, *, buffered: bool) -> int:
    """Increments folded into the snapshot: all that were received, or (not buffered) only those received after it."""
    at, body = _snapshots(family)[pair]
    codec = _codec(family, pair)
    book = OrderBook(VENUES[family])
    book.load(codec.snapshot(_reply(body)))
    applied = 0
    for received_at, frame in _bodies(f"{family}.ws.1.0"):
        if _pair_in(frame) != pair or not (buffered or float(received_at) > at):
            continue
        for word in codec.decode(frame):
            if isinstance(word, Delta):
                applied += book.apply(word.delta) is Applied.APPLIED
                assert book.synced
                assert not book.is_crossed
    return applied


def test_recorded_books_join_their_snapshots_and_stay_gapless() -> None:
    """With increments buffered from before the snapshot, all books join; 17 of 20 move afterwards, 3 stay still."""
    keys = [(family, pair) for family in CODECS for pair in _snapshots(family)]
    applied = {key: _applied(*key, buffered=True) for key in keys}
    assert len(applied) == 20
    assert sorted(pair for (_, pair), count in applied.items() if count == 0) == UNMOVED
    assert sum(applied.values()) > 400


def test_a_book_that_did_not_buffer_is_told_as_a_gap() -> None:
    """Dropping what arrived before the snapshot loses an increment of one recorded pair, and the book says so."""
    with pytest.raises(BookGap):
        _applied("GATEIO", "DIS_USDT", buffered=False)


def _per_contract(family: str, pair: str) -> Decimal:
    """Base units per unit of recorded size, read without the codec."""
    if family == "GATEIO":
        return Decimal(1)
    (row,) = [row for row in msgspec.json.decode(_lists(family)) if row["name"] == pair]
    return Decimal(row["quanto_multiplier"])


def _levels(rows: list[tuple[Decimal, Decimal]], per_contract: Decimal) -> tuple[Level, ...]:
    return tuple((price, size * per_contract) for price, size in rows)


def _compared(family: str, pair: str) -> int:
    """How many recorded increments left the bot's book and a second implementation with the same levels."""
    _, body = _snapshots(family)[pair]
    codec, book, reader = _codec(family, pair), OrderBook(VENUES[family]), GateUpdates(depth=10_000)
    per_contract, told = _per_contract(family, pair), msgspec.json.decode(body)
    reader.snapshot(told["id"], pairs(told["bids"]), pairs(told["asks"]))
    book.load(codec.snapshot(_reply(body)))
    compared = 0
    for _, frame in _bodies(f"{family}.ws.1.0"):
        row = msgspec.json.decode(frame)
        if _pair_in(frame) != pair or not row["channel"].endswith("order_book_update"):
            continue
        reader.feed("update", row["result"])
        for word in codec.decode(frame):
            assert isinstance(word, Delta)
            book.apply(word.delta)
        bids, asks = reader.top()
        assert book.update_id == reader.last
        assert book.bids(10_000) == _levels(bids, per_contract)
        assert book.asks(10_000) == _levels(asks, per_contract)
        compared += 1
    assert reader.gaps == 0
    return compared


@pytest.mark.parametrize(("family", "increments"), [("GATEIO", 172), ("GATEIO_FUTURES", 352)])
def test_recorded_books_are_those_of_an_independent_reader(family: str, increments: int) -> None:
    """After the snapshot and after every increment of every pair both readers have the same book."""
    assert sum(_compared(family, pair) for pair in _snapshots(family)) == increments


def test_recorded_best_prices_are_those_of_an_independent_reader() -> None:
    """Every recorded book ticker gives the same best bid and ask to both."""
    compared = 0
    for _, frame in _bodies("GATEIO_FUTURES.ws.1.0"):
        row, pair = msgspec.json.decode(frame), _pair_in(frame)
        if pair is None or not row["channel"].endswith("book_ticker"):
            continue
        reader = GateTicker(depth=1)
        reader.feed("update", row["result"])
        (word,) = _codec("GATEIO_FUTURES", pair).decode(frame)
        assert isinstance(word, BookTop)
        bids, asks = reader.top()
        assert (word.bid, word.ask) == (bids[0][0] if bids else None, asks[0][0] if asks else None)
        compared += 1
    assert compared == 75
