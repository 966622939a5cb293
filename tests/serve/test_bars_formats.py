"""The calls for bars in every format: the same bars, whole or by page, by `format` or by Accept."""

import asyncio
import csv
import io
import json
import socket
from datetime import datetime
from typing import Any

import aiohttp
import msgspec
import pyarrow as arrow
import pytest
from pyarrow import parquet

from market_data.formats import MEDIA_TYPES, Format
from market_data.market.bar import KnownBar
from market_data.serve.question import DEFAULT_LIMIT
from market_data.store import outflow

from .conftest import PATIENCE_SECONDS, Served, at, minutes, pauses

pytestmark = pytest.mark.anyio

INTRADAY = "/stocks/AAPL/intraday"
OPEN = "2024-07-03T13:30:00Z"
MANY = 30_000
FLOOD = 90_000
"""Bars that fill every buffer on their way: 20 MB."""
WINDOW = {"start": "2024-05-01T00:00:00Z", "end": "2024-07-04T00:00:00Z"}
STREAMS = """
FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%' AND state = 'active'
"""


@pytest.fixture
async def filled(served: Served) -> Served:
    """With the first 90 minutes of a session, closing at 100, 101, 102 …"""
    await served.write(minutes(OPEN, 90))
    return served


@pytest.fixture
async def full(served: Served) -> Served:
    """With MANY minutes."""
    await _put(served, WINDOW["start"], MANY)
    return served


@pytest.fixture
async def flood(served: Served) -> Served:
    """With FLOOD minutes."""
    await _put(served, WINDOW["start"], FLOOD)
    return served


async def _put(served: Served, first: str, count: int) -> None:
    """Minutes of any hour, closing at 0, 1, 2 …"""
    await served.parts.database.run(
        "INSERT INTO candles_intraday (symbol, interval, ts, open, high, low, close, volume, provider) "
        "SELECT 'AAPL', '1m', $1::timestamptz + n * interval '1 minute', n, n + 1, n - 1, n, 7, 'yahoo' "
        "FROM generate_series(0, $2::integer - 1) AS n",
        datetime.fromisoformat(first),
        count,
    )


def rows(kind: Format, data: bytes) -> list[KnownBar]:
    match kind:
        case Format.JSON:
            return msgspec.convert(json.loads(data)["bars"], list[KnownBar])
        case Format.CSV:
            found = csv.DictReader(io.StringIO(data.decode(), ""))
            return [msgspec.convert(one, KnownBar, strict=False) for one in found]
        case Format.NDJSON:
            return [msgspec.json.decode(line, type=KnownBar) for line in data.splitlines()]
        case Format.ARROW:
            return msgspec.convert(arrow.ipc.open_stream(data).read_all().to_pylist(), list[KnownBar])
        case Format.PARQUET:
            return msgspec.convert(parquet.read_table(io.BytesIO(data)).to_pylist(), list[KnownBar])


async def fetch(served: Served, accept: str | None = None, **params: object) -> tuple[Any, bytes]:
    headers = {} if accept is None else {"Accept": accept}
    texts = {name: str(value) for name, value in params.items()}
    async with served.session.get(served.url + INTRADAY, params=texts, headers=headers) as reply:
        data = await reply.read()
        assert reply.status == 200, data
        return reply.headers, data


async def _streams(served: Served) -> int:
    """Streams that the database sees at work."""
    return len(await served.parts.database.fetch(f"SELECT {STREAMS}"))


@pytest.mark.parametrize("kind", Format)
async def test_every_format_has_the_bars_of_the_json_page(filled: Served, kind: Format) -> None:
    _, page = await fetch(filled, interval="7m")
    expected = rows(Format.JSON, page)
    assert len(expected) == 13
    headers, data = await fetch(filled, interval="7m", format=kind.value)
    assert headers["Content-Type"].split(";")[0] == MEDIA_TYPES[kind]
    assert headers["Vary"] == "Accept"
    assert rows(kind, data) == expected
    headers, data = await fetch(filled, MEDIA_TYPES[kind], interval="7m")
    assert headers["Content-Type"].split(";")[0] == MEDIA_TYPES[kind]
    assert rows(kind, data) == expected


@pytest.mark.parametrize("kind", Format)
async def test_every_format_streams_the_whole_window(full: Served, kind: Format) -> None:
    headers, data = await fetch(full, **WINDOW, format=kind.value, limit="all")
    assert "Content-Length" not in headers
    found = rows(kind, data)
    assert [bar.close for bar in found] == [float(n) for n in range(MANY)]


@pytest.mark.parametrize("kind", Format)
async def test_every_format_is_paged_by_its_link(filled: Served, kind: Format) -> None:
    seen: list[KnownBar] = []
    headers, data = await fetch(filled, format=kind.value, limit=40)
    seen += rows(kind, data)
    while "Link" in headers:
        path, _, told = headers["Link"].partition(">; ")
        assert told == 'rel="next"'
        async with filled.session.get(filled.url + path.removeprefix("<")) as reply:
            headers, data = reply.headers, await reply.read()
        seen += rows(kind, data)
    assert [bar.close for bar in seen] == [100.0 + n for n in range(90)]


async def test_without_a_limit_json_comes_in_pages_and_the_others_whole(full: Served) -> None:
    _, page = await fetch(full, **WINDOW)
    assert len(rows(Format.JSON, page)) == DEFAULT_LIMIT
    _, whole = await fetch(full, "text/csv", **WINDOW)
    assert len(rows(Format.CSV, whole)) == MANY


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", Format.JSON),
        ("application/*", Format.JSON),
        ("text/*", Format.CSV),
        ("text/html, text/csv;q=0.5, application/json;q=0.2", Format.CSV),
        ("application/vnd.apache.parquet, application/json", Format.PARQUET),
        ("text/html,application/xhtml+xml,*/*;q=0.8", Format.JSON),
    ],
)
async def test_accept_is_honoured(filled: Served, accept: str, kind: Format) -> None:
    headers, _ = await fetch(filled, accept)
    assert headers["Content-Type"].split(";")[0] == MEDIA_TYPES[kind]


async def test_format_goes_before_accept(filled: Served) -> None:
    headers, _ = await fetch(filled, "text/csv", format="ndjson")
    assert headers["Content-Type"].split(";")[0] == MEDIA_TYPES[Format.NDJSON]


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/png;q=0.5", "nonsense"])
async def test_a_format_that_is_not_there_is_406_and_those_that_are_are_named(
    filled: Served, accept: str
) -> None:
    got = await filled.ask("GET", INTRADAY, headers={"Accept": accept})
    assert got.status == 406
    assert all(one in got.problem["detail"] for one in MEDIA_TYPES.values())


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"format": "xml"}, "format: 'xml' is not one of json, csv, ndjson, arrow, parquet"),
        ({"session": "night"}, "session: 'night' is not one of regular, extended, all"),
        ({"limit": "some"}, "limit: 'some' is neither a number nor `all`"),
        ({"cursor": "AAAA"}, "repeat the `next` of the page before"),
        ({"cursor": "é"}, "cursor"),
        ({"cursor": ""}, "cursor"),
        ({"cursor": "A" * 500}, "cursor"),
    ],
)
async def test_what_cannot_be_asked_is_422(filled: Served, params: dict[str, object], named: str) -> None:
    got = await filled.get(INTRADAY, **params)
    assert got.status == 422
    assert named in got.problem["detail"]


@pytest.mark.parametrize(
    "other",
    [
        {"interval": "1m"},
        {"interval": "5m", "session": "regular"},
        {"interval": "5m", "start": OPEN},
        {"interval": "5m", "end": "2024-07-03T14:00:00Z"},
        {"interval": "5m", "as_of": "2024-07-03T15:00:00Z"},
    ],
    ids=str,
)
async def test_a_cursor_continues_only_its_own_question(filled: Served, other: dict[str, object]) -> None:
    cursor = (await filled.get(INTRADAY, interval="5m", limit=3)).json["next"]
    assert (await filled.get(INTRADAY, interval="5m", limit=7, cursor=cursor)).status == 200
    got = await filled.get(INTRADAY, **other, cursor=cursor)
    assert (got.status, "same symbol, interval" in got.problem["detail"]) == (422, True)


async def test_a_cursor_that_was_changed_is_refused(filled: Served) -> None:
    cursor = (await filled.get(INTRADAY, limit=3)).json["next"]
    for place in range(0, len(cursor), 5):
        changed = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        assert (await filled.get(INTRADAY, cursor=changed)).status == 422


async def test_pages_end_where_the_first_one_said(filled: Served) -> None:
    first = (await filled.get(INTRADAY, limit=80)).json
    filled.clock.now += 3600
    await filled.write(minutes("2024-07-03T15:00:00Z", 30))
    second = (await filled.get(INTRADAY, limit=80, cursor=first["next"])).json
    assert (second["start"], second["end"]) == (first["start"], first["end"])
    assert second["bars"][-1]["ts"] == "2024-07-03T15:00:00Z"
    assert second["next"] is None


@pytest.mark.parametrize("adjustment", ["raw", "all"])
async def test_days_of_two_adjustments_are_paged_at_one_of_them(served: Served, adjustment: str) -> None:
    for held, price in (("raw", 2.0), ("all", 1.0)):
        await served.parts.database.run(
            "INSERT INTO candles_daily (symbol, ts, open, high, low, close, volume, provider, adjustment) "
            "SELECT 'AAPL', '2024-06-24'::timestamptz + n * interval '1 day', $1, $1, $1, $1, 1, 'yahoo', $2 "
            "FROM generate_series(0, 2) AS n",
            price,
            held,
        )
    seen, cursor = [], None
    while True:
        more: dict[str, object] = {} if cursor is None else {"cursor": cursor}
        page = (await served.get("/stocks/AAPL/history", limit=1, adjustment=adjustment, **more)).json
        seen += [(bar["ts"][:10], bar["adjustment"]) for bar in page["bars"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [(f"2024-06-{day}", adjustment) for day in (24, 25, 26)]


async def test_the_session_chooses_the_bars(served: Served) -> None:
    await _put(served, "2024-07-02T07:55:00Z", 1440)  # from before 04:00 New York to the next day
    window = {"start": "2024-07-02T00:00:00Z", "end": "2024-07-03T00:00:00Z"}
    spans = {}
    for session in ("regular", "extended", "all"):
        bars = (await served.get(INTRADAY, **window, session=session, limit=2000)).json["bars"]
        spans[session] = (bars[0]["ts"][11:16], bars[-1]["ts"][11:16], len(bars))
    assert spans == {
        "regular": ("13:30", "19:59", 390),
        "extended": ("08:00", "23:59", 960),
        "all": ("07:55", "23:59", 965),
    }
    days = (await served.get("/stocks/AAPL/history", **window, interval="1d", session="regular")).json["bars"]
    assert [(bar["ts"], bar["volume"]) for bar in days] == [("2024-07-02T00:00:00Z", 2730.0)]
    hours = (await served.get(INTRADAY, **window, session="extended", interval="4h")).json["bars"]
    assert [bar["ts"][11:16] for bar in hours] == ["08:00", "12:00", "16:00", "20:00"]


async def test_days_of_all_hours_are_refused_with_what_would_be_right(served: Served) -> None:
    got = await served.get("/stocks/AAPL/history", session="all")
    assert (got.status, "use regular or extended" in got.problem["detail"]) == (422, True)


async def test_the_bar_that_is_not_over_is_told_as_partial(filled: Served) -> None:
    filled.clock.now = at("2024-07-03T15:02:00Z")
    bars = (await filled.get(INTRADAY, interval="1h")).json["bars"]
    assert [(bar["ts"][11:16], bar["status"]) for bar in bars] == [("13:30", "final"), ("14:30", "partial")]


async def test_a_client_that_leaves_gives_the_connection_back(flood: Served) -> None:
    writer = await _asks_and_reads_nothing(flood)
    await _until(flood, 1)
    writer.close()
    await _until(flood, 0)
    assert (await flood.get(INTRADAY, limit=1)).status == 200


async def test_a_client_that_reads_nothing_loses_the_connection_for_others(
    flood: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outflow, "TAKER_SECONDS", 0.5)
    writer = await _asks_and_reads_nothing(flood)
    await _until(flood, 1)
    await _until(flood, 0)
    writer.close()


async def test_a_stream_that_breaks_does_not_look_whole(flood: Served) -> None:
    stalled = asyncio.Event()

    async def take() -> bytes:
        data = b""
        async with flood.session.get(
            flood.url + INTRADAY, params={**WINDOW, "format": "csv"}, read_bufsize=1024
        ) as reply:
            async for piece in reply.content.iter_chunked(1024):
                data += piece
                stalled.set()
                if len(data) < 8192:
                    await asyncio.sleep(0.05)
        return data

    taking = asyncio.create_task(take())
    await stalled.wait()
    await flood.parts.database.run(f"SELECT pg_terminate_backend(pid) {STREAMS}")
    with pytest.raises(aiohttp.ClientPayloadError):
        await taking


async def test_a_stream_that_cannot_begin_is_a_problem_document(
    flood: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("market_data.store.connect.CONNECT_SECONDS", 0.2)
    most = flood.parts.settings.database_pool_size // 2
    writers = [await _asks_and_reads_nothing(flood) for _ in range(most)]
    await _until(flood, most)
    got = await flood.get(INTRADAY, **WINDOW, limit="all")
    assert got.status == 503
    assert f"{most} streams are under way" in got.problem["detail"]
    assert (await flood.get(INTRADAY, **WINDOW)).status == 200  # a page does not wait behind them
    for writer in writers:
        writer.close()


async def _asks_and_reads_nothing(served: Served) -> asyncio.StreamWriter:
    host, port = served.url.removeprefix("http://").split(":")
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, (host, int(port)))
    _, writer = await asyncio.open_connection(sock=narrow, limit=1024)
    path = f"{INTRADAY}?start={WINDOW['start']}&end={WINDOW['end']}&limit=all"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    return writer


async def _until(served: Served, count: int) -> None:
    for pause in pauses():
        if await _streams(served) == count:
            return
        await asyncio.sleep(pause)
    pytest.fail(f"not within {PATIENCE_SECONDS:g} s: {count} streams")
