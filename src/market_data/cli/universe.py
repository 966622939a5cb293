"""The work of market-data universe: shows and changes what is collected."""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import msgspec
from rich.table import Table

from market_data.calendar import hours_of
from market_data.cli import stores
from market_data.cli.output import data, print_json, say, step, tracked
from market_data.errors import BadQuestion
from market_data.market.instrument import AssetType, Instrument, Tier, read_symbol
from market_data.store import universe as store
from market_data.store.connect import Database

NAMED = 10
"""Symbols that are named when many have been changed."""
MOST_PROBLEMS = 50
"""Rows of a file whose mistakes are told; the rest are counted."""

_CRYPTO = re.compile(r"[A-Z0-9]+-(USD|USDT|USDC|EUR|BTC)")
_Choice = TypeVar("_Choice", bound=StrEnum)


def show(*, everything: bool, demo: bool, as_json: bool) -> None:
    """Print the universe, freshest tier first."""
    found = stores.run(lambda database: store.load(database, only_active=not everything), demo=demo)
    if as_json:
        print_json([msgspec.to_builtins(one) for one in found])
        return
    if not found:
        say("The universe is empty: `market-data universe add AAPL --tier T0` adds a symbol.")
        return
    table = Table("symbol", "tier", "kind", "exchange", "collected")
    for one in found:
        table.add_row(one.symbol, one.tier, one.asset_type, one.exchange, "yes" if one.active else "no")
    data.print(table)


def add(symbols: Iterable[str], exchange: str, kind: AssetType | None, tier: Tier, *, demo: bool) -> None:
    """Add symbols, or change those that are there; BadQuestion names each that cannot be one."""
    chosen: dict[str, Instrument] = {}
    problems = []
    for text in symbols:
        try:
            one = _instrument(text, exchange, kind, tier)
            chosen[one.symbol] = one
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise BadQuestion("\n".join(problems))
    _put(list(chosen.values()), demo=demo)


def remove(symbols: Iterable[str], *, demo: bool) -> None:
    """Stop collecting symbols; BadQuestion (404), and no change, if one of them is not there."""
    try:
        names = sorted({read_symbol(text) for text in symbols})
    except ValueError as error:
        raise BadQuestion(str(error)) from None

    async def work(database: Database) -> None:
        known = {one.symbol: one for one in await store.load(database, only_active=False)}
        missing = [name for name in names if name not in known]
        if missing:
            raise BadQuestion(f"not in the universe: {', '.join(missing)}; nothing was changed", status=404)
        await store.put(database, [replace(known[name], active=False) for name in names])

    stores.run(work, demo=demo)
    say(f"no longer collected: {', '.join(names)}")


def load(file: Path, *, demo: bool) -> None:
    """Put the instruments of a CSV into the universe, all or none."""
    _put(read_csv(file), demo=demo)


def _put(instruments: list[Instrument], *, demo: bool) -> None:
    with step(f"writing {len(instruments)} to the universe"):
        count = stores.run(lambda database: store.put(database, instruments), demo=demo, make=True)
    named = ", ".join(one.symbol for one in instruments[:NAMED])
    say(f"{count} written: {named}{' …' if count > NAMED else ''}")


def read_csv(file: Path) -> list[Instrument]:
    """The instruments of a CSV; BadQuestion with a line for every row that cannot be used."""
    found: dict[str, int] = {}
    read: list[Instrument] = []
    problems: list[str] = []
    for line, row in tracked(_rows(file), f"checking {file.name}"):
        try:
            one = _of_row(row)
        except ValueError as error:
            problems.append(f"{file}:{line}: {error}")
            continue
        if one.symbol in found:
            problems.append(f"{file}:{line}: {one.symbol} is on line {found[one.symbol]} already")
        else:
            found[one.symbol] = line
            read.append(one)
    if len(problems) > MOST_PROBLEMS:
        problems = [*problems[:MOST_PROBLEMS], f"and {len(problems) - MOST_PROBLEMS} more"]
    if problems:
        raise BadQuestion("\n".join([*problems, "nothing was written"]))
    if not read:
        raise BadQuestion(f"{file}: there is no row after the header")
    return read


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row with the number of its line; BadQuestion if the file is no CSV with the columns needed."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines, restval="", restkey="")
            missing = {"symbol", "tier"} - set(rows.fieldnames or ())
            if missing:
                raise BadQuestion(f"{file}: the header lacks {', '.join(sorted(missing))}")
            for row in rows:
                yield rows.line_num, row
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise BadQuestion(f"{file}: this is no CSV in UTF-8 ({error})") from None


def _of_row(row: dict[str, str]) -> Instrument:
    if "" in row:
        raise ValueError("it has more fields than the header has names")
    kind = row.get("asset_type", "").strip().lower()
    return _instrument(
        row["symbol"],
        row.get("exchange", "").strip() or "US",
        _choice(AssetType, kind, "asset_type") if kind else None,
        _choice(Tier, row["tier"].strip().upper(), "tier"),
    )


def _choice(choices: type[_Choice], text: str, name: str) -> _Choice:
    try:
        return choices(text)
    except ValueError:
        raise ValueError(f"{name} {text!r} is not one of {', '.join(choices)}") from None


def _instrument(text: str, exchange: str, kind: AssetType | None, tier: Tier) -> Instrument:
    """An instrument that can be collected; ValueError says why it cannot."""
    symbol = read_symbol(text)
    known = _kind(symbol) if kind is None else kind
    where = "CRYPTO" if known is AssetType.CRYPTO else exchange
    hours_of(where, known)
    return Instrument(symbol, where, known, tier)


def _kind(symbol: str) -> AssetType:
    """What a symbol is, told by its spelling: ^ begins an index, -USD ends a crypto pair."""
    if _CRYPTO.fullmatch(symbol):
        return AssetType.CRYPTO
    return AssetType.INDEX if symbol.startswith("^") else AssetType.EQUITY
