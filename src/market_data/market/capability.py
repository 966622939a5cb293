"""The kinds of question that can be put to a provider."""

from enum import StrEnum

from market_data.market.interval import Interval


class Capability(StrEnum):
    """A kind of question; its value is the spelling in settings, metrics and jobs."""

    BARS_1M = "bars_1m"
    EOD = "eod"
    QUOTES_L1 = "quotes_l1"

    @property
    def interval(self) -> Interval | None:
        """The interval of the bars that answer it; None for quotes."""
        return {Capability.BARS_1M: Interval.M1, Capability.EOD: Interval.D1}.get(self)


CAPABILITIES = {one.interval: one for one in (Capability.BARS_1M, Capability.EOD) if one.interval is not None}
"""The capability that answers questions for bars of an interval."""
