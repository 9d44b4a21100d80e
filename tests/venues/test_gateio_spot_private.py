"""Gate spot's private domain: signed requests, golden answers and stream frames."""

from __future__ import annotations

import hmac
from decimal import Decimal
from hashlib import sha512

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.errors import FrameUnreadable, InvariantBroken
from dnbot.domain.instrument import FeeSchedule, Instrument, Symbol, Venue
from dnbot.domain.order import Fill, OrderIntent, OrderReport, OrderStatus, Purpose, Side, TimeInForce
from dnbot.domain.transfer import Transfer
from dnbot.domain.units import Price, Quantity
from dnbot.venues.gateio.spot_private import GateSpotPrivate
from dnbot.venues.wire import (
    DAY_MS,
    AccountFacts,
    Balance,
    Capability,
    FillNews,
    Kept,
    OrderNews,
    Reply,
    Request,
    RequestClass,
)

BTC = Symbol("BTC", "USDT")
NOW_MS = 1_790_000_000_123
D = Decimal
REST_ORDER = (
    '{"id":"376835979523","text":"t-dnb-1-2","amend_text":"-","create_time":"1691015713","update_time":"1691015713",'
    '"create_time_ms":1691015713247,"update_time_ms":1691015713247,"status":"open","currency_pair":"BTC_USDT",'
    '"type":"limit","account":"spot","side":"buy","amount":"0.00068","price":"10000.7","time_in_force":"gtc",'
    '"left":"0.00068","filled_amount":"0","fill_price":"0","filled_total":"0","fee":"0","finish_as":"open"}'
)
STREAM_ORDER = (
    '{"id":"1036717000001","text":"t-dnb-1-2","create_time":"1774613210","update_time":"1774613210",'
    '"currency_pair":"BTC_USDT","type":"limit","account":"spot","side":"sell","amount":"0.1","price":"200",'
    '"time_in_force":"ioc","left":"0.1","filled_amount":"0","filled_total":"0","avg_deal_price":"0","fee":"0",'
    '"create_time_ms":"1774613210391","update_time_ms":"1774613210391","user":110000001,"event":"put","stp_id":0,'
    '"stp_act":"-","finish_as":"open","biz_info":"-","amend_text":"-"}'
)
MY_TRADE = (
    '{"id":"6068816979","create_time":"1691702924","create_time_ms":"1691702924010.071000",'
    '"currency_pair":"BTC_USDT","side":"buy","role":"taker","amount":"0.00003","price":"29454.6",'
    '"order_id":"381068734893","fee":"0.00000006","fee_currency":"BTC","point_fee":"0","gt_fee":"0",'
    '"amend_text":"-","sequence_id":"588018","text":"t-dnb-1-2"}'
)
PUSHED_TRADE = (
    '{"id":8900430001,"user_id":110000001,"order_id":"575707600001","currency_pair":"BTC_USDT",'
    '"create_time":1714729020,"create_time_ms":"1714729020184.131","side":"buy","amount":"449755.846826",'
    '"role":"maker","price":"0.000007782","fee":"449.755846826","fee_currency":"BTC","point_fee":"0","gt_fee":"0",'
    '"text":"apiv4","amend_text":"-","biz_info":"-"}'
)


class KnownKey:
    """A key whose secret the test knows."""

    key_id = "key"

    def hmac_hex(self, algorithm: str, message: bytes) -> str:
        return hmac.new(b"secret", message, algorithm).hexdigest()


@pytest.fixture
def codec() -> GateSpotPrivate:
    """A private codec of BTC/USDT."""
    return GateSpotPrivate(BTC, KnownKey())


def reply(body: str, status: int = 200) -> Reply:
    """An answer."""
    return Reply(status=status, headers={}, body=body.encode())


def frame(channel: str, rows: str) -> str:
    """A stream update."""
    return f'{{"time":1790000001,"time_ms":1790000001234,"channel":"{channel}","event":"update","result":[{rows}]}}'


def intent(**changes: object) -> OrderIntent:
    """A buy of 0.5 at 84000.10 with some fields changed."""
    told = OrderIntent(
        client_order_id="dnb-1-2", epoch=1, venue=Venue.GATE_SPOT, symbol=BTC, side=Side.BUY,
        quantity=Quantity(D("0.500")), price=Price(D("84000.10")), purpose=Purpose.ENTRY, created_at_ns=0,
        expires_at_ns=0,
    )
    return msgspec.structs.replace(told, **changes)


def assert_signed(request: Request) -> None:
    """The signature covers exactly what is sent."""
    headers = dict(request.headers)
    path, _, query = request.target.partition("?")
    body = sha512(request.body).hexdigest()
    message = f"{request.method}\n{path}\n{query}\n{body}\n{headers['Timestamp']}"
    assert headers["SIGN"] == KnownKey().hmac_hex("sha512", message.encode())
    assert headers["KEY"] == "key"
    assert headers["Timestamp"] == "1790000000.123"


def test_every_private_request_is_signed_over_what_is_sent(codec: GateSpotPrivate) -> None:
    """Method, path with prefix, raw query, body and time of each request are what the signature covers."""
    requests = {
        "/api/v4/account/detail": codec.facts_requests(NOW_MS)[0],
        "/api/v4/unified/unified_mode": codec.facts_requests(NOW_MS)[1],
        "/api/v4/wallet/fee?currency_pair=BTC_USDT": codec.fees_requests(NOW_MS)[0],
        "/api/v4/spot/accounts": codec.balances_request(NOW_MS),
        "/api/v4/spot/orders?currency_pair=BTC_USDT&status=open&page=1&limit=100": codec.open_orders_request(NOW_MS),
        "/api/v4/spot/orders?currency_pair=BTC_USDT&status=finished&from=1789999000&page=1&limit=100": (
            codec.finished_orders_request(NOW_MS, 1_789_999_000_999)
        ),
        "/api/v4/spot/my_trades?currency_pair=BTC_USDT&limit=1000&page=3&from=1789999000&to=1790000001": (
            codec.trades_request(NOW_MS, 1_789_999_000_999, 2)
        ),
        "/api/v4/spot/orders": codec.place_request(intent(), NOW_MS, NOW_MS + 800),
        "/api/v4/spot/orders/12?currency_pair=BTC_USDT": codec.order_request("12", NOW_MS),
    }
    for target, request in requests.items():
        assert request.target == target
        assert_signed(request)
    cancel = codec.cancel_request("12", NOW_MS)
    assert (cancel.method, cancel.target) == ("DELETE", "/api/v4/spot/orders/12?currency_pair=BTC_USDT")
    assert_signed(cancel)


def test_trades_are_never_asked_further_back_than_the_venue_allows(codec: GateSpotPrivate) -> None:
    """A window beyond 30 days would be refused: it begins 29 days back at the earliest, and whoever asks knows that."""
    target = codec.trades_request(NOW_MS, 0, 0).target
    assert target.endswith(f"&page=1&from={1790000001 - 29 * 86_400}&to=1790000001")
    assert codec.trades_page_size() == 1000
    assert codec.kept == Kept(trades_ms=29 * DAY_MS, finished_ms=180 * DAY_MS)


def test_a_create_is_a_limit_order_with_our_id_and_an_expiry(codec: GateSpotPrivate) -> None:
    """Amount and price are plain decimals in base and quote; the venue must refuse it after its time."""
    request = codec.place_request(intent(), NOW_MS, NOW_MS + 800)
    assert msgspec.json.decode(request.body) == {
        "text": "t-dnb-1-2", "currency_pair": "BTC_USDT", "type": "limit", "account": "spot", "side": "buy",
        "amount": "0.5", "price": "84000.1", "time_in_force": "ioc",
    }
    assert request.method == "POST"
    assert request.budget is RequestClass.CREATE
    assert dict(request.headers)["x-gate-exptime"] == str(NOW_MS + 800)
    body = codec.place_request(intent(side=Side.SELL, time_in_force=TimeInForce.POST_ONLY), NOW_MS, 1).body
    told = msgspec.json.decode(body)
    assert (told["side"], told["time_in_force"]) == ("sell", "poc")


@pytest.mark.parametrize("changes", [{"price": D(0)}, {"price": D(-1)}, {"client_order_id": "a" * 29},
                                     {"client_order_id": "a b"}, {"client_order_id": ""}])
def test_an_order_that_cannot_be_meant_never_leaves(codec: GateSpotPrivate, changes: dict[str, object]) -> None:
    """No price, or an id that the venue would not keep, is a bug and not a request."""
    with pytest.raises(InvariantBroken):
        codec.place_request(intent(**changes), NOW_MS, NOW_MS)


@given(st.decimals(min_value="0.00000001", max_value="1e9", places=8))
def test_quantities_travel_without_exponent_and_exactly(quantity: Decimal) -> None:
    """What is sent reads back as the same decimal."""
    codec = GateSpotPrivate(BTC, KnownKey())
    body = codec.place_request(intent(quantity=Quantity(quantity)), NOW_MS, NOW_MS).body
    text = msgspec.json.decode(body)["amount"]
    assert "e" not in text.lower()
    assert D(text) == quantity


# --- orders
def test_a_created_order_is_reported(codec: GateSpotPrivate) -> None:
    """Ids, quantities and times of a 201; the client id loses its prefix."""
    told = codec.placed(reply(REST_ORDER, 201), intent())
    assert told == OrderReport(
        venue=Venue.GATE_SPOT, venue_order_id="376835979523", client_order_id="dnb-1-2", side=Side.BUY,
        price=Price(D("10000.7")), quantity=Quantity(D("0.00068")), filled=Quantity(D(0)), status=OrderStatus.OPEN,
        reason="open", updated_at_ms=1691015713247, filled_value=D(0),
    )
    assert codec.order(reply(REST_ORDER)) == told
    assert codec.orders(reply(f"[{REST_ORDER}]")) == (told,)


def test_a_bare_receipt_is_an_open_order(codec: GateSpotPrivate) -> None:
    """An answer with ids alone reports the intent as open with nothing filled."""
    told = codec.placed(reply('{"id":"5","text":"t-dnb-1-2","amend_text":"-"}', 201), intent())
    assert (told.venue_order_id, told.client_order_id) == ("5", "dnb-1-2")
    assert (told.quantity, told.filled, told.status) == (D("0.5"), D(0), OrderStatus.OPEN)


@pytest.mark.parametrize("body", ["{}", '{"text":"t-dnb-1-2"}', '{"id":"5","text":"t-other"}', "", "<html>", "[]",
                                  REST_ORDER.replace('"amount":"0.00068",', ""), REST_ORDER.replace("BTC_", "ETH_"),
                                  REST_ORDER.replace('"status":"open"', '"status":"new"'),
                                  REST_ORDER.replace('"left":"0.00068"', '"left":"1"'),
                                  REST_ORDER.replace('"left":"0.00068"', '"left":"-1"'),
                                  REST_ORDER.replace('"side":"buy"', '"side":"long"')])
def test_a_create_answer_that_does_not_decide_is_unreadable(codec: GateSpotPrivate, body: str) -> None:
    """No id, another order, another pair, an unknown status or impossible quantities are not guessed over."""
    with pytest.raises(FrameUnreadable):
        codec.placed(reply(body, 201), intent())


@pytest.mark.parametrize(
    ("status", "finish_as", "left", "expected", "filled"),
    [
        ("open", "open", "0.00068", OrderStatus.OPEN, "0"),
        ("open", "open", "0.00060", OrderStatus.OPEN, "0.00008"),
        ("closed", "filled", "0.00", OrderStatus.FILLED, "0.00068"),
        ("cancelled", "ioc", "0.00068", OrderStatus.CANCELLED, "0"),
        ("cancelled", "ioc", "0.00028", OrderStatus.CANCELLED, "0.0004"),
        ("cancelled", "cancelled", "0.00067", OrderStatus.CANCELLED, "0.00001"),
        ("closed", "filled", "0.00001", OrderStatus.CANCELLED, "0.00067"),
        ("cancelled", "unknown", "0", OrderStatus.FILLED, "0.00068"),
    ],
)
def test_quantities_decide_how_an_order_ended(
    codec: GateSpotPrivate, status: str, finish_as: str, left: str, expected: OrderStatus, filled: str
) -> None:
    """Filled is the amount minus what is left; the venue's words only tell whether it can still trade."""
    body = REST_ORDER.replace('"status":"open"', f'"status":"{status}"').replace('"left":"0.00068"', f'"left":"{left}"')
    told = codec.order(reply(body.replace('"finish_as":"open"', f'"finish_as":"{finish_as}"')))
    assert (told.status, told.filled, told.reason) == (expected, D(filled), finish_as)


def test_somebody_elses_market_buy_is_told_in_base_units(codec: GateSpotPrivate) -> None:
    """Its amount and left are quote units, so only what it got in base is reported; it is not ours."""
    body = (
        '[{"id":"1","text":"web","currency_pair":"BTC_USDT","type":"market","side":"buy","amount":"20","price":"0",'
        '"left":"1.07319","filled_total":"18.92681","filled_amount":"0.0007","status":"closed","finish_as":"filled"}]'
    )
    (told,) = codec.orders(reply(body))
    assert (told.quantity, told.filled, told.status) == (D("0.0007"), D("0.0007"), OrderStatus.FILLED)
    assert told.client_order_id == ""


def test_pushed_orders_are_news(codec: GateSpotPrivate) -> None:
    """put and update are open, finish is final; all amounts and times are strings there."""
    (news,) = codec.decode(frame("spot.orders", STREAM_ORDER))
    assert isinstance(news, OrderNews)
    assert news.report.status is OrderStatus.OPEN
    assert (news.report.side, news.report.quantity, news.report.client_order_id) == (Side.SELL, D("0.1"), "dnb-1-2")
    assert news.report.updated_at_ms == 1774613210391
    ended = STREAM_ORDER.replace('"put"', '"finish"').replace('"left":"0.1"', '"left":"0.04"')
    (news,) = codec.decode(frame("spot.orders", ended.replace('"finish_as":"open"', '"finish_as":"ioc"')))
    assert isinstance(news, OrderNews)
    assert (news.report.status, news.report.filled, news.report.reason) == (OrderStatus.CANCELLED, D("0.06"), "ioc")
    assert codec.decode(frame("spot.orders", STREAM_ORDER.replace("BTC_", "ETH_"))) == ()
    with pytest.raises(FrameUnreadable, match="event"):
        codec.decode(frame("spot.orders", STREAM_ORDER.replace('"put"', '"melt"')))


# --- fills
def test_a_trade_of_ours_is_a_fill(codec: GateSpotPrivate) -> None:
    """Ids as text, base quantity, the fee in the coin that was received, nanoseconds from microseconds."""
    told = Fill(
        venue=Venue.GATE_SPOT, symbol=BTC, trade_id="6068816979", venue_order_id="381068734893",
        client_order_id="dnb-1-2", side=Side.BUY, price=Price(D("29454.6")), quantity=Quantity(D("0.00003")),
        fee=D("0.00000006"), fee_asset="BTC", is_maker=False, traded_at_ns=1691702924010071000,
    )
    assert codec.trades(reply(f"[{MY_TRADE}]")) == (told,)


def test_a_pushed_trade_is_a_fill(codec: GateSpotPrivate) -> None:
    """Numeric ids; an order that is not ours has no client id."""
    (news,) = codec.decode(frame("spot.usertrades", PUSHED_TRADE))
    assert isinstance(news, FillNews)
    fill = news.fill
    assert (fill.trade_id, fill.venue_order_id, fill.client_order_id) == ("8900430001", "575707600001", "")
    assert (fill.quantity, fill.fee, fill.is_maker) == (D("449755.846826"), D("449.755846826"), True)
    assert fill.traded_at_ns == 1714729020184131000


@pytest.mark.parametrize(
    ("changed", "fee", "asset"),
    [
        ('"fee":"0","fee_currency":"BTC","point_fee":"0","gt_fee":"0.0012"', "0.0012", "GT"),
        ('"fee":"0","fee_currency":"BTC","point_fee":"0.02","gt_fee":"0"', "0.02", "POINT"),
        ('"fee":"0","fee_currency":"BTC","point_fee":"0","gt_fee":"0"', "0", "BTC"),
        ('"fee":"-0.0001","fee_currency":"BTC"', "-0.0001", "BTC"),
        ('"fee":0.00000006,"gt_fee":0,"point_fee":0', "0.00000006", "BTC"),
    ],
)
def test_the_fee_is_in_what_really_paid_it(codec: GateSpotPrivate, changed: str, fee: str, asset: str) -> None:
    """GT and points replace the coin's fee; a missing coin name is the coin received; a rebate stays negative."""
    original = '"fee":"0.00000006","fee_currency":"BTC","point_fee":"0","gt_fee":"0"'
    (told,) = codec.trades(reply(f"[{MY_TRADE.replace(original, changed)}]"))
    assert (told.fee, told.fee_asset) == (D(fee), asset)


@pytest.mark.parametrize(
    "body",
    [
        MY_TRADE.replace('"fee":"0.00000006",', ""),
        MY_TRADE.replace('"gt_fee":"0"', '"gt_fee":"1"'),
        MY_TRADE.replace('"price":"29454.6",', ""),
        MY_TRADE.replace('"id":"6068816979"', '"id":null'),
        MY_TRADE.replace('"create_time":"1691702924","create_time_ms":"1691702924010.071000",', ""),
    ],
)
def test_a_trade_without_a_deciding_field_is_unreadable(codec: GateSpotPrivate, body: str) -> None:
    """No fee, a fee in two assets, no price, id or time would be a wrong ledger entry."""
    with pytest.raises(FrameUnreadable):
        codec.trades(reply(f"[{body}]"))


def test_trades_of_other_pairs_are_left_out(codec: GateSpotPrivate) -> None:
    """A row that names another pair is not ours to book."""
    assert codec.trades(reply(f"[{MY_TRADE.replace('BTC_USDT', 'ETH_USDT')}]")) == ()


# --- account
def test_balances_are_free_plus_locked(codec: GateSpotPrivate) -> None:
    """The total includes what open orders hold; twenty decimals stay."""
    body = (
        '[{"currency":"USDT","available":"4.1","locked":"1.1","update_id":98},'
        '{"currency":"BTC","available":0,"locked":0}]'
    )
    assert codec.balances(reply(body)) == (
        Balance(Venue.GATE_SPOT, "USDT", D("5.2"), D("4.1")),
        Balance(Venue.GATE_SPOT, "BTC", D(0), D(0)),
    )
    row = (
        '{"timestamp":"1691707273","timestamp_ms":"1691707273890","user":"110000001","currency":"USDT","change":"0",'
        '"total":"43.06583427604872431142","available":"42.06583427604872431142","freeze":"1","change_type":"x"}'
    )
    told = Balance(
        Venue.GATE_SPOT, "USDT", D("43.06583427604872431142"), D("42.06583427604872431142"), 1691707273890
    )
    assert codec.decode(frame("spot.balances", row)) == (told,)


@pytest.mark.parametrize("body", ["{}", '[{"currency":"USDT","available":"1"}]', '[{"available":"1","locked":"1"}]'])
def test_a_balance_without_its_parts_is_unreadable(codec: GateSpotPrivate, body: str) -> None:
    """Never zero by default."""
    with pytest.raises(FrameUnreadable):
        codec.balances(reply(body))


@pytest.mark.parametrize(
    ("discount", "debit", "in_base"), [("false", 3, True), ("true", 3, False), ("false", 2, False)]
)
def test_fee_rates_and_what_pays_them(codec: GateSpotPrivate, discount: str, debit: int, in_base: bool) -> None:
    """Rates are fractions; with GT or points paying, a buy delivers its whole quantity."""
    body = (
        f'{{"user_id":1,"taker_fee":"0.002","maker_fee":"0.001","gt_discount":{discount},"gt_taker_fee":"0",'
        f'"gt_maker_fee":"0","debit_fee":{debit}}}'
    )
    told = FeeSchedule(venue=Venue.GATE_SPOT, maker=D("0.001"), taker=D("0.002"), buy_fee_in_base=in_base)
    assert codec.fees([reply(body)]) == told


DETAIL = '{"user_id":110000001,"ip_whitelist":["198.51.100.4"],"currency_pairs":[],"tier":0,"key":{"mode":1}}'


def test_a_classic_account_is_fine(codec: GateSpotPrivate) -> None:
    """User id and mode are told; nothing stands against trading."""
    told = codec.facts([reply(DETAIL), reply('{"mode":"classic","settings":{}}')])
    assert told == AccountFacts(venue=Venue.GATE_SPOT, user_id="110000001", mode="classic", problem=None)


@pytest.mark.parametrize("mode", ["multi_currency", "portfolio", "single_currency"])
def test_unified_accounts_are_refused_by_name(codec: GateSpotPrivate, mode: str) -> None:
    """Their balances are elsewhere and would read as zero."""
    told = codec.facts([reply(DETAIL), reply(f'{{"mode":"{mode}"}}')])
    assert told.mode == mode
    assert told.problem is not None
    assert mode in told.problem


def test_refusals_and_limits_of_the_key_are_told(codec: GateSpotPrivate) -> None:
    """A refused read, a key for other pairs and a missing whitelist each say so."""
    refused = reply('{"message":"Invalid key provided","label":"INVALID_KEY"}', 401)
    told = codec.facts([refused, refused])
    assert told.user_id == ""
    assert told.problem is not None
    assert told.problem.count("INVALID_KEY") == 2
    detail = DETAIL.replace('"currency_pairs":[]', '"currency_pairs":["ETH_USDT"]')
    told = codec.facts([reply(detail.replace('"198.51.100.4"', "")), reply('{"mode":"classic"}')])
    assert told.problem is not None
    assert "ETH_USDT" in told.problem
    assert "whitelist" in told.warnings[0]
    with pytest.raises(FrameUnreadable, match="definitive"):
        codec.facts([reply(DETAIL), reply("<html>", 502)])


# --- stream
def test_private_subscriptions_sign_each_channel(codec: GateSpotPrivate) -> None:
    """Orders and trades of the pair, balances without payload; each with its own signature."""
    told = [msgspec.json.decode(text) for text in codec.subscribe_frames(1541993715, "110000001")]
    assert [(row["channel"], row.get("payload")) for row in told] == [
        ("spot.orders", ["BTC_USDT"]), ("spot.usertrades", ["BTC_USDT"]), ("spot.balances", None),
    ]
    for row in told:
        message = f"channel={row['channel']}&event=subscribe&time=1541993715"
        assert row["auth"]["SIGN"] == KnownKey().hmac_hex("sha512", message.encode())
    assert codec.stream_target("") == "/ws/v4/"
    assert codec.capabilities == Capability.ORDER_SOCKET | Capability.TRANSFER | Capability.COUNTDOWN
    assert codec.ping_frame(3) == '{"time":3,"channel":"spot.ping"}'


def test_what_spot_does_not_have_is_a_bug_to_ask_for(codec: GateSpotPrivate) -> None:
    """Positions and listen keys are not there; a foreign instrument is not learned."""
    with pytest.raises(InvariantBroken):
        codec.position_request(NOW_MS)
    with pytest.raises(InvariantBroken):
        codec.listen_key_request(NOW_MS)
    other = Instrument(venue=Venue.MEXC_SPOT, symbol=BTC, tick_size=D(1), lot_size=D(1))
    with pytest.raises(InvariantBroken):
        codec.learn_instrument(other)


# --- transfers --------------------------------------------------------------------------------------------------------
TRANSFER = Transfer(
    transfer_id="m1-1", epoch=1, source=Venue.GATE_SPOT, target=Venue.GATE_FUTURES, asset="USDT", amount=D("474.670"),
    why="test", created_at_ns=0, expires_at_ns=0,
)


def test_a_transfer_goes_from_spot_to_futures(codec: GateSpotPrivate) -> None:
    """As the documents have it: no id of ours, no expiry of its own, and never behind an entry."""
    request = codec.transfer_request(TRANSFER, NOW_MS)
    assert (request.method, request.target, request.budget) == ("POST", "/api/v4/wallet/transfers", RequestClass.CANCEL)
    assert msgspec.json.decode(request.body) == {
        "currency": "USDT", "from": "spot", "to": "futures", "amount": "474.67", "settle": "usdt",
    }
    assert "x-gate-exptime" not in dict(request.headers)
    assert Capability.TRANSFER in codec.capabilities
    with pytest.raises(InvariantBroken):
        codec.transfer_request(msgspec.structs.replace(TRANSFER, target=Venue.MEXC_SPOT), NOW_MS)


@pytest.mark.parametrize("body", [b'{"tx_id":590001}', b'{"tx_id":"590001","more":1}'])
def test_the_number_of_a_transfer_is_read(codec: GateSpotPrivate, body: bytes) -> None:
    """A number or a text."""
    assert codec.transferred(Reply(status=200, headers={}, body=body)) == "590001"


@pytest.mark.parametrize("body", [b"", b"{}", b'{"tx_id":null}', b'{"tx_id":"1e400"}', b"[]"])
def test_a_transfer_s_answer_without_a_number_is_unreadable(codec: GateSpotPrivate, body: bytes) -> None:
    """Then it may have been made, or not."""
    with pytest.raises(FrameUnreadable):
        codec.transferred(Reply(status=200, headers={}, body=body))


# --- dead man's switch ------------------------------------------------------------------------------------------------
def test_a_countdown_is_of_the_pair_alone(codec: GateSpotPrivate) -> None:
    """Seconds; it is a way out, and has no expiry of its own."""
    request = codec.countdown_request(30, NOW_MS)
    assert (request.method, request.target) == ("POST", "/api/v4/spot/countdown_cancel_all")
    assert msgspec.json.decode(request.body) == {"timeout": 30, "currency_pair": "BTC_USDT"}
    assert request.budget is RequestClass.CANCEL
    assert Capability.COUNTDOWN in codec.capabilities


@pytest.mark.parametrize(
    ("body", "at_ms"),
    [(b'{"triggerTime":"1790000030000"}', 1_790_000_030_000), (b'{"triggerTime":1790000030000}', 1_790_000_030_000),
     (b'{"triggerTime":"0"}', 0)],
)  # fmt: skip
def test_when_it_triggers(codec: GateSpotPrivate, body: bytes, at_ms: int) -> None:
    """A text in the documents' example, a number in their schema."""
    assert codec.countdown_set(Reply(status=200, headers={}, body=body)) == at_ms


@pytest.mark.parametrize("body", [b"", b"{}", b'{"triggerTime":null}', b'{"triggerTime":"soon"}'])
def test_an_answer_without_a_time_is_none(codec: GateSpotPrivate, body: bytes) -> None:
    """Then nothing is known to be armed."""
    with pytest.raises(FrameUnreadable):
        codec.countdown_set(Reply(status=200, headers={}, body=body))
