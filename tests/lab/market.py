"""A market that a scenario plays: what trades, what befalls providers, how time passes, what is stored."""

import asyncio
import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import asyncpg

from market_data.hosting import Stores
from market_data.market.bar import Row
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.simulate import Running
from market_data.simulate.fault import EVERY

from . import database as lab_database
from .adapter import Fetched, Inside
from .clock import World
from .providers import ProviderVerbs
from .rows import at, clock_time, utc
from .truth import Split, Truth, bars_of


@dataclass(frozen=True, slots=True)
class Got:
    """An answer of the service."""

    status: int
    body: Any

    @property
    def detail(self) -> str:
        return str(self.body.get("detail", ""))


@dataclass(slots=True)
class Market:
    """The verbs of a scenario. Times are written `2024-06-12 13:30`, in UTC."""

    world: World
    truth: Truth
    simulator: Running
    inside: Inside
    stores: Stores
    session: aiohttp.ClientSession
    connection: "asyncpg.Connection[asyncpg.Record]"
    log: list[Fetched] = field(default_factory=list)
    """Every fetch job of a sweep, and how it ended."""

    # what trades

    def trades(self, symbol: str, rows: Iterable[Row], exchange: str | None = None) -> None:
        """These are its raw minutes, now and for ever."""
        self.truth.story(symbol, exchange).minutes = bars_of(rows)

    def trades_days(self, symbol: str, rows: Iterable[Row], exchange: str | None = None) -> None:
        """These are its days; it has no minutes."""
        self.truth.story(symbol, exchange).days = bars_of(rows)

    def splits(self, symbol: str, ratio: float, day: str) -> None:
        """A split that takes effect on a day."""
        self.truth.story(symbol).splits.append(Split(at(f"{day} 00:00"), ratio))

    async def follows(self, *instruments: Instrument) -> None:
        """The service collects these."""
        await self.inside.follow(*instruments)

    def provider(self, name: str = EVERY) -> ProviderVerbs:
        """A provider, or all of them."""
        return ProviderVerbs(name, self.simulator, self.truth, self.world)

    # how time passes

    async def at(self, when: str | float) -> None:
        """Turn the world's clock, and with it the service's and the database's."""
        self.world.now = at(when) if isinstance(when, str) else float(when)
        await lab_database.turn(self.connection, self.world.service())

    async def later(self, seconds: float) -> None:
        """Let time pass in which nothing happens."""
        await self.at(self.world.now + seconds)

    async def clock_is_ahead(self, seconds: float) -> None:
        """The clock of the service's machine is wrong from now on."""
        self.world.error = seconds
        await self.at(self.world.now)

    async def turn(self) -> int:
        """One turn of everything that the service does: sweep, scan, backfills; how many of these."""
        await self.inside.watch()
        self.log += await self.inside.sweep()
        await self.inside.scan()
        return await self.inside.work()

    async def run_until(self, when: str | float, every: float = 60) -> None:
        """Let the service run, one turn each `every` seconds, the last one at `when`."""
        end = at(when) if isinstance(when, str) else when
        while self.world.now < end:
            await self.at(min(self.world.now + every, end))
            await self.turn()

    async def settle(self, *pauses: float) -> None:
        """Let the service come to rest: a turn after each of these pauses (seconds)."""
        for pause in pauses or (0.0, 60.0, 900.0, 3600.0):
            await self.later(pause)
            await self.turn()

    # what the service says

    async def ask(self, method: str, path: str, **options: Any) -> Got:
        async with self.session.request(method, self.inside.url + path, **options) as reply:
            text = await reply.text()
        try:
            return Got(reply.status, json.loads(text))
        except ValueError:
            return Got(reply.status, text)

    async def command(self, *words: str) -> str:
        """What `market-data WORDS` prints; the test fails if it does."""
        environment = {
            **os.environ,
            "DATABASE_URL": self.stores.database_url,
            "RLC_REDIS_URL": self.stores.redis_url,
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "market_data", *words),
            env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        assert process.returncode == 0, (out + err).decode()
        return out.decode()

    async def get(self, path: str, **params: object) -> Got:
        return await self.ask("GET", path, params={name: str(one) for name, one in params.items()})

    async def backfill(self, symbol: str, start: str, end: str, interval: str = "1m", **more: Any) -> Got:
        """Ask for a window by hand, and let it be done."""
        body = {"symbol": symbol, "interval": interval, "priority": "T0", **more}
        got = await self.ask(
            "POST", "/ops/backfill", json={**body, "start": utc(at(start)), "end": utc(at(end))}
        )
        await self.inside.work()
        return got

    async def bars(
        self, symbol: str, interval: str = "1m", *, start: str, end: str | None = None, **more: object
    ) -> list[dict[str, Any]]:
        """Bars as the API gives them; days from /history."""
        kind = "history" if interval == "1d" else "intraday"
        window = {"start": utc(at(start)), **({"end": utc(at(end))} if end else {})}
        shape = {} if interval == "1d" and "session" not in more else {"interval": interval}
        got = await self.get(f"/stocks/{symbol}/{kind}", **shape, **window, **more)
        assert got.status == 200, got.body
        found: list[dict[str, Any]] = got.body["bars"]
        return found

    async def coverage(self, symbol: str, start: str, end: str, interval: str = "1m") -> dict[str, Any]:
        got = await self.get(
            f"/stats/coverage/{symbol}", interval=interval, start=utc(at(start)), end=utc(at(end))
        )
        assert got.status == 200, got.body
        found: dict[str, Any] = got.body
        return found

    async def states(self, symbol: str, start: str, end: str, interval: str = "1m") -> set[str]:
        """The states that coverage names in a window, except `closed`."""
        runs = (await self.coverage(symbol, start, end, interval))["runs"]
        return {run["state"] for run in runs} - {"closed"}

    async def dead_letters(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.get("/ops/dlq/backfills")).body["backfills"]
        return found

    async def metric(self, name: str) -> dict[str, float]:
        """The samples of a metric, by their labels as they are written."""
        text = str((await self.get("/metrics")).body)
        lines = (line.rpartition(" ") for line in text.splitlines() if line.startswith(name))
        return {key: float(value) for key, _, value in lines}

    # what is stored

    async def sql(self, query: str, *values: object) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.connection.fetch(query, *values)]

    async def stored(self, symbol: str, start: str, end: str) -> dict[int, dict[str, Any]]:
        """The final minutes that open in a window, by label."""
        rows = await self.sql(
            "SELECT extract(epoch FROM ts)::bigint AS at, * FROM candles_intraday "
            "WHERE symbol = $1 AND interval = '1m' AND status <> 'partial' "
            "AND ts >= to_timestamp($2) AND ts < to_timestamp($3)",
            symbol, float(at(start)), float(at(end)),
        )  # fmt: skip
        return {row["at"]: row for row in rows}

    async def lost(self, symbol: str, start: str, end: str) -> list[str]:
        """The minutes of the truth that are not stored, in a window."""
        have = await self.stored(symbol, start, end)
        truth = self.truth.story(symbol).minutes.ts.tolist()
        return [clock_time(one) for one in truth if at(start) <= one < at(end) and one not in have]

    async def wrong(
        self, symbol: str, start: str, end: str, column: str = "close"
    ) -> list[tuple[str, float, float]]:
        """Final minutes whose close (or another column) is not that of the truth: when, stored, true."""
        have = await self.stored(symbol, start, end)
        bars = self.truth.story(symbol).minutes
        right = dict(zip(bars.ts.tolist(), getattr(bars, column).tolist(), strict=True))
        return [
            (clock_time(label), row[column], right[label])
            for label, row in sorted(have.items())
            if label in right and abs(row[column] - right[label]) > 1e-6 * right[label]
        ]

    async def days(self, symbol: str) -> dict[str, float]:
        """The closes of the final daily bars, by date."""
        rows = await self.sql(
            "SELECT ts, close FROM candles_daily WHERE symbol = $1 AND status <> 'partial' ORDER BY ts",
            symbol,
        )
        return {f"{row['ts']:%Y-%m-%d}": row["close"] for row in rows}


def equity(symbol: str, exchange: str = "NASDAQ", tier: Tier = Tier.T0) -> Instrument:
    """A stock that is collected in the highest tier."""
    return Instrument(symbol, exchange, AssetType.EQUITY, tier)


def crypto(symbol: str) -> Instrument:
    """A pair that always trades."""
    return Instrument(symbol, "CRYPTO", AssetType.CRYPTO, Tier.T0)


MINUTES_ONLY: Mapping[str, str] = {
    "EOD_TIERS": "none",
    "CADENCE_T0": "bars_1m=60",
}
"""Settings for scenarios about minutes: no days, no quotes."""
