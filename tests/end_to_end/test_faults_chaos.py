"""Each fault of operation in turn, over running replicas: readiness is true, nothing is lost or buried."""

import asyncio
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from market_data.market.span import Span
from market_data.store import ledger
from market_data.store.connect import Database, open_database

from .drill import Field, Truth, first_collected, healed, over_plan, running
from .faults import FAULTS, Fault, full_disk

pytestmark = pytest.mark.anyio

SYMBOLS = 60
FAULT_SECONDS = 45.0
"""How long each fault lasts."""
READY_SECONDS = 60.0
"""How long replicas may take to be ready again."""
DISK = "600m"
"""Room for PostgreSQL's own files and a day's bars, so that the rest is soon full."""


@contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """A file system in memory; None where this user may mount none."""
    folder.mkdir()
    mount, umount = (shutil.which(name) for name in ("mount", "umount"))
    if mount is None or umount is None:
        yield None
        return
    words = [mount, "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    if subprocess.run(words, check=False, capture_output=True).returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run([umount, str(folder)], check=True)


@asynccontextmanager
async def watched(drill: Field) -> AsyncIterator[Truth]:
    truth = Truth(drill)
    watching = asyncio.create_task(truth.watch())
    try:
        yield truth
    finally:
        watching.cancel()
        await asyncio.wait({watching})


@dataclass
class Report:
    """What is reported of the drill, and what was wrong."""

    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def check(self, holds: bool, problem: str) -> None:
        if not holds:
            self.problems.append(problem)


async def happens(drill: Field, truth: Truth, fault: Fault, report: Report) -> None:
    """Let it happen, and note how long readiness took to say so, and to be ready again."""
    truth.expect(None)
    truth.lies.clear()
    noticed = "never"
    try:
        async with fault.strikes(drill):
            truth.expect(fault.ready)
            began = time.monotonic()
            await asyncio.sleep(FAULT_SECONDS)
            if truth.turned is not None:
                noticed = f"after {truth.turned - began:.0f} s"
            truth.expect(None)
    except (AssertionError, TimeoutError) as error:
        report.check(False, f"{fault.name}: {error!r}")
    truth.expect(True)
    again = await back(truth)
    said = {True: "ready", False: "not ready", None: "either"}[fault.ready]
    lies = Counter(truth.lies)
    report.lines.append(f"{fault.name}: {said} {noticed}; ready again {again}; lies: {dict(lies) or 'none'}")
    report.check("never" not in {noticed, again} and not lies, report.lines[-1])


async def back(truth: Truth) -> str:
    """After which time all replicas are as expected."""
    began = time.monotonic()
    with suppress(TimeoutError):
        async with asyncio.timeout(READY_SECONDS):
            while truth.turned is None:  # noqa: ASYNC110 - replicas send no event
                await asyncio.sleep(0.2)
    return "never" if truth.turned is None else f"after {truth.turned - began:.0f} s"


async def buried(field: Field, database: Database) -> list[str]:
    """All dead letters: backfills in the ledger, fetch jobs in Redis."""
    found = [
        f"{tier}: {one.dead} backfills" for tier, one in (await ledger.depths(database)).items() if one.dead
    ]
    url = f"{field.replicas[0].url}/ops/dlq/jobs"
    async with aiohttp.ClientSession() as session, session.get(url) as reply:
        return found + [f"{one['job']}: {one['why']}" for one in await reply.json()]


async def all_in_turn(drill: Field, faults: list[Fault]) -> Report:
    """Each fault, and what they have left behind."""
    report = Report()
    async with watched(drill) as truth, open_database(drill.postgres.url, 2) as database:
        truth.expect(None)
        await first_collected(drill, database)
        begin = int(time.time()) // 60 * 60
        for fault in faults:
            await happens(drill, truth, fault, report)
        end = int(time.time()) // 60 * 60 - 60
        waited = await healed(database, drill.instruments, Span(begin, end))
        dead = await buried(drill, database)
        report.check(not dead, f"{len(dead)} dead letters: {dead[:3]}")
        report.check(over_plan(drill.simulator) == 0, "calls over a plan")
        ends = Counter(end for one in drill.replicas for end in one.ends)
        report.lines += [
            f"{SYMBOLS * (end - begin) // 60} minutes are there, the last {waited:.0f} s after the end",
            f"{len(dead)} dead letters; {truth.asked} answers about readiness; replicas that ended:",
            *(f"  {count} times {how}" for how, count in ends.items()),
        ]
    return report


@pytest.mark.chaos
async def test_no_fault_of_operation_loses_or_buries_anything(servers_folder: Path) -> None:
    with small_disk(servers_folder / "disk") as disk:
        faults = [one for one in FAULTS if one.strikes is not full_disk or disk]
        async with running(servers_folder, SYMBOLS, disk) as drill:
            report = await all_in_turn(drill, faults)
    if disk is None:
        report.lines.append("the disk is full: not tried, since this user may mount no file system")
    print("\n".join(report.lines))  # noqa: T201 - shown by -rP
    assert report.problems == []
