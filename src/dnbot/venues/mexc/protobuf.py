"""Push frames of MEXC: one binary frame is one `PushDataV3ApiWrapper`, without a length prefix.

The descriptors are built here from a table in the notation `number name type`, so that no generated code and no
compiler step is needed. Explicit presence is left out on purpose: to us a missing text is an empty one. Fields that are
not in the table are ignored, as protobuf does. Source: MEXC websocket-proto (PushDataV3ApiWrapper and its bodies).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from dnbot.domain.errors import FrameUnreadable
from dnbot.domain.instrument import Venue

TextLevel = tuple[str, str]
"""(price, quantity) as the venue wrote them."""

_WRAPPER: Final = "PushDataV3ApiWrapper"
_TYPES: Final = {
    "s": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "i32": descriptor_pb2.FieldDescriptorProto.TYPE_INT32,
    "i64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "b": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
}

# `R` is repeated; a name that is no scalar is a message.
_MESSAGES: Final = {
    "Level": "1 price s, 2 quantity s",
    "Deal": "1 price s, 2 quantity s, 3 tradeType i32, 4 time i64, 5 tradeId s",
    "PublicDealsV3Api": "1 deals R Deal, 2 eventType s",
    "PublicIncreaseDepthsV3Api": "1 asks R Level, 2 bids R Level, 3 eventType s, 4 version s",
    "PublicLimitDepthsV3Api": "1 asks R Level, 2 bids R Level, 3 eventType s, 4 version s, 5 lastOrderCreateTime i64",
    "PrivateOrdersV3Api": "1 id s, 2 clientId s, 3 price s, 4 quantity s, 5 amount s, 6 avgPrice s, 7 orderType i32, "
    "8 tradeType i32, 9 isMaker b, 10 remainAmount s, 11 remainQuantity s, 12 lastDealQuantity s, "
    "13 cumulativeQuantity s, 14 cumulativeAmount s, 15 status i32, 16 createTime i64, 17 market s, "
    "18 triggerType i32, 19 triggerPrice s, 20 state i32, 21 ocoId s, 22 routeFactor s, 23 symbolId s, 24 marketId s, "
    "25 marketCurrencyId s, 26 currencyId s",
    "PublicBookTickerV3Api": "1 bidPrice s, 2 bidQuantity s, 3 askPrice s, 4 askQuantity s",
    "PrivateDealsV3Api": "1 price s, 2 quantity s, 3 amount s, 4 tradeType i32, 5 isMaker b, 6 isSelfTrade b, "
    "7 tradeId s, 8 clientOrderId s, 9 orderId s, 10 feeAmount s, 11 feeCurrency s, 12 time i64",
    "PrivateAccountV3Api": "1 vcoinName s, 2 coinId s, 3 balanceAmount s, 4 balanceAmountChange s, 5 frozenAmount s, "
    "6 frozenAmountChange s, 7 type s, 8 time i64",
    "PublicSpotKlineV3Api": "1 interval s, 2 windowStart i64, 3 openingPrice s, 4 closingPrice s, 5 highestPrice s, "
    "6 lowestPrice s, 7 volume s, 8 amount s, 9 windowEnd i64",
    "PublicMiniTickerV3Api": "1 symbol s, 2 price s, 3 rate s, 4 zonedRate s, 5 high s, 6 low s, 7 volume s, "
    "8 quantity s, 9 lastCloseRate s, 10 lastCloseZonedRate s, 11 lastCloseHigh s, 12 lastCloseLow s",
    "PublicMiniTickersV3Api": "1 items R PublicMiniTickerV3Api",
    "PublicBookTickerBatchV3Api": "1 items R PublicBookTickerV3Api, 2 version s, 3 lastOrderCreateTime i64",
    "PublicIncreaseDepthsBatchV3Api": "1 items R PublicIncreaseDepthsV3Api, 2 eventType s",
    "PublicAggreDepthsV3Api": "1 asks R Level, 2 bids R Level, 3 eventType s, 4 fromVersion s, 5 toVersion s, "
    "6 lastOrderCreateTime i64",
    "PublicAggreDealsV3Api": "1 deals R Deal, 2 eventType s",
    "PublicAggreBookTickerV3Api": "1 bidPrice s, 2 bidQuantity s, 3 askPrice s, 4 askQuantity s, 5 version s, "
    "6 lastOrderCreateTime i64",
    _WRAPPER: "1 channel s, 3 symbol s, 4 symbolId s, 5 createTime i64, 6 sendTime i64",
}

_BODIES: Final = (
    "301 publicDeals PublicDealsV3Api, 302 publicIncreaseDepths PublicIncreaseDepthsV3Api, "
    "303 publicLimitDepths PublicLimitDepthsV3Api, 304 privateOrders PrivateOrdersV3Api, "
    "305 publicBookTicker PublicBookTickerV3Api, 306 privateDeals PrivateDealsV3Api, "
    "307 privateAccount PrivateAccountV3Api, 308 publicSpotKline PublicSpotKlineV3Api, "
    "309 publicMiniTicker PublicMiniTickerV3Api, 310 publicMiniTickers PublicMiniTickersV3Api, "
    "311 publicBookTickerBatch PublicBookTickerBatchV3Api, "
    "312 publicIncreaseDepthsBatch PublicIncreaseDepthsBatchV3Api, 313 publicAggreDepths PublicAggreDepthsV3Api, "
    "314 publicAggreDeals PublicAggreDealsV3Api, 315 publicAggreBookTicker PublicAggreBookTickerV3Api"
)


_CHANNEL_TAG: Final = 0x0A
_SYMBOL_TAG: Final = 0x1A
_ONE_BYTE: Final = 0x80
"""Lengths below it are written in one byte."""


class AggreDepths(msgspec.Struct, frozen=True):
    """An increment of the book: absolute quantities, versions as decimal text."""

    asks: list[TextLevel]
    bids: list[TextLevel]
    from_version: str
    to_version: str


class BookTicker(msgspec.Struct, frozen=True):
    """The best prices; an empty text is an empty side."""

    bid_price: str
    ask_price: str


class Deal(msgspec.Struct, frozen=True):
    """One trade of the market; `trade_type` 1: the taker bought, 2: the taker sold."""

    price: str
    quantity: str
    trade_type: int
    time_ms: int


class AggreDeals(msgspec.Struct, frozen=True):
    """Trades of the market, batched."""

    deals: list[Deal]


class MiniTicker(msgspec.Struct, frozen=True):
    """24 h figures; the venue calls the quote turnover `volume`."""

    price: str
    volume_quote: str


class Account(msgspec.Struct, frozen=True):
    """One asset after a change: `balance` is what is available, `frozen` what is locked."""

    asset: str
    balance: str
    frozen: str
    time_ms: int


class PrivateDeal(msgspec.Struct, frozen=True):
    """One trade of ours; `trade_type` 1: we bought, 2: we sold."""

    price: str
    quantity: str
    trade_type: int
    is_maker: bool
    trade_id: str
    client_order_id: str
    order_id: str
    fee_amount: str
    fee_asset: str
    time_ms: int


class PrivateOrder(msgspec.Struct, frozen=True):
    """One order of ours after a change."""

    order_id: str
    client_id: str
    price: str
    quantity: str
    order_type: int
    trade_type: int
    cumulative_quantity: str
    cumulative_amount: str
    status: int


class OtherBody(msgspec.Struct, frozen=True):
    """A body that we do not read, whether the table knows it or not."""


Body = AggreDepths | BookTicker | AggreDeals | MiniTicker | Account | PrivateDeal | PrivateOrder | OtherBody


class Push(msgspec.Struct, frozen=True):
    """One push frame. `body` is None for a wrapper that carries none: the venue sends such, and they say nothing."""

    channel: str
    symbol: str
    """Empty where the channel belongs to the whole account."""
    at_ms: int
    """When the venue sent it, or made it where it does not say; 0 when it says neither."""
    body: Body | None


def decode_push(frame: bytes) -> Push:
    """Read one binary frame.

    Raises:
        FrameUnreadable: not protobuf, or without a channel.
    """
    try:
        wrapper: Any = _PUSH.FromString(frame)
    except DecodeError as error:
        raise FrameUnreadable(Venue.MEXC_SPOT.value, f"not a push frame ({error})", frame) from error
    if not wrapper.channel:
        raise FrameUnreadable(Venue.MEXC_SPOT.value, "a push frame without a channel", frame)
    return Push(wrapper.channel, wrapper.symbol, wrapper.sendTime or wrapper.createTime, _body(wrapper))


def symbol_of(frame: bytes) -> str:
    """Whose push it is, without reading the rest; raises as `decode_push`.

    The venue writes fields in the order of their numbers, channel (1) and symbol (3) first; all else is read whole.
    """
    try:
        if frame[0] == _CHANNEL_TAG and frame[1] < _ONE_BYTE:
            at = frame[1] + 2
            if frame[at] == _SYMBOL_TAG and (size := frame[at + 1]) < _ONE_BYTE and len(frame) >= at + 2 + size:
                return frame[at + 2 : at + 2 + size].decode("utf-8")
    except (IndexError, UnicodeDecodeError):
        pass
    return decode_push(frame).symbol


def _body(wrapper: Any) -> Body | None:
    name = wrapper.WhichOneof("body")
    if name is None:
        return OtherBody() if len(UnknownFieldSet(wrapper)) else None
    reader = _READERS.get(name)
    return reader(getattr(wrapper, name)) if reader else OtherBody()


def _levels(levels: Iterable[Any]) -> list[TextLevel]:
    return [(level.price, level.quantity) for level in levels]


def _deals(body: Any) -> AggreDeals:
    return AggreDeals([Deal(deal.price, deal.quantity, deal.tradeType, deal.time) for deal in body.deals])


def _private_deal(body: Any) -> PrivateDeal:
    return PrivateDeal(
        body.price, body.quantity, body.tradeType, body.isMaker, body.tradeId, body.clientOrderId, body.orderId,
        body.feeAmount, body.feeCurrency, body.time,
    )


def _private_order(body: Any) -> PrivateOrder:
    return PrivateOrder(
        body.id, body.clientId, body.price, body.quantity, body.orderType, body.tradeType, body.cumulativeQuantity,
        body.cumulativeAmount, body.status,
    )


_READERS: Final[dict[str, Callable[[Any], Body]]] = {
    "publicAggreDepths": lambda body: AggreDepths(
        _levels(body.asks), _levels(body.bids), body.fromVersion, body.toVersion
    ),
    "publicAggreBookTicker": lambda body: BookTicker(body.bidPrice, body.askPrice),
    "publicAggreDeals": _deals,
    "publicMiniTicker": lambda body: MiniTicker(body.price, body.volume),
    "privateAccount": lambda body: Account(body.vcoinName, body.balanceAmount, body.frozenAmount, body.time),
    "privateDeals": _private_deal,
    "privateOrders": _private_order,
}


def _add_fields(message: descriptor_pb2.DescriptorProto, table: str, *, in_oneof: bool = False) -> None:
    for row in table.split(", "):
        number, name, *repeated, kind = row.split(" ")
        field = message.field.add(name=name, number=int(number))
        field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
        field.type = _TYPES.get(kind, field.TYPE_MESSAGE)
        if kind not in _TYPES:
            field.type_name = f".{kind}"
        if in_oneof:
            field.oneof_index = 0


def _push_class() -> type[Message]:
    """The wrapper's class, from a pool of its own: nothing is added to the process-wide registry."""
    file = descriptor_pb2.FileDescriptorProto(name="mexc_push.proto", syntax="proto3")
    for name, table in _MESSAGES.items():
        _add_fields(file.message_type.add(name=name), table)
    wrapper = file.message_type[-1]
    wrapper.oneof_decl.add(name="body")
    _add_fields(wrapper, _BODIES, in_oneof=True)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(_WRAPPER))


_PUSH: Final = _push_class()
