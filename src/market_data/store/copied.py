"""Bars out of the bytes of PostgreSQL's binary COPY: what `rows` is to writing.

A row begins with fields of fixed width, which numpy reads column by column; the texts of its origin follow.
Rows of the same origin have the same width, so that it is enough to find where each run of them ends.
"""

import struct
from collections.abc import Iterator
from itertools import accumulate, islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from market_data.market.known import KnownBars, Origin
from market_data.store.rows import END, POSTGRES_EPOCH, SIGNATURE

NUMBERS = ("open", "high", "low", "close", "volume")
COLUMNS = ("ts", *NUMBERS, "as_of", "revision", *Origin._fields)
"""What the fields of a row have to be, in this order."""

_TYPES = {"ts": ">i8", **dict.fromkeys(NUMBERS, ">f8"), "as_of": ">i8", "revision": ">i4"}
_FIXED = np.dtype(
    [
        ("fields", ">i2"),
        *(one for name, kind in _TYPES.items() for one in ((f"{name}:", ">i4"), (name, kind))),
    ]
)
_SHIFT = POSTGRES_EPOCH * 1_000_000
_length = struct.Struct(">i")

OFTEN = 8
"""Origins that are looked for before their texts are taken apart."""


class _Run(NamedTuple):
    """Rows of one origin: which it is, how many, of how many bytes each, and where the first begins."""

    which: int
    rows: int
    width: int
    at: int


class Reader:
    """Cuts what COPY sends into bars, in whichever pieces it comes."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False
        self._seen: dict[bytes, int] = {}  # the texts of each origin, as they are sent

    def bars(self, data: bytes) -> KnownBars:
        """The bars that are whole now, after what came before. ValueError for rows that are none of bars."""
        data = self._rest + data
        runs = list(self._runs(data, 0 if self._begun else len(SIGNATURE)))
        if runs:
            self._begun = True
            self._rest = data[runs[-1].at + runs[-1].rows * runs[-1].width :]
        else:
            self._rest = data
        table = _table(data, runs)
        which = np.array([one.which for one in runs], np.int32)
        return KnownBars(
            ts=table["ts"].astype(np.int64) + _SHIFT,
            **{name: table[name].astype(np.float64) for name in NUMBERS},
            as_of=table["as_of"].astype(np.int64) + _SHIFT,
            revision=table["revision"].astype(np.int32),
            which=np.repeat(which, [one.rows for one in runs]),
            origins=tuple(map(_read, self._seen)),
        )

    def end(self) -> None:
        """ValueError where what came is not whole: then something else was read for rows of bars."""
        if self._rest.removeprefix(b"" if self._begun else SIGNATURE) != END:
            raise ValueError("these are no rows of bars: they do not end where the data do")

    def _runs(self, data: bytes, at: int) -> Iterator[_Run]:
        while (found := self._origin(data, at + _FIXED.itemsize)) is not None:
            which, texts = found
            width = _FIXED.itemsize + len(texts)
            rows, ahead = 1, at + width + _FIXED.itemsize
            while data.startswith(texts, ahead):
                rows += 1
                ahead += width
            yield _Run(which, rows, width, at)
            at += rows * width

    def _origin(self, data: bytes, at: int) -> tuple[int, bytes] | None:
        """Which origin has its texts at `at`, and their bytes; None if they are not all there."""
        for texts, which in islice(self._seen.items(), OFTEN):
            if data.startswith(texts, at):
                return which, texts
        found = _texts(data, at)
        return None if found is None else (self._seen.setdefault(found, len(self._seen)), found)


def _texts(data: bytes, at: int) -> bytes | None:
    """The bytes of the texts at `at`, with their lengths; None if they are not all there."""
    place = at
    for _ in Origin._fields:
        start = place + _length.size
        if start > len(data):
            return None
        place = start + max(_length.unpack_from(data, place)[0], 0)
    return data[at:place] if place <= len(data) else None


def _read(texts: bytes) -> Origin:
    found, place = [], 0
    for _ in Origin._fields:
        start = place + _length.size
        place = start + max(_length.unpack_from(texts, place)[0], 0)
        found.append(texts[start:place].decode())
    return Origin(*found)


def _table(data: bytes, runs: list[_Run]) -> NDArray[np.void]:
    """The fields of fixed width of all rows, shape (n,). ValueError where they are others."""
    table: NDArray[np.void]
    if len(runs) == 1:
        table = np.ndarray(runs[0].rows, _FIXED, data, runs[0].at, (runs[0].width,))
    else:
        which = np.repeat(np.arange(len(runs)), [one.rows for one in runs])
        at, width, first = (np.array(one, np.int64)[which] for one in _places(runs))
        starts = at + width * (np.arange(len(which)) - first)
        fields = np.frombuffer(data, np.uint8)[starts[:, np.newaxis] + np.arange(_FIXED.itemsize)]
        table = fields.view(_FIXED).ravel()
    if (table["fields"] != len(COLUMNS)).any() or any(
        (table[f"{name}:"] != _FIXED[name].itemsize).any() for name in _TYPES
    ):
        raise ValueError("these are no rows of bars: a field has no value, or another width")
    return table


def _places(runs: list[_Run]) -> tuple[list[int], list[int], list[int]]:
    """Of each run, where it begins, how wide its rows are, and how many rows come before it."""
    before = accumulate((one.rows for one in runs), initial=0)
    return [one.at for one in runs], [one.width for one in runs], list(before)[: len(runs)]
