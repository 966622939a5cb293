"""The providers as a configuration names them, without any that is asked."""

from collections.abc import Callable

from market_data.providers import discover
from market_data.route.account import accounts
from market_data.route.roster import Roster
from market_data.settings import InForce, read


def roster(now: Callable[[], float] | float, **settings: str) -> Roster:
    """A roster at a moment, or with a clock."""
    configuration, providers = read(settings, dotenv=None), discover()
    clock = now if callable(now) else lambda: float(now)
    return Roster(providers, accounts(configuration, providers), InForce(configuration), clock)
