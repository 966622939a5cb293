"""Tiingo's parser held against real exchanges, recorded in 2018, as they are."""

import json
import re
from pathlib import Path

import pytest

from market_data.errors import Malformed
from market_data.market.bar import Bars
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.span import Span, epoch, moment
from market_data.provider import Query, Response
from market_data.providers.tiingo import parse

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "tiingo_cassettes"
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(),
    reason="the recordings are not part of the project: ../shared/data is not beside this checkout",
)


def body(name: str) -> bytes:
    """The body of the one answer in a recording, which is a line of YAML."""
    found = re.search(r"^    body: \{string: '(\[.*\])'\}$", (FOLDER / name).read_text(), re.MULTILINE)
    assert found is not None
    return found[1].encode()


def query(capability: Capability, start: str, end: str) -> Query:
    span = Span(*(epoch(moment(0).fromisoformat(one)) for one in (start, end)))
    return Query(capability, "GOOGL", AssetType.EQUITY, span, 1_790_947_961.0)


def test_recorded_days_are_told_raw() -> None:
    told = parse(
        query(Capability.EOD, "2015-01-01T00:00:00Z", "2015-01-06T00:00:00Z"),
        Response(200, {}, body("ticker_price_with_date.yaml")),
    )
    assert isinstance(told, Bars)
    assert told.rows() == [
        (1420156800, 532.60, 535.80, 527.88, 529.55, 1327870.0),
        (1420416000, 527.15, 527.9899, 517.75, 519.46, 2059119.0),
    ]


def test_recorded_bars_open_at_their_labels() -> None:
    """Thirteen half hours of 2 January 2018, of which no volume was asked for then."""
    asked = query(Capability.BARS_1M, "2018-01-02T00:00:00Z", "2018-01-03T00:00:00Z")
    recorded = body("intraday_price.yaml")
    with pytest.raises(Malformed, match="volume"):
        parse(asked, Response(200, {}, recorded))
    rows = [{**row, "volume": 0.0} for row in json.loads(recorded)]
    told = parse(asked, Response(200, {}, json.dumps(rows).encode()))
    assert isinstance(told, Bars)
    assert len(told) == 13
    assert told.rows()[0] == (1514903400, 1057.47, 1061.91, 1054.17, 1061.91, 0.0)
    assert moment(int(told.ts[-1])).isoformat() == "2018-01-02T20:30:00+00:00"
