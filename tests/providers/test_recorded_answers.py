"""Real answers that were once misread, held against the values that are right."""

import json
from pathlib import Path

import pytest

from market_data.market.bar import Bars
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.span import Span
from market_data.provider import Query, Response
from market_data.providers.massive import parse as massive
from market_data.providers.yahoo import parse as yahoo

FOLDER = Path(__file__).parents[3] / "shared" / "cases" / "providers"

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(),
    reason="the recordings are not part of the project: ../shared/cases is not beside this checkout",
)


def response(name: str) -> Response:
    return Response(200, {}, (FOLDER / name).read_bytes())


def query(capability: Capability, symbol: str, span: Span, now: float) -> Query:
    return Query(capability, symbol, AssetType.EQUITY, span, now)


def test_tesla_in_2010_keeps_its_digits() -> None:
    told = yahoo(
        query(Capability.EOD, "TSLA", Span(1277769600, 1278028800), 1.8e9),
        response("yahoo-tsla-2010-rounded.json"),
    )
    assert isinstance(told, Bars)
    assert told.rows() == [
        (1277769600, 1.266667, 1.666667, 1.169333, 1.592667, 281494500.0),
        (1277856000, 1.719333, 2.028, 1.553333, 1.588667, 257806500.0),
        (1277942400, 1.666667, 1.728, 1.351333, 1.464, 123282000.0),
    ]


def test_the_first_row_which_is_of_the_minute_before_is_left_out() -> None:
    answer = response("yahoo-amzn-1m-first-row-volume-0.json")
    first = json.loads(answer.body)["chart"]["result"][0]["timestamp"][0]
    told = yahoo(
        query(Capability.BARS_1M, "AMZN", Span(first + 60, first + 1800), first + 1804.0),
        answer,
    )
    assert isinstance(told, Bars)
    assert told.rows()[:2] == [
        (first + 60, 103.605, 103.68, 103.595, 103.6, 200320.0),
        (first + 120, 103.6052, 103.68, 103.5944, 103.665, 105044.0),
    ]
    assert min(told.volume) > 0


def test_an_empty_answer_without_ticker_is_no_bars() -> None:
    told = massive(
        query(Capability.BARS_1M, "AAPL", Span(1683055800, 1683057600), 1.7e9),
        response("massive-empty-without-ticker.json"),
    )
    assert isinstance(told, Bars)
    assert len(told) == 0
