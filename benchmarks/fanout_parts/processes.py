"""Child processes that talk in lines of JSON, and what processes cost."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

BENCHMARKS = Path(__file__).parents[1]
ANSWER_SECONDS = 120.0
"""How long a process may take for an answer."""
STOP_SECONDS = 10.0
_TICKS = os.sysconf("SC_CLK_TCK")

Answer = TypeVar("Answer")


class Child:
    """A process of ours; `name` is for errors."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.name = name
        self.pid = process.pid
        self._asked = process.stdin
        self._answers = process.stdout

    async def ask(self, question: msgspec.Struct) -> None:
        """One line of JSON for its standard input."""
        self._asked.write(msgspec.json.encode(question) + b"\n")
        await self._asked.drain()

    async def answer(self, kind: type[Answer]) -> Answer:
        """Its next line of JSON; RuntimeError when it has ended, TimeoutError when it says nothing."""
        async with asyncio.timeout(ANSWER_SECONDS):
            line = await self._answers.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended before it answered; what it said is above")
        return msgspec.json.decode(line, type=kind)


@asynccontextmanager
async def running(name: str, *words: str) -> AsyncIterator[Child]:
    """A process that runs as long as the block, or ends by itself before."""
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(BENCHMARKS), os.environ.get("PYTHONPATH", ""))),
        },
    )
    try:
        yield Child(name, process)
    finally:
        await stop(process)


async def stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def python(module: str, task: msgspec.Struct) -> tuple[str, ...]:
    """The command that runs one of our modules."""
    return sys.executable, "-m", f"fanout_parts.{module}", msgspec.json.encode(task).decode()


class Meter:
    """The processor time of named groups of processes, from its making on."""

    def __init__(self, groups: Mapping[str, Sequence[int]]) -> None:
        self._groups = groups
        self._began = time.monotonic()
        self._before = {pid: processor_seconds(pid) for pids in groups.values() for pid in pids}
        self._busy_before = _busy_seconds()

    def cores(self) -> dict[str, float]:
        """How many cores each group has kept busy; and "others", who should not, on the same machine."""
        passed = time.monotonic() - self._began
        found = {
            name: sum(processor_seconds(pid) - self._before[pid] for pid in pids) / passed
            for name, pids in self._groups.items()
        }
        all_of_it = (_busy_seconds() - self._busy_before) / passed
        return {**found, "others": max(0.0, all_of_it - sum(found.values()))}


def processor_seconds(pid: int) -> float:
    """What a process has used so far."""
    # proc_pid_stat(5): the fields after the name in parentheses begin with the third
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _busy_seconds() -> float:
    # proc_stat(5): "cpu", then user, nice, system, idle, iowait, irq, softirq, steal
    user, nice, system, _, _, *interrupts = Path("/proc/stat").read_text(encoding="utf-8").split(None, 9)[1:9]
    return sum(map(int, (user, nice, system, *interrupts))) / _TICKS


def most_memory(pids: Sequence[int]) -> float:
    """MiB that processes have had at most, together."""
    lines = (line for pid in pids for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines())
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
