"""Splits in the simulator: raw providers send what was traded, Yahoo divides it and reports the split."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from market_data.errors import BadConfig, BadQuestion
from market_data.market.bar import Bars, Split
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.provider import Account, Query, Response
from market_data.providers import discover
from market_data.simulate.adjust import AdjustedTape, read_split
from market_data.simulate.csv_file import read_csv
from market_data.simulate.protocol import Allowance, Ask, Plan
from market_data.simulate.protocols import discover as protocols
from market_data.simulate.tape import Rack
from market_data.simulate.tapes.recorded import RecordedTape

NEW_YORK = ZoneInfo("America/New_York")
DAYS = [
    ("2024-06-06", 1200.0, 0.0),
    ("2024-06-07", 1210.0, 0.0),
    ("2024-06-10", 120.0, 10.0),
    ("2024-06-11", 122.0, 0.0),
]


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def written(path: Path, rows: list[tuple[str, float, object]]) -> Path:
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["Date", "Open", "High", "Low", "Close", "Volume", "Stock Splits"])
        table.writerows([day, price, price, price, price, 1000, split] for day, price, split in rows)
    return path


@pytest.fixture
def tape(tmp_path: Path) -> Rack:
    file = written(tmp_path / "days.csv", list(DAYS))
    return Rack((RecordedTape({"SPL": file}, NEW_YORK),), {})


def test_the_column_names_the_split_and_the_day_it_takes_effect(tmp_path: Path) -> None:
    told = read_csv(written(tmp_path / "days.csv", list(DAYS)), NEW_YORK)
    assert told.splits == (Split(at("2024-06-10"), 10.0),)
    with pytest.raises(BadConfig, match=r"line 2: split '-3' is not a ratio: write 10 for a 10:1 split"):
        read_csv(written(tmp_path / "bad.csv", [("2024-06-06", 1.0, -3)]), NEW_YORK)


@pytest.mark.parametrize(("now", "first"), [("2024-06-07T21:00", 1200.0), ("2024-06-10T14:00", 120.0)])
def test_prices_are_divided_once_the_split_has_taken_effect(tape: Rack, now: str, first: float) -> None:
    bars = AdjustedTape(tape).bars("SPL", Interval.D1, Span(at("2024-06-01"), at("2024-06-12")), at(now))
    assert bars.close[0] == first
    assert bars.volume[0] == 1_200_000.0 / first


def _read(tape: Rack, provider: str, now: int) -> Bars:
    """What our own provider reads from what the simulated one sends for all days."""
    real, played = discover()[provider], protocols()[provider]
    query = Query(Capability.EOD, "SPL", AssetType.EQUITY, Span(at("2024-06-01"), now), float(now))
    request = real.request(query, Account("http://sim", (), "key", "secret"))
    headers = {
        **{name.lower(): value for name, value in request.headers.items()},
        "user-agent": "Mozilla/5.0",
    }
    path = request.url.removeprefix("http://sim")
    ask = Ask("GET", path, request.params, headers, float(now), Plan.UNLIMITED, Allowance(), tape)
    reply = played.render(ask)
    answer = real.parse(query, Response(reply.status, {}, json.dumps(reply.body).encode()))
    assert isinstance(answer, Bars)
    assert answer.splits is not None
    return answer


def test_yahoo_reports_the_split_and_the_window_in_which_there_is_no_other(tape: Rack) -> None:
    now = at("2024-06-11T21:00")
    bars = _read(tape, "yahoo", now)
    assert bars.close.tolist() == [120.0, 121.0, 120.0, 122.0]
    splits = bars.splits
    assert splits is not None
    assert splits.found == (Split(at("2024-06-10"), 10.0),)
    assert splits.span.start <= at("2024-06-01")
    assert splits.span.end > now, "today's session is within it"


def test_before_it_takes_effect_nobody_reports_it(tape: Rack) -> None:
    bars = _read(tape, "yahoo", at("2024-06-07T21:00"))
    assert bars.close.tolist() == [1200.0, 1210.0]
    assert bars.splits is not None
    assert bars.splits.found == ()


def test_a_split_may_be_added_to_any_symbol() -> None:
    assert read_split({"symbol": "brk.b", "date": "2024-06-10", "ratio": 50}) == (
        "BRK-B",
        Split(at("2024-06-10"), 50.0),
    )
    for wrong, says in (
        ({"date": "2024-06-10", "ratio": 2}, "symbol: name one"),
        ({"symbol": "A", "date": "10.6.", "ratio": 2}, "write 2024-06-10"),
        ({"symbol": "A", "date": "2024-06-10", "ratio": 0}, "above 0"),
    ):
        with pytest.raises(BadQuestion, match=says):
            read_split(wrong)
