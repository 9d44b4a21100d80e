"""httpx on a byte stream that it did not open, for other people's clients in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import httpcore
import httpx

from dnbot.ports.http import IDLE_S_MAX, Pool
from dnbot.ports.net import StreamOpener


class StreamTransport(httpx.AsyncBaseTransport):
    """httpx's requests over the connections of a pool of ours."""

    def __init__(self, opener: StreamOpener, *, connections_max: int) -> None:
        self._pool = Pool(opener, connections_max, IDLE_S_MAX)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        port = url.port or (443 if url.scheme == "https" else 80)
        answer = await self._pool.handle(
            httpcore.Request(
                method=request.method,
                # To httpcore every stream is plain: TLS is the opener's business.
                url=httpcore.URL(scheme=b"http", host=url.raw_host, port=port, target=url.raw_path),
                headers=request.headers.raw,
                content=cast("httpx.AsyncByteStream", request.stream),
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            status_code=answer.status, headers=answer.headers, stream=_ReplyStream(answer.stream),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _ReplyStream(httpx.AsyncByteStream):
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __aiter__(self) -> AsyncIterator[bytes]:
        return cast("AsyncIterator[bytes]", self._inner.__aiter__())

    async def aclose(self) -> None:
        await self._inner.aclose()
