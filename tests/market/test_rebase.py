"""A re-based history is told from corrections: all of it by one factor."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.market.bar import Numbers
from market_data.market.rebase import LEAST_BARS, factor

CLOSES = np.array([230.10, 231.55, 229.80, 233.02, 232.40])
prices = st.lists(st.floats(5.0, 5000.0), min_size=LEAST_BARS, max_size=10).map(np.array)


@pytest.mark.parametrize("by", [0.25, 1 / 3, 10.0, 0.05, 0.996])
def test_splits_and_dividends_are_noticed_though_prices_are_rounded(by: float) -> None:
    found = factor(CLOSES, (CLOSES * by).round(4))
    assert found == pytest.approx(by, rel=1e-4)


@given(prices, st.floats(0.01, 100.0))
def test_whatever_the_factor_it_is_found_or_none(closes: Numbers, by: float) -> None:
    found = factor(closes, closes * by)
    assert found == pytest.approx(by) if abs(by - 1) > 0.0011 else found is None or abs(found - 1) < 0.0012


@given(prices)
def test_the_same_again_is_no_change(closes: Numbers) -> None:
    assert factor(closes, closes.round(2)) is None


def test_a_correction_of_some_is_none_of_all() -> None:
    told = CLOSES.copy()
    told[2] *= 0.5
    assert factor(CLOSES, told) is None
    assert factor(CLOSES[:2], CLOSES[:2] / 4) is None, "too few to tell"
    assert factor(CLOSES[:0], CLOSES[:0]) is None
