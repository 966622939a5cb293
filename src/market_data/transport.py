"""Lends the I/O to the providers: sends a request, returns the response, within named bounds."""

import asyncio
import ssl
from collections.abc import Iterable
from functools import cache
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import aiohttp
from curl_cffi import CurlOpt
from curl_cffi.curl import CURL_WRITEFUNC_ERROR
from curl_cffi.requests import AsyncSession
from curl_cffi.requests import Response as BrowserResponse
from curl_cffi.requests.exceptions import RequestException, Timeout
from yarl import URL

from market_data.errors import Malformed, TimedOut, Unavailable
from market_data.provider import Lane, Request, Response

LARGEST_BODY = 32 * 1024 * 1024
"""Bytes, decompressed; a month of Alpha Vantage minutes is about 5 MB."""
CONNECTIONS = 64
"""Open connections a lane."""
CONNECT_SECONDS = 5.0


class Transport:
    """The clients of one process: used as an async context manager, shared by all calls.

    Nothing is remembered from one call to the next: neither lane keeps cookies.
    """

    def __init__(self) -> None:
        self._plain: aiohttp.ClientSession | None = None
        self._browser: AsyncSession[BrowserResponse] | None = None

    async def __aenter__(self) -> Self:
        trusted = await asyncio.to_thread(_trusted)
        self._plain = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=trusted),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._browser = AsyncSession(
            max_clients=CONNECTIONS,
            impersonate="chrome",
            discard_cookies=True,
            curl_options={CurlOpt.CONNECTTIMEOUT_MS: int(CONNECT_SECONDS * 1000)},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._plain:
            await self._plain.close()
        if self._browser:
            await self._browser.close()

    async def send(self, request: Request, lane: Lane, seconds: float) -> Response:
        """The response to a GET, whose URL goes out as it is spelled.

        Raises Unavailable if none came whole within `seconds`, Malformed if it is larger than LARGEST_BODY.
        Redirects are not followed: no provider's protocol has one.
        """
        for name, value in request.headers.items():  # libcurl would send a line break as it is
            if not (value.isascii() and value.isprintable()):
                raise Unavailable(f"the header {name} cannot be sent: its value has stray characters")
        return await (self._send_browser if lane is Lane.BROWSER else self._send_plain)(request, seconds)

    # Errors are raised `from None`: those of the libraries quote the URL, which may hold a key.

    async def _send_plain(self, request: Request, seconds: float) -> Response:
        assert self._plain is not None, "the transport is used inside `async with`"  # noqa: S101 - our own mistake
        body = _Body()
        try:
            async with self._plain.get(
                URL(_spelled(request), encoded=True),  # else %3D would go out as =
                headers=request.headers,
                timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=min(CONNECT_SECONDS, seconds)),
                allow_redirects=False,
            ) as reply:
                async for chunk in reply.content.iter_any():
                    if not body.took(chunk):
                        raise _too_large()
                return Response(reply.status, _lowered(reply.headers.items()), body.bytes())
        except TimeoutError:
            raise _too_late(seconds) from None
        except (
            aiohttp.ClientError,
            ValueError,
        ) as error:  # ValueError: a URL or a header that cannot be sent
            raise _failed(error) from None

    async def _send_browser(self, request: Request, seconds: float) -> Response:
        assert self._browser is not None, "the transport is used inside `async with`"  # noqa: S101 - our own mistake
        body = _Body()
        try:
            reply = await self._browser.get(
                _spelled(request),
                headers=dict(request.headers),
                timeout=seconds,
                allow_redirects=False,
                quote=False,
                content_callback=lambda chunk: len(chunk) if body.took(chunk) else CURL_WRITEFUNC_ERROR,
            )
        except Timeout:
            raise _too_late(seconds) from None
        except (RequestException, ValueError) as error:
            raise (_too_large() if body.full else _failed(error)) from None
        headers = _lowered((name, value or "") for name, value in reply.headers.items())
        return Response(reply.status_code, headers, body.bytes())


@cache
def _trusted() -> ssl.SSLContext:
    """Whom we trust: reads all certificates of the system, which takes a while, once per process."""
    return ssl.create_default_context()


class _Body:
    """What has come of a body: chunks are taken until they are more than LARGEST_BODY."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._size = 0

    @property
    def full(self) -> bool:
        return self._size > LARGEST_BODY

    def took(self, chunk: bytes) -> bool:
        self._size += len(chunk)
        if not self.full:
            self._chunks.append(chunk)
        return not self.full

    def bytes(self) -> bytes:
        return b"".join(self._chunks)


def _spelled(request: Request) -> str:
    joint = "&" if "?" in request.url else "?"
    return f"{request.url}{joint}{urlencode(request.params)}" if request.params else request.url


def _lowered(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}


def _too_late(seconds: float) -> TimedOut:
    return TimedOut(f"no answer within {seconds:g} s")


def _failed(error: Exception) -> Unavailable:
    return Unavailable(f"the connection failed: {type(error).__name__}")


def _too_large() -> Malformed:
    return Malformed(f"an answer of more than {LARGEST_BODY} bytes")
