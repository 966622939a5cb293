"""Lends the I/O to the providers: sends a request, returns the response, within named bounds."""

import ssl
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import aiohttp
from curl_cffi.requests import AsyncSession
from curl_cffi.requests import Response as BrowserResponse
from curl_cffi.requests.exceptions import RequestException

from market_data.errors import Malformed, Unavailable
from market_data.provider import Lane, Request, Response

LARGEST_BODY = 32 * 1024 * 1024
"""Bytes; a month of Alpha Vantage minutes is about 5 MB."""
CONNECTIONS = 64
"""Open connections a lane."""
CONNECT_SECONDS = 5.0


class Transport:
    """The clients of one process: used as an async context manager, shared by all calls."""

    def __init__(self) -> None:
        self._plain: aiohttp.ClientSession | None = None
        self._browser: AsyncSession[BrowserResponse] | None = None

    async def __aenter__(self) -> Self:
        self._plain = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=ssl.create_default_context()),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._browser = AsyncSession(max_clients=CONNECTIONS, impersonate="chrome")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._plain:
            await self._plain.close()
        if self._browser:
            await self._browser.close()

    async def send(self, request: Request, lane: Lane, seconds: float) -> Response:
        """The response to a GET.

        Raises Unavailable if none came whole within `seconds`, Malformed if it is larger than LARGEST_BODY.
        Redirects are not followed: no provider's protocol has one.
        """
        return await (self._send_browser if lane is Lane.BROWSER else self._send_plain)(request, seconds)

    async def _send_plain(self, request: Request, seconds: float) -> Response:
        assert self._plain is not None, "the transport is used inside `async with`"  # noqa: S101 - our own mistake
        timeout = aiohttp.ClientTimeout(total=seconds, connect=min(CONNECT_SECONDS, seconds))
        try:
            async with self._plain.get(
                request.url,
                params=request.params,
                headers=request.headers,
                timeout=timeout,
                allow_redirects=False,
            ) as reply:
                body = await _read(reply)
                headers = {name.lower(): value for name, value in reply.headers.items()}
                return Response(reply.status, headers, body)
        except TimeoutError as error:
            raise Unavailable(f"no answer within {seconds:g} s") from error
        except aiohttp.ClientError as error:
            raise Unavailable(f"the connection failed: {type(error).__name__}") from error

    async def _send_browser(self, request: Request, seconds: float) -> Response:
        assert self._browser is not None, "the transport is used inside `async with`"  # noqa: S101 - our own mistake
        try:
            reply = await self._browser.get(
                request.url,
                params=dict(request.params),
                headers=dict(request.headers),
                timeout=seconds,
                allow_redirects=False,
            )
        except RequestException as error:
            if "timed out" in str(error):
                raise Unavailable(f"no answer within {seconds:g} s") from error
            raise Unavailable(f"the connection failed: {type(error).__name__}") from error
        if len(reply.content) > LARGEST_BODY:
            raise Malformed(f"an answer of more than {LARGEST_BODY} bytes")
        return Response(
            reply.status_code,
            {name.lower(): value or "" for name, value in reply.headers.items()},
            reply.content,
        )


async def _read(reply: aiohttp.ClientResponse) -> bytes:
    chunks, size = [], 0
    async for chunk in reply.content.iter_any():
        size += len(chunk)
        if size > LARGEST_BODY:
            raise Malformed(f"an answer of more than {LARGEST_BODY} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def redact(text: str, secrets: Iterable[str]) -> str:
    """`text` with every secret replaced, so that it can be logged, stored or shown."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
