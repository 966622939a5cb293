"""Bars as the bytes of PostgreSQL's binary COPY: rows of one width, which numpy fills column by column.

https://www.postgresql.org/docs/current/sql-copy.html (Binary Format): each row is the number of its fields,
then for each field its length and its bytes, all big-endian. What is the same for all bars is written once.
"""

import struct
from datetime import datetime, timedelta

import numpy as np

from market_data.market.bar import Bars
from market_data.market.span import moment

COLUMNS = ("symbol", "interval", "ts", "open", "high", "low", "close", "volume")
"""What the fields of a row are, before those of its origin."""
SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
"""What the data begin with: no flags, no extension."""
END = struct.pack(">h", -1)
"""What the data end with, in place of a row's number of fields."""
POSTGRES_EPOCH = 946_684_800
"""PostgreSQL counts microseconds from 2000-01-01."""


def stream(*packed: bytes) -> memoryview:
    """What COPY is sent; a view, since the driver would take bytes for the name of a file."""
    return memoryview(b"".join((SIGNATURE, *packed, END)))


def packed(
    series: tuple[str, str], bars: Bars, origin: tuple[str | int | float | datetime | None, ...]
) -> bytes:
    """Rows of `bars` without signature and end: COLUMNS, then the fields of `origin`, alike for all."""
    fields = [*series, *(bytes(8) for _ in bars.columns()), *origin]
    pieces = [struct.pack(">h", len(fields)), *(_field(one) for one in fields)]
    row = np.frombuffer(b"".join(pieces), np.uint8)
    table = np.tile(row, (len(bars), 1))
    ends = np.cumsum([len(piece) for piece in pieces])[3 : 3 + len(bars.columns())]
    microseconds = (bars.ts - POSTGRES_EPOCH) * 1_000_000
    for end, column in zip(ends.tolist(), (microseconds, *bars.columns()[1:]), strict=True):
        big_endian = np.ascontiguousarray(column, column.dtype.newbyteorder(">"))
        table[:, end - 8 : end] = big_endian.view(np.uint8).reshape(-1, 8)
    return table.tobytes()


def _field(value: str | float | bytes | datetime | None) -> bytes:
    if value is None:
        return struct.pack(">i", -1)
    if isinstance(value, datetime):
        value = struct.pack(">q", (value - moment(POSTGRES_EPOCH)) // timedelta(microseconds=1))
    elif isinstance(value, int):
        value = struct.pack(">i", value)
    elif isinstance(value, float):
        value = struct.pack(">d", value)
    elif isinstance(value, str):
        value = value.encode()
    return struct.pack(">i", len(value)) + value
