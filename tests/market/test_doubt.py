"""Which bars are strange, and what becomes of them: with another provider's word, and without."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.market.bar import Adjustment, Bars, Row
from market_data.market.doubt import (
    ABSURD_TIMES,
    Context,
    Doubt,
    Evidence,
    Outcome,
    decide,
    is_plain,
    jumps,
)
from market_data.market.interval import Interval

RAW, SPLIT = Adjustment.RAW, Adjustment.SPLIT
FIRST = 9_994_000 // 60 * 60


def flat(ts: int, price: float, volume: float = 100.0) -> Row:
    return (ts, price, price * 1.001, price * 0.999, price, volume)


def quiet(count: int = 20, price: float = 50.0) -> list[Row]:
    return [flat(FIRST + 60 * at, price + at % 3 * 0.01) for at in range(count)]


def context(bars: Bars, **differs: object) -> Context:
    usual = Context(Interval.M1, RAW, True, np.zeros(len(bars), np.bool_))
    return replace(usual, **differs)  # type: ignore[arg-type]


def found(
    rows: list[Row], others: list[list[Row]] | None = None, kind: Adjustment = RAW, **differs: object
) -> list[tuple[list[int], str, str]]:
    """Places, doubt and outcome of each finding."""
    bars = Bars.of(rows)
    told = [Evidence(kind, Bars.of(one)) for one in others or []]
    findings = decide(bars, context(bars, **differs), told)
    plain = is_plain(bars, context(bars, **differs))
    assert not (plain and findings), "what is plain has nothing to doubt"
    return [(one.places.tolist(), one.doubt.value, one.outcome.value) for one in findings]


def times(rows: list[Row], at: int, by: float) -> list[Row]:
    """The rows, with all prices of one multiplied."""
    ts, *prices, volume = rows[at]
    opened, high, low, close = (one * by for one in prices)
    return [*rows[:at], (ts, opened, high, low, close, volume), *rows[at + 1 :]]


def test_what_is_usual_is_plain() -> None:
    bars = Bars.of(quiet())
    assert is_plain(bars, context(bars, before=50.0))
    assert found(quiet(), before=50.0) == []
    assert is_plain(Bars.none(), context(Bars.none()))


@pytest.mark.parametrize("by", [10, 100, 0.1, 0.01, 2, 3, 4, 5, 1.5, 1 / 2, 1 / 3, 1 / 4, 2 / 3, 7.3, 1000])
def test_a_bar_at_another_level_alone_is_rejected_as_what_follows_is_where_it_was(by: float) -> None:
    assert found(times(quiet(), 7, by)) == [([7], "jump", "rejected")]


@pytest.mark.parametrize("by", [1.3, 1.2, 0.8, 1.8])
def test_a_step_that_no_point_and_no_split_explains_is_the_markets(by: float) -> None:
    assert not jumps(by)
    assert found(times(quiet(), 7, by)) == []


@pytest.mark.parametrize("by", [10, 0.1, 0.5])
def test_another_provider_that_tells_otherwise_denies_it_and_one_that_tells_the_same_confirms_it(
    by: float,
) -> None:
    rows = times(quiet(), 7, by)
    there_and_back = [([7], "jump", "confirmed"), ([*range(8, 20)], "jump", "confirmed")]
    assert found(rows, [quiet()]) == [([7], "jump", "denied")]
    assert found(rows, [rows]) == there_and_back
    assert found(rows, [quiet()[:5], rows]) == there_and_back, "the first cannot say"


def test_others_may_differ_by_what_venues_differ() -> None:
    rows = times(quiet(), 7, 10)
    assert found(rows, [times(rows, 7, 1.05)])[0] == ([7], "jump", "confirmed")
    assert found(rows, [times(quiet(), 7, 1.05)]) == [([7], "jump", "denied")]


def test_what_another_tells_at_a_third_level_says_nothing() -> None:
    rows = times(quiet(), 7, 10)
    assert found(rows, [times(quiet(), 7, 3)]) == [([7], "jump", "rejected")]


def test_the_last_bars_are_waited_for_until_something_follows_or_it_was_long_enough() -> None:
    rows = times(quiet(), 19, 10)
    assert found(rows) == [([19], "jump", "held")]
    assert found(rows, waited_for=frozenset({rows[18][0]})) == [([19], "jump", "held")]
    assert found(rows, waited_for=frozenset({rows[19][0]})) == [([19], "jump", "accepted")]
    assert found(rows, [quiet()]) == [([19], "jump", "denied")]
    assert found(rows, after=50.0) == [([19], "jump", "rejected")]
    assert found(rows, after=500.0) == [([19], "jump", "accepted")]


def test_a_level_that_lasts_is_there() -> None:
    rows = quiet()
    for at in range(15, 20):
        rows = times(rows, at, 10)
    assert found(rows) == [([*range(15, 20)], "jump", "accepted")]
    assert found(rows, [quiet()]) == [([*range(15, 20)], "jump", "denied")]


def test_what_is_far_from_the_close_before_is_doubted_as_a_whole() -> None:
    rows = [times(quiet(), at, 100)[at] for at in range(20)]
    assert found(rows, before=50.0) == [([*range(20)], "jump", "accepted")]
    assert found(rows, [quiet()], before=50.0) == [([*range(20)], "jump", "denied")]


def test_without_a_close_before_the_level_of_most_counts() -> None:
    assert found(times(quiet(), 0, 10)) == [([0], "jump", "rejected")]
    assert found(times(quiet(), 0, 10), before=50.0) == [([0], "jump", "rejected")]


def test_two_strange_bars_side_by_side_are_doubted_one_by_one() -> None:
    rows = times(times(quiet(), 7, 10), 8, 100)
    assert found(rows, [quiet()]) == [([7], "jump", "denied"), ([8], "jump", "denied")]
    assert found(rows) == [([7], "jump", "rejected"), ([8], "jump", "rejected")]


OPENS = np.array([at in {0, 10} for at in range(20)])


def split(by: float, rows: list[Row] | None = None) -> list[Row]:
    """Two sessions, with a split before the second."""
    rows = rows or quiet()
    for at in range(10, 20):
        rows = times(rows, at, 1 / by)
    return rows


@pytest.mark.parametrize("by", [2, 4, 10, 20])
def test_a_split_between_sessions_is_taken_in_and_no_provider_that_adjusts_for_it_denies_it(
    by: float,
) -> None:
    rows = split(by)
    assert found(rows, opens_session=OPENS) == [([*range(10, 20)], "jump", "accepted")]
    assert found(rows, [rows], opens_session=OPENS) == [([*range(10, 20)], "jump", "confirmed")]
    adjusted = [times(quiet(), at, 1.0)[at] for at in range(20)]  # as it was before, as if nothing had been
    assert found(rows, [adjusted], SPLIT, opens_session=OPENS) == [([*range(10, 20)], "jump", "accepted")]
    assert found(rows, [quiet()], RAW, opens_session=OPENS) == [([*range(10, 20)], "jump", "denied")]


def test_the_first_bar_after_a_split_does_not_wait() -> None:
    rows = split(4)[:11]
    assert found(rows, opens_session=OPENS[:11]) == [([10], "jump", "accepted")]
    assert found(rows, opens_session=OPENS[:11] & False) == [([10], "jump", "held")]


def test_a_provider_that_adjusts_may_tell_all_anew_but_has_no_split_within_an_answer() -> None:
    rows = [times(quiet(), at, 0.25)[at] for at in range(20)]
    assert found(rows, [quiet()], adjustment=SPLIT, before=50.0) == []
    assert found(rows, [quiet()], adjustment=RAW, before=50.0) == [([*range(20)], "jump", "denied")]
    within = split(4)
    assert found(within, [quiet()], SPLIT, adjustment=SPLIT, opens_session=OPENS) == [
        ([*range(10, 20)], "jump", "denied")
    ]


def wide(at: int, field: int, by: float) -> list[Row]:
    """A row of which one price is far off, and the extremes with it."""
    rows = quiet()
    row = list(rows[at])
    row[field] *= by
    prices = row[1:5]
    row[2], row[3] = max(prices), min(prices)
    return [*rows[:at], (int(row[0]), row[1], row[2], row[3], row[4], row[5]), *rows[at + 1 :]]


@pytest.mark.parametrize("field", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("by", "alone"), [(10, "rejected"), (0.1, "rejected"), (2, "accepted"), (0.5, "accepted")]
)
def test_one_price_far_off_is_a_wide_bar(field: int, by: float, alone: str) -> None:
    if (field == 2 and by < 1) or (field == 3 and by > 1):
        return  # the other prices are the extremes then
    rows = wide(7, field, by)
    assert found(rows) == [([7], "spread", alone)]
    assert found(rows, [quiet()]) == [([7], "spread", "denied")]
    assert found(rows, [rows]) == [([7], "spread", "confirmed")]
    scaled = [times(rows, at, 0.25)[at] for at in range(20)]
    assert found(rows, [scaled], SPLIT) == [([7], "spread", "confirmed")], "whatever its adjustment"


def test_a_day_may_be_wider_and_nobody_s_silence_rejects_it() -> None:
    assert found(wide(7, 2, 2.5), interval=Interval.D1) == []
    assert found(wide(7, 2, 8), interval=Interval.D1) == [([7], "spread", "accepted")]


def volume(at: int, to: float) -> list[Row]:
    rows = quiet()
    return [*rows[:at], (*rows[at][:5], to), *rows[at + 1 :]]


def test_a_price_that_moves_without_volume_is_strange_where_bars_are_made_of_trades() -> None:
    rows = volume(7, 0.0)
    assert found(rows) == [([7], "volume", "accepted")]
    assert found(rows, [quiet()]) == [([7], "volume", "denied")]
    assert found(rows, [rows]) == [([7], "volume", "confirmed")]
    assert found(rows, [quiet()], moves_have_volume=False) == []
    still = [*rows[:7], (rows[7][0], 50.0, 50.0, 50.0, 50.0, 0.0), *rows[8:]]
    assert found(still, [quiet()]) == []


def test_a_volume_that_is_absurd_beside_the_others_is_strange() -> None:
    rows = volume(7, 100 * ABSURD_TIMES * 1.01)
    assert found(rows) == [([7], "volume", "accepted")]
    assert found(rows, [quiet()]) == [([7], "volume", "denied")]
    assert found(rows, [volume(7, 20_000)]) == [([7], "volume", "confirmed")], "one exchange beside all"
    assert found(volume(7, 100 * ABSURD_TIMES * 0.99), [quiet()]) == [], "as in a closing auction"


STEPS = st.sampled_from([1.0, 1.01, 0.99, 1.1, 0.9, 1.5, 2.0, 0.5, 10.0, 0.1, 100.0, 7.0])
prices = st.lists(STEPS, min_size=1, max_size=30)


@given(
    steps=prices,
    volumes=st.lists(st.sampled_from([0.0, 1.0, 100.0, 1e9, 1e15]), min_size=30, max_size=30),
    spread=st.sampled_from([1.0, 1.001, 1.5, 6.0]),
    before=st.none() | st.sampled_from([1.0, 50.0, 500.0]),
    after=st.none() | st.sampled_from([1.0, 50.0]),
    kinds=st.tuples(st.sampled_from([RAW, SPLIT]), st.sampled_from([RAW, SPLIT])),
    interval=st.sampled_from([Interval.M1, Interval.D1]),
    other=prices,
)
def test_whatever_comes_each_doubt_has_one_outcome_and_what_another_tells_alike_is_taken_in(
    steps: list[float],
    volumes: list[float],
    spread: float,
    before: float | None,
    after: float | None,
    kinds: tuple[Adjustment, Adjustment],
    interval: Interval,
    other: list[float],
) -> None:
    def rows(by: list[float]) -> list[Row]:
        closes = 50.0 * np.cumprod(by)
        table = [
            (FIRST + 60 * at, one, one * spread, one / spread, one) for at, one in enumerate(closes.tolist())
        ]
        return [(*row, volumes[at]) for at, row in enumerate(table)]

    bars = Bars.of(rows(steps))
    told = context(bars, before=before, after=after, adjustment=kinds[0], interval=interval)
    for others in ([], [Evidence(kinds[1], Bars.of(rows(other)))]):
        findings = decide(bars, told, others)
        places = [(place, one.doubt) for one in findings for place in one.places.tolist()]
        assert len(places) == len(set(places))
        if not others:
            assert not {one.outcome for one in findings} & {Outcome.CONFIRMED, Outcome.DENIED}
        if is_plain(bars, told):
            assert findings == []
    same = decide(bars, told, [Evidence(kinds[0], bars)])
    assert {one.outcome for one in same} <= {Outcome.CONFIRMED}
    assert all(isinstance(one.doubt, Doubt) for one in same)
