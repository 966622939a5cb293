"""How long a noted moment holds, although the clock that it was noted by may be set meanwhile."""

CLOCKS_DIFFER = 5.0
"""Seconds: a moment that is later than now by no more was noted by another clock; by more, by a wrong one,
which has been set back since."""


def holds(since: float, until: float, now: float) -> bool:
    """Whether what was noted at `since` to hold until `until` holds at `now` (all seconds of one clock).

    What was noted later than now holds no more: else a clock that was ahead would block until it comes round.
    """
    return since - CLOCKS_DIFFER <= now < until
