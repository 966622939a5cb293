"""Finds the instrument that a user names, and says why it cannot be read."""

from collections.abc import Iterable

from market_data.calendar import check_row, with_hours
from market_data.cli.output import say
from market_data.errors import BadQuestion
from market_data.market.instrument import Instrument, read_symbol
from market_data.market.interval import Interval
from market_data.store import bars, universe
from market_data.store.connect import Database


def symbol_of(text: str) -> str:
    """The canonical symbol of what is spelled `text`; BadQuestion if it cannot be one."""
    try:
        return read_symbol(text)
    except ValueError as error:
        raise BadQuestion(str(error)) from None


async def instrument_of(database: Database, text: str) -> Instrument:
    """The instrument that is spelled `text`.

    BadQuestion if that is no symbol, with status 404 if the universe has never held it; NoCalendar if nobody
    knows when it trades.
    """
    name = symbol_of(text)
    found = await universe.named(database, name)
    if found is None:
        raise BadQuestion(f"{name} is not in the universe: `market-data universe list` shows it", status=404)
    check_row(found)
    return found


def with_calendar(instruments: Iterable[Instrument]) -> list[Instrument]:
    """Those whose exchange has a calendar; of each other one a line says why it is left out."""
    placed, wrong = with_hours(instruments)
    for row in wrong:
        say(f"left out: {row}")
    return [instrument for instrument, _ in placed]


async def check_times(database: Database, symbol: str, interval: Interval) -> None:
    """BadQuestion, with the remedy, where a series has a bar at a time that no answer can show."""
    for name, what in (await bars.beyond_time(database, [symbol], interval)).items():
        raise BadQuestion(f"{name}: {what}: {bars.BEYOND_TIME}")
