"""Random histories leave nothing wrong behind. `LAB_SEED=7 pytest tests/lab/test_histories.py` plays one life again."""

import os

import pytest

from market_data.hosting import Stores

from . import database as lab_database
from .histories.life import HISTORIES, live

pytestmark = pytest.mark.anyio

COUNT = int(os.environ.get("LAB_HISTORIES", "200"))
SEEDS = [int(os.environ["LAB_SEED"])] if "LAB_SEED" in os.environ else range(1, COUNT // HISTORIES + 1)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_life_of_random_histories_leaves_nothing_wrong_behind(
    seed: int, postgres_url: str, redis_url: str, anyio_backend: str
) -> None:
    await lab_database.shadow_clock(postgres_url)
    life = await live(seed, Stores(postgres_url, redis_url, redis_is_ours=True))
    assert life.violations == [], str(life)
