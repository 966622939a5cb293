"""Opens Redis (or Valkey) and reads the replies of its streams; one place that says what an outage is."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import cast

import msgspec
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import RedisClusterException, RedisError

from market_data.errors import StoreUnavailable

CONNECT_SECONDS = 2.0
"""How long opening a connection may take."""
ANSWER_SECONDS = 15.0
"""How long a command may take; longer than any read of ours blocks."""

_Reply = list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]

Entry = tuple[str, str, Mapping[bytes, bytes]]
"""The stream's name, the entry's id, its fields."""


def open_redis(url: str) -> Redis:
    """A client of `url`; connects when it is first used."""
    return Redis.from_url(
        url, protocol=2, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=ANSWER_SECONDS
    )


async def open_any(url: str) -> Redis:
    """A client of `url`, one server or a node of a cluster; StoreUnavailable if it cannot be reached."""
    client = open_redis(url)
    with reachable():
        found = await client.info("cluster")
    if not found.get("cluster_enabled"):
        return client
    await client.aclose()
    cluster = RedisCluster.from_url(
        url, protocol=2, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=ANSWER_SECONDS
    )
    return cast(Redis, cluster)  # it has the same commands, and takes each to the node of its keys


def entries(reply: object) -> list[Entry]:
    """The entries in a reply to XREAD or XREADGROUP, in its order."""
    streams = msgspec.convert(reply or [], _Reply)
    return [(name.decode(), entry.decode(), fields) for name, found in streams for entry, fields in found]


class reachable(AbstractContextManager[None]):  # noqa: N801 - reads as a statement: `with reachable():`
    """Turns the driver's errors into StoreUnavailable; a task that was cancelled meanwhile ends here."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, RedisError | RedisClusterException | OSError):
            raise StoreUnavailable(f"Redis cannot be reached: {type(error).__name__}") from error
        task = asyncio.current_task()
        if error is None and task is not None and task.cancelling():
            # wait_for of Python 3.11, which the client uses, loses a cancellation that comes with the answer
            raise asyncio.CancelledError
