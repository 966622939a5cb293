"""Bars as columns: made of tuples, chosen from, taken apart again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.market.bar import Bars, Row

numbers = st.floats(allow_nan=False)
rows = st.tuples(st.integers(-(2**62), 2**62), numbers, numbers, numbers, numbers, numbers)
tables = st.lists(rows, max_size=20)


@given(tables)
def test_tuples_become_bars_and_come_back_unchanged_in_their_order(table: list[Row]) -> None:
    bars = Bars.of(iter(table))
    assert len(bars) == len(table)
    assert bars.rows() == table
    assert [column.dtype.name for column in bars.columns()] == ["int64", *["float64"] * 5]


@given(tables, st.data())
def test_a_mask_and_an_index_choose_whole_bars(table: list[Row], data: st.DataObject) -> None:
    bars = Bars.of(table)
    mask = data.draw(st.lists(st.booleans(), min_size=len(table), max_size=len(table)))
    chosen = [row for row, wanted in zip(table, mask, strict=True) if wanted]
    assert bars.take(np.array(mask, np.bool_)).rows() == chosen
    assert bars.take(np.flatnonzero(mask)).rows() == chosen
    order = data.draw(st.permutations(range(len(table))))
    assert bars.take(np.array(order, np.intp)).rows() == [table[i] for i in order]


def test_numbers_that_are_not_finite_are_carried() -> None:
    (row,) = Bars.of([(60, float("nan"), float("inf"), 1.0, -0.0, 5e-324)]).rows()
    assert np.isnan(row[1])
    assert row[2:] == (float("inf"), 1.0, -0.0, 5e-324)


def test_no_bars_have_the_columns_of_bars() -> None:
    assert len(Bars.none()) == 0
    assert Bars.none().rows() == []
    assert Bars.none().ts.dtype == np.int64


def test_columns_of_unequal_length_are_refused() -> None:
    one, two = np.ones(1), np.ones(2)
    with pytest.raises(ValueError, match=r"unequal length: \[1, 2\]"):
        Bars(np.ones(1, np.int64), one, one, one, one, two)
