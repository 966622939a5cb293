"""Decides when a vacancy is looked at again, and when it is confirmed; pure."""

from dataclasses import dataclass

import numpy as np

from market_data.market.interval import Interval
from market_data.market.session import MarketHours
from market_data.market.span import Span

SOON_SECONDS = 600
"""Minutes of the running session are looked at again so long after; vacancies of that time share a look."""
EVENING_SECONDS = 2 * 3600
"""Seconds after a session's close at which its minutes are looked at again."""
NEXT_MORNING_SECONDS = 86_400
"""What is older than CONFIRMED_AFTER sessions when it is found empty is looked at once more, a day later."""
CONFIRMED_AFTER = 5
"""Sessions after which a vacancy is looked at for the last time, and confirmed."""
LOOKED_AFTER = (1, CONFIRMED_AFTER)
"""Sessions after its own at whose evening a vacancy is looked at."""
WHOLE_LOOKED_AFTER = (1, CONFIRMED_AFTER, 10, 20)
"""The same of a session without any bar: a provider may report a whole day weeks late."""


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a vacancy that was seen once more: `look_at` (epoch seconds) is None if never again."""

    look_at: float | None
    confirmed: bool


def next_look(
    span: Span,
    interval: Interval,
    hours: MarketHours,
    *,
    first_at: float,
    now: float,
    witnesses: int,
    whole: bool,
) -> Next:
    """What becomes at `now` of a vacancy that was first seen at `first_at` and that `witnesses` now prove.

    `whole`: it is part of a session without any bar.

    It is looked at soon after, in the evening, in the evening of the next session and of the fifth; then it
    is confirmed. A whole empty session is never confirmed by one provider: it stays provisional, and after
    twenty sessions nobody is asked again.
    """
    for at in _stages(span, interval, hours, first_at, whole=whole):
        if at > now:
            return Next(at, confirmed=False)
    return Next(None, confirmed=witnesses > 1 or not whole)


def is_whole_session(span: Span, interval: Interval, hours: MarketHours) -> bool:
    """Whether the span covers a regular session from its open to its close."""
    if interval is Interval.D1:
        return True
    return any(
        span.start <= session.start and session.end <= span.end for session in hours.regular.sessions(span)
    )


def _stages(
    span: Span, interval: Interval, hours: MarketHours, first_at: float, *, whole: bool
) -> list[float]:
    """The moments at which a vacancy is looked at, in order; those from before `first_at` are over."""
    closes = hours.regular.closes
    place = int(np.searchsorted(closes, span.end)) if interval is not Interval.D1 else _place(span, hours)
    after = WHOLE_LOOKED_AFTER if whole else LOOKED_AFTER
    evenings = [float(closes[place + n]) + EVENING_SECONDS for n in (0, *after) if place + n < len(closes)]
    if not evenings or first_at > evenings[min(len(evenings), 3) - 1]:
        return [first_at + NEXT_MORNING_SECONDS, *(evening for evening in evenings if evening > first_at)]
    soon = (first_at // SOON_SECONDS + 1) * SOON_SECONDS
    return sorted([soon, *(evening for evening in evenings if evening > first_at)])


def _place(span: Span, hours: MarketHours) -> int:
    """The index of the session of a day's label."""
    return int(np.searchsorted(hours.regular.days, span.start))
