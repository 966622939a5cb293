"""What providers state of themselves, and how questions are cut to it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider_cases import account_of, providers

from market_data.errors import Refused
from market_data.market.bar import Adjustment, Bars, VolumeScope
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.span import Span, epoch
from market_data.provider import Lane, Limit, Query, Request, Response

DAY = 86_400
NEW_YORK = ZoneInfo("America/New_York")
KEYLESS = {name for name, one in providers().items() if not one.facts.needs_key}
NOW = epoch(datetime(2026, 10, 3, 1, tzinfo=UTC))


def test_the_mandatory_providers_are_found() -> None:
    assert {"alphavantage", "finnhub", "yahoo"} <= set(providers())


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("finnhub", (Limit(30, 1), Limit(60, 60))),
        ("yahoo", (Limit(5, 5), Limit(300, 3600))),
        ("alphavantage", (Limit(1, 1), Limit(25, 86_400))),
        ("alpaca", (Limit(200, 60),)),
        ("binance", (Limit(3000, 60),)),
        ("coinbase", (Limit(10, 1),)),
    ],
)
def test_the_free_plans_limits_are_stated(name: str, limits: tuple[Limit, ...]) -> None:
    assert providers()[name].facts.limits == limits


def test_only_some_go_without_a_key_and_only_yahoo_as_a_browser() -> None:
    facts = [provider.facts for provider in providers().values()]
    assert {"binance", "coinbase", "yahoo"} <= KEYLESS
    assert not {"alpaca", "alphavantage", "finnhub"} & KEYLESS
    assert {one.name for one in facts if one.lane is Lane.BROWSER} == {"yahoo"}


@pytest.mark.parametrize(
    ("name", "minutes", "days"),
    [
        ("finnhub", Adjustment.RAW, Adjustment.SPLIT),
        ("yahoo", Adjustment.SPLIT, Adjustment.SPLIT),
        ("alphavantage", Adjustment.RAW, Adjustment.RAW),
        ("alpaca", Adjustment.RAW, Adjustment.RAW),
        ("binance", Adjustment.RAW, Adjustment.RAW),
        ("coinbase", Adjustment.RAW, Adjustment.RAW),
    ],
)
def test_the_adjustment_is_stated_by_capability(name: str, minutes: Adjustment, days: Adjustment) -> None:
    reach = providers()[name].facts.reach
    assert reach[Capability.BARS_1M].adjustment is minutes
    assert reach[Capability.EOD].adjustment is days


def test_what_free_keys_are_refused_is_known_beforehand() -> None:
    premium = {
        (name, capability)
        for name, provider in providers().items()
        for capability, reach in provider.facts.reach.items()
        if reach.premium
    }
    assert {
        ("finnhub", Capability.BARS_1M),
        ("finnhub", Capability.EOD),
        ("alphavantage", Capability.BARS_1M),
    } <= premium
    assert not {name for name, _ in premium} & {"alpaca", *KEYLESS}


@pytest.mark.parametrize(("name", "days"), [("finnhub", 28), ("yahoo", 7), ("alpaca", 6)])
def test_minutes_are_asked_for_in_pieces_that_one_call_answers(name: str, days: int) -> None:
    span = Span(NOW - 29 * DAY, NOW)
    pieces = providers()[name].facts.reach[Capability.BARS_1M].pieces(span)
    assert max(piece.seconds for piece in pieces) == days * DAY
    assert (pieces[0].start, pieces[-1].end) == (span.start, span.end)


def test_yahoo_never_asks_for_minutes_that_it_would_refuse_as_too_old() -> None:
    depth = providers()["yahoo"].facts.reach[Capability.BARS_1M].depth
    assert depth == 29 * DAY


def test_alpha_vantage_is_asked_for_one_month_of_new_york_a_call() -> None:
    provider = providers()["alphavantage"]
    span = Span(epoch(datetime(2026, 2, 20, tzinfo=UTC)), epoch(datetime(2026, 4, 10, tzinfo=UTC)))
    pieces = provider.facts.reach[Capability.BARS_1M].pieces(span)
    months = [_request("alphavantage", Capability.BARS_1M, piece).params["month"] for piece in pieces]
    assert months == ["2026-02", "2026-03", "2026-04"]
    assert [datetime.fromtimestamp(piece.start, NEW_YORK).day for piece in pieces[1:]] == [1, 1]


@pytest.mark.parametrize(
    ("age", "size", "by_month"),
    [
        (60, "compact", False),
        (6000, "compact", False),
        (6001, "full", False),
        (29 * DAY, "full", False),
        (29 * DAY + 1, "full", True),
    ],
)
def test_alpha_vantage_is_asked_for_the_fewest_minutes_that_reach_back(
    age: int, size: str, by_month: bool
) -> None:
    params = _request("alphavantage", Capability.BARS_1M, Span(NOW - age, NOW)).params
    assert params["outputsize"] == size
    assert ("month" in params) == by_month


@pytest.mark.parametrize(("age", "size"), [(2, "compact"), (150, "compact"), (151, "full")])
def test_alpha_vantage_is_asked_for_all_days_only_where_a_hundred_do_not_reach(age: int, size: str) -> None:
    assert _request("alphavantage", Capability.EOD, Span(NOW - age * DAY, NOW)).params["outputsize"] == size


def test_yahoo_breaks_its_cache_for_quotes_alone() -> None:
    span = Span(NOW - 3600, NOW)
    quote = _request("yahoo", Capability.QUOTES_L1, span)
    assert quote.params["_"] == str(NOW)
    assert quote.headers == {"Cache-Control": "no-cache"}
    for capability in (Capability.BARS_1M, Capability.EOD):
        history = _request("yahoo", capability, span)
        assert "_" not in history.params
        assert history.headers == {}


def test_a_page_of_alpaca_holds_every_minute_of_a_piece() -> None:
    longest = providers()["alpaca"].facts.reach[Capability.BARS_1M].longest_span
    assert longest is not None
    asked = _request("alpaca", Capability.BARS_1M, Span(NOW - longest, NOW))
    assert longest // 60 <= int(asked.params["limit"]) == 10_000  # crypto has them all


@pytest.mark.parametrize(("name", "rows"), [("binance", 1000), ("coinbase", 300)])
@pytest.mark.parametrize("capability", [Capability.BARS_1M, Capability.EOD])
@pytest.mark.parametrize("off_the_grid", [0, 1, 59])
def test_a_piece_of_crypto_has_no_more_bars_than_an_answer_holds(
    name: str, rows: int, capability: Capability, off_the_grid: int
) -> None:
    assert capability.interval is not None
    length = capability.interval.seconds
    span = Span(NOW - 700 * DAY + off_the_grid, NOW)
    pieces = providers()[name].facts.reach[capability].pieces(span)
    assert max(-(-piece.end // length) - -(-piece.start // length) for piece in pieces) <= rows
    assert (pieces[0].start, pieces[-1].end) == (span.start, span.end)


@given(st.integers(-DAY, 5 * DAY), st.integers(1, 300 * 60), st.integers(0, 59))
def test_coinbase_is_asked_for_at_most_300_candles_wherever_a_piece_begins(
    age: int, length: int, off_the_grid: int
) -> None:
    start = NOW - age + off_the_grid
    params = _request("coinbase", Capability.BARS_1M, Span(start, start + length), AssetType.CRYPTO).params
    first, last = (epoch(datetime.fromisoformat(params[name])) for name in ("start", "end"))
    assert first % 60 == 0
    assert 0 < last - first <= 300 * 60 - 1


@pytest.mark.parametrize("name", ["binance", "coinbase"])
def test_exchanges_of_crypto_have_nothing_else_and_count_their_own_trades(name: str) -> None:
    for reach in providers()[name].facts.reach.values():
        assert reach.asset_types == {AssetType.CRYPTO}
    for capability in (Capability.BARS_1M, Capability.EOD):
        assert providers()[name].facts.reach[capability].volume_scope is VolumeScope.VENUE


def test_alpaca_without_a_secret_is_not_asked() -> None:
    account = replace(account_of(providers()["alpaca"]), secret="")
    query = Query(Capability.QUOTES_L1, "AAPL", AssetType.EQUITY, Span(NOW, NOW + 1), float(NOW))
    with pytest.raises(Refused, match="ALPACA_SECRET is not set"):
        providers()["alpaca"].request(query, account)


def test_alpacas_feed_is_one_exchange_for_minutes_and_all_of_them_for_days() -> None:
    reach = providers()["alpaca"].facts.reach
    assert reach[Capability.BARS_1M].volume_scope is VolumeScope.VENUE
    assert reach[Capability.EOD].volume_scope is VolumeScope.CONSOLIDATED
    feeds = [_request("alpaca", one, Span(NOW - 60, NOW)).params["feed"] for one in reach]
    assert feeds == ["iex", "sip", "iex"]


@given(st.integers(-DAY, 5 * DAY), st.integers(1, 9 * DAY))
def test_alpaca_is_never_asked_for_the_newest_quarter_of_an_hour_of_all_exchanges(
    age: int, length: int
) -> None:
    params = _request("alpaca", Capability.EOD, Span(NOW - age, NOW - age + length)).params
    start, end = (epoch(datetime.fromisoformat(params[name])) for name in ("start", "end"))
    assert start <= end < NOW - 900


def test_a_month_of_minutes_is_read_whole() -> None:
    """As large as answers get: every minute of 22 days, early and late ones included."""
    first = datetime(2026, 7, 1, 4, tzinfo=NEW_YORK)
    days = [day for day in (first + timedelta(days=n) for n in range(31)) if day.weekday() < 5][:22]
    minutes = [day + timedelta(minutes=n) for day in days for n in range(960)]
    row = {
        "1. open": "1.0000",
        "2. high": "1.2000",
        "3. low": "0.9000",
        "4. close": "1.1000",
        "5. volume": "7",
    }
    body = json.dumps(
        {
            "Meta Data": {"2. Symbol": "AAPL", "5. Output Size": "Full size", "6. Time Zone": "US/Eastern"},
            "Time Series (1min)": {f"{one:%Y-%m-%d %H:%M:%S}": row for one in reversed(minutes)},
        }
    )
    span = Span(epoch(minutes[0]), epoch(minutes[-1]) + 60)
    query = Query(Capability.BARS_1M, "AAPL", AssetType.EQUITY, span, float(NOW))
    told = providers()["alphavantage"].parse(query, Response(200, {}, body.encode()))
    assert isinstance(told, Bars)
    assert len(body) > 2_000_000
    assert told.ts.tolist() == [epoch(one) for one in minutes]
    assert set(told.rows()[-1][1:]) == {1.0, 1.2, 0.9, 1.1, 7.0}


def _request(
    name: str, capability: Capability, span: Span, asset_type: AssetType = AssetType.EQUITY
) -> Request:
    query = Query(capability, "AAPL", asset_type, span, float(NOW))
    return providers()[name].request(query, account_of(providers()[name]))
