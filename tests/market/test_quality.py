"""The judge of bars, held against a judge that looks at one bar after another."""

from collections import defaultdict
from math import inf, isfinite, nan
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.market.bar import Bars, Row
from market_data.market.interval import Interval
from market_data.market.quality import MOST_MONEY, Reason, Rejected, Verdict, judge

NOW = 600.0
CLOSED = frozenset({120, 300})
GOOD: Row = (60, 10.0, 12.0, 9.0, 11.0, 5.0)

prices = st.sampled_from([9.0, 10.0, 11.0, 12.0]) | st.sampled_from([0.0, -1.0, nan, inf, -inf])
labels = st.sampled_from([*range(0, 780, 60), 61, 179])
volumes = prices | st.sampled_from([-0.0, 1e15, 1e17, 1e300])
any_rows = st.lists(st.tuples(labels, prices, prices, prices, prices, volumes), max_size=12)


@st.composite
def good_rows(draw: st.DrawFn) -> list[Row]:
    """Sound bars, each label once, in any order."""
    count = draw(st.integers(0, 30))
    price = st.floats(1e-6, 1e9)
    table: list[Row] = []
    for index in draw(st.permutations(range(count))):
        low, *within, high = sorted(draw(st.tuples(price, price, price, price)))
        opens, closes = draw(st.permutations(within))
        most = min(1e12, MOST_MONEY / closes / 2)
        table.append((index * 60, opens, high, low, closes, draw(st.floats(0, most))))
    return table


def judged(table: list[Row] | Bars, *, now: float = NOW, interval: Interval = Interval.M1) -> Verdict:
    bars = table if isinstance(table, Bars) else Bars.of(table)
    in_session = ~np.isin(bars.ts, list(CLOSED))
    return judge(bars, interval=interval, in_session=in_session, now=now)


def reason_of(row: Row) -> Reason | None:
    ts, *values = row
    opens, high, low, closes, volume = values
    if ts % 60 or ts in CLOSED:
        return Reason.OFF_GRID
    if ts > NOW:
        return Reason.FUTURE
    if not all(map(isfinite, values)):
        return Reason.NOT_FINITE
    if min(values[:4]) <= 0 or volume < 0:
        return Reason.NOT_POSITIVE
    if high < max(opens, low, closes) or low > min(opens, closes):
        return Reason.RANGE
    return Reason.VOLUME if volume * closes > MOST_MONEY else None


def one_by_one(table: list[Row]) -> tuple[list[Row], list[tuple[Row, Reason]]]:
    told = defaultdict(set)
    for row in table:
        if reason_of(row) is None:
            told[row[0]].add(row)
    rejected = []
    for row in table:
        reason = reason_of(row) or (Reason.CONFLICT if len(told[row[0]]) > 1 else None)
        if reason is not None:
            rejected.append((row, reason))
    return sorted(row for rows in told.values() if len(rows) == 1 for row in rows), rejected


@given(any_rows)
def test_bars_are_judged_together_as_they_would_be_one_by_one(table: list[Row]) -> None:
    verdict, (good, rejected) = judged(table), one_by_one(table)
    assert verdict.good.rows() == good
    assert [one.reason for one in verdict.rejected] == [reason for _, reason in rejected]
    assert [repr(one.row) for one in verdict.rejected] == [repr(row) for row, _ in rejected]  # NaN is not NaN


@given(any_rows, st.randoms())
def test_the_order_in_which_bars_are_told_does_not_matter(table: list[Row], random: Random) -> None:
    shuffled = list(table)
    random.shuffle(shuffled)
    one, other = judged(table), judged(shuffled)
    assert one.good.rows() == other.good.rows()
    assert sorted(map(repr, one.rejected)) == sorted(map(repr, other.rejected))


@given(any_rows)
def test_what_was_found_good_is_found_good_again(table: list[Row]) -> None:
    once = judged(table).good
    again = judged(once)
    assert again.rejected == ()
    assert again.good.rows() == once.rows()
    assert (np.diff(once.ts) > 0).all()


@given(good_rows())
def test_good_bars_are_never_rejected(table: list[Row]) -> None:
    bars = Bars.of(table)
    verdict = judge(bars, interval=Interval.M1, in_session=np.ones(len(bars), np.bool_), now=3600.0)
    assert verdict.rejected == ()
    assert verdict.good.rows() == sorted(table)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((60, nan, 12.0, 9.0, 11.0, 5.0), Reason.NOT_FINITE),
        ((60, 10.0, inf, 9.0, 11.0, 5.0), Reason.NOT_FINITE),
        ((60, 10.0, 12.0, 9.0, 11.0, nan), Reason.NOT_FINITE),
        ((60, 10.0, 12.0, 0.0, 11.0, 5.0), Reason.NOT_POSITIVE),
        ((60, 10.0, 12.0, -9.0, 11.0, 5.0), Reason.NOT_POSITIVE),
        ((60, 10.0, 12.0, 9.0, 11.0, -5.0), Reason.NOT_POSITIVE),
        ((60, 10.0, 9.0, 12.0, 11.0, 5.0), Reason.RANGE),
        ((60, 12.5, 12.0, 9.0, 11.0, 5.0), Reason.RANGE),
        ((60, 10.0, 12.0, 9.0, 8.5, 5.0), Reason.RANGE),
        ((61, 10.0, 12.0, 9.0, 11.0, 5.0), Reason.OFF_GRID),
        ((120, 10.0, 12.0, 9.0, 11.0, 5.0), Reason.OFF_GRID),
        ((660, 10.0, 12.0, 9.0, 11.0, 5.0), Reason.FUTURE),
    ],
)
def test_a_bad_bar_is_rejected_for_its_reason_and_the_others_stay(row: Row, reason: Reason) -> None:
    verdict = judged([GOOD, row] if row[0] != GOOD[0] else [(0, *GOOD[1:]), row])
    assert verdict.rejected[0].reason is reason
    assert len(verdict.rejected) == 1
    assert len(verdict.good) == 1


def test_a_bar_without_trades_and_one_that_opens_now_are_good() -> None:
    table: list[Row] = [(540, 10.0, 10.0, 10.0, 10.0, 0.0), (600, 10.0, 10.0, 10.0, 10.0, -0.0)]
    assert judged(table).good.rows() == table


def test_a_bar_told_twice_alike_is_kept_once() -> None:
    verdict = judged([GOOD, (180, *GOOD[1:]), GOOD, GOOD])
    assert verdict.good.rows() == [GOOD, (180, *GOOD[1:])]
    assert verdict.rejected == ()


def test_a_bar_told_twice_differently_is_rejected_each_time() -> None:
    other: Row = (60, 10.0, 12.0, 9.0, 11.5, 5.0)
    verdict = judged([GOOD, (180, *GOOD[1:]), other, GOOD])
    assert verdict.good.rows() == [(180, *GOOD[1:])]
    assert verdict.rejected == tuple(Rejected(row, Reason.CONFLICT) for row in (GOOD, other, GOOD))


def test_a_sound_telling_stands_beside_a_bad_one() -> None:
    bad: Row = (60, 10.0, 12.0, 9.0, 11.0, nan)
    verdict = judged([bad, GOOD])
    assert verdict.good.rows() == [GOOD]
    assert [one.reason for one in verdict.rejected] == [Reason.NOT_FINITE]


def test_days_lie_on_midnight_utc() -> None:
    day = 86_400
    table: list[Row] = [(day, *GOOD[1:]), (2 * day + 60, *GOOD[1:])]
    verdict = judged(table, now=9.0 * day, interval=Interval.D1)
    assert verdict.good.ts.tolist() == [day]
    assert [one.reason for one in verdict.rejected] == [Reason.OFF_GRID]


def test_no_bars_are_no_fault() -> None:
    verdict = judged([])
    assert (len(verdict.good), verdict.rejected) == (0, ())


def test_a_month_of_minutes_told_twice_is_judged_in_one_pass() -> None:
    """A look at each repeated label alone would take seconds."""
    table = [(at * 60, *GOOD[1:]) for at in range(22 * 960)]
    in_session = np.ones(2 * len(table), np.bool_)
    verdict = judge(Bars.of(table + table), interval=Interval.M1, in_session=in_session, now=1e9)
    assert verdict.good.rows() == table
    assert verdict.rejected == ()
