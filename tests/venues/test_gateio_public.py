"""Gate's public domain, spot and perpetual: golden bodies and frames, in base units, for one symbol each."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.book import BookDelta, BookSnapshot
from dnbot.domain.errors import FrameUnreadable, InvariantBroken
from dnbot.domain.instrument import Symbol, Venue
from dnbot.venues.gateio.futures_public import GateFuturesPublic
from dnbot.venues.gateio.spot_public import GateSpotPublic
from dnbot.venues.wire import (
    BookTop,
    Delta,
    FundingRate,
    MarkPrice,
    PublicTrade,
    Reply,
    Ticker,
    UnknownFrame,
)

BTC = Symbol("BTC", "USDT")
D = Decimal
PAIR = (
    '{"id":"BTC_USDT","base":"BTC","base_name":"Bitcoin","quote":"USDT","quote_name":"Tether","fee":"0.2",'
    '"min_base_amount":"0.00001","min_quote_amount":"3","max_base_amount":"1000","max_quote_amount":"5000000",'
    '"amount_precision":6,"precision":1,"trade_status":"tradable","sell_start":1516378650,"buy_start":1516378650,'
    '"delisting_time":0,"type":"normal","st_tag":false}'
)
CONTRACT = (
    '{"funding_rate_indicative":"0","mark_price_round":"0.01","in_delisting":false,"interest_rate":"0.0003",'
    '"order_price_round":"0.1","order_size_min":1,"enable_decimal":false,"name":"BTC_USDT",'
    '"order_price_deviate":"0.18","maintenance_rate":"0.005","type":"direct","order_size_max":"1000000",'
    '"quanto_multiplier":"0.0001","maker_fee_rate":"-0.0001","taker_fee_rate":"0.00075","status":"trading",'
    '"market_order_size_max":"800000","contract_type":"","funding_interval":28800}'
)


def reply(body: str) -> Reply:
    """A success with this body."""
    return Reply(status=200, headers={}, body=body.encode())


def frame(channel: str, result: str, event: str = "update") -> str:
    """A stream frame."""
    return f'{{"time":1790000001,"time_ms":1790000001234,"channel":"{channel}","event":"{event}","result":{result}}}'


@pytest.fixture
def spot() -> GateSpotPublic:
    """A spot codec of BTC/USDT."""
    return GateSpotPublic(BTC)


@pytest.fixture
def futures() -> GateFuturesPublic:
    """A perpetual codec that has learned its multiplier of 0.0001."""
    codec = GateFuturesPublic(BTC)
    codec.instrument([reply(CONTRACT)])
    return codec


# --- instruments
def test_a_pair_becomes_an_instrument(spot: GateSpotPublic) -> None:
    """Decimals become tick and lot; minima and maxima are kept; quantities are base units."""
    (request,) = spot.instrument_requests()
    assert request.target == "/api/v4/spot/currency_pairs/BTC_USDT"
    told = spot.instrument([reply(PAIR)])
    assert (told.tick_size, told.lot_size) == (D("0.1"), D("0.000001"))
    assert (told.min_quantity, told.max_quantity) == (D("0.00001"), D(1000))
    assert (told.min_notional, told.max_notional) == (D(3), D(5_000_000))
    assert told.tradable
    assert told.price_deviation_max is None


def test_absent_limits_of_a_pair_are_no_limits(spot: GateSpotPublic) -> None:
    """Older pairs leave minima and maxima out or null."""
    body = '{"id":"BTC_USDT","amount_precision":4,"precision":2,"trade_status":"tradable","max_base_amount":null}'
    told = spot.instrument([reply(body)])
    assert (told.min_quantity, told.max_quantity, told.min_notional, told.max_notional) == (D(0), None, D(0), None)


@pytest.mark.parametrize("status", ["untradable", "buyable", "sellable", "anything_new"])
def test_a_pair_that_is_not_fully_tradable_says_why(spot: GateSpotPublic, status: str) -> None:
    """Only `tradable` is tradable, and the venue's own word is in the reason."""
    told = spot.instrument([reply(PAIR.replace('"tradable"', f'"{status}"'))])
    assert not told.tradable
    assert status in told.not_tradable_because
    assert told.closing_only is (status == "sellable")


def test_a_pair_to_be_delisted_is_not_traded(spot: GateSpotPublic) -> None:
    """A delisting time is a reason of its own."""
    told = spot.instrument([reply(PAIR.replace('"delisting_time":0', '"delisting_time":1790000000'))])
    assert not told.tradable
    assert "1790000000" in told.not_tradable_because
    assert told.closing_only


def test_a_contract_becomes_an_instrument_in_base_units() -> None:
    """Sizes are multiplied into coins; price deviation and maintenance come along."""
    codec = GateFuturesPublic(BTC)
    (request,) = codec.instrument_requests()
    assert request.target == "/api/v4/futures/usdt/contracts/BTC_USDT"
    assert dict(request.headers)["X-Gate-Size-Decimal"] == "1"
    told = codec.instrument([reply(CONTRACT)])
    assert (told.tick_size, told.lot_size, told.multiplier) == (D("0.1"), D("0.0001"), D("0.0001"))
    assert (told.min_quantity, told.max_quantity) == (D("0.0001"), D(100))
    assert (told.price_deviation_max, told.maintenance_rate) == (D("0.18"), D("0.005"))
    assert told.tradable
    assert told.to_contracts(D("0.0123")) == 123


@pytest.mark.parametrize(("multiplier", "lot"), [("10", "10"), ("10000000", "10000000"), ("0.01", "0.01")])
def test_any_multiplier_scales_lots_and_books(multiplier: str, lot: str) -> None:
    """Multipliers far from one scale the lot and every book level."""
    codec = GateFuturesPublic(BTC)
    told = codec.instrument([reply(CONTRACT.replace('"0.0001","maker', f'"{multiplier}","maker'))])
    assert told.lot_size == D(lot)
    book = codec.snapshot(reply('{"id":1,"asks":[{"s":82,"p":"2"}],"bids":[]}'))
    assert book.asks == ((D(2), 82 * D(multiplier)),)


def test_a_decimal_contract_is_ordered_in_whole_contracts() -> None:
    """A contract with fractions publishes no step (its minimum may even read 0): whole contracts are valid."""
    body = CONTRACT.replace('"enable_decimal":false', '"enable_decimal":true').replace(
        '"order_size_min":1', '"order_size_min":"0"'
    )
    told = GateFuturesPublic(BTC).instrument([reply(body)])
    assert told.lot_size == told.min_quantity == D("0.0001")


@pytest.mark.parametrize(
    ("found", "instead", "word", "closing_only"),
    [
        ('"status":"trading"', '"status":"delisting"', "delisting", False),
        ('"status":"trading"', '"status":"circuit_breaker"', "circuit_breaker", False),
        ('"in_delisting":false', '"in_delisting":true', "delisting", True),
        ('"type":"direct"', '"type":"inverse"', "inverse", False),
    ],
)
def test_a_contract_that_cannot_be_traded_says_why(found: str, instead: str, word: str, closing_only: bool) -> None:
    """Halts, delistings and inverse contracts are refused by name; only a delisting still takes what closes."""
    told = GateFuturesPublic(BTC).instrument([reply(CONTRACT.replace(found, instead))])
    assert not told.tradable
    assert word in told.not_tradable_because
    assert told.closing_only is closing_only


@pytest.mark.parametrize(
    "body",
    [
        CONTRACT.replace('"quanto_multiplier":"0.0001",', ""),
        CONTRACT.replace('"quanto_multiplier":"0.0001"', '"quanto_multiplier":"0"'),
        CONTRACT.replace('"name":"BTC_USDT"', '"name":"ETH_USDT"'),
        CONTRACT.replace('"order_price_round":"0.1",', ""),
        "{}",
        "<html>",
    ],
)
def test_a_contract_without_a_deciding_field_is_unreadable(body: str) -> None:
    """No multiplier, a multiplier of zero, another contract or foreign content raises with the raw body."""
    with pytest.raises(FrameUnreadable) as caught:
        GateFuturesPublic(BTC).instrument([reply(body)])
    assert caught.value.raw == body[:500]


def test_symbols_that_cannot_be_spoken_are_refused() -> None:
    """Only contracts in USDT and only ASCII names are supported."""
    with pytest.raises(ValueError, match="settled in USDT"):
        GateFuturesPublic(Symbol("BTC", "USDC"))
    with pytest.raises(ValueError, match="ASCII"):
        GateSpotPublic(Symbol("币", "USDT"))


# --- REST reads
def test_the_clock_is_milliseconds(spot: GateSpotPublic, futures: GateFuturesPublic) -> None:
    """Both domains read one clock."""
    for codec in (spot, futures):
        assert codec.server_time_request().target == "/api/v4/spot/time"
        assert codec.server_time_ms(reply('{"server_time":1789456236538}')) == 1789456236538


def test_a_spot_book_is_a_snapshot(spot: GateSpotPublic) -> None:
    """String pairs with an id; as deep as the subscription."""
    target = "/api/v4/spot/order_book?currency_pair=BTC_USDT&interval=0&limit=100&with_id=true"
    assert spot.snapshot_request().target == target
    body = (
        '{"id":27596272445,"current":1759104757920,"update":1759104757917,'
        '"asks":[["111666.1","0.79"],["111676.8","0.014"]],"bids":[["111666","0.13"],["111665.3","0.05"]]}'
    )
    assert spot.snapshot(reply(body)) == BookSnapshot(
        venue=Venue.GATE_SPOT,
        update_id=27596272445,
        bids=((D(111666), D("0.13")), (D("111665.3"), D("0.05"))),
        asks=((D("111666.1"), D("0.79")), (D("111676.8"), D("0.014"))),
        at_ms=1759104757917,
    )


@pytest.mark.parametrize("size", ["82", '"82"', '"82.5"'])
def test_a_perpetual_book_is_a_snapshot_in_base_units(futures: GateFuturesPublic, size: str) -> None:
    """Objects with sizes as numbers or strings, times in seconds."""
    target = "/api/v4/futures/usdt/order_book?contract=BTC_USDT&interval=0&limit=100&with_id=true"
    assert futures.snapshot_request().target == target
    body = (
        f'{{"id":90220378,"current":1791009940.824,"update":1791009940.504,'
        f'"asks":[{{"s":{size},"p":"234.35"}}],"bids":[{{"s":1196,"p":"234.34"}}]}}'
    )
    told = futures.snapshot(reply(body))
    assert told.asks == ((D("234.35"), D(size.strip('"')) * D("0.0001")),)
    assert told.bids == ((D("234.34"), D("0.1196")),)
    assert told.at_ms == 1791009940504


def test_a_book_without_an_id_is_unreadable(spot: GateSpotPublic, futures: GateFuturesPublic) -> None:
    """Without its id a book cannot be joined to the stream."""
    for codec in (spot, futures):
        with pytest.raises(FrameUnreadable, match="id"):
            codec.snapshot(reply('{"current":1,"asks":[],"bids":[]}'))


# --- streams
def test_subscriptions_cover_the_public_channels(spot: GateSpotPublic, futures: GateFuturesPublic) -> None:
    """One frame per channel, with the book's interval and depth; the perpetual asks for decimal sizes."""
    told = [msgspec.json.decode(text) for text in spot.subscribe_frames(1790000000)]
    assert [(row["channel"], row["payload"]) for row in told] == [
        ("spot.order_book_update", ["BTC_USDT", "100ms"]),
        ("spot.book_ticker", ["BTC_USDT"]),
        ("spot.trades", ["BTC_USDT"]),
        ("spot.tickers", ["BTC_USDT"]),
    ]
    told = [msgspec.json.decode(text) for text in futures.subscribe_frames(1790000000)]
    assert [(row["channel"], row["payload"]) for row in told] == [
        ("futures.order_book_update", ["BTC_USDT", "100ms", "100"]),
        ("futures.book_ticker", ["BTC_USDT"]),
        ("futures.trades", ["BTC_USDT"]),
        ("futures.tickers", ["BTC_USDT"]),
    ]
    assert all(row["event"] == "subscribe" and row["time"] == 1790000000 and "auth" not in row for row in told)
    assert spot.stream_target() == "/ws/v4/"
    assert spot.stream_headers() == ()
    assert futures.stream_target() == "/v4/ws/usdt"
    assert futures.stream_headers() == (("X-Gate-Size-Decimal", "1"),)
    assert msgspec.json.decode(spot.ping_frame(5)) == {"time": 5, "channel": "spot.ping"}
    assert msgspec.json.decode(futures.ping_frame(5)) == {"time": 5, "channel": "futures.ping"}


def test_a_spot_increment(spot: GateSpotPublic) -> None:
    """Absolute amounts in base units; zero stays zero and removes."""
    result = (
        '{"t":1790000001040,"l":"100","e":"depthUpdate","E":1790000001,"s":"BTC_USDT","U":5000101,"u":5000104,'
        '"b":[["84010.1","0.25"]],"a":[["84012.7","0"]]}'
    )
    assert spot.decode(frame("spot.order_book_update", result)) == (
        Delta(
            BookDelta(
                venue=Venue.GATE_SPOT,
                first_id=5000101,
                last_id=5000104,
                bids=((D("84010.1"), D("0.25")),),
                asks=((D("84012.7"), D(0)),),
                at_ms=1790000001040,
            )
        ),
    )


@pytest.mark.parametrize("size", ["61", '"61"'])
def test_a_perpetual_increment(futures: GateFuturesPublic, size: str) -> None:
    """Contracts become base units, whether they come as numbers or strings."""
    result = (
        f'{{"t":1790000001217,"s":"BTC_USDT","U":7000201,"u":7000209,"b":[{{"p":"84010.1","s":0}}],'
        f'"a":[{{"p":"84012.7","s":{size}}}],"l":"100"}}'
    )
    (word,) = futures.decode(frame("futures.order_book_update", result).encode())
    assert isinstance(word, Delta)
    assert word.delta.bids == ((D("84010.1"), D(0)),)
    assert word.delta.asks == ((D("84012.7"), D("0.0061")),)
    assert (word.delta.first_id, word.delta.last_id, word.delta.full) == (7000201, 7000209, False)


def test_an_empty_increment_still_moves_the_sequence(futures: GateFuturesPublic) -> None:
    """Sides that did not change may be empty or left out."""
    for sides in ('"b":[],"a":[],', ""):
        result = f'{{"t":1790000001217,"s":"BTC_USDT",{sides}"U":7,"u":9}}'
        (word,) = futures.decode(frame("futures.order_book_update", result))
        assert isinstance(word, Delta)
        assert (word.delta.bids, word.delta.asks, word.delta.first_id, word.delta.last_id) == ((), (), 7, 9)


def test_a_full_frame_replaces_the_book(spot: GateSpotPublic) -> None:
    """`full` may come without a first id."""
    result = '{"t":1,"s":"BTC_USDT","u":9,"full":true,"b":[["1","2"]],"a":[]}'
    (word,) = spot.decode(frame("spot.order_book_update", result))
    assert isinstance(word, Delta)
    assert (word.delta.full, word.delta.first_id, word.delta.last_id) == (True, 9, 9)


@pytest.mark.parametrize("result", ['{"s":"BTC_USDT","u":9,"b":[],"a":[]}', '{"s":"BTC_USDT","U":9}', "null", "[]"])
def test_an_increment_without_its_ids_is_unreadable(spot: GateSpotPublic, result: str) -> None:
    """Both ids decide; a frame without them is never guessed."""
    with pytest.raises(FrameUnreadable):
        spot.decode(frame("spot.order_book_update", result))


def test_best_bid_and_ask(spot: GateSpotPublic, futures: GateFuturesPublic) -> None:
    """An empty side of the book is None."""
    result = '{"t":1791009973168,"u":126906668187,"s":"BTC_USDT","b":"84588.1","B":5564,"a":"84588.2","A":"23621"}'
    for codec, channel in ((spot, "spot.book_ticker"), (futures, "futures.book_ticker")):
        top = BookTop(codec.venue, D("84588.1"), D("84588.2"), 1791009973168)
        assert codec.decode(frame(channel, result)) == (top,)
        (empty,) = codec.decode(frame(channel, '{"t":1,"u":2,"s":"BTC_USDT","b":"","B":0,"a":"0","A":0}'))
        assert isinstance(empty, BookTop)
        assert (empty.bid, empty.ask) == (None, None)


def test_a_spot_trade_tells_its_aggressor(spot: GateSpotPublic) -> None:
    """`side` is the taker's; the time carries a fraction of a millisecond."""
    result = (
        '{"id":6064666343,"create_time":1691620568,"create_time_ms":"1691620568789.0","side":"buy",'
        '"currency_pair":"BTC_USDT","amount":"0.0003009","price":"29573.7","range":"a-b"}'
    )
    told = PublicTrade(Venue.GATE_SPOT, D("29573.7"), D("0.0003009"), True, 1691620568789)
    assert spot.decode(frame("spot.trades", result)) == (told,)
    (sold,) = spot.decode(frame("spot.trades", result.replace('"buy"', '"sell"')))
    assert isinstance(sold, PublicTrade)
    assert not sold.taker_bought


@pytest.mark.parametrize(("size", "bought"), [("5", True), ('"-5"', False), ("-5", False)])
def test_a_perpetual_trade_tells_its_aggressor_by_sign(futures: GateFuturesPublic, size: str, bought: bool) -> None:
    """A negative size means that the taker sold; the quantity is base units without sign."""
    result = (
        f'[{{"id":846107575,"size":{size},"create_time":1791009974,"create_time_ms":1791009974834,'
        '"price":"84588.2","contract":"BTC_USDT"}]'
    )
    told = PublicTrade(Venue.GATE_FUTURES, D("84588.2"), D("0.0005"), bought, 1791009974834)
    assert futures.decode(frame("futures.trades", result)) == (told,)


def test_a_spot_ticker(spot: GateSpotPublic) -> None:
    """Last price and 24 h volume in quote, at the envelope's time."""
    result = '{"currency_pair":"BTC_USDT","last":"70775.2","base_volume":"4643.1","quote_volume":"328461488.44111"}'
    told = Ticker(Venue.GATE_SPOT, D("70775.2"), D("328461488.44111"), 1790000001234)
    assert spot.decode(frame("spot.tickers", result)) == (told,)


TICKER = (
    '[{"contract":"BTC_USDT","last":"84588.2","volume_24h_quote":"6365210534","mark_price":"84588.1",'
    '"funding_rate":"-0.000011","funding_rate_indicative":"-0.000011","funding_interval":28800,"funding_offset":0,'
    '"funding_next_apply":1791014400,"index_price":"84634.7","t":1791009972577}]'
)


def test_a_perpetual_ticker_tells_mark_index_and_funding(futures: GateFuturesPublic) -> None:
    """Three words in one frame; a negative rate stays negative."""
    assert futures.decode(frame("futures.tickers", TICKER)) == (
        Ticker(Venue.GATE_FUTURES, D("84588.2"), D(6365210534), 1791009972577),
        MarkPrice(Venue.GATE_FUTURES, D("84588.1"), D("84634.7"), 1791009972577),
        FundingRate(Venue.GATE_FUTURES, D("-0.000011"), 28800, 1791014400),
    )


def test_a_rate_without_its_interval_is_no_funding(futures: GateFuturesPublic) -> None:
    """Where interval or next time is left out, there is no word on funding rather than a guessed one."""
    words = futures.decode(frame("futures.tickers", TICKER.replace('"funding_interval":28800,', "")))
    assert [type(word) for word in words] == [Ticker, MarkPrice]


def test_frames_of_other_symbols_are_named_as_unknown(spot: GateSpotPublic, futures: GateFuturesPublic) -> None:
    """What concerns another symbol never becomes a word about ours."""
    other = '{"t":1,"u":2,"U":2,"s":"ETH_USDT","b":[],"a":[]}'
    assert spot.decode(frame("spot.order_book_update", other)) == (UnknownFrame("spot.order_book_update ETH_USDT"),)
    assert futures.decode(frame("futures.tickers", TICKER.replace("BTC_", "ETH_"))) == (
        UnknownFrame("futures.tickers ETH_USDT"),
    )


def test_a_perpetual_book_before_its_instrument_is_a_bug() -> None:
    """Without the multiplier no size can be told."""
    with pytest.raises(InvariantBroken):
        GateFuturesPublic(BTC).snapshot(reply('{"id":1,"asks":[{"s":1,"p":"1"}],"bids":[]}'))


@given(
    st.decimals(min_value="0.00000001", max_value="1e9", places=8),
    st.integers(min_value=0, max_value=10**9),
    st.sampled_from(["0.0001", "0.01", "1", "10", "10000000"]),
)
def test_levels_are_exact_for_any_multiplier(price: Decimal, contracts: int, multiplier: str) -> None:
    """Price and size of a perpetual level survive exactly: base units are contracts times multiplier."""
    codec = GateFuturesPublic(BTC)
    codec.instrument([reply(CONTRACT.replace('"0.0001","maker', f'"{multiplier}","maker'))])
    result = f'{{"s":"BTC_USDT","U":1,"u":1,"b":[{{"p":"{price:f}","s":"{contracts}"}}],"a":[]}}'
    (word,) = codec.decode(frame("futures.order_book_update", result))
    assert isinstance(word, Delta)
    assert word.delta.bids == ((price, contracts * D(multiplier)),)
