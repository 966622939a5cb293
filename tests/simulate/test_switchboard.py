"""Faults strike whom they were switched on for, as often as they were told to, and nobody else."""

import asyncio
import math
import time

import aiohttp
import pytest

from market_data.errors import BadConfig, BadQuestion
from market_data.simulate import (
    Fault,
    Plan,
    Running,
    SimulatorConfig,
    Switched,
    discover,
    mutes,
    read_option,
    serve,
    start,
)

from .answers import NOW, OPEN_TO_ALL, minutes, told, truth
from .conftest import Rigged

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("fault", [Fault.NAN, Fault.NEGATIVE, Fault.NO_DATA, Fault.DUPLICATE_ROWS])
async def test_quotes_are_struck_as_well(rig: Rigged, fault: Fault) -> None:
    it = await rig(NOW, **OPEN_TO_ALL)
    right = (await it.finnhub("quote", symbol="AAPL")).json
    await it.switch(provider="finnhub", fault=fault)
    price = (await it.finnhub("quote", symbol="AAPL")).json["c"]
    match fault:
        case Fault.NAN:
            assert math.isnan(price)
        case Fault.NEGATIVE:
            assert price == -right["c"]
        case Fault.NO_DATA:
            assert price == 0
        case _:
            assert price == right["c"]


async def test_a_fault_strikes_only_its_provider_and_symbol(rig: Rigged) -> None:
    it = await rig(NOW, **OPEN_TO_ALL)
    await it.switch(provider="yahoo", fault="http_500", symbol="aapl")
    assert (await minutes(it, "yahoo")).status == 500
    assert (await minutes(it, "yahoo", "MSFT")).status == 200
    assert (await minutes(it, "finnhub")).status == 200


async def test_a_fault_of_every_provider_leaves_out_those_that_cannot_show_it(rig: Rigged) -> None:
    it = await rig(NOW, **OPEN_TO_ALL)
    await it.switch(provider="*", fault="wrong_symbol")
    right = await truth(it, "yahoo")
    assert (await told(it, "finnhub"))[0][1] == right[0][1]
    assert (await told(it, "yahoo"))[0][1] > right[0][1]


async def test_several_faults_can_strike_one_request(rig: Rigged) -> None:
    it = await rig(NOW, **OPEN_TO_ALL)
    for fault in (Fault.NEGATIVE, Fault.DUPLICATE_ROWS, Fault.OUT_OF_ORDER):
        await it.switch(provider="yahoo", fault=fault)
    heard = await told(it, "yahoo")
    assert len(heard) == 20
    assert heard != sorted(heard)
    assert max(row[1] for row in heard) < 0


async def test_a_fault_switches_itself_off_after_so_many_times(rig: Rigged) -> None:
    it = await rig(NOW, **OPEN_TO_ALL)
    await it.switch(provider="yahoo", fault="http_500", times=2)
    assert [(await minutes(it, "yahoo")).status for _ in range(3)] == [500, 500, 200]
    assert it.running.switchboard.active() == []


async def test_chance_is_drawn_from_the_seed(rig: Rigged) -> None:
    seen = []
    for _ in range(2):
        it = await rig(NOW, seed=5, **OPEN_TO_ALL)
        await it.switch(provider="yahoo", fault="http_500", probability=0.5)
        seen.append([(await minutes(it, "yahoo")).status for _ in range(20)])
    assert seen[0] == seen[1]
    assert set(seen[0]) == {200, 500}


async def test_the_truth_is_told_whatever_faults_are_on(rig: Rigged) -> None:
    it = await rig(NOW, **OPEN_TO_ALL)
    right = await truth(it, "yahoo")
    for fault in (Fault.NEGATIVE, Fault.MISSING_MINUTES, Fault.REVISED_BARS):
        await it.switch(provider="*", fault=fault)
    assert await truth(it, "yahoo") == right
    assert len(right) == 10


async def test_faults_may_be_on_from_the_start(rig: Rigged) -> None:
    it = await rig(NOW, faults=(Switched("yahoo", Fault.HTTP_502),))
    assert (await minutes(it, "yahoo")).status == 502


async def test_stopping_does_not_wait_for_requests_that_hang(rig: Rigged) -> None:
    faults = (Switched("yahoo", Fault.HANG), Switched("finnhub", Fault.LATENCY, value=60_000))
    it = await rig(NOW, faults=faults)
    held = [asyncio.ensure_future(minutes(it, name)) for name in ("yahoo", "finnhub")]
    await asyncio.sleep(0.5)
    assert [it.running.calls[name].asked for name in ("yahoo", "finnhub")] == [1, 1]
    before = time.monotonic()
    await it.running.close()
    assert time.monotonic() - before < 1
    answers = await asyncio.gather(*held, return_exceptions=True)
    assert all(isinstance(one, aiohttp.ClientError) for one in answers)


async def test_serving_goes_on_until_it_is_cancelled() -> None:
    running: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(SimulatorConfig(), lambda: 0.0, port=0, ready=running.set_result))
    url = (await running).url
    async with aiohttp.ClientSession() as session, session.get(f"{url}/sim/state") as reply:
        assert reply.status == 200
    with pytest.raises(OSError, match="address already in use"):
        await start(SimulatorConfig(), lambda: 0.0, port=int(url.rpartition(":")[2]))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(url)


async def test_a_caller_that_gives_up_leaves_nothing_held(rig: Rigged) -> None:
    it = await rig(NOW, faults=(Switched("yahoo", Fault.HANG),))
    tasks = len(asyncio.all_tasks())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(minutes(it, "yahoo"), 0.3)
    await asyncio.sleep(0.3)
    assert len(asyncio.all_tasks()) <= tasks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yahoo:latency", Switched("yahoo", Fault.LATENCY)),
        ("yahoo:latency=500@brk.b", Switched("yahoo", Fault.LATENCY, "BRK-B", 500.0)),
        ("*:nan=10", Switched("*", Fault.NAN, None, 10.0)),
    ],
)
async def test_a_fault_can_be_spelled_on_the_command_line(text: str, expected: Switched) -> None:
    assert read_option(text, mutes(discover())) == expected


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("latency", "write PROVIDER:FAULT"),
        ("bing:latency", f"unknown provider 'bing': use one of {', '.join(discover())}, "),
        ("yahoo:lag", "unknown fault 'lag': use one of latency, hang,"),
        ("yahoo:latency=x", "'x' in 'yahoo:latency=x' is not a number"),
        ("yahoo:http_500=3", "http_500 takes no value"),
        ("yahoo:nan=101", "more than 0 and at most 100 % of the rows"),
        ("yahoo:hang=inf", "at most 600 s"),
        ("finnhub:wrong_symbol", "cannot be switched on at finnhub: its answers do not say"),
    ],
)
async def test_a_fault_that_cannot_be_is_refused_with_what_would_be_right(text: str, what: str) -> None:
    with pytest.raises(BadQuestion) as caught:
        read_option(text, mutes(discover()))
    assert what in caught.value.detail


async def test_a_config_that_cannot_be_is_refused(rig: Rigged) -> None:
    with pytest.raises(BadConfig, match="unknown provider 'bing'"):
        await rig(NOW, plans={"bing": Plan.FREE})
    with pytest.raises(BadConfig, match=r"symbols: .* is not a regular expression"):
        await rig(NOW, symbols="(")
    with pytest.raises(BadConfig, match="timezone: 'Mars' is unknown"):
        await rig(NOW, timezone="Mars")
