"""Notices that a provider has re-based its adjusted history: all of it times one factor, as after a split."""

import numpy as np

from market_data.market.bar import Numbers

LEAST_BARS = 3
"""Bars that must agree; one or two that changed alike may be corrections."""
LEAST_CHANGE = 1e-3
"""Share by which prices must have changed: less is rounding."""
TOLERANCE = 5e-4
"""Share by which the factor may differ from bar to bar: adjusted prices are told with few digits."""


def factor(known: Numbers, told: Numbers) -> float | None:
    """What closes of the same bars, shape (n,) each, were multiplied by; None: by nothing, or not alike."""
    if len(known) < LEAST_BARS:
        return None
    ratios = told / known
    middle = float(np.median(ratios))
    alike = np.abs(ratios / middle - 1) <= TOLERANCE
    return middle if alike.all() and abs(middle - 1) > LEAST_CHANGE else None
