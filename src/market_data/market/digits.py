"""The digits of prices that a vendor keeps in single precision and sends as double."""

import numpy as np
import orjson

from market_data.market.bar import Numbers


def shortest(prices: Numbers) -> Numbers:
    """Prices of any shape, those that are float32 values as the shortest decimals that read back as them.

    256.1199951171875 is what 256.12 becomes in single precision, so 256.12 was meant. What is not exactly a
    float32 was sent in double precision and stays as it is; so do NaN and infinity.
    """
    with np.errstate(over="ignore"):  # beyond float32: infinite, hence not equal
        single = prices.astype(np.float32)
    exact = np.isfinite(prices) & (single == prices)
    meant: Numbers = prices.copy()
    text = orjson.dumps(single[exact], option=orjson.OPT_SERIALIZE_NUMPY)  # writes the shortest of a float32
    meant[exact] = orjson.loads(text)
    return meant
