"""Writes the calendars that come with the service, src/market_data/calendars/*.txt."""

import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from exchange_calendars import ExchangeCalendar, get_calendar

from market_data.calendar import FIRST_DAY, LAST_DAY, SHIPPED

FOLDER = Path(__file__).parents[1] / "src" / "market_data" / "calendars"

_HEADING = """\
# Sessions of {code}, made by tools/make_calendar.py from exchange_calendars.
# Its time zone, first and last day, and the hours of weekdays; then each day that differs.
{zone} {first} {last} {regular}
"""


def page(code: str) -> str:
    """The file of one exchange; hours are local, `closed` marks a weekday without a session."""
    calendar = get_calendar(code, start=FIRST_DAY, end=LAST_DAY)
    regular = f"{calendar.open_times[-1][1]:%H:%M} {calendar.close_times[-1][1]:%H:%M}"
    heading = _HEADING.format(
        code=code, zone=calendar.tz.key, first=FIRST_DAY, last=LAST_DAY, regular=regular
    )
    return heading + "".join(f"{line}\n" for line in _exceptions(calendar, regular))


def _exceptions(calendar: ExchangeCalendar, regular: str) -> Iterator[str]:
    opens, closes = (column.dt.tz_convert(calendar.tz) for column in (calendar.opens, calendar.closes))
    hours = {
        session.date(): f"{start:%H:%M} {end:%H:%M}"
        for session, start, end in zip(opens.index, opens, closes, strict=True)
    }
    day, last = date.fromisoformat(FIRST_DAY), date.fromisoformat(LAST_DAY)
    while day <= last:
        found, usual = hours.get(day, "closed"), regular if day.weekday() < 5 else "closed"
        if found != usual:
            yield f"{day} {found}"
        day += timedelta(days=1)


def main() -> int:
    """Write the files."""
    for code in SHIPPED:
        (FOLDER / f"{code}.txt").write_text(page(code), encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
