"""What a server is to the benchmark."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from fanout_parts.task import Source


class Server(Protocol):
    """A server that sends publications to whoever is connected to /ws/{symbol} on 127.0.0.1."""

    @property
    def name(self) -> str:
        """As it is printed and chosen."""

    @property
    def command(self) -> str:
        """The "module:function" that tells the Redis command of a message.Publication, as a list of bytes.

        It runs in the publisher's process, at every message.
        """

    @property
    def opening(self) -> str:
        """How the message begins after which a client is subscribed; "" if it is once it is connected."""

    @property
    def version(self) -> str:
        """What was measured, once it has been started."""

    def absent(self, *, own_source: bool) -> str:
        """Why it cannot be measured here, if need be making the messages itself; "" if it can."""

    async def start(self, redis: Path, symbols: Sequence[str]) -> None:
        """Serve `symbols` from the Redis that listens on the Unix socket `redis`."""

    async def stop(self) -> None:
        """End all that was started; also after a start that failed."""

    @property
    def port(self) -> int:
        """Where it listens."""

    @property
    def pids(self) -> Sequence[int]:
        """Its processes, for their cost."""

    async def produce(self, source: Source) -> int:
        """Have the server make the messages of `source` itself; the number of rounds."""
