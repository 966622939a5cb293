"""The work of market-data backfill and coverage: what is missing, what is being done about it, and why."""

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from typing import cast, get_args

import msgspec
from rich.console import Group
from rich.live import Live
from rich.table import Table

from market_data.backfill.cover import Run, coverage_of, why_nothing
from market_data.cli import stores
from market_data.cli.finder import finder_of
from market_data.cli.instrument import check_times, instrument_of
from market_data.cli.output import data, print_json, say
from market_data.errors import BadQuestion
from market_data.market.capability import CAPABILITIES
from market_data.market.instrument import Tier
from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.serve.window import Window, read_window
from market_data.store import ledger
from market_data.store.connect import Database
from market_data.store.ledger import Backfill, Depth

WATCH_SECONDS = 1.0
"""How often a live view looks."""
COVERAGE_SECONDS = {Interval.M1: 86_400, Interval.D1: 366 * 86_400}
"""How far `coverage` looks back where no start is named."""


def add(
    symbol: str,
    interval: Interval,
    *,
    start: str,
    end: str,
    tier: Tier,
    force: bool,
    demo: bool,
    as_json: bool,
) -> None:
    """Queue what is missing of a window, or with `force` all of it; a running service does it."""
    now = time.time()

    async def work(database: Database) -> tuple[list[Backfill], str]:
        instrument = await instrument_of(database, symbol)
        finder = await finder_of(database, demo=demo)
        made = await finder.series(instrument, interval, window.span, asked_for=tier, force=force)
        return made, "" if made else await why_nothing(finder, instrument, interval, window.span)

    window = _window(interval, start, end, now)
    made, note = stores.run(work, demo=demo)
    if as_json:
        print_json(made)
        return
    say(f"{len(made)} backfills queued" if made else f"nothing to queue: {note}")


def listed(*, status: ledger.Status | None, tier: Tier | None, limit: int, demo: bool, as_json: bool) -> None:
    """Print backfills, newest first."""
    found = stores.run(
        lambda database: ledger.listed(database, status=status, tier=tier, before=None, limit=limit),
        demo=demo,
    )
    if as_json:
        print_json(found)
    elif found:
        data.print(_table(found))
    else:
        say("no such backfills")


def read_status(text: str | None) -> ledger.Status | None:
    """The status spelled `text`; BadQuestion names those that exist."""
    for one in get_args(ledger.Status):
        if text == one:
            return cast(ledger.Status, one)
    if text is None:
        return None
    raise BadQuestion(f"--status: {text[:40]!r} is not one of {', '.join(get_args(ledger.Status))}")


def requeue(number: int | None, *, tier: Tier | None, demo: bool) -> None:
    """Queue dead letters again."""
    ids = stores.run(lambda database: ledger.requeue(database, number=number, tier=tier), demo=demo)
    if number is not None and not ids:
        raise BadQuestion(f"no dead letter {number}: `market-data backfill list --status dead`", status=404)
    say(f"{len(ids)} queued again")


def discard(number: int, *, demo: bool) -> None:
    """Delete a dead letter."""
    if not stores.run(lambda database: ledger.delete(database, number), demo=demo):
        raise BadQuestion(f"no dead letter {number}: `market-data backfill list --status dead`", status=404)
    say(f"{number} deleted; if its gap is still there, the next scan queues it anew")


def watch(*, demo: bool) -> None:
    """Show the progress of all backfills until none is left, or until Ctrl-C."""
    stores.run(_watched, demo=demo)


async def _watched(database: Database) -> None:
    most = 1
    with Live(console=data, refresh_per_second=4) as live:
        while True:
            depths = await ledger.depths(database)
            left = sum(one.queued + one.running for one in depths.values())
            most = max(most, left)
            running = await ledger.listed(database, status="running", tier=None, before=None, limit=10)
            live.update(Group(_progress(depths, most - left, most), _table(running)))
            if not left:
                return
            await asyncio.sleep(WATCH_SECONDS)


def coverage(
    symbol: str, interval: Interval, *, start: str | None, end: str | None, demo: bool, as_json: bool
) -> None:
    """Print what is known of a window, and why."""
    now = time.time()
    window = _window(interval, start, end, now)

    async def work(database: Database) -> list[Run]:
        instrument = await instrument_of(database, symbol)
        await check_times(database, instrument.symbol, interval)
        finder = await finder_of(database, demo=demo)
        return await coverage_of(finder, instrument, interval, _whole(window.span, interval))

    found = stores.run(work, demo=demo)
    if as_json:
        print_json([_plain(one) for one in found])
        return
    table = Table("from", "to (UTC)", "state", "why")
    for one in found:
        table.add_row(_minute(moment(one.span.start)), _minute(moment(one.span.end)), one.state, one.why)
    data.print(table)


def _window(interval: Interval, start: str | None, end: str | None, now: float) -> Window:
    if interval not in CAPABILITIES:
        raise BadQuestion(f"--interval: {interval} bars are built from 1m bars: use 1m or 1d")
    return read_window(
        interval=interval,
        start=start,
        end=end,
        limit=1,
        as_of=None,
        default_start=lambda until: until - COVERAGE_SECONDS[interval],
        now=now,
    )


def _whole(span: Span, interval: Interval) -> Span:
    return Span(interval.floor(span.start), interval.floor(span.end - 1) + interval.seconds)


def _progress(depths: dict[Tier, Depth], done: int, most: int) -> Table:
    table = Table(
        "tier", "wait", "run", "dead", "oldest", title=f"{done} of {most} done since this view began"
    )
    for tier, one in depths.items():
        table.add_row(tier, str(one.queued), str(one.running), str(one.dead), f"{one.oldest_age:.0f} s")
    return table


def _table(found: Sequence[Backfill]) -> Table:
    table = Table("id", "series", "from", "to (UTC)", "tier", "status", "attempts", "last error")
    for one in found:
        table.add_row(
            str(one.id),
            f"{one.symbol} {one.interval}",
            _minute(one.start_ts),
            _minute(one.end_ts),
            one.tier,
            one.status,
            str(one.attempts),
            one.last_error or "",
        )
    return table


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _plain(run: Run) -> dict[str, object]:
    start, end = moment(run.span.start), moment(run.span.end)
    return msgspec.to_builtins({"start": start, "end": end, "state": run.state.value, "why": run.why})  # type: ignore[no-any-return]
