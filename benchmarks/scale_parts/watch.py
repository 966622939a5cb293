"""What is seen of a running service: metrics, memory, who uses the processors, what it has brought."""

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from fanout_parts.processes import processor_seconds
from market_data.store.connect import Database

SCRAPE_SECONDS = 10.0
"""How long Prometheus would wait."""
_LINE = re.compile(r"^(\w+)(\{[^}]*\})? (\S+)$", re.MULTILINE)
_TICKS = os.sysconf("SC_CLK_TCK")

HELD = """
SELECT u.tier || ' ' || h.interval AS series, count(*) AS held
FROM series_heads AS h JOIN symbol_universe AS u USING (symbol)
WHERE h.as_of > 'epoch'
GROUP BY 1
"""
"""Series that have bars."""
QUOTES = """
SELECT u.tier,
       count(newest) / count(*)::float8 AS held,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY coalesce($1::float8 - newest, 'infinity')) AS p50,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY coalesce($1::float8 - newest, 'infinity')) AS p99
FROM symbol_universe AS u
LEFT JOIN LATERAL (
    SELECT extract(epoch FROM as_of)::float8 AS newest FROM quotes_l1 WHERE symbol = u.symbol
    ORDER BY ts DESC, as_of DESC LIMIT 1
) AS quote ON true
WHERE u.tier < 'T2'
GROUP BY u.tier
ORDER BY u.tier
"""
"""By tier, the age of the newest quotes."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen at `at` (seconds since the service was ready)."""

    at: float
    metrics: Mapping[str, float]  # by name with labels, as in the text format
    scrape: float  # seconds it took
    rss: float  # MiB
    used: Mapping[str, float]  # processor seconds so far, by group
    load: float

    def metric(self, name: str, **labels: str) -> float | None:
        """The value of a metric; the sum of all whose labels are these and others; None: there is none."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        found = [
            value
            for key, value in self.metrics.items()
            if key.partition("{")[0] == name and all(one in key for one in wanted)
        ]
        return sum(found) if found else None


@dataclass(slots=True)
class Watch:
    """Watches one service."""

    url: str
    service: int
    groups: Mapping[str, int]  # by name, a process whose children count too
    since: float = field(default_factory=time.monotonic)

    async def sample(self, session: aiohttp.ClientSession) -> Sample:
        """Look once."""
        started = time.perf_counter()
        timeout = aiohttp.ClientTimeout(SCRAPE_SECONDS)
        async with session.get(f"{self.url}/metrics", timeout=timeout) as reply:
            text = await reply.text()
        scrape = time.perf_counter() - started
        return Sample(
            at=time.monotonic() - self.since,
            metrics={name + labels: float(value) for name, labels, value in _LINE.findall(text)},
            scrape=scrape,
            rss=memory(self.service),
            used={name: whole_family(pid) for name, pid in self.groups.items()},
            load=os.getloadavg()[0],
        )


def memory(pid: int) -> float:
    """MiB of a process that are in memory."""
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def whole_family(pid: int) -> float:
    """Processor seconds of a process, of its children, and of those that have ended."""
    # proc_pid_stat(5): the fields after the name in parentheses begin with the third
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    ended = (int(fields[13]) + int(fields[14])) / _TICKS
    living = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()
    seconds = processor_seconds(pid) + ended
    for child in living:
        try:
            seconds += processor_seconds(int(child))
        except FileNotFoundError:  # it has just ended
            continue
    return seconds


async def held(database: Database) -> dict[str, int]:
    """By "tier interval", the series that have bars."""
    return {row["series"]: row["held"] for row in await database.fetch(HELD)}


async def quotes(database: Database, now: float) -> dict[str, tuple[float, float, float]]:
    """By tier, the share of symbols that have a quote, and p50 and p99 of the newest ones' age (s)."""
    rows = await database.fetch(QUOTES, now)
    return {row["tier"]: (row["held"], row["p50"], row["p99"]) for row in rows}
