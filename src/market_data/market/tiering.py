"""Computes tiers from how much of an instrument is traded and how large it is."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from market_data.market.instrument import Tier
from market_data.market.member import Member

BAND = 0.10
"""Share of a tier's size by which a rank must pass its border before the instrument moves: else those at the
border would change tiers with every import."""


def retiered(members: Iterable[Member], most: Mapping[Tier, int]) -> list[Member]:
    """The members, each in the tier of its rank; pinned ones stay, and take their place in the tier's number.

    The rank is by the mean of two shares: of members with a smaller `adv_21d`, and of those with a smaller
    `mkt_cap`; where one of them is not known, by the other; where neither is, behind all others. `most`
    gives the size of T0 and of T1; what does not fit, and what is not active, is in T2. A member that is in
    a tier stays while its rank is within `BAND` beyond the border; one from below must be within the border
    by as much.
    """
    every = list(members)
    free = _ranked([one for one in every if one.active and not one.pinned])
    tiers: dict[str, Tier] = {}
    passed = 0  # places of the tiers above: the border of a tier is a rank among all
    for tier in (Tier.T0, Tier.T1):
        pinned = sum(one.pinned and one.active and one.tier is tier for one in every)
        size = max(0, most.get(tier, 0) - pinned)
        left = [(rank, one) for rank, one in enumerate(free) if one.symbol not in tiers]
        for one in _chosen(left, tier, size, border=passed + size):
            tiers[one.symbol] = tier
        passed += size
    return [
        one if one.pinned or not one.active else replace(one, tier=tiers.get(one.symbol, Tier.T2))
        for one in every
    ]


def _chosen(left: list[tuple[int, Member]], tier: Tier, size: int, border: int) -> list[Member]:
    """The members of one tier: `size` of those that are left, by rank, those who hold the place first."""
    band = BAND * size
    sure = [one for rank, one in left if rank < border + (band if one.tier <= tier else -band)]
    names = {one.symbol for one in sure}
    others = [one for _, one in left if one.symbol not in names]
    return [*sure, *others][:size]


def _ranked(members: list[Member]) -> list[Member]:
    volume = _shares({one.symbol: one.adv_21d for one in members})
    worth = _shares({one.symbol: one.mkt_cap for one in members})

    def key(one: Member) -> tuple[float, str]:
        known = [share[one.symbol] for share in (volume, worth) if one.symbol in share]
        return (-sum(known) / len(known) if known else 1.0, one.symbol)

    return sorted(members, key=key)


def _shares(values: Mapping[str, float | None]) -> dict[str, float]:
    """For each known value, the share of the known ones that are smaller."""
    known = sorted((value, name) for name, value in values.items() if value is not None)
    shares: dict[str, float] = {}
    for place, (value, name) in enumerate(known):
        equal_before = place > 0 and known[place - 1][0] == value
        shares[name] = shares[known[place - 1][1]] if equal_before else place / len(known)
    return shares
