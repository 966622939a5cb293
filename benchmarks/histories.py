"""The same random histories played through this build and an older one: what each leaves wrong behind.

    python benchmarks/histories.py [--histories 200] [--first 1] [--old FOLDER] [--jobs N]

FOLDER is a worktree of the older build, as `git worktree add FOLDER e5b02da` makes one; without it, only this
build is played. Each history comes from a seed (tests/lab/histories): late, lost, revised and split bars,
outages, wrong clocks, days off. A violation is counted once per history and kind.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LIFE = 10
"""Histories of one life of the service."""


@dataclass
class Result:
    """What one build left behind."""

    histories: int = 0
    wrong: Counter[str] = field(default_factory=Counter)  # by kind, histories
    bars: Counter[str] = field(default_factory=Counter)  # by kind, violations
    clean: int = 0
    named: int = 0
    calls: int = 0
    seconds: float = 0.0
    worst: list[str] = field(default_factory=list)

    def add(self, life: dict[str, Any]) -> None:
        """Count one life."""
        kinds = {(one["seed"], one["kind"]) for one in life["violations"]}
        self.histories += life["histories"]
        self.clean += life["histories"] - len({seed for seed, _ in kinds})
        self.wrong.update(kind for _, kind in kinds)
        self.bars.update(one["kind"] for one in life["violations"])
        self.named += life["named"]
        self.calls += life["calls"]
        if kinds:
            self.worst.append(life["text"])


async def play(source: Path, first: int, histories: int, jobs: int) -> Result:
    """Play histories through the build whose packages are in `source`, in so many processes."""
    result, started = Result(), time.perf_counter()
    lives = max(histories // LIFE, 1)
    each = -(-lives // jobs)
    starts = range(first, first + lives, each)
    await asyncio.gather(*(_some(source, at, min(each, first + lives - at), result) for at in starts))
    result.seconds = time.perf_counter() - started
    return result


async def _some(source: Path, first: int, lives: int, result: Result) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{source}{os.pathsep}{ROOT / 'tests'}"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lab.histories", str(first), str(lives), str(LIFE)),
        env=environment, cwd=ROOT, stdout=asyncio.subprocess.PIPE, limit=2**26,
    )  # fmt: skip
    assert process.stdout is not None
    async for line in process.stdout:
        result.add(json.loads(line))
    if await process.wait():
        raise SystemExit(f"the lives from seed {first} on could not be played in {source}")


def table(results: dict[str, Result]) -> str:
    """Violations per kind, one column per build."""
    kinds = sorted({kind for result in results.values() for kind in result.wrong})
    rows: list[Sequence[str]] = [("", *results)]
    rows += [
        (kind, *(f"{result.wrong[kind]} ({result.bars[kind]})" for result in results.values()))
        for kind in kinds
    ]
    rows.append(
        ("histories without any", *(f"{result.clean} of {result.histories}" for result in results.values()))
    )
    rows.append(("minutes named as unfilled", *(str(result.named) for result in results.values())))
    rows.append(("calls to providers", *(str(result.calls) for result in results.values())))
    rows.append(("seconds", *(f"{result.seconds:.0f}" for result in results.values())))
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
    )


async def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--histories", type=int, default=200)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--old", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="print what was wrong, with the seeds")
    told = parser.parse_args()
    results = {"this build": await play(ROOT / "src", told.first, told.histories, told.jobs)}
    if told.old is not None:
        results[told.old.name] = await play(told.old.resolve() / "src", told.first, told.histories, told.jobs)
    print("histories with a violation (minutes or bars):")
    print(table(results))
    if told.show:
        print(*results["this build"].worst, sep="\n")


if __name__ == "__main__":
    asyncio.run(main())
