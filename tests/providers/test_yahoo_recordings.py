"""Yahoo's parser held against real exchanges, recorded in February 2025, as they are."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from market_data.errors import Malformed
from market_data.market.bar import Bars, Quote, Row
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.span import Span
from market_data.provider import Query, Response
from market_data.providers.yahoo import parse

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "yahoo_finance2_fixtures"
FILES = sorted((*FOLDER.glob("chart-*.json"), *FOLDER.glob("historical-via-chart-*.json")))
REAL = [file for file in FILES if not file.name.endswith(".fake.json")]

pytestmark = pytest.mark.skipif(
    not FILES, reason="the recordings are not part of the project: ../shared/data is not beside this checkout"
)
each_real_file = pytest.mark.parametrize("file", REAL, ids=lambda file: file.stem)

DAYS_AND_LAST_CLOSE = {
    "chart-0P000071W8.TO-2020-01-01-to-2020-01-03": (["2020-01-02"], 73.72),
    "chart-AAPL": (["2022-02-22"], 164.32),
    "chart-AAPL-2020-01-01-to-2020-01-03": (["2020-01-02"], 75.0875),
    "chart-AAPL-2025-02-01-to-2025-02-02-includePrePost-false-interval-1m": ([], None),
    "chart-ABBV-2020-01-01-to-2020-01-03": (["2020-01-02"], 89.55),
    "chart-AFRAF-2020-01-01-to-2020-01-03": (["2020-01-02"], 11.27),
    "chart-AMZN-2020-01-01-to-2020-01-03": (["2020-01-02"], 94.9005),
    "chart-AZT.OL-2020-01-01-to-2020-01-03": (["2020-01-02"], 4.99),
    "chart-BABA-2020-01-01-to-2020-01-03": (["2020-01-02"], 219.77),
    "chart-CRON-2020-01-01-to-2020-01-03": (["2020-01-02"], 7.36),
    "chart-EPAC-2020-01-01-to-2020-01-03": (["2020-01-02"], 26.16),
    "chart-GC=F-2020-01-01-to-2020-01-03": (["2020-01-02"], 1524.5),
    "chart-GOOG-2020-01-01-to-2020-01-03": (["2020-01-02"], 68.3685),
    "chart-OCDO.L-2020-01-01-to-2020-01-03": (["2020-01-02"], 1259.5),
    "chart-ORSTED.CO-2020-01-01-to-2020-01-03": (["2020-01-02"], 681.0),
    "chart-QQQ-2020-01-01-to-2020-01-03": (["2020-01-02"], 216.16),
    "chart-SPOT-2020-01-01-to-2020-01-03": (["2020-01-02"], 151.62),
    "chart-WSKT.JK-2020-01-01-to-2020-01-03": (["2020-01-02"], 1505.0),
    "chart-WSU.DE-2023-08-04-to-2023-08-09": (["2023-08-04", "2023-08-07", "2023-08-08"], 33.2),
    # `period2` acted inclusive: both told a third row, at the very end of the span
    "chart-BTC-USD-2020-01-01-to-2020-01-03": (["2020-01-01", "2020-01-02"], 6985.47),
    "chart-EURUSD=X-2020-01-01-to-2020-01-03": (["2020-01-01", "2020-01-02"], 1.1220826),
}
"""What is in the short recordings, read by eye."""


@dataclass(frozen=True, slots=True)
class Recording:
    query: Query
    response: Response
    document: Mapping[str, Any]

    @property
    def result(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.document["chart"]["result"][0]
        return found

    @property
    def meta(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.result["meta"]
        return found


def read(file: Path, capability: Capability | None = None) -> Recording:
    exchange = json.loads(file.read_bytes())
    url = urlsplit(exchange["request"]["url"])
    asked = {name: values[0] for name, values in parse_qs(url.query).items()}
    document = exchange["response"]["bodyJson"]
    daily = asked["interval"] == "1d"
    query = Query(
        capability or (Capability.EOD if daily else Capability.BARS_1M),
        unquote(url.path.rpartition("/")[2]),
        AssetType.EQUITY,
        Span(int(asked["period1"]), int(asked["period2"])),
        1740052002.0,
    )
    headers = {name: text for name, text in exchange["response"]["headers"].items() if isinstance(text, str)}
    return Recording(
        query, Response(exchange["response"]["status"], headers, json.dumps(document).encode()), document
    )


def bars_of(recording: Recording) -> Bars:
    told = parse(recording.query, recording.response)
    assert isinstance(told, Bars)
    return told


def meant(price: float) -> float:
    """The shortest decimal that is the same in single precision."""
    single = np.float32(price)
    assert float(single) == price  # every price of a row is a float32
    return float(str(single))


def expected(recording: Recording) -> list[Row]:
    """The body's rows, converted one by one."""
    zone = ZoneInfo(recording.meta["exchangeTimezoneName"])
    columns, rows = recording.result["indicators"]["quote"][0], []
    for at, stamp in enumerate(recording.result.get("timestamp", [])):
        date = datetime.fromtimestamp(stamp, zone).date()
        label = int(datetime(date.year, date.month, date.day, tzinfo=UTC).timestamp())
        prices = [meant(columns[name][at]) for name in ("open", "high", "low", "close")]
        if label in recording.query.span:
            rows.append((label, prices[0], prices[1], prices[2], prices[3], float(columns["volume"][at])))
    return rows


@each_real_file
def test_every_row_of_a_recording_is_told(file: Path) -> None:
    recording = read(file)
    assert bars_of(recording).rows() == expected(recording)


@each_real_file
def test_no_price_is_further_from_the_recorded_one_than_single_precision_is(file: Path) -> None:
    recording = read(file)
    bars, columns = bars_of(recording), recording.result["indicators"]["quote"][0]
    for name in ("open", "high", "low", "close") if len(bars) else ():
        recorded = np.array(columns[name][: len(bars)], np.float64)
        assert (abs(getattr(bars, name) - recorded) <= recorded * 2.0**-24).all()


@each_real_file
def test_the_last_price_of_a_recording_is_told(file: Path) -> None:
    recording = read(file, Capability.QUOTES_L1)
    meta = recording.meta
    assert parse(recording.query, recording.response) == Quote(
        recording.query.symbol,
        meta["regularMarketTime"],
        meta["regularMarketPrice"],
        volume=meta.get("regularMarketVolume"),
    )


@pytest.mark.parametrize("name", DAYS_AND_LAST_CLOSE)
def test_the_days_and_the_last_close_are_those_read_by_eye(name: str) -> None:
    days, close = DAYS_AND_LAST_CLOSE[name]
    rows = bars_of(read(FOLDER / f"{name}.json")).rows()
    assert [f"{datetime.fromtimestamp(row[0], UTC):%Y-%m-%d}" for row in rows] == days
    assert (rows[-1][4] if rows else None) == close


def test_no_real_recording_is_left_out_of_what_was_read_by_eye() -> None:
    long = {"chart-AAPL-2020-08-31-to-2020-11-07"}
    short = {file.stem for file in REAL if file.name.startswith("chart-")} - long
    assert short == set(DAYS_AND_LAST_CLOSE)


def test_days_keep_their_dates_over_the_change_to_winter_time() -> None:
    bars = bars_of(read(FOLDER / "chart-AAPL-2020-08-31-to-2020-11-07.json"))
    stamps = {f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H}" for at in bars.ts.tolist()}
    assert len(bars) == 49
    assert {"2020-08-31 00", "2020-10-30 00", "2020-11-02 00", "2020-11-06 00"} <= stamps
    assert all(stamp.endswith(" 00") for stamp in stamps)


def test_prices_before_a_split_are_told_as_if_it_had_been() -> None:
    """NVIDIA was split 4 to 1 on 2021-07-20, and 10 to 1 in 2024: both are in the recording of 2025."""
    bars = bars_of(read(FOLDER / "historical-via-chart-NVDA-split-2021-02-01-to-2022-01-31.csv.json"))
    at = {f"{datetime.fromtimestamp(row[0], UTC):%Y-%m-%d}": row for row in bars.rows()}
    assert len(bars) == 252
    assert at["2021-07-19"][4:] == (18.77975, 749_060_000.0)
    assert abs(at["2021-07-20"][4] / at["2021-07-19"][4] - 1) < 0.05
    assert bars.rows()[-1][4] == 22.84


def test_dividends_do_not_change_prices() -> None:
    recording = read(FOLDER / "historical-via-chart-MSFT-dividends-2021-02-01-to-2022-01-31.csv.json")
    bars = bars_of(recording)
    adjusted = recording.result["indicators"]["adjclose"][0]["adjclose"]
    assert len(bars) == 252
    assert bars.close[0] == 239.65
    assert bars.close[0] > adjusted[0] + 5


@pytest.mark.parametrize(
    "name", ["chart-notimestamp-quotes-length.fake", "chart-notimestamp-weird-quote.fake"]
)
def test_columns_without_times_are_malformed(name: str) -> None:
    recording = read(FOLDER / f"{name}.json")
    with pytest.raises(Malformed, match="unequal length"):
        parse(recording.query, recording.response)


def test_a_chart_without_rows_is_empty_whatever_its_trading_periods() -> None:
    assert bars_of(read(FOLDER / "chart-TSLA-2025-01-01-to-2025-01-02-interval-1h.fake.json")).rows() == []


def test_every_hand_made_recording_is_judged() -> None:
    assert {file.name for file in FILES} - {file.name for file in REAL} == {
        "chart-TSLA-2025-01-01-to-2025-01-02-interval-1h.fake.json",
        "chart-notimestamp-quotes-length.fake.json",
        "chart-notimestamp-weird-quote.fake.json",
    }
