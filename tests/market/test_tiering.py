"""Tiers computed from volume and worth: bounded, ordered, and slow to change."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from market_data.market.instrument import AssetType, Tier
from market_data.market.member import Member
from market_data.market.tiering import BAND, retiered

MOST = {Tier.T0: 10, Tier.T1: 20}
amounts = st.none() | st.floats(0, 1e12)


def member(number: int, volume: float | None, worth: float | None = None) -> Member:
    return Member(f"S{number:04}", "NYSE", AssetType.EQUITY, Tier.T2, volume, worth)


def tier_of(members: list[Member]) -> dict[str, Tier]:
    return {one.symbol: one.tier for one in members}


def test_the_largest_are_the_freshest() -> None:
    found = retiered([member(number, 1000.0 - number) for number in range(50)], MOST)
    assert [one.tier for one in found] == [Tier.T0] * 10 + [Tier.T1] * 20 + [Tier.T2] * 20


def test_who_is_not_known_to_be_large_is_behind_all_others() -> None:
    found = retiered([member(1, None), *(member(number, 5.0, 5.0) for number in range(2, 12))], MOST)
    assert tier_of(found)["S0001"] is Tier.T1


def test_one_known_measure_is_enough() -> None:
    members = [member(number, float(number)) for number in range(10)] + [member(99, None, 7.0)]
    found = tier_of(retiered(members, {Tier.T0: 1}))
    assert [name for name, tier in found.items() if tier is Tier.T0] == ["S0009"]


def test_at_the_border_a_small_change_of_rank_moves_nobody() -> None:
    size = 100
    most = {Tier.T0: size}
    first = retiered([member(number, 10_000.0 - number) for number in range(300)], most)
    # numbers 99 and 100, on both sides of the border, change places
    swapped = [replace(one, adv_21d=10_000.0 - {99: 100, 100: 99}.get(n, n)) for n, one in enumerate(first)]
    assert tier_of(retiered(swapped, most)) == tier_of(first)
    far = int(size * (1 + BAND)) + 5
    fallen = [replace(one, adv_21d=10_000.0 - far - 0.5) if n == 99 else one for n, one in enumerate(first)]
    moved = tier_of(retiered(fallen, most))
    assert moved["S0099"] is Tier.T2
    assert moved["S0100"] is Tier.T0


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(amounts, amounts, st.sampled_from(list(Tier)), st.booleans(), st.booleans()), max_size=80
    )
)
def test_whatever_comes_no_tier_is_too_large_and_a_second_time_changes_nothing(
    rows: list[tuple[float | None, float | None, Tier, bool, bool]],
) -> None:
    members = [
        replace(member(number, volume, worth), tier=tier, pinned=pinned, active=active)
        for number, (volume, worth, tier, pinned, active) in enumerate(rows)
    ]
    found = retiered(members, MOST)
    assert [one.symbol for one in found] == [one.symbol for one in members]
    for before, after in zip(members, found, strict=True):
        assert after == before or not (before.pinned or not before.active)
    for tier in (Tier.T0, Tier.T1):
        free = sum(one.tier is tier and one.active and not one.pinned for one in found)
        held = sum(one.tier is tier and one.active and one.pinned for one in found)
        assert free <= max(0, MOST[tier] - held)
    assert retiered(found, MOST) == found
