"""Generated bars: the same for ever, joined from day to day, and open when their market is."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_data.market.bar import Bars
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.quality import judge
from market_data.market.span import Span
from market_data.simulate.config import USUAL_SYMBOLS
from market_data.simulate.tape import trading_hours
from market_data.simulate.tapes.generated import GeneratedTape

from .conftest import at

LATER = at("2026-01-01T00:00:00Z")
DAY = Span(at("2024-07-01T00:00:00Z"), at("2024-07-02T00:00:00Z"))


def minutes(tape: GeneratedTape, symbol: str, span: Span, now: float = LATER) -> Bars:
    return tape.bars(symbol, Interval.M1, span, now)


@pytest.fixture(scope="module")
def tape() -> GeneratedTape:
    return GeneratedTape(1, USUAL_SYMBOLS)


@pytest.mark.parametrize(
    ("symbol", "told"),
    [
        ("AAPL", (212.24, 212.33, 212.23, 212.31, 127454.0)),
        ("BTC-USD", (111531.15, 111578.2, 111510.67, 111552.32, 104.0)),
        ("XYZ", (109.34, 109.35, 109.32, 109.32, 176928.0)),
    ],
)
def test_a_bar_is_the_same_for_ever(
    tape: GeneratedTape, symbol: str, told: tuple[float, float, float, float, float]
) -> None:
    """Recorded when this was written: a change here changes every drill that anybody wrote down."""
    minute = at("2024-07-01T13:31:00Z")
    assert minutes(tape, symbol, Span(minute, minute + 60)).rows() == [(minute, *told)]


@settings(deadline=None, max_examples=40)
@given(
    begin=st.integers(DAY.start, DAY.end - 60),
    length=st.integers(60, 20_000),
    symbol=st.sampled_from(["AAPL", "BTC-USD", "^GSPC"]),
)
def test_any_window_asked_of_any_tape_shows_the_same_bars(begin: int, length: int, symbol: str) -> None:
    window = Span(begin, begin + length)
    fresh = minutes(GeneratedTape(1, USUAL_SYMBOLS), symbol, window)
    whole = minutes(GeneratedTape(1, USUAL_SYMBOLS), symbol, Span(DAY.start, DAY.end + 20_000))
    inside = whole.take((whole.ts >= window.start) & (whole.ts < window.end))
    assert fresh.rows() == inside.rows()


def test_another_seed_makes_other_bars(tape: GeneratedTape) -> None:
    other = minutes(GeneratedTape(2, USUAL_SYMBOLS), "AAPL", DAY)
    assert minutes(tape, "AAPL", DAY).rows() != other.rows()


@pytest.mark.parametrize("symbol", ["AAPL", "BTC-USD", "^GSPC", "BRK-B"])
def test_every_bar_is_sound(tape: GeneratedTape, symbol: str) -> None:
    span = Span(at("2024-11-25T00:00:00Z"), at("2024-12-02T00:00:00Z"))
    bars = minutes(tape, symbol, span)
    listing = tape.listing(symbol)
    assert listing is not None
    assert len(bars) > 1000
    in_session = listing.hours.extended.holds(bars.ts)
    verdict = judge(bars, interval=Interval.M1, in_session=in_session, now=LATER)
    assert verdict.rejected == ()
    assert len(verdict.good) == len(bars)
    prices = np.concatenate(bars.columns()[1:5])
    assert np.array_equal(np.round(prices, 2), prices)


@pytest.mark.parametrize("symbol", ["AAPL", "BTC-USD", "KO"])
def test_consecutive_days_join_without_absurd_jumps(tape: GeneratedTape, symbol: str) -> None:
    days = tape.bars(symbol, Interval.D1, Span(at("2022-01-01T00:00:00Z"), LATER), LATER)
    jumps = np.abs(days.open[1:] / days.close[:-1] - 1)
    assert jumps.max() < 0.06
    assert days.low.min() > 1


def test_a_half_day_ends_at_13_and_its_late_trading_at_17(tape: GeneratedTape) -> None:
    bars = minutes(tape, "AAPL", Span(at("2024-07-03T00:00:00Z"), at("2024-07-04T04:00:00Z")))
    regular = trading_hours(AssetType.EQUITY).regular.holds(bars.ts)
    assert regular.sum() == 210
    assert bars.ts[regular][-1] == at("2024-07-03T16:59:00Z")
    assert at("2024-07-03T20:00:00Z") <= bars.ts[-1] < at("2024-07-03T21:00:00Z")


def test_regular_minutes_are_whole_and_early_and_late_ones_thin(tape: GeneratedTape) -> None:
    bars = minutes(tape, "AAPL", DAY)
    regular = trading_hours(AssetType.EQUITY).regular.holds(bars.ts)
    assert regular.sum() == 390
    assert 100 < (~regular).sum() < 400
    assert bars.volume[regular].mean() > 10 * bars.volume[~regular].mean()


def test_volume_is_shaped_like_a_session(tape: GeneratedTape) -> None:
    bars = minutes(tape, "AAPL", DAY)
    volume = bars.volume[trading_hours(AssetType.EQUITY).regular.holds(bars.ts)]
    noon = volume[165:225].mean()
    assert volume[:30].mean() > 1.5 * noon
    assert volume[-30:].mean() > 1.5 * noon


def test_crypto_trades_every_minute_of_a_sunday(tape: GeneratedTape) -> None:
    sunday = Span(at("2024-06-30T00:00:00Z"), at("2024-07-01T00:00:00Z"))
    assert len(minutes(tape, "BTC-USD", sunday)) == 1440
    assert len(minutes(tape, "AAPL", sunday)) == 0


def test_a_day_is_made_of_its_regular_minutes(tape: GeneratedTape) -> None:
    bars = minutes(tape, "AAPL", DAY)
    regular = bars.take(trading_hours(AssetType.EQUITY).regular.holds(bars.ts))
    [day] = tape.bars("AAPL", Interval.D1, DAY, LATER).rows()
    told = (regular.open[0], regular.high.max(), regular.low.min(), regular.close[-1], regular.volume.sum())
    assert day == (DAY.start, *told)


def test_longer_bars_are_anchored_at_the_open(tape: GeneratedTape) -> None:
    span = Span(at("2024-07-01T13:00:00Z"), at("2024-07-01T16:00:00Z"))
    bars = tape.bars("AAPL", Interval.H1, span, LATER)
    assert bars.ts.tolist()[-2:] == [at("2024-07-01T14:30:00Z"), at("2024-07-01T15:30:00Z")]
    assert at("2024-07-01T13:30:00Z") in bars.ts


def test_a_forming_bar_only_grows_and_ends_as_told(tape: GeneratedTape) -> None:
    begin = at("2024-07-01T15:00:00Z")
    span = Span(begin, begin + 60)
    [final] = minutes(tape, "AAPL", span).rows()
    seen = [minutes(tape, "AAPL", span, begin + second).rows()[0] for second in range(1, 61)]
    assert minutes(tape, "AAPL", span, begin).rows() == []
    assert seen[-1] == final
    assert seen[0] != seen[30] != seen[-1]
    for before, after in pairwise(seen):
        assert after[1] == before[1]
        assert after[2] >= before[2]
        assert after[3] <= before[3]
        assert after[5] >= before[5]
        assert after[3] <= after[4] <= after[2]


def test_symbols_that_the_expression_does_not_match_are_unknown(tape: GeneratedTape) -> None:
    assert tape.listing("NOSUCH") is None
    assert len(minutes(tape, "NOSUCH", DAY)) == 0
    assert GeneratedTape(1, "").listing("AAPL") is None
