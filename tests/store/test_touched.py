"""Which buckets are noted when bars come late; and that plain PostgreSQL needs none of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.market.span import epoch
from market_data.store import touched, write
from market_data.store.connect import Database

from .conftest import TEN, Saying, row, told

MINUTES = st.lists(st.integers(TEN // 60, TEN // 60 + 400).map(lambda minute: minute * 60), min_size=1)


@given(MINUTES)
def test_the_spans_are_the_whole_buckets_of_the_bars_and_none_adjoin(minutes: list[int]) -> None:
    starts, ends = ([epoch(at) for at in side] for side in touched.spans(np.array(minutes, np.int64)))
    buckets = [at for start, end in zip(starts, ends, strict=True) for at in range(start, end, 300)]
    assert buckets == sorted({minute - minute % 300 for minute in minutes})
    assert all(end < start for end, start in zip(ends, starts[1:], strict=False))


def test_a_bar_is_late_when_it_opens_more_than_two_days_ago() -> None:
    ts = np.array([TEN - 2 * 86_400 - 60, TEN - 2 * 86_400, TEN], np.int64)
    assert touched.late(ts, TEN).tolist() == [TEN - 2 * 86_400 - 60]


@pytest.mark.anyio
async def test_plain_postgresql_notes_and_builds_nothing(database: Database) -> None:
    late = told([row(TEN - 30 * 86_400)], Saying())
    assert len(await write.keep(database, late)) == 1
    assert await database.fetch("SELECT * FROM candles_touched") == []
    assert await touched.refresh(database) is None
