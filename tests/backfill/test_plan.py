"""Gaps become chunks: each gap once, near ones together, none too long."""

from hypothesis import given
from hypothesis import strategies as st

from market_data.backfill.plan import BRIDGE_BARS, Chunks, chunks, longest_chunk
from market_data.market.interval import Interval
from market_data.market.span import Span, common, merge, subtract
from market_data.store.ledger import Open, Status

M1, DAY = Interval.M1, 86_400
NEAR = BRIDGE_BARS * 60


def minutes(start: int, end: int) -> Span:
    return Span(start * 60, end * 60)


def test_a_gap_is_a_chunk() -> None:
    assert chunks([minutes(5, 7)], [], M1, DAY) == Chunks((minutes(5, 7),), ())


def test_near_gaps_share_a_chunk_and_far_ones_do_not() -> None:
    near, far = minutes(7 + BRIDGE_BARS, 70), minutes(500, 501)
    assert chunks([minutes(5, 7), near, far], [], M1, DAY).new == (far, minutes(5, 70))


def test_a_long_gap_is_cut_newest_first() -> None:
    found = chunks([minutes(0, 3000)], [], M1, 1440 * 60).new
    assert found == (minutes(1560, 3000), minutes(120, 1560), minutes(0, 120))


def test_what_an_unfinished_backfill_covers_is_not_planned_again() -> None:
    statuses: tuple[Status, ...] = ("queued", "running", "dead")
    for status in statuses:
        known = [Open(1, minutes(0, 10), status, "")]
        assert chunks([minutes(2, 8)], known, M1, DAY) == Chunks((), ())


def test_a_gap_beside_a_waiting_backfill_widens_it_and_one_beside_a_running_does_not() -> None:
    assert chunks([minutes(10, 12)], [Open(1, minutes(0, 10), "queued", "")], M1, DAY) == Chunks(
        (), ((1, minutes(0, 12)),)
    )
    assert chunks([minutes(10, 12)], [Open(1, minutes(0, 10), "running", "")], M1, DAY).new == (
        minutes(10, 12),
    )


def test_days_are_counted_in_days() -> None:
    assert longest_chunk(Interval.D1, 1440) == 100 * DAY
    assert longest_chunk(M1, 1440) == DAY


SPANS = st.lists(
    st.builds(
        lambda start, length: minutes(start, start + length), st.integers(0, 5000), st.integers(1, 2000)
    ),
    max_size=12,
)
OPEN = st.lists(
    st.tuples(st.integers(0, 5000), st.integers(1, 1440), st.sampled_from(["queued", "running", "dead"])),
    max_size=4,
)


@given(SPANS, OPEN, st.integers(1, 3000))
def test_chunks_and_what_is_unfinished_cover_the_gaps_and_no_chunk_is_too_long(
    gaps: list[Span], told: list[tuple[int, int, Status]], longest: int
) -> None:
    known = [
        Open(i, minutes(start, start + length), status, "") for i, (start, length, status) in enumerate(told)
    ]
    found = chunks(gaps, known, M1, longest * 60)
    covered = [*found.new, *(span for _, span in found.wider), *(one.span for one in known)]
    assert subtract(gaps, covered) == [], "a gap was forgotten"
    assert all(span.seconds <= longest * 60 for span in found.new)
    assert list(found.new) == sorted(found.new, reverse=True), "newest first"
    assert sum(span.seconds for span in merge(found.new)) == sum(span.seconds for span in found.new)
    by_id = {one.id: one for one in known}
    for number, span in found.wider:
        assert by_id[number].status == "queued"
        assert common([by_id[number].span], [span]) == merge([by_id[number].span])


@given(SPANS, st.integers(60, 3000))
def test_planned_again_nothing_is_new(gaps: list[Span], longest: int) -> None:
    first = chunks(gaps, [], M1, longest * 60).new
    known = [Open(i, span, "queued", "") for i, span in enumerate(first)]
    assert chunks(gaps, known, M1, longest * 60) == Chunks((), ())
