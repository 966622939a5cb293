"""Reads and writes the universe as CSV, JSON, lines of JSON and Parquet, row by row."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path

import msgspec
import pyarrow as arrow
from pyarrow import parquet

from market_data.errors import BadQuestion
from market_data.market.member import FIELDS, Member
from market_data.universe.draft import Draft, draft

MOST_ROWS = 100_000
"""Rows of one file."""
MOST_BYTES = 32 * 1024 * 1024
"""Size of one file."""
MOST_PROBLEMS = 50
"""Rows whose mistakes are told; the rest are counted."""


class FileKind(StrEnum):
    """A format of the universe."""

    CSV = "csv"
    JSON = "json"  # an array of objects
    NDJSON = "ndjson"  # an object a line
    PARQUET = "parquet"


_SCHEMA = arrow.schema(
    [
        ("symbol", arrow.string()),
        ("exchange", arrow.string()),
        ("asset_type", arrow.string()),
        ("tier", arrow.string()),
        ("adv_21d", arrow.float64()),
        ("mkt_cap", arrow.float64()),
        ("pinned", arrow.bool_()),
        ("active", arrow.bool_()),
        ("listed", arrow.date32()),
        ("delisted", arrow.date32()),
    ]
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file as it came: its name, for errors, and its bytes."""

    name: str
    kind: FileKind
    content: bytes


def read_file(path: Path, kind: FileKind | None = None) -> Sheet:
    """A file from disk; its kind is told by its suffix. BadQuestion if that is unknown or it is too large."""
    suffix = path.suffix.lower().lstrip(".")
    if kind is None and suffix not in set(FileKind):
        raise BadQuestion(f"{path}: {path.suffix or 'no suffix'} is not one of .{', .'.join(FileKind)}")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadQuestion(f"{path}: it has more than {MOST_BYTES} bytes")
        return Sheet(str(path), kind or FileKind(suffix), path.read_bytes())
    except OSError as error:
        raise BadQuestion(f"{path}: it cannot be read ({error.strerror})") from None


def drafts_of(sheet: Sheet) -> list[Draft]:
    """The rows of a file; BadQuestion with a line for every row that cannot be used, and then none is."""
    found: dict[str, str] = {}
    drafts: list[Draft] = []
    problems: list[str] = []
    rows = _rows(sheet)
    for place, row in islice(rows, MOST_ROWS):
        try:
            one = draft(row)
            one.check()
        except ValueError as error:
            problems.append(f"{sheet.name}, {place}: {error}")
            continue
        if one.symbol in found:
            name = one.symbol if one.written == one.symbol else f"{one.written} is {one.symbol}, which"
            problems.append(f"{sheet.name}, {place}: {name} is on {found[one.symbol]} already")
        else:
            found[one.symbol] = place
            drafts.append(one)
    if next(rows, None) is not None:
        problems.append(f"{sheet.name}: it has more than {MOST_ROWS} rows")
    if problems:
        told = problems[:MOST_PROBLEMS]
        more = [f"and {len(problems) - MOST_PROBLEMS} more"] if len(problems) > MOST_PROBLEMS else []
        raise BadQuestion("\n".join([*told, *more, "nothing was written"]))
    if not drafts:
        raise BadQuestion(f"{sheet.name}: there is no row in it")
    return drafts


def written(kind: FileKind, members: Iterable[Member]) -> bytes:
    """Members in a format that `drafts_of` reads."""
    rows = [asdict(one) for one in members]
    if kind is FileKind.PARQUET:
        sink = io.BytesIO()
        parquet.write_table(arrow.Table.from_pylist(rows, _SCHEMA), sink)
        return sink.getvalue()
    if kind is FileKind.CSV:
        text = io.StringIO()
        writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode()
    lines = [msgspec.json.encode(row) for row in rows]
    if kind is FileKind.NDJSON:
        return b"".join(line + b"\n" for line in lines)
    return b"[\n" + b",\n".join(lines) + b"\n]\n"


def _rows(sheet: Sheet) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Each row with the name of its place."""
    try:
        yield from _READERS[sheet.kind](sheet.content)
    except (UnicodeDecodeError, csv.Error, ValueError, msgspec.DecodeError, arrow.ArrowException) as error:
        raise BadQuestion(f"{sheet.name}: this is no {sheet.kind.upper()} of a universe ({error})") from None


def _csv(content: bytes) -> Iterator[tuple[str, Mapping[str, object]]]:
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), restval="", restkey="")
    _check_names(rows.fieldnames or ())
    for row in rows:
        if row.pop("", None):
            row["more fields than the header has names"] = "yes"
        yield f"line {rows.line_num}", row


def _json(content: bytes) -> Iterator[tuple[str, Mapping[str, object]]]:
    for number, row in enumerate(msgspec.json.decode(content, type=list[dict[str, object]]), 1):
        yield f"entry {number}", row


def _ndjson(content: bytes) -> Iterator[tuple[str, Mapping[str, object]]]:
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip():
            yield f"line {number}", msgspec.json.decode(line, type=dict[str, object])


def _parquet(content: bytes) -> Iterator[tuple[str, Mapping[str, object]]]:
    file = parquet.ParquetFile(io.BytesIO(content))
    _check_names(file.schema_arrow.names)
    number = 0
    for batch in file.iter_batches(batch_size=4096):
        for row in batch.to_pylist():
            number += 1
            yield f"row {number}", row


_READERS = {
    FileKind.CSV: _csv,
    FileKind.JSON: _json,
    FileKind.NDJSON: _ndjson,
    FileKind.PARQUET: _parquet,
}


def _check_names(names: Iterable[str]) -> None:
    """ValueError where a column is unknown, or there is no symbol."""
    found = list(names)
    if unknown := sorted(set(found) - set(FIELDS)):
        raise ValueError(f"unknown columns {', '.join(unknown)}; known are {', '.join(FIELDS)}")
    if "symbol" not in found:
        raise ValueError("the header lacks symbol")
