"""Runs the provider simulator as a process of its own beside the service."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec

from market_data.errors import BadConfig, StoreUnavailable

START_SECONDS = 20.0
"""How long the simulator may take to start."""
STOP_SECONDS = 5.0
"""How long it may take to stop before it is killed."""


class Simulator(msgspec.Struct, frozen=True):
    """Where a running simulator is: its page, and the base URL of each simulated provider by name."""

    url: str
    base_urls: Mapping[str, str]


@asynccontextmanager
async def running_simulator(seed: int, port: int, environment: Mapping[str, str]) -> AsyncIterator[Simulator]:
    """A simulator on this port, or on a free one (0), which logs as `environment` says.

    It ends with the block, or with us, however we end. BadConfig if something else listens there,
    StoreUnavailable if it does not start.

    It runs in a session of its own, so that a Ctrl-C in the terminal reaches only us, and it watches its
    standard input: when we are gone that is closed, and it stops.
    """
    _check_free(port)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "market_data", "simulate", "--port", str(port), "--seed", str(seed)),
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


def _check_free(port: int) -> None:
    """BadConfig where the port is taken: the simulator would say so too, but not which option to use."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            why = f"127.0.0.1:{port} cannot be used ({error.strerror})"
            raise BadConfig([f"--simulator-port: {why}: choose another port, or 0 for a free one"]) from None


async def _announced(process: asyncio.subprocess.Process) -> Simulator:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        return msgspec.json.decode(line, type=Simulator)
    except (TimeoutError, msgspec.DecodeError) as error:
        raise StoreUnavailable("the provider simulator did not start: its own message is above") from error
