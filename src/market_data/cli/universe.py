"""market-data universe: what is collected."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from market_data.calendar import hours_of
from market_data.cli.output import data, print_json, words
from market_data.cli.stores import run
from market_data.errors import BadQuestion
from market_data.market.instrument import AssetType, Instrument, Tier, read_symbol
from market_data.store import universe as store

app = typer.Typer(
    no_args_is_help=True,
    help="Show and change the universe: the symbols that are collected, in three tiers (T0 the freshest).",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@app.command("list")
def show(
    everything: Annotated[bool, typer.Option("--all", help="Also those no longer collected.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the universe, freshest tier first."""
    found = run(lambda database: store.load(database, only_active=not everything))
    if as_json:
        print_json([msgspec.to_builtins(one) for one in found])
        return
    if not found:
        words.print("The universe is empty: `market-data universe add AAPL --tier T0` adds a symbol.")
        return
    table = Table("symbol", "tier", "kind", "exchange", "collected")
    for one in found:
        table.add_row(one.symbol, one.tier, one.asset_type, one.exchange, "yes" if one.active else "no")
    data.print(table)


@app.command()
def add(
    symbols: Annotated[list[str], typer.Argument(help="Symbols, such as AAPL or BTC-USD.")],
    tier: Annotated[Tier, typer.Option(help="How fresh they are kept.")] = Tier.T2,
    kind: Annotated[AssetType, typer.Option(help="What they are.")] = AssetType.EQUITY,
    exchange: Annotated[
        str, typer.Option(help="Where they trade: NASDAQ, NYSE, CRYPTO, or an ISO 10383 code.")
    ] = "US",
) -> None:
    """Add symbols, or change the tier of some; they are collected from the next sweep on."""
    put([_instrument(symbol, exchange, kind, tier) for symbol in symbols])


@app.command()
def remove(symbols: Annotated[list[str], typer.Argument(help="Symbols to stop collecting.")]) -> None:
    """Stop collecting symbols; what has been collected stays and can still be read."""
    names = [_symbol(text) for text in symbols]
    known = {one.symbol: one for one in run(lambda database: store.load(database, only_active=False))}
    missing = [name for name in names if name not in known]
    if missing:
        raise BadQuestion(f"not in the universe: {', '.join(missing)}; nothing was changed", status=404)
    put([replace(known[name], active=False) for name in names])


@app.command()
def load(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV with a header line.")],
) -> None:
    """Load symbols from a CSV with columns symbol, tier and optionally exchange, asset_type.

    Every row is checked before any is written: a file with a mistake changes nothing.
    """
    put(read_csv(file))


def put(instruments: list[Instrument]) -> None:
    """Write instruments to the universe and say how many."""
    count = run(lambda database: store.put(database, instruments))
    words.print(
        f"{count} in the universe now: {', '.join(one.symbol for one in instruments[:10])}", highlight=False
    )


def read_csv(file: Path) -> list[Instrument]:
    """The instruments of a CSV; BadQuestion with a line for every row that cannot be used."""
    with file.open(newline="", encoding="utf-8-sig") as lines:
        rows = csv.DictReader(lines)
        missing = {"symbol", "tier"} - set(rows.fieldnames or ())
        if missing:
            raise BadQuestion(f"{file}: the header lacks {', '.join(sorted(missing))}")
        read: list[Instrument] = []
        problems: list[str] = []
        for row in rows:
            try:
                kind = AssetType((row.get("asset_type") or AssetType.EQUITY).strip().lower())
                read.append(
                    _instrument(row["symbol"], row.get("exchange") or "US", kind, Tier(row["tier"].strip()))
                )
            except (ValueError, BadQuestion) as error:
                problems.append(f"{file}:{rows.line_num}: {error}")
    if problems:
        raise BadQuestion("\n".join(problems))
    return read


def _symbol(text: str) -> str:
    try:
        return read_symbol(text)
    except ValueError as error:
        raise BadQuestion(str(error)) from None


def _instrument(symbol: str, exchange: str, kind: AssetType, tier: Tier) -> Instrument:
    where = "CRYPTO" if kind is AssetType.CRYPTO else exchange
    try:
        hours_of(where, kind)
    except ValueError as error:
        raise BadQuestion(f"{symbol}: {error}") from None
    return Instrument(_symbol(symbol), where, kind, tier)
