"""The hand-written encoder against byte vectors and against google protobuf."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnbot.fakes import mexc_protobuf as pb
from dnbot.fakes.mexc_numbers import cut_to_places, padded, plain, whole_second_ms

DEPTH_HEX = (
    "0a2e73706f74407075626c69632e61676772652e64657074682e76332e6170692e70624031306d7340425443555344541a07425443555344"
    "5430e287809fef33ca135912150a0836313735392e37331209302e303030313737381a2673706f74407075626c69632e61676772652e6465"
    "7074682e76332e6170692e70624031306d73220b37343839313331333236332a0b3734383931333133323633"
)
TICKER_HEX = (
    "0a3373706f74407075626c69632e61676772652e626f6f6b5469636b65722e76332e6170692e70624031306d7340425443555344541a0742"
    "54435553445430e287809fef33da13290a0836323338332e3536120a302e30373935363635311a0836323338332e35372207302e30393535"
    "36"
)
ACCOUNT_HEX = (
    "0a1e73706f7440707269766174652e6163636f756e742e76332e6170692e706228b4acf4c7953330bdacf4c795339a136d0a045553445412"
    "2031323866353839323731636234393531623033653731653633323365623762651a14302e30303630313634363530373436373730303622"
    "072d342e343032322a06342e343032323206342e343032323a0d454e54525553545f504c41434540b4acf4c79533"
)


DEPTH_CHANNEL = "spot@public.aggre.depth.v3.api.pb@10ms@BTCUSDT"
DEPTH_EVENT = "spot@public.aggre.depth.v3.api.pb@10ms"
TICKER_CHANNEL = "spot@public.aggre.bookTicker.v3.api.pb@10ms@BTCUSDT"


def test_depth_vector(decode: Callable[[bytes], Any]) -> None:
    """The captured depth frame is encoded to the documented bytes and decodes to its content."""
    body = pb.aggre_depth([], [("61759.73", "0.0001778")], DEPTH_EVENT, 74891313263, 74891313263)
    frame = pb.wrapper(DEPTH_CHANNEL, "publicAggreDepths", body, symbol="BTCUSDT", send_time_ms=1782208005090)
    assert frame.hex() == DEPTH_HEX
    message = decode(frame)
    assert message.publicAggreDepths.fromVersion == "74891313263"
    assert message.sendTime == 1782208005090


def test_book_ticker_vector() -> None:
    """The captured book ticker without a version is encoded to the documented bytes."""
    body = pb.aggre_book_ticker(("62383.56", "0.07956651"), ("62383.57", "0.09556"))
    frame = pb.wrapper(TICKER_CHANNEL, "publicAggreBookTicker", body, symbol="BTCUSDT", send_time_ms=1782208005090)
    assert frame.hex() == TICKER_HEX


def test_account_vector(decode: Callable[[bytes], Any]) -> None:
    """The captured private account frame is encoded to the documented bytes: no symbol, both times."""
    body = pb.AccountFrame(
        asset="USDT",
        asset_id="128f589271cb4951b03e71e6323eb7be",
        balance_amount="0.006016465074677006",
        balance_change="-4.4022",
        frozen_amount="4.4022",
        frozen_change="4.4022",
        kind="ENTRUST_PLACE",
        time_ms=1758134605364,
    ).encode()
    channel = "spot@private.account.v3.api.pb"
    frame = pb.wrapper(
        channel, "privateAccount", body, create_time_ms=1758134605364, send_time_ms=1758134605373
    )  # fmt: skip
    assert frame.hex() == ACCOUNT_HEX
    assert not decode(frame).HasField("symbol")


def test_frame_without_body_has_none(decode: Callable[[bytes], Any]) -> None:
    """A body-less wrapper carries channel, symbol and time only."""
    message = decode(pb.wrapper(DEPTH_CHANNEL, None, symbol="BTCUSDT", send_time_ms=5))
    assert message.WhichOneof("body") is None
    assert message.channel == DEPTH_CHANNEL


def test_one_sided_ticker_has_empty_ask(decode: Callable[[bytes], Any]) -> None:
    """An empty side is two empty strings, which are not on the wire."""
    message = decode(pb.wrapper("c", "publicAggreBookTicker", pb.aggre_book_ticker(("1", "2"), ("", ""), "7")))
    assert (message.publicAggreBookTicker.askPrice, message.publicAggreBookTicker.version) == ("", "7")


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
INT64 = st.integers(-(2**63), 2**63 - 1)
INT32 = st.integers(-(2**31), 2**31 - 1)
LEVELS = st.lists(st.tuples(TEXT, TEXT), max_size=4)
CANONICAL = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@CANONICAL
@given(asks=LEVELS, bids=LEVELS, event=TEXT, first=INT64, last=INT64, created=INT64, symbol=st.none() | TEXT)
def test_depth_round_trip(
    decode: Callable[[bytes], Any],
    asks: list[pb.Level],
    bids: list[pb.Level],
    event: str,
    first: int,
    last: int,
    created: int,
    symbol: str | None,
) -> None:
    """Any depth frame is canonical protobuf and decodes to what was put in."""
    body = pb.aggre_depth(asks, bids, event, first, last, created)
    message = decode(pb.wrapper("c", "publicAggreDepths", body, symbol=symbol))
    depth = message.publicAggreDepths
    assert [(level.price, level.quantity) for level in depth.asks] == asks
    assert [(level.price, level.quantity) for level in depth.bids] == bids
    assert (depth.eventType, depth.fromVersion, depth.toVersion) == (event, str(first), str(last))
    assert depth.lastOrderCreateTime == created
    assert message.HasField("symbol") == (symbol is not None)


@CANONICAL
@given(texts=st.lists(TEXT, min_size=8, max_size=8), kind=INT32, time_ms=INT64, maker=st.booleans(), own=st.booleans())
def test_deal_round_trip(
    decode: Callable[[bytes], Any], texts: list[str], kind: int, time_ms: int, maker: bool, own: bool
) -> None:
    """Any private deal is canonical protobuf and decodes to what was put in."""
    price, quantity, amount, trade_id, client, order_id, fee, currency = texts
    frame = pb.DealFrame(
        price=price,
        quantity=quantity,
        amount=amount,
        trade_type=kind,
        is_maker=maker,
        is_self_trade=own,
        trade_id=trade_id,
        client_order_id=client,
        order_id=order_id,
        fee_amount=fee,
        fee_currency=currency,
        time_ms=time_ms,
    )
    deal = decode(pb.wrapper("c", "privateDeals", frame.encode())).privateDeals
    assert [deal.price, deal.quantity, deal.amount, deal.tradeId, deal.clientOrderId] == [*texts[:5]]
    assert [deal.orderId, deal.feeAmount, deal.feeCurrency] == texts[5:]
    assert (deal.tradeType, deal.isMaker, deal.isSelfTrade, deal.time) == (kind, maker, own, time_ms)


@CANONICAL
@given(
    texts=st.lists(TEXT, min_size=10, max_size=10), ints=st.lists(INT32, min_size=3, max_size=3), last=st.none() | TEXT
)
def test_order_round_trip(decode: Callable[[bytes], Any], texts: list[str], ints: list[int], last: str | None) -> None:
    """Any private order is canonical protobuf; the explicit optional is present exactly when it was given."""
    frame = pb.OrderFrame(
        order_id=texts[0],
        client_id=texts[1],
        price=texts[2],
        quantity=texts[3],
        amount=texts[4],
        average_price=texts[5],
        order_type=ints[0],
        trade_type=ints[1],
        is_maker=False,
        remain_amount=texts[6],
        remain_quantity=texts[7],
        last_deal_quantity=last,
        cumulative_quantity=texts[8],
        cumulative_amount=texts[9],
        status=ints[2],
        create_time_ms=9,
    )
    order = decode(pb.wrapper("c", "privateOrders", frame.encode())).privateOrders
    assert [order.id, order.clientId, order.price, order.quantity, order.amount, order.avgPrice] == texts[:6]
    assert [order.remainAmount, order.remainQuantity, order.cumulativeQuantity, order.cumulativeAmount] == texts[6:]
    assert [order.orderType, order.tradeType, order.status] == ints
    assert (order.HasField("lastDealQuantity"), order.lastDealQuantity) == (last is not None, last or "")


def test_remaining_messages(decode: Callable[[bytes], Any]) -> None:
    """Deals, limit depth, batches, klines and mini tickers put their values under their own numbers."""
    deal = pb.TapeDeal("1.5", "2", 2, 1782208006167, "698165549569396736X0")
    deals = decode(pb.wrapper("c", "publicAggreDeals", pb.aggre_deals([deal, deal], "e"))).publicAggreDeals
    assert (len(deals.deals), deals.deals[1].tradeType, deals.deals[0].tradeId) == (2, 2, "698165549569396736X0")
    limit = decode(pb.wrapper("c", "publicLimitDepths", pb.limit_depth([("2", "1")], [("1", "3")], "e", 9)))
    assert (limit.publicLimitDepths.version, limit.publicLimitDepths.bids[0].quantity) == ("9", "3")
    item = pb.book_ticker(("1", "2"), ("3", "4"))
    batch = decode(pb.wrapper("c", "publicBookTickerBatch", pb.book_ticker_batch([item], "8"))).publicBookTickerBatch
    assert (batch.items[0].askPrice, batch.version) == ("3", "8")
    line = pb.kline("Min15", 900, 1800, ("1", "4", "0.5", "2"), "10", "20")
    bar = decode(pb.wrapper("c", "publicSpotKline", line, create_time_ms=3)).publicSpotKline
    prices = (bar.openingPrice, bar.closingPrice, bar.highestPrice, bar.lowestPrice)
    assert (prices, bar.windowStart, bar.windowEnd, bar.amount) == (("1", "2", "4", "0.5"), 900, 1800, "20")
    mini = pb.mini_tickers([pb.mini_ticker("BTCUSDT", "5", "0.01")])
    assert decode(pb.wrapper("c", "publicMiniTickers", mini)).publicMiniTickers.items[0].rate == "0.01"


@pytest.mark.parametrize(
    ("value", "text"),
    [("1E+3", "1000"), ("0.110", "0.11"), ("0E-8", "0"), ("-4.40", "-4.4"), ("1E-19", f"0.{0:018d}1")],
)
def test_plain_text(value: str, text: str) -> None:
    """Decimal text never has an exponent or trailing zeros."""
    assert plain(Decimal(value)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=18, min_value=-(10**12), max_value=10**12))
def test_plain_text_is_exact(value: Decimal) -> None:
    """Printing loses nothing."""
    assert Decimal(plain(value)) == value
    assert "e" not in plain(value).lower()


def test_padding_and_times() -> None:
    """REST books are padded, quantities are cut toward zero, times are rounded to the nearest second."""
    assert padded(Decimal(87900), 2) == "87900.00"
    assert cut_to_places(Decimal("32.3655"), 2) == Decimal("32.36")
    assert whole_second_ms(1757172733644) == 1757172734000
    assert whole_second_ms(1757172671195) == 1757172671000
