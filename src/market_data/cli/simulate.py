"""market-data simulate: the provider simulator as a program of its own."""

import asyncio
import signal
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from market_data.cli.output import data, print_json_line, words
from market_data.errors import BadConfig
from market_data.providers import discover as providers
from market_data.serve.window import read_datetime
from market_data.simulate import (
    FAULTS,
    Plan,
    Running,
    SimulatorConfig,
    discover,
    paced,
    read_option,
    start,
)
from market_data.simulate.clock import Clock
from market_data.simulate.server import LOCAL, USUAL_PORT

_FAULTS_HELP = "Switch a fault on, as PROVIDER:FAULT[=VALUE][@SYMBOL]; may be repeated. " + "; ".join(
    f"{fault} {line.does}" for fault, line in FAULTS.items()
)


def simulate(
    *,
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = USUAL_PORT,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = LOCAL,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bars for ever.")] = 1,
    recorded: Annotated[
        list[str] | None, typer.Option(help="Play recorded bars: SYMBOL=FILE.csv; may be repeated.")
    ] = None,
    timezone: Annotated[
        str, typer.Option(help="Time zone of times without one in recorded files.")
    ] = "America/New_York",
    now: Annotated[
        str | None, typer.Option(help="Begin at this moment instead of now: 2019-11-06T15:00:00Z.")
    ] = None,
    speed: Annotated[float, typer.Option(min=0.0, max=3600.0, help="How fast its clock runs.")] = 1.0,
    plan: Annotated[
        list[str] | None,
        typer.Option(help="free, premium or unlimited for all, or PROVIDER=PLAN; may be repeated."),
    ] = None,
    fault: Annotated[list[str] | None, typer.Option(help=_FAULTS_HELP)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print where it is as one line of JSON.")] = False,
    while_stdin: Annotated[
        bool, typer.Option("--while-stdin", help="Stop when standard input is closed.")
    ] = False,
) -> None:
    """Run a simulator of Finnhub, Yahoo and Alpha Vantage that speaks their own protocols.

    Bars are recorded ones or made from a seed. Faults are switched on and off while it runs: its page at /
    tells how. Point the service at it with `<PROVIDER>_BASE_URL`, as printed when it starts.
    """
    config = SimulatorConfig(
        seed=seed,
        recorded=dict(_recorded(text) for text in recorded or ()),
        plans=_plans(plan or ()),
        faults=tuple(read_option(text, discover()) for text in fault or ()),
        timezone=timezone,
    )
    began = read_datetime("--now", now) if now is not None else None
    asyncio.run(_simulate(config, _clock(began, speed), host, port, as_json=as_json, while_stdin=while_stdin))


async def _simulate(
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
    words.print(
        f"provider simulator: {running.url} (its page tells how to switch faults on)", highlight=False
    )
    words.print("point the service at it:", highlight=False)
    for name, url in running.base_urls.items():
        prefix = providers()[name].facts.settings_prefix
        data.print(f"export {prefix}_BASE_URL={url} {prefix}_API_KEY=demo", highlight=False, soft_wrap=True)


def _clock(began: datetime | None, speed: float) -> Clock:
    return paced(began.timestamp() if began is not None else None, speed)


def _recorded(text: str) -> tuple[str, Path]:
    symbol, mark, path = text.partition("=")
    if not (symbol and mark and path):
        raise BadConfig([f"--recorded: {text!r} is not SYMBOL=FILE.csv"])
    return symbol.upper(), Path(path)


def _plans(texts: Iterable[str]) -> dict[str, Plan]:
    plans: dict[str, Plan] = {}
    for text in texts:
        provider, mark, name = text.rpartition("=")
        if name not in set(Plan):
            raise BadConfig([f"--plan: {name!r} is not one of {', '.join(Plan)}"])
        for one in (provider,) if mark else discover():
            plans[one] = Plan(name)
    return plans
