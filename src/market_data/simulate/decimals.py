"""Prices as texts with a fixed number of decimals, more where the price has more."""

import numpy as np


def decimals(price: float, least: int) -> str:
    """A price with `least` decimals, or with as many as it takes to read back as the same number."""
    fixed = f"{price:.{least}f}"
    return fixed if float(fixed) == price else np.format_float_positional(price, trim="-")
