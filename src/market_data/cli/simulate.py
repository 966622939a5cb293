"""The work of market-data simulate: the provider simulator as a program of its own."""

import asyncio
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from rich.table import Table

from market_data.cli.output import data, print_json_line, say
from market_data.errors import BadConfig, BadQuestion
from market_data.providers import discover as providers
from market_data.serve.window import read_datetime
from market_data.simulate import (
    FAULTS,
    Plan,
    Running,
    SimulatorConfig,
    discover,
    mutes,
    paced,
    read_option,
    start,
)
from market_data.simulate.clock import Clock


def list_faults() -> None:
    """Print every fault that can be switched on."""
    table = Table("fault", "what it does", "value", "usually")
    for fault, line in FAULTS.items():
        table.add_row(fault, line.does, line.unit, "" if line.usual is None else f"{line.usual:g}")
    data.print(table)


def read_config(
    seed: int, recorded: Iterable[str], plans: Iterable[str], faults: Iterable[str], timezone: str
) -> SimulatorConfig:
    """The simulator's settings from its options; raises BadConfig or BadQuestion."""
    return SimulatorConfig(
        seed=seed,
        recorded=dict(_recorded(text) for text in recorded),
        plans=_plans(plans),
        faults=tuple(read_option(text, mutes(discover())) for text in faults),
        timezone=timezone,
    )


def read_clock(now: str | None, speed: float) -> Clock:
    """The simulator's clock; raises BadQuestion if `now` is no time."""
    return paced(read_datetime("--now", now).timestamp() if now is not None else None, speed)


def run(
    config: SimulatorConfig, clock: Clock, host: str, port: int, *, as_json: bool, while_stdin: bool
) -> None:
    """Answer until a signal comes or, with `while_stdin`, standard input is closed."""
    asyncio.run(_run(config, clock, host, port, as_json=as_json, while_stdin=while_stdin))


async def _run(
    config: SimulatorConfig, clock: Clock, host: str, port: int, *, as_json: bool, while_stdin: bool
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if while_stdin:
        loop.add_reader(sys.stdin.fileno(), stop.set)  # nobody writes there: readable means closed
    try:
        running = await start(config, clock, host, port)
    except OSError as error:
        raise BadConfig([f"--port: {host}:{port} cannot be had ({error.strerror})"]) from error
    async with running:
        if as_json:
            print_json_line({"url": running.url, "base_urls": running.base_urls})
        else:
            _welcome(running)
        await stop.wait()


def _welcome(running: Running) -> None:
    say(f"provider simulator: {running.url} (its page shows how to switch faults on)")
    say("point the service at it:")
    for name, url in running.base_urls.items():
        prefix = providers()[name].facts.settings_prefix
        data.print(f"export {prefix}_BASE_URL={url} {prefix}_API_KEY=demo", highlight=False, soft_wrap=True)


def _recorded(text: str) -> tuple[str, Path]:
    key, mark, path = text.partition("=")
    provider, slash, symbol = key.rpartition("/")
    if not (symbol and mark and path) or (slash and not provider):
        raise BadQuestion(f"--recorded: {text!r} is not SYMBOL=FILE.csv or PROVIDER/SYMBOL=FILE.csv")
    return provider.lower() + slash + symbol.upper(), Path(path)


def _plans(texts: Iterable[str]) -> dict[str, Plan]:
    plans: dict[str, Plan] = {}
    for text in texts:
        provider, mark, name = text.rpartition("=")
        if name not in set(Plan):
            raise BadQuestion(f"--plan: {name!r} is not one of {', '.join(Plan)}")
        for one in (provider,) if mark else discover():
            plans[one] = Plan(name)
    return plans
