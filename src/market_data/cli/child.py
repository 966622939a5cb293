"""Runs the provider simulator as a process of its own beside the service."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec

from market_data.errors import StoreUnavailable

START_SECONDS = 20.0
"""How long the simulator may take to start."""
STOP_SECONDS = 5.0
"""How long it may take to stop before it is killed."""


class Simulator(msgspec.Struct, frozen=True):
    """Where a running simulator is: its page, and the base URL of each simulated provider by name."""

    url: str
    base_urls: Mapping[str, str]


@asynccontextmanager
async def running_simulator(
    seed: int, environment: Mapping[str, str] = os.environ
) -> AsyncIterator[Simulator]:
    """A simulator on a free port, which logs as `environment` says; it ends with the block, or with us,
    however we end.

    It runs in a session of its own, so that a Ctrl-C in the terminal reaches only us, and it watches its
    standard input: when we are gone that is closed, and it stops.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "market_data", "simulate", "--port", "0", "--seed", str(seed)),
        *("--plan", "unlimited", "--json", "--while-stdin"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "LOG_FORMAT": environment.get("LOG_FORMAT", "text")},
    )
    try:
        yield await _announced(process)
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _announced(process: asyncio.subprocess.Process) -> Simulator:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        return msgspec.json.decode(line, type=Simulator)
    except (TimeoutError, msgspec.DecodeError) as error:
        raise StoreUnavailable("the provider simulator did not start: its own message is above") from error
