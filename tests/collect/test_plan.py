"""What the budgets allow: the freshest tier first."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.collect.plan import UNLIMITED, Planned, calls_per_second, plan
from market_data.market.capability import Capability
from market_data.market.instrument import Tier
from market_data.provider import Limit
from market_data.settings import Settings

SETTINGS = Settings.model_validate(
    {
        "cadence_t0": "bars_1m=60,quotes_l1=60",
        "cadence_t1": "bars_1m=300",
        "cadence_t2": "eod=86400",
        "eod_tiers": "T2",
    }
)
EVERYWHERE = dict.fromkeys(Capability, ("a", "b"))


def lines(
    symbols: Mapping[Tier, int], limits: Mapping[str, Sequence[Limit]]
) -> dict[tuple[Tier, Capability], Planned]:
    found = plan(symbols, SETTINGS, EVERYWHERE, limits, {})
    return {(one.tier, one.capability): one for one in found}


def test_with_room_every_cadence_is_kept_and_needs_no_reason() -> None:
    roomy = lines({Tier.T0: 10, Tier.T1: 10, Tier.T2: 10}, {"a": [Limit(100, 1)], "b": []})
    assert all(one.achievable == one.asked_for and one.reason == "" for one in roomy.values())


def test_where_a_budget_is_short_bars_of_t0_are_kept_first() -> None:
    # 60 calls a minute: T0's 57 bars take all that T1 may not keep
    short = lines({Tier.T0: 57, Tier.T1: 60}, {"a": [Limit(60, 60)], "b": [Limit(1, 86_400)]})
    assert short[Tier.T0, Capability.BARS_1M].achievable == 60
    quotes = short[Tier.T0, Capability.QUOTES_L1]
    assert quotes.achievable is None or quotes.achievable > 3600


def test_a_lower_tier_is_slowed_but_not_stopped_by_those_above_it() -> None:
    short = lines({Tier.T0: 600, Tier.T1: 60, Tier.T2: 60}, {"a": [Limit(60, 60)], "b": [Limit(1, 10**9)]})
    assert short[Tier.T1, Capability.BARS_1M].achievable == pytest.approx(60 / (0.05 + 0), rel=0.01)
    assert short[Tier.T2, Capability.EOD].achievable == 86_400, "its few calls are kept for it"
    assert short[Tier.T0, Capability.QUOTES_L1].reason == "other series use up the budgets"


def test_what_would_mend_it_is_named() -> None:
    halved = plan(
        {Tier.T0: 120},
        SETTINGS,
        EVERYWHERE,
        {"a": [Limit(60, 60)], "b": []},
        {Capability.BARS_1M: ["C_API_KEY"]},
    )
    assert halved[0].mend == ()
    slow = plan(
        {Tier.T1: 600},
        SETTINGS,
        {Capability.BARS_1M: ["a"]},
        {"a": [Limit(60, 60)]},
        {Capability.BARS_1M: ["C_API_KEY"]},
    )
    line = next(one for one in slow if one.tier is Tier.T1)
    assert line.achievable == 600
    assert line.mend == (
        "set C_API_KEY",
        "60 more calls a minute",
        "T1 every 10 min: CADENCE_T1 with bars_1m=600",
    )


def test_a_tier_that_is_slowed_says_how_many_calls_there_are() -> None:
    halved = lines({Tier.T0: 120}, {"a": [Limit(60, 60)], "b": [Limit(1, 10**9)]})[
        Tier.T0, Capability.BARS_1M
    ]
    assert halved.achievable == pytest.approx(120, abs=0.2)
    assert halved.reason == "the budgets of a, b allow 60.0 calls a minute here"


def test_without_a_provider_it_says_so() -> None:
    alone = plan({Tier.T0: 1}, SETTINGS, {}, {}, {})
    assert {one.reason for one in alone if one.symbols} == {"no provider can be asked for it"}


def test_quotes_have_a_sweep_of_their_own_and_one_call_may_tell_many() -> None:
    quick = SETTINGS.model_copy(update={"cadence_t0": {Capability.QUOTES_L1: 5}})
    limits = {"a": [Limit(60, 60)], "b": []}
    able = {Capability.QUOTES_L1: ["a"]}
    line = plan({Tier.T0: 100}, quick, able, limits, {}, at_once={"a": 20})[0]
    assert (line.achievable, line.reason) == (5.0, ""), "100 quotes in 5 calls in 5 s"
    slowed = plan({Tier.T0: 400}, quick, able, limits, {}, at_once={"a": 20})[0]
    assert slowed.achievable == 20.0
    assert slowed.reason == "the budgets of a allow 1200.0 symbols a minute here"


def test_a_cadence_shorter_than_the_sweep_is_the_sweep() -> None:
    quick = SETTINGS.model_copy(update={"cadence_t0": {Capability.BARS_1M: 5}})
    line = plan({Tier.T0: 1}, quick, EVERYWHERE, {"a": [], "b": []}, {})[0]
    assert (line.achievable, line.reason) == (30.0, "the sweeper looks once in LOCAL_SWEEP_TICK_SEC")


@pytest.mark.parametrize(
    ("limits", "rate"),
    [
        ([], UNLIMITED),
        ([Limit(60, 60)], 1.0),
        ([Limit(30, 1), Limit(60, 60)], 1.0),
        ([Limit(25, 86_400)], 25 / 86_400),
    ],
)
def test_the_tightest_limit_is_the_steady_rate(limits: list[Limit], rate: float) -> None:
    assert calls_per_second(limits) == rate


_LIMITS = st.lists(st.builds(Limit, st.integers(1, 1000), st.integers(1, 86_400)), min_size=1, max_size=3)


@given(
    symbols=st.fixed_dictionaries(dict.fromkeys(Tier, st.integers(0, 5000))),
    limits=st.fixed_dictionaries({"a": _LIMITS, "b": _LIMITS}),
)
def test_a_plan_never_spends_more_than_there_is(
    symbols: dict[Tier, int], limits: dict[str, list[Limit]]
) -> None:
    found = plan(symbols, SETTINGS, EVERYWHERE, limits, {})
    spent = sum(one.symbols / one.achievable for one in found if one.achievable)
    assert spent <= sum(calls_per_second(one) for one in limits.values()) * 1.01 + 1e-6
    for one in found:
        assert one.achievable is None or one.achievable >= one.asked_for
