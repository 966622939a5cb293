"""Bars out of the bytes of PostgreSQL's binary COPY: what `rows` is to writing.

A row begins with fields of fixed width, which numpy reads column by column; the texts of its origin follow.
Rows of the same origin have the same width, so that it is enough to find where each run of them ends.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from market_data.market.known import KnownBars, Origin
from market_data.store.rows import POSTGRES_EPOCH, SIGNATURE

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


class _Run(NamedTuple):
    """Rows of one origin: how many, of how many bytes each, and where the first begins."""

    origin: Origin
    rows: int
    width: int
    at: int


class Reader:
    """Cuts what COPY sends into bars, in whichever pieces it comes."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False

    def bars(self, data: bytes) -> KnownBars:
        """The bars that are whole now, after what came before. ValueError for rows that are none of bars."""
        data = self._rest + data
        at = 0 if self._begun else len(SIGNATURE)
        runs = list(_runs(data, at))
        if runs:
            self._begun = True
            at = runs[-1].at + runs[-1].rows * runs[-1].width
        self._rest = data[at:] if self._begun else data
        return _bars(data, runs)


def _runs(data: bytes, at: int) -> Iterator[_Run]:
    while (tail := _tail(data, at + _FIXED.itemsize)) is not None:
        texts, origin = tail
        width = _FIXED.itemsize + len(texts)
        rows, ahead = 1, at + width + _FIXED.itemsize
        while data.startswith(texts, ahead):
            rows += 1
            ahead += width
        yield _Run(origin, rows, width, at)
        at += rows * width


def _tail(data: bytes, at: int) -> tuple[bytes, Origin] | None:
    """The bytes and the texts of the fields after those of fixed width; None if they are not all there."""
    texts, place = [], at
    for _ in Origin._fields:
        if place + _length.size > len(data):
            return None
        start = place + _length.size
        place = start + max(_length.unpack_from(data, place)[0], 0)
        if place > len(data):
            return None
        texts.append(data[start:place].decode())
    return data[at:place], Origin(*texts)


def _bars(data: bytes, runs: list[_Run]) -> KnownBars:
    pieces = [np.ndarray(one.rows, _FIXED, data, one.at, (one.width,)) for one in runs]
    table = np.concatenate(pieces) if len(pieces) > 1 else (pieces or [np.empty(0, _FIXED)])[0]
    if (table["fields"] != len(COLUMNS)).any() or any(
        (table[f"{name}:"] != _FIXED[name].itemsize).any() for name in _TYPES
    ):
        raise ValueError("these are no rows of bars: a field has no value, or another width")
    places: dict[Origin, int] = {}
    which = [places.setdefault(one.origin, len(places)) for one in runs]
    counts = [one.rows for one in runs]
    return KnownBars(
        ts=table["ts"].astype(np.int64) + _SHIFT,
        **{name: table[name].astype(np.float64) for name in NUMBERS},
        as_of=table["as_of"].astype(np.int64) + _SHIFT,
        revision=table["revision"].astype(np.int32),
        which=_repeated(which, counts),
        origins=tuple(places),
    )


def _repeated(which: list[int], counts: list[int]) -> NDArray[np.int32]:
    return np.repeat(np.array(which, np.int32), np.array(counts, np.int64))
