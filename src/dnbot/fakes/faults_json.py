"""Spoiling JSON without touching what is not meant: values stay the bytes that they were."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from .faults import FaultRefused

Raw = msgspec.Raw
_OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])
_LIST: Final = msgspec.json.Decoder(list[Raw])
_NUMBER_TEXT: Final = re.compile(rb'(:|\[|,)("-?\d+(?:\.\d+)?")(?=[,\]}])')
_NUMBER: Final = re.compile(rb'(:|\[|,)(-?\d+(?:\.\d+)?)(?=[,\]}])')
_FIELD: Final = re.compile(rb'"(\w+)":("[^"]*"|-?[\d.]+)(,?)')
_TIME_MS: Final = re.compile(rb'("\w*[tT]ime\w*":"?)(\d{10})\d{3}(?=\D)')


def as_object(body: bytes) -> dict[str, Raw] | None:
    """The members of a JSON object, each as its bytes; None for anything else."""
    try:
        return _OBJECT.decode(body)
    except msgspec.DecodeError:
        return None


def as_list(body: bytes) -> list[Raw] | None:
    """The items of a JSON array, each as its bytes; None for anything else."""
    try:
        return _LIST.decode(body)
    except msgspec.DecodeError:
        return None


def zeroed(row: Raw | bytes, names: tuple[str, ...]) -> Raw:
    """An object with these members 0, as text where they were text."""
    members = as_object(bytes(row)) or {}
    for name in names:
        if name in members:
            members[name] = Raw(b'"0"' if bytes(members[name]).startswith(b'"') else b"0")
    return Raw(msgspec.json.encode(members))


def _cut_short(body: bytes) -> bytes:
    return body[: max(1, len(body) // 2)]


def _first_number(text: bytes) -> Callable[[bytes], bytes]:
    def spoil(body: bytes) -> bytes:
        return _NUMBER_TEXT.sub(rb"\1" + text, body, count=1)

    return spoil


def _other_type(body: bytes) -> bytes:
    """The first number that is a number becomes text, or else the first that is text a number."""
    spoiled = _NUMBER.sub(rb'\1"\2"', body, count=1)
    return spoiled if spoiled != body else _NUMBER_TEXT.sub(lambda m: m[1] + m[2].strip(b'"'), body, count=1)


def _without_field(body: bytes) -> bytes:
    """The last member with a plain value is missing."""
    found = list(_FIELD.finditer(body))
    if not found:
        return body
    start, end = found[-1].span()
    if not found[-1][3] and body[start - 1 : start] == b",":
        start -= 1
    return body[:start] + body[end:]


def _more_fields(body: bytes) -> bytes:
    return body.replace(b"{", b'{"added_by_the_venue":{"since":2},', 1) if b"{}" not in body[:2] else body


def _twice(body: bytes) -> bytes:
    """The first member stands a second time, with another value."""
    found = _FIELD.search(body)
    return body if found is None else body[: found.start()] + b'"' + found[1] + b'":null,' + body[found.start() :]


SPOILS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "truncated": _cut_short,
    "not_json": lambda _: b"upstream connect error",
    "empty": lambda _: b"",
    "bad_utf8": lambda body: body[:-1] + b"\xff\xfe" + body[-1:],
    "type_changed": _other_type,
    "field_missing": _without_field,
    "field_added": _more_fields,
    "field_twice": _twice,
    "nan": _first_number(b'"NaN"'),
    "huge_number": _first_number(b'"1e400"'),
    "long_number": _first_number(b'"' + b"9" * 5_000 + b'"'),
    "deep": lambda _: b"[" * 20_000 + b"]" * 20_000,
}
"""How a body or a frame can be spoiled, by name."""


def spoiled(body: bytes, manner: str) -> bytes:
    """The body, spoiled in that manner. Raises FaultRefused for one that is not in SPOILS."""
    if manner not in SPOILS:
        raise FaultRefused(f"manner is one of {', '.join(SPOILS)}, not {manner!r}")
    return SPOILS[manner](body)


def in_seconds(body: bytes) -> bytes:
    """Every time of 13 digits, cut to seconds."""
    return _TIME_MS.sub(rb"\1\2", body)
