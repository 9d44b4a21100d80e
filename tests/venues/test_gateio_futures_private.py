"""The perpetual's private domain: contracts on the wire, base units above it; golden answers and stream frames."""

from __future__ import annotations

import hmac
from decimal import Decimal
from hashlib import sha512

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.errors import FrameUnreadable, InvariantBroken
from dnbot.domain.instrument import Instrument, Symbol, Venue
from dnbot.domain.order import Fill, OrderIntent, OrderReport, OrderStatus, Purpose, Side
from dnbot.domain.units import Price, Quantity
from dnbot.venues.gateio.futures_private import GateFuturesPrivate
from dnbot.venues.wire import DAY_MS, Capability, FillNews, Kept, OrderNews, Reply, Request

BTC = Symbol("BTC", "USDT")
NOW_MS = 1_790_000_000_123
D = Decimal
INSTRUMENT = Instrument(
    venue=Venue.GATE_FUTURES, symbol=BTC, tick_size=D("0.1"), lot_size=D("0.0001"), multiplier=D("0.0001")
)
REST_ORDER = (
    '{"refu":0,"tkfr":"0.0005","mkfr":"0.0002","contract":"BTC_USDT","id":58828270139457759,"price":"93000",'
    '"tif":"gtc","iceberg":0,"text":"t-dnb-1-2","user":16790001,"is_reduce_only":false,"is_close":false,'
    '"is_liq":false,"fill_price":"0","create_time":1733801848.473,"update_time":1733801848.473,"status":"open",'
    '"left":10,"refr":"0","size":10,"biz_info":"-","amend_text":"-","stp_act":"-","stp_id":0,"update_id":1}'
)
STREAM_ORDER = (
    '{"tkfr":0.0005,"text":"t-dnb-1-2","user":"110000001","stp_act":"-","id":58828270140012048,"refr":0,'
    '"is_reduce_only":false,"mkfr":0.0002,"is_liq":false,"fill_price":0,"finish_as":"_new","size":-1,'
    '"contract":"BTC_USDT","create_time_ms":1733968288255,"status":"open","price":93000.1,"is_close":false,"left":-1,'
    '"tif":"gtc","finish_time_ms":1733968288255,"stp_id":"0","update_id":1,"iceberg":0,"finish_time":1733968288}'
)
MY_TRADE = (
    '{"id":846107001,"create_time":1790000002.123,"contract":"BTC_USDT","order_id":"58828270139457759","size":-120,'
    '"close_size":0,"price":"84020.5","role":"taker","text":"t-dnb-1-2","fee":"0.504123","point_fee":"0"}'
)


class KnownKey:
    """A key whose secret the test knows."""

    key_id = "key"

    def hmac_hex(self, algorithm: str, message: bytes) -> str:
        return hmac.new(b"secret", message, algorithm).hexdigest()


@pytest.fixture
def codec() -> GateFuturesPrivate:
    """A private codec of BTC/USDT that knows its multiplier of 0.0001."""
    told = GateFuturesPrivate(BTC, KnownKey())
    told.learn_instrument(INSTRUMENT)
    return told


def reply(body: str, status: int = 200) -> Reply:
    """An answer."""
    return Reply(status=status, headers={}, body=body.encode())


def frame(channel: str, rows: str) -> str:
    """A stream update."""
    return f'{{"time":1790000001,"time_ms":1790000001234,"channel":"{channel}","event":"update","result":[{rows}]}}'


def intent(**changes: object) -> OrderIntent:
    """A sell of 0.012 (120 contracts) at 84020.50 with some fields changed."""
    told = OrderIntent(
        client_order_id="dnb-1-2", epoch=1, venue=Venue.GATE_FUTURES, symbol=BTC, side=Side.SELL,
        quantity=Quantity(D("0.0120")), price=Price(D("84020.50")), purpose=Purpose.HEDGE, created_at_ns=0,
        expires_at_ns=0,
    )
    return msgspec.structs.replace(told, **changes)


def assert_signed(request: Request) -> None:
    """The signature covers exactly what is sent, and sizes are asked for as decimals."""
    headers = dict(request.headers)
    path, _, query = request.target.partition("?")
    body = sha512(request.body).hexdigest()
    message = f"{request.method}\n{path}\n{query}\n{body}\n{headers['Timestamp']}"
    assert headers["SIGN"] == KnownKey().hmac_hex("sha512", message.encode())
    assert headers["X-Gate-Size-Decimal"] == "1"


def test_every_private_request_is_signed_over_what_is_sent(codec: GateFuturesPrivate) -> None:
    """Targets, windows and pages; POSTs with query arguments have an empty body."""
    window = "from=1789999000&to=1790000001&limit=1000&offset=2000"
    base = "/api/v4/futures/usdt"
    requests = {
        "/api/v4/account/detail": codec.facts_requests(NOW_MS)[0],
        "/api/v4/unified/unified_mode": codec.facts_requests(NOW_MS)[1],
        f"{base}/accounts": codec.facts_requests(NOW_MS)[2],
        f"{base}/fee?contract=BTC_USDT": codec.fees_requests(NOW_MS)[0],
        f"{base}/positions/BTC_USDT": codec.position_request(NOW_MS),
        f"{base}/account_book?{window}": codec.account_rows_request(NOW_MS, 1_789_999_000_999, 2),
        f"{base}/my_trades_timerange?contract=BTC_USDT&{window}": codec.trades_request(NOW_MS, 1_789_999_000_999, 2),
        f"{base}/orders?contract=BTC_USDT&status=open&limit=100": codec.open_orders_request(NOW_MS),
        f"{base}/orders_timerange?contract=BTC_USDT&from=1789999000&to=1790000001&limit=1000&offset=0": (
            codec.finished_orders_request(NOW_MS, 1_789_999_000_999)
        ),
        f"{base}/orders/58828270139457759": codec.order_request("58828270139457759", NOW_MS),
        f"{base}/positions/BTC_USDT/leverage?leverage=0&cross_leverage_limit=2": (
            codec.leverage_requests(NOW_MS, 2, "cross")[0]
        ),
        f"{base}/positions/BTC_USDT/leverage?leverage=3": codec.leverage_requests(NOW_MS, 3, "isolated")[0],
    }
    for target, request in requests.items():
        assert request.target == target
        assert request.body == b""
        assert_signed(request)
    assert codec.balances_request(NOW_MS) == codec.facts_requests(NOW_MS)[2]
    assert codec.trades_page_size() == 1000
    assert codec.kept == Kept(trades_ms=180 * DAY_MS, finished_ms=180 * DAY_MS)
    with pytest.raises(InvariantBroken):
        codec.leverage_requests(NOW_MS, 0, "cross")
    with pytest.raises(InvariantBroken):
        codec.leverage_requests(NOW_MS, 2, "both")


@pytest.mark.parametrize(("side", "size"), [(Side.BUY, 120), (Side.SELL, -120)])
def test_a_create_counts_signed_contracts(codec: GateFuturesPrivate, side: Side, size: int) -> None:
    """Base units become whole contracts with a sign; always a price, a time in force and an expiry."""
    request = codec.place_request(intent(side=side, reduce_only=True), NOW_MS, NOW_MS + 800)
    assert request.target == "/api/v4/futures/usdt/orders"
    assert msgspec.json.decode(request.body) == {
        "text": "t-dnb-1-2", "contract": "BTC_USDT", "size": size, "price": "84020.5", "tif": "ioc",
        "reduce_only": True,
    }
    assert dict(request.headers)["x-gate-exptime"] == str(NOW_MS + 800)
    assert_signed(request)


def test_an_order_that_cannot_be_meant_never_leaves(codec: GateFuturesPrivate) -> None:
    """A price of zero would be a market order; contracts are whole; the multiplier must be known."""
    with pytest.raises(InvariantBroken, match="price"):
        codec.place_request(intent(price=D(0)), NOW_MS, NOW_MS)
    with pytest.raises(ValueError, match="multiple"):
        codec.place_request(intent(quantity=D("0.00005")), NOW_MS, NOW_MS)
    with pytest.raises(InvariantBroken, match="contracts"):
        codec.place_request(intent(quantity=D(0)), NOW_MS, NOW_MS)
    with pytest.raises(InvariantBroken, match="learn"):
        GateFuturesPrivate(BTC, KnownKey()).place_request(intent(), NOW_MS, NOW_MS)
    with pytest.raises(InvariantBroken, match="learn"):
        GateFuturesPrivate(BTC, KnownKey()).learn_instrument(msgspec.structs.replace(INSTRUMENT, venue=Venue.GATE_SPOT))


@given(st.integers(min_value=1, max_value=10**6), st.sampled_from(["0.0001", "0.01", "1", "10", "10000000"]))
def test_contracts_and_base_units_round_trip(contracts: int, multiplier: str) -> None:
    """What is ordered in base units is reported back in base units, whatever a contract holds."""
    step = D(multiplier)
    told = GateFuturesPrivate(BTC, KnownKey())
    told.learn_instrument(msgspec.structs.replace(INSTRUMENT, lot_size=step, multiplier=step))
    quantity = Quantity(contracts * step)
    body = told.place_request(intent(quantity=quantity), NOW_MS, NOW_MS).body
    assert msgspec.json.decode(body)["size"] == -contracts
    order = REST_ORDER.replace('"size":10', f'"size":-{contracts}').replace('"left":10', f'"left":"-{contracts}"')
    assert told.order(reply(order)).quantity == quantity


# --- orders
def test_a_created_order_is_reported(codec: GateFuturesPrivate) -> None:
    """Ids beyond 2**53 stay exact; sizes are base units; times are seconds with a fraction."""
    told = codec.placed(reply(REST_ORDER, 201), intent())
    assert told == OrderReport(
        venue=Venue.GATE_FUTURES, venue_order_id="58828270139457759", client_order_id="dnb-1-2", side=Side.BUY,
        price=Price(D(93000)), quantity=Quantity(D("0.001")), filled=Quantity(D(0)), status=OrderStatus.OPEN,
        reason="", updated_at_ms=1733801848473, filled_value=D(0),
    )
    assert codec.order(reply(REST_ORDER)) == told
    assert codec.orders(reply(f"[{REST_ORDER}]")) == (told,)
    bare = codec.placed(reply('{"id":58828270139457759,"text":"t-dnb-1-2","amend_text":"-"}', 201), intent())
    assert (bare.venue_order_id, bare.status, bare.filled) == ("58828270139457759", OrderStatus.OPEN, D(0))


@pytest.mark.parametrize(
    ("size", "left", "status", "finish_as", "expected", "filled"),
    [
        ("10", "10", "open", "", OrderStatus.OPEN, "0"),
        ("10", "4", "open", "", OrderStatus.OPEN, "0.0006"),
        ("10", "0", "finished", "filled", OrderStatus.FILLED, "0.001"),
        ("-10", "-4", "finished", "ioc", OrderStatus.CANCELLED, "0.0006"),
        ("-10", "4", "finished", "ioc", OrderStatus.CANCELLED, "0.0006"),
        ('"-10"', '"-10"', "finished", "cancelled", OrderStatus.CANCELLED, "0"),
        ('"1.5"', '"0.5"', "finished", "reduce_only", OrderStatus.CANCELLED, "0.0001"),
    ],
)
def test_quantities_decide_how_an_order_ended(
    codec: GateFuturesPrivate, size: str, left: str, status: str, finish_as: str, expected: OrderStatus, filled: str
) -> None:
    """Filled is |size| minus |left|, signed or not, number or string; an IOC remainder is cancelled with its fills."""
    body = REST_ORDER.replace('"size":10', f'"size":{size}').replace('"left":10', f'"left":{left}')
    body = body.replace('"status":"open"', f'"status":"{status}","finish_as":"{finish_as}"')
    told = codec.order(reply(body.replace('"fill_price":"0"', '"fill_price":"84000"')))
    assert (told.status, told.filled, told.reason) == (expected, D(filled), finish_as)
    assert told.side is (Side.SELL if "-" in size else Side.BUY)
    assert told.filled_value == D(filled) * 84000


@pytest.mark.parametrize(
    "body",
    ["{}", "", '{"id":1,"text":"t-other"}', REST_ORDER.replace('"size":10,', ""),
     REST_ORDER.replace('"left":10', '"left":11'), REST_ORDER.replace('"contract":"BTC', '"contract":"ETH'),
     REST_ORDER.replace('"status":"open"', '"status":"new"'),
     REST_ORDER.replace('"size":10', '"size":0').replace('"left":10', '"left":0')],
)
def test_a_create_answer_that_does_not_decide_is_unreadable(codec: GateFuturesPrivate, body: str) -> None:
    """No id, another order or contract, an unknown status or impossible sizes are not guessed over."""
    with pytest.raises(FrameUnreadable):
        codec.placed(reply(body, 201), intent())


def test_pushed_orders_are_news(codec: GateFuturesPrivate) -> None:
    """Prices are JSON numbers and exact; an open order's finish time ends nothing; a close of size 0 is no news."""
    (news,) = codec.decode(frame("futures.orders", STREAM_ORDER))
    assert isinstance(news, OrderNews)
    assert (news.report.price, news.report.quantity, news.report.side) == (D("93000.1"), D("0.0001"), Side.SELL)
    assert (news.report.status, news.report.venue_order_id) == (OrderStatus.OPEN, "58828270140012048")
    ended = STREAM_ORDER.replace('"open"', '"finished"').replace('"left":-1', '"left":0')
    (news,) = codec.decode(frame("futures.orders", ended.replace('"fill_price":0', '"fill_price":92999.95')))
    assert isinstance(news, OrderNews)
    assert (news.report.status, news.report.filled) == (OrderStatus.FILLED, D("0.0001"))
    assert news.report.filled_value == D("9.299995")
    close = STREAM_ORDER.replace('"size":-1', '"size":0').replace('"left":-1', '"left":0')
    assert codec.decode(frame("futures.orders", close)) == ()
    assert codec.decode(frame("futures.orders", STREAM_ORDER.replace("BTC_", "ETH_"))) == ()


# --- fills
def test_a_trade_of_ours_is_a_fill(codec: GateFuturesPrivate) -> None:
    """A negative size is a sell; the fee is USDT and positive when paid; `trade_id` names it in a time range."""
    told = Fill(
        venue=Venue.GATE_FUTURES, symbol=BTC, trade_id="846107001", venue_order_id="58828270139457759",
        client_order_id="dnb-1-2", side=Side.SELL, price=Price(D("84020.5")), quantity=Quantity(D("0.012")),
        fee=D("0.504123"), fee_asset="USDT", is_maker=False, traded_at_ns=1790000002123000000,
    )
    ranged = MY_TRADE.replace('"id":846107001', '"trade_id":"846107001"')
    assert codec.trades(reply(f"[{MY_TRADE},{ranged}]")) == (told, told)
    assert codec.trades(reply(f"[{MY_TRADE.replace('BTC_USDT', 'ETH_USDT')}]")) == ()


def test_a_pushed_trade_is_a_fill(codec: GateFuturesPrivate) -> None:
    """Ids and price are strings, the fee a number; points replace the coin's fee."""
    row = (
        '{"id":"3335001","create_time":1650556082,"create_time_ms":1650556082369,"contract":"BTC_USDT",'
        '"order_id":"617426002","size":"-1","role":"maker","price":"42500","text":"api","fee":-0.0009,"point_fee":0}'
    )
    (news,) = codec.decode(frame("futures.usertrades", row))
    assert isinstance(news, FillNews)
    assert (news.fill.trade_id, news.fill.fee, news.fill.fee_asset) == ("3335001", D("-0.0009"), "USDT")
    assert (news.fill.client_order_id, news.fill.is_maker) == ("", True)
    paid = row.replace('"fee":-0.0009,"point_fee":0', '"fee":0,"point_fee":1.25e-8')
    (news,) = codec.decode(frame("futures.usertrades", paid))
    assert isinstance(news, FillNews)
    assert (news.fill.fee, news.fill.fee_asset) == (D("0.0000000125"), "POINT")
    for broken in (row.replace(',"fee":-0.0009', ""), row.replace('"size":"-1"', '"size":0')):
        with pytest.raises(FrameUnreadable):
            codec.decode(frame("futures.usertrades", broken))


# --- stream
def test_private_subscriptions_name_the_user(codec: GateFuturesPrivate) -> None:
    """Each channel is signed; a user id that is not a number would be silent for ever and is a bug."""
    told = [msgspec.json.decode(text) for text in codec.subscribe_frames(1541993715, "110000001")]
    ours = ["110000001", "BTC_USDT"]
    assert [(row["channel"], row["payload"]) for row in told] == [
        ("futures.orders", ours), ("futures.usertrades", ours), ("futures.positions", ours),
        ("futures.balances", ["110000001"]),
    ]
    for row in told:
        message = f"channel={row['channel']}&event=subscribe&time=1541993715"
        assert row["auth"]["SIGN"] == KnownKey().hmac_hex("sha512", message.encode())
    with pytest.raises(FrameUnreadable):
        codec.subscribe_frames(1, "")
    assert codec.stream_target("") == "/v4/ws/usdt"
    assert codec.stream_headers() == (("X-Gate-Size-Decimal", "1"),)
    assert codec.capabilities == Capability.POSITION | Capability.ORDER_SOCKET | Capability.COUNTDOWN
    assert codec.ping_frame(3) == '{"time":3,"channel":"futures.ping"}'


def test_a_countdown_is_of_the_contract_alone(codec: GateFuturesPrivate) -> None:
    """Seconds, and when it triggers; nothing is moved out of this wallet."""
    request = codec.countdown_request(30, NOW_MS)
    assert (request.method, request.target) == ("POST", "/api/v4/futures/usdt/countdown_cancel_all")
    assert msgspec.json.decode(request.body) == {"timeout": 30, "contract": "BTC_USDT"}
    reply = Reply(status=200, headers={}, body=b'{"triggerTime":"1790000030000"}')
    assert codec.countdown_set(reply) == 1_790_000_030_000
    assert Capability.TRANSFER not in codec.capabilities
