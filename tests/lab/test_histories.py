"""Random histories leave nothing wrong behind; `LAB_SEED=7 pytest tests/lab/test_histories.py` repeats one.

LAB_HISTORIES says how many are played; `make soak` plays 10,000 if it is not set.
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from market_data.hosting import Stores

from . import database as lab_database
from .histories.life import HISTORIES, live

pytestmark = pytest.mark.anyio

TESTS = Path(__file__).parents[1]
COUNT = int(os.environ.get("LAB_HISTORIES", "200"))
MANY = int(os.environ.get("LAB_HISTORIES", "10000"))
SEEDS = [int(os.environ["LAB_SEED"])] if "LAB_SEED" in os.environ else list(range(1, COUNT // HISTORIES + 1))
FIRST_OF_MANY = 100_000


def _lives(seeds: list[int]) -> type:
    """The tests of some lives: a class, since each worker of a parallel run takes whole classes."""

    class Lives:
        @pytest.mark.parametrize("seed", seeds)
        async def test_a_life_of_random_histories_leaves_nothing_wrong_behind(
            self, seed: int, postgres_url: str, redis_url: str, anyio_backend: object
        ) -> None:
            await lab_database.shadow_clock(postgres_url)
            life = await live(seed, Stores(postgres_url, redis_url, redis_is_ours=True))
            assert life.violations == [], str(life)

    return Lives


TestFirstLives, TestSecondLives, TestThirdLives, TestFourthLives = (_lives(SEEDS[n::4]) for n in range(4))


@pytest.mark.soak
async def test_thousands_of_random_histories_leave_nothing_wrong_behind() -> None:
    started, lives = time.perf_counter(), MANY // HISTORIES
    jobs = max(len(os.sched_getaffinity(0)), 1)
    each = -(-lives // jobs)
    told = await asyncio.gather(
        *(_some(at, min(each, FIRST_OF_MANY + lives - at))
          for at in range(FIRST_OF_MANY, FIRST_OF_MANY + lives, each))
    )  # fmt: skip
    found = [one for some in told for one in some]
    seconds = time.perf_counter() - started
    print(f"{len(found) * HISTORIES} histories in {seconds:.0f} s, {jobs} at once")  # noqa: T201 - shown by -rP
    wrong = [one["text"] for one in found if one["violations"]]
    assert not wrong, "\n".join(wrong[:20])
    assert len(found) == lives


async def _some(first: int, lives: int) -> list[dict[str, Any]]:
    """What a process of its own tells of some lives."""
    path = os.pathsep.join([*(one for one in sys.path if one), str(TESTS)])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lab.histories", str(first), str(lives)),
        env={**os.environ, "PYTHONPATH": path}, stdout=asyncio.subprocess.PIPE, limit=2**26,
    )  # fmt: skip
    assert process.stdout is not None
    return [json.loads(line) async for line in process.stdout]
