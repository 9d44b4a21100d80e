"""Entries as protobuf messages under the topics of a segment: a tool that knows MCAP can read them without us."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import attrs
import msgspec
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from dnbot.domain.instrument import Symbol, Venue
from dnbot.ports.recording_file import MessageSchema, Topic
from dnbot.record.words import ANSWERS, FRAMES, Answer, Entry, Event, Frame, Kind, Market, What

NAME: Final = "dnbot.record.Entry"
RECORDER_TOPIC: Final = Topic("recorder/event", {"kind": Kind.EVENT.value})
_FIELD: Final = descriptor_pb2.FieldDescriptorProto
_FIELDS: Final = (
    ("number", _FIELD.TYPE_UINT64),  # place in the order of receipt
    ("monotonic_ns", _FIELD.TYPE_UINT64),
    ("connection", _FIELD.TYPE_UINT32),
    ("lead_in", _FIELD.TYPE_BOOL),
    ("is_text", _FIELD.TYPE_BOOL),  # of a frame
    ("payload", _FIELD.TYPE_BYTES),  # a frame, or the body of an answer
    ("target", _FIELD.TYPE_STRING),  # of an answer: path and query
    ("status", _FIELD.TYPE_UINT32),
    ("headers", _FIELD.TYPE_STRING),  # JSON
    ("what", _FIELD.TYPE_STRING),  # of an event
    ("text", _FIELD.TYPE_STRING),
)


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="dnbot/record.proto", package="dnbot.record", syntax="proto3")
    message = file.message_type.add(name="Entry")
    for number, (name, kind) in enumerate(_FIELDS, start=1):
        message.field.add(name=name, number=number, type=kind, label=_FIELD.LABEL_OPTIONAL)
    return file


_DESCRIPTORS: Final = descriptor_pb2.FileDescriptorSet(file=[_file()])
SCHEMA: Final = MessageSchema(NAME, _DESCRIPTORS.SerializeToString(deterministic=True))


def _message_class() -> Any:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_file())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(NAME))


_Message: Final = _message_class()


def topics_of(markets: Iterable[Market]) -> list[Topic]:
    """One per market and kind, and one of the recorder."""
    return [RECORDER_TOPIC, *(_topic(market, kind) for market in markets for kind in Kind)]


def topic_of(entry: Entry) -> str:
    """The name of the topic that an entry belongs to."""
    if isinstance(entry, Event):
        return RECORDER_TOPIC.name if entry.market is None else f"{entry.market.name}/{Kind.EVENT.value}"
    return f"{entry.market.name}/{entry.kind.value}"


def _topic(market: Market, kind: Kind) -> Topic:
    about = {
        "venue": market.venue.value, "base": market.symbol.base, "quote": market.symbol.quote, "kind": kind.value,
    }
    return Topic(f"{market.name}/{kind.value}", about)


def encode(entry: Entry) -> bytes:
    """The message of an entry; topic and wall time are the segment's."""
    fields: dict[str, Any] = {
        "number": entry.number, "monotonic_ns": entry.monotonic_ns, "lead_in": entry.lead_in,
    }
    match entry:
        case Frame():
            fields |= {"connection": entry.connection, "is_text": entry.is_text, "payload": entry.payload}
        case Answer():
            headers = msgspec.json.encode(entry.headers).decode()
            fields |= {"target": entry.target, "status": entry.status, "headers": headers, "payload": entry.body}
        case Event():
            fields |= {"connection": entry.connection, "what": entry.what.value, "text": entry.text}
    found: bytes = _Message(**fields).SerializeToString()
    return found


@attrs.define
class Decoder:
    """Reads messages back; knows each topic once."""

    _known: dict[str, tuple[Market | None, Kind]] = attrs.field(factory=dict, init=False)

    def filed(self, topic: Topic) -> tuple[Market | None, Kind]:
        """Market and kind of a topic. Raises ValueError for one that no recorder writes."""
        known = self._known.get(topic.name)
        if known is None:
            known = self._known[topic.name] = _filed(topic)
        return known

    def decode(self, topic: Topic, log_ns: int, data: bytes) -> Entry:
        """The entry; raises ValueError when the message is none."""
        market, kind = self.filed(topic)
        message = _Message()
        try:
            message.ParseFromString(data)
        except DecodeError as error:
            raise ValueError(f"not an entry: {error}") from None
        common: dict[str, Any] = {
            "number": message.number, "received_ns": log_ns, "monotonic_ns": message.monotonic_ns,
            "market": market, "lead_in": message.lead_in,
        }
        if kind is Kind.EVENT:
            return Event(**common, connection=message.connection, what=What(message.what), text=message.text)
        if kind in FRAMES:
            return Frame(
                **common, connection=message.connection, kind=kind, payload=message.payload, is_text=message.is_text
            )
        headers = msgspec.json.decode(message.headers, type=dict[str, str])
        return Answer(
            **common, kind=kind, target=message.target, status=message.status, headers=headers, body=message.payload
        )


def _filed(topic: Topic) -> tuple[Market | None, Kind]:
    about = topic.about
    if topic.name == RECORDER_TOPIC.name:
        return None, Kind.EVENT
    try:
        market = Market(Venue(about["venue"]), Symbol(about["base"], about["quote"]))
        kind = Kind(about["kind"])
    except KeyError as error:
        raise ValueError(f"topic {topic.name!r} has no {error}") from None
    assert kind is Kind.EVENT or kind in FRAMES or kind in ANSWERS
    return market, kind
