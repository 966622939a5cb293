"""What a client that reads nothing costs: its own memory in the service, and what the others notice of it.

    python benchmarks/slow_client.py [--rounds N] [--seconds S]

2,000 clients over 200 symbols are told 10,000 messages a second, for S seconds alone and for S seconds beside
a client that follows all symbols and reads nothing, in turns. (It is closed with 4409 after 30 s.) Printed are the p99 of both, their ratio (goal: 1),
and how much memory the service took while the deaf client was there. Every other client must receive every
message once and in order, or the run fails.
"""

import argparse
import asyncio
import resource
import socket
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.parse import unquote

from fanout_parts.load import handshake
from fanout_parts.measure import Bench, Pace, Shape
from fanout_parts.message import symbols
from fanout_parts.service import Service
from market_data.store.embedded import EmbeddedValkey

SHAPE = Shape("2,000 clients over 200 symbols", 2000, 200)
RATE = 10_000.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60.0)
    wanted = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as folder, EmbeddedValkey(Path(folder)) as valkey:
        redis = Path(unquote(valkey.url.removeprefix("unix://")))
        pid = int(Path(folder, "valkey.pid").read_text(encoding="utf-8"))
        asyncio.run(compare(wanted, Bench(redis, pid, own_source=False)))


async def compare(wanted: argparse.Namespace, bench: Bench) -> None:
    pace = Pace("", wanted.seconds + 1, 1.0, rate=RATE)
    service = Service()
    ratios = []
    try:
        await service.start(bench.redis, symbols(SHAPE.symbols))
        for _ in range(wanted.rounds):
            found = []
            for beside in (nullcontext(), deaf(service.port)):
                before = memory(service.pids[0])
                with beside:
                    measured = (await bench.measure(service, SHAPE, pace)).received
                    grown = memory(service.pids[0]) - before
                found.append(measured.p99)
                print(f"p50 {measured.p50:.1f} ms, p99 {measured.p99:.1f} ms; {grown:+.1f} MiB")
            ratios.append(found[1] / found[0])
            print(f"p99 beside a deaf client / alone: {ratios[-1]:.2f}")
    finally:
        await service.stop()
    print(f"median of the ratios: {statistics.median(ratios):.2f}")


@contextmanager
def deaf(port: int) -> Iterator[socket.socket]:
    """A client that follows all symbols and reads nothing."""
    with handshake(port, "/ws") as connection:
        said = b'{"type":"subscribe","symbols":["*"]}'
        connection.sendall(bytes((0x81, 0x80 | len(said), 0, 0, 0, 0)) + said)  # masked with zeros
        yield connection


def memory(pid: int) -> float:
    """MiB that a process has at this moment."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


if __name__ == "__main__":
    main()
