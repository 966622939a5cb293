"""The work of market-data repair levels: minutes that 0.1.0 labelled `split` become one raw series again."""

import time

from rich.table import Table

from market_data.backfill.plan import longest_chunk
from market_data.calendar import hours_of
from market_data.cli import stores
from market_data.cli.instrument import instrument_of, with_calendar
from market_data.cli.output import data, print_json, say, tracked
from market_data.market.instrument import Instrument
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.store import ledger, levels, splits, universe
from market_data.store.connect import Database
from market_data.store.ledger import New
from market_data.store.levels import Labelled

_COLUMNS = ("symbol", "provider", "relabelled", "restored", "converted", "unknown", "queued")


def run(*, symbol: str | None, dry_run: bool, demo: bool, as_json: bool) -> None:
    """Repair the minutes of one symbol or of all, and say what was done with them."""

    async def work(database: Database) -> list[dict[str, object]]:
        members = await _members(database, symbol)
        return [
            line
            for one in tracked(members, "repairing", len(members))
            for line in await _repaired(database, one, dry_run=dry_run)
        ]

    lines = stores.run(work, demo=demo)
    if as_json:
        print_json({"dry_run": dry_run, "series": lines})
    elif not lines:
        say("all minutes are raw: nothing to repair")
    else:
        table = Table(*_COLUMNS)
        for line in lines:
            table.add_row(*(str(line[name]) for name in _COLUMNS))
        data.print(table)
        if any(line["unknown"] for line in lines):
            say("unknown: splits after these minutes are not known yet; run it again after the backfills")


async def _members(database: Database, symbol: str | None) -> list[Instrument]:
    if symbol is not None:
        return [await instrument_of(database, symbol)]
    return with_calendar(await universe.load(database, only_active=False))


async def _repaired(database: Database, one: Instrument, *, dry_run: bool) -> list[dict[str, object]]:
    """A line for each provider whose minutes of this instrument are not labelled raw."""
    hours, now = hours_of(one.exchange, one.asset_type), time.time()
    lines: list[dict[str, object]] = []
    for labelled in await levels.found(database, one.symbol):
        known = await splits.known(database, one.symbol, labelled.provider)
        done = levels.Repaired()
        if known is not None:
            done = await levels.repair(database, one.symbol, labelled, known, hours, now=now, dry_run=dry_run)
        unknown, queued = labelled.bars - done.bars, 0
        if unknown and not dry_run and not levels.reaches(known, labelled, hours):
            queued = await _ask(database, one, labelled, int(now))
        counts = (done.relabelled, done.restored, done.converted, unknown, queued)
        lines.append(dict(zip(_COLUMNS, (one.symbol, labelled.provider, *counts), strict=True)))
    return lines


async def _ask(database: Database, one: Instrument, labelled: Labelled, now: int) -> int:
    """Queue the days since the first of these minutes: with them their provider states its splits."""
    whole = Span(Interval.D1.floor(labelled.span.start), Interval.D1.floor(now) + Interval.D1.seconds)
    async with database.transaction() as connection:
        await ledger.lock(connection)
        unfinished = (await ledger.unfinished(connection, [one.symbol], Interval.D1)).get(one.symbol, [])
        if any(job.restated_by == labelled.provider and job.status == "queued" for job in unfinished):
            return 0
        pieces = whole.split(longest_chunk(Interval.D1, 0))
        new = [New(one.symbol, piece, one.tier, restated_by=labelled.provider) for piece in pieces]
        return len(await ledger.add(connection, Interval.D1, new))
