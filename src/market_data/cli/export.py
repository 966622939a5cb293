"""The work of market-data export: bars as partitions of Parquet, all as they were known at one moment.

Every file lies equally deep, FOLDER/interval=/symbol=/year=/: readers of Hive partitions refuse a folder in
which some lie less deep, such as one of minutes and of days.
"""

import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from market_data.calendar import check_row, hours_of
from market_data.cli import stores
from market_data.cli.files import made, whole
from market_data.cli.instrument import check_times, symbol_of, with_calendar
from market_data.cli.output import print_json, say, tracked
from market_data.errors import BadQuestion
from market_data.formats import WRITERS, Format, Heading
from market_data.market.bar import Adjustment
from market_data.market.instrument import Instrument
from market_data.market.interval import Interval, Length
from market_data.market.session import Hours
from market_data.market.span import Span, moment
from market_data.market.spelling import held_as
from market_data.serve.asked import check_quarantined, check_session
from market_data.serve.level import level_of
from market_data.serve.window import EARLIEST, LATEST, read_datetime, read_length
from market_data.store import read, universe
from market_data.store.bars import Table
from market_data.store.connect import Database

NAME = "bars.parquet"


@dataclass(frozen=True, slots=True)
class Which:
    """The options of the command as they were given."""

    symbols: Sequence[str]
    interval: str
    hours: Hours | None
    from_year: int | None
    to_year: int | None
    as_of: str | None
    adjustment: Adjustment | None = None
    quarantined: bool = False


@dataclass(frozen=True, slots=True)
class Partition:
    """One file: its place below the folder, and what it has."""

    place: Path
    question: read.Question


def run(folder: Path, which: Which, *, demo: bool, as_json: bool) -> None:
    """Write the partitions and say how many."""
    length = read_length(which.interval)
    check_session(length, which.hours)
    if which.from_year and which.to_year and which.from_year > which.to_year:
        raise BadQuestion(f"--from-year: {which.from_year} is after --to-year {which.to_year}")
    made(folder)
    as_of = read_datetime("as-of", which.as_of) if which.as_of else moment(time.time())

    async def work(database: Database) -> tuple[int, int]:
        files = bars = 0
        instruments = await _instruments(database, which.symbols)
        for instrument in tracked(instruments, "exporting", len(instruments)):
            (folder / _place(length, instrument) / NAME).unlink(missing_ok=True)  # all days, by 0.1.0
            for one in await _partitions(database, instrument, length, which, as_of):
                found = await _write(database, folder / one.place, one.question)
                files, bars = files + (found > 0), bars + found
        return files, bars

    files, bars = stores.run(work, demo=demo)
    if as_json:
        print_json({"folder": str(folder), "files": files, "bars": bars, "as_of": as_of})
    else:
        say(f"{bars:,} bars in {files:,} files below {folder}, as known at {as_of:%Y-%m-%dT%H:%M:%SZ}")


async def _instruments(database: Database, symbols: Sequence[str]) -> list[Instrument]:
    """Those named, or all whose exchange is known; BadQuestion names those that were never collected."""
    known = {one.symbol: one for one in await universe.load(database, only_active=False)}
    held = held_as(known)
    names = [symbol_of(text) for text in symbols]
    if missing := [name for name in names if name not in held]:
        raise BadQuestion(f"{', '.join(missing)}: not in the universe", status=404)
    if not names:
        return with_calendar(known.values())
    found = [known[held[name]] for name in dict.fromkeys(names)]
    for instrument in found:
        check_row(instrument)
    return found


async def _partitions(
    database: Database, instrument: Instrument, length: Length, which: Which, as_of: datetime
) -> list[Partition]:
    stored = Interval.D1 if length.stored is Interval.D1 and which.hours is None else Interval.M1
    await check_times(database, instrument.symbol, stored)
    row = await database.fetch_one(Table.of(stored).sql("bars_years"), instrument.symbol, stored.value)
    if row is None or row["first"] is None:
        return []
    market = hours_of(instrument.exchange, instrument.asset_type, as_of)
    question = read.Question(
        instrument.symbol,
        length,
        Span(EARLIEST, LATEST),
        market,
        which.hours,
        as_of,
        quarantined=which.quarantined,
    )
    check_quarantined(question)
    question = await level_of(database, question, which.adjustment)  # one level for all years
    place = _place(length, instrument)
    # a built bar is of the year of its label, which may lie before its first minute, or after its last
    first, last = row["first"] - question.built, row["last"] + question.built
    years = range(max(first, which.from_year or first), min(last, which.to_year or last) + 1)
    return [Partition(place / f"year={one}" / NAME, replace(question, span=_year(one))) for one in years]


def _place(length: Length, instrument: Instrument) -> Path:
    return Path(f"interval={length}", f"symbol={quote(instrument.symbol, safe='')}")


def _year(year: int) -> Span:
    return Span.between(datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC))


async def _write(database: Database, file: Path, question: read.Question) -> int:
    """How many bars were written; where there are none, there is no file afterwards."""
    heading = Heading(
        question.symbol,
        str(question.length),
        moment(question.span.start),
        moment(question.span.end),
        question.adjustment or Adjustment.RAW.value,
    )
    writer, count = WRITERS[Format.PARQUET](heading), 0
    async with aclosing(read.stream(database, question, time.time())) as blocks:
        first = await anext(blocks, None)
        if first is None:
            file.unlink(missing_ok=True)  # noqa: ASYNC240 - a command does nothing else meanwhile
            return 0
        made(file.parent)
        with whole(file) as part, part.open("wb") as sink:
            sink.write(writer.begin() + writer.bars(first))
            count += len(first)
            async for bars in blocks:
                sink.write(writer.bars(bars))
                count += len(bars)
            sink.write(writer.end())
    return count
