"""The work of market-data bars: reads stored bars."""

import csv
import sys
import time
from collections.abc import Sequence

import msgspec
from rich.table import Table

from market_data.cli import stores
from market_data.cli.output import data, print_json, say
from market_data.errors import BadQuestion
from market_data.market.bar import KnownBar
from market_data.market.instrument import read_symbol
from market_data.market.interval import Interval
from market_data.market.span import moment
from market_data.serve.window import LONGEST_WINDOW_BARS, Window, read_datetime, read_window
from market_data.store import bars as bars_table
from market_data.store import universe
from market_data.store.connect import Database

STORED = (Interval.M1, Interval.D1)
"""The intervals that are kept; longer ones are built when the API is asked for them."""
LOOK_BACK_BARS = 10_000
"""Where `--end` or `--as-of` is given without `--start`, the newest bars among so many minutes or days."""


def find(
    symbol: str,
    interval: Interval,
    *,
    start: str | None,
    end: str | None,
    limit: int,
    as_of: str | None,
    demo: bool,
) -> list[KnownBar]:
    """Stored bars, oldest first: from `start` on, or the newest `limit`.

    Raises BadQuestion for what cannot be asked, with status 404 for a symbol that was never collected.
    """
    name = _symbol(symbol)
    if interval not in STORED:
        raise BadQuestion(f"--interval: {interval} bars are built by the API; stored are 1m and 1d")
    window = read_window(
        interval=interval,
        start=start,
        end=end or _end(start, as_of, interval),
        limit=limit,
        as_of=as_of,
        default_start=lambda until: until - LOOK_BACK_BARS * interval.seconds,
        now=time.time(),
    )
    newest = start is None and end is None and as_of is None

    async def work(database: Database) -> list[KnownBar]:
        if await universe.find(database, name) is None:
            raise BadQuestion(
                f"{name} is not in the universe: `market-data universe list` shows it", status=404
            )
        if newest:
            return await bars_table.last(database, name, interval, limit)
        return await _window(database, name, window, from_start=start is not None)

    return stores.run(work, demo=demo)


def _end(start: str | None, as_of: str | None, interval: Interval) -> str | None:
    """Where a window without `--end` ends: nothing was known after `--as-of`; else as late as it may."""
    if as_of is not None:
        return as_of
    if start is None:
        return None
    longest = read_datetime("start", start).timestamp() + LONGEST_WINDOW_BARS * interval.seconds
    return moment(min(longest, time.time() + 1)).isoformat()


async def _window(database: Database, name: str, window: Window, *, from_start: bool) -> list[KnownBar]:
    most = window.limit + 1 if from_start else LOOK_BACK_BARS + 1
    found = await bars_table.window(
        database, name, window.interval, window.span, limit=most, as_of=window.as_of
    )
    if not from_start:
        return found[-window.limit :]
    if len(found) > window.limit:
        say(f"there are more: --start {found[window.limit].ts:%Y-%m-%dT%H:%M:%SZ} leads on")
    return found[: window.limit]


def show(bars: Sequence[KnownBar], symbol: str, interval: Interval, *, as_json: bool, as_csv: bool) -> None:
    """Print bars as a table, as JSON or as CSV."""
    if as_json:
        print_json(bars)
    elif as_csv:
        _print_csv(bars)
    elif bars:
        _print_table(bars)
    else:
        say(f"no {interval} bars of {symbol} there")


def _symbol(text: str) -> str:
    try:
        return read_symbol(text)
    except ValueError as error:
        raise BadQuestion(str(error)) from None


def _print_csv(bars: Sequence[KnownBar]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(KnownBar.__struct_fields__)
    for bar in bars:
        writer.writerow(msgspec.to_builtins(bar).values())


def _print_table(bars: Sequence[KnownBar]) -> None:
    table = Table("time (UTC)", "open", "high", "low", "close", "volume", "status", "provider")
    for bar in bars:
        numbers = (f"{value:,.10g}" for value in (bar.open, bar.high, bar.low, bar.close, bar.volume))
        table.add_row(f"{bar.ts:%Y-%m-%d %H:%M}", *numbers, bar.status, bar.provider)
    data.print(table)
