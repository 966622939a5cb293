"""Which bars readers see: good ones of extreme histories, and bad ones with a second provider and without."""

import asyncio
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from redis import Redis

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from end_to_end.test_bad_bars import COIN, HOURS, STOCKS, check
from evening import Evening, player
from extreme import DAYS, MINUTES, History, Session
from market_data.store.connect import Database, migrate, open_database
from market_data.store.embedded import EmbeddedPostgres, EmbeddedValkey

BAD_DAYS = 20
"""Days of each series among which bad bars are."""

_numbers = count()


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="md-"))
    with EmbeddedPostgres(folder / "pg") as postgres, EmbeddedValkey(folder / "vk") as valkey:
        asyncio.run(_all(postgres.url, valkey.url))


async def _all(postgres: str, valkey: str) -> None:
    print("good bars of real extreme histories, one provider alone")
    print(f"{'':32}{'bars':>8}{'marked':>8}{'not unmarked':>14}{'until settled: median, longest':>34}")
    await _played("days", DAYS, postgres, valkey)
    await _played("minutes", MINUTES, postgres, valkey)
    print(f"\nbad bars among good ones, {BAD_DAYS} days of a coin and of a stock")
    head = "".join(f"{f'{hours:g} h':>8}" for hours in HOURS)
    print(f"{'':44}{'bars':>8}{'bad':>6}   served unmarked after: {head}")
    for words, witness, corrects in (
        ("a second provider sent the right value", True, False),
        ("one provider alone, which corrects them", False, True),
        ("one provider alone, which never does", False, False),
    ):
        for market in (COIN, STOCKS[0]):
            async with _database(postgres, valkey) as database:
                found = await check(market, BAD_DAYS, database, valkey, witness=witness, corrects=corrects)
            served = "".join(f"{found[f'bad bars served unmarked after {hours:g} h']:8}" for hours in HOURS)
            name = f"{market.instrument.symbol}: {words}"
            print(f"{name:44}{found['bars']:8,}{found['bad']:6}{'':25}{served}")
            lost = found[f"good bars not served unmarked after {HOURS[-1]:g} h"]
            assert not lost, f"{lost} good bars are not served unmarked"


async def _played(name: str, histories: Sequence[History | Session], postgres: str, valkey: str) -> None:
    whole = Evening()
    for history in histories:
        symbol = "X-USD" if history.exchange == "CRYPTO" else "X"
        async with _database(postgres, valkey) as database, player(database, valkey) as play:
            whole += await (
                play.days(symbol, history) if isinstance(history, History) else play.minutes(symbol, history)
            )
    minutes = [wait / 60 for wait in whole.waits] or [0.0]
    waits = f"{statistics.median(minutes):.0f} min, {max(minutes):.0f} min"
    title, figures = (
        f"{len(histories)} histories of {name}",
        f"{whole.bars:8,}{whole.marked:8}{len(whole.late):14}",
    )
    print(f"{title:32}{figures}{waits:>34}")


@asynccontextmanager
async def _database(postgres: str, valkey: str) -> AsyncIterator[Database]:
    """A fresh database, and an empty Valkey."""
    name = f"quality_{next(_numbers)}"
    connection = await asyncpg.connect(postgres)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    with Redis.from_url(valkey) as redis:
        redis.flushall()
    async with open_database(urlunsplit(urlsplit(postgres)._replace(path=f"/{name}")), 4) as database:
        await migrate(database)
        yield database


if __name__ == "__main__":
    main()
