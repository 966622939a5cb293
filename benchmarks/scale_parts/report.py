"""The table and the summary of scale.py."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from market_data.store.connect import Database
from scale_parts.watch import Sample, quotes

GROUPS = ("service", "postgres", "valkey", "simulator")
TIERS = ("T0", "T1", "T2")
SETTLES_SECONDS = 60.0
"""What is counted begins so long after the first bars: a scrape that began before them is over."""


@dataclass(frozen=True, slots=True)
class Line:
    """One minute, between two samples."""

    before: Sample
    after: Sample
    quotes: Mapping[str, tuple[float, float, float]]

    @classmethod
    async def of(cls, before: Sample, after: Sample, database: Database, now: float) -> Self:
        return cls(before, after, await quotes(database, now))

    @staticmethod
    def heading() -> str:
        return (
            " min | violating T0 1m / T1 1m / 1d | lag s | RSS MiB | cores: service pg valkey sim | load"
            " | waiting T0/T1/T2 | backfills T0/T1/T2, oldest T0 s | jobs/s 1m eod quotes"
            " | quotes p50/p99 s T0, T1 | scrape s"
        )

    def __str__(self) -> str:
        one = self.after
        cores = busy(self.before, one)
        depth = "/".join(_whole(one.metric("fetch_queue_depth", tier=tier)) for tier in TIERS)
        behind = "/".join(_whole(one.metric("backfill_queue_depth", tier=tier)) for tier in TIERS)
        jobs = " ".join(f"{self._rate(kind):.1f}" for kind in ("bars_1m", "eod", "quotes_l1"))
        ages = ", ".join(f"{p50:.1f}/{p99:.1f}" for _, p50, p99 in self.quotes.values())
        return (
            f"{one.at / 60:4.0f} | {_share(one, 'T0', '1m')} / {_share(one, 'T1', '1m')}"
            f" / {_share(one, 'T2', '1d')}"
            f" | {_whole(one.metric('ingestion_lag_seconds'))} | {one.rss:.0f}"
            f" | {' '.join(f'{cores[name]:.2f}' for name in GROUPS)} | {one.load:.1f} | {depth}"
            f" | {behind}, {_whole(one.metric('backfill_oldest_age_seconds', tier='T0'))} | {jobs} | {ages}"
            f" | {one.scrape:.2f}"
        )

    def _rate(self, kind: str) -> float:
        name = "jobs_processed_total"
        made = (self.after.metric(name, type=kind) or 0) - (self.before.metric(name, type=kind) or 0)
        return made / (self.after.at - self.before.at)


def busy(before: Sample, after: Sample) -> dict[str, float]:
    """How many cores each group kept busy between two samples."""
    return {name: (after.used[name] - before.used[name]) / (after.at - before.at) for name in after.used}


def summary(samples: Sequence[Sample], firsts: Mapping[str, float], series: int, log_bytes: int) -> str:
    """What the whole of it comes to; `firsts`: when all of one of the `series` had bars."""
    lines = ["first bars of all: " + ", ".join(f"{name} {at:.0f} s" for name, at in sorted(firsts.items()))]
    lines += [_violations(samples, name, at) for name, at in sorted(firsts.items())]
    warm_at = max(firsts.values()) if len(firsts) == series else float("inf")
    after = [one for one in samples if one.at > warm_at + SETTLES_SECONDS]
    if len(after) < 2:
        return "\n".join([*lines, "not all had their first bars in time"])
    slope, _ = statistics.linear_regression([one.at / 60 for one in after], [one.rss for one in after])
    lines.append(
        f"RSS of the service: start {samples[0].rss:.0f}, warm {after[0].rss:.0f}, end {after[-1].rss:.0f}, "
        f"most {max(one.rss for one in samples):.0f} MiB; slope {slope:+.2f} MiB a minute"
    )
    for name, some in (("while it warmed up", samples[: len(samples) - len(after)]), ("afterwards", after)):
        if len(some) > 1:
            cores = busy(some[0], some[-1])
            lines.append(f"cores {name}: " + ", ".join(f"{cores[one]:.2f} {one}" for one in GROUPS))
    loads = [one.load for one in samples]
    lines.append(f"load average: mean {statistics.mean(loads):.1f}, most {max(loads):.1f}")
    scrapes = [one.scrape for one in after]
    lines.append(f"scrape of /metrics: median {statistics.median(scrapes):.2f} s, most {max(scrapes):.2f} s")
    lines.append(f"log of the service: {log_bytes / 1024:.0f} KiB in {samples[-1].at / 60:.0f} minutes")
    return "\n".join(lines)


def _violations(samples: Sequence[Sample], name: str, since: float) -> str:
    """How many violate their service level, from a minute after all of them had their first bars on."""
    tier, interval = name.split()
    rates = [
        one.metric("slo_gap_violation_rate", tier=tier, interval=interval)
        for one in samples
        if one.at > since + SETTLES_SECONDS
    ]
    told = [rate for rate in rates if rate is not None]
    minutes = (samples[-1].at - since - SETTLES_SECONDS) / 60
    return (
        f"violating {name}, the last {minutes:.0f} minutes: mean {statistics.mean(told or [1.0]):.3%}, "
        f"most {max(told, default=1.0):.3%}; {len(told)} of {len(rates)} scrapes told it"
    )


def _share(one: Sample, tier: str, interval: str) -> str:
    rate = one.metric("slo_gap_violation_rate", tier=tier, interval=interval)
    return "-" if rate is None else f"{rate:.2%}"


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
