"""The price level of an answer: one for all of its bars, as asked for or as held."""

from dataclasses import replace

from market_data.errors import BadQuestion
from market_data.market.bar import Adjustment
from market_data.market.daily import preferred
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.serve.asked import Reading
from market_data.store import bars
from market_data.store.connect import Database
from market_data.store.read import Question


async def at_one_level(database: Database, reading: Reading, wanted: Adjustment | None) -> Reading:
    """The question at one level; the pages after the first stay at that of the first.

    Raises BadQuestion, which names those that are held, for a level that is not.
    """
    question = reading.question
    if _is_raw(question, wanted):
        return reading
    window = Span(Interval.D1.floor(reading.window.start), reading.window.end)
    days = await bars.levels(database, question.symbol, window, question.as_of)
    level = question.adjustment or (wanted.value if wanted else preferred(days))
    if wanted is not None and level not in days:
        held = await bars.levels_held(database, question.symbol)
        if held and level not in held:
            raise BadQuestion(
                f"adjustment: {question.symbol} has no daily bars at {level!r}: use {' or '.join(held)}"
            )
    missing = days.get("", 0) - days.get(level, 0)
    return replace(reading, question=replace(question, adjustment=level), missing_days=missing)


async def level_of(database: Database, question: Question, wanted: Adjustment | None) -> Question:
    """The same for a question without pages."""
    window = question.span
    return (await at_one_level(database, Reading(question, window, ()), wanted)).question


def _is_raw(question: Question, wanted: Adjustment | None) -> bool:
    """Whether the bars are minutes, or built of them: these are raw."""
    if not question.built and question.length.stored is Interval.D1:
        return False
    if wanted not in {None, Adjustment.RAW}:
        raise BadQuestion(
            f"adjustment: 1m bars, and those built from them, are raw: {wanted} is for daily bars as "
            "providers report them (/history without session)"
        )
    return True
