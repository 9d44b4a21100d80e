"""What Gate wants signed, byte for byte: REST requests, private channels, and calls over the order socket.

Sources: Gate API v4 docs, "APIv4 signed request requirements"; spot and futures WebSocket docs, "Authentication" and
"WebSocket API, login".
"""

from __future__ import annotations

from hashlib import sha512

from dnbot.venues.wire import Signer

_ALGORITHM = "sha512"


def timestamp(now_ms: int) -> str:
    """Unix seconds with three decimals, as the `Timestamp` header takes them."""
    return f"{now_ms // 1000}.{now_ms % 1000:03d}"


def rest_signature(signer: Signer, method: str, path: str, query: str, body: bytes, at: str) -> str:
    """Signature of a REST request: method, path with prefix, raw query, hash of the body, and the timestamp header."""
    message = "\n".join((method, path, query, sha512(body).hexdigest(), at))
    return signer.hmac_hex(_ALGORITHM, message.encode())


def rest_headers(
    signer: Signer, method: str, path: str, query: str, body: bytes, now_ms: int
) -> tuple[tuple[str, str], ...]:
    """KEY, Timestamp and SIGN of a private REST request."""
    at = timestamp(now_ms)
    return (
        ("KEY", signer.key_id),
        ("Timestamp", at),
        ("SIGN", rest_signature(signer, method, path, query, body, at)),
    )


def channel_auth(signer: Signer, channel: str, event: str, now_s: int) -> dict[str, str]:
    """The `auth` object of a private subscription; `now_s` must be the frame's own `time`."""
    message = f"channel={channel}&event={event}&time={now_s}"
    return {"method": "api_key", "KEY": signer.key_id, "SIGN": signer.hmac_hex(_ALGORITHM, message.encode())}


def api_signature(signer: Signer, channel: str, request_parameters: str, at_s: int) -> str:
    """Signature of a call over the order socket; a login has no parameters and signs the empty string."""
    message = f"api\n{channel}\n{request_parameters}\n{at_s}"
    return signer.hmac_hex(_ALGORITHM, message.encode())
