"""The hours of markets, held against exchange_calendars and against the market hours of another project."""

import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo

import exchange_calendars
import numpy as np
import pytest
from exchange_calendars import get_calendar

from market_data.calendar import FIRST_DAY, LAST_DAY, hours_of, read_sessions, schedule_of
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.session import SessionGrid
from market_data.market.span import Span, epoch, moment
from market_data.store import universe
from market_data.store.connect import Database

ROOT = Path(__file__).parents[1]
FILE = ROOT / "src" / "market_data" / "calendars" / "XNYS.txt"
LEAN = ROOT.parent / "shared" / "data" / "us_equity_market_hours_lean.json"
NEW_YORK = ZoneInfo("America/New_York")
NYSE = hours_of("XNYS", AssetType.EQUITY)
CRYPTO = hours_of("CRYPTO", AssetType.CRYPTO)


def clock_times(grid: SessionGrid, day: str, zone: ZoneInfo = NEW_YORK) -> str:
    """Local open and close of the session of a day, `closed` without one."""
    label = epoch(datetime.fromisoformat(day).replace(tzinfo=UTC))
    index = np.flatnonzero(grid.days == label)
    if not len(index):
        return "closed"
    local = [datetime.fromtimestamp(int(edge[index[0]]), zone) for edge in (grid.opens, grid.closes)]
    return "-".join(f"{at:%H:%M}" for at in local)


def tool() -> ModuleType:
    found = spec_from_file_location("make_calendar", ROOT / "tools" / "make_calendar.py")
    assert found is not None
    assert found.loader is not None
    module = module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_file_of_new_york_is_what_the_tool_would_write() -> None:
    assert FILE.read_text(encoding="ascii") == tool().page("XNYS"), "run tools/make_calendar.py"


def test_new_york_has_the_librarys_sessions_to_the_second() -> None:
    library = get_calendar("XNYS", start=FIRST_DAY, end=LAST_DAY)
    for ours, theirs in (
        (NYSE.regular.opens, library.opens),
        (NYSE.regular.closes, library.closes),
        (NYSE.regular.days, library.opens.index),
    ):
        np.testing.assert_array_equal(ours, np.asarray(theirs, "datetime64[s]").astype(np.int64))


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        ("2024-11-29", "09:30-13:00"),  # after Thanksgiving
        ("2024-11-28", "closed"),
        ("2019-07-03", "09:30-13:00"),
        ("2019-07-04", "closed"),
        ("2024-12-24", "09:30-13:00"),
        ("2026-07-03", "closed"),  # the 4th is a Saturday
        ("2022-06-20", "closed"),  # Juneteenth, observed
        ("2021-06-18", "09:30-16:00"),  # a year before it was one
        ("2001-09-11", "closed"),
        ("2012-10-29", "closed"),  # hurricane
        ("2025-01-09", "closed"),  # day of mourning
        ("2026-03-06", "09:30-16:00"),
        ("2026-03-07", "closed"),  # Saturday
        ("2026-03-09", "09:30-16:00"),
        ("2049-12-31", "09:30-16:00"),
    ],
)
def test_new_york_keeps_its_hours(day: str, hours: str) -> None:
    assert clock_times(NYSE.regular, day) == hours


@pytest.mark.parametrize(
    ("day", "opens"),
    [("2026-03-06", 14.5), ("2026-03-09", 13.5), ("2026-10-30", 13.5), ("2026-11-02", 14.5)],
)
def test_the_opening_bell_moves_with_summer_time(day: str, opens: float) -> None:
    label = epoch(datetime.fromisoformat(day).replace(tzinfo=UTC))
    assert NYSE.regular.sessions(Span(label, label + 86_400))[0].start == label + int(opens * 3600)


@pytest.mark.parametrize(
    ("day", "hours"),
    [("2026-03-09", "04:00-20:00"), ("2024-11-29", "04:00-17:00"), ("2024-11-28", "closed")],
)
def test_early_and_late_trading_surround_the_regular_session(day: str, hours: str) -> None:
    assert clock_times(NYSE.extended, day) == hours


@pytest.mark.parametrize("name", ["XNYS", "nasdaq", " US ", "XNAS", "ARCX", "ARCA", "XASE", "BATS", "IEX"])
def test_us_exchanges_share_one_calendar(name: str) -> None:
    assert hours_of(name, AssetType.ETF) is NYSE


@pytest.mark.parametrize(
    ("exchange", "asset_type"),
    [("CRYPTO", AssetType.CRYPTO), ("COINBASE", AssetType.CRYPTO), ("24/7", AssetType.INDEX)],
)
def test_crypto_is_always_open_wherever_it_trades(exchange: str, asset_type: AssetType) -> None:
    assert hours_of(exchange, asset_type) is CRYPTO


@pytest.mark.parametrize("grid", [CRYPTO.regular, CRYPTO.extended])
def test_an_always_open_market_has_every_minute_of_every_utc_day(grid: SessionGrid) -> None:
    sunday = epoch(datetime(2026, 3, 8, tzinfo=UTC))
    assert grid.holds(np.arange(sunday, sunday + 3 * 86_400, 30)).all()
    assert len(grid.labels(Span(sunday, sunday + 86_400), Interval.M1)) == 1440
    assert grid.session_at(sunday + 86_399) == Span(sunday, sunday + 86_400)
    assert grid.is_open(epoch(datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)))
    assert grid.is_open(epoch(datetime.fromisoformat(FIRST_DAY).replace(tzinfo=UTC)))


def test_the_label_of_a_day_is_its_sessions_date_even_where_it_opens_the_evening_before_in_utc() -> None:
    sydney = hours_of("XASX", AssetType.EQUITY)
    monday = epoch(datetime(2026, 1, 5, tzinfo=UTC))
    session = sydney.regular.session_at(monday)
    assert session is not None
    assert moment(session.start).hour == 23
    assert monday in sydney.regular.days
    assert sydney.regular.labels(Span(monday - 86_400, monday), Interval.D1).tolist() == []
    assert sydney.regular.ends(np.array([monday]), Interval.D1).tolist() == [session.end]
    np.testing.assert_array_equal(sydney.extended.opens, sydney.regular.opens)


def test_an_exchange_whose_record_begins_late_has_what_there_is() -> None:
    tokyo = hours_of("XTKS", AssetType.EQUITY).regular
    assert clock_times(tokyo, "2026-01-05", ZoneInfo("Asia/Tokyo")).startswith("09:00-15:")
    assert clock_times(tokyo, "1997-01-06", ZoneInfo("Asia/Tokyo")).startswith("09:00-15:"), "the first"


@pytest.mark.parametrize("name", ["NOWHERE", "", "../calendars/XNYS"])
def test_an_exchange_without_a_calendar_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(ValueError, match=r"no calendar for exchange .*NASDAQ"):
        hours_of(name, AssetType.EQUITY)


def test_a_calendar_that_the_library_refuses_is_an_error_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(code: str, start: object = None) -> None:
        raise ValueError(f"{code} from {start} is out of bounds")

    monkeypatch.setattr("exchange_calendars.get_calendar", refuse)
    with pytest.raises(ValueError, match=r"'XWBO' cannot be read .*: XWBO from None is out of bounds"):
        schedule_of("XWBO")


def test_new_york_is_known_without_the_library() -> None:
    code = (
        "import sys; from market_data.calendar import *; hours_of('US', AssetType.EQUITY);"
        "sys.exit('pandas' in sys.modules or 'exchange_calendars' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_calendar_file_gives_weekdays_and_the_days_that_differ() -> None:
    lines = [
        "# a comment",
        "UTC 2026-01-01 2026-01-11 08:00 16:30",
        "2026-01-01 closed",
        "2026-01-10 09:00 10:00",
    ]
    opens, closes, days = read_sessions(lines)
    assert [f"{moment(at):%d %H:%M}" for at in opens] == [
        *(f"{day:02} 08:00" for day in (2, 5, 6, 7, 8, 9)),
        "10 09:00",
    ]
    assert (closes - opens).tolist() == [30_600] * 6 + [3600]
    assert (days % 86_400 == 0).all()


@dataclass(frozen=True, slots=True)
class Lean:
    """The days that differ in QuantConnect's market hours for US equities, 1998 to 2025."""

    holidays: set[str]
    early: dict[str, str]


@pytest.fixture
def lean() -> Lean:
    if not LEAN.exists():
        pytest.skip(f"{LEAN} is not here: the recorded data are kept outside this repository")
    hours = json.loads(LEAN.read_text(encoding="utf-8"))["Equity-usa-[*]"]
    holidays, early = map(_read, hours["holidays"]), hours["earlyCloses"].items()
    return Lean(
        {str(day) for day in holidays if day.weekday() < 5},
        {str(_read(day)): closes[:5] for day, closes in early if _read(day).weekday() < 5},
    )


def _read(day: str) -> date:
    month, number, year = map(int, day.split("/"))
    return date(year, month, number)


def _weekdays() -> list[str]:
    days = (date(1998, 1, 1) + timedelta(days=n) for n in range(28 * 365 + 7))
    return [str(day) for day in days if day.weekday() < 5]


def test_holidays_are_those_of_lean(lean: Lean) -> None:
    ours = {day for day in _weekdays() if clock_times(NYSE.regular, day) == "closed"}
    assert lean.holidays - ours == set()
    assert ours - lean.holidays == {"2025-01-09", "2025-05-26"}, (
        "mourning and Memorial Day, which its file lacks"
    )


def test_early_closes_are_those_of_lean(lean: Lean) -> None:
    hours = {day: clock_times(NYSE.regular, day) for day in _weekdays()}
    ours = {day: told[-5:] for day, told in hours.items() if told not in {"closed", "09:30-16:00"}}
    assert lean.early.items() <= ours.items()
    assert ours.keys() - lean.early.keys() == {"1998-11-27", "1998-12-24", "1999-12-31"}, (
        "its file lacks them"
    )


def test_a_calendar_that_cannot_be_built_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = list[str]()

    def refuse(code: str, start: object = None) -> None:
        tries.append(code)
        raise ValueError("out of bounds")

    monkeypatch.setattr("exchange_calendars.get_calendar", refuse)
    for _ in range(3):
        with pytest.raises(ValueError, match=r"'XKAR' cannot be read .*: out of bounds"):
            hours_of("XKAR", AssetType.EQUITY)
    assert tries == ["XKAR"]


@pytest.mark.anyio
async def test_calendars_of_instruments_that_are_read_are_built_off_the_event_loop(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads, real = list[int](), exchange_calendars.get_calendar

    def noted(*given: object, **named: object) -> object:
        threads.append(threading.get_ident())
        return real(*given, **named)

    monkeypatch.setattr("exchange_calendars.get_calendar", noted)
    await universe.put(database, [Instrument("VOLV", "XSTO", AssetType.EQUITY, Tier.T0)])
    (one,) = await universe.load(database)
    built = len(threads)
    assert built == 2, "of twenty years, then since it has a record"
    assert threading.get_ident() not in threads
    assert hours_of(one.exchange, one.asset_type).regular.name == "XSTO"
    assert len(threads) == built, "it is there"
