"""Who is asked first, who is not, and why."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.span import Span
from market_data.provider import Query, Reach
from market_data.route.breaker import State
from market_data.route.rank import HANDICAP, Candidate, rank

NOW = 1_700_000_000.0
QUERY = Query(Capability.BARS_1M, "AAPL", AssetType.EQUITY, Span(int(NOW) - 600, int(NOW)), NOW)
REACH = Reach("candles", frozenset({AssetType.EQUITY}))
POLICY = ("a", "b", "c")


def good(name: str, **differs: object) -> Candidate:
    return replace(Candidate(name, REACH, State.CLOSED, score=1.0, merit=1.0), **differs)  # type: ignore[arg-type]


def order(*candidates: Candidate, **options: object) -> tuple[str, ...]:
    return rank(QUERY, candidates, POLICY, **options).order  # type: ignore[arg-type]


def test_the_policy_is_the_order_of_equals_and_names_the_rest_after_it() -> None:
    assert order(good("z"), good("c"), good("d"), good("b"), good("a")) == ("a", "b", "c", "d", "z")


def test_health_reorders_the_preference_only_for_a_reason() -> None:
    assert order(good("a", merit=1 - HANDICAP + 0.01), good("b")) == ("a", "b")
    assert order(good("a", merit=1 - HANDICAP - 0.01), good("b")) == ("b", "a")
    assert order(good("a", score=0.6), good("b")) == ("a", "b"), "failures are the breaker's"


def test_who_waits_for_a_trial_comes_first_but_last_for_a_user_who_waits() -> None:
    waits = good("c", state=State.HALF_OPEN, score=0.5)
    assert order(good("a"), good("b"), waits) == ("c", "a", "b")
    assert order(good("a"), good("b"), waits, trials=False) == ("a", "b", "c")


def test_one_trial_at_a_time() -> None:
    ranking = rank(QUERY, [good("a"), good("b", state=State.HALF_OPEN, on_trial=True)], POLICY)
    assert ranking.order == ("a",)
    assert [(one.name, one.reason) for one in ranking.excluded] == [("b", "its trial is under way")]


def test_a_hint_is_honoured_in_good_health_only() -> None:
    assert order(good("a"), good("b"), hint="b") == ("b", "a")
    assert order(good("a"), good("b", score=0.6), hint="b") == ("a", "b")
    assert order(good("a"), good("b", state=State.OPEN), hint="b") == ("a",)


@pytest.mark.parametrize(
    ("differs", "reason"),
    [
        ({"reach": None}, "it has no bars_1m"),
        ({"reach": Reach("x", frozenset({AssetType.CRYPTO}))}, "it has no equity symbols"),
        ({"reach": replace(REACH, depth=0)}, "its history ends 0 hours ago"),
        ({"reach": replace(REACH, today_in="UTC")}, "it has no bars of the running day"),
        ({"state": State.OPEN}, "its circuit is open"),
        ({"out": "B_API_KEY is not set"}, "B_API_KEY is not set"),
    ],
)
def test_every_exclusion_has_its_reason(differs: dict[str, object], reason: str) -> None:
    ranking = rank(QUERY, [good("a"), good("b", **differs)], POLICY)
    assert ranking.order == ("a",)
    assert [(one.name, one.reason) for one in ranking.excluded] == [("b", reason)]


def test_who_has_bars_of_a_part_comes_after_those_who_have_all() -> None:
    partly = good("a", reach=replace(REACH, depth=500))
    assert order(partly, good("b"), good("z")) == ("b", "z", "a")
    assert order(partly, good("b"), hint="a") == ("b", "a")
    assert order(partly) == ("a",)


def test_a_history_that_ends_too_early_is_told_in_words() -> None:
    old = replace(QUERY, span=Span(int(NOW) - 90 * 86_400, int(NOW) - 30 * 86_400))
    ranking = rank(old, [good("a", reach=replace(REACH, depth=29 * 86_400))], POLICY)
    assert [one.reason for one in ranking.excluded] == ["its history ends 29 days ago"]


def test_when_all_are_out_the_least_bad_is_tried() -> None:
    ranking = rank(
        QUERY,
        [
            good("a", state=State.OPEN, score=0.2),
            good("b", state=State.OPEN, score=0.4),
            good("c", out="it refused", last_resort=True),
        ],
        POLICY,
    )
    assert (ranking.order, ranking.last_resort) == (("b",), True)
    assert {one.name for one in ranking.excluded} == {"a", "c"}


def test_what_was_refused_is_tried_when_nobody_else_is_left_and_it_may_be() -> None:
    refused = good("a", out="it refused", until=NOW + 3600, last_resort=True)
    assert order(refused) == ("a",)
    assert order(replace(refused, last_resort=False)) == ()
    assert order(replace(refused, reach=None)) == ()


CANDIDATES = st.lists(
    st.builds(
        Candidate,
        name=st.sampled_from("abcdefg"),
        reach=st.sampled_from([REACH, REACH, REACH, None, Reach("x", frozenset())]),
        state=st.sampled_from(State),
        score=st.floats(0, 1),
        merit=st.floats(0, 1),
        on_trial=st.booleans(),
        out=st.sampled_from(["", "", "", "resting"]),
        last_resort=st.booleans(),
    ),
    unique_by=lambda one: one.name,
    max_size=7,
)


@given(CANDIDATES, st.permutations("abcd"), st.booleans(), st.sampled_from([None, *"abcdefg"]))
def test_for_any_candidates_nobody_is_lost_and_nobody_better_is_left_out_without_a_reason(
    candidates: list[Candidate], policy: list[str], trials: bool, hint: str | None
) -> None:
    ranking = rank(QUERY, candidates, policy, hint=hint, trials=trials)
    by_name = {one.name: one for one in candidates}
    excluded = {one.name for one in ranking.excluded}
    assert sorted([*ranking.order, *excluded]) == sorted(by_name)
    assert all(one.reason for one in ranking.excluded)
    fit = [by_name[name] for name in ranking.order]
    for one in fit:
        assert one.reach is REACH
        if not ranking.last_resort:
            assert one.state is not State.OPEN
            assert not one.on_trial
            assert not one.out
    closed = [one for one in fit if one.state is State.CLOSED and one.name != hint]
    for before, after in itertools.pairwise(closed):
        steps = len(policy)
        assert after.merit - before.merit <= HANDICAP * steps + 1e-9, "a much better one was put behind"
    if not ranking.order:  # a dead end only where nobody could ever answer
        assert all(one.reach is not REACH or (one.out and not one.last_resort) for one in candidates)


@given(CANDIDATES)
def test_the_order_does_not_depend_on_the_order_in_which_they_are_told(candidates: list[Candidate]) -> None:
    assert rank(QUERY, candidates, POLICY).order == rank(QUERY, candidates[::-1], POLICY).order
