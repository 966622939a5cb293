"""Recorded bars: what a file says, value for value, and clear errors where it cannot be read."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from market_data.errors import BadConfig
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.simulate import SimulatorConfig
from market_data.simulate.csv_file import read_csv
from market_data.simulate.simulator import Simulator
from market_data.simulate.tapes.recorded import RecordedTape

from .conftest import DATA, at

NEW_YORK = ZoneInfo("America/New_York")
LATER = at("2026-01-01T00:00:00Z")
ALL = Span(0, LATER)
REAL = Path(__file__).parents[3] / "shared/data/mplfinance"


def test_columns_are_found_by_name_and_naive_times_are_of_the_zone() -> None:
    tape = RecordedTape({"demo": DATA / "half_day.csv"}, NEW_YORK)
    rows = tape.bars("DEMO", Interval.M1, ALL, LATER).rows()
    assert rows[0] == (at("2024-07-03T13:30:00Z"), 50.00, 50.25, 49.90, 50.10, 1200.0)
    assert [row[0] for row in rows[1:]] == [
        at(f"2024-07-03T{time}:00Z") for time in ("13:31", "13:33", "16:59", "17:00")
    ]


def test_a_day_is_made_of_the_regular_minutes_of_a_half_day() -> None:
    tape = RecordedTape({"DEMO": DATA / "half_day.csv"}, NEW_YORK)
    [day] = tape.bars("DEMO", Interval.D1, ALL, LATER).rows()
    assert day == (at("2024-07-03T00:00:00Z"), 50.00, 51.10, 49.90, 51.00, 7400.0)


def test_a_running_day_shows_what_there_was_to_see() -> None:
    tape = RecordedTape({"DEMO": DATA / "half_day.csv"}, NEW_YORK)
    [day] = tape.bars("DEMO", Interval.D1, ALL, at("2024-07-03T13:32:00Z")).rows()
    assert day == (at("2024-07-03T00:00:00Z"), 50.00, 50.25, 49.90, 50.05, 2000.0)


def test_a_file_of_days_has_days_and_no_minutes() -> None:
    tape = RecordedTape({"DEMO": DATA / "daily.csv"}, NEW_YORK)
    days = tape.bars("DEMO", Interval.D1, ALL, LATER).rows()
    assert days[0] == (at("2024-07-01T00:00:00Z"), 49.00, 49.60, 48.70, 49.50, 100000.0)
    assert len(days) == 3
    assert len(tape.bars("DEMO", Interval.M1, ALL, LATER)) == 0


def test_a_running_day_of_a_file_of_days_grows() -> None:
    tape = RecordedTape({"DEMO": DATA / "daily.csv"}, NEW_YORK)
    opening = at("2024-07-03T13:30:00Z")
    assert len(tape.bars("DEMO", Interval.D1, ALL, opening)) == 2
    half = tape.bars("DEMO", Interval.D1, ALL, opening + 105 * 60).rows()[-1]
    assert (half[1], half[5]) == (50.00, 45000.0)
    assert tape.bars("DEMO", Interval.D1, ALL, opening + 210 * 60).rows()[-1][2:] == (
        51.1,
        49.9,
        51.0,
        90000.0,
    )


@pytest.mark.parametrize(
    "time",
    [
        "2024-07-03 09:30:00",
        "2024-07-03T13:30:00Z",
        "2024-07-03T09:30:00-04:00",
        "1720013400",
        "7/3/2024 9:30",
    ],
)
def test_times_may_be_spelled_in_many_ways(tmp_path: Path, time: str) -> None:
    file = tmp_path / "one.csv"
    file.write_text(f"\ufeffTs,open,HIGH,Low,close\n{time},1,2,0.5,1.5\n\n", "utf-8")
    told = read_csv(file, NEW_YORK)
    assert told.bars.rows() == [(at("2024-07-03T13:30:00Z"), 1.0, 2.0, 0.5, 1.5, 0.0)]
    assert not told.daily


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "names no column Date"),
        ("Date,Open,High,Close\n", 1, "names no column Low"),
        ("Date,Open,High,Low,Close\n2024-07-03 09:30,1,2,x,1\n", 2, "low 'x' is not a number"),
        ("Date,Open,High,Low,Close\n2024-07-03 09:30,1,2,nan,1\n", 2, "low 'nan' is not a number"),
        ("Date,Open,High,Low,Close\n2024-07-03 09:30,1,2\n", 2, "only 3 columns"),
        ("Date,Open,High,Low,Close\nyesterday,1,2,1,1\n", 2, "'yesterday' is not a time"),
        ("Date,Open,High,Low,Close\n13/13/2024 9:30,1,2,1,1\n", 2, "is not a time"),
        ("Date,Open,High,Low,Close\n1720013400000,1,2,1,1\n", 2, "looks like milliseconds"),
        ("Date,Open,High,Low,Close\n2024-07-03 09:30:30,1,2,1,1\n", 2, "not the start of a minute"),
        (
            "Date,Open,High,Low,Close\n2024-07-03 09:30,1,2,1,1\n2024-07-03 09:30,1,2,1,1\n",
            3,
            "the time of line 2",
        ),
    ],
)
def test_what_cannot_be_read_is_named_with_file_and_line(
    tmp_path: Path, text: str, line: int, what: str
) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(text, "utf-8")
    with pytest.raises(BadConfig, match=f"bad.csv, line {line}: .*{what}"):
        read_csv(file, NEW_YORK)


@pytest.mark.parametrize("name", ["missing.csv", "empty.csv"])
def test_a_file_without_bars_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty.csv").write_text("Date,Open,High,Low,Close\n", "utf-8")
    with pytest.raises(BadConfig, match=name):
        read_csv(tmp_path / name, NEW_YORK)


@pytest.mark.skipif(not REAL.is_dir(), reason="the recorded S&P 500 minutes are not beside this checkout")
@pytest.mark.parametrize("name", ["SP500_NOV2019_IDay.csv", "SP500_NOV2019_IDayRVol.csv"])
def test_the_real_minutes_come_back_value_for_value(name: str) -> None:
    tape = RecordedTape({"^GSPC": REAL / name}, NEW_YORK)
    bars = tape.bars("^GSPC", Interval.M1, ALL, LATER)
    lines = (REAL / name).read_text().splitlines()[1:]
    assert len(bars) == len(lines) == 1563
    told = [tuple(float(cell) for cell in line.split(",")[1:]) for line in lines]
    assert [(o, c, h, low, v) for _, o, h, low, c, v in bars.rows()] == told
    assert bars.ts[0] == at("2019-11-05T14:30:00Z")


def test_a_recording_of_one_provider_is_played_by_it_alone() -> None:
    config = SimulatorConfig(recorded={"DEMO": DATA / "half_day.csv", "yahoo/DEMO": DATA / "daily.csv"})
    simulator = Simulator.of(config, lambda: LATER)
    assert len(simulator.tape_of("alpaca").bars("DEMO", Interval.M1, ALL, LATER)) == 5
    assert len(simulator.tape_of("yahoo").bars("DEMO", Interval.M1, ALL, LATER)) == 0
    assert len(simulator.tape_of("yahoo").bars("DEMO", Interval.D1, ALL, LATER)) == 3


def test_a_recording_of_an_unknown_provider_is_refused_with_those_that_exist() -> None:
    config = SimulatorConfig(recorded={"nobody/DEMO": DATA / "half_day.csv"})
    with pytest.raises(BadConfig, match="unknown provider 'nobody'"):
        Simulator.of(config, lambda: LATER)
