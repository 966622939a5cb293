"""Which bars are doubted, and what becomes of them: with a second provider, and without."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.market.bar import Adjustment, Bars, Mask, Row
from market_data.market.decide import decide
from market_data.market.doubt import ABSURD_TIMES, Doubt, is_plain, jumps, tick_of
from market_data.market.interval import Interval
from market_data.market.outcome import Context, Evidence, Outcome

RAW, SPLIT = Adjustment.RAW, Adjustment.SPLIT
FIRST = 9_994_000 // 60 * 60


def flat(ts: int, price: float, volume: float = 100.0) -> Row:
    return (ts, price, price * 1.001, price * 0.999, price, volume)


def quiet(count: int = 20, price: float = 50.0) -> list[Row]:
    return [flat(FIRST + 60 * at, price + at % 3 * 0.01) for at in range(count)]


def mask(size: int, *places: int) -> Mask:
    found: Mask = np.zeros(size, np.bool_)
    found[list(places)] = True
    return found


def context(bars: Bars, before: int, after: int, **differs: object) -> Context:
    """The context of bars of which the first and the last are stored."""
    size = len(bars)
    stored = mask(size, *range(before), *range(size - after, size))
    usual = Context.of(bars, Interval.M1, RAW, moves_have_volume=True)
    return replace(usual, **{"settled": stored, "received": ~stored} | differs)  # type: ignore[arg-type]


def found(
    rows: list[Row],
    others: list[list[Row]] | None = None,
    kind: Adjustment = RAW,
    *,
    before: list[float] | None = None,
    after: list[float] | None = None,
    **differs: object,
) -> list[tuple[list[int], str, str]]:
    """Places among `rows`, doubt and outcome of each finding, with closes stored before and after them."""
    count, early, late = len(rows), before or [], after or []
    for name, value in differs.items():
        if isinstance(value, np.ndarray):
            differs[name] = np.concatenate((mask(len(early)), value, mask(len(late))))
    bars = Bars.of(
        [
            *(flat(rows[0][0] - 60 * (len(early) - at), close) for at, close in enumerate(early)),
            *rows,
            *(flat(rows[-1][0] + 60 * (at + 1), close) for at, close in enumerate(late)),
        ]
    )
    told = [Evidence(kind, Bars.of(one)) for one in others or []]
    around = context(bars, len(early), len(late), **differs)
    findings = decide(bars, around, told)
    plain = is_plain(
        Bars.of(rows),
        around.interval,
        moves_have_volume=around.moves_have_volume,
        before=early[-1] if early else None,
    )
    assert not (plain and findings), "what is plain has nothing to doubt"
    return [
        (
            [place - len(early) for place in finding.places.tolist()],
            finding.doubt.value,
            finding.outcome.value,
        )
        for finding in findings
        if len(early) <= finding.places[0] < len(early) + count
    ]


def times(rows: list[Row], at: int, by: float) -> list[Row]:
    """The rows, with all prices of one multiplied."""
    ts, *prices, volume = rows[at]
    opened, high, low, close = (one * by for one in prices)
    return [*rows[:at], (ts, opened, high, low, close, volume), *rows[at + 1 :]]


def test_what_is_usual_is_plain() -> None:
    assert is_plain(Bars.of(quiet()), Interval.M1, moves_have_volume=True, before=50.0)
    assert found(quiet(), before=[50.0]) == []
    assert is_plain(Bars.none(), Interval.M1, moves_have_volume=True, before=None)


@pytest.mark.parametrize("by", [10, 100, 0.1, 0.01, 2, 3, 4, 5, 1.5, 1 / 2, 1 / 3, 1 / 4, 2 / 3, 7.3, 1000])
def test_a_bar_at_another_level_alone_is_quarantined(by: float) -> None:
    assert found(times(quiet(), 7, by)) == [([7], "jump", "quarantined")]


@pytest.mark.parametrize("by", [1.3, 1.2, 0.8, 1.8])
def test_a_step_that_no_point_and_no_split_explains_is_the_markets(by: float) -> None:
    assert not jumps(50.0 * by, 50.0)
    assert found(times(quiet(), 7, by)) == []


@pytest.mark.parametrize("by", [10, 0.1, 0.5, 1.5])
def test_a_second_provider_contradicts_or_confirms(by: float) -> None:
    rows = times(quiet(), 7, by)
    assert found(rows, [quiet()]) == [([7], "jump", "contradicted")]
    assert found(rows, [rows]) == [([7], "jump", "confirmed")], "and the way back is no jump"
    assert found(rows, [quiet()[:5], rows]) == [([7], "jump", "confirmed")], "the first cannot say"


def test_others_may_differ_by_what_venues_differ() -> None:
    rows = times(quiet(), 7, 10)
    assert found(rows, [times(rows, 7, 1.05)]) == [([7], "jump", "confirmed")]
    assert found(rows, [times(quiet(), 7, 1.05)]) == [([7], "jump", "contradicted")]


def test_a_second_provider_that_saw_most_of_a_move_confirms_it() -> None:
    assert found(times(quiet(), 7, 1.5), [times(quiet(), 7, 1.35)]) == [([7], "jump", "confirmed")]


def test_what_another_sent_at_a_third_level_says_nothing() -> None:
    assert found(times(quiet(), 7, 10), [times(quiet(), 7, 3)]) == [([7], "jump", "quarantined")]


def test_the_last_bars_stay_in_quarantine_until_bars_after_them_bear_them_out() -> None:
    rows = times(quiet(), 19, 10)
    assert found(rows) == [([19], "jump", "quarantined")]
    assert found(rows, [quiet()]) == [([19], "jump", "contradicted")]
    assert found(rows, after=[50.0] * 3) == [([19], "jump", "quarantined")]
    assert found(rows, after=[500.0]) == [], "a stored bar is at its level"


def test_what_gives_back_less_than_half_of_its_move_is_borne_out() -> None:
    rows = [flat(FIRST + 60 * at, 10.0) for at in range(10)]
    rows.append(flat(FIRST + 600, 15.2))
    back = [flat(FIRST + 660 + 60 * at, 13.0 + 0.01 * at) for at in range(3)]
    assert found(rows + back[:1]) == [([10], "jump", "quarantined")], "what follows is no jump of its own"
    assert found(rows + back[:2]) == [([10], "jump", "accepted")]
    fades = [flat(FIRST + 660 + 60 * at, 11.5) for at in range(3)]
    assert found(rows + fades) == [([10], "jump", "quarantined")]


def test_time_speaks_where_nobody_else_does() -> None:
    rows = times(quiet(), 7, 10)
    assert found(rows, waited=mask(20, 7)) == [([7], "jump", "repeated")]
    assert found(rows, [quiet()], waited=mask(20, 7)) == [([7], "jump", "contradicted")]
    assert found(rows, waited=mask(20, 7), contradicted=mask(20, 7)) == [([7], "jump", "contradicted")]
    assert found(rows, [rows], contradicted=mask(20, 7)) == [([7], "jump", "confirmed")], "it was corrected"
    assert found(rows, [rows], rejected=mask(20, 7)) == [([7], "jump", "rejected")], "an operator's word"


def test_what_is_stored_is_not_doubted_again() -> None:
    rows = times(quiet(), 7, 10)
    assert found(rows, settled=mask(20, 7)) == []
    assert found(rows, [quiet()], settled=mask(20, 7)) == []


def test_a_level_that_lasts_is_there() -> None:
    rows = quiet()
    for at in range(15, 20):
        rows = times(rows, at, 10)
    assert found(rows) == [([*range(15, 20)], "jump", "accepted")]
    assert found(rows, [quiet()]) == [([*range(15, 20)], "jump", "contradicted")]


def test_what_is_far_from_the_close_before_is_doubted_as_a_whole() -> None:
    rows = [times(quiet(), at, 100)[at] for at in range(20)]
    assert found(rows, before=[50.0]) == [([*range(20)], "jump", "accepted")]
    assert found(rows, [quiet()], before=[50.0]) == [([*range(20)], "jump", "contradicted")]


def test_without_a_close_before_the_level_of_most_counts() -> None:
    assert found(times(quiet(), 0, 10)) == [([0], "jump", "quarantined")]
    assert found(times(quiet(), 0, 10), before=[50.0]) == [([0], "jump", "quarantined")]


def test_a_return_from_a_stored_spike_is_no_jump() -> None:
    assert found(quiet(), before=[50.0, 50.0, 500.0]) == []


def test_two_strange_bars_side_by_side_are_doubted_one_by_one() -> None:
    rows = times(times(quiet(), 7, 10), 8, 100)
    assert found(rows, [quiet()]) == [([7], "jump", "contradicted"), ([8], "jump", "contradicted")]
    assert found(rows) == [([7], "jump", "quarantined"), ([8], "jump", "quarantined")]


@pytest.mark.parametrize(
    ("low", "high", "tick"), [(0.0001, 0.0002, 0.0001), (1.0, 3.0, 1.0), (4e-8, 6e-8, 1e-8)]
)
def test_a_few_ticks_are_no_jump(low: float, high: float, tick: float) -> None:
    rows: list[Row] = []
    for at in range(30):
        price = (low, high)[at // 3 % 2]
        rows.append((FIRST + 60 * at, price, price, price, price, 1e5))
    assert tick_of(Bars.of(rows)) == pytest.approx(tick)
    assert found(rows) == []
    wide = [(ts, low, high, low, low, 1e5) for ts, *_ in rows]
    assert found(wide) == [], "nor a wide bar"


@pytest.mark.parametrize(("price", "spike"), [(6.0, 9.0), (0.02, 0.04), (0.1, 0.4)])
def test_a_round_price_that_stands_still_shows_no_grid(price: float, spike: float) -> None:
    rows = [flat(FIRST + 60 * at, spike if at == 20 else price) for at in range(21)]
    still = [(ts, last, last, last, last, 1e5) for ts, _, _, _, last, _ in rows]
    assert found(still) == [([20], "jump", "quarantined")]


def test_the_grid_of_prices_is_that_of_their_digits() -> None:
    assert tick_of(Bars.of([flat(FIRST, 50.0)])) == 0.01
    assert tick_of(Bars.of([flat(FIRST, 50.0), flat(FIRST + 60, 50.0 / 3)])) == 0.0
    assert found([*quiet(5), flat(FIRST + 300, 500.0)]) == [([5], "jump", "quarantined")]


OPENS = mask(20, 0, 10)


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
    assert found(rows, [quiet()], RAW, opens_session=OPENS) == [([*range(10, 20)], "jump", "contradicted")]


def test_the_first_bar_after_a_split_does_not_wait() -> None:
    rows = split(4)[:11]
    assert found(rows, opens_session=OPENS[:11]) == [([10], "jump", "accepted")]
    assert found(rows, opens_session=OPENS[:11] & False) == [([10], "jump", "quarantined")]


def test_a_provider_that_adjusts_may_send_all_again_but_has_no_split_within_an_answer() -> None:
    rows = [times(quiet(), at, 0.25)[at] for at in range(20)]
    assert found(rows, [quiet()], adjustment=SPLIT, before=[50.0]) == []
    assert found(rows, [quiet()], adjustment=RAW, before=[50.0]) == [([*range(20)], "jump", "contradicted")]
    within = split(4)
    assert found(within, [quiet()], SPLIT, adjustment=SPLIT, opens_session=OPENS) == [
        ([*range(10, 20)], "jump", "contradicted")
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
@pytest.mark.parametrize("by", [10, 0.1, 2, 0.5])
def test_one_price_far_off_is_a_wide_bar(field: int, by: float) -> None:
    if (field == 2 and by < 1) or (field == 3 and by > 1):
        return  # the other prices are the extremes then
    rows = wide(7, field, by)
    assert found(rows) == [([7], "spread", "quarantined")]
    assert found(rows, waited=mask(20, 7)) == [([7], "spread", "repeated")]
    assert found(rows, [quiet()]) == [([7], "spread", "contradicted")]
    assert found(rows, [rows]) == [([7], "spread", "confirmed")]
    scaled = [times(rows, at, 0.25)[at] for at in range(20)]
    assert found(rows, [scaled], SPLIT) == [([7], "spread", "confirmed")], "whatever its adjustment"


def test_a_second_provider_that_saw_most_of_a_range_confirms_it() -> None:
    assert found(wide(7, 3, 1 / 1.5), [wide(7, 3, 1 / 1.3)]) == [([7], "spread", "confirmed")]


def test_a_day_may_be_wider() -> None:
    assert found(wide(7, 2, 2.5), interval=Interval.D1) == []
    assert found(wide(7, 2, 8), interval=Interval.D1) == [([7], "spread", "quarantined")]


def volume(at: int, to: float) -> list[Row]:
    rows = quiet()
    return [*rows[:at], (*rows[at][:5], to), *rows[at + 1 :]]


def test_a_price_that_moves_without_volume_is_strange_where_bars_are_made_of_trades() -> None:
    rows = volume(7, 0.0)
    assert found(rows) == [([7], "volume", "quarantined")]
    assert found(rows, [quiet()]) == [([7], "volume", "contradicted")]
    assert found(rows, [rows]) == [([7], "volume", "confirmed")]
    assert found(rows, [quiet()], moves_have_volume=False) == []
    still = [*rows[:7], (rows[7][0], 50.0, 50.0, 50.0, 50.0, 0.0), *rows[8:]]
    assert found(still, [quiet()]) == []


def test_a_volume_that_is_absurd_beside_the_others_is_strange() -> None:
    rows = volume(7, 100 * ABSURD_TIMES * 1.01)
    assert found(rows) == [([7], "volume", "quarantined")]
    assert found(rows, [quiet()]) == [([7], "volume", "contradicted")]
    assert found(rows, [volume(7, 20_000)]) == [([7], "volume", "confirmed")], "one exchange beside all"
    assert found(volume(7, 100 * ABSURD_TIMES * 0.99), [quiet()]) == [], "as in a closing auction"


STEPS = st.sampled_from([1.0, 1.01, 0.99, 1.1, 0.9, 1.5, 2.0, 0.5, 10.0, 0.1, 100.0, 7.0])
prices = st.lists(STEPS, min_size=1, max_size=30)


@given(
    steps=prices,
    volumes=st.lists(st.sampled_from([0.0, 1.0, 100.0, 1e9, 1e15]), min_size=30, max_size=30),
    spread=st.sampled_from([1.0, 1.001, 1.5, 6.0]),
    stored=st.sets(st.integers(0, 29)),
    waited=st.sets(st.integers(0, 29)),
    kinds=st.tuples(st.sampled_from([RAW, SPLIT]), st.sampled_from([RAW, SPLIT])),
    interval=st.sampled_from([Interval.M1, Interval.D1]),
    other=prices,
)
def test_whatever_comes_each_doubt_has_one_outcome_and_what_another_sent_alike_is_taken_in(
    steps: list[float],
    volumes: list[float],
    spread: float,
    stored: set[int],
    waited: set[int],
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
    size = len(bars)
    usual = Context.of(bars, interval, kinds[0], moves_have_volume=True)
    settled, lasted = (mask(size, *(at for at in one if at < size)) for one in (stored, waited))
    around = replace(usual, settled=settled, received=~settled, waited=lasted)
    for others in ([], [Evidence(kinds[1], Bars.of(rows(other)))]):
        findings = decide(bars, around, others)
        places = [(place, one.doubt) for one in findings for place in one.places.tolist()]
        assert len(places) == len(set(places))
        assert not {place for place, _ in places} & set(np.flatnonzero(settled).tolist())
        if not others:
            assert not {finding.outcome for finding in findings} & {Outcome.CONFIRMED, Outcome.CONTRADICTED}
        if is_plain(bars, interval, moves_have_volume=True, before=None):
            assert findings == []
    same = decide(bars, around, [Evidence(kinds[0], bars)])
    assert {one.outcome for one in same} <= {Outcome.CONFIRMED}
    assert all(isinstance(one.doubt, Doubt) for one in same)
