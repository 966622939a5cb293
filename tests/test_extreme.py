"""Real histories with extreme moves, from one provider alone: all is served unmarked the same evening."""

import pytest

from evening import player
from extreme import DAYS, MINUTES, History, Session
from market_data.store.connect import Database

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("history", DAYS, ids=[day.name for day in DAYS])
async def test_every_real_day_is_served_unmarked_the_same_evening(
    history: History, database: Database, redis_url: str
) -> None:
    async with player(database, redis_url) as play:
        found = await play.days("X-USD" if history.exchange == "CRYPTO" else "X", history)
    assert found.bars == len(history.closes)
    assert found.late == []
    assert len(found.waits) == found.marked
    assert all(wait <= 3900 for wait in found.waits)


@pytest.mark.parametrize("session", MINUTES, ids=[minute.name for minute in MINUTES])
async def test_every_real_minute_is_served_unmarked_the_same_evening(
    session: Session, database: Database, redis_url: str
) -> None:
    async with player(database, redis_url) as play:
        found = await play.minutes("X-USD" if session.exchange == "CRYPTO" else "X", session)
    assert found.late == []
    assert len(found.waits) == found.marked
    if "ticks" in session.name:
        assert found.marked == 0


def test_the_histories_are_of_every_kind() -> None:
    names = " ".join(day.name for day in (*DAYS, *MINUTES))
    for kind in ("GME", "VIX", "March 2020", "reverse split", "sub-penny", "flash crash", "LUNA"):
        assert kind in names
