"""Waits for what a server does; a test that would wait for luck fails by the clock instead."""

import asyncio

from redis.asyncio import Redis

PATIENCE_SECONDS = 30.0
"""How long anything that must happen may take to happen."""


async def until_somebody_waits(redis: Redis) -> None:
    """Return once a client is blocked in a read: what comes from then on comes to one that waits."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (await redis.info("clients"))["blocked_clients"]:  # noqa: ASYNC110 - it sets no Event of ours
            await asyncio.sleep(0.01)
