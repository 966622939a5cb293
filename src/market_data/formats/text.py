"""Bars as text: JSON, lines of JSON, CSV. A row is one template filled with the texts of its columns.

Prices are the shortest decimals that read back as the same number.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import mod

import msgspec
import numpy as np
import orjson
import pyarrow as arrow

from market_data.formats.format import Heading
from market_data.market.bar import KnownBar, Numbers, Times
from market_data.market.known import KnownBars, Origin

_JSON_ROW = (
    b'{"ts":"%%b","open":%%b,"high":%%b,"low":%%b,"close":%%b,"volume":%%b,"provider":%b,"as_of":"%%b",'
    b'"status":%b,"revision":%%d,"adjustment":%b,"volume_scope":%b}'
)
_CSV_ROW = b"%%b,%%b,%%b,%%b,%%b,%%b,%b,%%b,%b,%%d,%b,%b\n"
_TIME = 26
"""Characters of a time with microseconds: 2025-10-08T14:00:00.000000."""


@dataclass
class Text:
    """A format of rows: what comes before, between and after them, and the template of those of an origin."""

    before: bytes
    row: Callable[[Origin], bytes]
    between: bytes = b""
    none: bytes = b"null"
    """What is written where a bar has no volume."""
    after: Callable[[str | None], bytes] = lambda _: b""
    _begun: bool = field(default=False, init=False)

    def begin(self) -> bytes:
        """What comes before the bars."""
        return self.before

    def bars(self, bars: KnownBars) -> bytes:
        """Rows."""
        if not len(bars):
            return b""
        lead, self._begun = self.between if self._begun else b"", True
        return lead + self.between.join(_rows(bars, self.row, self.none))

    def end(self, following: str | None = None) -> bytes:
        """What comes after them."""
        return self.after(following)


def json(heading: Heading) -> Text:
    """One document: the heading, the bars, and `next`, the cursor of the next page or null."""
    return Text(
        before=msgspec.json.encode(heading)[:-1] + b',"bars":[',
        row=_json_row,
        between=b",",
        after=lambda following: b'],"next":%b}' % msgspec.json.encode(following),
    )


def ndjson(_: Heading) -> Text:
    """An object a line."""
    return Text(before=b"", row=lambda origin: _json_row(origin) + b"\n")


def csv(_: Heading) -> Text:
    """A header, and a line a bar; texts are quoted where they have to be (RFC 4180)."""
    return Text(before=",".join(KnownBar.__struct_fields__).encode() + b"\n", row=_csv_row, none=b"")


def _rows(bars: KnownBars, row: Callable[[Origin], bytes], none: bytes) -> Iterator[bytes]:
    templates = [row(origin) for origin in bars.origins]
    *prices, volumes = (_decimals(column) for column in bars.numbers())
    if np.isnan(bars.volume).any():
        volumes = [none if volume == b"null" else volume for volume in volumes]
    columns = (_times(bars.ts), *prices, volumes, _times(bars.as_of), bars.revision.tolist())
    return map(mod, map(templates.__getitem__, bars.which.tolist()), zip(*columns, strict=True))


def _times(column: Times) -> list[bytes]:
    """RFC 3339 in UTC, with microseconds where there are any."""
    moments = arrow.Array.from_buffers(arrow.timestamp("us"), len(column), [None, arrow.py_buffer(column)])
    texts = np.frombuffer(moments.cast(arrow.string()).buffers()[2], np.uint8, _TIME * len(column))
    table = texts.reshape(-1, _TIME).copy()
    table[:, 10] = ord("T")
    whole: list[bytes] = table.view(f"S{_TIME}").ravel().tolist()
    return b"Z,".join([*whole, b""])[:-1].replace(b".000000Z", b"Z").split(b",")


def _decimals(column: Numbers) -> list[bytes]:
    text = orjson.dumps(np.ascontiguousarray(column), option=orjson.OPT_SERIALIZE_NUMPY)
    return text[1:-1].split(b",")


def _json_row(origin: Origin) -> bytes:
    return _JSON_ROW % tuple(msgspec.json.encode(one).replace(b"%", b"%%") for one in origin)


def _csv_row(origin: Origin) -> bytes:
    return _CSV_ROW % tuple(_csv_field(one).encode().replace(b"%", b"%%") for one in origin)


def _csv_field(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\r\n') else text
