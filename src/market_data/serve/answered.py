"""Answers with bars in the format that is asked for: a page whole, or any number of them in a stream."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from functools import partial
from urllib.parse import urlencode

from litestar import Request, Response
from litestar.datastructures import State
from litestar.response import Stream

from market_data.errors import BadQuestion
from market_data.formats import MEDIA_TYPES, WRITERS, Format, Writer
from market_data.loops import beside
from market_data.market.known import KnownBars
from market_data.serve.asked import Asked, Reading
from market_data.serve.level import at_one_level
from market_data.serve.parts import Parts
from market_data.serve.question import DEFAULT_LIMIT
from market_data.store import read

FILES = tuple(media_type for one, media_type in MEDIA_TYPES.items() if one is not Format.JSON)
"""The media types beside JSON."""

AnyRequest = Request[object, object, State]


async def answered(
    parts: Parts, request: AnyRequest, asked: Asked, reading: Reading
) -> Response[bytes] | Stream:
    """The bars of a question. Raises BadQuestion (406) where no format is wanted that there is."""
    kind = chosen(request, asked.form)
    reading = await at_one_level(parts.database, reading, asked.adjustment)
    limit = asked.limit or (DEFAULT_LIMIT if kind is Format.JSON else "all")
    writer, headers = WRITERS[kind](reading.heading), {"Vary": "Accept"}
    if limit == "all":
        blocks = read.stream(parts.database, reading.question, parts.clock())
        first = await anext(blocks, None)  # what cannot be read is told before the answer begins
        return Stream(_streamed(writer, first, blocks), media_type=MEDIA_TYPES[kind], headers=headers)
    bars = await read.page(parts.database, reading.page(limit), parts.clock())
    following = reading.following(bars, limit)
    if following is not None:
        headers["Link"] = f'<{_next(request, following)}>; rel="next"'
    shown = bars.take(slice(limit))
    body = await beside(lambda: b"".join((writer.begin(), writer.bars(shown), writer.end(following))))
    return Response(body, media_type=MEDIA_TYPES[kind], headers=headers)


def chosen(request: AnyRequest, form: Format | None) -> Format:
    """The format that is asked for: by `format`, else by Accept."""
    if form is not None:
        return form
    kinds = {media_type: kind for kind, media_type in MEDIA_TYPES.items()}
    best = request.accept.best_match(list(kinds))
    if best is None:
        accept = request.headers.get("accept", "")[:100]
        raise BadQuestion(
            f"Accept: {accept!r} names none of {', '.join(kinds)}; or use ?format={'|'.join(Format)}",
            status=406,
        )
    return kinds[best]


async def _streamed(
    writer: Writer, first: KnownBars | None, blocks: AsyncGenerator[KnownBars, None]
) -> AsyncIterator[bytes]:
    async with aclosing(blocks):
        yield await beside(writer.begin)  # the first block in Arrow imports pandas
        if first is not None:
            yield await beside(partial(writer.bars, first))
        async for bars in blocks:
            yield await beside(partial(writer.bars, bars))
        yield await beside(writer.end)


def _next(request: AnyRequest, cursor: str) -> str:
    """The path of the next page: the same question with another cursor."""
    params = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f"{request.url.path}?{urlencode([*params, ('cursor', cursor)])}"
