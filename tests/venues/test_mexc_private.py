"""The private codec of MEXC: requests as they are sent, and the words in recorded replies."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import pytest

from dnbot.domain.errors import FrameUnreadable, VenueError, VenueThrottled
from dnbot.domain.instrument import FeeSchedule, Instrument, Symbol, Venue
from dnbot.domain.order import Fill, OrderIntent, OrderReport, OrderStatus, Purpose, Side, TimeInForce
from dnbot.domain.units import Price, Quantity
from dnbot.venues.mexc.shapes import ListenKey, identity, read
from dnbot.venues.mexc.spot_private import MexcSpotPrivate
from dnbot.venues.wire import (
    Balance,
    Capability,
    Pong,
    PrivateCodec,
    Reply,
    Request,
    RequestClass,
    Subscribed,
    SubscriptionRefused,
)

MEXC = Venue.MEXC_SPOT
NOW_MS = 1_767_211_150_479
DAY_MS = 86_400_000
ZANO = (
    b'{"symbol":"ZANOUSDT","orderId":"C02__593034730388221952036","orderListId":-1,"clientOrderId":"11",'
    b'"price":"17.341","origQty":"0.11","executedQty":"0.11","cummulativeQuoteQty":"1.90751","status":"FILLED",'
    b'"stpMode":"","timeInForce":null,"type":"LIMIT","side":"SELL","stopPrice":null,"icebergQty":null,'
    b'"time":1757172734000,"updateTime":1757177392000,"isWorking":true,"origQuoteOrderQty":"1.90751"}'
)
KAS = (
    b'[{"symbol":"KASUSDT","orderId":"C01__334660835685203969","orderListId":-1,"clientOrderId":"","price":"0.04",'
    b'"origQty":"183.65","executedQty":"0","cummulativeQuoteQty":"0","status":"NEW","timeInForce":null,'
    b'"type":"LIMIT","side":"BUY","stopPrice":null,"icebergQty":null,"time":1695571596791,"updateTime":null,'
    b'"isWorking":true,"origQuoteOrderQty":"7.346"}]'
)
FUSD = (
    b'[{"symbol":"FUSDUSDT","id":"565809460614950913X1","orderId":"C02__565809460614950913036","orderListId":-1,'
    b'"price":"1","qty":"3","quoteQty":"3","commission":"0.0015","commissionAsset":"USDT","time":1750681724000,'
    b'"isBuyer":true,"isMaker":false,"isBestMatch":true,"isSelfTrade":false,"clientOrderId":null}]'
)
FARTCOIN = (
    b'{"symbol":"FARTCOINUSDT","orderId":"C02__342252993005723644225","orderListId":-1,"price":"1.1","origQty":"6.3",'
    b'"type":"IMMEDIATE_OR_CANCEL","side":"SELL","transactTime":1745852205223}'
)
ACCOUNT = (
    b'{"makerCommission":null,"takerCommission":null,"buyerCommission":null,"sellerCommission":null,"canTrade":true,'
    b'"canWithdraw":false,"canDeposit":true,"updateTime":null,"accountType":"SPOT","balances":'
    b'[{"asset":"USDT","free":"25789.44","locked":"10.5"},{"asset":"SOL","free":"0.009678398","locked":"0"}],'
    b'"permissions":["SPOT"]}'
)


class TestSigner:
    """Signs with a key that opens nothing."""

    __test__ = False
    key_id = "key-id"

    def hmac_hex(self, algorithm: str, message: bytes) -> str:
        return hmac.new(b"opens nothing", message, algorithm).hexdigest()


def codec(base: str = "BTC") -> PrivateCodec:
    """The codec, as what the rooms above know of it."""
    return MexcSpotPrivate(Symbol(base, "USDT"), TestSigner())


def reply(body: bytes | str, status: int = 200) -> Reply:
    """An answer."""
    return Reply(status=status, headers={}, body=body.encode() if isinstance(body, str) else body)


def intent(base: str = "BTC", **changed: Any) -> OrderIntent:
    """An order to buy."""
    values: dict[str, Any] = {
        "client_order_id": "dnb-1-2", "epoch": 1, "venue": MEXC, "symbol": Symbol(base, "USDT"), "side": Side.BUY,
        "quantity": Quantity(Decimal("0.0010")), "price": Price(Decimal("62000.50")), "purpose": Purpose.ENTRY,
        "created_at_ns": 0, "expires_at_ns": 0,
    }  # fmt: skip
    return OrderIntent(**{**values, **changed})


def parameters(request: Request) -> dict[str, str]:
    """The query of a request whose signature, headers and body are as they must be."""
    query = request.target.partition("?")[2]
    signed, _, signature = query.rpartition("&signature=")
    assert signature == hmac.new(b"opens nothing", signed.encode(), hashlib.sha256).hexdigest()
    assert request.headers == (("X-MEXC-APIKEY", "key-id"), ("Content-Type", "application/json"))
    assert request.body == b""
    return dict(parse_qsl(signed, keep_blank_values=True))


# --- orders
def test_an_order_is_all_in_the_query() -> None:
    """Plain decimals, our id, and an expiry that the venue keeps."""
    request = codec().place_request(intent(), NOW_MS, NOW_MS + 800)
    assert (request.method, request.budget, request.weight) == ("POST", RequestClass.CREATE, 1)
    assert request.target.startswith("/api/v3/order?")
    assert parameters(request) == {
        "symbol": "BTCUSDT", "side": "BUY", "type": "IMMEDIATE_OR_CANCEL", "quantity": "0.001", "price": "62000.5",
        "newClientOrderId": "dnb-1-2", "recvWindow": "800", "timestamp": str(NOW_MS),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("time_in_force", "name"),
    [
        (TimeInForce.IOC, "IMMEDIATE_OR_CANCEL"),
        (TimeInForce.GTC, "LIMIT"),
        (TimeInForce.FOK, "FILL_OR_KILL"),
        (TimeInForce.POST_ONLY, "LIMIT_MAKER"),
    ],
)
def test_how_long_an_order_lives_is_its_type(time_in_force: TimeInForce, name: str) -> None:
    """There is no timeInForce on this venue."""
    request = codec().place_request(intent(time_in_force=time_in_force, side=Side.SELL), NOW_MS, NOW_MS + 800)
    told = parameters(request)
    assert (told["type"], told["side"], "timeInForce" in told) == (name, "SELL", False)


@pytest.mark.parametrize(
    ("value", "text"), [("1E+3", "1000"), ("1E-8", "0.00000001"), ("0.10", "0.1"), ("599971.13", "599971.13")]
)
def test_numbers_carry_no_exponent(value: str, text: str) -> None:
    """The venue refuses exponents."""
    order = intent(quantity=Quantity(Decimal(value)), price=Price(Decimal(value)))
    told = parameters(codec().place_request(order, NOW_MS, NOW_MS + 800))
    assert (told["quantity"], told["price"]) == (text, text)


@pytest.mark.parametrize(("expires_in_ms", "window_ms"), [(-5, "1"), (0, "1"), (800, "800"), (90_000, "60000")])
def test_the_expiry_is_the_receive_window(expires_in_ms: int, window_ms: str) -> None:
    """At least 1, at most what the venue allows."""
    request = codec().place_request(intent(), NOW_MS, NOW_MS + expires_in_ms)
    assert parameters(request)["recvWindow"] == window_ms


@pytest.mark.parametrize(
    "changed",
    [
        {"venue": Venue.GATE_SPOT},
        {"symbol": Symbol("ETH", "USDT")},
        {"client_order_id": ""},
        {"client_order_id": "x" * 33},
        {"client_order_id": "a b"},
        {"client_order_id": "é"},
    ],
)
def test_an_order_for_elsewhere_is_a_bug(changed: dict[str, Any]) -> None:
    """It never becomes a request."""
    with pytest.raises(ValueError, match=r"."):
        codec().place_request(intent(**changed), NOW_MS, NOW_MS + 800)


def test_a_create_reply_says_no_status() -> None:
    """So the order is open with nothing filled, under the venue's id and ours."""
    report = codec("FARTCOIN").placed(reply(FARTCOIN), intent("FARTCOIN", side=Side.SELL))
    assert report == OrderReport(
        venue=MEXC, venue_order_id="C02__342252993005723644225", client_order_id="dnb-1-2", side=Side.SELL,
        price=Price(Decimal("1.1")), quantity=Quantity(Decimal("6.3")), filled=Quantity(Decimal(0)),
        status=OrderStatus.OPEN, updated_at_ms=1745852205223,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("base", "side", "body"),
    [
        ("BTC", Side.SELL, FARTCOIN),
        ("FARTCOIN", Side.BUY, FARTCOIN),
        ("FARTCOIN", Side.SELL, FARTCOIN.replace(b"C02__342252993005723644225", b"")),
        ("FARTCOIN", Side.SELL, FARTCOIN.replace(b"orderId", b"id")),
        ("FARTCOIN", Side.SELL, b"{}"),
        ("FARTCOIN", Side.SELL, b""),
    ],
)
def test_a_create_reply_that_is_not_ours_is_unreadable(base: str, side: Side, body: bytes) -> None:
    """Another symbol or side, no id, no body."""
    with pytest.raises(FrameUnreadable):
        codec(base).placed(reply(body), intent(base, side=side))


def test_orders_are_named_by_the_venues_id() -> None:
    """For reading and for cancelling."""
    read, cancel = codec().order_request("C02__1", NOW_MS), codec().cancel_request("C02__1", NOW_MS)
    assert (read.method, read.budget, read.weight) == ("GET", RequestClass.READ, 2)
    assert (cancel.method, cancel.budget, cancel.weight) == ("DELETE", RequestClass.CANCEL, 1)
    for request in (read, cancel):
        assert request.target.startswith("/api/v3/order?")
        told = parameters(request)
        assert (told["symbol"], told["orderId"], told["recvWindow"]) == ("BTCUSDT", "C02__1", "5000")
    with pytest.raises(ValueError, match="venue's id"):
        codec().cancel_request("", NOW_MS)


def test_a_recorded_order_is_a_report() -> None:
    """Filled, with what it traded in quote."""
    assert codec("ZANO").order(reply(ZANO)) == OrderReport(
        venue=MEXC, venue_order_id="C02__593034730388221952036", client_order_id="11", side=Side.SELL,
        price=Price(Decimal("17.341")), quantity=Quantity(Decimal("0.11")), filled=Quantity(Decimal("0.11")),
        status=OrderStatus.FILLED, updated_at_ms=1757177392000, filled_value=Decimal("1.90751"),
    )  # fmt: skip


def test_a_recorded_list_of_open_orders() -> None:
    """No client id, no update time: the time of creation stands in."""
    (report,) = codec("KAS").orders(reply(KAS))
    assert (report.status, report.client_order_id, report.updated_at_ms) == (OrderStatus.OPEN, "", 1695571596791)
    assert codec("KAS").orders(reply("[]")) == ()


@pytest.mark.parametrize(
    ("word", "status", "reason"),
    [
        ("NEW", OrderStatus.OPEN, ""),
        ("PARTIALLY_FILLED", OrderStatus.OPEN, ""),
        ("FILLED", OrderStatus.FILLED, ""),
        ("CANCELED", OrderStatus.CANCELLED, "CANCELED"),
        ("PARTIALLY_CANCELED", OrderStatus.CANCELLED, "PARTIALLY_CANCELED"),
    ],
)
def test_the_five_statuses(word: str, status: OrderStatus, reason: str) -> None:
    """PARTIALLY_CANCELED is over, and keeps what it filled."""
    report = codec("ZANO").order(reply(ZANO.replace(b"FILLED", word.encode())))
    assert (report.status, report.reason, report.filled) == (status, reason, Decimal("0.11"))


def test_the_venues_reason_is_kept() -> None:
    """Newer replies say why an order was cancelled."""
    body = ZANO.replace(b'"FILLED"', b'"CANCELED","cancelReason":"stp_cancel"')
    assert codec("ZANO").order(reply(body)).reason == "stp_cancel"


@pytest.mark.parametrize("missing", ["symbol", "orderId", "price", "origQty", "executedQty", "status", "side"])
def test_an_order_without_a_deciding_field_is_unreadable(missing: str) -> None:
    """Nothing is defaulted."""
    order = json.loads(ZANO)
    del order[missing]
    with pytest.raises(FrameUnreadable):
        codec("ZANO").order(reply(json.dumps(order)))


@pytest.mark.parametrize(
    "body",
    [ZANO.replace(b"FILLED", b"REJECTED"), ZANO.replace(b"SELL", b"SHORT"), ZANO.replace(b"ZANO", b"KAS"),
     ZANO.replace(b'"0.11"', b"0.11"), ZANO.replace(b'"0.11"', b'"-0.11"'), ZANO.replace(b'"0.11"', b'"Infinity"')],
)  # fmt: skip
def test_an_order_that_makes_no_sense_is_unreadable(body: bytes) -> None:
    """A status or side that nobody documented, another symbol, a number in another form."""
    with pytest.raises(FrameUnreadable):
        codec("ZANO").order(reply(body))


def test_finished_orders_are_asked_for_with_room_for_rounding() -> None:
    """A second to either side, the longest list."""
    request = codec().finished_orders_request(NOW_MS, NOW_MS - 60_000)
    assert (request.target.partition("?")[0], request.weight) == ("/api/v3/allOrders", 10)
    told = parameters(request)
    assert told["startTime"] == str(NOW_MS - 61_000)
    assert (told["endTime"], told["limit"]) == (str(NOW_MS + 1_000), "1000")


def test_finished_orders_older_than_the_venue_lists_raise() -> None:
    """An answer could not be complete."""
    with pytest.raises(VenueError, match="7 days"):
        codec().finished_orders_request(NOW_MS, NOW_MS - 7 * DAY_MS)
    request = codec().finished_orders_request(NOW_MS, NOW_MS - 7 * DAY_MS + 60_000)
    assert int(parameters(request)["startTime"]) > NOW_MS - 7 * DAY_MS


def test_what_it_says_is_kept_may_be_asked_for() -> None:
    """A month of trades, by its shortest; a week of ended orders."""
    private = codec()
    private.finished_orders_request(NOW_MS, NOW_MS - private.kept.finished_ms)
    private.trades_request(NOW_MS, NOW_MS - private.kept.trades_ms, 0)
    assert (private.kept.trades_ms // DAY_MS, private.kept.finished_ms // DAY_MS) == (27, 6), "but for a minute"


def test_a_list_that_may_be_cut_raises() -> None:
    """1000 orders are as many as the venue lists."""
    row = KAS.decode()[1:-1]
    assert len(codec("KAS").orders(reply(f"[{','.join([row] * 999)}]"))) == 999
    with pytest.raises(VenueError, match="cut"):
        codec("KAS").orders(reply(f"[{','.join([row] * 1000)}]"))


# --- trades
def test_a_recorded_trade_is_a_fill() -> None:
    """The fee in the coin that the venue names; a null client id is empty."""
    assert codec("FUSD").trades(reply(FUSD)) == (
        Fill(
            venue=MEXC, symbol=Symbol("FUSD", "USDT"), trade_id="565809460614950913X1",
            venue_order_id="C02__565809460614950913036", client_order_id="", side=Side.BUY,
            price=Price(Decimal(1)), quantity=Quantity(Decimal(3)), fee=Decimal("0.0015"), fee_asset="USDT",
            is_maker=False, traded_at_ns=1750681724000_000_000,
        ),
    )  # fmt: skip


@pytest.mark.parametrize("missing", ["symbol", "id", "orderId", "price", "qty", "commission", "time", "isBuyer"])
def test_a_trade_without_a_deciding_field_is_unreadable(missing: str) -> None:
    """Nothing is defaulted."""
    (row,) = json.loads(FUSD)
    del row[missing]
    with pytest.raises(FrameUnreadable):
        codec("FUSD").trades(reply(json.dumps([row])))


@pytest.mark.parametrize("coin", [b"null", b'""'])
def test_a_fee_needs_its_coin(coin: bytes) -> None:
    """Unless it is zero, when there is nothing to book."""
    body = FUSD.replace(b'"commissionAsset":"USDT"', b'"commissionAsset":' + coin)
    with pytest.raises(FrameUnreadable):
        codec("FUSD").trades(reply(body))
    (fill,) = codec("FUSD").trades(reply(body.replace(b"0.0015", b"0")))
    assert (fill.fee, fill.fee_asset) == (Decimal(0), "USDT")


@pytest.mark.parametrize("text", ["1e400", "1E5", "NaN", "Infinity", "", "1.5", "-1", "a b", "1" * 65, "\u0661"])
def test_a_spoiled_id_is_unreadable(text: str) -> None:
    """It would be booked as another trade."""
    with pytest.raises(FrameUnreadable, match="is no id"):
        identity(text, "id", b"")


@pytest.mark.parametrize(
    "text", [7, "565809460614950913X1", "C02__565809460614950913036", "698165549569396736X0_698165549569396737X0"]
)
def test_ids_of_the_venue_are_read(text: int | str) -> None:
    """As documents and recordings have them."""
    assert identity(text, "id", b"") == str(text)


def test_trades_are_read_page_by_page() -> None:
    """The second page ends where the first began."""
    private = codec("FUSD")
    first = private.trades_request(NOW_MS, NOW_MS - DAY_MS, 0)
    assert (first.target.partition("?")[0], first.weight) == ("/api/v3/myTrades", 10)
    told = parameters(first)
    assert told["limit"] == str(private.trades_page_size()) == "100"
    assert (told["startTime"], told["endTime"]) == (str(NOW_MS - DAY_MS - 1000), str(NOW_MS + 3000))
    row = FUSD.decode()[1:-1].replace("1750681724000", str(NOW_MS - 5_000))
    assert len(private.trades(reply(f"[{','.join([row] * 100)}]"))) == 100
    assert parameters(private.trades_request(NOW_MS, NOW_MS - DAY_MS, 1))["endTime"] == str(NOW_MS - 2_000)


# --- account
def test_balances_include_what_is_locked() -> None:
    """As recorded, every listed asset."""
    assert codec().balances(reply(ACCOUNT)) == (
        Balance(MEXC, "USDT", total=Decimal("25799.94"), available=Decimal("25789.44")),
        Balance(MEXC, "SOL", total=Decimal("0.009678398"), available=Decimal("0.009678398")),
    )
    request = codec().balances_request(NOW_MS)
    assert (request.weight, request.reads_account) == (10, True)


def test_fee_rates_are_read_from_their_text() -> None:
    """They are JSON numbers; no float comes between, so no digit changes."""
    body = (
        '{"data":{"makerCommission":0.000000000000000000,"takerCommission":0.000500000000000000012345678901},'
        '"code":0,"msg":"success","timestamp":1669109672717}'
    )
    (request,) = codec().fees_requests(NOW_MS)
    assert (request.target.partition("?")[0], request.weight) == ("/api/v3/tradeFee", 20)
    assert parameters(request)["symbol"] == "BTCUSDT"
    rates = codec().fees((reply(body),))
    assert rates == FeeSchedule(venue=MEXC, maker=Decimal(0), taker=Decimal("0.000500000000000000012345678901"))
    assert not rates.buy_fee_in_base


def test_mx_has_the_price_of_its_ticker() -> None:
    """In the quote of our symbol; the venue's own coin is named."""
    request = codec().fee_coin_request()
    assert (request.method, request.target, request.weight) == ("GET", "/api/v3/ticker/price?symbol=MXUSDT", 10)
    assert request.headers == ()
    assert codec().fee_coin == "MX"
    assert codec().fee_coin_price(reply(b'{"symbol":"MXUSDT","price":"3.6962"}')) == Decimal("3.6962")


@pytest.mark.parametrize(
    "body",
    [
        b'{"symbol":"MXUSDT","price":"0"}', b'{"symbol":"MXUSDT","price":"-1"}', b'{"symbol":"MXUSDC","price":"3"}',
        b'{"symbol":"MXUSDT","price":"NaN"}', b'{"symbol":"MXUSDT"}', b"[]",
    ],
)
def test_a_price_that_is_none_is_unreadable(body: bytes) -> None:
    """Nothing, less than nothing, or another market's."""
    with pytest.raises(FrameUnreadable):
        codec().fee_coin_price(reply(body))


def test_what_nests_without_end_is_unreadable() -> None:
    """It ends no bot."""
    with pytest.raises(FrameUnreadable) as caught:
        read(b'{"x":' + b"[" * 100_000, ListenKey)
    assert len(caught.value.raw) <= 500


@pytest.mark.parametrize("rate", ["null", '"NaN"', '"Infinity"', "1", "-1", "5", "true", "[]"])
def test_a_rate_that_is_none_is_unreadable(rate: str) -> None:
    """A fraction, or nothing."""
    with pytest.raises(FrameUnreadable):
        codec().fees((reply(f'{{"data":{{"makerCommission":0.1,"takerCommission":{rate}}}}}'),))


GOOD_FACTS = (
    ACCOUNT,
    b'{"data":["ETHUSDT","BTCUSDT"],"code":200,"msg":null}',
    b'{"status":"3"}',
    b'{"uid":"12345678"}',
)


def facts_replies(**changed: Reply) -> tuple[Reply, ...]:
    """Four good answers after changes; `r1` is the second."""
    return tuple(changed.get(f"r{number}", reply(body)) for number, body in enumerate(GOOD_FACTS))


def test_a_good_account_has_no_problem() -> None:
    """It may trade, this key may trade the symbol, and it is identified."""
    requests = codec().facts_requests(NOW_MS)
    paths = [request.target.partition("?")[0] for request in requests]
    assert paths == ["/api/v3/account", "/api/v3/selfSymbols", "/api/v3/kyc/status", "/api/v3/uid"]
    assert [request.reads_account for request in requests] == [True, False, False, False]
    facts = codec().facts(facts_replies())
    assert (facts.user_id, facts.mode, facts.problem, facts.warnings) == ("12345678", "SPOT", None, ())


REFUSED_KEY = reply('{"code":10072,"msg":"Api key info invalid"}', 400)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"r0": reply(ACCOUNT.replace(b'"canTrade":true', b'"canTrade":false'))}, "canTrade"),
        ({"r1": reply('{"data":["ETHUSDT"]}')}, "selfSymbols lacks BTCUSDT"),
        ({"r0": REFUSED_KEY, "r1": REFUSED_KEY}, "10072"),
        ({"r1": reply('{"code":700007,"msg":"No permission"}', 400)}, "700007"),
    ],
)
def test_an_account_that_may_not_trade_is_a_problem(changed: dict[str, Reply], problem: str) -> None:
    """The sentence names what the venue said."""
    assert problem in str(codec().facts(facts_replies(**changed)).problem)


@pytest.mark.parametrize(
    ("changed", "warning"),
    [
        ({"r0": reply(ACCOUNT.replace(b'"canWithdraw":false', b'"canWithdraw":true'))}, "canWithdraw"),
        ({"r2": reply('{"status":"1"}')}, "kyc/status 1"),
        ({"r2": reply("", 500)}, "kyc/status"),
        ({"r3": reply("", 404)}, "uid"),
    ],
)
def test_what_does_not_forbid_trading_is_a_warning(changed: dict[str, Reply], warning: str) -> None:
    """The operator reads it, the bot goes on."""
    facts = codec().facts(facts_replies(**changed))
    assert facts.problem is None
    assert len(facts.warnings) == 1
    assert warning in facts.warnings[0]


def test_facts_need_a_definitive_answer() -> None:
    """A venue that is down or busy has not refused anything."""
    with pytest.raises(VenueError):
        codec().facts(facts_replies(r0=reply("", 503)))
    with pytest.raises(VenueThrottled):
        codec().facts(facts_replies(r1=reply("", 429)))


# --- stream
def test_the_listen_key_is_asked_for_renewed_and_dropped() -> None:
    """All three are signed."""
    private, path = codec(), "/api/v3/userDataStream"
    requests = (
        private.listen_key_request(NOW_MS),
        private.renew_listen_key_request("k/1", NOW_MS),
        private.drop_listen_key_request("k/1", NOW_MS),
    )
    assert [request.method for request in requests] == ["POST", "PUT", "DELETE"]
    assert all(request.target.partition("?")[0] == path for request in requests)
    assert [parameters(request).get("listenKey") for request in requests] == [None, "k/1", "k/1"]
    assert private.listen_key(reply('{"listenKey":"pqia91ma"}')) == "pqia91ma"
    assert private.stream_target("k/1") == "/ws?listenKey=k%2F1"
    for body in ("{}", '{"listenKey":""}', '{"listenKey":["a"]}'):
        with pytest.raises(FrameUnreadable):
            private.listen_key(reply(body))


def test_three_channels_of_the_whole_account() -> None:
    """One per frame; the answers are read like those of the public socket."""
    private = codec()
    frames = [json.loads(frame) for frame in private.subscribe_frames(0, "uid")]
    channels = [frame["params"][0] for frame in frames]
    assert channels == [f"spot@private.{name}.v3.api.pb" for name in ("account", "deals", "orders")]
    assert private.decode(f'{{"id":1,"code":0,"msg":"{channels[0]}"}}') == (Subscribed(channels[0]),)
    assert private.decode('{"id":0,"code":0,"msg":"PONG"}') == (Pong(),)
    assert json.loads(private.ping_frame(0)) == {"method": "PING"}
    assert private.stream_headers() == ()


def test_a_dead_listen_key_is_refused_in_plain_text() -> None:
    """The only frame that is neither JSON nor protobuf; any other is unreadable."""
    assert codec().decode("Invalid listen key") == (SubscriptionRefused("listenKey", "Invalid listen key"),)
    with pytest.raises(FrameUnreadable):
        codec().decode("hello")


# --- what it is not
def test_capabilities_are_those_of_a_spot_account() -> None:
    """A listen key, and nothing else."""
    assert codec().capabilities is Capability.LISTEN_KEY


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda c: c.position_request(1), "no position"),
        (lambda c: c.position(reply("{}")), "no position"),
        (lambda c: c.account_rows_request(1, 0, 0), "no position"),
        (lambda c: c.account_rows(reply("[]")), "no position"),
        (lambda c: c.leverage_requests(1, 2, "cross"), "no position"),
        (lambda c: c.socket_login_frame(1, "r"), "no order socket"),
        (lambda c: c.socket_place_frame(intent(), 1, "r", 2), "no order socket"),
        (lambda c: c.socket_cancel_frame("id", 1, "r"), "no order socket"),
    ],
)
def test_what_it_has_not_is_a_clear_error(ask: Callable[[PrivateCodec], object], says: str) -> None:
    """Asking all the same is a bug of the caller."""
    with pytest.raises(ValueError, match=f"MEXC spot has {says}"):
        ask(codec())


def test_only_its_own_instrument_is_learned() -> None:
    """A mix-up of venues or symbols is a bug."""
    known = Instrument(
        venue=MEXC, symbol=Symbol("BTC", "USDT"), tick_size=Decimal("0.01"), lot_size=Decimal("0.000001")
    )
    codec().learn_instrument(known)
    with pytest.raises(ValueError, match="ETH/USDT"):
        codec("ETH").learn_instrument(known)
