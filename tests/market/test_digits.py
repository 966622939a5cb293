"""Prices of single precision as they were meant, held against numpy's own shortest text."""

import numpy as np
import pytest

from market_data.market.digits import shortest


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (1.2666670083999634, 1.266667),  # TSLA on its first day, as adjusted for two splits
        (256.1199951171875, 256.12),
        (1.234560022567166e-05, 0.0000123456),
        (612345.6875, 612345.7),  # a float32 has no more digits there
        (542000.0, 542000.0),
        (0.5, 0.5),
        (103.69999694824219, 103.7),
    ],
)
def test_a_single_precision_price_is_the_shortest_decimal_of_its_float32(sent: float, meant: float) -> None:
    assert shortest(np.array([sent])).tolist() == [meant]
    assert np.float32(meant) == np.float32(sent)


@pytest.mark.parametrize("sent", [0.1 + 0.2, 256.21, 43154.4297, 1e300, 1e-300, 1.2666670083999])
def test_a_double_precision_price_stays_as_sent(sent: float) -> None:
    assert shortest(np.array([sent])).tolist() == [sent]


def test_what_is_no_number_stays_and_hides_nothing() -> None:
    told = shortest(np.array([[np.nan, 256.1199951171875], [np.inf, -np.inf]]))
    assert np.isnan(told[0, 0])
    assert told[0, 1] == 256.12
    assert told[1].tolist() == [np.inf, -np.inf]


def test_no_prices_are_no_prices() -> None:
    assert shortest(np.empty((4, 0))).shape == (4, 0)


def test_every_scale_agrees_with_numpy_and_reads_back() -> None:
    dice = np.random.default_rng(17)
    single = (10.0 ** dice.uniform(-12, 8, 20_000)).astype(np.float32)
    told = shortest(single.astype(np.float64))
    assert (told.astype(np.float32) == single).all()
    assert told.tolist() == [float(str(one)) for one in single]


def test_the_argument_is_not_changed() -> None:
    prices = np.array([256.1199951171875])
    shortest(prices)
    assert prices.tolist() == [256.1199951171875]
