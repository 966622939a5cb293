"""Auctions before the open and after the close: kept where they trade, expected nowhere."""

from datetime import datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.backfill.completeness import expected
from market_data.calendar import MARGIN, code_of, hours_of, schedule_of
from market_data.collect.cadence import Rhythm, due
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.schedule import Schedule
from market_data.market.session import Hours
from market_data.market.span import Span
from market_data.store.cursor import Cursor

DAY = 86_400


def local(code: str, text: str) -> int:
    """Epoch seconds of a local time at an exchange."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(schedule_of(code).zone)).timestamp())


@pytest.mark.parametrize(
    ("code", "at"),
    [
        ("XASX", "2024-06-12 16:10"),  # closing single price auction
        ("XASX", "2024-12-24 14:20"),  # on a half day
        ("XLON", "2024-06-12 16:35"),
        ("XLON", "2024-06-12 16:50"),  # extended three times
        ("XLON", "2024-12-24 12:35"),
        ("XETR", "2024-06-12 17:35"),
        ("XPAR", "2024-06-12 17:35"),
        ("XSWX", "2024-06-12 17:35"),
        ("XSTO", "2024-06-12 17:30"),
        ("XOSL", "2024-06-12 16:25"),
        ("XHKG", "2024-06-12 16:09"),
        ("XHKG", "2024-06-12 09:20"),  # opening auction
        ("XHKG", "2024-12-24 12:09"),
        ("XTKS", "2025-06-11 15:30"),
        ("XSHG", "2024-06-12 09:25"),
        ("XKRX", "2024-06-12 17:50"),
        ("XSAU", "2024-06-12 15:10"),
        ("XTSE", "2024-06-12 16:30"),
        ("XBUD", "2024-06-12 17:05"),  # of which nothing is known
    ],
)
def test_an_auction_beside_the_session_is_kept_and_not_expected(code: str, at: str) -> None:
    hours, moment = hours_of(code, AssetType.EQUITY), local(code, at)
    assert hours.kept.is_open(moment)
    assert hours.kept.ends(np.array([moment]), Interval.M1).tolist() == [moment + 60]
    assert not hours.regular.is_open(moment)
    one = Instrument("ONE", code, AssetType.EQUITY, Tier.T0)
    for extended in (False, True):
        places = expected(one, Interval.M1, Span(moment - 60, moment + 60), moment + DAY, extended=extended)
        assert all(moment not in place for place in places)


def test_a_minute_beyond_the_margin_is_not_kept() -> None:
    kept = hours_of("XBUD", AssetType.EQUITY).kept
    before, after = MARGIN
    assert kept.is_open(local("XBUD", "2024-06-12 09:00") - before)
    assert not kept.is_open(local("XBUD", "2024-06-12 09:00") - before - 60)
    assert kept.is_open(local("XBUD", "2024-06-12 17:00") + after - 60)
    assert not kept.is_open(local("XBUD", "2024-06-12 17:00") + after)


def test_new_york_keeps_what_its_early_and_late_trading_have() -> None:
    hours = hours_of("XNYS", AssetType.EQUITY)
    np.testing.assert_array_equal(hours.kept.opens, hours.extended.opens)
    np.testing.assert_array_equal(hours.kept.closes, hours.extended.closes)
    assert hours.of(Hours.EXTENDED) is hours.extended


def test_extended_bars_are_anchored_at_the_open_and_end_with_the_auction() -> None:
    hours, open_ = hours_of("XASX", AssetType.EQUITY), local("XASX", "2024-06-12 10:00")
    session = hours.of(Hours.EXTENDED).session_at(open_)
    assert session == Span(open_, local("XASX", "2024-06-12 16:30"))


def test_another_name_of_an_exchange_has_the_same_hours() -> None:
    assert code_of("asx") == "XASX"
    assert hours_of("ASX", AssetType.EQUITY) is hours_of("XASX", AssetType.EQUITY)


def test_every_line_of_the_table_is_of_an_exchange_that_is_known() -> None:
    text = files("market_data").joinpath("calendars", "margins.txt").read_text(encoding="ascii")
    lines = [line.split(maxsplit=3) for line in text.splitlines() if line and not line.startswith("#")]
    assert len({line[0] for line in lines}) == len(lines) > 20
    for code, before, after, source in lines:
        assert code_of(code) == code
        assert 0 < int(before) < 120
        assert 0 < int(after) < 300
        assert source.startswith("as ") or "http" in source


def test_a_series_is_asked_for_once_more_when_the_auctions_are_over() -> None:
    hours, rhythm = hours_of("XASX", AssetType.EQUITY), Rhythm(45.0, 15.0)
    close, end = local("XASX", "2024-06-12 16:00"), local("XASX", "2024-06-12 16:30")
    asked, cursor = [], Cursor(close - 600, close - 590.0)
    for now in range(close - 600, close + 2 * 3600, 30):
        span = due(Interval.M1, hours, cursor, rhythm, now)
        if span is not None:
            asked.append(now)
            cursor = Cursor(min(span.end, (now - 15) // 60 * 60), float(now))
    late = [at for at in asked if at >= close]
    assert len(late) == 3, "for the last minute, for the one after it, and at the end of the auctions"
    assert late[-1] == end + 30


sessions = st.lists(st.tuples(st.integers(0, DAY // 2), st.integers(60, DAY)), min_size=1, max_size=8)
widths = st.tuples(st.integers(0, DAY), st.integers(0, DAY))


@given(sessions, widths, widths)
def test_sessions_never_overlap_however_wide_their_margins(
    gaps: list[tuple[int, int]], late: tuple[int, int], margin: tuple[int, int]
) -> None:
    opens, closes, at = list[int](), list[int](), 0
    for pause, length in gaps:
        opens.append(at + pause)
        closes.append(at + pause + length)
        at += 2 * DAY
    days = [number * 2 * DAY for number in range(len(gaps))]
    opens_at, closes_at, labels = (np.array(column, np.int64) for column in (opens, closes, days))
    schedule = Schedule("TEST", "UTC", opens_at, closes_at, labels, late, margin)
    hours = schedule.hours()  # a grid that overlaps is refused
    for grid in (hours.extended, hours.kept, hours.of(Hours.EXTENDED)):
        assert (grid.opens <= hours.regular.opens).all()
        assert (grid.closes >= hours.regular.closes).all()
    assert hours.kept.holds(hours.extended.opens).all()
