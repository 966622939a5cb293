"""One client's buffer: bounded, in order, and what is dropped for a slow client is old news."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.push.outbox import Outbox
from market_data.stream import Publication

from .publications import publication

sizes = st.integers(1, 8)
series = st.lists(st.sampled_from(["AAPL", "KO", "MSFT", "PEP"]), max_size=60)


def taken(outbox: Outbox) -> list[Publication]:
    return asyncio.run(outbox.take()) if len(outbox) else []


def put(outbox: Outbox, symbols: list[str], first: int = 0) -> int:
    """Put one publication of each symbol; returns how many were dropped."""
    return sum(outbox.put(publication(number, symbol)) for number, symbol in enumerate(symbols, first))


@given(sizes, series)
def test_it_never_holds_more_than_its_size_and_counts_exactly_what_it_drops(
    size: int, symbols: list[str]
) -> None:
    outbox, dropped = Outbox(size), 0
    for number, symbol in enumerate(symbols):
        dropped += outbox.put(publication(number, symbol))
        assert len(outbox) <= size
        assert len(outbox) + dropped == number + 1


@given(sizes, series)
def test_what_waits_is_in_order_and_each_once(size: int, symbols: list[str]) -> None:
    outbox = Outbox(size)
    put(outbox, symbols)
    positions = [int(one.position.partition("-")[0]) for one in taken(outbox)]
    assert positions == sorted(set(positions))


@given(st.integers(4, 8), series)
def test_the_newest_publication_of_each_series_survives_as_long_as_there_is_room_for_one_of_each(
    size: int, symbols: list[str]
) -> None:
    outbox = Outbox(size)
    put(outbox, symbols)
    newest = {symbol: number for number, symbol in enumerate(symbols)}
    waiting = {one.position for one in taken(outbox)}
    assert {f"{number}-0" for number in newest.values()} <= waiting


@given(st.integers(1, 3), series.filter(bool))
def test_the_newest_of_all_survives_however_small_it_is(size: int, symbols: list[str]) -> None:
    outbox = Outbox(size)
    put(outbox, symbols)
    assert taken(outbox)[-1].position == f"{len(symbols) - 1}-0"


@given(st.lists(st.integers(0, 5), max_size=12))
def test_a_client_that_keeps_up_loses_nothing(bursts: list[int]) -> None:
    outbox, told, sent = Outbox(5), list[Publication](), 0
    for burst in bursts:
        assert put(outbox, ["AAPL"] * burst, sent) == 0
        sent += burst
        told += taken(outbox)
    assert [one.position for one in told] == [f"{number}-0" for number in range(sent)]


@pytest.mark.parametrize(
    ("symbols", "left", "dropped"),
    [
        ("AAAA", ["A 3"], 3),
        ("AABB", ["A 1", "B 3"], 2),
        ("ABAB", ["A 2", "B 3"], 2),
        ("ABCC", ["A 0", "B 1", "C 3"], 1),
        ("ABCD", ["B 1", "C 2", "D 3"], 1),
    ],
)
def test_a_full_buffer_of_three_is_conflated(symbols: str, left: list[str], dropped: int) -> None:
    outbox = Outbox(3)
    assert put(outbox, list(symbols)) == dropped
    assert [f"{one.symbol} {one.position.partition('-')[0]}" for one in taken(outbox)] == left


@pytest.mark.anyio
async def test_taking_waits_until_there_is_something_and_takes_all_of_it() -> None:
    outbox = Outbox(5)
    for number in (0, 2):  # the second time, too
        taking = asyncio.create_task(outbox.take())
        await asyncio.sleep(0)
        assert not taking.done()
        outbox.put(publication(number))
        outbox.put(publication(number + 1))
        assert [one.position for one in await taking] == [f"{number}-0", f"{number + 1}-0"]
        assert len(outbox) == 0


@pytest.mark.anyio
async def test_a_taking_that_is_given_up_loses_nothing() -> None:
    outbox = Outbox(5)
    taking = asyncio.create_task(outbox.take())
    await asyncio.sleep(0)
    outbox.put(publication(0))
    taking.cancel()
    await asyncio.wait({taking})
    assert [one.position for one in await outbox.take()] == ["0-0"]
