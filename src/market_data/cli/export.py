"""The work of market-data export: bars as partitions of Parquet, all as they were known at one moment."""

import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from market_data.calendar import hours_of
from market_data.cli import stores
from market_data.cli.files import whole
from market_data.cli.output import print_json, say, tracked
from market_data.errors import BadQuestion
from market_data.formats import WRITERS, Format, Heading
from market_data.market.bar import Adjustment
from market_data.market.instrument import Instrument, read_symbol
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
    if length.stored is Interval.D1 and (which.from_year or which.to_year):
        raise BadQuestion("--from-year: the days of a symbol are one file: leave the years out")
    as_of = read_datetime("as-of", which.as_of) if which.as_of else moment(time.time())

    async def work(database: Database) -> tuple[int, int]:
        files = bars = 0
        instruments = await _instruments(database, which.symbols)
        for instrument in tracked(instruments, "exporting", len(instruments)):
            for one in await _partitions(database, instrument, length, which, as_of):
                one = replace(one, question=await level_of(database, one.question, which.adjustment))  # noqa: PLW2901
                found = await _write(database, folder / one.place, one.question)
                files, bars = files + (found > 0), bars + found
        return files, bars

    files, bars = stores.run(work, demo=demo)
    if as_json:
        print_json({"folder": str(folder), "files": files, "bars": bars, "as_of": as_of})
    else:
        say(f"{bars:,} bars in {files:,} files below {folder}, as known at {as_of:%Y-%m-%dT%H:%M:%SZ}")


async def _instruments(database: Database, symbols: Sequence[str]) -> list[Instrument]:
    """Those named, or all; BadQuestion names those that were never collected."""
    known = {one.symbol: one for one in await universe.load(database, only_active=False)}
    held = held_as(known)
    try:
        names = [read_symbol(one) for one in symbols]
    except ValueError as error:
        raise BadQuestion(str(error)) from None
    if missing := [name for name in names if name not in held]:
        raise BadQuestion(f"{', '.join(missing)}: not in the universe", status=404)
    return [known[held[name]] for name in dict.fromkeys(names)] if names else list(known.values())


async def _partitions(
    database: Database, instrument: Instrument, length: Length, which: Which, as_of: datetime
) -> list[Partition]:
    stored = Interval.D1 if length.stored is Interval.D1 and which.hours is None else Interval.M1
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
    place = Path(f"interval={length}", f"symbol={quote(instrument.symbol, safe='')}")
    if length.stored is Interval.D1:
        return [Partition(place / NAME, question)]
    first = row["first"] - question.built  # a bar is of the year in which it opens, before its first minute
    years = range(max(first, which.from_year or first), min(row["last"], which.to_year or row["last"]) + 1)
    return [Partition(place / f"year={one}" / NAME, replace(question, span=_year(one))) for one in years]


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
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole(file) as part, part.open("wb") as sink:
            sink.write(writer.begin() + writer.bars(first))
            count += len(first)
            async for bars in blocks:
                sink.write(writer.bars(bars))
                count += len(bars)
            sink.write(writer.end())
    return count
