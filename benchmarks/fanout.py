"""How fast and how soon messages reach many WebSocket clients: our service beside bare servers.

    python benchmarks/fanout.py [--rounds N] [--seconds S] [--source redis|self] [--only picows,ws,service]
                                [--symbols 1|200] [--pace full|paced] [--window N]

Two shapes: 500 clients of one symbol; 2,000 clients over 200 symbols. Two paces: full, as fast as all clients
receive (a symbol's next message is published once its slowest client has all but the last WINDOW), where
messages a second count; 10,000 deliveries a second, where the time from a message's publication to its
arrival in the clients' process counts. The servers take turns; ratios are of the same round. Publisher,
Redis, server and clients are processes of their own. Every server is given its messages through Redis; with
--source=self the bare ones make them themselves, which shows what they could do. Each client must receive
every message once and in order, or the run fails.
"""

import argparse
import asyncio
import itertools
import resource
import signal
import statistics
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote

from fanout_parts.bare import bare_servers
from fanout_parts.measure import Bench, Measured, Pace, Shape
from fanout_parts.message import symbols
from fanout_parts.server import Server
from fanout_parts.service import Service
from market_data.store.embedded import EmbeddedValkey

SHAPES = (Shape("500 clients of one symbol", 500, 1), Shape("2,000 clients over 200 symbols", 2000, 200))
RATE = 10_000.0
"""Deliveries a second of the paced measurements."""
WINDOW = 32
"""Messages of a symbol that may be on their way to its slowest client."""
WARM_UP = 1.0
"""Seconds of each measurement that do not count."""


def main() -> None:
    wanted = arguments()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # for the servers and the load, too
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # all that runs is stopped
    with tempfile.TemporaryDirectory() as folder, EmbeddedValkey(Path(folder)) as valkey:
        redis = Path(unquote(valkey.url.removeprefix("unix://")))
        pid = int(Path(folder, "valkey.pid").read_text(encoding="utf-8"))
        asyncio.run(compare(wanted, Bench(redis, pid, own_source=wanted.source == "self")))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", choices=("redis", "self"), default="redis")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="that count, of each measurement")
    parser.add_argument("--pace", choices=("full", "paced"), help="only this one")
    parser.add_argument("--window", type=int, default=WINDOW)
    parser.add_argument("--only", default="picows,ws,service", help="these servers")
    parser.add_argument(
        "--symbols", type=int, choices=[one.symbols for one in SHAPES], help="only this shape"
    )
    return parser.parse_args()


async def compare(wanted: argparse.Namespace, bench: Bench) -> None:
    seconds = WARM_UP + wanted.seconds
    paces = (
        Pace("as fast as they receive", seconds, WARM_UP, window=wanted.window),
        Pace(f"{RATE:,.0f} deliveries/s", seconds, WARM_UP, rate=RATE),
    )
    shapes = [one for one in SHAPES if wanted.symbols in (None, one.symbols)]
    async with started(choice(wanted), bench.redis) as servers:
        print("; ".join(f"{one.name}: {one.version}" for one in servers))
        for shape, pace in itertools.product(shapes, paces):
            if wanted.pace not in (None, "full" if pace.window else "paced"):
                continue
            found: dict[str, list[Measured]] = {one.name: [] for one in servers}
            for _ in range(wanted.rounds):
                for server in servers:
                    found[server.name].append(await bench.measure(server, shape, pace))
            show(shape, pace, found)


def choice(wanted: argparse.Namespace) -> list[Server]:
    """The servers that are asked for and can run here; says which cannot."""
    found = []
    for server in (*bare_servers(), Service()):
        if server.name in wanted.only.split(","):
            why = server.absent(own_source=wanted.source == "self")
            if why:
                print(f"{server.name} is left out: {why}")
            else:
                found.append(server)
    if not found:
        raise SystemExit("no server is left")
    return found


@asynccontextmanager
async def started(servers: Sequence[Server], redis: Path) -> AsyncIterator[Sequence[Server]]:
    begun = []
    try:
        for server in servers:
            begun.append(server)
            await server.start(redis, symbols(max(shape.symbols for shape in SHAPES)))
        yield servers
    finally:
        for server in begun:
            await server.stop()


def show(shape: Shape, pace: Pace, found: dict[str, list[Measured]]) -> None:
    print(f"\n== {shape.name}, {pace.name}")
    for name, all_of_it in found.items():
        if pace.window:
            print(f"{name}: {spread([one.received.per_second for one in all_of_it], ',.0f')} delivered/s")
        else:
            print(f"{name}: {latencies(all_of_it)}")
        print(f"    {cost(all_of_it)}")
    figures = (("delivered/s", rate), ("delivered per processor second", per_processor_second))
    for what, figure in figures if pace.window else (("p99", p99),):
        compared(found, what, figure)


def compared(found: dict[str, list[Measured]], what: str, figure: Callable[[Measured], float]) -> None:
    """Each server beside each bare one, round by round."""
    for name, beside in ((one, other) for other in ("picows", "ws") for one in found):
        if name != beside and beside in found:
            pairs = zip(found[name], found[beside], strict=True)
            ratios = [figure(one) / figure(other) for one, other in pairs]
            print(f"{name} / {beside}, {what}: {spread(ratios, '.2f')}")


def rate(one: Measured) -> float:
    return one.received.per_second


def per_processor_second(one: Measured) -> float:
    return one.received.delivered / one.server_seconds


def p99(one: Measured) -> float:
    return one.received.p99


def spread(values: Sequence[float], form: str) -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def latencies(all_of_it: Sequence[Measured]) -> str:
    told = [one.received for one in all_of_it]
    parts = {
        "p50": [one.p50 for one in told],
        "p99": [one.p99 for one in told],
        "max": [one.most for one in told],
    }
    return ", ".join(f"{name} {spread(values, '.1f')} ms" for name, values in parts.items())


def cost(all_of_it: Sequence[Measured]) -> str:
    """Medians of what the processes took."""
    cores = ", ".join(
        f"{name} {statistics.median(one.cores[name] for one in all_of_it):.2f}" for name in all_of_it[0].cores
    )
    memory = max(one.memory for one in all_of_it)
    width = statistics.mean(one.received.bytes for one in all_of_it)
    each = statistics.median(one.server_seconds / one.received.delivered for one in all_of_it) * 1e6
    return (
        f"cores busy: {cores}; the server's: {each:.1f} us a delivery, {memory:.0f} MiB at most; "
        f"{width:.1f} bytes a message"
    )


if __name__ == "__main__":
    main()
