"""`market-data` in a process to which something unforeseen happens, everywhere, once a file appears.

    python unforeseen.py FILE serve --json

What the errors say has DATABASE_URL in it, as an error of a driver may.
"""

import asyncio
import logging
import os
import sys
import threading
import time
import warnings
from pathlib import Path

import uvloop

from market_data.cli import main

LOOPS: list[uvloop.Loop] = []


class Unforeseen(Exception):
    pass


def fail() -> None:
    password = os.environ["DATABASE_URL"]
    raise Unforeseen(f"cannot use {password}")


async def fail_later() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.to_thread(fail))


class Dying:
    def __del__(self) -> None:
        fail()


def watch(file: Path) -> None:
    while not file.exists():
        time.sleep(0.1)
    loop = LOOPS[0]
    loop.call_soon_threadsafe(fail)
    loop.call_soon_threadsafe(lambda: loop.create_task(fail_later()) and None)
    Dying()
    logging.getLogger("redis").error("it says %s\nin two lines", os.environ["RLC_REDIS_URL"])
    warnings.warn(f"old: {os.environ['DATABASE_URL']}", UserWarning, stacklevel=1)
    fail()


def kept() -> uvloop.Loop:
    LOOPS.append(made())
    return LOOPS[-1]


if __name__ == "__main__":
    trigger = Path(sys.argv.pop(1))
    made, uvloop.new_event_loop = uvloop.new_event_loop, kept
    threading.Thread(target=watch, args=(trigger,), daemon=True, name="unforeseen").start()
    main()
