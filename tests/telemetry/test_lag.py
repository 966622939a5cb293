"""How far the newest bars are behind: only the time in which the market was open counts."""

from collections.abc import Mapping
from datetime import datetime

import pytest

from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.span import epoch
from market_data.settings import read
from market_data.telemetry.scrape import ingestion_lag

SETTINGS = read({}, dotenv=None).settings


def at(text: str) -> int:
    """Epoch seconds of `2024-07-03 13:30`, UTC."""
    return epoch(datetime.fromisoformat(text + "+00:00"))


def stock(symbol: str = "AAPL", tier: Tier = Tier.T0, exchange: str = "NASDAQ") -> Instrument:
    return Instrument(symbol, exchange, AssetType.EQUITY, tier)


BITCOIN = Instrument("BTC-USD", "CRYPTO", AssetType.CRYPTO, Tier.T0)


def lag(
    now: str, *instruments: Instrument, newest: Mapping[str, str] | None = None, after: float = 0
) -> float:
    """The lag at `now` (and some seconds); `newest` has the label of each symbol's newest bar."""
    labels = {symbol: at(label) for symbol, label in (newest or {}).items()}
    return ingestion_lag(instruments, labels, SETTINGS, at(now) + after)


@pytest.mark.parametrize(
    ("now", "newest", "seconds"),
    [
        ("2024-07-08 15:00", "2024-07-08 14:58", 60),  # the bar of 14:58 ends at 14:59
        ("2024-07-08 15:00", "2024-07-08 14:59", 0),
        ("2024-07-08 15:00", "2024-07-08 15:00", 0),  # its clock is ahead of ours
        ("2024-07-08 15:00", "2024-07-08 14:00", 59 * 60),
        ("2024-07-08 13:30", "2024-07-05 19:59", 0),  # the first moment of Monday, all of Friday is there
        ("2024-07-08 13:31", "2024-07-05 19:59", 60),
        ("2024-07-08 13:31", "2024-07-05 19:50", 60 + 9 * 60),  # with what is missing of Friday
        (
            "2024-07-08 13:31",
            "2024-07-03 16:59",
            60 + 6.5 * 3600,
        ),  # a whole day is missing
    ],
)
def test_the_lag_is_the_open_time_since_the_end_of_the_newest_bar(
    now: str, newest: str, seconds: float
) -> None:
    assert lag(now, stock(), newest={"AAPL": newest}) == seconds


def test_parts_of_a_second_count() -> None:
    assert lag("2024-07-08 15:00", stock(), newest={"AAPL": "2024-07-08 14:59"}, after=0.25) == 0.25


@pytest.mark.parametrize(
    "now",
    [
        "2024-07-07 15:00",  # a Sunday
        "2024-07-04 15:00",  # a holiday
        "2024-07-03 17:00",  # a half day is over
        "2024-07-08 13:29",
        "2024-07-08 20:00",
    ],
)
@pytest.mark.parametrize("newest", [{}, {"AAPL": "2024-07-01 13:30"}], ids=["no bars", "old bars"])
def test_while_the_market_is_closed_nothing_is_behind(now: str, newest: Mapping[str, str]) -> None:
    assert lag(now, stock(), newest=newest) == 0.0


def test_an_instrument_without_any_bar_is_behind_since_the_open() -> None:
    assert lag("2024-07-08 13:40", stock()) == 600.0


def test_crypto_is_behind_on_a_sunday_too() -> None:
    assert lag("2024-07-07 15:00", BITCOIN, stock(), newest={"BTC-USD": "2024-07-06 14:59"}) == 86_400


def test_the_farthest_behind_counts_wherever_it_stands() -> None:
    newest = {"AAPL": "2024-07-08 14:58", "KO": "2024-07-08 14:49", "PEP": "2024-07-08 14:59"}
    assert lag("2024-07-08 15:00", stock(), stock("KO", Tier.T1), stock("PEP"), newest=newest) == 600.0


@pytest.mark.parametrize(
    "ignored",
    [stock("ODD", exchange="ATLANTIS"), stock("DAILY", Tier.T2)],
    ids=["unknown calendar", "not by the minute"],
)
def test_what_is_not_collected_by_the_minute_is_not_behind(ignored: Instrument) -> None:
    assert lag("2024-07-08 15:00", ignored) == 0.0
    assert lag("2024-07-08 15:00", ignored, stock(), newest={"AAPL": "2024-07-08 14:58"}) == 60.0


def test_an_empty_universe_is_not_behind() -> None:
    assert lag("2024-07-08 15:00") == 0.0
