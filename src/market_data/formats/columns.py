"""Bars as columns: an Arrow IPC stream, and Parquet."""

import io
from typing import Any

import pyarrow as arrow
from pyarrow import parquet

from market_data.formats.format import Heading
from market_data.market.known import KnownBars, Origin

ROWS_OF_GROUP = 16_384
"""Bars of a row group of Parquet, which are held until it is full: about 2 MB."""

_TIME = arrow.timestamp("us", "UTC")
_TYPES = {
    "ts": _TIME,
    **dict.fromkeys(("open", "high", "low", "close", "volume"), arrow.float64()),
    "provider": arrow.string(),
    "as_of": _TIME,
    "status": arrow.string(),
    "revision": arrow.int32(),
    "adjustment": arrow.string(),
    "volume_scope": arrow.string(),
}
_MAY_BE_NULL = "volume"
_FIELDS = [arrow.field(name, kind, nullable=name == _MAY_BE_NULL) for name, kind in _TYPES.items()]
_END = b"\xff\xff\xff\xff\0\0\0\0"
"""What an IPC stream ends with (https://arrow.apache.org/docs/format/Columnar.html, IPC Streaming Format)."""


class Arrow:
    """An IPC stream: a schema that names the series, then a batch for each block of bars."""

    def __init__(self, heading: Heading) -> None:
        self._schema = _schema(heading)

    def begin(self) -> bytes:
        """The schema."""
        return _bytes(self._schema.serialize())

    def bars(self, bars: KnownBars) -> bytes:
        """A batch."""
        return _bytes(_batch(bars, self._schema).serialize())

    def end(self, following: str | None = None) -> bytes:  # noqa: ARG002 - a header of the answer has it
        """The mark of the end."""
        return _END


class Parquet:
    """A file in row groups of ROWS_OF_GROUP bars, compressed with zstd; its metadata name the series."""

    def __init__(self, heading: Heading) -> None:
        self._schema = _schema(heading)
        self._sink = _Sink()
        self._writer = parquet.ParquetWriter(self._sink, self._schema, compression="zstd")
        self._held: list[arrow.RecordBatch] = []
        self._rows = 0

    def begin(self) -> bytes:
        """The magic number."""
        return self._sink.taken()

    def bars(self, bars: KnownBars) -> bytes:
        """A row group, once it is full."""
        self._held.append(_batch(bars, self._schema))
        self._rows += len(bars)
        if self._rows >= ROWS_OF_GROUP:
            self._write()
        return self._sink.taken()

    def end(self, following: str | None = None) -> bytes:  # noqa: ARG002 - a header of the answer has it
        """The last row group and the footer."""
        self._write()
        self._writer.close()
        return self._sink.taken()

    def _write(self) -> None:
        if self._rows:
            self._writer.write_table(arrow.Table.from_batches(self._held), row_group_size=self._rows)
        self._held, self._rows = [], 0


class _Sink(io.RawIOBase):
    """Takes what the writer of Parquet writes, which goes on as if it were all still there."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._at = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._pieces.append(bytes(data))
        self._at += len(self._pieces[-1])
        return len(self._pieces[-1])

    def tell(self) -> int:
        return self._at

    def taken(self) -> bytes:
        """What was written since the last time."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def _schema(heading: Heading) -> arrow.Schema:
    told = {"symbol": heading.symbol, "interval": heading.interval, "adjustment": heading.adjustment}
    times = {"start": heading.start.isoformat(), "end": heading.end.isoformat()}
    return arrow.schema(_FIELDS, metadata=told | times)


def _batch(bars: KnownBars, schema: arrow.Schema) -> arrow.RecordBatch:
    which = arrow.array(bars.which)
    texts = {
        name: arrow.DictionaryArray.from_arrays(
            which, arrow.array([one[place] for one in bars.origins], arrow.string())
        ).dictionary_decode()
        for place, name in enumerate(Origin._fields)
    }
    columns = [
        texts[name]
        if name in texts
        else arrow.array(getattr(bars, name), kind, from_pandas=name == _MAY_BE_NULL)  # NaN is null
        for name, kind in _TYPES.items()
    ]
    return arrow.record_batch(columns, schema=schema)


def _bytes(buffer: arrow.Buffer) -> bytes:
    data: bytes = buffer.to_pybytes()
    return data
