"""market-data bars: reads stored bars."""

import csv
import sys
import time
from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from market_data.cli.output import data, print_json, words
from market_data.cli.stores import run
from market_data.errors import BadQuestion
from market_data.market.bar import KnownBar
from market_data.market.instrument import read_symbol
from market_data.market.interval import Interval
from market_data.serve.window import read_window
from market_data.store import bars as store
from market_data.store.connect import Database

DEFAULT_BARS = 20


def bars(
    symbol: Annotated[str, typer.Argument(help="Symbol, such as AAPL.")],
    *,
    interval: Annotated[Interval, typer.Option(help="1m or 1d, as stored.")] = Interval.M1,
    start: Annotated[str | None, typer.Option(help="First moment: 2025-10-08T14:00:00Z.")] = None,
    end: Annotated[str | None, typer.Option(help="First moment after the window.")] = None,
    limit: Annotated[int, typer.Option(help="Bars at most.")] = DEFAULT_BARS,
    as_of: Annotated[str | None, typer.Option(help="Show what was known at this moment.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print as CSV.")] = False,
) -> None:
    """Show stored bars: the newest, or those of a window."""
    try:
        name = read_symbol(symbol)
    except ValueError as error:
        raise BadQuestion(str(error)) from None
    window = (
        read_window(
            interval=interval,
            start=start,
            end=end,
            limit=limit,
            as_of=as_of,
            default_start=0,
            now=time.time(),
        )
        if start is not None or end is not None or as_of is not None
        else None
    )

    async def work(database: Database) -> list[KnownBar]:
        if window is None:
            return await store.last(database, name, interval, limit)
        return await store.window(
            database, name, interval, window.span, limit=window.limit, as_of=window.as_of
        )

    found = run(work)
    if as_json:
        print_json(found)
    elif as_csv:
        _print_csv(found)
    elif found:
        _print_table(found)
    else:
        words.print(f"no {interval} bars of {name} there", highlight=False)


def _print_csv(found: Sequence[KnownBar]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(KnownBar.__struct_fields__)
    for bar in found:
        writer.writerow(msgspec.to_builtins(bar).values())


def _print_table(found: Sequence[KnownBar]) -> None:
    table = Table("time (UTC)", "open", "high", "low", "close", "volume", "status", "provider")
    for bar in found:
        numbers = (f"{value:,.10g}" for value in (bar.open, bar.high, bar.low, bar.close, bar.volume))
        table.add_row(f"{bar.ts:%Y-%m-%d %H:%M}", *numbers, bar.status, bar.provider)
    data.print(table)
