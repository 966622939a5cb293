"""Opens Redis (or Valkey) and reads the replies of its streams; one place that says what an outage is."""

import asyncio
import re
import socket
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from errno import ECONNREFUSED, ENOENT
from types import TracebackType
from typing import cast

import msgspec
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    DataError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
)
from redis.exceptions import TimeoutError as RedisTimeoutError

from market_data.errors import BadConfig, StoreUnavailable

CONNECT_SECONDS = 2.0
"""How long opening a connection may take."""
ANSWER_SECONDS = 15.0
"""How long a command may take; longer than any read of ours blocks."""

SETTING = "RLC_REDIS_URL"
PORT = 6379
"""The usual port of Redis."""

_MEANINGS: Sequence[tuple[type[Exception] | tuple[type[Exception], ...], str]] = (
    (
        (AuthenticationError, AuthorizationError, NoPermissionError),
        "Redis at {at} refuses the user or the password",
    ),
    (socket.gaierror, "the host name of {at} is not known"),
    (BusyLoadingError, "Redis at {at} is still loading its data"),
    (ReadOnlyError, "Redis at {at} is a replica: nothing can be written"),
    (OutOfMemoryError, "Redis at {at} has no memory left"),
    ((RedisTimeoutError, TimeoutError), "Redis at {at} gave no answer in time"),
)
"""What the driver's errors mean, the first that fits; the others say their name, or the server's code."""
_NOBODY = re.compile(rf"\bErr(?:no|or) (?:{ECONNREFUSED}|{ENOENT})\b")
"""How the driver words a refused connection, or a socket that is not there."""
_CODE = re.compile(r"[A-Z]{3,}\b")
"""The code with which Redis begins an error, such as MISCONF."""

_Reply = list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]

Entry = tuple[str, str, Mapping[bytes, bytes]]
"""The stream's name, the entry's id, its fields."""


def open_redis(url: str) -> Redis:
    """A client of `url`; connects when it is first used. BadConfig for a URL that cannot be read.

    The error never carries the URL, nor the reader's complaint, which may repeat a part of it.
    """
    try:
        return Redis.from_url(
            url, protocol=2, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=ANSWER_SECONDS
        )
    except ValueError:
        raise BadConfig(
            ["RLC_REDIS_URL: it cannot be read: write it as redis://:password@host:6379/0"]
        ) from None


async def open_any(url: str) -> Redis:
    """A client of `url`, one server or a node of a cluster; StoreUnavailable if it cannot be reached."""
    client = open_redis(url)
    with reachable(client):
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


class reachable(AbstractContextManager[None]):  # noqa: N801 - reads as a statement: `with reachable(redis):`
    """Turns the driver's errors into StoreUnavailable; a task that was cancelled meanwhile ends here.

    A wrong argument (redis.DataError) is a bug, and is raised as it is.
    """

    def __init__(self, client: Redis) -> None:
        self._client: Redis | RedisCluster = client

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, RedisError | RedisClusterException | OSError) and not isinstance(
            error, DataError
        ):
            raise StoreUnavailable(
                f"{SETTING}: {_meaning(error).format(at=_address(self._client))}"
            ) from error
        task = asyncio.current_task()
        if error is None and task is not None and task.cancelling():
            # wait_for of Python 3.11, which the client uses, loses a cancellation that comes with the answer
            raise asyncio.CancelledError


def _meaning(error: BaseException) -> str:
    """What an error of the driver says of the Redis at `{at}`; the driver wraps what the server said."""
    causes = [cause for cause in (error.__cause__, error.__context__, error) if cause is not None]
    for kind, text in _MEANINGS:
        if any(isinstance(cause, kind) for cause in causes):
            return text
    if _NOBODY.search(str(error)):
        return "nothing listens at {at}"
    word = _CODE.match(str(error)) if isinstance(error, ResponseError) else None
    return f"Redis at {{at}} cannot be reached ({word[0] if word else type(error).__name__})"


def _address(client: Redis | RedisCluster) -> str:
    """Where a client's server is, or the servers of its cluster."""
    if isinstance(client, RedisCluster):
        return ",".join(sorted(str(node.name) for node in client.get_nodes())) or "the cluster"
    options = client.connection_pool.connection_kwargs
    return str(options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', PORT)}")
