"""Bars on the clock: which lengths have a place there, and that no bar lies in two pieces."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_data.calendar import hours_of
from market_data.market.anchor import Anchor, check_anchor, of_clock
from market_data.market.instrument import AssetType
from market_data.market.interval import Length
from market_data.market.session import Hours, MarketHours
from market_data.market.span import Span

DAY = 86_400
LENGTHS = [60 * minutes for minutes in range(1, 1440) if 1440 % minutes == 0]
MARKETS = [
    hours_of(exchange, kind)
    for exchange, kind in (
        ("NYSE", AssetType.EQUITY),
        ("XASX", AssetType.EQUITY),
        ("XBOM", AssetType.EQUITY),
        ("CRYPTO", AssetType.CRYPTO),
    )
]
FROM = 1_700_000_000


@pytest.mark.parametrize("text", ["1m", "5m", "30m", "1h", "90m", "2h", "12h"])
def test_a_length_that_divides_a_day_has_a_place_on_the_clock(text: str) -> None:
    check_anchor(Anchor.CLOCK, Length.read(text))


@pytest.mark.parametrize(
    ("text", "right"), [("7m", "90m, 2h or 4h"), ("5h", "does not divide a day"), ("1d", "anchor=session")]
)
def test_another_length_has_none_and_the_error_says_which_would(text: str, right: str) -> None:
    check_anchor(Anchor.SESSION, Length.read(text))
    with pytest.raises(ValueError, match=right):
        check_anchor(Anchor.CLOCK, Length.read(text))


@settings(max_examples=200, deadline=None)
@given(
    market=st.sampled_from(MARKETS),
    hours=st.sampled_from(Hours),
    step=st.sampled_from(LENGTHS),
    start=st.integers(FROM, FROM + 400 * DAY),
    seconds=st.integers(1, 20 * DAY),
)
def test_pieces_hold_whole_bars_of_the_clock_and_adjoin(
    market: MarketHours, hours: Hours, step: int, start: int, seconds: int
) -> None:
    span = Span(start, start + seconds)
    grid = market.of(hours)
    pieces = of_clock(grid, market.regular.closes, span, step, only_sessions=hours is not Hours.ALL)
    first, end = -(-span.start // step) * step, -(-span.end // step) * step
    if pieces is None:
        assert first >= end
        return
    assert pieces.span == Span(first, end)
    assert not (pieces.opens % step).any()
    assert not (pieces.until % step).any()
    assert (pieces.until[:-1] == pieces.opens[1:]).all()
    assert pieces.opens[0] <= first
    assert pieces.until[-1] >= end
    for session in grid.sessions(pieces.span):  # it begins in a piece of its own
        assert (pieces.opens == session.start // step * step).sum() == 1 or session.start < pieces.opens[0]
