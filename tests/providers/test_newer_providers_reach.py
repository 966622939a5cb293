"""What Kraken, Massive, Tiingo and Twelve Data state of themselves, and how questions are cut to it."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider_cases import account_of, providers

from market_data.market.bar import Adjustment, VolumeScope
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.span import Span, epoch
from market_data.provider import Limit, Query, Reach, Request
from market_data.providers.kraken import KEPT_ROWS

DAY = 86_400
NOW = epoch(datetime(2026, 10, 3, 1, tzinfo=UTC))
NEW_YORK = ZoneInfo("America/New_York")
MINUTES, DAYS = Capability.BARS_1M, Capability.EOD


def reach(name: str, capability: Capability) -> Reach:
    return providers()[name].facts.reach[capability]


def request(name: str, capability: Capability, span: Span, symbol: str = "AAPL") -> Request:
    kind = AssetType.CRYPTO if "-" in symbol else AssetType.EQUITY
    return providers()[name].request(
        Query(capability, symbol, kind, span, float(NOW)), account_of(providers()[name])
    )


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("kraken", (Limit(1, 1),)),
        ("massive", (Limit(5, 60),)),
        ("tiingo", (Limit(50, 3600), Limit(1000, DAY))),
        ("twelvedata", (Limit(8, 60), Limit(800, DAY))),
    ],
)
def test_the_free_plans_limits_are_stated(name: str, limits: tuple[Limit, ...]) -> None:
    assert providers()[name].facts.limits == limits


@pytest.mark.parametrize("name", ["kraken", "massive", "tiingo", "twelvedata"])
def test_all_bars_are_raw(name: str) -> None:
    assert {reach(name, one).adjustment for one in (MINUTES, DAYS)} == {Adjustment.RAW}


@pytest.mark.parametrize(
    ("name", "minutes", "days"),
    [
        ("kraken", VolumeScope.VENUE, VolumeScope.VENUE),
        ("massive", VolumeScope.CONSOLIDATED, VolumeScope.CONSOLIDATED),
        ("tiingo", VolumeScope.VENUE, VolumeScope.CONSOLIDATED),
        ("twelvedata", VolumeScope.UNKNOWN, VolumeScope.UNKNOWN),
    ],
)
def test_whose_trades_a_volume_counts_is_stated(name: str, minutes: VolumeScope, days: VolumeScope) -> None:
    assert (reach(name, MINUTES).volume_scope, reach(name, DAYS).volume_scope) == (minutes, days)


def test_raw_prices_are_asked_for_where_others_are_the_default() -> None:
    span = Span(NOW - 3600, NOW)
    assert request("twelvedata", MINUTES, span).params["adjust"] == "none"
    assert request("massive", MINUTES, span).params["adjusted"] == "false"


@pytest.mark.parametrize("capability", [MINUTES, DAYS])
@given(back=st.integers(0, 800 * DAY), length=st.integers(1, 30 * DAY), lost=st.floats(0, 240))
def test_kraken_is_asked_only_for_what_its_newest_rows_reach_back_to(
    capability: Capability, back: int, length: int, lost: float
) -> None:
    """Even where minutes are `lost` between the decision and the call."""
    start = NOW - back
    query = Query(capability, "BTC-USD", AssetType.CRYPTO, Span(start, start + length), float(NOW))
    told = reach("kraken", capability).told(query)
    interval = capability.interval
    assert interval is not None
    oldest = interval.floor(NOW + lost) - (KEPT_ROWS - 1) * interval.seconds
    assert told is None or told.start >= oldest


@given(st.integers(0, 60), st.integers(1, 30 * DAY))
def test_massive_is_never_asked_for_anything_of_new_yorks_day(hours: int, length: int) -> None:
    query = Query(
        MINUTES, "AAPL", AssetType.EQUITY, Span(NOW - hours * 3600, NOW - hours * 3600 + length), NOW
    )
    told = reach("massive", MINUTES).told(query)
    if told is None:
        assert (
            datetime.fromtimestamp(query.span.start, NEW_YORK).date()
            >= datetime.fromtimestamp(NOW, NEW_YORK).date()
        )
        return
    last = int(request("massive", MINUTES, told).url.rpartition("/")[2])
    assert datetime.fromtimestamp(last / 1000, NEW_YORK).date() < datetime.fromtimestamp(NOW, NEW_YORK).date()


@given(st.integers(-DAY, 40 * DAY), st.integers(1, 40 * DAY))
def test_massive_is_never_asked_for_a_day_that_is_running(age: int, length: int) -> None:
    query = Query(DAYS, "AAPL", AssetType.EQUITY, Span(NOW - age, NOW - age + length), NOW)
    told = reach("massive", DAYS).told(query)
    if told is not None:
        last = date.fromisoformat(request("massive", DAYS, told).url.rpartition("/")[2])
        assert last < datetime.fromtimestamp(NOW, NEW_YORK).date()


@pytest.mark.parametrize(("name", "minutes"), [("massive", 50_000), ("tiingo", 2000), ("twelvedata", 392)])
def test_a_piece_has_no_more_minutes_than_an_answer_holds(name: str, minutes: int) -> None:
    longest = reach(name, MINUTES).longest_span
    assert longest is not None
    touched = 2 * 960 if name == "tiingo" else longest // 60  # of whole days those from 4:00 to 20:00
    assert touched <= minutes


@given(st.integers(0, 300 * DAY), st.integers(1, DAY))
def test_tiingo_is_asked_for_at_most_two_days_of_minutes(age: int, length: int) -> None:
    span = Span(NOW - age - length, NOW - age)
    params = request("tiingo", MINUTES, span).params
    first, last = (date.fromisoformat(params[name]) for name in ("startDate", "endDate"))
    assert (last - first).days in {0, 1}
    assert datetime.fromtimestamp(span.start, NEW_YORK).date() == first
    assert datetime.fromtimestamp(span.end - 1, NEW_YORK).date() == last


@pytest.mark.parametrize("capability", [MINUTES, DAYS])
@given(st.integers(0, 500 * DAY), st.integers(1, 390 * 60))
def test_twelve_data_is_asked_for_as_many_rows_as_there_can_be_and_few_of_them(
    capability: Capability, age: int, length: int
) -> None:
    span = Span(NOW - age - length, NOW - age)
    params = request("twelvedata", capability, span).params
    begin, end = (
        epoch(datetime.fromisoformat(params[name]).replace(tzinfo=UTC)) for name in ("start_date", "end_date")
    )
    assert begin <= span.start
    assert end >= span.end
    assert capability.interval is not None
    rows = (end - begin) // capability.interval.seconds + 1  # should both ends belong to it
    assert rows <= int(params["outputsize"]) <= 400


@pytest.mark.parametrize(
    ("symbol", "massive", "tiingo", "twelvedata"),
    [
        ("BRK.B", "BRK.B", "BRK-B", "BRK.B"),
        ("BRK-B", "BRK.B", "BRK-B", "BRK.B"),
        ("AAPL", "AAPL", "AAPL", "AAPL"),
    ],
)
def test_class_shares_are_spelled_as_each_spells_them(
    symbol: str, massive: str, tiingo: str, twelvedata: str
) -> None:
    quote = Capability.QUOTES_L1
    for name, parameter, spelled in (
        ("massive", "tickers", massive),
        ("tiingo", "tickers", tiingo),
        ("twelvedata", "symbol", twelvedata),
    ):
        query = Query(quote, symbol, AssetType.EQUITY, Span(NOW, NOW + 1), float(NOW))
        asked = providers()[name].request(query, account_of(providers()[name]))
        assert asked.params[parameter] == spelled


@pytest.mark.parametrize(
    ("symbol", "kraken", "twelvedata"),
    [("BTC-USD", "XBTUSD", "BTC/USD"), ("DOGE-EUR", "XDGEUR", "DOGE/EUR"), ("ETH-BTC", "ETHXBT", "ETH/BTC")],
)
def test_pairs_are_spelled_as_each_spells_them(symbol: str, kraken: str, twelvedata: str) -> None:
    span = Span(NOW, NOW + 1)
    assert request("kraken", Capability.QUOTES_L1, span, symbol).params["pair"] == kraken
    assert request("twelvedata", Capability.QUOTES_L1, span, symbol).params["symbol"] == twelvedata
