"""Bars that were told but not believed."""

from dataclasses import replace
from math import inf, nan

import asyncpg
import pytest

from market_data.market.bar import Row
from market_data.market.quality import Reason, Rejected
from market_data.market.span import moment
from market_data.store.connect import Database

from .conftest import TEN, Saying, closes, row, tell

pytestmark = pytest.mark.anyio

ODD: Row = (TEN, 1.0, 2.0, 3.0, 1.5, 10.0)
BROKEN: Row = (TEN + 60, nan, inf, 3.0, -inf, 10.0)
SAID = Saying(rejected=(Rejected(ODD, Reason.RANGE), Rejected(BROKEN, Reason.NOT_FINITE)))


async def _kept(database: Database) -> list[asyncpg.Record]:
    return list(await database.fetch("SELECT * FROM rejected_bars ORDER BY ts, provider, reason"))


async def test_a_rejected_bar_is_kept_with_its_reason_and_nan_as_null(database: Database) -> None:
    assert await tell(database, [], SAID) == []
    origin = ("AAPL", "1m")
    once = (moment(SAID.at), moment(SAID.at), 1)
    assert [tuple(one) for one in await _kept(database)] == [
        (*origin, moment(TEN), "yahoo", "high_low", *ODD[1:], *once),
        (*origin, moment(TEN + 60), "yahoo", "not_finite", None, None, 3.0, None, 10.0, *once),
    ]


async def test_told_again_it_is_counted(database: Database) -> None:
    for later in (0, 60, 120):
        await tell(database, [], replace(SAID, at=SAID.at + later))
    assert [(one["times"], one["first_told"], one["last_told"]) for one in await _kept(database)] == [
        (3, moment(SAID.at), moment(SAID.at + 120))
    ] * 2


async def test_another_reason_or_provider_is_another_row(database: Database) -> None:
    for said in (
        Saying(rejected=(Rejected(ODD, Reason.RANGE),)),
        Saying(rejected=(Rejected(ODD, Reason.FUTURE),)),
        Saying(rejected=(Rejected(ODD, Reason.RANGE),), provider="finnhub"),
    ):
        await tell(database, [], said)
    assert [(one["provider"], one["reason"], one["times"]) for one in await _kept(database)] == [
        ("finnhub", "high_low", 1),
        ("yahoo", "future", 1),
        ("yahoo", "high_low", 1),
    ]


async def test_a_label_told_twice_in_conflict_is_kept_once(database: Database) -> None:
    twice = tuple(Rejected(row(TEN, close), Reason.CONFLICT) for close in (1.0, 2.0))
    await tell(database, [], Saying(rejected=twice))
    assert [(one["reason"], one["times"]) for one in await _kept(database)] == [("conflict", 1)]


async def test_good_bars_of_the_same_answer_are_written(database: Database) -> None:
    assert closes(await tell(database, [row(TEN + 120)], SAID)) == [(TEN + 120, 100.0)]
    assert len(await _kept(database)) == 2
