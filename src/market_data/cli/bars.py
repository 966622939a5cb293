"""The work of market-data bars: reads bars as the API does, to a table, a file or standard output."""

import sys
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import IO

from rich.table import Table

from market_data.cli import stores
from market_data.cli.files import whole
from market_data.cli.instrument import check_times, instrument_of, symbol_of
from market_data.cli.output import data, print_json, say
from market_data.errors import BadQuestion
from market_data.formats import WRITERS, Format
from market_data.market.anchor import Anchor
from market_data.market.bar import Adjustment, KnownBar
from market_data.market.interval import Interval, Length
from market_data.market.known import KnownBars
from market_data.market.session import Hours
from market_data.market.span import moment
from market_data.serve.asked import Asked, Reading, reading
from market_data.serve.level import at_one_level
from market_data.serve.window import LONGEST_WINDOW_BARS, read_datetime, read_length
from market_data.store import bars as bars_table
from market_data.store import read
from market_data.store.connect import Database

LOOK_BACK_BARS = 10_000
"""Without `--start`, the newest bars among so many."""
FEW = 20
"""Bars that are shown where `--limit` is not given."""
BINARY = (Format.ARROW, Format.PARQUET)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of the command as they were given."""

    symbol: str
    interval: str
    start: str | None
    end: str | None
    limit: int | None
    as_of: str | None
    hours: Hours | None
    anchor: Anchor = Anchor.SESSION
    adjustment: Adjustment | None = None
    quarantined: bool = False


def show(wanted: Wanted, *, demo: bool, as_json: bool) -> None:
    """Print bars as a table, or as JSON."""
    rows: list[KnownBar] = []

    async def work(database: Database) -> None:
        question = await _question(database, wanted)
        rows.extend((await _some(database, wanted, question)).rows())

    stores.run(work, demo=demo)
    if as_json:
        print_json(rows)
    elif rows:
        _print_table(rows)
    else:
        say(f"no {wanted.interval} bars of {wanted.symbol} there")


def save(wanted: Wanted, form: Format, output: Path | None, *, demo: bool) -> None:
    """Write bars in a format, all of the window if `--start` is given without `--limit`."""
    if output is None and form in BINARY and sys.stdout.isatty():
        raise BadQuestion(f"--format: {form} is not for reading: name a file with --output")

    async def work(database: Database) -> int:
        question, count = await _question(database, wanted), 0
        writer = WRITERS[form](question.heading)
        with _opened(output) as file:
            file.write(writer.begin())
            async with aclosing(_blocks(database, wanted, question)) as blocks:
                async for bars in blocks:
                    file.write(writer.bars(bars))
                    count += len(bars)
            file.write(writer.end())
            file.flush()
        return count

    count = stores.run(work, demo=demo)
    if output is not None:
        say(f"{count} bars written to {output}")


@contextmanager
def _opened(output: Path | None) -> Iterator[IO[bytes]]:
    if output is None:
        yield sys.stdout.buffer
        return
    with whole(output) as part, part.open("wb") as file:
        yield file


async def _blocks(database: Database, wanted: Wanted, question: Reading) -> AsyncGenerator[KnownBars, None]:
    if wanted.limit is None and wanted.start is not None:
        async with aclosing(read.stream(database, question.question, time.time())) as blocks:
            async for bars in blocks:
                yield bars
    else:
        yield await _some(database, wanted, question)


async def _question(database: Database, wanted: Wanted) -> Reading:
    """BadQuestion for what cannot be asked, with status 404 for a symbol that was never collected."""
    length, name = read_length(wanted.interval), symbol_of(wanted.symbol)
    end = wanted.end or _end(wanted, length)
    instrument = await instrument_of(database, name)
    await check_times(database, instrument.symbol, length.stored or Interval.M1)
    if end is None:
        newest = await bars_table.last(database, instrument.symbol, length.stored or Interval.M1, 1)
        if newest:  # however old
            end = moment(newest[0].ts.timestamp() + 1).isoformat()
    found = reading(
        Asked(
            wanted.start,
            end,
            None,
            wanted.as_of,
            wanted.hours,
            anchor=wanted.anchor,
            quarantined=wanted.quarantined,
        ),
        instrument,
        wanted.interval,
        default_start=lambda until: until - LOOK_BACK_BARS * length.seconds,
        now=time.time(),
    )
    return await at_one_level(database, found, wanted.adjustment)


def _end(wanted: Wanted, length: Length) -> str | None:
    """Where a window without `--end` ends: nothing was known after `--as-of`; else as late as it may."""
    if wanted.as_of is not None:
        return wanted.as_of
    if wanted.start is None:
        return None
    longest = read_datetime("start", wanted.start).timestamp() + LONGEST_WINDOW_BARS * length.seconds
    return moment(min(longest, time.time() + 1)).isoformat()


async def _some(database: Database, wanted: Wanted, question: Reading) -> KnownBars:
    """The first bars from `--start` on, or the newest."""
    limit = wanted.limit or FEW
    if wanted.start is None:
        found = await read.page(database, replace(question.question, limit=LOOK_BACK_BARS + 1), time.time())
        return found.take(slice(max(len(found) - limit, 0), None))
    found = await read.page(database, question.page(limit), time.time())
    if len(found) > limit:
        (following,) = found.take(slice(limit, limit + 1)).rows()
        say(f"there are more: --start {following.ts:%Y-%m-%dT%H:%M:%SZ} leads on")
    return found.take(slice(limit))


def _number(value: float) -> str:
    """All digits, with commas: as many as read back as the same number, never as a power of ten."""
    return f"{Decimal(repr(value)).normalize():,f}"


def _print_table(bars: Sequence[KnownBar]) -> None:
    table = Table("time (UTC)", "open", "high", "low", "close", "volume", "status", "provider")
    for bar in bars:
        numbers = (_number(value) for value in (bar.open, bar.high, bar.low, bar.close))
        volume = bar.volume_scope if bar.volume is None else _number(bar.volume)
        table.add_row(f"{bar.ts:%Y-%m-%d %H:%M}", *numbers, volume, bar.status, bar.provider)
    data.print(table)
