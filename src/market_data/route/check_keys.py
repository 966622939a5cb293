"""Asks the providers with a key a small question after a reload: a wrong key shows at once, at any hour.

Without it a key that was revoked while the markets are closed looks well until somebody needs it.
"""

from collections.abc import Collection
from contextlib import suppress

from market_data.errors import ProviderFault, StoreUnavailable
from market_data.loops import task_group
from market_data.market.capability import Capability
from market_data.route.breaker import State
from market_data.route.call import NoRoom, OutOfTime
from market_data.route.probe import probe
from market_data.route.roster import Roster
from market_data.route.router import OnTrial, Router

CHECK_SECONDS = 5.0
"""How long the questions to one provider may take together: the caller of the reload waits for them."""

_CHEAPEST = (Capability.QUOTES_L1, Capability.EOD, Capability.BARS_1M)


async def check_keys(router: Router, changed: Collection[str]) -> None:
    """Ask providers with a key, so that their health shows what they answer.

    Asked are those whose account has `changed`, those that are out, and those of which nothing is known:
    traffic shows the health of the others. One that was out is asked until its breaker closes, at most
    BREAKER_PROMOTE_MIN_SAMPLES times. Every question counts in its budget; where that has no room, or where
    its trial is under way, it is left to the traffic.
    """
    names = [name for name in router.roster.providers if _due(router.roster, name, changed)]
    async with task_group() as group:
        for name in names:
            group.create_task(_check(router, name))


def _due(roster: Roster, name: str, changed: Collection[str]) -> bool:
    if roster.disabled(name) or not roster.accounts[name].key:
        return False
    standing, now = roster.standings[name], roster.now()
    known = any(track.health.samples(now) for track in standing.tracks.values())
    return name in changed or not known or standing.state(now) is not State.CLOSED


async def _check(router: Router, name: str) -> None:
    roster = router.roster
    reaches, standing = roster.providers[name].facts.reach, roster.standings[name]
    offered = [capability for capability in _CHEAPEST if capability in reaches]
    capability = next((one for one in offered if not reaches[one].premium), offered[0])
    deadline = roster.now() + CHECK_SECONDS
    # the caller has noted what it came to: a fault is the answer that is looked for
    with suppress(ProviderFault, NoRoom, OutOfTime, OnTrial, StoreUnavailable):
        for _ in range(roster.settings.breaker_promote_min_samples):
            question = probe(capability, reaches[capability], roster.now())
            with router.trial(name, capability):
                await router.caller.ask(name, question, deadline, {})
            if standing.state_of(capability, roster.now()) is State.CLOSED:
                return
