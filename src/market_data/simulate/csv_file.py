"""Reads bars from a CSV file whose header names its columns."""

import csv
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from market_data.errors import BadConfig
from market_data.market.bar import Bars, Row, Split
from market_data.market.interval import Interval

LARGEST_FILE = 256 * 1024 * 1024
"""Bytes; a year of one instrument's minutes is about 6 MB."""

_TIME_NAMES = ("datetime", "timestamp", "ts", "date", "time")
_NUMBER_NAMES = ("open", "high", "low", "close", "volume")
_SPLITS_NAME = "stock splits"
_EPOCH = re.compile(r"\d{9,10}(\.\d+)?")
_EPOCH_MILLISECONDS = re.compile(r"\d{12,13}")


@dataclass(frozen=True, slots=True)
class CsvBars:
    """The bars of a file in order of time; if `daily`, each is a day, labelled 00:00 UTC of its date."""

    bars: Bars
    daily: bool
    splits: tuple[Split, ...] = ()


def read_csv(path: Path, zone: ZoneInfo) -> CsvBars:
    """The bars of a file.

    The header names the columns in any order and case: Date, Datetime, Timestamp or ts; Open, High, Low,
    Close; Volume, which may be missing or empty (0); Stock Splits, the ratio of a split in the first row that
    trades after it, else 0 or empty; others are passed over. Prices are as traded. Times are ISO 8601,
    `11/5/2019 9:30` or epoch seconds; those without an offset are times of `zone`. Raises BadConfig naming
    file, line and reason.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise BadConfig([f"{path}: larger than {LARGEST_FILE // 2**20} MB; split it"])
        with path.open(encoding="utf-8-sig", newline="") as lines:
            table = list(_table(path, csv.reader(lines), zone))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadConfig([f"{path}: cannot be read: {error}"]) from error
    if not table:
        raise BadConfig([f"{path}: has a header but no rows"])
    table.sort(key=lambda one: one.at)
    _refuse_twins(path, table)
    daily = all(one.at.time() == datetime.min.time() for one in table) and not any(one.exact for one in table)
    splits = {_date(one, zone): one.split for one in table if one.split not in {0.0, 1.0}}
    return CsvBars(
        Bars.of(_rows(path, table, daily)), daily, tuple(Split(day, ratio) for day, ratio in splits.items())
    )


@dataclass(frozen=True, slots=True)
class _Told:
    line: int
    at: datetime
    exact: bool  # told as an instant, which no date is
    numbers: tuple[float, float, float, float, float]
    split: float = 0.0


def _table(path: Path, rows: Iterator[list[str]], zone: ZoneInfo) -> Iterator[_Told]:
    header = [name.strip().lower() for name in next(rows, [])]
    when, *where = _columns(path, header)
    for line, cells in enumerate(rows, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        try:
            yield _read_row(line, cells, when, where, zone)
        except ValueError as error:
            raise BadConfig([f"{path}, line {line}: {error}"]) from None


def _read_row(line: int, cells: list[str], when: int, where: list[int], zone: ZoneInfo) -> _Told:
    if len(cells) <= max(when, *where):
        raise ValueError(f"only {len(cells)} columns: fewer than the header has")
    at, exact = _read_time(cells[when].strip(), zone)
    start, high, low, end, volume = (
        _read_number(name, "" if place < 0 else cells[place])
        for name, place in zip(_NUMBER_NAMES, where, strict=False)
    )
    ratio = cells[where[-1]].strip() if 0 <= where[-1] < len(cells) else ""
    split = _read_number("split", ratio) if ratio else 0.0
    if split < 0:
        raise ValueError(f"split {ratio[:40]!r} is not a ratio: write 10 for a 10:1 split")
    return _Told(line, at, exact, (start, high, low, end, volume), split)


def _date(one: _Told, zone: ZoneInfo) -> int:
    """00:00 UTC of the date of a row."""
    local = one.at.astimezone(zone) if one.exact else one.at
    return int(local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC).timestamp())


def _columns(path: Path, header: list[str]) -> list[int]:
    """Where the time, the five numbers and the split stand; -1 for a volume or a split that is not there."""
    when = next((name for name in _TIME_NAMES if name in header), None)
    missing = [name.capitalize() for name in _NUMBER_NAMES[:4] if name not in header]
    if when is None:
        missing.insert(0, "Date (or Datetime, Timestamp, ts)")
    if when is None or missing:
        raise BadConfig(
            [f"{path}, line 1: the header {','.join(header)[:80]!r} names no column {', '.join(missing)}"]
        )
    names = (*_NUMBER_NAMES, _SPLITS_NAME)
    return [header.index(when), *(header.index(name) if name in header else -1 for name in names)]


def _read_time(text: str, zone: ZoneInfo) -> tuple[datetime, bool]:
    """A time, and whether it was told as an instant (in epoch seconds or with an offset)."""
    if _EPOCH.fullmatch(text):
        return datetime.fromtimestamp(float(text), UTC), True
    if _EPOCH_MILLISECONDS.fullmatch(text):
        raise ValueError(f"{text} looks like milliseconds: write epoch seconds")
    try:
        if "/" in text:
            date, _, time = text.partition(" ")
            month, day, year = (int(part) for part in date.split("/"))
            hour, minute, second = (int(part) for part in f"{time or '0:00'}:0".split(":")[:3])
            return datetime(year, month, day, hour, minute, second, tzinfo=zone), False
        at = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        raise ValueError(
            f"{text[:40]!r} is not a time: write 2019-11-05T09:30:00, 11/5/2019 9:30 or epoch seconds"
        ) from None
    return (at, True) if at.tzinfo else (at.replace(tzinfo=zone), False)


def _read_number(name: str, text: str) -> float:
    if name == "volume" and not text.strip():
        return 0.0
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name} {text[:40]!r} is not a number")
    return number


def _refuse_twins(path: Path, table: list[_Told]) -> None:
    for before, one in pairwise(table):
        if before.at == one.at:
            raise BadConfig([f"{path}, line {one.line}: the time of line {before.line} again"])


def _rows(path: Path, table: list[_Told], daily: bool) -> Iterator[Row]:
    for one in table:
        at = int((one.at.replace(tzinfo=UTC) if daily else one.at).timestamp())
        if at % Interval.M1.seconds:
            raise BadConfig([f"{path}, line {one.line}: {one.at.isoformat()} is not the start of a minute"])
        yield (at, *one.numbers)
