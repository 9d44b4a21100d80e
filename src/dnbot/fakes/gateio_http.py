"""One REST call as Gate's services see it, the table of routes, and the reply with its headers.

Source: Gate API v4 docs, "HTTP convention", "Return Format", "Pagination", "Trace ID" and "Request latency trace".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode

import attrs
import msgspec

from . import gateio_errors as errors
from .gateio_json import encode, microseconds, plain
from .gateio_limits import Limit, Quota
from .records import BookSnapshot

PREFIX = "/api/v4"
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?")
FAR_S = 1 << 40
NUMBER_CHARS_MAX, NUMBER_DECIMALS_MAX, NUMBER_EXPONENT_MAX = 40, 20, 15


@attrs.frozen
class Call:
    """One request that passed the gateway; `uid_text` is empty on public routes. Header names are lowercase."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    now_ns: int
    uid_text: str = ""
    args: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def params(self) -> dict[str, str]:
        """Query arguments, unescaped."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def decimal_sizes(self) -> bool:
        """True when the client speaks `X-Gate-Size-Decimal: 1`."""
        return self.headers.get("x-gate-size-decimal") == "1"

    def required(self, name: str) -> str:
        """One query argument; MISSING_REQUIRED_PARAM when absent."""
        value = self.params.get(name, "")
        if not value:
            raise errors.missing_param(name)
        return value

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """One integer query argument within its documented range."""
        text = self.params.get(name, "")
        if not text:
            return default
        if not re.fullmatch(r"-?\d{1,18}", text) or not low <= int(text) <= high:
            raise errors.invalid_value(f"Invalid parameter `{name}` with value: {text}")
        return int(text)

    def range_ms(self) -> range:
        """The times that `from` and `to` (whole seconds, both included) ask for; everything when they are absent."""
        from_s, to_s = self.integer("from", 0, 0, FAR_S), self.integer("to", FAR_S, 0, FAR_S)
        return range(from_s * 1000, to_s * 1000 + 1000)

    def merge_step(self, tick: Decimal) -> Decimal:
        """The step that `interval` merges book levels into, 0 for none; finer than the tick it would merge nothing."""
        text = self.params.get("interval") or "0"
        step = as_decimal(text)
        if step is None or step < 0:
            raise errors.invalid_value(f"Invalid parameter `interval` with value: {text}")
        return step if step > tick else Decimal(0)

    def flag(self, name: str) -> bool:
        """One boolean query argument, false when absent. The venue's own Python SDK sends `True` for it."""
        text = self.params.get(name, "false")
        if text.lower() not in ("true", "false"):
            raise errors.invalid_value(f"Invalid parameter `{name}` with value: {text}")
        return text.lower() == "true"

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object; INVALID_REQUEST_BODY otherwise. Numbers keep their digits as `Decimal`."""
        return as_object(decode_body(self.body))

    def json_items(self, count_max: int) -> list[dict[str, Any]]:
        """The body as an array of JSON objects, at most `count_max` of them."""
        value = decode_body(self.body)
        if not isinstance(value, list) or not value or not all(isinstance(item, dict) for item in value):
            raise errors.invalid_body()
        if len(value) > count_max:
            raise errors.GateError(400, "TOO_BIG", f"limit {count_max}")
        return value


def call_of(uid: str, fields: Mapping[str, Any], now_ns: int, decimal_sizes: bool) -> Call:
    """The same question as a GET with these query arguments, asked over a socket."""
    query = urlencode({name: value for name, value in fields.items() if value is not None})
    headers = {"x-gate-size-decimal": "1"} if decimal_sizes else {}
    return Call("GET", "", query, headers, b"", now_ns, uid)


def decode_body(body: bytes) -> Any:
    """Any JSON value, fractional numbers as `Decimal`; raises GateError for what is not JSON."""
    try:
        return msgspec.json.Decoder(float_hook=Decimal).decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise errors.invalid_body() from error


def as_object(value: Any) -> dict[str, Any]:
    """The value itself when it is a JSON object."""
    if not isinstance(value, dict):
        raise errors.invalid_body()
    return value


def as_decimal(value: Any) -> Decimal | None:
    """A number of ordinary size from JSON text or a JSON number, or None when it is neither."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    text = str(value)
    if len(text) > NUMBER_CHARS_MAX or NUMBER.fullmatch(text) is None:
        return None
    amount = Decimal(text)
    exact = int(amount.as_tuple().exponent) >= -NUMBER_DECIMALS_MAX and amount.adjusted() <= NUMBER_EXPONENT_MAX
    return amount if exact else None


@attrs.frozen
class Reply:
    """Status, JSON value and headers beyond the common ones."""

    value: Any
    status: int = 200
    headers: Sequence[tuple[str, str]] = ()


def contracts(size: Decimal, decimal_sizes: bool) -> int | str:
    """A futures size on the wire: an integer cut toward zero, or a decimal string for clients that opted in."""
    return plain(size) if decimal_sizes else int(size)


Levels = tuple[tuple[Decimal, Decimal], ...]


def merged_levels(book: BookSnapshot, step: Decimal, limit: int) -> tuple[Levels, Levels]:
    """The first `limit` asks and bids, in steps of `step` when that is not 0: asks rounded up, bids down."""
    if not step:
        return book.asks[:limit], book.bids[:limit]
    return _merged(book.asks, step, limit, ROUND_CEILING), _merged(book.bids, step, limit, ROUND_FLOOR)


def _merged(levels: Levels, step: Decimal, limit: int, rounding: str) -> Levels:
    sums: dict[Decimal, Decimal] = {}
    for price, size in levels:
        rounded = (price / step).to_integral_value(rounding) * step
        sums[rounded] = sums.get(rounded, Decimal(0)) + size
    return tuple(sums.items())[:limit]


def page(rows: list[Any], call: Call, *, limit_default: int = 100, limit_max: int = 1000) -> Reply:
    """Futures style `limit` and `offset` with their X-Pagination headers."""
    limit = call.integer("limit", limit_default, 1, limit_max)
    offset = call.integer("offset", 0, 0, 10**9)
    headers = [("X-Pagination-Limit", str(limit)), ("X-Pagination-Offset", str(offset))]
    headers.append(("X-Pagination-Total", str(len(rows))))
    return Reply(rows[offset : offset + limit], headers=headers)


def numbered_page(rows: list[Any], call: Call, *, limit_default: int = 100, limit_max: int = 1000) -> Reply:
    """Spot style `page` (from 1) and `limit` with their X-Pagination headers."""
    limit = call.integer("limit", limit_default, 1, limit_max)
    number = call.integer("page", 1, 1, 10**6)
    headers = [("X-Pagination-Page", str(number)), ("X-Pagination-Limit", str(limit))]
    headers.append(("X-Pagination-Total", str(len(rows))))
    start = (number - 1) * limit
    return Reply(rows[start : start + limit], headers=headers)


@attrs.frozen
class Route:
    """One endpoint: `expires` marks the ones that honour `x-gate-exptime`, `lagging` the book snapshots."""

    method: str
    pattern: re.Pattern[str]
    answer: Callable[[Call], Reply]
    limit: Limit
    private: bool
    expires: bool = False
    lagging: bool = False
    per_market: bool = False

    @property
    def bucket(self) -> str:
        """Endpoint groups with their own name share one bucket; the rest count per endpoint."""
        return "" if self.limit.name not in ("public", "private") else f"{self.method} {self.pattern.pattern}"


def route(
    method: str,
    template: str,
    answer: Callable[[Call], Reply],
    limit: Limit,
    *,
    private: bool = True,
    expires: bool = False,
    lagging: bool = False,
    per_market: bool = False,
) -> Route:
    """A route from a template such as `/spot/orders/{order_id}`."""
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template))
    return Route(method, pattern, answer, limit, private, expires, lagging, per_market)


class RouteTable:
    """Every endpoint of the venue: those with a fixed path are found at once, the others one after another."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._fixed = {(r.method, r.pattern.pattern): r for r in routes if not r.pattern.groups}
        self._named = [r for r in routes if r.pattern.groups]

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The endpoint of a path without its `/api/v4` prefix, and the names in it."""
        fixed = self._fixed.get((method, path))
        if fixed is not None:
            return fixed, {}
        for candidate in self._named:
            match = candidate.pattern.fullmatch(path) if candidate.method == method else None
            if match is not None:
                return candidate, match.groupdict()
        return None


def common_headers(in_ns: int, out_ns: int, trace_id: str, quota: Quota) -> list[tuple[str, str]]:
    """Headers of every reply."""
    return [
        ("Content-Type", "application/json"),
        ("X-In-Time", str(microseconds(in_ns))),
        ("X-Out-Time", str(microseconds(out_ns))),
        ("X-Gate-Trace-ID", trace_id),
        *quota.headers(),
    ]


def reply_body(reply: Reply) -> bytes:
    return encode(reply.value)
