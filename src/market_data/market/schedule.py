"""The published sessions of an exchange, and the hours that follow from them and from what was announced."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from market_data.market.bar import Times
from market_data.market.closure import Closure, Shut
from market_data.market.interval import Interval
from market_data.market.session import MarketHours, SessionGrid
from market_data.market.span import Span, epoch

EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """The sessions of a calendar: `opens`, `closes` and `days` as in SessionGrid; `zone` is its time zone.

    `late` and `margin` are seconds before the open and after the close: of early and late trading, where
    minutes may be expected, and of auctions, where minutes are kept if they come but never expected.
    """

    code: str
    zone: str
    opens: Times
    closes: Times
    days: Times
    late: tuple[int, int] = (0, 0)
    margin: tuple[int, int] = (0, 0)

    def hours(self, closures: Iterable[Closure] = ()) -> MarketHours:
        """The hours under these closures. One that the calendar has as well changes nothing."""
        closes, left = self.closes.copy(), np.ones(len(self.days), np.bool_)
        shut: list[Shut] = []
        for closure in closures:
            place, session = self.place(closure.day), self.session(closure.day)
            if place is None or session is None:
                continue
            ends = session.start if closure.closes is None else max(epoch(closure.closes), session.start)
            if ends >= session.end:
                continue
            closes[place], left[place] = ends, ends > session.start
            day = Span(int(self.days[place]), int(self.days[place]) + Interval.D1.seconds)
            shut.append(Shut(Span(ends, session.end), day, ends <= session.start, closure.reason))
        opens, days = self.opens[left], self.days[left]
        regular = SessionGrid(self.code, opens, closes[left], days)
        extended = _widened(regular, *self.late)
        before, after = (max(pair) for pair in zip(self.late, self.margin, strict=True))
        # after an early close bars are kept for as long as scheduled: a wrong announcement loses none
        kept = _widened(SessionGrid(self.code, opens, self.closes[left], days), before, after)
        return MarketHours(regular, extended, kept, tuple(shut))

    @property
    def always(self) -> bool:
        """Whether it is open at all times of all days."""
        return bool(np.all(self.opens == self.days) and np.all(self.opens[1:] == self.closes[:-1]))

    def session(self, day: date) -> Span | None:
        """The scheduled session of a day, or None."""
        place = self.place(day)
        return None if place is None else Span(int(self.opens[place]), int(self.closes[place]))

    def place(self, day: date) -> int | None:
        """The index of a day's session, or None."""
        label = (day.toordinal() - EPOCH_ORDINAL) * Interval.D1.seconds
        place = int(np.searchsorted(self.days, label))
        return place if place < len(self.days) and self.days[place] == label else None

    def beside(self, day: date) -> tuple[date | None, date | None]:
        """The last day with a session before `day`, and the first one after it."""
        label = (day.toordinal() - EPOCH_ORDINAL) * Interval.D1.seconds
        before = int(np.searchsorted(self.days, label)) - 1
        after = int(np.searchsorted(self.days, label, side="right"))
        return self._date(before), self._date(after)

    def within(self, day: date, at: time) -> datetime | None:
        """The moment inside a day's session at which its exchange's clocks show `at`, or None.

        A session that opens on the evening before its date has times of two dates.
        """
        session, zone = self.session(day), ZoneInfo(self.zone)
        for on in (day, day - timedelta(days=1)):
            moment = datetime.combine(on, at, zone)
            if session is not None and session.start < epoch(moment) < session.end:
                return moment
        return None

    def _date(self, place: int) -> date | None:
        if not 0 <= place < len(self.days):
            return None
        return date.fromordinal(int(self.days[place]) // Interval.D1.seconds + EPOCH_ORDINAL)


def _widened(grid: SessionGrid, before: int, after: int) -> SessionGrid:
    """Sessions that begin earlier and end later, but none within another: an open comes before a close."""
    if not before and not after:
        return grid
    opens, closes = grid.opens - before, grid.closes + after
    closes[:-1] = np.minimum(closes[:-1], grid.opens[1:])
    opens[1:] = np.maximum(opens[1:], closes[:-1])
    return SessionGrid(grid.name, opens, closes, grid.days)
