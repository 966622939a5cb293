"""Who else is there: the replicas that are alive, as Redis knows; while it is out, as it last knew."""

import asyncio
from hashlib import blake2b

from redis.asyncio import Redis

from market_data.errors import StoreUnavailable
from market_data.events import RedisOut, Tell
from market_data.store.redis import reachable

KEY = "market:replicas"
BEAT_SECONDS = 1.0
"""How often a replica gives a sign of life."""
GONE_SECONDS = 6.0
"""One that gave none for so long is gone."""
ANSWER_SECONDS = 2.0
"""A Redis that does not answer within this time is out."""

LEAVE_TRIES = 3
"""How often it is tried to say that we are gone: a connection that broke meanwhile fails once."""

_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], now + 1, '+inf') -- from before its clock was set back
redis.call('EXPIRE', KEYS[1], 3600)
return redis.call('ZRANGE', KEYS[1], 0, -1)
"""
"""Adds the caller, forgets who is gone, returns who is there. KEYS: the set. ARGV: who, seconds to be
gone."""


class Replicas:
    """This replica among the others. `out` tells whether Redis can be reached at present."""

    def __init__(self, redis: Redis, name: str, tell: Tell = lambda _: None) -> None:
        self._redis = redis
        self._tell = tell
        self._beat = redis.register_script(_SCRIPT)
        self.name = name
        self.known: tuple[str, ...] = (name,)
        """All that are alive, in an order that is the same for all."""
        self.out = False

    async def run(self) -> None:
        """Give signs of life until cancelled; tells when Redis goes out, and when it comes back."""
        while True:
            was = self.out
            await self.beat()
            if was != self.out:
                self._tell(RedisOut(self.out, len(self.known)))
            await asyncio.sleep(BEAT_SECONDS)

    async def beat(self) -> None:
        """Give one sign of life, and learn who is there."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                with reachable(self._redis):
                    found = await self._beat(keys=[KEY], args=[self.name, GONE_SECONDS])
        except (StoreUnavailable, TimeoutError):
            self.out = True
            return
        self.out = False
        self.known = tuple(sorted(one.decode() for one in found)) or (self.name,)

    async def leave(self) -> None:
        """Be gone at once: the others take our share. StoreUnavailable where LEAVE_TRIES have failed."""
        for left in reversed(range(LEAVE_TRIES)):
            try:
                with reachable(self._redis):
                    await self._redis.zrem(KEY, self.name)
            except StoreUnavailable:
                if not left:
                    raise
            else:
                return

    def mine(self, symbol: str) -> bool:
        """Whether a symbol is in this replica's share: each is in that of one of the known."""
        digest = blake2b(symbol.encode(), digest_size=8).digest()
        return self.known[int.from_bytes(digest) % len(self.known)] == self.name
