"""An independent decoder of MEXC push frames: google protobuf over descriptors built from the field tables."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import attrs
import msgspec
import pytest
import trio
import trio.testing
import trio_websocket
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.exchange import Exchange
from dnbot.fakes.instruments import SYMBOLS, instruments_for
from dnbot.fakes.mexc_app import MexcApp
from dnbot.fakes.mexc_auth import MexcRequest, signature_of
from dnbot.fakes.mexc_venue import MexcReply
from dnbot.fakes.records import MEXC_SPOT, Side
from dnbot.fakes.server import serve_connection

Decoder = Callable[[bytes], Any]

# The field tables of MEXC's websocket-proto, typed again here: an independent description of the wire.
# s text, i int32, l int64, b bool; an upper-case letter is an explicit optional; *Name repeats a message.
TABLES: dict[str, str] = {
    "DepthItem": "1 price s|2 quantity s",
    "PublicAggreDepthsV3Api": (
        "1 asks *DepthItem|2 bids *DepthItem|3 eventType s|4 fromVersion s|5 toVersion s|6 lastOrderCreateTime l"
    ),
    "PublicLimitDepthsV3Api": ("1 asks *DepthItem|2 bids *DepthItem|3 eventType s|4 version s|5 lastOrderCreateTime l"),
    "PublicAggreBookTickerV3Api": (
        "1 bidPrice s|2 bidQuantity s|3 askPrice s|4 askQuantity s|5 version s|6 lastOrderCreateTime l"
    ),
    "PublicBookTickerV3Api": "1 bidPrice s|2 bidQuantity s|3 askPrice s|4 askQuantity s",
    "PublicBookTickerBatchV3Api": "1 items *PublicBookTickerV3Api|2 version s|3 lastOrderCreateTime l",
    "PublicIncreaseDepthsV3Api": "1 asks *DepthItem|2 bids *DepthItem|3 eventType s|4 version s",
    "PublicIncreaseDepthsBatchV3Api": "1 items *PublicIncreaseDepthsV3Api|2 eventType s",
    "DealItem": "1 price s|2 quantity s|3 tradeType i|4 time l|5 tradeId s",
    "PublicAggreDealsV3Api": "1 deals *DealItem|2 eventType s",
    "PublicSpotKlineV3Api": (
        "1 interval s|2 windowStart l|3 openingPrice s|4 closingPrice s|5 highestPrice s|6 lowestPrice s|7 volume s"
        "|8 amount s|9 windowEnd l"
    ),
    "PublicMiniTickerV3Api": (
        "1 symbol s|2 price s|3 rate s|4 zonedRate s|5 high s|6 low s|7 volume s|8 quantity s|9 lastCloseRate s"
        "|10 lastCloseZonedRate s|11 lastCloseHigh s|12 lastCloseLow s"
    ),
    "PublicMiniTickersV3Api": "1 items *PublicMiniTickerV3Api",
    "PrivateAccountV3Api": (
        "1 vcoinName s|2 coinId s|3 balanceAmount s|4 balanceAmountChange s|5 frozenAmount s|6 frozenAmountChange s"
        "|7 type s|8 time l"
    ),
    "PrivateDealsV3Api": (
        "1 price s|2 quantity s|3 amount s|4 tradeType i|5 isMaker b|6 isSelfTrade b|7 tradeId s|8 clientOrderId s"
        "|9 orderId s|10 feeAmount s|11 feeCurrency s|12 time l"
    ),
    "PrivateOrdersV3Api": (
        "1 id s|2 clientId s|3 price s|4 quantity s|5 amount s|6 avgPrice s|7 orderType i|8 tradeType i|9 isMaker b"
        "|10 remainAmount s|11 remainQuantity s|12 lastDealQuantity S|13 cumulativeQuantity s|14 cumulativeAmount s"
        "|15 status i|16 createTime l|17 market S|18 triggerType I|19 triggerPrice S|20 state I|21 ocoId S"
        "|22 routeFactor S|23 symbolId S|24 marketId S|25 marketCurrencyId S|26 currencyId S"
    ),
}
BODIES = {
    303: "publicLimitDepths PublicLimitDepthsV3Api",
    304: "privateOrders PrivateOrdersV3Api",
    306: "privateDeals PrivateDealsV3Api",
    307: "privateAccount PrivateAccountV3Api",
    308: "publicSpotKline PublicSpotKlineV3Api",
    309: "publicMiniTicker PublicMiniTickerV3Api",
    310: "publicMiniTickers PublicMiniTickersV3Api",
    311: "publicBookTickerBatch PublicBookTickerBatchV3Api",
    312: "publicIncreaseDepthsBatch PublicIncreaseDepthsBatchV3Api",
    313: "publicAggreDepths PublicAggreDepthsV3Api",
    314: "publicAggreDeals PublicAggreDealsV3Api",
    315: "publicAggreBookTicker PublicAggreBookTickerV3Api",
}

_FIELD = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "s": _FIELD.TYPE_STRING,
    "i": _FIELD.TYPE_INT32,
    "l": _FIELD.TYPE_INT64,
    "b": _FIELD.TYPE_BOOL,
}


def _add_field(message: descriptor_pb2.DescriptorProto, text: str) -> None:
    """One `number name type` entry of a table as a field of the message."""
    number, name, kind = text.split()
    field = message.field.add(name=name, number=int(number), label=_FIELD.LABEL_OPTIONAL)
    if kind.startswith("*"):
        field.label, field.type, field.type_name = _FIELD.LABEL_REPEATED, _FIELD.TYPE_MESSAGE, f".{kind[1:]}"
        return
    field.type = _SCALARS[kind.lower()]
    if kind.isupper():
        _make_optional(message, field)


def _make_optional(message: descriptor_pb2.DescriptorProto, field: descriptor_pb2.FieldDescriptorProto) -> None:
    """proto3 `optional`: a oneof of its own, after all real ones."""
    field.proto3_optional = True
    field.oneof_index = len(message.oneof_decl)
    message.oneof_decl.add(name=f"_{field.name}")


def _build_wrapper() -> type[Any]:
    file = descriptor_pb2.FileDescriptorProto(name="mexc_push.proto", syntax="proto3")
    for name, table in TABLES.items():
        message = file.message_type.add(name=name)
        for text in table.split("|"):
            _add_field(message, text)
    wrapper = file.message_type.add(name="PushDataV3ApiWrapper")
    wrapper.oneof_decl.add(name="body")
    for number, body in BODIES.items():
        name, kind = body.split()
        wrapper.field.add(
            name=name, number=number, label=_FIELD.LABEL_OPTIONAL, type=_FIELD.TYPE_MESSAGE, type_name=f".{kind}"
        ).oneof_index = 0
    _add_field(wrapper, "1 channel s")
    for text in ("3 symbol S", "4 symbolId S", "5 createTime L", "6 sendTime L"):
        _add_field(wrapper, text)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("PushDataV3ApiWrapper"))


_WRAPPER = _build_wrapper()


def decode_frame(frame: bytes) -> Any:
    """The wrapper message of one binary frame; unknown fields or a non-canonical encoding fail."""
    message = _WRAPPER()
    message.ParseFromString(frame)
    assert message.SerializeToString(deterministic=True) == frame, "fields out of order, unknown, or defaults written"
    return message


@pytest.fixture
def decode() -> Decoder:
    """The decoder as a fixture, because test modules cannot import each other."""
    return decode_frame


KEY, SECRET, UID = "key-1", "secret-1", "10001"
EPOCH_MS = 1_800_000_000_000


@attrs.define
class Fake:
    """A MEXC venue with one account, a book of three levels a side around 60000, and a clock that `now_s` moves."""

    exchange: Exchange
    app: MexcApp
    now_s: list[float]

    def send(self, method: str, path: str, query: str = "", *, key: str = "") -> MexcReply:
        """One request as it is."""
        headers = {"content-type": "application/json"} | ({"x-mexc-apikey": key} if key else {})
        return self.app.answer(MexcRequest(method, f"/api/v3/{path}", query, "", headers))

    def signed(self, method: str, path: str, query: str = "", *, key: str = KEY, secret: str = SECRET) -> MexcReply:
        """One signed request, everything in the query."""
        text = f"{query}&timestamp={self.app.venue.now_ms}".lstrip("&")
        return self.send(method, path, f"{text}&signature={signature_of(secret, text)}", key=key)

    def public(self, path: str, query: str = "") -> Any:
        """The decoded body of a public GET."""
        return msgspec.json.decode(self.send("GET", path, query).body)

    def call(self, method: str, path: str, query: str = "") -> Any:
        """The decoded body of a signed request."""
        return msgspec.json.decode(self.signed(method, path, query).body)

    def order(self, **fields: str) -> Any:
        """POST order with these fields over a plain limit buy below the market."""
        fields = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.01", "price": "59000"} | fields
        text = "&".join(f"{name}={value}" for name, value in fields.items() if value)
        return self.call("POST", "order", text)

    def quote(self, side: Side, price: str, quantity: str, number: str) -> None:
        """An outside order."""
        self.exchange.external_place(MEXC_SPOT, "BTC/USDT", number, side, Decimal(price), Decimal(quantity))
        self.exchange.commit()


def make_fake(*, virtual_time: bool) -> Fake:
    """The venue, on the loop's clock or on one the test moves by hand."""
    now_s = [0.0]
    read = trio.current_time if virtual_time else (lambda: now_s[0])
    origin_s = trio.current_time() if virtual_time else 0.0
    exchange = Exchange(FakeClock(EPOCH_MS * 1_000_000, origin_s, monotonic_s=read))
    for symbol in ("BTC/USDT", "ETH/USDT"):
        exchange.state.add_instrument(instruments_for(SYMBOLS[symbol])[2])
    exchange.state.accounts.create(UID, KEY, SECRET, {MEXC_SPOT: {"USDT": Decimal(200000), "BTC": Decimal(1)}})
    exchange.state.accounts.create("10002", "key-2", "secret-2", {MEXC_SPOT: {"USDT": Decimal(100)}})
    exchange.commit()
    fake = Fake(exchange, MexcApp(exchange), now_s)
    for number in range(3):
        fake.quote("sell", str(60001 + number), "0.5", f"a{number}")
        fake.quote("buy", str(59999 - number), "0.5", f"b{number}")
    return fake


@pytest.fixture
def fake() -> Fake:
    """A venue for synchronous REST tests."""
    return make_fake(virtual_time=False)


@attrs.define
class Live(Fake):
    """A running venue whose stream can be opened."""

    nursery: trio.Nursery

    async def open(self, listen_key: str = "") -> Client:
        """A stream connection, through the server's HTTP upgrade."""
        ours, theirs = trio.testing.memory_stream_pair()
        self.nursery.start_soon(serve_connection, theirs, self.app)
        resource = f"/ws?listenKey={listen_key}" if listen_key else "/ws"
        wrap: Any = trio_websocket.wrap_client_stream  # its annotation knows sockets only
        return Client(await wrap(self.nursery, ours, "mexc.fake", resource))

    def take(self, side: Side, quantity: str) -> None:
        """An outside taker."""
        self.exchange.external_take(MEXC_SPOT, "BTC/USDT", side, Decimal(quantity))
        self.exchange.commit()


@attrs.define
class Client:
    """A stream client that keeps text replies and pushes apart."""

    ws: trio_websocket.WebSocketConnection

    async def ask(self, method: str, *params: str, number: int | None = None) -> Any:
        """Send one control frame and return its reply; pushes that come before it are dropped."""
        frame: dict[str, Any] = {"method": method}
        frame |= {"params": list(params)} if params else {}
        frame |= {} if number is None else {"id": number}
        await self.ws.send_message(msgspec.json.encode(frame).decode())
        while True:
            message = await self.ws.get_message()
            if isinstance(message, str):
                return msgspec.json.decode(message)

    async def push(self) -> Any:
        """The next push, decoded."""
        message = await self.ws.get_message()
        assert isinstance(message, bytes), message
        return decode_frame(message)

    async def pushes_for(self, seconds: float) -> list[Any]:
        """All pushes of the next seconds."""
        found: list[Any] = []
        with trio.move_on_after(seconds):
            while True:
                found.append(await self.push())
        return found


@pytest.fixture
async def live(nursery: trio.Nursery) -> Live:
    """A venue that pushes, on the loop's clock; a test that wants virtual time asks for `autojump_clock` itself."""
    fake = make_fake(virtual_time=True)
    nursery.start_soon(fake.app.run)
    return Live(fake.exchange, fake.app, fake.now_s, nursery)
