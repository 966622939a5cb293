"""What was known when: random histories of writes against a dict of lists."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market_data.market.bar import Adjustment, KnownBar
from market_data.market.interval import Interval
from market_data.market.span import Span, epoch, moment
from market_data.store.connect import Database, open_database
from stored import window

from .conftest import TEN, Saying, row, tell

LABELS = 3
TICK = 1e-6
"""Seconds between two changes of a series, at least."""
Run = Callable[[Callable[[Database], Coroutine[Any, Any, None]]], None]
_symbols = (f"S{number}" for number in count())


@dataclass(frozen=True)
class Write:
    """One answer: bar by number, its close and whether it is partial; told `later` than the one before."""

    provider: str
    adjustment: Adjustment
    bars: dict[int, tuple[float, bool]]
    later: int  # seconds; less than 0: the clock of another replica


@dataclass(frozen=True)
class Known:
    """A value that a bar has, from `since` on."""

    since: float
    close: float
    status: str
    provider: str
    adjustment: str
    revision: int


History = dict[tuple[int, str], list[Known]]
"""By label, and adjustment where that makes a row of its own, all values that a bar has had."""


WRITES = st.lists(
    st.builds(
        Write,
        provider=st.sampled_from(["yahoo", "finnhub"]),
        adjustment=st.sampled_from([Adjustment.RAW, Adjustment.SPLIT]),
        bars=st.dictionaries(
            st.integers(0, LABELS - 1),
            st.tuples(st.sampled_from([10.0, 11.0]), st.booleans()),
            min_size=1,
        ),
        later=st.sampled_from([1, 1, 2, 0, -1, -3]),
    ),
    min_size=1,
    max_size=8,
)


def _learn(history: History, key: tuple[int, str], said: Known) -> bool:
    """Whether `said` (of revision 0) changes what is known; if so, it is."""
    values = history.setdefault(key, [])
    if values:
        known, partial = values[-1], said.status == "partial"
        if known.status == "partial":
            changes = not partial or said.close != known.close
            status = said.status
        else:
            same_source = (said.provider, said.adjustment) == (known.provider, known.adjustment)
            changes = not partial and same_source and said.close != known.close
            status = "corrected"
        if not changes:
            return False
        said = Known(said.since, said.close, status, said.provider, said.adjustment, known.revision + 1)
    values.append(said)
    return True


def _then(history: History, at: float) -> set[tuple[int, Known]]:
    found = set()
    for (ts, _), values in history.items():
        until = [one for one in values if one.since <= at]
        if until:
            found.add((ts, until[-1]))
    return found


def _seen(found: list[KnownBar]) -> list[tuple[int, Known]]:
    return [
        (
            epoch(bar.ts),
            Known(bar.as_of.timestamp(), bar.close, bar.status, bar.provider, bar.adjustment, bar.revision),
        )
        for bar in found
    ]


async def _replay(database: Database, interval: Interval, writes: list[Write]) -> None:
    symbol, history, at, head = next(_symbols), History(), float(TEN), 0.0
    moments = {at}
    for write in writes:
        at += write.later
        moments |= {at - 0.5, at, at + 0.5}
        # what was known does not cease to have been known, though another replica's clock is behind
        learned = max(at, round(head + TICK, 6))
        said = sorted(write.bars.items())
        expected = set()
        for number, (close, partial) in said:
            ts = TEN + number * interval.seconds
            key = (ts, write.adjustment if interval is Interval.D1 else "")
            status = "partial" if partial else "final"
            if _learn(history, key, Known(learned, close, status, write.provider, write.adjustment, 0)):
                expected.add((ts, history[key][-1]))
                head = learned
        changed = await tell(
            database,
            [row(TEN + number * interval.seconds, close) for number, (close, _) in said],
            Saying(
                symbol=symbol,
                interval=interval,
                provider=write.provider,
                adjustment=write.adjustment,
                at=at,
                partial=[partial for _, (_, partial) in said],
                keeps_partials=True,
            ),
        )
        assert set(_seen(changed)) == expected
    await _compare(database, symbol, interval, history, moments)


async def _compare(
    database: Database, symbol: str, interval: Interval, history: History, moments: set[float]
) -> None:
    whole = Span(TEN, TEN + LABELS * interval.seconds)
    for at in (*sorted(moments), None):
        as_of = None if at is None else moment(at)
        found = await window(database, symbol, interval, whole, limit=100, as_of=as_of)
        seen = _seen(found)
        assert len(seen) == len(set(seen))
        assert set(seen) == _then(history, float("inf") if at is None else at)
        assert [ts for ts, _ in seen] == sorted(ts for ts, _ in seen)


@pytest.fixture
def run(postgres_url: str) -> Iterator[Run]:
    """Runs coroutine functions of the database, all in one loop: hypothesis has none of its own."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        database = runner.run(stack.enter_async_context(open_database(postgres_url, 1)))
        try:
            yield lambda flow: runner.run(flow(database))
        finally:
            runner.run(stack.aclose())


@settings(
    max_examples=200,
    deadline=None,
    # one database for all examples: each writes a symbol of its own
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(interval=st.sampled_from([Interval.M1, Interval.D1]), writes=WRITES)
def test_every_moment_is_answered_with_what_was_known_then(
    run: Run, interval: Interval, writes: list[Write]
) -> None:
    run(lambda database: _replay(database, interval, writes))
