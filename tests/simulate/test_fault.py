"""Every fault of the table does what its line says, at every provider that can show it."""

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from market_data.simulate import FAULTS, Fault, discover

from .answers import NOW, OPEN_TO_ALL, VOICES, minutes, rows, told, truth, window
from .conftest import Rig, Rigged, at

pytestmark = pytest.mark.anyio


async def latency(it: Rig, provider: str) -> None:
    await it.switch(provider=provider, fault="latency", value=200)
    before = time.monotonic()
    assert len(await told(it, provider)) == 10
    assert time.monotonic() - before >= 0.2


async def hang(it: Rig, provider: str) -> None:
    await it.switch(provider=provider, fault="hang", value=0.2)
    before = time.monotonic()
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await minutes(it, provider)
    assert time.monotonic() - before >= 0.2


async def http_429(it: Rig, provider: str) -> None:
    await it.switch(provider=provider, fault="http_429")
    bare = await minutes(it, provider)
    assert bare.status == 429
    assert ("retry-after" in bare.headers) == VOICES[provider].rests
    await it.switch(provider=provider, fault="http_429", value=30)
    asked = await minutes(it, provider)
    assert (asked.status, asked.headers["retry-after"]) == (429, "30")
    assert VOICES[provider].throttled in asked.text


async def http_500(it: Rig, provider: str) -> None:
    await it.switch(provider=provider, fault="http_500")
    got = await minutes(it, provider)
    assert (got.status, got.headers["content-type"][:9]) == (500, "text/html")


async def http_502(it: Rig, provider: str) -> None:
    await it.switch(provider=provider, fault="http_502")
    got = await minutes(it, provider)
    assert got.status == 502
    assert "Bad Gateway" in got.text


async def over_plan(it: Rig, provider: str) -> None:
    await it.switch(provider=provider, fault="over_plan")
    status, words = VOICES[provider].over_plan or (429, VOICES[provider].throttled)
    got = await minutes(it, provider)
    assert got.status == status
    assert words in got.text
    assert it.running.calls[provider].over_plan == 0


async def maintenance(it: Rig, provider: str) -> None:
    await it.switch(provider=provider, fault="maintenance")
    got = await minutes(it, provider)
    assert (got.status, got.headers["content-type"][:9]) == (200, "text/html")
    assert "Will be right back" in got.text


async def garbage(it: Rig, provider: str) -> None:
    await it.switch(provider=provider, fault="garbage")
    got = await minutes(it, provider)
    assert got.status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(got.text)


async def cut_body(it: Rig, provider: str) -> None:
    await it.switch(provider=provider, fault="cut_body")
    with pytest.raises(aiohttp.ClientPayloadError):
        await minutes(it, provider)


async def slow_body(it: Rig, provider: str) -> None:
    """Bytes come; the last of them does not while anybody waits."""
    await it.switch(provider=provider, fault="slow_body", value=0.01)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(minutes(it, provider), 0.2)
    assert 1 <= len(b"".join(it.heard)) <= 20


async def large_body(it: Rig, provider: str) -> None:
    right = await told(it, provider)
    await it.switch(provider=provider, fault="large_body", value=2)
    got = await minutes(it, provider)
    assert len(got.text) > 2_000_000
    assert rows(provider, got) == right


async def wrong_schema(it: Rig, provider: str) -> None:
    right = (await minutes(it, provider)).json
    await it.switch(provider=provider, fault="wrong_schema")
    names = {"rows"} if isinstance(right, list) else set(right)
    assert set((await minutes(it, provider)).json) == {f"new_{name}" for name in names}


async def unequal_arrays(it: Rig, provider: str) -> None:
    await it.switch(provider=provider, fault="unequal_arrays")
    body = (await minutes(it, provider)).json
    assert VOICES[provider].closes(body) == VOICES[provider].left


async def wrong_symbol(it: Rig, provider: str) -> None:
    right = await told(it, provider)
    await it.switch(provider=provider, fault="wrong_symbol")
    got = await minutes(it, provider)
    label = VOICES[provider].label
    assert label is not None
    assert label(got.json) == "OTHER"
    assert rows(provider, got)[0][1] == pytest.approx(2 * right[0][1])


async def no_data(it: Rig, provider: str) -> None:
    await it.switch(provider=provider, fault="no_data")
    body = (await minutes(it, provider)).json
    assert VOICES[provider].nothing(body)


async def late_bars(it: Rig, provider: str) -> None:
    it.clock.now = window(provider).end
    await it.switch(provider=provider, fault="late_bars", value=3)
    heard = [row for row in await told(it, provider) if row[1] is not None]
    assert len(heard) == 7
    it.clock.now += 180
    assert len(await told(it, provider)) == 10


async def missing_minutes(it: Rig, provider: str) -> None:
    await it.switch(provider=provider, fault="missing_minutes", value=50)
    heard = await told(it, provider)
    assert 0 < len(heard) < 10
    assert await told(it, provider) == heard


async def revised_bars(it: Rig, provider: str) -> None:
    before = await told(it, provider)
    await it.switch(provider=provider, fault="revised_bars", value=2)
    for old, new in zip(before, await told(it, provider), strict=True):
        assert new[:2] == old[:2]
        assert new[4] == pytest.approx(old[4] * 1.02, abs=0.01)
        assert new[5] > old[5]
        assert new[2] >= new[4]


async def nan(it: Rig, provider: str) -> None:
    await it.switch(provider=provider, fault="nan")
    got = await minutes(it, provider)
    assert all(math.isnan(row[4]) for row in rows(provider, got))
    assert VOICES[provider].nan in got.text


async def negative(it: Rig, provider: str) -> None:
    await it.switch(provider=provider, fault="negative")
    for row in await told(it, provider):
        assert max(row[1:5]) < 0
        assert row[2] >= max(row[1], row[4])
        assert row[3] <= min(row[1], row[4])


async def first_volume_zero(it: Rig, provider: str) -> None:
    await it.switch(provider=provider, fault="first_volume_zero")
    answer = sorted(VOICES[provider].rows((await minutes(it, provider)).json))
    assert answer[0][5] == 0
    assert min(row[5] for row in answer if row[0] in window(provider) and row is not answer[0]) > 0


async def duplicate_rows(it: Rig, provider: str) -> None:
    before = await told(it, provider)
    await it.switch(provider=provider, fault="duplicate_rows")
    heard = await told(it, provider)
    assert heard == [row for row in before for _ in range(2)]


async def conflicting_rows(it: Rig, provider: str) -> None:
    before = await told(it, provider)
    await it.switch(provider=provider, fault="conflicting_rows")
    heard = await told(it, provider)
    assert [row[0] for row in heard] == [row[0] for row in before for _ in range(2)]
    assert all(one[4] != other[4] for one, other in zip(heard[::2], heard[1::2], strict=True))


async def out_of_order(it: Rig, provider: str) -> None:
    before = await told(it, provider)
    await it.switch(provider=provider, fault="out_of_order")
    heard = await told(it, provider)
    assert heard != before
    assert sorted(heard) == before


CHECKS: dict[Fault, Callable[[Rig, str], Awaitable[None]]] = {
    Fault.LATENCY: latency,
    Fault.HANG: hang,
    Fault.HTTP_429: http_429,
    Fault.HTTP_500: http_500,
    Fault.HTTP_502: http_502,
    Fault.OVER_PLAN: over_plan,
    Fault.MAINTENANCE: maintenance,
    Fault.GARBAGE: garbage,
    Fault.CUT_BODY: cut_body,
    Fault.SLOW_BODY: slow_body,
    Fault.LARGE_BODY: large_body,
    Fault.WRONG_SCHEMA: wrong_schema,
    Fault.UNEQUAL_ARRAYS: unequal_arrays,
    Fault.WRONG_SYMBOL: wrong_symbol,
    Fault.NO_DATA: no_data,
    Fault.LATE_BARS: late_bars,
    Fault.MISSING_MINUTES: missing_minutes,
    Fault.REVISED_BARS: revised_bars,
    Fault.NAN: nan,
    Fault.NEGATIVE: negative,
    Fault.FIRST_VOLUME_ZERO: first_volume_zero,
    Fault.DUPLICATE_ROWS: duplicate_rows,
    Fault.CONFLICTING_ROWS: conflicting_rows,
    Fault.OUT_OF_ORDER: out_of_order,
}
APPLICABLE = [
    (fault, name) for fault in FAULTS for name, one in discover().items() if fault not in one.facts.mute
]


async def test_every_fault_has_a_line_and_a_check() -> None:
    assert set(FAULTS) == set(Fault) == set(CHECKS)


@pytest.mark.parametrize(("fault", "provider"), APPLICABLE)
async def test_a_fault_does_what_its_line_says_and_ends_when_it_is_switched_off(
    rig: Rigged, fault: Fault, provider: str
) -> None:
    it = await rig(NOW, **OPEN_TO_ALL)
    await CHECKS[fault](it, provider)
    assert it.running.calls[provider].faults[fault] >= 1
    it.running.switchboard.switch_off(provider, fault)
    it.clock.now = at(NOW)
    heard = await told(it, provider)
    assert [row[5] for row in heard] == [row[5] for row in await truth(it, provider)]
