import time, cProfile, pstats
import pytest, resource
from market_data.hosting import Stores
from . import database as lab_database
from .histories.life import live

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("seed", [3])
async def test_z(seed, postgres_url, redis_url, anyio_backend):
    await lab_database.shadow_clock(postgres_url)
    c = time.process_time()
    t = time.perf_counter()
    pr = cProfile.Profile(time.thread_time)
    import os

    if os.environ.get("PROF"):
        pr.enable()
    life = await live(seed, Stores(postgres_url, redis_url, redis_is_ours=True))
    pr.disable()
    print(
        "CPU",
        time.process_time() - c,
        "wall",
        time.perf_counter() - t,
        "calls",
        life.calls,
        "violations",
        len(life.violations),
    )
    if os.environ.get("PROF"):
        pstats.Stats(pr).sort_stats("cumtime").print_stats(70)
