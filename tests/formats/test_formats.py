"""Every format gives back the bars that were written, to the last digit, however they came in blocks."""

import csv
import io
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pyarrow as arrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from market_data.formats import MEDIA_TYPES, WRITERS, Format, Heading
from market_data.formats.columns import ROWS_OF_GROUP
from market_data.market.bar import KnownBar
from market_data.market.known import KnownBars, Origin
from market_data.market.span import moment

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HEADING = Heading("BRK.B", "3m", moment(1_720_000_800), moment(1_720_087_200))

NUMBERS = st.one_of(
    st.integers(0, 10**7).map(lambda cents: cents / 100), st.floats(allow_nan=False, allow_infinity=False)
)
TEXTS = st.one_of(st.sampled_from(["yahoo", 'a,"b"', "50 %b", "Zürich\n"]), st.text(max_size=5))
ORIGINS = st.builds(Origin, TEXTS, st.sampled_from(["partial", "final", "corrected"]), TEXTS, TEXTS)
TIMES = st.one_of(
    st.integers(0, 4_102_444_800).map(lambda at: at * 1_000_000), st.integers(0, 4_102_444_800_000_000)
)
VOLUMES = st.one_of(NUMBERS, st.just(np.nan))
"""NaN: the bar has no volume."""
ROW = st.tuples(
    TIMES, NUMBERS, NUMBERS, NUMBERS, NUMBERS, VOLUMES, TIMES, st.integers(0, 2**31 - 1), st.integers(0, 2)
)

TYPES = {
    "ts": np.int64,
    **dict.fromkeys(("open", "high", "low", "close", "volume"), np.float64),
    "as_of": np.int64,
    "revision": np.int32,
    "which": np.int32,
}


def bars_of(rows: list[tuple[Any, ...]], origins: list[Origin]) -> KnownBars:
    columns = list(zip(*rows, strict=True)) or [()] * len(TYPES)
    arrays: dict[str, Any] = {
        name: np.array(one, kind) for (name, kind), one in zip(TYPES.items(), columns, strict=True)
    }
    return KnownBars(**arrays, origins=origins)


def json_rows(data: bytes) -> list[KnownBar]:
    document = json.loads(data)
    told = {name: document[name] for name in ("symbol", "interval", "start", "end")}
    assert msgspec.convert(told, Heading) == HEADING
    assert document["next"] == "onwards"
    return msgspec.convert(document["bars"], list[KnownBar])


def csv_rows(data: bytes) -> list[KnownBar]:
    found = csv.DictReader(io.StringIO(data.decode(), ""))
    return [msgspec.convert(row | {"volume": row["volume"] or None}, KnownBar, strict=False) for row in found]


def ndjson_rows(data: bytes) -> list[KnownBar]:
    return [msgspec.json.decode(line, type=KnownBar) for line in data.split(b"\n")[:-1]]


def table_rows(table: arrow.Table) -> list[KnownBar]:
    assert table.schema.metadata[b"symbol"] == b"BRK.B"
    assert table.schema.metadata[b"interval"] == b"3m"
    columns = [
        [EPOCH + timedelta(microseconds=at) for at in column.cast(arrow.int64()).to_pylist()]
        if arrow.types.is_timestamp(column.type)
        else column.to_pylist()
        for column in table.columns
    ]
    names = table.column_names
    return [
        msgspec.convert(dict(zip(names, one, strict=True)), KnownBar) for one in zip(*columns, strict=True)
    ]


def arrow_rows(data: bytes) -> list[KnownBar]:
    return table_rows(arrow.ipc.open_stream(data).read_all())


def parquet_rows(data: bytes) -> list[KnownBar]:
    return table_rows(parquet.read_table(io.BytesIO(data)))


READERS: Mapping[Format, Callable[[bytes], list[KnownBar]]] = {
    Format.JSON: json_rows,
    Format.CSV: csv_rows,
    Format.NDJSON: ndjson_rows,
    Format.ARROW: arrow_rows,
    Format.PARQUET: parquet_rows,
}


def written(kind: Format, blocks: list[KnownBars]) -> bytes:
    writer = WRITERS[kind](HEADING)
    return b"".join([writer.begin(), *(writer.bars(block) for block in blocks), writer.end("onwards")])


@settings(deadline=None)
@given(
    blocks=st.lists(st.lists(ROW, max_size=8), max_size=4),
    origins=st.lists(ORIGINS, min_size=3, max_size=3),
)
def test_what_is_written_is_read_back_in_every_format(
    blocks: list[list[tuple[Any, ...]]], origins: list[Origin]
) -> None:
    bars = [bars_of(rows, origins) for rows in blocks]
    expected = [row for one in bars for row in one.rows()]
    for kind, read in READERS.items():
        assert read(written(kind, bars)) == expected, kind


def test_there_is_a_writer_and_a_media_type_for_every_format() -> None:
    assert set(WRITERS) == set(MEDIA_TYPES) == set(Format) == set(READERS)


def test_parquet_comes_in_row_groups_and_keeps_no_more_than_one() -> None:
    origins = [Origin("yahoo", "final", "raw", "unknown")]
    block = bars_of([(60_000_000 * i, 1.0, 2.0, 0.5, 1.5, 10.0, 0, 0, 0) for i in range(2048)], origins)
    writer, pieces, count = WRITERS[Format.PARQUET](HEADING), [], 40
    pieces.append(writer.begin())
    silent = 0
    for _ in range(count):
        pieces.append(writer.bars(block))
        silent = 0 if pieces[-1] else silent + 1
        assert silent * len(block) < ROWS_OF_GROUP
    pieces.append(writer.end())
    file = parquet.ParquetFile(io.BytesIO(b"".join(pieces)))
    assert file.metadata.num_rows == count * len(block)
    assert file.metadata.num_row_groups == count * len(block) // ROWS_OF_GROUP


@pytest.mark.parametrize("price", [0.1 + 0.2, 1e16, 5e-324, 123456789.01])
def test_a_price_is_the_shortest_decimal_that_reads_back(price: float) -> None:
    bars = bars_of([(0, *[price] * 5, 0, 0, 0)], [Origin("yahoo", "final", "raw", "unknown")])
    line = written(Format.CSV, [bars]).decode().splitlines()[1]
    text = line.split(",")[1]
    assert float(text) == price
    assert len(text) <= len(repr(price))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Format.JSON, b'"close":3.5,"volume":null,"provider":"yahoo"'),
        (Format.NDJSON, b'"close":3.5,"volume":null,"provider":"yahoo"'),
        (Format.CSV, b",3.5,,yahoo,"),
    ],
)
def test_a_bar_without_a_volume_says_null_or_nothing(kind: Format, expected: bytes) -> None:
    origins = [Origin("yahoo", "final", "raw", "mixed")]
    bars = bars_of([(0, 2.5, 4.5, 1.5, 3.5, np.nan, 0, 0, 0), (1, 2.5, 4.5, 1.5, 3.5, 7.0, 0, 0, 0)], origins)
    data = written(kind, [bars])
    assert data.count(expected) == 1
    assert b"7.0" in data
    assert b"nan" not in data.lower()


@pytest.mark.parametrize("kind", [Format.ARROW, Format.PARQUET])
def test_a_column_of_volumes_has_nulls_and_no_other_column_may(kind: Format) -> None:
    origins = [Origin("yahoo", "final", "raw", "mixed")]
    bars = bars_of([(0, 2.5, 4.5, 1.5, 3.5, np.nan, 0, 0, 0), (1, 2.5, 4.5, 1.5, 3.5, 7.0, 0, 0, 0)], origins)
    data = written(kind, [bars])
    table = (
        arrow.ipc.open_stream(data).read_all()
        if kind is Format.ARROW
        else parquet.read_table(io.BytesIO(data))
    )
    assert table.column("volume").to_pylist() == [None, 7.0]
    assert [one.name for one in table.schema if one.nullable] == ["volume"]
