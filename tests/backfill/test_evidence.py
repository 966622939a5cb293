"""What an empty answer proves."""

from hypothesis import given
from hypothesis import strategies as st

from market_data.backfill.evidence import Finding, Witness, moved_past, weigh
from market_data.calendar import hours_of
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span, merge

from .moments import at

SPAN = Span(600, 1200)


def witness(
    provider: str = "yahoo",
    *,
    venue: str = "",
    settled: float = 10_000,
    newest: int | None = 5000,
    nearby: int | None = None,
) -> Witness:
    return Witness(provider, venue or provider, settled, newest, nearby)


def test_silence_of_one_that_has_sent_a_newer_bar_proves_it() -> None:
    assert weigh([SPAN], [witness()]) == ([Finding(SPAN, ("yahoo",), newer=True)], [])


def test_one_that_never_sent_a_bar_of_the_symbol_proves_nothing() -> None:
    assert weigh([SPAN], [witness(newest=None, nearby=5000)]) == ([], [SPAN])


def test_without_a_newer_bar_nobody_can_tell_yet() -> None:
    assert weigh([SPAN], [witness(newest=540)]) == ([], [SPAN])


def test_a_newer_bar_of_another_symbol_of_the_exchange_proves_it_but_says_so() -> None:
    assert weigh([SPAN], [witness(newest=540, nearby=1200)]) == ([Finding(SPAN, ("yahoo",), newer=False)], [])


def test_nothing_is_proven_that_was_not_settled_at_the_provider_when_it_answered() -> None:
    findings, unproven = weigh([SPAN], [witness(settled=900)])
    assert findings == [Finding(Span(600, 900), ("yahoo",), newer=True)]
    assert unproven == [Span(900, 1200)]


def test_two_providers_of_one_venue_are_one_witness() -> None:
    both = [witness("alpaca", venue="IEX"), witness("tiingo", venue="IEX", newest=6000)]
    assert weigh([SPAN], both) == ([Finding(SPAN, ("tiingo",), newer=True)], [])


def test_two_venues_are_two_witnesses() -> None:
    findings, _ = weigh([SPAN], [witness("yahoo"), witness("alpaca", venue="IEX")])
    assert findings == [Finding(SPAN, ("alpaca", "yahoo"), newer=True)]


NEW_YORK = hours_of("XNYS", AssetType.EQUITY)
CLOSE = at("2024-06-12 20:00")


def test_after_the_last_minute_of_a_session_no_newer_bar_is_waited_for() -> None:
    def past(newest: int, settled: int) -> int | None:
        return moved_past(newest, Interval.M1, NEW_YORK, settled)

    assert past(CLOSE - 60, CLOSE + 599) == CLOSE - 60
    assert past(CLOSE - 60, CLOSE + 600) == CLOSE
    assert past(CLOSE - 3600, CLOSE + 600) == CLOSE - 3600, "its feed may have stopped before the close"
    assert past(CLOSE + 900, CLOSE + 1200) == CLOSE + 900
    assert past(0, CLOSE) is None


MOMENT = st.integers(0, 40).map(lambda minute: minute * 60)
WITNESS = st.builds(
    Witness,
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["x", "y"]),
    MOMENT,
    st.none() | MOMENT,
    st.none() | MOMENT,
)
SPANS = st.lists(st.builds(lambda at, size: Span(at, at + size * 60), MOMENT, st.integers(1, 9)), max_size=4)


@given(empty=SPANS, witnesses=st.lists(WITNESS, max_size=3))
def test_each_minute_is_proven_by_somebody_who_can_or_left(
    empty: list[Span], witnesses: list[Witness]
) -> None:
    empty = merge(empty)
    findings, unproven = weigh(empty, witnesses)
    assert merge([*(finding.span for finding in findings), *unproven]) == empty
    for one in findings:
        proving = [each for each in witnesses if each.proven_before >= one.span.end]
        assert {each.venue for each in proving} == {
            each.venue for each in proving if each.provider in one.providers
        }
        assert one.newer == any((each.newest or 0) >= one.span.end for each in proving)
    for span in unproven:
        assert all(one.proven_before <= span.start for one in witnesses)
