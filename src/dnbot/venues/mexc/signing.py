"""Signed requests of MEXC spot v3: everything in the query, the body empty, the signature last.

The venue signs the query exactly as it received it, so what is signed here is the text that is sent. A request is
accepted while `timestamp < server + 1000` and `server - timestamp <= recvWindow`: `recvWindow` is the only expiry that
an order can carry. A retry must be signed anew. Source: MEXC spot v3 docs, SIGNED and Timing security.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from dnbot.venues.wire import Request, RequestClass, Signer

RECEIVE_WINDOW_MS: Final = 5_000
"""How late a request that creates nothing may arrive."""
RECEIVE_WINDOW_MS_MAX: Final = 60_000
"""The venue refuses more (code 700005)."""

Parameters = tuple[tuple[str, str], ...]

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~-]*\Z")
"""What percent-encoding leaves as it is: nearly everything that we send, and quicker to see than to encode."""


def encode_query(parameters: Parameters) -> str:
    """Percent-encoded query text, in the order given; a blank becomes `%20`."""
    return "&".join([f"{_encoded(name)}={_encoded(value)}" for name, value in parameters])


def _encoded(text: str) -> str:
    return text if _PLAIN.match(text) else quote(text, safe="")


def signature(signer: Signer, query: str) -> str:
    """Lower-case hex HMAC-SHA256 of the query text."""
    return signer.hmac_hex("sha256", query.encode("ascii"))


def receive_window_ms(now_ms: int, expires_at_ms: int) -> int:
    """The `recvWindow` that makes a request stamped `now_ms` worthless after `expires_at_ms`; 1 at least."""
    return max(1, min(expires_at_ms - now_ms, RECEIVE_WINDOW_MS_MAX))


def signed_request(
    signer: Signer,
    method: str,
    path: str,
    parameters: Parameters,
    *,
    now_ms: int,
    budget: RequestClass = RequestClass.READ,
    weight: int = 1,
    window_ms: int = RECEIVE_WINDOW_MS,
    reads_account: bool = False,
) -> Request:
    """A request that is ready to send; `now_ms` is the venue's clock.

    What reads can be signed anew: it may wait for longer than `window_ms`. What acts must not leave so late.
    """

    def signed_at(at_ms: int) -> Request:
        return signed_request(
            signer, method, path, parameters, now_ms=at_ms, budget=budget, weight=weight, window_ms=window_ms,
            reads_account=reads_account,
        )

    query = encode_query((*parameters, ("recvWindow", str(window_ms)), ("timestamp", str(now_ms))))
    return Request(
        method=method,
        target=f"{path}?{query}&signature={signature(signer, query)}",
        # Without a content type a signed POST, PUT or DELETE can be refused with 700013.
        headers=(("X-MEXC-APIKEY", signer.key_id), ("Content-Type", "application/json")),
        budget=budget,
        weight=weight,
        reads_account=reads_account,
        signed_at=signed_at if budget is RequestClass.READ else None,
    )
