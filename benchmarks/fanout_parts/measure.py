"""One measurement: a server, its clients, a source, from the first handshake to the last message."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from fanout_parts.message import FIRST, TEMPLATE, symbols
from fanout_parts.processes import Meter, most_memory, processor_seconds, python, running
from fanout_parts.server import Server
from fanout_parts.task import Load, Published, Publisher, Ready, Received, Source

RUN = 10_000_000
"""Sequence numbers between one measurement's and the next one's: those of a symbol always grow."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Who follows what."""

    name: str
    clients: int
    symbols: int


@dataclass(frozen=True, slots=True)
class Pace:
    """What a source does: `window` rounds in flight at most, or `rate` deliveries a second."""

    name: str
    seconds: float
    warm_up: float
    window: int = 0
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What the clients saw, and what it took."""

    received: Received
    cores: dict[str, float]
    server_seconds: float  # of a processor, for all deliveries
    memory: float  # MiB, the server's most


class Bench:
    """All servers run; each measurement has clients and a source of its own."""

    def __init__(self, redis: Path, redis_pid: int, *, own_source: bool) -> None:
        self.redis = redis
        self._redis_pid = redis_pid
        self._own_source = own_source
        self._runs = 0
        self._given: dict[str, int] = {}  # messages, by server

    async def measure(self, server: Server, shape: Shape, pace: Pace) -> Measured:
        """RuntimeError if anything was lost or came twice."""
        first = FIRST + self._runs * RUN
        self._runs += 1
        names = symbols(shape.symbols)
        with tempfile.TemporaryDirectory(prefix="fanout-") as folder:
            credit = str(Path(folder, "credit"))
            load = Load(
                port=server.port,
                clients=shape.clients,
                symbols=names,
                first=first,
                credit=credit,
                opening=server.opening,
                warm_up=pace.warm_up,
                window=pace.window,
            )
            source = Source(
                symbols=names,
                first=first,
                before=self._given.get(server.name, 0),
                seconds=pace.seconds,
                credit=credit,
                window=pace.window,
                rate=pace.rate * shape.symbols / shape.clients,
                template=TEMPLATE,
            )
            measured, rounds = await self._run(server, load, source)
        self._given[server.name] = source.before + rounds * shape.symbols
        received = measured.received
        due = rounds * shape.clients
        if received.missing or received.repeated or received.delivered != due:
            raise RuntimeError(
                f"{server.name}, {shape.name}, {pace.name}: {received.delivered} of {due} messages came, "
                f"{received.missing} missing, {received.repeated} repeated"
            )
        return measured

    async def _run(self, server: Server, load: Load, source: Source) -> tuple[Measured, int]:
        groups = {"server": server.pids, "redis": (self._redis_pid,)}
        async with running("the load", *python("load", load)) as clients:
            await clients.answer(Ready)
            before = sum(map(processor_seconds, server.pids))
            groups["load"] = (clients.pid,)
            if self._own_source:
                meter = Meter(groups)
                rounds = await server.produce(source)
                cores = meter.cores()
            else:
                task = Publisher(redis=str(self.redis), command=server.command)
                async with running("the publisher", *python("publisher", task)) as publisher:
                    await publisher.answer(Ready)
                    meter = Meter({**groups, "publisher": (publisher.pid,)})
                    await publisher.ask(source)
                    rounds = (await publisher.answer(Published)).rounds
                    cores = meter.cores()
            await clients.ask(Published(rounds))
            received = await clients.answer(Received)
            used = sum(map(processor_seconds, server.pids)) - before
        return Measured(received, cores, used, most_memory(server.pids)), rounds
