"""The service itself, as the benchmark runs it."""

from collections.abc import Sequence
from pathlib import Path

from fanout_parts.message import Publication
from fanout_parts.task import Source


class Service:
    """`market-data serve` on databases of its own."""

    name = "service"
    command = "fanout_parts.service:words"
    opening = '{"type":"replay"'
    version = ""
    port = 0
    pids: Sequence[int] = ()

    def absent(self, *, own_source: bool) -> str:
        return "it makes no messages itself" if own_source else "its adapter is to be written"

    async def start(self, redis: Path, symbols: Sequence[str]) -> None:
        raise NotImplementedError

    async def stop(self) -> None:
        raise NotImplementedError

    async def produce(self, source: Source) -> int:
        raise NotImplementedError


def words(one: Publication) -> Sequence[bytes]:
    """The Redis command that publishes a message the way the service does."""
    raise NotImplementedError
