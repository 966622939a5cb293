"""A start: whether Redis is trusted to know of all calls that count."""

import time

import pytest

from market_data.hosting import Stores
from market_data.route.budget import QUIET_SECONDS
from market_data.settings import read
from market_data.store.connect import open_database
from market_data.store.redis import open_redis
from market_data.wiring import service

pytestmark = pytest.mark.anyio


async def _vouched(stores: Stores) -> bool:
    """Whether a service that starts now says that Redis lacks no call to Finnhub."""
    async with service(read({"LOCAL_SWEEP_ENABLED": "false"}, dotenv=None), stores):
        redis = open_redis(stores.redis_url)
        life = await redis.get("market:budget:{finnhub}:life")
        await redis.aclose()
    return life is not None and life.split()[1] == b"0"


@pytest.mark.parametrize(
    ("seconds_ago", "redis_is_ours", "vouched"),
    [
        (None, False, True),
        (QUIET_SECONDS + 5, False, True),
        (QUIET_SECONDS - 60, False, False),
        (QUIET_SECONDS - 60, True, True),
    ],
    ids=["nobody ever asked", "long ago", "just now", "just now, of an embedded Valkey"],
)
async def test_an_empty_redis_is_trusted_where_nobody_has_asked_anything_for_a_while(
    postgres_url: str, redis_url: str, seconds_ago: float | None, redis_is_ours: bool, vouched: bool
) -> None:
    if seconds_ago is not None:
        async with open_database(postgres_url, 1) as database:
            await database.run(
                "INSERT INTO ingestion_cursor (symbol, interval, source, through, asked_at)"
                " SELECT 'AAPL', '1m', 'finnhub', to_timestamp($1), to_timestamp($1)",
                time.time() - seconds_ago,
            )
    assert await _vouched(Stores(postgres_url, redis_url, redis_is_ours)) is vouched
