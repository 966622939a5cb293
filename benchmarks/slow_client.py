"""What a client that reads nothing costs: its own memory in the service, and what the others notice of it.

    python benchmarks/slow_client.py [--rounds N] [--seconds S]

2,000 clients over 200 symbols are told 10,000 messages a second, for S seconds alone and for S seconds beside
a client that follows all symbols and reads nothing, in turns. It is closed with 4409 after 30 s. Printed are
the p99 of both, their ratio (goal: 1), and how much memory the service took meanwhile. Every other client
must receive every message once and in order, or the run fails. Beside what the clients measure stands what
the service says of itself: between which bounds of `ws_publish_latency_ms` p50 and p99 lie.
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
from urllib.request import urlopen

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
                before, told = memory(service.pids[0]), histogram(service.port)
                with beside:
                    measured = (await bench.measure(service, SHAPE, pace)).received
                    grown = memory(service.pids[0]) - before
                found.append(measured.p99)
                p50, p99 = (bounds(told, histogram(service.port), share) for share in (0.5, 0.99))
                print(
                    f"p50 {measured.p50:.1f} ms, p99 {measured.p99:.1f} ms; "
                    f"the service says {p50} and {p99}; {grown:+.1f} MiB"
                )
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


def histogram(port: int) -> dict[float, float]:
    """How many publications were at most so many ms old when they had gone out."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as reply:
        lines = reply.read().decode().splitlines()
    mark = 'ws_publish_latency_ms_bucket{le="'
    found = (line.removeprefix(mark).split('"} ') for line in lines if line.startswith(mark))
    return {float(bound): float(count) for bound, count in found}


def bounds(before: dict[float, float], after: dict[float, float], share: float) -> str:
    """Between which bounds this share of what came since lies."""
    counts = {bound: after[bound] - before[bound] for bound in after}
    wanted, below = share * max(counts.values()), 0.0
    for bound, count in counts.items():
        if count >= wanted:
            return f"{below:g} to {bound:g} ms"
        below = bound
    return "nothing"


def memory(pid: int) -> float:
    """MiB that a process has at this moment."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


if __name__ == "__main__":
    main()
