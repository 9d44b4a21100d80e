"""Push frames, against the documented byte vectors and an encoder that shares no code with the decoder."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.book import BookDelta
from dnbot.domain.errors import FrameUnreadable
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.order import Fill, OrderReport, OrderStatus, Side
from dnbot.domain.units import Price, Quantity
from dnbot.venues.mexc.private_stream import words
from dnbot.venues.mexc.protobuf import OtherBody, decode_push
from dnbot.venues.mexc.spot_public import MexcSpotPublic
from dnbot.venues.wire import (
    Balance,
    BookTop,
    Delta,
    FillNews,
    OrderNews,
    PrivateMessage,
    PublicMessage,
    PublicTrade,
    Ticker,
    UnknownFrame,
)

BTC = Symbol("BTC", "USDT")
MEXC = Venue.MEXC_SPOT

DEPTH = bytes.fromhex(
    "0a2e73706f74407075626c69632e61676772652e64657074682e76332e6170692e70624031306d7340425443555344541a07425443555344"
    "5430e287809fef33ca135912150a0836313735392e37331209302e303030313737381a2673706f74407075626c69632e61676772652e6465"
    "7074682e76332e6170692e70624031306d73220b37343839313331333236332a0b3734383931333133323633"
)
BOOK_TICKER = bytes.fromhex(
    "0a3373706f74407075626c69632e61676772652e626f6f6b5469636b65722e76332e6170692e70624031306d7340425443555344541a0742"
    "54435553445430e287809fef33da13290a0836323338332e3536120a302e30373935363635311a0836323338332e35372207302e30393535"
    "36"
)
ACCOUNT = bytes.fromhex(
    "0a1e73706f7440707269766174652e6163636f756e742e76332e6170692e706228b4acf4c7953330bdacf4c795339a136d0a045553445412"
    "2031323866353839323731636234393531623033653731653633323365623762651a14302e3030363031363436353037343637373030362207"
    "2d342e343032322a06342e343032323206342e343032323a0d454e54525553545f504c41434540b4acf4c79533"
)


# --- an encoder of its own: (number, value) pairs, nested pairs are messages
Fields = Sequence[tuple[int, object]]


def varint(value: int) -> bytes:
    """A base-128 number; negative ones as 64 bit two's complement."""
    value &= (1 << 64) - 1
    out = b""
    while value >= 128:
        out += bytes([value % 128 + 128])
        value //= 128
    return out + bytes([value])


def encode(fields: Fields) -> bytes:
    """proto3: defaults are left out."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number * 8) + varint(value) if value else b""
            continue
        assert isinstance(value, Sequence)
        payload = value.encode() if isinstance(value, str) else encode(value)
        if value or not isinstance(value, str):
            out += varint(number * 8 + 2) + varint(len(payload)) + payload
    return out


def push(number: int, body: Fields, *, symbol: str = "BTCUSDT", sent_ms: int = 1782208005090) -> bytes:
    """A wrapper with one body."""
    return encode([(1, "spot@some.channel"), (3, symbol), (6, sent_ms), (number, body)])


def read_public(frame: bytes) -> tuple[PublicMessage, ...]:
    """The words of a public frame."""
    return MexcSpotPublic(BTC).decode(frame)


def read_private(frame: bytes) -> tuple[PrivateMessage, ...]:
    """The words of a private frame."""
    return words(decode_push(frame), BTC, frame)


ORDER = {
    1: "C02__583905164440776704043", 2: "dnb-1-2", 3: "48.07", 4: "1.03", 7: 3, 8: 1, 10: "49.5121", 11: "1.03",
    13: "0", 14: "0", 15: 1, 16: 1754996075502,
}  # fmt: skip
DEAL = {
    1: "3.6962", 2: "1", 3: "3.6962", 4: 2, 7: "505979017439002624X1", 9: "C02__505979017439002624115",
    10: "0.0003998377369698171", 11: "MX", 12: 1736417034280,
}  # fmt: skip


def order_frame(**changed: object) -> bytes:
    """An order push; `f15=2` changes field 15."""
    return push(304, sorted({**ORDER, **{int(name[1:]): value for name, value in changed.items()}}.items()))


def deal_frame(**changed: object) -> bytes:
    """A deal push; `f4=1` changes field 4."""
    return push(306, sorted({**DEAL, **{int(name[1:]): value for name, value in changed.items()}}.items()))


# --- vectors
def test_the_depth_vector_is_an_increment() -> None:
    """One bid, no ask, one version."""
    assert read_public(DEPTH) == (
        Delta(
            BookDelta(
                venue=MEXC, first_id=74891313263, last_id=74891313263,
                bids=((Decimal("61759.73"), Decimal("0.0001778")),), asks=(), at_ms=1782208005090,
            )
        ),
    )  # fmt: skip


def test_the_book_ticker_vector_is_the_top() -> None:
    """Best bid and ask, exactly."""
    assert read_public(BOOK_TICKER) == (BookTop(MEXC, Decimal("62383.56"), Decimal("62383.57"), 1782208005090),)


def test_the_account_vector_is_a_balance_that_includes_what_is_locked() -> None:
    """balanceAmount is what is available; the total adds frozenAmount, digit for digit."""
    assert read_private(ACCOUNT) == (
        Balance(
            MEXC, "USDT", total=Decimal("4.408216465074677006"), available=Decimal("0.006016465074677006"),
            at_ms=1758134605364,
        ),
    )  # fmt: skip


# --- public frames
texts = st.decimals(min_value=0, max_value=10**12, allow_nan=False, allow_infinity=False, places=12).map(
    lambda value: format(value, "f")
)
level_lists = st.lists(st.tuples(texts, texts), max_size=6)
times = st.integers(1, 2**53)


@given(asks=level_lists, bids=level_lists, first=st.integers(0, 10**15), span=st.integers(0, 10**6), sent_ms=times)
def test_any_increment_is_read_exactly(
    asks: list[tuple[str, str]], bids: list[tuple[str, str]], first: int, span: int, sent_ms: int
) -> None:
    """Prices and quantities keep every digit, the sides stay apart, versions are numbers."""
    body: Fields = [(1, [(1, p), (2, q)]) for p, q in asks] + [(2, [(1, p), (2, q)]) for p, q in bids]
    frame = push(313, [*body, (3, "event"), (4, str(first)), (5, str(first + span))], sent_ms=sent_ms)
    (word,) = read_public(frame)
    assert isinstance(word, Delta)
    assert word.delta.asks == tuple((Decimal(p), Decimal(q)) for p, q in asks)
    assert word.delta.bids == tuple((Decimal(p), Decimal(q)) for p, q in bids)
    assert (word.delta.first_id, word.delta.last_id, word.delta.at_ms) == (first, first + span, sent_ms)


def test_unknown_fields_are_ignored() -> None:
    """Additions to the wrapper and to a body change nothing."""
    body: Fields = [(4, "7"), (5, "8"), (6, 1782208005090), (77, "new"), (78, 5)]
    frame = encode([(1, "c"), (3, "BTCUSDT"), (4, "id"), (6, 9), (99, "new"), (313, body)])
    assert read_public(frame) == (Delta(BookDelta(venue=MEXC, first_id=7, last_id=8, bids=(), asks=(), at_ms=9)),)


@pytest.mark.parametrize("zero", ["0", "0.00000000"])
def test_a_removed_level_is_a_zero(zero: str) -> None:
    """Both spellings of nothing."""
    frame = push(313, [(1, [(1, "1.5"), (2, zero)]), (4, "7"), (5, "7")])
    (word,) = read_public(frame)
    assert isinstance(word, Delta)
    assert word.delta.asks == ((Decimal("1.5"), Decimal(0)),)


def test_a_one_sided_top_has_no_ask() -> None:
    """An empty text is an empty side."""
    assert read_public(push(315, [(1, "5.1"), (2, "3")])) == (BookTop(MEXC, Decimal("5.1"), None, 1782208005090),)


def test_a_batch_of_trades_is_one_word_each() -> None:
    """1 means that the taker bought, 2 that he sold."""
    deals: Fields = [(1, [(1, "5.1"), (2, "3"), (3, kind), (4, 1000 + kind), (5, "id")]) for kind in (1, 2)]
    assert read_public(push(314, [*deals, (2, "event")])) == (
        PublicTrade(MEXC, Decimal("5.1"), Decimal(3), True, 1001),
        PublicTrade(MEXC, Decimal("5.1"), Decimal(3), False, 1002),
    )


def test_the_ticker_takes_the_turnover_in_quote() -> None:
    """Field 7, which the venue calls volume, is quote; field 8 is base."""
    frame = push(309, [(1, "BTCUSDT"), (2, "62000.5"), (3, "0.01"), (7, "123456789.25"), (8, "2000")])
    assert read_public(frame) == (Ticker(MEXC, Decimal("62000.5"), Decimal("123456789.25"), 1782208005090),)


@pytest.mark.parametrize("read", [read_public, read_private])
def test_a_wrapper_without_a_body_says_nothing(read: object) -> None:
    """Recorded on the live venue: channel, symbol and time, no body."""
    assert callable(read)
    assert read(encode([(1, "c"), (3, "BTCUSDT"), (6, 9)])) == ()


@pytest.mark.parametrize("number", [301, 303, 308, 311, 312, 316])
def test_a_body_that_nobody_asked_for_is_an_unknown_frame(number: int) -> None:
    """Whether the table has it (a candle) or not (316): counted, not read."""
    frame = push(number, [])
    assert isinstance(decode_push(frame).body, OtherBody)
    assert read_public(frame) == (UnknownFrame("spot@some.channel"),)
    assert read_private(frame) == (UnknownFrame("spot@some.channel"),)


def test_another_symbol_is_an_unknown_frame() -> None:
    """Its levels must never enter our book."""
    assert read_public(push(313, [(4, "7"), (5, "8")], symbol="ETHUSDT")) == (UnknownFrame("spot@some.channel"),)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xff\xff\xff",
        DEPTH[:-3],
        encode([(3, "BTCUSDT"), (313, [(4, "7"), (5, "8")])]),  # no channel
        push(313, [(5, "8")]),
        push(313, [(4, "7")]),
        push(313, [(4, "8"), (5, "7")]),
        push(313, [(4, "-7"), (5, "7")]),
        push(313, [(4, "7"), (5, "8"), (1, [(1, "1.5")])]),  # no quantity is not a quantity of zero
        push(313, [(4, "7"), (5, "8"), (1, [(2, "1.5")])]),
        push(313, [(4, "7"), (5, "8"), (1, [(1, "NaN"), (2, "1")])]),
        push(313, [(4, "7"), (5, "8"), (1, [(1, "1"), (2, "-1")])]),
        push(314, [(1, [(1, "1"), (2, "1"), (4, 5)])]),  # whoever took it
        push(314, [(1, [(1, "1"), (2, "1"), (3, 1)])]),  # whenever it was
        push(309, [(2, "1")]),
        push(315, [(1, "one")]),
    ],
)
def test_public_frames_without_a_deciding_field_are_unreadable(frame: bytes) -> None:
    """Nothing is defaulted."""
    with pytest.raises(FrameUnreadable) as raised:
        read_public(frame)
    assert raised.value.venue == "MEXC_SPOT"


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(frame: bytes) -> None:
    """No frame can raise anything else."""
    try:
        assert isinstance(read_public(frame), tuple)
        assert isinstance(read_private(frame), tuple)
    except FrameUnreadable:
        pass


# --- private frames
def test_a_recorded_deal_is_a_fill() -> None:
    """The fee keeps its 19 decimals and its coin; what proto3 leaves out is false or empty."""
    fill = Fill(
        venue=MEXC, symbol=BTC, trade_id="505979017439002624X1", venue_order_id="C02__505979017439002624115",
        client_order_id="", side=Side.SELL, price=Price(Decimal("3.6962")), quantity=Quantity(Decimal(1)),
        fee=Decimal("0.0003998377369698171"), fee_asset="MX", is_maker=False, traded_at_ns=1736417034280_000_000,
    )  # fmt: skip
    assert read_private(deal_frame()) == (FillNews(fill),)


def test_a_maker_buy_with_our_id_is_a_fill() -> None:
    """Flags and ids that are set are told."""
    (word,) = read_private(deal_frame(f4=1, f5=1, f8="dnb-1-2"))
    assert isinstance(word, FillNews)
    assert (word.fill.side, word.fill.is_maker, word.fill.client_order_id) == (Side.BUY, True, "dnb-1-2")


def test_only_a_fee_of_zero_may_be_without_a_coin() -> None:
    """Then it is nothing, in quote."""
    (word,) = read_private(deal_frame(f10="0", f11=""))
    assert isinstance(word, FillNews)
    assert (word.fill.fee, word.fill.fee_asset) == (Decimal(0), "USDT")
    with pytest.raises(FrameUnreadable):
        read_private(deal_frame(f11=""))


@pytest.mark.parametrize(
    ("changed", "status", "filled"),
    [
        ({"f15": 1}, OrderStatus.OPEN, "0"),
        ({"f15": 1, "f13": "", "f14": ""}, OrderStatus.OPEN, "0"),
        ({"f15": 2, "f13": "1.03", "f14": "49.5"}, OrderStatus.FILLED, "1.03"),
        ({"f15": 3, "f13": "0.5", "f14": "24"}, OrderStatus.OPEN, "0.5"),
        ({"f15": 4}, OrderStatus.CANCELLED, "0"),
        ({"f15": 5, "f13": "0.5", "f14": "24"}, OrderStatus.CANCELLED, "0.5"),
    ],
)
def test_the_five_statuses(changed: dict[str, object], status: OrderStatus, filled: str) -> None:
    """3 is alive with a fill; 5 is over with a fill."""
    (word,) = read_private(order_frame(**changed))
    assert isinstance(word, OrderNews)
    assert (word.report.status, word.report.filled) == (status, Decimal(filled))


def test_a_recorded_cancel_is_a_report() -> None:
    """Ids, price, quantity and the time of sending."""
    assert read_private(order_frame(f15=4)) == (
        OrderNews(
            OrderReport(
                venue=MEXC, venue_order_id="C02__583905164440776704043", client_order_id="dnb-1-2", side=Side.BUY,
                price=Price(Decimal("48.07")), quantity=Quantity(Decimal("1.03")), filled=Quantity(Decimal(0)),
                status=OrderStatus.CANCELLED, reason="CANCELED", updated_at_ms=1782208005090, filled_value=Decimal(0),
            )
        ),
    )  # fmt: skip


def test_a_conditional_order_is_not_ours() -> None:
    """Somebody's stop order on the same account stops nobody."""
    assert read_private(order_frame(f7=100, f15=0)) == (UnknownFrame("spot@some.channel"),)


def test_orders_and_trades_of_other_symbols_say_nothing() -> None:
    """The stream carries the whole account."""
    for number, body in ((304, ORDER), (306, DEAL)):
        assert read_private(push(number, sorted(body.items()), symbol="ETHUSDT")) == ()


@given(available=texts, frozen=texts, at_ms=times)
def test_any_balance_is_added_exactly(available: str, frozen: str, at_ms: int) -> None:
    """Total minus what is locked is what is available, with no digit lost."""
    frame = push(307, [(1, "MX"), (3, available), (5, frozen), (8, at_ms)], symbol="")
    (word,) = read_private(frame)
    assert isinstance(word, Balance)
    assert word.total == Decimal(int(Decimal(available) * 10**12) + int(Decimal(frozen) * 10**12)).scaleb(-12)
    assert (word.available, word.at_ms) == (Decimal(available), at_ms)


def test_a_balance_of_many_digits_is_not_rounded() -> None:
    """A cheap coin has more digits than the 28 that Decimal keeps by itself."""
    frame = push(307, [(1, "SHIB"), (3, "123456789012345.000000000000000001"), (5, "0.1"), (8, 1)], symbol="")
    (word,) = read_private(frame)
    assert isinstance(word, Balance)
    assert str(word.total) == "123456789012345.100000000000000001"


@pytest.mark.parametrize(
    "frame",
    [
        *(order_frame(**{f"f{number}": ""}) for number in (1, 3, 4)),
        *(order_frame(**{f"f{number}": 0}) for number in (8, 15)),
        order_frame(f15=6),
        order_frame(f15=2, f13=""),
        order_frame(f15=4, f13=""),
        *(deal_frame(**{f"f{number}": ""}) for number in (1, 2, 7, 9, 10)),
        *(deal_frame(**{f"f{number}": 0}) for number in (4, 12)),
        push(304, sorted(ORDER.items()), symbol=""),
        push(306, sorted(DEAL.items()), symbol=""),
        push(307, [(3, "1"), (5, "1")]),
        push(307, [(1, "MX"), (5, "1")]),
        push(307, [(1, "MX"), (3, "1")]),
    ],
)
def test_private_frames_without_a_deciding_field_are_unreadable(frame: bytes) -> None:
    """Nothing is defaulted."""
    with pytest.raises(FrameUnreadable):
        read_private(frame)
